"""The clock: what time the platform believes it is. Everything that asks for "now" asks here."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import dagster as dg

from mr_platform.errors import UsageError
from mr_platform.market.sessions import IST


class Clock(dg.ConfigurableResource):
    """The system's clock, or a file with an ISO time that a test or a replay moves.

    ``file``: path of that file, empty for the system's clock. A time without an offset is IST.
    """

    file: str = ""

    def now(self) -> datetime:
        """The present moment, aware, in IST. UsageError where the file holds no time."""
        if not self.file:
            return datetime.now(IST)
        path = Path(self.file)
        try:
            moment = datetime.fromisoformat(path.read_text(encoding="utf-8").strip())
        except (OSError, ValueError) as error:
            raise UsageError(
                rule="the clock file holds one ISO time",
                value=error,
                place=str(path),
                remedy="write a time such as 2025-02-14T10:05:00 into it, or unset MR_CLOCK_FILE",
            ) from error
        return moment.replace(tzinfo=IST) if moment.tzinfo is None else moment.astimezone(IST)


def write_clock(path: Path, moment: datetime) -> None:
    """Move a file clock. The rename is atomic: a reader never finds half a time."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(moment.isoformat(), encoding="utf-8")
    scratch.replace(path)
