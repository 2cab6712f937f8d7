"""Processes that work on symbol-days side by side inside a run."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import dagster as dg

from mr_platform.errors import MrError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Workers(dg.ConfigurableResource):
    """``processes`` symbol-days at a time; 1 works in the run's own process, without a pool's start-up."""

    processes: int = 1

    def each(
        self, work: Callable[[Item], Answer], items: Iterable[Item]
    ) -> list[tuple[Item, Answer | None, MrError | None]]:
        """``work`` on every item, in order: item, its answer, or the platform error that stopped it.

        One bad symbol-day must not take the others of its run with it. Any other exception is a defect of
        the program and is raised.
        """
        todo = list(items)
        if self.processes == 1 or len(todo) < 2 * self.processes:
            return [_attempt(work, item) for item in todo]
        chunk = max(1, len(todo) // (self.processes * 8))
        return list(_pool(self.processes).map(functools.partial(_attempt, work), todo, chunksize=chunk))


def _attempt(work: Callable[[Item], Answer], item: Item) -> tuple[Item, Answer | None, MrError | None]:
    try:
        return item, work(item), None
    except MrError as error:
        return item, None, error


@functools.cache
def _pool(processes: int) -> ProcessPoolExecutor:
    # spawned, not forked: a forked child inherits the locks of the parent's thread pools and may hang on them
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread_each)


def _one_thread_each() -> None:
    # processes are the parallelism: threads below them would only compete for the same cores
    for name in ("NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
