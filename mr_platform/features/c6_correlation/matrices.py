"""Entries of C6 in group matrix, and what all entries of C6 share."""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.features.c6_correlation.layout import (
    BLOCK_NAMES,
    BLOCKS,
    GROUPS,
    PAIR_NAMES,
    PAIR_WORDS,
    PAIRS,
    TIMEFRAME_BLOCKS,
)
from mr_platform.features.catalogue import FeatureSpec

WINDOWS = (10, 20, 50)
PHASES = (10, 18, 24, 30)
TIMEFRAMES = (3, 5, 10, 15)
SHIFT = 15
INF = float("inf")
ANY = (-INF, INF)
UNIT = (-1.0, 1.0)
SHARE = (0.0, 1.0)
POSITIVE = (0.0, INF)
SPECTRAL = "as of the last finished five-minute bar"
GROUP_WORDS = {
    "prices": "straddles, calls, puts and the overlay",
    "greeks": "Greek exposures of calls and of puts",
    "chain": "open interest and price sums",
    "smile": "volatilities, skews and the term slope",
}

# What steers a series, by group: sums by the set of strikes, skews by the wings.
_STRIKES = ("strike_reach", "least_strikes")
_WINGS = ("wing_delta", "least_wing")
OF_GROUP: dict[str, tuple[str, ...]] = {"prices": (), "greeks": _STRIKES, "chain": _STRIKES, "smile": _WINGS}
OF_ALL = (*_STRIKES, *_WINGS)
WINDOWED = ("bars", "windows.coverage")
WHOLE = (*WINDOWED, "windows.series_share", "phases", *OF_ALL)


def spec(
    group: str,
    quantity: str,
    description: str,
    *,
    unit: str = "correlation",
    bounds: tuple[float, float] = UNIT,
    warmup: int = 1,
    parameters: tuple[str, ...] = (),
) -> FeatureSpec:
    return FeatureSpec(
        f"c6_{group}_{quantity}", "c6", group, description, unit, bounds, warmup, tuple(dict.fromkeys(parameters))
    )


def filled(window: int) -> int:
    """Bars after which a window of one-minute changes can first speak."""
    return window * 4 // 5 + 1


def of_series(*indices: int) -> tuple[str, ...]:
    """What steers single series of the layout besides the window."""
    found: list[str] = []
    for i in indices:
        if 10 <= i < 24:
            found += _STRIKES
        if i in (27, 28):
            found += _WINGS
    return tuple(found)


def _words(block: tuple[int, int]) -> str:
    a, b = (GROUP_WORDS[GROUPS[g]] for g in block)
    return f"among {a}" if block[0] == block[1] else f"between {a} and {b}"


def _steered(block: tuple[int, int]) -> tuple[str, ...]:
    return tuple(name for g in block for name in OF_GROUP[GROUPS[g]])


def _spectra() -> Iterator[FeatureSpec]:
    for p, size in enumerate(PHASES):
        steered = (
            *WINDOWED,
            "windows.series_share",
            "phases",
            "shrink_factor",
            *(name for group in GROUPS[: p + 1] for name in OF_GROUP[group]),
        )
        what = f"the first {size} series' correlation matrix over 50 bars, shrunk where short, {SPECTRAL}"
        quantities = (
            ("top_share", f"largest eigenvalue over the number of series, of {what}", "fraction", SHARE),
            ("top3_share", f"three largest eigenvalues over the number of series, of {what}", "fraction", SHARE),
            (
                "effective_rank",
                f"exp of the eigenvalues' entropy over the number of series (Roy and Vetterli 2007), of {what}",
                "fraction",
                SHARE,
            ),
            (
                "condition",
                f"log10 of the largest over the least eigenvalue, floored at 1e-6, of {what}",
                "log10",
                (0, 8),
            ),
        )
        for quantity, description, unit, bounds in quantities:
            yield spec(
                "matrix",
                f"{quantity}_{size}",
                description,
                unit=unit,
                bounds=bounds,
                warmup=45,
                parameters=steered,
            )
    for p, size in ((0, PHASES[0]), (3, PHASES[-1])):
        yield spec(
            "matrix",
            f"top_share_change_{size}",
            f"top share of the first {size} series now less {SHIFT} minutes ago, each {SPECTRAL}",
            unit="fraction",
            warmup=45 + SHIFT,
            parameters=(
                *WINDOWED,
                "windows.series_share",
                "phases",
                "shrink_factor",
                "shift_minutes",
                *(name for group in GROUPS[: p + 1] for name in OF_GROUP[group]),
            ),
        )


