"""Only statements of known shape are sent, and what is sent is written from the parse tree."""

from __future__ import annotations

import re
from datetime import date

import pytest
from heavydb_hostile import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st

from mr_platform.errors import SourceError
from mr_platform.sources.heavydb import grammar
from mr_platform.sources.heavydb.chunks import Chunk
from mr_platform.sources.heavydb.grammar import checked, is_chain, quoted
from mr_platform.sources.heavydb.schema import SourceColumn
from mr_platform.sources.heavydb.statements import (
    aggregates,
    count_by_date,
    count_rows,
    measures,
    rowid_range,
    select_chunk,
    windows,
)

TABLE = "nifty_option_chain"
DAY = date(2024, 1, 20)


@pytest.mark.parametrize("sql", HOSTILE)
def test_nothing_but_a_known_read_passes(sql: str) -> None:
    with pytest.raises(SourceError, match="HeavyDB is read only"):
        checked(sql)


@pytest.mark.parametrize("sql", [sql for sql in HOSTILE if sql.isascii() and len(sql) < 1000])
def test_the_parse_tree_alone_lets_no_write_through(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the look at the words: whatever passes has become a plain read of the known grammar."""
    monkeypatch.setattr(grammar, "_check_words", lambda sql: None)
    try:
        sent = checked(sql)
    except SourceError:
        return
    assert _SENT.fullmatch(sent)


@pytest.mark.parametrize(
    "word", ["SELECT", "FROM", "WHERE", "AND", "AS", "COUNT", "DISTINCT", "MAX", "*", "(", ",", "<"]
)
def test_a_word_without_end_is_refused_and_leaves_the_parser_whole(word: str) -> None:
    for many in (f"SELECT {f'{word} ' * 5000}", f'SELECT "spot" FROM "nifty_option_chain" WHERE {f"{word} " * 5000}'):
        with pytest.raises(SourceError, match="HeavyDB is read only"):
            checked(many)
    assert checked(count_rows(TABLE, DAY)) == count_rows(TABLE, DAY)


def test_a_chunk_is_selected_by_day_and_rowid() -> None:
    assert select_chunk(TABLE, ["trade_date", "rowid", "spot"], DAY, Chunk(10, 20)) == (
        'SELECT "trade_date", "rowid", "spot" FROM "nifty_option_chain" '
        'WHERE "trade_date" = DATE \'2024-01-20\' AND "rowid" >= 10 AND "rowid" < 20'
    )


def test_dates_are_discovered_within_a_window() -> None:
    assert count_by_date(TABLE, date(2024, 1, 1), date(2024, 12, 31)) == (
        'SELECT "trade_date", COUNT(*) AS "rows", MIN("rowid") AS "first", MAX("rowid") AS "last" '
        'FROM "nifty_option_chain" '
        "WHERE \"trade_date\" >= DATE '2024-01-01' AND \"trade_date\" < DATE '2025-01-01' "
        'GROUP BY "trade_date" ORDER BY "trade_date"'
    )


def test_a_window_above_a_year_is_refused() -> None:
    with pytest.raises(SourceError, match="at most 366 day"):
        count_by_date(TABLE, date(2024, 1, 1), date(2025, 1, 1))


def test_windows_are_calendar_years_that_cover_every_day_once() -> None:
    assert list(windows(date(2023, 11, 5), date(2025, 2, 1))) == [
        (date(2023, 11, 5), date(2023, 12, 31)),
        (date(2024, 1, 1), date(2024, 12, 31)),
        (date(2025, 1, 1), date(2025, 2, 1)),
    ]


def test_aggregates_ask_of_each_type_what_is_exact() -> None:
    columns = [
        SourceColumn("ce_oi", "BIGINT"),
        SourceColumn("zone_name", "STR", encoding="DICT"),
        SourceColumn("spot", "DOUBLE"),
        SourceColumn("note", "STR"),
        SourceColumn("halted", "BOOL"),
    ]
    assert [measure.name for measure in measures(columns)] == [
        "rows",
        *("count_ce_oi", "least_ce_oi", "greatest_ce_oi", "sum_ce_oi"),
        *("count_zone_name", "distinct_zone_name"),
        *("count_spot", "least_spot", "greatest_spot"),
        "count_note",
        "count_halted",
    ]
    assert aggregates(TABLE, columns[:1], DAY, Chunk(0, 5)) == (
        'SELECT COUNT(*) AS "rows", COUNT("ce_oi") AS "count_ce_oi", MIN("ce_oi") AS "least_ce_oi", '
        'MAX("ce_oi") AS "greatest_ce_oi", SUM("ce_oi") AS "sum_ce_oi" FROM "nifty_option_chain" '
        'WHERE "trade_date" = DATE \'2024-01-20\' AND "rowid" >= 0 AND "rowid" < 5'
    )


def test_a_name_without_quotes_is_refused() -> None:
    assert checked(select_chunk(TABLE, ["spot"], DAY))
    with pytest.raises(SourceError, match="made of quoted names"):
        checked(select_chunk(TABLE, ["spot"], DAY).replace('"spot"', "spot"))


@pytest.mark.parametrize(
    "sql",
    [
        select_chunk(TABLE, ["spot"], DAY),
        select_chunk(TABLE, ["spot"], DAY, Chunk(0, 1)),
        count_rows(TABLE, DAY),
        rowid_range(TABLE, DAY),
        count_by_date(TABLE, DAY, DAY),
        aggregates(TABLE, [SourceColumn("dte", "INT")], DAY),
    ],
)
def test_what_is_built_is_already_in_its_final_form(sql: str) -> None:
    assert checked(sql) == sql


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "spot;", "ѕpot", "1a", "a-b", "a.b", "a\n"])
def test_a_name_that_would_need_escaping_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="ASCII letters"):
        quoted(name)


@pytest.mark.parametrize(
    ("name", "chain"),
    [
        ("nifty_option_chain", True),
        ("BANKNIFTY_option_chain", True),
        ("nifty_option_chain_2024", True),
        ("option_chain", False),
        ("_option_chain", False),
        ("nifty_option_chains", False),
        ("users", False),
        ("nifty_option_chain\n", False),
    ],
)
def test_chain_tables_are_known_by_name(name: str, chain: bool) -> None:
    assert is_chain(name) is chain


# an independent description of everything that may be sent
_N = r'"[A-Za-z_][A-Za-z0-9_]*"'
_AGGREGATE = rf"(?:COUNT\((?:\*|(?:DISTINCT )?{_N})\)|(?:MIN|MAX|SUM)\({_N}\)) AS {_N}"
_TEST = rf"{_N} (?:=|>=|>|<=|<) (?:\d+|DATE '\d{{4}}-\d\d-\d\d')"
_SENT = re.compile(
    rf"SELECT (?:{_N}|{_AGGREGATE})(?:, (?:{_N}|{_AGGREGATE}))* FROM \"[A-Za-z0-9_]+_option_chain[A-Za-z0-9_]*\" "
    rf"WHERE {_TEST}(?: AND {_TEST})*(?: GROUP BY {_N}(?:, {_N})*)?(?: ORDER BY {_N}(?:, {_N})*)?"
)
_PIECES = st.sampled_from(
    [
        *(
            "SELECT ",
            "spot",
            '"spot"',
            ", ",
            " FROM ",
            '"nifty_option_chain"',
            " WHERE ",
            '"trade_date"',
            " = ",
            " >= ",
        ),
        *("DATE '2024-01-20'", " AND ", " OR ", '"rowid"', "5", "COUNT(*)", " AS ", '"n"', " GROUP BY ", " ORDER BY "),
        *(
            ";",
            "--",
            "/*",
            "*/",
            "'",
            '"',
            "(",
            ")",
            "*",
            "DELETE FROM ",
            "DROP TABLE ",
            "INTO ",
            "\\",
            "\x00",
            "UNION ",
        ),
    ]
)


@settings(max_examples=250, deadline=None)
@given(st.lists(_PIECES, max_size=14).map("".join) | st.text(max_size=60).map("SELECT {}".format))
def test_whatever_is_put_in_only_the_known_grammar_comes_out(text: str) -> None:
    try:
        sent = checked(text)
    except SourceError:
        return
    assert _SENT.fullmatch(sent) and '"trade_date"' in sent.lower()


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_a_damaged_statement_is_refused_or_still_a_known_read(data: st.DataObject) -> None:
    sql = data.draw(st.sampled_from([select_chunk(TABLE, ["spot"], DAY, Chunk(3, 9)), count_by_date(TABLE, DAY, DAY)]))
    at = data.draw(st.integers(0, len(sql)))
    width = data.draw(st.integers(0, 8))
    sql = sql[:at] + data.draw(_PIECES | st.text(max_size=3)) + sql[at + width :]
    try:
        sent = checked(sql)
    except SourceError:
        return
    assert _SENT.fullmatch(sent) and checked(sent) == sent
