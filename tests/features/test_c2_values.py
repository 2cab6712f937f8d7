"""C2 on a chain small enough to work out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from mr_platform.features.c2_greeks_sentiment.component import GreeksSentiment
from mr_platform.features.c2_greeks_sentiment.legs import known, leg_weight
from mr_platform.features.c2_greeks_sentiment.statistics import level_of
from mr_platform.features.component import HEALTH, ComponentOutput, SessionStart
from mr_platform.features.inputs import GREEKS, SessionInputs
from mr_platform.kernels.reference.black76 import greeks as black76_greeks
from mr_platform.parameters.greeks_sentiment import LEVELS, GreeksSentimentParameters
from mr_platform.parameters.objects import defaults

TUESDAY = date(2022, 11, 15)
STRIKES = np.arange(19_650.0, 20_351.0, 50.0)
FORWARD = 20_000.0
CALL, PUT = 0, 1
ATM = 7
TANH = 0.7615941559557649  # tanh(1): an exposure of its usual size

# Each leg alike at every strike: powers of two, so that rounding to 16 bits leaves them as they are.
LEG = {
    "delta": (0.5, -0.5),
    "gamma": (2**-10, 2**-10),
    "theta": (-8.0, -8.0),
    "vega": (6.0, 6.0),
    "vanna": (2**-7, 2**-7),
    "charm": (-(2**-5), -(2**-5)),
    "volga": (0.25, 0.25),
}


def chain(minutes: int, *, dte: int = 2, volume: tuple[float, float] = (500, 250)) -> SessionInputs:
    """15 strikes around 20,000. Contracts traded 500 and 250, held 5,000 and 10,000; a symbol without a lot."""
    shape = (minutes, STRIKES.size, 2)
    around = np.full((minutes, 31), -1, np.int64)
    around[:, 8:23] = np.arange(STRIKES.size)
    volatility = np.full((minutes, 3, STRIKES.size, 2), np.nan)
    volatility[:, 0] = 0.125
    bars = np.full((minutes, 9, 5), np.nan)
    bars[:, 3:, 3] = 100.0
    held = np.full((minutes, 9, 5), np.nan)
    held[1:, 3:] = 100.0
    return SessionInputs(
        trade_date=TUESDAY,
        minutes=np.arange(555, 555 + minutes),
        n_bars=375,
        underlying_kind="spot",
        bars=bars,
        held=held,
        underlying=np.full((minutes, 5), FORWARD),
        dte=np.full(minutes, dte),
        expiry=np.zeros(minutes, np.int64),
        strikes=np.tile([7, 6, 8], (minutes, 1)),
        forward=np.full(minutes, FORWARD),
        strikes_listed=STRIKES,
        chain_volume=np.broadcast_to(np.array(volume, float), shape).copy(),
        chain_oi=np.broadcast_to(np.array([5_000.0, 10_000.0]), shape).copy(),
        around=around,
        steps=np.full(minutes, 50.0),
        forwards=np.full((minutes, 3), FORWARD),
        years=np.full((minutes, 3), dte / 365),
        volatility=volatility,
        **{name: np.broadcast_to(np.array(pair, float), shape).copy() for name, pair in LEG.items()},
    )


def computed(
    inputs: SessionInputs, engine: str = "cpu", settings: GreeksSentimentParameters | None = None
) -> tuple[dict[str, np.ndarray], ComponentOutput]:
    """Every column by its short name, and the output itself."""
    component = GreeksSentiment(settings or defaults(GreeksSentimentParameters), engine)
    m = inputs.minutes.size
    out = ComponentOutput.empty(m, 98)
    state = component.begin(SessionStart(TUESDAY, inputs.n_bars, int(inputs.dte[0]), "spot"))
    component.compute(inputs, out, 0, m, state)
    names = [spec.name.removeprefix("c2_") for spec in component.features]
    return dict(zip(names, out.values.T, strict=True)), out


ENGINES = pytest.mark.parametrize("engine", ["cpu", "reference"])
# Weights of the legs: call .6 500/1000 + .4 5000/10000 = .5, put .6 250/1000 + .4 10000/10000 = .55.
# Gamma for 1 % of the forward 2^-10 * 200 = .1953125; theta 8/20000 = 4 basis points, vega 3, volga .125.
LITERAL = {
    "first_order_delta_ce": 15 * 0.5 * 0.5,
    "first_order_delta_pe": -15 * 0.55 * 0.5,
    "first_order_gamma_ce": 15 * 0.5 * 0.1953125,
    "first_order_gamma_pe": 15 * 0.55 * 0.1953125,
    "first_order_theta_ce": -15 * 0.5 * 4.0,
    "first_order_theta_pe": -15 * 0.55 * 4.0,
    "first_order_vega_ce": 15 * 0.5 * 3.0,
    "first_order_vega_pe": 15 * 0.55 * 3.0,
    # calls .5, puts .55: -.05 of 1.05
    "first_order_imbalance_delta": -1 / 21,
    "first_order_imbalance_theta": -1 / 21,
    "first_order_gamma_centre": 0.0,
    "first_order_gamma_concentration": 3 / 15,
    # sqrt(2 * 8 / 2^-10) = 128 points of 20,000
    "first_order_breakeven_move": 0.64,
    "second_order_vanna_pe": 15 * 0.55 * 2**-7,
    "second_order_charm_ce": -15 * 0.5 * 2**-5,
    "second_order_volga_ce": 15 * 0.5 * 0.125,
    # a leg's own ratios, alike everywhere: charm / |delta|, vanna / |delta|, volga / vega
    "second_order_charm_drift": -(2**-5) / 0.5,
    "second_order_vanna_drift": 2**-7 / 0.5,
    "second_order_convexity": 0.125 / 3.0,
    "second_order_imbalance_volga": -1 / 21,
    # seven calls above the forward against seven puts below it
    "second_order_imbalance_wings": -1 / 21,
    # theta 8 on each leg over premium 100 on each leg
    "dte_decay_rate": 0.08,
    "dte_gamma_gap": 0.0,
    "sentiment_volume_ratio": math.log(375 / 1000),
    "sentiment_oi_ratio": math.log(7_500 / 10_000),
    # a symbol without a row of its own counts as a stock: 3,000 contracts are a large flow
    "sentiment_flow_size": math.log(500 / 3_000),
}


@ENGINES
def test_exposures_of_a_small_chain(engine: str) -> None:
    columns, _ = computed(chain(1), engine)
    for name, value in LITERAL.items():
        assert columns[name][0] == pytest.approx(value, rel=1e-12, abs=1e-15), name


@ENGINES
def test_scores_of_a_small_chain(engine: str) -> None:
    columns, out = computed(chain(20), engine)
    found = {name: column[-1] for name, column in columns.items()}
    # unchanged exposures are of their usual size; puts weigh more than calls, so what calls less puts says is bearish
    for greek in ("delta", "gamma", "theta", "vega"):
        assert found[f"first_order_{greek}_atm"] == pytest.approx(-TANH)
    assert [found[f"second_order_{greek}_otm1"] for greek in ("vanna", "charm", "volga")] == pytest.approx(
        [TANH, -TANH, -TANH]
    )
    # .70 of the first order, all -tanh 1; .30 (.7 - .6 - .5) / 1.8 tanh 1 of the second
    score = -0.7 * TANH + 0.3 * TANH * (-0.4 / 1.8)
    assert found["sentiment_score_atm"] == pytest.approx(score)
    assert out.score[-1] == pytest.approx(score) and out.score[-1] == pytest.approx(-0.58388885, abs=1e-8)
    # straddles agree; 375 of 1,000 contracts traded and 7,500 of 10,000 held
    sure = 0.5 + 0.3 * 0.375 + 0.2 * 0.75
    assert out.confidence[-1] == pytest.approx(sure) == pytest.approx(0.7625)
    assert HEALTH[out.health[-1]] == "degraded"
    assert found["sentiment_level"] == -3.0 and found["sentiment_level_age"] == 6.0
    assert found["sentiment_cut_distance"] == pytest.approx(score + 0.45)
    assert found["sentiment_agreement"] == pytest.approx(1.0)
    # against the score stands vanna alone: .3 * .7 / 1.8 of the weight
    assert found["sentiment_greek_agreement"] == pytest.approx(1 - 0.3 * 0.7 / 1.8)
    # |score| under the cap of .9, times 1.5 to three days before expiry
    assert found["dte_transition_probability"] == pytest.approx(-score * sure * 1.5)


@ENGINES
def test_the_score_adjusted_to_two_days_before_expiry(engine: str) -> None:
    columns, _ = computed(chain(20), engine)
    # weight times multiplier at 2 days: delta .7, gamma 1.5 * 2, theta .8 * 1.5, vega 1.2 * .5; vanna .7 * 1.8,
    # charm .6 * 2, volga .5 * .4
    first, second = 0.7 + 3.0 + 1.2 + 0.6, 1.26 + 1.2 + 0.2
    parts = {
        "delta": -0.7 * 0.7 / first,
        "gamma": -0.7 * 3.0 / first,
        "theta": -0.7 * 1.2 / first,
        "vega": -0.7 * 0.6 / first,
        "vanna": 0.3 * 1.26 / second,
        "charm": -0.3 * 1.2 / second,
        "volga": -0.3 * 0.2 / second,
    }
    for greek, part in parts.items():
        assert columns[f"dte_contribution_{greek}"][-1] == pytest.approx(part * TANH), greek
    assert columns["dte_score"][-1] == pytest.approx(sum(parts.values()) * TANH)
    sizes = [abs(part) for part in parts.values()]
    assert columns["dte_concentration"][-1] == pytest.approx(max(sizes) / sum(sizes))
    assert columns["dte_conflict"][-1] == pytest.approx(1 - abs(sum(parts.values())) / sum(sizes))


@ENGINES
def test_swapping_what_was_traded_and_held_turns_the_tilts_and_leaves_the_rest(engine: str) -> None:
    there = chain(20)
    # delta as well, so that the put becomes the call's mirror image
    swapped = replace(
        there,
        chain_volume=there.chain_volume[..., ::-1].copy(),
        chain_oi=there.chain_oi[..., ::-1].copy(),
        bars=there.bars,
    )
    one, other = computed(there, engine)[0], computed(swapped, engine)[0]
    mirrored = [f"first_order_imbalance_{greek}" for greek in ("delta", "gamma", "theta", "vega")]
    mirrored += [f"first_order_{greek}_{a}" for greek in ("delta", "gamma", "theta", "vega") for a in ("atm", "itm1")]
    mirrored += ["second_order_imbalance_volga", "second_order_volga_atm"]
    for name in mirrored:
        assert other[name][-1] == pytest.approx(-one[name][-1], rel=1e-12) and one[name][-1] != 0, name
    for name in ("first_order_breakeven_move", "second_order_vanna_drift", "second_order_charm_atm"):
        assert other[name][-1] == pytest.approx(one[name][-1], rel=1e-12), name
    assert other["first_order_gamma_ce"][-1] == one["first_order_gamma_pe"][-1]


@ENGINES
def test_a_velocity_holds_the_weights_and_a_shift_lets_them_go(engine: str) -> None:
    there = chain(16)
    there.gamma[10:] *= 1.25
    there.chain_volume[15] = 500.0
    columns, _ = computed(there, engine)
    # gamma a quarter up, whatever traded
    assert columns["first_order_velocity_gamma_5"][14] == pytest.approx(0.25)
    assert columns["first_order_velocity_gamma_5"][15] == pytest.approx(0.0, abs=1e-15)
    assert columns["first_order_velocity_theta_5"][14] == 0.0
    # the put's weight rises from .55 to .6 * .5 + .4 = .7: the imbalance goes from -1/21 to -1/6
    assert columns["first_order_shift_vega_15"][15] == pytest.approx(-1 / 6 + 1 / 21)
    assert np.isnan(columns["first_order_shift_vega_15"][14])


@ENGINES
def test_another_expiry_is_not_compared(engine: str) -> None:
    there = chain(40)
    there.expiry[20:] = 1
    columns, _ = computed(there, engine)
    assert np.isnan(columns["first_order_velocity_vega_5"][20:25]).all()
    assert np.isfinite(columns["first_order_velocity_vega_5"][[19, 25]]).all()
    assert np.isnan(columns["first_order_shift_vega_15"][20:35]).all()
    assert np.isfinite(columns["first_order_shift_vega_15"][[19, 35]]).all()


@ENGINES
def test_pin_features_at_the_strike_with_most_open_interest(engine: str) -> None:
    there = chain(1)
    # 15,000 contracts a strike, 25,000 at 20,050, whose put then weighs .6 * .25 + .4 * 1.5 = .75
    there.chain_oi[0, ATM + 1, PUT] = 20_000.0
    columns, _ = computed(there, engine)
    width = FORWARD * 0.125 * math.sqrt(2 / 365)
    distance = -50 / width
    total = 14 * 1.05 + 1.25
    assert columns["dte_pin_distance"][0] == pytest.approx(distance) == pytest.approx(-0.27018512)
    assert columns["dte_pin_oi_share"][0] == pytest.approx(25_000 / 235_000)
    assert columns["dte_pin_gamma_share"][0] == pytest.approx(1.25 / total)
    near = (2 * 1.05 + 1.25) / total
    # the multiplier is 3 to three days before expiry; two days are left
    assert columns["dte_pin_risk"][0] == pytest.approx(3 * near * math.exp(-(distance**2) / 2) / 3)
    # the heavier put at +1 step moves gamma's mean strike up: 50 * .2 / 15.95 points of both sides, in steps
    assert columns["first_order_gamma_centre"][0] == pytest.approx(0.2 / total)
    assert columns["dte_gamma_gap"][0] == pytest.approx(-50 * 0.2 / (14 * 0.55 + 0.75) / width)


@pytest.mark.parametrize(("dte", "pin"), [(0, 3.0), (3, 3.0), (4, 1.0), (15, 1.0), (16, 0.3), (40, 0.3)])
def test_pin_risk_fades_with_the_days_to_expiry(dte: int, pin: float) -> None:
    there = replace(chain(1, dte=dte), years=np.full((1, 3), 2 / 365))
    there.chain_oi[0, ATM, PUT] = 20_000.0
    columns, _ = computed(there)
    # at the money: nothing but the multiplier, gamma's share near the money and the two days left
    assert columns["dte_pin_risk"][0] == pytest.approx(pin * (2 * 1.05 + 1.25) / (14 * 1.05 + 1.25) / 3)


@pytest.mark.parametrize(("dte", "multiplier"), [(0, 1.5), (3, 1.5), (4, 1.2), (7, 1.2), (8, 1.0)])
def test_a_transition_is_likelier_near_expiry(dte: int, multiplier: float) -> None:
    columns, out = computed(chain(16, dte=dte))
    expected = abs(out.score[-1]) * out.confidence[-1] * multiplier
    assert columns["dte_transition_probability"][-1] == pytest.approx(expected)


@ENGINES
def test_flows_are_signed_by_what_delta_does_not_explain(engine: str) -> None:
    there = chain(6)
    # each minute the forward gains 4, the calls 4 (delta explains 2) and the puts lose 1 (delta explains 2)
    there.forward[:] += 4.0 * np.arange(6)
    there.bars[:, 3:6, 3] = 104.0
    there.bars[:, 6:9, 3] = 99.0
    columns, _ = computed(there, engine)
    # all legs are in demand: 500 contracts of delta .5 against 250 of -.5
    assert np.isnan(columns["sentiment_delta_flow_5"][3])
    assert columns["sentiment_delta_flow_5"][4] == pytest.approx(250 / 750)
    assert columns["sentiment_vega_flow_5"][5] == pytest.approx(1.0)
    there.bars[:, 6:9, 3] = 97.0
    columns, _ = computed(there, engine)
    # puts are given away now: vega 6 * (500 - 250) over 6 * 750
    assert columns["sentiment_delta_flow_5"][5] == pytest.approx(1.0)
    assert columns["sentiment_vega_flow_5"][5] == pytest.approx(1 / 3)


@ENGINES
def test_gamma_earns_what_theta_takes_at_the_implied_move(engine: str) -> None:
    there = chain(16)
    # 1/2 2^-10 dF^2 = 8 / 1440 a minute: dF = sqrt(16 * 1024 / 1440)
    move = math.sqrt(16 * 1024 / 1440)
    there.forward[1::2] += move
    columns, _ = computed(there, engine)
    known = columns["dte_gamma_gain_15"][14::2]
    assert known == pytest.approx(0.0, abs=1e-9)
    there.forward[:] = FORWARD + 2 * (there.forward - FORWARD)
    assert computed(there, engine)[0]["dte_gamma_gain_15"][14] == pytest.approx(math.log(4))


@ENGINES
def test_an_unknown_strike_stays_with_what_it_is_part_of(engine: str) -> None:
    there = chain(20)
    for name in GREEKS:
        getattr(there, name)[:, 0, CALL] = np.nan
    whole, holed = computed(chain(20), engine)[0], computed(there, engine)[0]
    assert holed["first_order_delta_ce"][-1] == pytest.approx(14 * 0.5 * 0.5)
    assert holed["first_order_delta_pe"][-1] == whole["first_order_delta_pe"][-1]
    for name in ("sentiment_score_atm", "sentiment_score_itm1", "dte_contribution_gamma", "first_order_theta_otm1"):
        assert holed[name][-1] == whole[name][-1]
    there.delta[:, ATM - 1, PUT] = np.nan
    holed, out = computed(there, engine)
    # the ITM1 straddle has no score; the overall one rests on the other two
    assert np.isnan(holed["sentiment_score_itm1"]).all()
    assert out.score[-1] == pytest.approx(
        (0.5 * holed["sentiment_score_atm"] + 0.25 * holed["sentiment_score_otm1"])[-1] / 0.75
    )
    assert HEALTH[out.health[-1]] == "degraded"


@ENGINES
def test_with_nine_legs_a_side_has_no_sum(engine: str) -> None:
    there = chain(1)
    there.chain_volume[:, :5, CALL] = np.nan
    assert computed(there, engine)[0]["first_order_vega_ce"][0] == pytest.approx(10 * 0.5 * 3.0)
    there.chain_volume[:, 5, CALL] = np.nan
    columns, _ = computed(there, engine)
    assert np.isnan(columns["first_order_vega_ce"][0]) and np.isnan(columns["first_order_imbalance_vega"][0])
    assert columns["first_order_vega_pe"][0] == pytest.approx(15 * 0.55 * 3.0)


@ENGINES
def test_a_difference_of_two_alike_legs_is_no_signal(engine: str) -> None:
    there = chain(20, volume=(4_000, 4_000))
    there.chain_oi[:] = 40_000.0
    there.gamma[..., CALL] *= 1 + 2**-15
    columns, _ = computed(there, engine)
    # both legs at their caps weigh 1.8; the difference is 2^-15 of one, the scale at least 1 % of both
    assert columns["first_order_gamma_atm"][-1] == pytest.approx(math.tanh(2**-15 / (2 + 2**-15) / 0.01), rel=1e-12)
    assert columns["first_order_vega_atm"][-1] == 0.0


@ENGINES
def test_change_of_gamma_is_what_moving_its_cause_by_a_little_gives(engine: str) -> None:
    sigma = np.round(0.125 + 0.01 * np.linspace(1, -1, STRIKES.size) ** 2, 3)[:, None] + np.array([0.0, 0.002])
    sigma = np.array([[known(x) for x in row] for row in sigma])
    years, leg = np.full((1, 3), 6 / 365), np.arange(2.0)

    def gamma(forward: float = FORWARD, vol: float = 0.0, days: float = 0.0) -> float:
        found = black76_greeks(np.array(forward), STRIKES[:, None], np.array((6 - days) / 365), sigma + vol, leg).gamma
        return float((np.array([0.5, 0.55]) * found).sum())

    exact = black76_greeks(np.array(FORWARD), STRIKES[:, None], years[0, 0], sigma, leg)
    there = replace(chain(1), years=years, **{name: getattr(exact, name)[None] for name in GREEKS})
    there.volatility[0, 0] = sigma
    columns, _ = computed(there, engine)
    h = 1e-4
    speed = (gamma(FORWARD * (1 + h)) - gamma(FORWARD * (1 - h))) / (2 * h) / 100 / gamma()
    zomma = (gamma(vol=h) - gamma(vol=-h)) / (2 * h) / 100 / gamma()
    color = (gamma(days=h) - gamma(days=-h)) / (2 * h) / gamma()
    # Greeks count to 16 bits
    assert columns["second_order_speed"][0] == pytest.approx(speed, rel=2e-4)
    assert columns["second_order_zomma"][0] == pytest.approx(zomma, rel=2e-4)
    assert columns["second_order_color"][0] == pytest.approx(color, rel=2e-4)


@pytest.mark.parametrize(
    ("volume", "oi", "weight"),
    [
        (500, 5_000, 0.5),
        (1_000, 10_000, 1.0),
        (2_000, 15_000, 1.8),
        (9_000, 90_000, 1.8),
        (0, 0, 0.0),
        (math.nan, 10_000, math.nan),
        (1_000, math.nan, math.nan),
    ],
)
def test_weight_of_a_leg(volume: float, oi: float, weight: float) -> None:
    day = GreeksSentiment().begin(SessionStart(TUESDAY, 375, 2, "spot")).day
    assert leg_weight(volume, oi, day) == pytest.approx(weight, nan_ok=True)


@pytest.mark.parametrize(
    ("score", "level"),
    [
        (-1.0, "strong_bearish"),
        (-0.45, "strong_bearish"),
        (-0.4499, "mild_bearish"),
        (-0.15, "mild_bearish"),
        (-0.1499, "sideways_to_bearish"),
        (-0.08, "sideways_to_bearish"),
        (-0.0799, "neutral"),
        (0.0, "neutral"),
        (0.0799, "neutral"),
        (0.08, "sideways_to_bullish"),
        (0.1499, "sideways_to_bullish"),
        (0.15, "mild_bullish"),
        (0.4499, "mild_bullish"),
        (0.45, "strong_bullish"),
        (1.0, "strong_bullish"),
    ],
)
def test_seven_levels(score: float, level: str) -> None:
    cuts = np.array(defaults(GreeksSentimentParameters).level_cuts)
    assert LEVELS[int(level_of(score, cuts)) + 3] == level


def test_contracts_are_counted_by_the_size_of_the_nearest_expiry() -> None:
    component = GreeksSentiment()
    # NIFTY 2022: 50 units; 2024-04-25 still 50, of the expiry of 2 May 25; no size known: units are contracts
    assert component.begin(SessionStart(TUESDAY, 375, 2, "spot", symbol="NIFTY")).day.lot == 50
    assert component.begin(SessionStart(date(2024, 4, 26), 375, 6, "spot", symbol="NIFTY")).day.lot == 25
    assert component.begin(SessionStart(TUESDAY, 375, 2, "spot", symbol="RELIANCE")).day.lot == 1


def test_gamma_weighs_a_half_more_than_delta() -> None:
    weights = GreeksSentiment().begin(SessionStart(TUESDAY, 375, 2, "spot")).day.weights
    assert weights.tolist() == [1.0, 1.5, 0.8, 1.2, 0.7, 0.6, 0.5]