def _whole() -> Iterator[FeatureSpec]:
    for w in WINDOWS:
        yield spec(
            "matrix",
            f"shrinkage_{w}",
            f"Ledoit and Wolf's weight of the identity for the matrix of all series over {w} bars",
            unit="fraction",
            bounds=SHARE,
            warmup=filled(w),
            parameters=WHOLE,
        )
    for w in WINDOWS:
        yield spec(
            "matrix",
            f"mean_{w}",
            f"mean correlation of all pairs of series over {w} bars",
            warmup=filled(w),
            parameters=WHOLE,
        )
    for w in WINDOWS:
        yield spec(
            "matrix",
            f"size_{w}",
            f"mean |correlation| of all pairs of series over {w} bars",
            bounds=SHARE,
            warmup=filled(w),
            parameters=WHOLE,
        )


def _blocks() -> Iterator[FeatureSpec]:
    of_block = (*WINDOWED, "windows.series_share", "phases")
    for w in WINDOWS[1:]:
        for name, block in zip(BLOCK_NAMES, BLOCKS, strict=True):
            yield spec(
                "matrix",
                f"block_{name}_{w}",
                f"mean correlation {_words(block)} over {w} bars",
                warmup=filled(w),
                parameters=(*of_block, *_steered(block)),
            )
    for name, block in zip(BLOCK_NAMES, BLOCKS, strict=True):
        yield spec(
            "matrix",
            f"dispersion_{name}_50",
            f"standard deviation of the correlations {_words(block)} over 50 bars",
            bounds=SHARE,
            warmup=filled(50),
            parameters=(*of_block, *_steered(block)),
        )
    for k in TIMEFRAMES:
        for block in TIMEFRAME_BLOCKS:
            name = BLOCK_NAMES[BLOCKS.index(block)]
            yield spec(
                "matrix",
                f"timeframe_{name}_{k}",
                f"mean correlation {_words(block)} of overlapping {k}-minute changes over 50 bars, {SPECTRAL}",
                warmup=-(-(40 + k) // 5) * 5,
                parameters=(*of_block, "timeframes", *_steered(block)),
            )


def _pairs() -> Iterator[FeatureSpec]:
    for w in WINDOWS[1:]:
        for name, words, pair in zip(PAIR_NAMES, PAIR_WORDS, PAIRS, strict=True):
            yield spec(
                "matrix",
                f"pair_{name}_{w}",
                f"correlation of one-minute changes of {words} over {w} bars",
                warmup=filled(w),
                parameters=(*WINDOWED, *_gated(pair), *of_series(*pair)),
            )


def _gated(pair: tuple[int, int]) -> tuple[str, ...]:
    """A pair within the first phase is there however the phases are cut."""
    return () if max(pair) < PHASES[0] else ("phases",)


def _movement() -> Iterator[FeatureSpec]:
    for w in WINDOWS:
        yield spec(
            "matrix",
            f"stability_{w}",
            f"correlation across its cells of the matrix over {w} bars with that over the {w} bars before them",
            warmup=filled(w) + w,
            parameters=WHOLE,
        )
    yield spec(
        "matrix",
        "distance_10_50",
        "root mean square difference of the cells of the matrices over 10 and over 50 bars",
        bounds=(0.0, 2.0),
        warmup=filled(50),
        parameters=WHOLE,
    )
    yield spec(
        "matrix",
        "size_change_20",
        f"mean |correlation| of all pairs over 20 bars now less {SHIFT} minutes ago",
        warmup=filled(20) + SHIFT,
        parameters=(*WHOLE, "shift_minutes"),
    )


def matrix() -> Iterator[FeatureSpec]:
    """The 90 entries of group matrix."""
    yield from _spectra()
    yield from _whole()
    yield from _blocks()
    yield from _pairs()
    yield from _movement()
