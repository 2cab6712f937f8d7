"""Structured logs on stderr: one event a line, as text or (``MR_LOG=json``) as JSON.

stdout belongs to results; a log line never goes there. Times are wall-clock seconds of a stage.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_ROOT = "mr"


class _Formatter(logging.Formatter):
    def __init__(self, style: str) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            fields = {**fields, "error": repr(record.exc_info[1])}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        if self._json:
            return json.dumps(
                {"time": stamp, "level": record.levelname.lower(), "logger": record.name, "event": record.getMessage()}
                | fields,
                default=str,
            )
        pairs = " ".join(f"{k}={v}" for k, v in fields.items())
        return f"{stamp} {record.levelname[0]} {record.name} {record.getMessage()} {pairs}".rstrip()


def configure(*, level: str | None = None, style: str | None = None) -> None:
    """Send the platform's logs to stderr. Called once by each entry point.

    ``level`` defaults to ``MR_LOG_LEVEL`` or WARNING; ``style`` to ``MR_LOG`` ("text" or "json").
    """
    root = logging.getLogger(_ROOT)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(style or os.environ.get("MR_LOG", "text")))
    root.handlers[:] = [handler]
    root.setLevel((level or os.environ.get("MR_LOG_LEVEL", "WARNING")).upper())
    root.propagate = False


def get(name: str) -> logging.Logger:
    """The logger of one room, e.g. ``logs.get("features.engine")``."""
    return logging.getLogger(f"{_ROOT}.{name}")


@contextmanager
def stage(name: str, **fields: object) -> Iterator[dict[str, object]]:
    """Log how long a stage took. Yields a dict to which the stage may add what it found.

    After the block the dict also holds ``seconds`` (wall clock).
    """
    log = get("stage")
    found: dict[str, object] = {}
    started = time.perf_counter()
    try:
        yield found
    except Exception:
        log.error(
            name,
            extra={"fields": fields | found | {"seconds": round(time.perf_counter() - started, 4), "failed": True}},
        )
        raise
    found["seconds"] = round(time.perf_counter() - started, 4)
    log.info(name, extra={"fields": fields | found})
