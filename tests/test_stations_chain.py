"""What must hold before core takes the old one's place."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from mr_platform import stations
from mr_platform.errors import DataError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.sources import ingest


def test_core_that_breaks_its_contract_leaves_the_old_one_standing(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = stations.simulate(tmp_path, symbols=["NIFTY"], first=dt.date(2025, 1, 6), sessions=1, seed=5)
    stations.ingest_files(lake, "platform_chain", paths)
    partition = Partition("NIFTY", dt.date(2025, 1, 6))
    before = stations.publish_core(lake, partition)
    assert not before.changed
    sound = ingest.core_of

    def broken(*given: object, **named: object) -> ingest.CoreResult:
        result = sound(*given, **named)  # type: ignore[arg-type]
        at = result.core.schema.get_field_index("strike")
        strikes = pa.array([-1.0] * result.core.num_rows)
        return type(result)(
            core=result.core.set_column(at, result.core.schema.field(at), strikes),
            quarantine=result.quarantine,
            quality=result.quality,
            report=result.report,
            validated=result.validated,
        )

    monkeypatch.setattr(ingest, "core_of", broken)
    with pytest.raises(DataError, match="strike"):
        stations.publish_core(lake, partition)
    assert lake.verify("core/option_chain", partition).digest == before.digest
