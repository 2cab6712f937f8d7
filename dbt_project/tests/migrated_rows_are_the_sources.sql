-- A partition that counts as verified holds as many rows as its source said: the one thing that no state may hide.
select table_name, partition_key, source_rows, lake_rows
from {{ ref('stg_migration_ledger') }}
where state = 'verified' and (lake_rows is null or source_rows is null or lake_rows <> source_rows)
