"""Table-level expectations: of a finished core/option_chain partition, and of a partition moved from another database.

They ask what a contract on single values cannot: is the day complete, are there enough expiries, do the columns stand
in the right relation. Great Expectations takes seconds to import, so this never runs on the intraday path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from schemas.tables import CORE_OPTION_CHAIN

SUITE_NAME = "core_option_chain_end_of_day"
MIGRATED_SUITE_NAME = "migrated_option_chain"

# Bars of a whole session; the largest seen is under 100,000, a source that repeats itself shows as millions.
_MOST_ROWS = 2_000_000
# NSE lists index options up to five years out: at most about 20 expiries stand at once, and none beyond 2,000 days.
_MOST_EXPIRIES = 40
_LONGEST_DTE = 2_000
# Share of bars in which a side must have a price; far strikes trade on one side only.
_LEAST_PRICED = 0.2
# Crossed quotes happen for a moment when the two sides are read apart.
_MOSTLY_UNCROSSED = 0.98
_IV_MEDIAN = (0.02, 1.5)
# A vendor's flaws are moved as they are: raw keeps them, core refuses them. Beyond these shares it is no flaw any more
# but a column in the wrong place.
_MOSTLY_KEYED = 0.99
_MOSTLY_ONCE = 0.95


@dataclass(frozen=True)
class Outcome:
    """One expectation: ``subject`` the columns it is about, ``observed`` what was found."""

    expectation: str
    subject: str
    success: bool
    observed: str


@dataclass(frozen=True)
class SuiteResult:
    """Outcomes of the suite, tables first; ``success`` when all hold."""

    success: bool
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The expectations that do not hold."""
        return tuple(outcome for outcome in self.outcomes if not outcome.success)


def run_suite(frame: pa.Table, *, session_minutes: int) -> SuiteResult:
    """Run the suite on the core table of one symbol-day; ``session_minutes`` is the number of bars of its session.

    Nothing is stored and nothing is sent: the context lives in memory and analytics are off.
    """
    return _validated(frame, SUITE_NAME, lambda: _expectations(frame, session_minutes))


def run_migrated_suite(
    frame: pa.Table, *, columns: Sequence[str], symbol: str, trade_date: date, rows: int, session_minutes: int
) -> SuiteResult:
    """Run the suite on a partition of raw/option_chain that was moved over the wire.

    ``columns`` and ``rows`` are what the source's schema and its own count said; ``session_minutes`` the number of bars
    of the session. What the source's rows are worth is core's business: here the whole table must have arrived, all of
    it of one symbol and one day, with every column in its place.
    """
    return _validated(
        frame,
        MIGRATED_SUITE_NAME,
        lambda: _migrated_expectations(columns, symbol, trade_date, rows, session_minutes),
    )


def _validated(frame: pa.Table, name: str, expectations: Callable[[], list[Any]]) -> SuiteResult:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = (
        context.data_sources.add_pandas("lake")
        .add_dataframe_asset(name=name)
        .add_batch_definition_whole_dataframe("partition")
        .get_batch({"dataframe": frame.to_pandas()})
    )
    suite = gx.ExpectationSuite(name=name)
    for expectation in expectations():
        suite.add_expectation(expectation)
    result = batch.validate(suite)
    outcomes = tuple(_outcome(entry) for entry in result.results)
    return SuiteResult(success=bool(result.success), outcomes=outcomes)


def _expectations(frame: pa.Table, session_minutes: int) -> list[Any]:
    import great_expectations.expectations as gxe

    expectations: list[Any] = [
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=CORE_OPTION_CHAIN.arrow().names),
        gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=_MOST_ROWS),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="symbol", min_value=1, max_value=1),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="ts", min_value=-(-session_minutes // 2), max_value=session_minutes
        ),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="expiry", min_value=1, max_value=_MOST_EXPIRIES),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["ts", "expiry", "strike"]),
        gxe.ExpectColumnValuesToBeBetween(column="dte", min_value=0, max_value=_LONGEST_DTE),
        gxe.ExpectColumnSumToBeBetween(column="raw_rows", min_value=1),
    ]
    for side in ("ce", "pe"):
        expectations += [
            gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(column=f"{side}_close", min_value=_LEAST_PRICED),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=f"{side}_high",
                column_B=f"{side}_low",
                or_equal=True,
                ignore_row_if="either_value_is_missing",
            ),
        ]
        if _has_values(frame, f"{side}_bid") and _has_values(frame, f"{side}_ask"):
            expectations.append(
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A=f"{side}_ask",
                    column_B=f"{side}_bid",
                    or_equal=True,
                    mostly=_MOSTLY_UNCROSSED,
                    ignore_row_if="either_value_is_missing",
                )
            )
        if _has_values(frame, f"{side}_iv"):
            low, high = _IV_MEDIAN
            expectations.append(gxe.ExpectColumnMedianToBeBetween(column=f"{side}_iv", min_value=low, max_value=high))
    return expectations


def _migrated_expectations(
    columns: Sequence[str], symbol: str, trade_date: date, rows: int, session_minutes: int
) -> list[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectTableColumnsToMatchOrderedList(column_list=list(columns)),
        gxe.ExpectTableRowCountToEqual(value=rows),
        gxe.ExpectColumnDistinctValuesToEqualSet(column="trade_date", value_set=[trade_date]),
        gxe.ExpectColumnDistinctValuesToEqualSet(column="index_name", value_set=[symbol]),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="trade_time", min_value=1, max_value=session_minutes),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="expiry_date", min_value=1, max_value=_MOST_EXPIRIES),
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=name, mostly=_MOSTLY_KEYED)
            for name in ("trade_time", "expiry_date", "strike")
        ),
        gxe.ExpectColumnValuesToBeBetween(column="strike", min_value=0, strict_min=True, mostly=_MOSTLY_KEYED),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="expiry_date",
            column_B="trade_date",
            or_equal=True,
            mostly=_MOSTLY_KEYED,
            ignore_row_if="either_value_is_missing",
        ),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["trade_time", "expiry_date", "strike"], mostly=_MOSTLY_ONCE),
    ]


def _has_values(frame: pa.Table, column: str) -> bool:
    """A source may lack a column altogether: an expectation about nothing would fail for no reason."""
    absent: int = frame.column(column).null_count
    return bool(absent < frame.num_rows)


def _outcome(entry: Any) -> Outcome:
    config = entry.expectation_config
    arguments = config.kwargs
    names = [arguments[key] for key in ("column", "column_A", "column_B") if key in arguments]
    names += arguments.get("column_list", []) if not names and config.type.startswith("expect_compound") else []
    found = entry.result
    observed = found.get("observed_value")
    if observed is None and "unexpected_count" in found:
        count, of = found["unexpected_count"], found.get("element_count")
        observed = f"{count} values break it" if of is None else f"{count} of {of} rows break it"
    if entry.exception_info.get("raised_exception"):
        observed = f"could not be judged: {entry.exception_info.get('exception_message')}"
    return Outcome(config.type, ", ".join(names), bool(entry.success), str(observed))
