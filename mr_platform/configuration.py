"""Where the project's own configuration files lie, and how a small YAML document is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mr_platform.errors import DataError

_LIMIT_BYTES = 1_000_000


def config_root() -> Path:
    """The ``configs`` folder: ``MR_CONFIGS`` where set, else the one beside the packages."""
    named = os.environ.get("MR_CONFIGS")
    return Path(named) if named else Path(__file__).resolve().parent.parent / "configs"


def read_yaml(path: Path) -> dict[str, Any]:
    """A mapping from a YAML file; DataError names the file where it is absent, oversized or malformed."""
    import yaml

    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise DataError(
                rule=f"a configuration file has at most {_LIMIT_BYTES} bytes",
                value=path.stat().st_size,
                place=str(path),
                remedy="is this the right file?",
            )
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(
            rule="a configuration file is readable YAML",
            value=error,
            place=str(path),
            remedy="mend or restore the file",
        ) from error
    if not isinstance(data, dict):
        raise DataError(
            rule="a configuration file holds a mapping",
            value=type(data).__name__,
            place=str(path),
            remedy="mend the file",
        )
    return data
