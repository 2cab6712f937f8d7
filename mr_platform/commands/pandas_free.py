"""Commands without pandas: at its first conversion Arrow imports it, in case that what it is handed were of pandas."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec


class _Absent:
    """An import finder in whose eyes pandas is not installed."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is left out of this process", name=name)
        return None


def leave_pandas_out() -> None:
    """Let Arrow look for pandas now and find none: a fifth of a cold start and 30 MB.

    For a process that converts nothing of pandas: Arrow looks once, and would not know pandas' missing values later.
    Whoever imports pandas himself still can. Nothing happens where pandas is there already.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    sys.meta_path.insert(0, _Absent)
    try:
        pa.array([0]).to_numpy()
    finally:
        sys.meta_path.remove(_Absent)
