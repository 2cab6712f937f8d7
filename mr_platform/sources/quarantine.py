"""The quarantine table: refused raw rows with their code, the rule in words and the row as the source said it."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from mr_platform.sources.observations import ROW_RULES
from schemas.tables import QUARANTINE


def quarantine_table(raw: pa.Table, refused: pl.DataFrame, *, symbol: str, source: str) -> pa.Table:
    """Rows of core/quarantine for ``refused`` (raw_row, code, detail, ts naive IST, expiry, strike[, rule]).

    ``raw_values`` is the raw row as JSON, every column under the source's own name.
    """
    if refused.height == 0:
        return QUARANTINE.empty()
    refused = refused.sort("raw_row")
    said = pl.from_arrow(raw.take(pa.array(refused["raw_row"].to_numpy())))
    assert isinstance(said, pl.DataFrame)
    values = said.select(pl.struct(_plain(name, kind) for name, kind in said.schema.items()).struct.json_encode())
    words = pl.col("code").replace_strict(ROW_RULES, default=pl.col("code"), return_dtype=pl.String)
    rule = pl.coalesce("rule", words) if "rule" in refused.columns else words
    frame = refused.select(
        pl.lit(symbol).alias("symbol"),
        pl.lit(source).alias("source"),
        "raw_row",
        "code",
        rule.alias("rule"),
        pl.lit("error").alias("severity"),
        "detail",
        pl.col("ts").dt.replace_time_zone("Asia/Kolkata"),
        "expiry",
        "strike",
        values.to_series().alias("raw_values"),
    )
    return QUARANTINE.conform(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))


def _plain(name: str, kind: pl.DataType) -> pl.Expr:
    """Types that JSON does not have, as text."""
    if kind.is_temporal() or kind.is_decimal() or kind == pl.Null:
        return pl.col(name).cast(pl.String)
    return pl.col(name)
