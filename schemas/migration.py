"""The ledger of the transfer from the source database: one row for each partition and the state that it has reached."""

from __future__ import annotations

import pyarrow as pa

from schemas.tables import IST_TIMESTAMP, Column, TableSchema

MIGRATION_STATES = ("planned", "transferring", "transferred", "verified", "failed")

MIGRATION_LEDGER = TableSchema(
    name="migration/ledger",
    version=1,
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
