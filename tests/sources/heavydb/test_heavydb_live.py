"""Against a real server, where one is named: MR_HEAVYDB_LIVE_HOST, _PORT, _USER, _PASSWORD, _DATABASE.

Reads the newest day of the first option-chain table. It cannot write: the client under test has no means to.
"""

from __future__ import annotations

import os
from datetime import date

import pytest

from mr_platform.sources.heavydb.connection import HeavyDb
from mr_platform.sources.heavydb.schema import arrow_schema, normalised
from mr_platform.sources.heavydb.settings import HeavyDbSettings
from mr_platform.sources.heavydb.statements import aggregates, count_by_date, measures, rowid_range, select_chunk

LIVE = "MR_HEAVYDB_LIVE_"


@pytest.mark.skipif(not os.environ.get(f"{LIVE}HOST"), reason=f"no real server: {LIVE}HOST is not set")
def test_a_real_server_s_newest_day_agrees_by_both_routes() -> None:
    env = {"MR_HEAVYDB_" + name.removeprefix(LIVE): text for name, text in os.environ.items() if name.startswith(LIVE)}
    with HeavyDb(HeavyDbSettings.from_environment(env)) as db:
        tables = db.tables()
        assert tables, "the database has no option-chain table"
        table, columns = tables[0], db.details(tables[0])
        assert len(columns) in (48, 49)
        days: list[tuple] = []
        year = date.today().year
        while not days and year >= 2018:
            days = db.rows(count_by_date(table, date(year, 1, 1), date(year, 12, 31)))
            year -= 1
        day, rows = days[-1][:2]
        assert db.rows(rowid_range(table, day))[0][0] == rows
        pulled = normalised(db.arrow(select_chunk(table, [column.name for column in columns], day)), columns)
        assert pulled.schema == arrow_schema(columns)
        answer = dict(zip(measures(columns), db.rows(aggregates(table, columns, day))[0], strict=True))
        for measure, value in answer.items():
            if measure.kind == "rows":
                assert value == pulled.num_rows == rows
            if measure.kind == "count":
                values = pulled.column(measure.column)
                assert value == len(values) - values.null_count, measure.column
