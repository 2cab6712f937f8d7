"""Only statements of known shape are sent, and what is sent is written from the parse tree."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mr_platform.errors import SourceError
from mr_platform.sources.heavydb.chunks import Chunk
from mr_platform.sources.heavydb.schema import SourceColumn
from mr_platform.sources.heavydb.statements import (
    aggregates,
    checked,
    count_by_date,
    count_rows,
    is_chain,
    measures,
    quoted,
    rowid_range,
    select_chunk,
    windows,
)

TABLE = "nifty_option_chain"
DAY = date(2024, 1, 20)
WHERE = "WHERE \"trade_date\" = DATE '2024-01-20'"

# What a write, or anything else that is no known read, may hide behind.
HOSTILE = [
    # plain
    "INSERT INTO nifty_option_chain VALUES (1)",
    "UPDATE nifty_option_chain SET spot = 0 WHERE trade_date = DATE '2024-01-20'",
    "DELETE FROM nifty_option_chain WHERE trade_date = DATE '2024-01-20'",
    "DROP TABLE nifty_option_chain",
    "TRUNCATE TABLE nifty_option_chain",
    "ALTER TABLE nifty_option_chain DROP COLUMN spot",
    "CREATE TABLE x AS (SELECT * FROM nifty_option_chain)",
    "CREATE OR REPLACE VIEW x AS SELECT 1",
    "GRANT ALL ON TABLE nifty_option_chain TO PUBLIC",
    "OPTIMIZE TABLE nifty_option_chain WITH (VACUUM='true')",
    "VALIDATE CLUSTER",
    "KILL QUERY '1-a'",
    "ALTER SYSTEM CLEAR CPU MEMORY",
    "ALTER SESSION SET EXECUTOR_DEVICE='CPU'",
    "ARCHIVE TABLE nifty_option_chain TO '/tmp/x'",
    "RESTORE TABLE nifty_option_chain FROM '/tmp/x'",
    "DUMP TABLE nifty_option_chain TO '/tmp/x'",
    "REFRESH FOREIGN TABLES nifty_option_chain",
    "SHOW TABLES",
    "VALUES (1)",
    "MERGE INTO nifty_option_chain USING x ON (1=1) WHEN MATCHED THEN DELETE",
    # export and import
    f"COPY (SELECT spot FROM nifty_option_chain {WHERE}) TO '/tmp/x.csv'",
    "COPY nifty_option_chain FROM '/tmp/x.csv'",
    f"SELECT spot INTO copy_option_chain FROM nifty_option_chain {WHERE}",
    # stacked
    f'SELECT "spot" FROM "nifty_option_chain" {WHERE}; DROP TABLE nifty_option_chain',
    f'SELECT "spot" FROM "nifty_option_chain" {WHERE};',
    f'SELECT "spot" FROM "nifty_option_chain" {WHERE};;',
    # within a read
    f"WITH gone AS (DELETE FROM nifty_option_chain RETURNING spot) SELECT spot FROM gone {WHERE}",
    "EXPLAIN ANALYZE DELETE FROM nifty_option_chain",
    f"EXPLAIN SELECT spot FROM nifty_option_chain {WHERE}",
    f"SELECT spot FROM (DELETE FROM nifty_option_chain RETURNING spot) {WHERE}",
    f"SELECT spot FROM nifty_option_chain {WHERE} UNION ALL SELECT spot FROM users",
    f"SELECT spot FROM nifty_option_chain {WHERE} AND spot IN (SELECT spot FROM other_option_chain)",
    f"SELECT (SELECT MAX(spot) FROM other_option_chain) AS x FROM nifty_option_chain {WHERE}",
    f"SELECT spot FROM nifty_option_chain, other_option_chain {WHERE}",
    f"SELECT spot FROM nifty_option_chain JOIN other_option_chain ON 1 = 1 {WHERE}",
    f"SELECT spot FROM nifty_option_chain {WHERE} FOR UPDATE",
    f"SELECT spot FROM TABLE(generate_series(1, 9)) {WHERE}",
    # functions
    f"SELECT pg_terminate_backend(1) FROM nifty_option_chain {WHERE}",
    f"SELECT COUNT(pg_read_file('x')) AS n FROM nifty_option_chain {WHERE}",
    f"SELECT ML_PREDICT('m', spot) AS n FROM nifty_option_chain {WHERE}",
    f"SELECT NEXTVAL('s') AS n FROM nifty_option_chain {WHERE}",
    f"SELECT SUM(spot + 1) AS n FROM nifty_option_chain {WHERE}",
    f"SELECT SUM(spot) OVER () AS n FROM nifty_option_chain {WHERE}",
    # comments
    f"SELECT spot FROM nifty_option_chain {WHERE} -- \n; DROP TABLE nifty_option_chain",
    f"SELECT spot FROM nifty_option_chain {WHERE} /* /* */ ; DROP TABLE x; /* */ */",
    "/* SELECT */ DROP TABLE nifty_option_chain",
    "-- SELECT\nDROP TABLE nifty_option_chain",
    f"SELECT /*+ cpu_mode */ spot FROM nifty_option_chain {WHERE}",
    "DR/**/OP TABLE nifty_option_chain",
    # spelling
    "dRoP tAbLe nifty_option_chain",
    "\u0421REATE TABLE x (a INT)",
    f"SELECT \u0455pot FROM nifty_option_chain {WHERE}",
    "\uff33\uff25\uff2c\uff25\uff23\uff34 1",
    f"SELECT spot FROM nifty_option_chain {WHERE}\x00; DROP TABLE x",
    f"SELECT spot\u2028FROM nifty_option_chain {WHERE}",
    "\\x44\\x52\\x4f\\x50 TABLE nifty_option_chain",
    "SELECT U&'\\0044\\0052' FROM nifty_option_chain",
    f"SELECT X'44524F50' FROM nifty_option_chain {WHERE}",
    "  DROP TABLE nifty_option_chain",
    "(DROP TABLE nifty_option_chain)",
    "SELECT\tspot FROM nifty_option_chain",
    # names and literals as carriers
    f'SELECT "spot""; DROP TABLE x; --" FROM nifty_option_chain {WHERE}',
    f'SELECT "a b" FROM nifty_option_chain {WHERE}',
    f'SELECT spot AS "x; DROP TABLE y" FROM nifty_option_chain {WHERE}',
    "SELECT spot FROM nifty_option_chain WHERE trade_date = DATE '2024-01-20'' OR 1=1'",
    "SELECT spot FROM nifty_option_chain WHERE trade_date = '2024-01-20'",
    f"SELECT spot FROM nifty_option_chain {WHERE} AND index_name = 'x'",
    f"SELECT spot FROM nifty_option_chain {WHERE} AND rowid >= -1",
    f"SELECT spot FROM nifty_option_chain {WHERE} AND rowid >= 1e400",
    f"SELECT 'DROP TABLE x' FROM nifty_option_chain {WHERE}",
    f"SELECT CAST(spot AS TEXT) AS s FROM nifty_option_chain {WHERE}",
    # other tables and places
    f"SELECT spot FROM heavyai_users {WHERE}",
    f"SELECT spot FROM information_schema.nifty_option_chain {WHERE}",
    f"SELECT spot FROM other.public.nifty_option_chain {WHERE}",
    f"SELECT nifty_option_chain.spot FROM nifty_option_chain {WHERE}",
    f"SELECT spot FROM nifty_option_chain AS n {WHERE}",
    # guard rails
    "SELECT spot FROM nifty_option_chain",
    "SELECT COUNT(*) AS n FROM nifty_option_chain",
    "SELECT spot FROM nifty_option_chain WHERE rowid >= 0",
    "SELECT spot FROM nifty_option_chain WHERE trade_date >= DATE '2024-01-20'",
    "SELECT spot FROM nifty_option_chain WHERE trade_date >= DATE '2024-01-20' AND trade_date <= DATE '2024-01-21'",
    "SELECT COUNT(*) AS n FROM nifty_option_chain WHERE trade_date >= DATE '2018-01-01' AND trade_date < DATE '2026-01-01'",
    f"SELECT spot FROM nifty_option_chain {WHERE} OR 1 = 1",
    f"SELECT spot FROM nifty_option_chain WHERE NOT (trade_date = DATE '2024-01-20')",
    "SELECT spot FROM nifty_option_chain WHERE trade_date = DATE '2024-02-30'",
    "SELECT spot FROM nifty_option_chain WHERE trade_date = trade_date",
    f"SELECT * FROM nifty_option_chain {WHERE}",
    f"SELECT DISTINCT spot FROM nifty_option_chain {WHERE}",
    f"SELECT spot FROM nifty_option_chain {WHERE} LIMIT 5",
    f"SELECT spot FROM nifty_option_chain {WHERE} ORDER BY RAND()",
    f"SELECT spot FROM nifty_option_chain {WHERE} GROUP BY spot",
    f"SELECT spot, COUNT(*) AS n FROM nifty_option_chain {WHERE}",
    "",
    "SELECT ",
    "SELECT " + "(" * 3000,
    "SELECT " + "a" * 40_000,
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_nothing_but_a_known_read_passes(sql: str) -> None:
    with pytest.raises(SourceError, match="HeavyDB is read only"):
        checked(sql)


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


def test_rewriting_quotes_names_and_settles_case_and_spacing() -> None:
    loose = "select  SPOT from NIFTY_option_chain   where TRADE_DATE = date '2024-01-20'"
    assert checked(loose) == ('SELECT "SPOT" FROM "NIFTY_option_chain" WHERE "TRADE_DATE" = DATE \'2024-01-20\'')


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
        *("SELECT ", "spot", '"spot"', ", ", " FROM ", "nifty_option_chain", " WHERE ", "trade_date", " = ", " >= "),
        *("DATE '2024-01-20'", " AND ", " OR ", "rowid", "5", "COUNT(*)", " AS ", "n", " GROUP BY ", " ORDER BY "),
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
