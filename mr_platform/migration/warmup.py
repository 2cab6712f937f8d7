"""Compiles the row digest's kernels once, at install: ``python -m mr_platform.migration.warmup``."""

from __future__ import annotations

import sys

import pyarrow as pa

from mr_platform import logs
from mr_platform.migration.rowdigest import row_digest


def compile_kernels() -> None:
    """Digests one row of each kind of argument that the compiler tells apart: 32 bits, 64 bits, text."""
    row_digest(pa.table({"a": pa.array([1], pa.int32()), "b": pa.array([1], pa.int64()), "c": ["text"]}))


def main() -> int:
    """Entry point of the install step."""
    logs.configure(level="INFO")
    with logs.stage("compile row digest kernels"):
        compile_kernels()
    return 0


if __name__ == "__main__":
    sys.exit(main())
