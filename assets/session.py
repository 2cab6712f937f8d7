"""Open a home for work in this process: its Dagster instance, its definitions, its lake.

What belongs here: the few lines that every entry point (``mr run``, ``mr demo``) shares.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from assets.graph import Graph
from assets.instance import prepare_instance, process_environment
from mr_platform.environments import Environment, Home, load_environment
from mr_platform.lake.store import Lake


@dataclass(frozen=True)
class Opened:
    """A home at work."""

    home: Home
    environment: Environment
    lake: Lake
    graph: Graph


@contextmanager
def opened(root: Path, *, clock: Path | None = None) -> Iterator[Opened]:
    """The home below ``root`` with its instance; ``clock`` is the file of a replayed clock."""
    home = Home(root.resolve())
    prepare_instance(home)
    os.environ.update(process_environment(home))
    if clock is not None:
        os.environ["MR_CLOCK_FILE"] = str(clock)
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    # what went wrong is raised; Dagster's own telling of it would come twice
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    # imported here: the definitions read MR_HOME, MR_ENV and MR_CLOCK_FILE
    from assets.definitions import build_defs

    environment = load_environment()
    defs = build_defs(environment=environment, home=home)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        yield Opened(home, environment, Lake(home.lake), Graph(defs, instance, environment))
