"""The quality report of a partition: what was kept, refused and doubted, as a table, as JSON and as one score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
import pyarrow as pa

from mr_platform.errors import DataError
from mr_platform.quality.rules import RULES, Validated
from schemas.tables import QUALITY_REPORT

# Shares of the score: is the session there, are its rows right, are the kept bars plausible.
_WEIGHT_COVERAGE = 40.0
_WEIGHT_VALID = 40.0
_WEIGHT_PLAUSIBLE = 20.0
# Rows that are refused without being wrong: they are about another moment, another contract or another source, repeat
# what was said, or say nothing. A collector that runs through the night is not punished for it.
_NO_FAULT = frozenset(
    {
        "ts_outside_session",
        "contract_unknown",
        "future_not_used",
        "future_without_chain",
        "snapshot_repeated",
        "source_superseded",
        "both_legs_empty",
    }
)


@dataclass(frozen=True)
class Finding:
    """One rule's result: ``rows`` is raw rows for error rules, bars, strikes or partitions for the others."""

    code: str
    rule: str
    severity: str
    rows: int


@dataclass(frozen=True)
class QualityReport:
    """What validation found in one symbol-day.

    ``raw_rows`` = ``core_rows`` + ``quarantined_rows``, all in raw rows; ``core_bars`` rows of the core table;
    ``coverage`` in [0, 1]; ``score`` in [0, 100]; ``status`` ok, empty or failed with its ``reason``.
    """

    symbol: str
    trade_date: date
    score: float
    coverage: float
    raw_rows: int
    core_rows: int
    core_bars: int
    quarantined_rows: int
    status: str
    reason: str
    findings: tuple[Finding, ...]

    @property
    def rules(self) -> dict[str, int]:
        """Count by rule code, every rule present."""
        return {finding.code: finding.rows for finding in self.findings}

    def as_dict(self) -> dict[str, object]:
        """The report as one JSON-ready document."""
        return {
            "symbol": self.symbol,
            "date": self.trade_date.isoformat(),
            "score": self.score,
            "coverage": self.coverage,
            "status": self.status,
            "reason": self.reason,
            "raw_rows": self.raw_rows,
            "core_rows": self.core_rows,
            "core_bars": self.core_bars,
            "quarantined_rows": self.quarantined_rows,
            "rules": self.rules,
        }

    def table(self) -> pa.Table:
        """core/quality_report: one row per rule, the partition's figures on each."""
        shared = {name: getattr(self, name) for name in _SHARED}
        rows = [
            {**shared, "code": f.code, "rule": f.rule, "severity": f.severity, "rows": f.rows} for f in self.findings
        ]
        return pa.Table.from_pylist(rows, schema=QUALITY_REPORT.arrow())


_SHARED = (
    "symbol",
    "trade_date",
    "score",
    "coverage",
    "raw_rows",
    "core_rows",
    "core_bars",
    "quarantined_rows",
    "status",
    "reason",
)


def quality_report(
    validated: Validated, quarantine: pa.Table, *, symbol: str, trade_date: date, raw_rows: int
) -> QualityReport:
    """The report of one symbol-day from its validation and its quarantine table.

    Error rules are counted in raw rows of ``quarantine`` (so that they add up to the rows refused, with the codes of
    rows that never became a bar among them); warnings as ``validated`` counted them. DataError where ``raw_rows`` is
    not exactly what stands in core plus what stands in quarantine.
    """
    core_rows = int(validated.core["raw_rows"].sum())
    if raw_rows != core_rows + quarantine.num_rows:
        raise DataError(
            rule="raw rows = rows in core + rows in quarantine",
            value=f"{raw_rows} raw, {core_rows} in core, {quarantine.num_rows} in quarantine",
            place=f"{symbol} {trade_date}",
            remedy="the rows that are missing or counted twice were lost between source and core; ingest again",
        )
    refused = _refused_rows(quarantine)
    findings = [
        Finding(
            rule.code,
            rule.description,
            rule.severity,
            refused.pop(rule.code, (0, ""))[0] if rule.severity == "error" else validated.counts[rule.code],
        )
        for rule in RULES
    ]
    findings += [Finding(code, words, "error", rows) for code, (rows, words) in sorted(refused.items())]
    faultless = sum(finding.rows for finding in findings if finding.code in _NO_FAULT)
    return QualityReport(
        symbol=symbol,
        trade_date=trade_date,
        score=_score(validated, core_rows, raw_rows - faultless),
        coverage=validated.coverage,
        raw_rows=raw_rows,
        core_rows=core_rows,
        core_bars=validated.core.height,
        quarantined_rows=quarantine.num_rows,
        status=validated.status,
        reason=validated.reason,
        findings=tuple(findings),
    )


def report_of_table(table: pa.Table) -> QualityReport:
    """The report back from its table, as it was published."""
    rows = table.to_pylist()
    if not rows:
        raise DataError(
            rule="a quality report has one row per rule",
            value="no rows",
            place=QUALITY_REPORT.name,
            remedy="ingest the partition again",
        )
    findings = tuple(Finding(row["code"], row["rule"], row["severity"], row["rows"]) for row in rows)
    return QualityReport(**{name: rows[0][name] for name in _SHARED}, findings=findings)


def _refused_rows(quarantine: pa.Table) -> dict[str, tuple[int, str]]:
    frame = pl.DataFrame(pl.from_arrow(quarantine.select(["code", "rule"])))
    grouped = frame.group_by("code").agg(rows=pl.len(), rule=pl.col("rule").first())
    return {code: (rows, words) for code, rows, words in grouped.iter_rows()}


def _score(validated: Validated, core_rows: int, rows_to_judge: int) -> float:
    """40 x coverage + 40 x share of the raw rows kept + 20 x share of bars without a warning; 0 when empty.

    ``rows_to_judge`` leaves out the rows that were refused without fault.
    """
    if validated.core.height == 0 or rows_to_judge <= 0:
        return 0.0
    score = (
        _WEIGHT_COVERAGE * validated.coverage
        + _WEIGHT_VALID * core_rows / rows_to_judge
        + _WEIGHT_PLAUSIBLE * (1.0 - validated.warned / validated.core.height)
    )
    return round(score, 2)
