"""The dense symbol-day as its session runs: however its rows come, it is the one that all of them give at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import DataError
from mr_platform.market.book import ChainBook
from mr_platform.market.chain import LEG_FIELDS, OptionChainDay
from mr_platform.market.sessions import Session
from schemas.tables import CORE_OPTION_CHAIN

DAY = date(2022, 11, 1)
BARS = 24
SESSION = Session(DAY, "ordinary", ((time(9, 15), time(9, 15 + BARS)),))
OPENS = datetime.combine(DAY, time(9, 15), ZoneInfo("Asia/Kolkata"))
FULL = ("ts", "expiry", "strike", "spot", *(f"{leg}_{field}" for leg in ("ce", "pe") for field in LEG_FIELDS))
FIRST_BARS = {2: 9, 9: 0, 16: 14, 23: 0, 30: 5, 58: 0, 93: 0, 400: 0}
"""Bar in which the expiry of so many days is listed: nearer ones push farther ones out in mid-session."""
READS: tuple[dict[str, Any], ...] = (
    {"max_dte": 365, "max_expiries": 4, "deep_expiries": 1, "fields": ("close", "high", "oi")},
    {"max_dte": 95, "max_expiries": 3, "deep_expiries": 2},
    {"max_dte": 365, "max_expiries": 8},
)


def market(seed: int, *, declared: bool = True) -> pa.Table:
    """Rows by bar and key; strikes widen as the session goes, far ones from bar 12; legs, spot and future have holes,
    and the rows of a bar disagree on the future."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[object]] = {name: [] for name in (*CORE_OPTION_CHAIN.arrow().names,)}
    for bar in range(BARS):
        for days, first in FIRST_BARS.items():
            width = 200 + 50 * (bar // 4) if bar < 12 else 3_000
            strikes = np.arange(18_000 - width, 18_001 + width, 50 if days < 20 or bar < 12 else 500)
            for strike in strikes[rng.random(strikes.size) < 0.8] if bar >= first else ():
                row: dict[str, object] = {"ts": OPENS + timedelta(minutes=bar), "expiry": DAY + timedelta(days=days)}
                row |= {"strike": float(strike), "symbol": "NIFTY", "dte": days, "snapshot_made": False, "raw_rows": 1}
                row |= {name: rng.random() for name in FULL[4:] if rng.random() < 0.9}
                row |= {"ce_close": rng.random()}
                row |= {"spot": 18_000 + rng.random()} if rng.random() < 0.3 else {}
                row |= {"future_close": 18_010 + rng.random(), "future_oi": rng.random()} if rng.random() < 0.2 else {}
                for name, column in columns.items():
                    column.append(row.get(name))
    loose = pa.schema([pa.field(f.name, f.type) for f in CORE_OPTION_CHAIN.arrow()])
    metadata = {"symbol": "NIFTY", **({"underlying": "spot"} if declared else {})}
    return pa.Table.from_pydict(columns, schema=loose).replace_schema_metadata(metadata)


def by_time(table: pa.Table, rng: np.random.Generator) -> Iterator[pa.Table]:
    """Consecutive pieces, which part bars as well, some of them empty."""
    ends = np.sort(rng.integers(0, len(table) + 1, 9))
    for start, stop in zip([0, *ends], [*ends, len(table)], strict=True):
        yield table.slice(start, stop - start)


def in_any_order(table: pa.Table, rng: np.random.Generator) -> Iterator[pa.Table]:
    """The same pieces, late ones before early ones, and the rows of each shuffled."""
    pieces = list(by_time(table, rng))
    for i in (1, 0, 3, 2, *range(len(pieces) - 1, 3, -1)):
        yield pieces[i].take(rng.permutation(len(pieces[i])))


def assert_same(book: OptionChainDay, whole: OptionChainDay) -> None:
    """Bits equal, and nothing at strikes that the book alone has."""
    k = np.searchsorted(book.strikes, whole.strikes)
    np.testing.assert_array_equal(book.strikes[k], whole.strikes)
    for one in fields(OptionChainDay):
        ours, theirs = getattr(book, one.name), getattr(whole, one.name)
        if one.name in LEG_FIELDS:
            assert np.isnan(np.delete(ours, k, axis=3)).all(), one.name
            ours = np.ascontiguousarray(ours[:, :, :, k])
        if one.name == "strikes":
            continue
        if isinstance(theirs, np.ndarray):
            assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, one.name
            np.testing.assert_array_equal(ours.view(np.uint8), theirs.view(np.uint8), err_msg=one.name)
        else:
            assert ours == theirs, one.name


@pytest.mark.parametrize("roomy", [True, False])
@pytest.mark.parametrize("split", [by_time, in_any_order])
@pytest.mark.parametrize("read", range(len(READS)))
def test_a_book_is_the_chain_of_all_rows_taken_so_far(read: int, split: Any, roomy: bool) -> None:
    table, rng = market(seed=read), np.random.default_rng(100 + read)
    book = ChainBook(SESSION, symbol="NIFTY", roomy=roomy, **READS[read])
    taken, moves, before = [], 0, None
    for piece in split(table, rng):
        taken.append(piece)
        chain, moved = book.take(piece)
        assert moved or chain is before
        before, moves = chain, moves + moved
        assert_same(chain, OptionChainDay.from_core(pa.concat_tables(taken), SESSION, symbol="NIFTY", **READS[read]))
    assert moves >= 2


def test_a_book_of_rows_that_declare_no_underlying_has_the_one_that_all_of_them_show() -> None:
    table = market(seed=9, declared=False)
    bare = table
    for name in ("spot", "future_close"):
        bare = bare.set_column(table.column_names.index(name), name, pa.nulls(len(table), pa.float64()))
    book = ChainBook(SESSION, symbol="NIFTY", max_dte=95)
    assert book.take(bare.slice(0, 100))[0].underlying == "forward"
    assert book.take(table.slice(100, 200))[0].underlying == "future"
    assert book.take(bare.slice(300, 200))[0].underlying == "future"


def test_a_book_holds_none_of_the_rows_that_it_took() -> None:
    table = market(seed=5)
    free = pa.total_allocated_bytes()
    book = ChainBook(SESSION, symbol="NIFTY", max_dte=95)
    for start in range(0, len(table), 500):
        book.take(table.slice(start, 500).take(pa.array(np.arange(min(500, len(table) - start)))))
    assert pa.total_allocated_bytes() == free


def test_a_refused_row_leaves_the_book_as_it_was() -> None:
    table = market(seed=3)
    early, rest = table.slice(0, 150), table.slice(150)
    book = ChainBook(SESSION, symbol="NIFTY", max_dte=365)
    book.take(early)
    with pytest.raises(DataError, match="unique"):
        book.take(pa.concat_tables([rest, early.slice(0, 1)]))
    chain, _ = book.take(rest)
    assert_same(chain, OptionChainDay.from_core(table, SESSION, symbol="NIFTY", max_dte=365))


def test_a_roomy_book_has_places_for_round_strikes_far_off_and_for_fine_ones_up_to_the_last_that_moved_it() -> None:
    table = market(seed=1).slice(0, 1)
    book = ChainBook(SESSION, symbol="NIFTY", max_dte=365)

    def moved(bar: int, strike: float) -> bool:
        row = table.to_pylist()[0] | {"ts": OPENS + timedelta(minutes=bar), "strike": strike, "spot": 18_000.0}
        loose = pa.schema([pa.field(f.name, f.type) for f in table.schema])
        return book.take(pa.Table.from_pylist([row], loose).replace_schema_metadata(table.schema.metadata))[1]

    assert moved(0, 18_000.0)
    assert [moved(1, strike) for strike in (16_050.0, 20_100.0, 12_250.0, 7_000.0, 23_000.0)] == [False] * 5
    # 14 450 is a fifth below; then there is room for the next fiftieth of the index, and above the money no more
    assert [moved(2, strike) for strike in (14_450.0, 14_100.0, 20_550.0)] == [True, False, True]
    # alone in the distance: its neighbour moves the axis again
    assert [moved(3, strike) for strike in (11_600.0, 11_700.0)] == [True, True]
