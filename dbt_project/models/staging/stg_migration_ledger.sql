select
    table_name,
    partition_key,
    symbol,
    trade_date,
    state,
    source_rows,
    lake_rows,
    attempts,
    reason,
    updated_ts
from {{ source('lake', 'migration_ledger') }}
