"""The workbook of the home, as assets receive it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg


class WorkbookFile(dg.ConfigurableResource):
    """Path of the workbook that steers this home; empty where sets are loaded by hand (``mr config load``)."""

    file: str = ""

    def path(self) -> Path | None:
        """The file, or None."""
        return Path(self.file) if self.file else None

    def stamp(self) -> str:
        """Size and time of the file, "absent" where it is named and not there, "" where none is named.

        Enough to ask whether to look again; what the file says is told by reading it.
        """
        path = self.path()
        if path is None:
            return ""
        try:
            about = path.stat()
        except OSError:
            return "absent"
        return f"{about.st_size} bytes of {about.st_mtime_ns}"
