"""The contract of every table: columns, types, keys, units and meanings, in one place.

Writers build to it, checks are generated from it, the dbt project and the docs repeat it. A change of
meaning or type raises the table's version.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

IST_TIMESTAMP = pa.timestamp("us", tz="Asia/Kolkata")


@dataclass(frozen=True)
class Column:
    """One column. ``lowest``/``highest`` bound the finite values, both included; None means unbounded."""

    name: str
    type: pa.DataType
    description: str
    unit: str = ""
    nullable: bool = True
    lowest: float | None = None
    highest: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableSchema:
    """A table of the lake: its name is its folder and its asset key."""

    name: str
    version: int
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def arrow(self) -> pa.Schema:
        """Arrow schema with the columns in order."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    def empty(self) -> pa.Table:
        """A table of no rows."""
        return self.arrow().empty_table()

    def column(self, name: str) -> Column:
        """The column called ``name``; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}; it has {[c.name for c in self.columns]}")

    def conform(self, table: pa.Table) -> pa.Table:
        """The table with exactly these columns in this order and these types; KeyError for a missing column."""
        missing = [c.name for c in self.columns if c.name not in table.column_names]
        if missing:
            raise KeyError(f"{self.name} lacks columns {missing}")
        metadata = table.schema.metadata
        arrays = [table.column(c.name).cast(c.type) for c in self.columns]
        return pa.Table.from_arrays(arrays, schema=self.arrow()).replace_schema_metadata(metadata)


_SYMBOL = Column("symbol", pa.string(), "Underlying, as in configs/instruments.yaml", nullable=False)
_EVENT_TS = Column("event_ts", IST_TIMESTAMP, "What the row is about: the start of its bar", nullable=False)
_KNOWN_TS = Column("known_ts", IST_TIMESTAMP, "When the row could first be known", nullable=False)

REGIMES = ("LVLD", "HVC", "VCPE", "TBVE", "TBVS", "SCGS", "PSED", "CBV")


def _leg(prefix: str, word: str) -> tuple[Column, ...]:
    price = pa.float64()
    return (
        Column(f"{prefix}_open", price, f"First price of the {word} in the bar", "rupees", lowest=0),
        Column(f"{prefix}_high", price, f"Highest price of the {word} in the bar", "rupees", lowest=0),
        Column(f"{prefix}_low", price, f"Lowest price of the {word} in the bar", "rupees", lowest=0),
        Column(
            f"{prefix}_close", price, f"Last price of the {word} in the bar, or the one carried", "rupees", lowest=0
        ),
        Column(f"{prefix}_volume", pa.int64(), f"{word} traded in the bar", "units of the underlying", lowest=0),
        Column(
            f"{prefix}_oi",
            pa.int64(),
            f"Open interest of the {word} at the bar's close",
            "units of the underlying",
            lowest=0,
        ),
        Column(
            f"{prefix}_iv",
            price,
            f"Vendor's implied volatility of the {word}",
            "decimal per year",
            lowest=0.01,
            highest=3.0,
        ),
        Column(f"{prefix}_delta", price, f"Vendor's delta of the {word}", "per unit", lowest=-1, highest=1),
        Column(f"{prefix}_gamma", price, f"Vendor's gamma of the {word}", "per index point", lowest=0),
        Column(f"{prefix}_theta", price, f"Vendor's theta of the {word}", "rupees per calendar day"),
        Column(f"{prefix}_vega", price, f"Vendor's vega of the {word}", "rupees per vol point"),
        Column(f"{prefix}_rho", price, f"Vendor's rho of the {word}", "rupees per 1 %"),
        Column(f"{prefix}_bid", price, f"Best bid of the {word} at the bar's close", "rupees", lowest=0),
        Column(f"{prefix}_ask", price, f"Best ask of the {word} at the bar's close", "rupees", lowest=0),
    )


LEG_FIELDS = tuple(c.name.removeprefix("ce_") for c in _leg("ce", "call"))

CORE_OPTION_CHAIN = TableSchema(
    name="core/option_chain",
    version=1,
    description="The canonical, validated chain: one row per bar, expiry and strike, call and put side by side.",
    key=("symbol", "ts", "expiry", "strike"),
    columns=(
        _SYMBOL,
        Column("ts", IST_TIMESTAMP, "Start of the one-minute bar", nullable=False),
        Column("expiry", pa.date32(), "The contract's own expiry date", nullable=False),
        Column("strike", pa.float64(), "Strike", "index points", nullable=False, lowest=0),
        Column("dte", pa.int32(), "Calendar days from the trade date to expiry", "days", nullable=False, lowest=0),
        Column("spot", pa.float64(), "Index level at the bar's close", "index points", lowest=0),
        *_leg("ce", "call"),
        *_leg("pe", "put"),
        Column("future_open", pa.float64(), "First price of the near listed future in the bar", "rupees", lowest=0),
        Column("future_high", pa.float64(), "Highest price of the near listed future in the bar", "rupees", lowest=0),
        Column("future_low", pa.float64(), "Lowest price of the near listed future in the bar", "rupees", lowest=0),
        Column("future_close", pa.float64(), "Last price of the near listed future in the bar", "rupees", lowest=0),
        Column("future_volume", pa.int64(), "Future traded in the bar", "units of the underlying", lowest=0),
        Column("future_oi", pa.int64(), "Open interest of the near listed future", "units of the underlying", lowest=0),
        Column("snapshot_made", pa.bool_(), "The bar was made from snapshots, not from trades", nullable=False),
        Column("raw_rows", pa.int32(), "How many raw rows stand in this bar", "rows", nullable=False, lowest=0),
        _KNOWN_TS,
    ),
)

QUARANTINE = TableSchema(
    name="core/quarantine",
    version=1,
    description="Every raw row that core refused, with the rule that refused it and the row as the source said it.",
    key=("source", "raw_row"),
    columns=(
        _SYMBOL,
        Column("source", pa.string(), "Source whose raw object holds the row", nullable=False),
        Column("raw_row", pa.int64(), "Position of the row in the raw object", "row", nullable=False, lowest=0),
        Column("code", pa.string(), "Reason code of the rule", nullable=False),
        Column("rule", pa.string(), "The rule in words", nullable=False),
        Column("severity", pa.string(), "error", nullable=False, values=("error",)),
        Column("detail", pa.string(), "The value that broke the rule"),
        Column("ts", IST_TIMESTAMP, "Start of the bar the row would stand in, where known"),
        Column("expiry", pa.date32(), "Expiry, where known"),
        Column("strike", pa.float64(), "Strike, where known", "index points"),
        Column("raw_values", pa.string(), "The raw row as JSON", nullable=False),
    ),
)

QUALITY_REPORT = TableSchema(
    name="core/quality_report",
    version=1,
    description="What validation found in a partition: one row per rule, and the partition's figures on each.",
    key=("symbol", "trade_date", "code"),
    columns=(
        _SYMBOL,
        Column("trade_date", pa.date32(), "Session", nullable=False),
        Column("code", pa.string(), "Reason code of the rule", nullable=False),
        Column("rule", pa.string(), "The rule in words", nullable=False),
        Column(
            "severity",
            pa.string(),
            "error (refused) or warn (kept and counted)",
            nullable=False,
            values=("error", "warn", "fail"),
        ),
        Column("rows", pa.int64(), "Raw rows or bars the rule hit", "rows", nullable=False, lowest=0),
        Column("raw_rows", pa.int64(), "Rows the source said", "rows", nullable=False, lowest=0),
        Column("core_rows", pa.int64(), "Raw rows that stand in core", "rows", nullable=False, lowest=0),
        Column("core_bars", pa.int64(), "Rows of the core table", "rows", nullable=False, lowest=0),
        Column("quarantined_rows", pa.int64(), "Raw rows refused", "rows", nullable=False, lowest=0),
        Column(
            "coverage",
            pa.float64(),
            "Share of the session's minutes with at least one bar",
            "share",
            lowest=0,
            highest=1,
        ),
        Column("score", pa.float64(), "Quality score of the partition", "0..100", lowest=0, highest=100),
        Column("status", pa.string(), "ok, empty or failed", nullable=False, values=("ok", "empty", "failed")),
        Column("reason", pa.string(), "Why a partition is empty or failed", nullable=False),
    ),
)

INDEX_BARS = TableSchema(
    name="core/index_bars",
    version=1,
    description="One-minute bars of an index, stamped by their start.",
    key=("symbol", "ts"),
    columns=(
        _SYMBOL,
        Column("ts", IST_TIMESTAMP, "Start of the bar", nullable=False),
        Column("open", pa.float64(), "First level", "index points", nullable=False, lowest=0),
        Column("high", pa.float64(), "Highest level", "index points", nullable=False, lowest=0),
        Column("low", pa.float64(), "Lowest level", "index points", nullable=False, lowest=0),
        Column("close", pa.float64(), "Last level", "index points", nullable=False, lowest=0),
        Column("raw_rows", pa.int32(), "How many raw rows stand in this bar", "rows", nullable=False, lowest=0),
        _KNOWN_TS,
    ),
)

DAILY_BARS = TableSchema(
    name="core/daily_bars",
    version=1,
    description="Daily bars of an index or of India VIX; one object holds a symbol's whole history.",
    key=("symbol", "trade_date"),
    columns=(
        _SYMBOL,
        Column("trade_date", pa.date32(), "Session", nullable=False),
        Column("open", pa.float64(), "Open", "index points", lowest=0),
        Column("high", pa.float64(), "High", "index points", lowest=0),
        Column("low", pa.float64(), "Low", "index points", lowest=0),
        Column("close", pa.float64(), "Close", "index points", nullable=False, lowest=0),
        Column("known_ts", IST_TIMESTAMP, "End of that session", nullable=False),
    ),
)

COMPONENT_ANALYSIS_RESULTS = TableSchema(
    name="regimes/component_analysis_results",
    version=1,
    description="Each component's answer at each bar.",
    key=("symbol", "event_ts", "component_id"),
    columns=(
        Column("analysis_id", pa.string(), "UUID of the answer", nullable=False),
        Column("component_id", pa.int32(), "Component 1 to 8", nullable=False, lowest=1, highest=8),
        _SYMBOL,
        _EVENT_TS,
        _KNOWN_TS,
        Column(
            "regime_prediction",
            pa.string(),
            "Regime whose signature the component's score matches best",
            values=REGIMES,
        ),
        Column("score", pa.float64(), "Directional score", "-1..1", lowest=-1, highest=1),
        Column("confidence_score", pa.float64(), "Confidence", "0..1", lowest=0, highest=1),
        Column(
            "processing_time_ms",
            pa.float64(),
            "Time spent on the component, where measured for this row",
            "ms",
            lowest=0,
        ),
        Column("weight_factor", pa.float64(), "Weight in the master answer", "share", lowest=0, highest=1),
        Column(
            "health",
            pa.string(),
            "Health of the component",
            nullable=False,
            values=("healthy", "degraded", "unavailable"),
        ),
    ),
)

MASTER_REGIME_ANALYSIS = TableSchema(
    name="regimes/master_regime_analysis",
    version=1,
    description="The platform's answer at each bar: regime, probabilities, confidence and where they come from.",
    key=("symbol", "event_ts"),
    columns=(
        Column("analysis_id", pa.string(), "UUID of the answer", nullable=False),
        _SYMBOL,
        _EVENT_TS,
        _KNOWN_TS,
        Column("master_regime", pa.string(), "One of the 8 regimes; null where there is no signal", values=REGIMES),
        Column("tactical_regime", pa.string(), "One of the 18 tactical regimes, as PARENT/name"),
        Column("workbook_regime", pa.string(), "One of the 18 workbook regimes"),
        Column("master_confidence", pa.float64(), "Probability of the answered regime", "0..1", lowest=0, highest=1),
        Column("component_agreement", pa.float64(), "Agreement of the components present", "0..1", lowest=0, highest=1),
        Column(
            "processing_time_total_ms",
            pa.float64(),
            "Time spent on the answer, where measured for this row",
            "ms",
            lowest=0,
        ),
        Column("model_version", pa.string(), "Model behind the answer; empty for rules"),
        Column(
            "source", pa.string(), "model, rules or no-signal", nullable=False, values=("model", "rules", "no-signal")
        ),
        Column("reason", pa.string(), "Why there is no signal, or why rules stand in for the model"),
        Column("rule_regime", pa.string(), "What the rule classifier says, beside the model", values=REGIMES),
        *(
            Column(f"p_{name.lower()}", pa.float64(), f"Probability of {name}", "0..1", lowest=0, highest=1)
            for name in REGIMES
        ),
    ),
)

ADAPTIVE_LEARNING_WEIGHTS = TableSchema(
    name="regimes/adaptive_learning_weights",
    version=1,
    description="Weights of the components by days to expiry and regime; each change names the one before.",
    key=("weight_id",),
    columns=(
        Column("weight_id", pa.string(), "UUID of the weight", nullable=False),
        _SYMBOL,
        Column("component_id", pa.int32(), "Component 1 to 8", nullable=False, lowest=1, highest=8),
        Column("dte_bucket", pa.string(), "Days-to-expiry bucket", nullable=False, values=("0-7", "8-30", "31+")),
        Column(
            "regime_context",
            pa.string(),
            "Regime for which the weight holds, or ANY",
            nullable=False,
            values=(*REGIMES, "ANY"),
        ),
        Column("weight_value", pa.float64(), "The weight", "share", nullable=False, lowest=0, highest=1),
        Column("performance_metric", pa.float64(), "Performance behind the change"),
        Column("last_updated", IST_TIMESTAMP, "When the weight came into force", nullable=False),
        Column("reason", pa.string(), "Why it changed", nullable=False),
        Column("previous_weight_id", pa.string(), "The weight it replaced; null for a start value"),
    ),
)

ML_MODEL_METADATA = TableSchema(
    name="models/ml_model_metadata",
    version=1,
    description="Every model version: what it was trained on, what it scored beside its baselines, where it stands.",
    key=("model_version",),
    columns=(
        Column("model_version", pa.string(), "Version: task and content digest", nullable=False),
        Column("task", pa.string(), "What it predicts", nullable=False),
        Column("trained_at", IST_TIMESTAMP, "When it was trained", nullable=False),
        Column("train_start", pa.date32(), "First session of the training window", nullable=False),
        Column("train_end", pa.date32(), "Last session of the training window", nullable=False),
        Column("feature_schema_version", pa.string(), "Version of the features", nullable=False),
        Column("label_schema_version", pa.string(), "Version of the labels", nullable=False),
        Column("parameters_digest", pa.string(), "Digest of the parameters", nullable=False),
        Column("code_version", pa.string(), "Version of the code", nullable=False),
        Column("metrics", pa.string(), "Metrics as JSON", nullable=False),
        Column("baselines", pa.string(), "Every baseline's metrics as JSON", nullable=False),
        Column("signature", pa.string(), "Inputs and outputs as JSON", nullable=False),
        Column(
            "stage",
            pa.string(),
            "Where it stands",
            nullable=False,
            values=("candidate", "shadow", "champion", "retired"),
        ),
        Column("reason", pa.string(), "Why it stands there", nullable=False),
    ),
)

TABLES: dict[str, TableSchema] = {
    table.name: table
    for table in (
        CORE_OPTION_CHAIN,
        QUARANTINE,
        QUALITY_REPORT,
        INDEX_BARS,
        DAILY_BARS,
        COMPONENT_ANALYSIS_RESULTS,
        MASTER_REGIME_ANALYSIS,
        ADAPTIVE_LEARNING_WEIGHTS,
        ML_MODEL_METADATA,
    )
}
