-- Nothing is lost between the source and core.
select symbol, trade_date, raw_rows, core_rows, quarantined_rows
from {{ ref('mart_data_quality') }}
where raw_rows <> core_rows + quarantined_rows
