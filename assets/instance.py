"""The Dagster instance of a home: its folder, its configuration, and the environment its processes need."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mr_platform.configuration import config_root, read_yaml
from mr_platform.environments import Home

POSTGRES_VARIABLE = "MR_DAGSTER_POSTGRES_URL"
PROJECT = Path(__file__).resolve().parent.parent

_POSTGRES = f"""
storage:
  postgres:
    postgres_url:
      env: {POSTGRES_VARIABLE}
"""


def prepare_instance(home: Home) -> Path:
    """Make ``HOME/dagster`` with its ``dagster.yaml``; the file is replaced only where it differs."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    home.landing.mkdir(parents=True, exist_ok=True)
    source = config_root() / "dagster.yaml"
    read_yaml(source)
    wanted = source.read_text(encoding="utf-8") + (_POSTGRES if os.environ.get(POSTGRES_VARIABLE) else "")
    target = home.dagster / "dagster.yaml"
    if not target.exists() or target.read_text(encoding="utf-8") != wanted:
        scratch = target.with_suffix(".new")
        scratch.write_text(wanted, encoding="utf-8")
        scratch.replace(target)
    return home.dagster


def process_environment(home: Home, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment of every process that runs Dagster on this home.

    Bytecode must be written: without it each of Dagster's many processes compiles every import anew.
    """
    environment = dict(os.environ if base is None else base)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment | {
        "MR_HOME": str(home.root),
        "DAGSTER_HOME": str(home.dagster),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
    }
