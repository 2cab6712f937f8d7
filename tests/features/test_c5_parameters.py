"""What is particular to C5: its parameters, its two assets, and levels of another kind of underlying."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.features.c5_atr_ema_cpr.component import AtrEmaCpr
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.context import daily_context
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import Run, run_components
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import ORDINARY_WINDOW, Session
from mr_platform.parameters.atr_ema_cpr import PIVOT_METHODS, AtrEmaCprParameters
from mr_platform.parameters.common import CentralPivotRange
from mr_platform.parameters.objects import defaults
from tests.features.conftest import MONDAY, STEP, core_table

PARTS = ("values", "score", "confidence", "health")
NAMES = [spec.name for spec in AtrEmaCpr().features]


@dataclass
class Sessions:
    """Consecutive sessions: their chains, and the context that each leaves with the memory of C5 in it."""

    chains: list[OptionChainDay] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    contexts: list[DailyContext] = field(default_factory=list)

    def previous(self, i: int) -> DailyContext | None:
        return self.contexts[i - 1] if i else None


def index_days(scale: float) -> pa.Table:
    """core/daily_bars of the 560 weekdays before the first session, ending near the level of its future."""
    rng = np.random.default_rng(11)
    days = [MONDAY - timedelta(days=i) for i in range(1, 785) if (MONDAY - timedelta(days=i)).weekday() < 5][::-1]
    close = 18_000 - np.cumsum(rng.normal(0, 130, len(days))[::-1])[::-1]
    open_ = close + rng.normal(0, 60, len(days))
    reach = rng.gamma(4, 20, (2, len(days)))
    columns = {
        "trade_date": pa.array(days, pa.date32()),
        "open": open_,
        "high": np.maximum(open_, close) + reach[0],
        "low": np.minimum(open_, close) - reach[1],
        "close": close,
    }
    return pa.table({name: one if name == "trade_date" else one * scale for name, one in columns.items()})


def build(days: int, *, scale: float = 1.0, kind: str = "future") -> Sessions:
    made = Sessions()
    for i in range(days):
        session = Session(MONDAY + timedelta(days=i + 2 * (i // 5)), "ordinary", (ORDINARY_WINDOW,))
        core = core_table(session.trade_date, seed=i, scale=scale, kind=kind, dte=(9 - i) % 7)
        chain = OptionChainDay.from_core(core, session, strike_step=STEP * scale)
        run = run_components({"c5": AtrEmaCpr()}, chain, previous=made.previous(i))
        context = daily_context(chain, made.previous(i), index_days(scale))
        made.chains.append(chain)
        made.runs.append(run)
        made.contexts.append(replace(context, memory={**context.memory, **run.memory()}))
    return made


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    """Nine sessions: the first two days to expiry come back in the second week."""
    return build(9)


# With these, histories of so few sessions decide.
SETTINGS = replace(
    defaults(AtrEmaCprParameters),
    history=replace(defaults(AtrEmaCprParameters).history, day_least_sessions=1, range_least_sessions=2),
)
# Another value of each parameter that some session of the fixture tells from the declared one.
OTHERS: dict[str, object] = {
    "asset_weights": (0.5, 0.5),
    "agreement": 1.1,
    "conflict": 0.9,
    "part_weights": (0.5, 0.25, 0.25),
    "timeframes": (4, 12),
    "level_cuts": (0.1, 0.2, 0.5, 0.8, 0.95),
    "session_least": 60,
    "track_momentum": False,
    "momentum_bars": 9,
    "rising": 1.2,
    "falling": 0.8,
    "detect_squeeze": False,
    "squeeze_percentile": 0.5,
    "squeeze_bars": 15,
    "expansion": 1.5,
    "contraction": 0.5,
    "ema_spans": (10, 25, 60, 120),
    "daily_ema_spans": (10, 25, 60, 120),
    "weekly_ema_spans": (5, 15, 40),
    "monthly_ema_spans": (3, 8, 16),
    "decay_floor_hours": 24.0,
    "slope_bars": 9,
    "convergence": 0.03,
    "correlation_bars": (15, 40),
    "channel_bars": 12,
    "fibonacci_ratios": (0.3, 0.5, 0.9),
    "camarilla_factor": 1.3,
    "camarilla_divisors": (10.0, 5.0, 3.0, 1.5),
    "methods_used": {name: name != "woodie" for name in PIVOT_METHODS},
    "method_weights": dict.fromkeys(PIVOT_METHODS, 0.2),
    "touch_bars": 5,
    "touch_prior": 1.0,
    "touch_half_life": 1.0,
    "cpr_wide_percent": 2.0,
    "breakout_bars": 5,
    "virgin_sessions": 2,
    "cpr": {"narrow_percent": 0.2},
    "windows.coverage": 0.5,
    "memory.atr_period": 10,
    "memory.atr_longer_spans": (30, 40),
    "history.range_bounds": (3, 30),
    "history.day_sessions": 3,
    "history.range_sessions": (2, 756, 504),
    "history.day_observations": 100,
    "history.day_least_sessions": 2,
    "history.range_observations": 200,
    "history.range_least_sessions": 4,
}


def start_of(sessions: Sessions, i: int) -> SessionStart:
    inputs = sessions.runs[i].inputs
    return SessionStart(
        inputs.trade_date, 375, int(inputs.dte[0]), inputs.underlying_kind, sessions.previous(i), symbol="NIFTY"
    )


def computed(
    sessions: Sessions, i: int, cuts: list[int], *, engine: str = "cpu", inputs: SessionInputs | None = None
) -> ComponentOutput:
    """Session ``i`` computed in consecutive calls that end at ``cuts``."""
    component = AtrEmaCpr(engine=engine)
    state = component.begin(start_of(sessions, i))
    out = ComponentOutput.empty(cuts[-1], len(NAMES))
    for start, stop in zip([0, *cuts[:-1]], cuts, strict=True):
        component.compute(inputs or sessions.runs[i].inputs, out, start, stop, state)
    return out


def assert_same_bits(one: ComponentOutput, other: ComponentOutput) -> None:
    for name in PARTS:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


def test_swapping_calls_and_puts_changes_no_feature_of_a_straddle_beside_a_future(sessions: Sessions) -> None:
    inputs = sessions.runs[1].inputs
    legs = [0, 1, 2, 6, 7, 8, 3, 4, 5]
    swapped = replace(inputs, bars=inputs.bars[:, legs], held=inputs.held[:, legs])
    assert_same_bits(computed(sessions, 1, [375], inputs=swapped), sessions.runs[1].outputs["c5"])


def test_a_missing_straddle_bar_leaves_the_underlying_alone(sessions: Sessions) -> None:
    inputs = sessions.runs[1].inputs
    bars = inputs.bars.copy()
    bars[100:110] = np.nan
    holed = computed(sessions, 1, [375], inputs=replace(inputs, bars=bars)).values
    whole = sessions.runs[1].outputs["c5"].values
    own = [i for i, name in enumerate(NAMES) if "underlying" in name or name.startswith("c5_cpr")]
    assert np.array_equal(holed[:, own], whole[:, own], equal_nan=True)
    straddle = [i for i, name in enumerate(NAMES) if "straddle" in name]
    assert np.isnan(holed[100:110, straddle]).all()


def test_recursions_run_on_across_sessions(sessions: Sessions) -> None:
    values = dict(zip(NAMES, sessions.runs[1].outputs["c5"].values.T, strict=True))
    for name in ("c5_ema_ratio_underlying_200", "c5_atr_ratio_straddle_14_50", "c5_dual_asset_scaling_underlying"):
        assert np.isfinite(values[name][2]), name


def test_nothing_of_another_kind_of_underlying_is_compared(sessions: Sessions) -> None:
    spot = build(1, kind="spot")
    run = run_components({"c5": AtrEmaCpr()}, sessions.chains[1], previous=spot.contexts[0])
    values = dict(zip(NAMES, run.outputs["c5"].values.T, strict=True))
    for name in ("c5_cpr_nearest_classic", "c5_ema_stretch_daily_20", "c5_atr_percentile_underlying_range"):
        assert np.isnan(values[name]).all(), name
    assert np.isnan(values["c5_ema_ratio_underlying_200"][:199]).all()
    assert np.isfinite(values["c5_ema_stretch_straddle_200"][:10]).any()
    assert "c5_history_spot_seen" in run.memory() and "c5_history_future_seen" in run.memory()


def test_flat_bars_of_a_spot_have_the_true_range_of_their_closes() -> None:
    spot = build(1, kind="spot")
    inputs = spot.runs[0].inputs
    close = inputs.underlying[:, 3]
    ranges = np.abs(np.diff(close[np.isfinite(close)], prepend=close[np.isfinite(close)][0]))
    expected = ranges[0]
    for n, one in enumerate(ranges[1:], start=2):
        expected += (one - expected) / min(n, 14)
    found = spot.runs[0].outputs["c5"].values[-1, NAMES.index("c5_atr_percent_underlying_14")]
    assert found == pytest.approx(expected / close[-1])


def columns(sessions: Sessions, settings: AtrEmaCprParameters) -> dict[str, bytes]:
    """Every column over all sessions, each session remembering what the one before left under these settings."""
    component = AtrEmaCpr(settings)
    memory: dict[str, np.ndarray] = {}
    parts = []
    for i, run in enumerate(sessions.runs):
        before = sessions.previous(i)
        start = replace(start_of(sessions, i), previous=None if before is None else replace(before, memory=memory))
        inputs, state = run.inputs, component.begin(start)
        if i == 4:
            # premium without a price for a while: one asset must speak alone
            bars = inputs.bars.copy()
            bars[40:60] = np.nan
            inputs = replace(inputs, bars=bars)
        out = ComponentOutput.empty(375, len(NAMES))
        component.compute(inputs, out, 0, 375, state)
        memory = dict(component.leave(inputs, out, state))
        parts.append(out.values)
    return {name: column.tobytes() for name, column in zip(NAMES, np.vstack(parts).T.copy(), strict=True)}


@pytest.fixture(scope="module")
def unchanged(sessions: Sessions) -> dict[str, bytes]:
    return columns(sessions, SETTINGS)


@pytest.mark.parametrize("path", OTHERS)
def test_a_parameter_changes_the_features_that_declare_it_and_nothing_else(
    path: str, sessions: Sessions, unchanged: dict[str, bytes]
) -> None:
    owner, _, name = path.partition(".")
    value = OTHERS[path]
    if name or isinstance(getattr(SETTINGS, owner), CentralPivotRange):
        held = {name: value} if name else value
        value = replace(getattr(SETTINGS, owner), **held)  # type: ignore[arg-type]
    after = columns(sessions, replace(SETTINGS, **{owner: value}))
    declared = {spec.name for spec in AtrEmaCpr().features if {path, owner} & set(spec.parameters)}
    assert {name for name in NAMES if after[name] != unchanged[name]} == declared


def test_every_parameter_of_the_component_is_held_to_what_it_steers() -> None:
    named = {path.partition(".")[0] for path in OTHERS}
    assert named == {one.name for one in fields(AtrEmaCprParameters)}
    declared = {name for spec in AtrEmaCpr().features for name in spec.parameters}
    assert declared == set(OTHERS)
