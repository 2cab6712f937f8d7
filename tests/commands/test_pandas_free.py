"""A process that leaves pandas out converts Arrow's values all the same, and can still import pandas."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from mr_platform.commands.pandas_free import leave_pandas_out
{before}
leave_pandas_out()
import pyarrow as pa
print(pa.array([1.5, None]).to_numpy(zero_copy_only=False).tolist(), "pandas" in sys.modules)
import pandas
print(pa.table({{"a": [1]}}).to_pandas()["a"].tolist())
"""


def _told(before: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(before=before)], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_arrow_converts_without_importing_pandas_and_pandas_can_still_be_imported() -> None:
    assert _told() == ["[1.5, nan] False", "[1]"]


def test_where_pandas_is_there_it_stays() -> None:
    assert _told("import pandas") == ["[1.5, nan] True", "[1]"]
