"""The validation rules of the option chain, and the pass that applies them to one symbol-day.

A bar that breaks an error rule is refused (the caller puts its raw rows into quarantine); a warning is counted and the
bar kept. No verdict on a bar looks at later bars of the day, so that a replay up to any minute keeps the same bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import polars as pl

from mr_platform.errors import DataError
from mr_platform.quality import bounds, partition

if TYPE_CHECKING:
    from mr_platform.market.instruments import Instrument
    from mr_platform.market.sessions import Session

Severity = Literal["error", "warn", "fail"]
Scope = Literal["bar", "strike", "partition"]
Status = Literal["ok", "empty", "failed"]


@dataclass(frozen=True)
class Rule:
    """One rule. ``severity``: error refuses the bar, warn keeps and counts, fail holds back the whole partition;
    ``scope`` is what its count counts."""

    code: str
    severity: Severity
    title: str
    description: str
    source: str
    scope: Scope = "bar"


_CHAIN = "option chain specification, section 4"
_BOUNDS = "static no-arbitrage bounds (Merton 1973; Hull, Options, Futures and Other Derivatives)"
_SESSIONS = "NSE trading calendar and special-session circulars"
_CONTRACTS = "NSE contract specifications, index options"

# Errors stand in the order in which they are tried: a refused bar carries the code of the first that it breaks.
RULES: tuple[Rule, ...] = (
    Rule("key_null", "error", "Key is null", "ts, expiry and strike are known.", _CHAIN),
    Rule(
        "ts_outside_session",
        "error",
        "Outside the session",
        "ts is the start of a minute inside the trading windows of the trade date.",
        _SESSIONS,
    ),
    Rule("expiry_past", "error", "Expired contract", "expiry is not before the trade date.", _CONTRACTS),
    Rule("strike_not_positive", "error", "Strike not positive", "strike is above zero.", _CONTRACTS),
    Rule(
        "strike_off_grid",
        "error",
        "Strike off the grid",
        "strike is a multiple of the instrument's step, or of the finer step that the chain itself shows.",
        _CONTRACTS,
    ),
    Rule("negative_value", "error", "Negative value", "prices, volume and open interest of a leg are >= 0.", _CHAIN),
    Rule("low_above_high", "error", "Low above high", "low <= high in each leg.", _CHAIN),
    Rule("close_outside_range", "error", "Close outside the range", "low <= close <= high in each leg.", _CHAIN),
    Rule("both_legs_empty", "error", "Both legs empty", "a leg has a price or open interest above zero.", _CHAIN),
    Rule("delta_out_of_range", "error", "Delta out of range", "|delta| <= 1.", "Black 1976"),
    Rule("gamma_negative", "error", "Gamma negative", "gamma >= 0.", "Black 1976"),
    Rule(
        "below_intrinsic",
        "error",
        "Price below intrinsic",
        "close >= intrinsic value at the same minute's forward, less 2 % of the forward and the carry to expiry.",
        _BOUNDS,
    ),
    Rule(
        "above_forward",
        "error",
        "Price above the bound",
        "a call is not above the forward nor a put above its strike by more than 2 % of the forward and the carry.",
        _BOUNDS,
    ),
    Rule(
        "key_duplicate",
        "error",
        "Duplicate key",
        "(ts, expiry, strike) occurs once; the first sound bar stays.",
        _CHAIN,
    ),
    Rule("iv_out_of_range", "warn", "IV out of range", "IV lies in [0.01, 3], else it is set null.", _CHAIN),
    Rule("price_zero", "warn", "Price of zero", "a price is above zero, else it is set null.", "NSE tick size 0.05"),
    Rule("spot_not_positive", "warn", "Spot not positive", "spot is above zero, else it is set null.", _CHAIN),
    Rule(
        "future_inconsistent",
        "warn",
        "Future inconsistent",
        "the future has positive prices with low <= close <= high, else its prices are set null.",
        _CHAIN,
    ),
    Rule(
        "parity_residual",
        "warn",
        "Put-call parity residual",
        "C - P stays within 5 robust deviations of D(F - K) for its minute and expiry.",
        "put-call parity (Stoll 1969)",
    ),
    Rule(
        "frozen_snapshot",
        "warn",
        "Frozen snapshot",
        "the whole chain does not repeat a state first reported three or more minutes before.",
        _CHAIN,
    ),
    Rule(
        "atm_strikes_missing",
        "warn",
        "Strikes near the money missing",
        "the strikes ATM-7 .. ATM+7 of the nearest expiry stand in each minute present.",
        _CHAIN,
        "strike",
    ),
    Rule(
        "strike_grid_finer",
        "warn",
        "Grid finer than the table",
        "the chain's strike step equals the instrument's; a finer one means the table is out of date.",
        _CONTRACTS,
        "partition",
    ),
    Rule(
        "coverage_low", "warn", "Coverage below 95 %", "95 % of the session's minutes have a bar.", _CHAIN, "partition"
    ),
    Rule(
        "coverage_failed",
        "fail",
        "Coverage below 50 %",
        "half of the session's minutes have a bar, else the partition fails.",
        _CHAIN,
        "partition",
    ),
    Rule(
        "row_count_drop",
        "fail",
        "Row count dropped",
        "bars are at least half of the median of the 20 sessions before, else the partition fails.",
        _CHAIN,
        "partition",
    ),
)
BAR_ERRORS: tuple[str, ...] = tuple(r.code for r in RULES if r.severity == "error")

IV_RANGE = (0.01, 3.0)
_DELTA_LIMIT = 1.0 + 1e-9
_SIDES = ("ce", "pe")
_PRICES = tuple(f"{side}_{field}" for side in _SIDES for field in ("open", "high", "low", "close"))
_AMOUNTS = tuple(f"{side}_{field}" for side in _SIDES for field in ("volume", "oi", "bid", "ask"))
_FUTURE = ("future_open", "future_high", "future_low", "future_close")
_KEY = ("ts", "expiry", "strike")
_NEEDED = (
    *("bar_row", *_KEY, "dte", "spot", "raw_rows", *_PRICES, *_AMOUNTS, *_FUTURE),
    *(f"{side}_{field}" for side in _SIDES for field in ("iv", "delta", "gamma")),
)


@dataclass(frozen=True)
class Validated:
    """What validation made of one symbol-day.

    ``core`` bars kept, sorted by (ts, expiry, strike), without ``bar_row``; ``refused`` one row per refused bar:
    bar_row, code, rule, severity, detail; ``counts`` by rule code, every rule present: bars refused under error rules
    (so they add up to ``refused``), bars, strikes or partitions warned about otherwise; ``coverage`` in [0, 1];
    ``warned`` kept bars with at least one parity or frozen warning; ``status`` "ok", "failed", or "empty" where no
    bar was kept though some were due, with its ``reason``.
    """

    core: pl.DataFrame
    refused: pl.DataFrame
    counts: dict[str, int]
    coverage: float
    warned: int
    status: Status
    reason: str


def rule(code: str) -> Rule:
    """The rule of a code; DataError names the codes that exist."""
    for entry in RULES:
        if entry.code == code:
            return entry
    raise DataError(
        rule="a rule code is known", value=code, place="quality rules", remedy=f"known: {[r.code for r in RULES]}"
    )


def rule_titles() -> dict[str, str]:
    """Short title of every rule by code."""
    return {entry.code: entry.title for entry in RULES}


def validate(
    bars: pl.DataFrame,
    *,
    session: Session,
    instrument: Instrument,
    trade_date: date,
    trailing_rows: Sequence[int] = (),
    expected_minutes: int | None = None,
) -> Validated:
    """Apply every rule to the bars of one symbol-day.

    ``bars`` has the columns of core/option_chain and ``bar_row``, any order of rows; NaN counts as null.
    ``trailing_rows`` are the bar counts of earlier sessions, oldest first. ``expected_minutes`` is the number of bars
    that could have closed by now in an open session (default: the whole session).
    """
    missing = [name for name in _NEEDED if name not in bars.columns]
    if missing:
        raise DataError(
            rule="bars to validate have the columns of core/option_chain and bar_row",
            value=f"missing {missing}",
            place=f"{instrument.symbol} {trade_date}",
            remedy="build the bars with schemas.tables",
        )
    due = session.n_bars if expected_minutes is None else max(0, min(expected_minutes, session.n_bars))
    frame, repairs = _repair(bars.sort(*_KEY, "bar_row", nulls_last=True))
    off_grid, finer = partition.strikes_off_grid(frame, instrument.strike_step)
    frame = frame.with_columns(_basic_masks(session, trade_date, pl.Series(off_grid)))
    basic = ~pl.any_horizontal(f"!{code}" for code in BAR_ERRORS[:11])
    levels = bounds.parity_levels(frame.filter(basic))
    frame = frame.join(levels, on=["ts", "expiry"], how="left", maintain_order="left").with_columns(
        bounds.below_intrinsic().alias("!below_intrinsic"), bounds.above_forward().alias("!above_forward")
    )
    frame = frame.with_columns(_first_broken(BAR_ERRORS[:13]).alias("!code"))
    frame = _mark_duplicates(frame)

    refused = _refusals(frame.filter(pl.col("!code").is_not_null()), trade_date)
    kept = frame.filter(pl.col("!code").is_null())
    frozen = partition.frozen_minutes(kept)
    kept = kept.with_columns(
        bounds.parity_outlier().alias("!parity"), pl.col("ts").is_in(frozen.implode()).alias("!frozen")
    )

    counts = {entry.code: 0 for entry in RULES}
    counts |= dict(refused.group_by("code").len().iter_rows())
    counts |= {code: int(kept[flag].sum()) for code, flag in repairs.items()}
    counts["parity_residual"] = int(kept["!parity"].sum())
    counts["frozen_snapshot"] = int(kept["!frozen"].sum())
    counts["atm_strikes_missing"] = partition.missing_strikes(kept, levels, instrument.strike_step)
    counts["strike_grid_finer"] = int(finer)
    covered = partition.coverage(kept, due)
    status, reason = _verdict(kept.height, covered, due, session, trailing_rows, counts)
    return Validated(
        core=kept.select(name for name in bars.columns if name != "bar_row"),
        refused=refused,
        counts=counts,
        coverage=covered,
        warned=int((kept["!parity"] | kept["!frozen"]).sum()),
        status=status,
        reason=reason,
    )


def _repair(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """Set impossible values null, leaving a flag column for each rule that did so."""
    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    frame = frame.with_columns(pl.col(floats).fill_nan(None))
    ivs = [f"{side}_iv" for side in _SIDES]
    low, high = IV_RANGE
    future_ok = (
        pl.all_horizontal((pl.col(name) > 0).fill_null(value=True) for name in _FUTURE)
        & (pl.col("future_low") <= pl.col("future_high")).fill_null(value=True)
        & pl.col("future_close").is_between("future_low", "future_high").fill_null(value=True)
    )
    spot_ok = (pl.col("spot") > 0).fill_null(value=True)
    return frame.with_columns(
        *(pl.when(pl.col(name).is_between(low, high)).then(pl.col(name)).alias(name) for name in ivs),
        *(pl.when(pl.col(name) != 0).then(pl.col(name)).alias(name) for name in _PRICES),
        *(pl.when(future_ok).then(pl.col(name)).alias(name) for name in _FUTURE),
        pl.when(spot_ok).then(pl.col("spot")).alias("spot"),
        pl.any_horizontal(~pl.col(name).is_between(low, high).fill_null(value=True) for name in ivs).alias("!iv"),
        pl.any_horizontal((pl.col(name) == 0).fill_null(value=False) for name in _PRICES).alias("!zero"),
        (~future_ok).alias("!future"),
        (~spot_ok).alias("!spot"),
    ), {
        "iv_out_of_range": "!iv",
        "price_zero": "!zero",
        "spot_not_positive": "!spot",
        "future_inconsistent": "!future",
    }


def _basic_masks(session: Session, trade_date: date, off_grid: pl.Series) -> list[pl.Expr]:
    minutes = pl.Series(session.bar_minutes, dtype=pl.Int32)
    in_session = (
        (pl.col("ts").dt.date() == trade_date)
        & partition.minute_of_day().is_in(minutes.implode())
        & (pl.col("ts").dt.truncate("1m") == pl.col("ts"))
    )

    def any_side(build: str, limit: float = 0.0) -> pl.Expr:
        low, high, close = ([pl.col(f"{s}_{f}") for s in _SIDES] for f in ("low", "high", "close"))
        broken = {
            "low_above_high": [a > b for a, b in zip(low, high, strict=True)],
            "close_outside": [(c < a) | (c > b) for a, b, c in zip(low, high, close, strict=True)],
            "delta": [pl.col(f"{s}_delta").abs() > limit for s in _SIDES],
            "gamma": [pl.col(f"{s}_gamma") < limit for s in _SIDES],
        }[build]
        return pl.any_horizontal(mask.fill_null(value=False) for mask in broken)

    something = pl.any_horizontal((pl.col(name) > 0).fill_null(value=False) for name in (*_PRICES, "ce_oi", "pe_oi"))
    masks = {
        "key_null": pl.any_horizontal(pl.col(name).is_null() for name in _KEY),
        "ts_outside_session": ~in_session.fill_null(value=True),
        "expiry_past": (pl.col("expiry") < trade_date).fill_null(value=False),
        "strike_not_positive": (pl.col("strike") <= 0).fill_null(value=False),
        "strike_off_grid": pl.lit(off_grid),
        "negative_value": pl.any_horizontal((pl.col(n) < 0).fill_null(value=False) for n in (*_PRICES, *_AMOUNTS)),
        "low_above_high": any_side("low_above_high"),
        "close_outside_range": any_side("close_outside"),
        "both_legs_empty": ~something,
        "delta_out_of_range": any_side("delta", _DELTA_LIMIT),
        "gamma_negative": any_side("gamma"),
    }
    return [mask.alias(f"!{code}") for code, mask in masks.items()]


def _first_broken(codes: Sequence[str]) -> pl.Expr:
    return pl.coalesce(pl.when(pl.col(f"!{code}")).then(pl.lit(code)) for code in codes)


def _mark_duplicates(frame: pl.DataFrame) -> pl.DataFrame:
    """Refuse bars that repeat the key of an earlier bar that is itself kept; rows come sorted by key, bar_row."""
    fresh = frame.filter(pl.col("!code").is_null()).select("bar_row", *_KEY)
    repeats = fresh.filter(pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in _KEY))["bar_row"]
    repeated = pl.col("bar_row").is_in(repeats.implode()) & pl.col("!code").is_null()
    return frame.with_columns(
        repeated.alias("!key_duplicate"),
        pl.when(repeated).then(pl.lit("key_duplicate")).otherwise(pl.col("!code")).alias("!code"),
    )


def _refusals(frame: pl.DataFrame, trade_date: date) -> pl.DataFrame:
    """One row per refused bar with the values that broke the rule, and the other rules that it breaks too."""
    legs = {
        "negative_value": (*_PRICES, *_AMOUNTS),
        "low_above_high": ("ce_low", "ce_high", "pe_low", "pe_high"),
        "close_outside_range": ("ce_low", "ce_close", "ce_high", "pe_low", "pe_close", "pe_high"),
        "both_legs_empty": ("ce_close", "ce_oi", "pe_close", "pe_oi"),
        "delta_out_of_range": ("ce_delta", "pe_delta"),
        "gamma_negative": ("ce_gamma", "pe_gamma"),
        "below_intrinsic": ("forward", "strike", "ce_close", "pe_close"),
        "above_forward": ("forward", "strike", "ce_close", "pe_close"),
        "expiry_past": ("expiry",),
        "ts_outside_session": ("ts",),
    }
    value = pl.lit("")
    for code, names in legs.items():
        shown = pl.concat_str((_said(name) for name in names), separator=" ", ignore_nulls=True)
        value = pl.when(pl.col("!code") == code).then(shown).otherwise(value)
    key = pl.concat_str((_said(name).fill_null(f"{name}=null") for name in _KEY), separator=" ")
    value = pl.when(value == "").then(key).otherwise(value)
    also = pl.concat_str(
        (pl.when(pl.col(f"!{c}") & (pl.col("!code") != c)).then(pl.lit(c)) for c in BAR_ERRORS),
        separator=", ",
        ignore_nulls=True,
    )
    titles = {entry.code: entry.description for entry in RULES}
    return frame.select(
        "bar_row",
        code=pl.col("!code").cast(pl.String),
        rule=pl.col("!code").cast(pl.String).replace_strict(titles, default="", return_dtype=pl.String),
        severity=pl.lit("error"),
        detail=pl.when(also == "").then(value).otherwise(pl.concat_str(value, pl.lit(" (also: "), also, pl.lit(")"))),
    ).sort("bar_row")


def _said(name: str) -> pl.Expr:
    """``name=value``, null where the value is."""
    # not pl.format: polars 2.1 panics in it on a frame of several chunks of which one is empty
    return pl.concat_str(pl.lit(f"{name}="), pl.col(name).cast(pl.String))


def _verdict(
    rows: int, covered: float, due: int, session: Session, trailing_rows: Sequence[int], counts: dict[str, int]
) -> tuple[Status, str]:
    """Fill in the partition's own counts and say whether it may be published."""
    reasons = []
    if covered < partition.COVERAGE_WARN:
        counts["coverage_low"] = 1
    if covered < partition.COVERAGE_FAIL:
        counts["coverage_failed"] = 1
        shown = (
            "no bar lies inside the session" if rows == 0 else f"bars in {covered:.1%} of {due} minutes, 50 % needed"
        )
        reasons.append(f"coverage_failed: {shown} ({session.open:%Y-%m-%d %H:%M} to {session.close:%H:%M} IST)")
    drop = partition.row_drop(rows, trailing_rows, due / session.n_bars)
    if drop is not None and drop > partition.ROW_DROP_FAIL:
        counts["row_count_drop"] = 1
        reasons.append(f"row_count_drop: {rows} bars are {drop:.0%} below the median of the sessions before")
    if not reasons:
        return "ok", ""
    return ("failed" if rows else "empty"), "; ".join(reasons)
