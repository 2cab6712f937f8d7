"""Contracts of what the component weights learn from: how a session's answers turned out, and what people decided."""

from __future__ import annotations

import pyarrow as pa

from schemas.tables import IST_TIMESTAMP, REGIMES, Column, TableSchema

DTE_BUCKETS = ("0-7", "8-30", "31+")
ANY_REGIME = "ANY"
CONTEXTS = (ANY_REGIME, *REGIMES)
UNDO, FEEDBACK = DECISIONS = ("undo", "feedback")

_SYMBOL = Column("symbol", pa.string(), "Underlying, as in configs/instruments.yaml", nullable=False)
_BUCKET = Column("dte_bucket", pa.string(), "Days-to-expiry bucket", nullable=False, values=DTE_BUCKETS)

COMPONENT_PERFORMANCE = TableSchema(
    name="regimes/component_performance",
    version=1,
    description="How a session's answers turned out, by component, days to expiry and the regime known at the bar.",
    key=("symbol", "trade_date", "component_id", "dte_bucket", "regime_context"),
    columns=(
        _SYMBOL,
        Column("trade_date", pa.date32(), "Session", nullable=False),
        Column("component_id", pa.int32(), "Component 1 to 8", nullable=False, lowest=1, highest=8),
        _BUCKET,
        Column(
            "regime_context",
            pa.string(),
            "Regime whose label was the last known at the bar; ANY counts every bar",
            nullable=False,
            values=CONTEXTS,
        ),
        Column("observations", pa.int32(), "Answers whose label is known", "bars", nullable=False, lowest=1),
        Column("accuracy", pa.float64(), "Share of them that were right", "0..1", nullable=False, lowest=0, highest=1),
        Column("confidence", pa.float64(), "Their mean confidence", "0..1", lowest=0, highest=1),
        Column("stability", pa.float64(), "Share that kept the answer of the bar before", "0..1", lowest=0, highest=1),
        Column(
            "speed",
            pa.float64(),
            "Mean share of a new regime's run that was left when it was first answered; 0 where it never was",
            "0..1",
            lowest=0,
            highest=1,
        ),
        Column("known_ts", IST_TIMESTAMP, "When the last of their labels was known", nullable=False),
        Column("label_schema_version", pa.string(), "Version of the labels they were held against", nullable=False),
    ),
)

WEIGHT_DECISIONS = TableSchema(
    name="regimes/weight_decisions",
    version=1,
    description="Weights that were set by decision, in force from the open of the partition's session.",
    key=("decision_id", "component_id"),
    columns=(
        Column("decision_id", pa.string(), "UUID of the decision", nullable=False),
        Column("kind", pa.string(), "What it is", nullable=False, values=DECISIONS),
        _SYMBOL,
        Column("component_id", pa.int32(), "Component 1 to 7", nullable=False, lowest=1, highest=7),
        _BUCKET,
        Column("regime_context", pa.string(), "Regime it holds for, or ANY", nullable=False, values=CONTEXTS),
        Column("weight_value", pa.float64(), "The weight to be in force", "share", nullable=False, lowest=0, highest=1),
        Column("performance_metric", pa.float64(), "Performance behind it, where it rests on one"),
        Column("reason", pa.string(), "Why", nullable=False),
        Column("weight_id", pa.string(), "The change that is undone; null where none is"),
    ),
)

WEIGHT_TABLES: dict[str, TableSchema] = {table.name: table for table in (COMPONENT_PERFORMANCE, WEIGHT_DECISIONS)}
