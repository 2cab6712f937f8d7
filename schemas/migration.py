"""The ledger of the transfer from the source database, and the differences that verification found.

The ledger has one row for each partition and the state that it has reached; the failures one row for each difference.
"""

from __future__ import annotations

import pyarrow as pa

from schemas.tables import IST_TIMESTAMP, Column, TableSchema

# In the order in which a partition passes through them; the last three are ways off that road.
MIGRATION_STATES = (
    "pending",
    "transferring",
    "transferred",
    "verified",
    "mismatched",
    "suspended",
    "unverifiable",
)

MIGRATION_LEDGER = TableSchema(
    name="migration/ledger",
    version=2,
    description="Every partition of every table to be moved: what source and lake hold, and the state it has reached.",
    key=("table_name", "partition_key"),
    columns=(
        Column("table_name", pa.string(), "Table of the source database", nullable=False),
        Column("partition_key", pa.string(), "SYMBOL|YYYY-MM-DD, or the table's own key", nullable=False),
        Column("symbol", pa.string(), "Underlying, where the table has one"),
        Column("trade_date", pa.date32(), "Session, where the table has one"),
        Column("state", pa.string(), "State reached", nullable=False, values=MIGRATION_STATES),
        Column("source_rows", pa.int64(), "Rows counted in the source", "rows", lowest=0),
        Column("lake_rows", pa.int64(), "Rows published in the lake", "rows", lowest=0),
        Column("attempts", pa.int32(), "How often the transfer was tried", nullable=False, lowest=0),
        Column("reason", pa.string(), "Why it failed; empty otherwise", nullable=False),
        Column("updated_ts", IST_TIMESTAMP, "When the state was reached", nullable=False),
    ),
)

MIGRATION_FAILURES = TableSchema(
    name="migration/failures",
    version=1,
    description="Differences between source and lake, down to row and column, with what each side holds.",
    key=("table_name", "partition_key", "check_name", "source_rowid", "column_name", "side"),
    columns=(
        Column("table_name", pa.string(), "Table of the source database", nullable=False),
        Column("partition_key", pa.string(), "SYMBOL|YYYY-MM-DD", nullable=False),
        Column("symbol", pa.string(), "Underlying", nullable=False),
        Column("trade_date", pa.date32(), "Session", nullable=False),
        Column("check_name", pa.string(), "The check that found it", nullable=False),
        Column("source_rowid", pa.int64(), "Row of the source; null where the difference is of the whole partition"),
        Column("column_name", pa.string(), "Column; empty where the whole row or partition differs", nullable=False),
        Column(
            "side",
            pa.string(),
            "Where the row stands: on both sides with different values, or on one alone",
            nullable=False,
            values=("both", "source", "lake"),
        ),
        Column("source_value", pa.string(), "What the source holds, exactly; null for NULL or no row"),
        Column("lake_value", pa.string(), "What the lake holds, exactly; null for NULL or no row"),
        Column("detail", pa.string(), "The difference in words", nullable=False),
        Column("found_ts", IST_TIMESTAMP, "When it was found", nullable=False),
    ),
)
