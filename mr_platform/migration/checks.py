"""The named checks of a verification: what each of them proves, and what it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mr_platform.errors import UsageError


@dataclass(frozen=True)
class Check:
    """``proves`` and ``leaves_open`` in words for the certificate's reader."""

    name: str
    proves: str
    leaves_open: str


@dataclass(frozen=True)
class Outcome:
    """What a check found in one partition. ``detail`` says what was compared, or what differs."""

    name: str
    passed: bool
    detail: str


CHECKS = (
    Check(
        "source_stands_still",
        "Row count, least and greatest rowid of the partition are what they were before the transfer, and with the "
        "table's epochs the same before and after the verification. Where the table was written to since the transfer, "
        "all rows were pulled again.",
        "A write that changes neither epoch nor rows; the second pull would find it.",
    ),
    Check(
        "schema",
        "The columns of the source and of the Parquet file are those of the contract frozen when the table was "
        "planned, in names, order, types, nullability.",
        "Nothing about values.",
    ),
    Check(
        "row_count",
        "The source counts as many rows as the Parquet file holds and as the ledger recorded, asked over the columnar "
        "route and not over the Arrow route of the pull.",
        "Which rows they are.",
    ),
    Check(
        "null_counts",
        "For every column the source counts as many values that are not NULL as the file holds.",
        "Which rows are NULL; '' against 'NULL'.",
    ),
    Check(
        "distinct_texts",
        "For every dictionary column the source counts as many different texts as the file holds.",
        "The texts themselves.",
    ),
    Check(
        "minimum_and_maximum",
        "Least and greatest value of every number, date and time agree, asked over the columnar route. Of FLOAT and "
        "DECIMAL columns as doubles; a NaN is left out where the engines order it differently.",
        "Values between; -0.0 against 0.0.",
    ),
    Check(
        "integer_sums",
        "Sums of every integer column agree exactly: integers add up the same in any order.",
        "Columns of doubles, whose sum depends on the order; changes that cancel.",
    ),
    Check(
        "written_digest",
        "The rows of the Parquet file, read back, have the digest that was taken of the Arrow rows before they were "
        "written: a typed multiset of rows, every bit of every cell. A given change goes unseen with probability below "
        "2^-100.",
        "That the rows were right when they arrived: the second pull proves that.",
    ),
    Check(
        "row_order",
        "The rows stand in the file in the order of the source's row ids, each with its own.",
        "Nothing more: the order carries no meaning in the source.",
    ),
    Check(
        "second_pull",
        "All rows were pulled a second time, on a fresh connection and in other chunks, and have the digest of the "
        "Parquet file: neither the transport nor the cutting changed, lost or repeated anything.",
        "An error that the server makes twice in the same way; the aggregates are computed by another route.",
    ),
    Check(
        "keys",
        "As many rows of the file repeat the key (trade date, time, expiry, strike) of another as rows of the "
        "source do, and repeated keys are listed as the source's own.",
        "That the source's rows make sense: the validation of core judges that.",
    ),
    Check(
        "file_bytes",
        "The bytes of the Parquet file have the SHA-256 that was recorded when it was published, and nothing of it "
        "changed, statistics and padding included.",
        "Nothing about the source.",
    ),
    Check(
        "lake_digest",
        "The content of the Parquet file has the SHA-256 recorded in its own footer, by which the lake knows it.",
        "Nothing about the source.",
    ),
    Check(
        "ledger_record",
        "The record of the partition in the ledger is byte for byte as it was written, and its plan lists it.",
        "Nothing about the rows.",
    ),
)
NAMES = tuple(check.name for check in CHECKS)


def check(name: str) -> Check:
    """The check of that name; UsageError where there is none."""
    for found in CHECKS:
        if found.name == name:
            return found
    raise UsageError(
        rule="a check of the verification is one that exists",
        value=name,
        place="migration checks",
        remedy=f"choose from {', '.join(NAMES)}",
    )


def by_name(outcomes: Iterable[Outcome]) -> Mapping[str, Outcome]:
    """Outcomes in the order of the catalogue, one for each name; a failure stands before a pass of the same name."""
    found: dict[str, Outcome] = {}
    for outcome in outcomes:
        held = found.get(check(outcome.name).name)
        if held is None or (held.passed and not outcome.passed):
            found[outcome.name] = outcome
        elif not outcome.passed:
            found[outcome.name] = Outcome(outcome.name, held.passed, f"{held.detail}; {outcome.detail}")
    return {name: found[name] for name in NAMES if name in found}
