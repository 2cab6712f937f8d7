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
# the item, its answer, or the platform error that stopped it
Attempt = tuple[Item, Answer | None, MrError | None]


class Workers(dg.ConfigurableResource):
    """``processes`` symbol-days at a time; 1 works in the run's own process, without a pool's start-up."""

    processes: int = 1

    def each(
        self, work: Callable[[Item], Answer], items: Iterable[Item], *, least: int | None = None
    ) -> list[Attempt[Item, Answer]]:
        """``work`` on every item, in order: item, its answer, or the platform error that stopped it.

        Fewer than ``least`` items (default: twice the processes) are not worth starting processes for.

        One bad symbol-day must not take the others of its run with it. Any other exception is a defect of
        the program and is raised.
        """
        todo = list(items)
        if self.processes == 1 or len(todo) < (2 * self.processes if least is None else least):
            return [_attempt(work, item) for item in todo]
        chunk = max(1, len(todo) // (self.processes * 8))
        return list(_pool(self.processes).map(functools.partial(_attempt, work), todo, chunksize=chunk))

    def in_order(
        self, work: Callable[[Item], Answer], items: Iterable[Item], by: Callable[[Item], str]
    ) -> list[Attempt[Item, Answer]]:
        """As ``each``, but the items of one ``by`` run one after the other, in the order given."""
        groups: dict[str, list[Item]] = {}
        for item in items:
            groups.setdefault(by(item), []).append(item)
        total = sum(len(group) for group in groups.values())
        if self.processes == 1 or len(groups) == 1 or total < 2 * self.processes:
            return [_attempt(work, item) for group in groups.values() for item in group]
        lists = _pool(self.processes).map(functools.partial(_attempts, work), groups.values())
        return [attempt for attempts in lists for attempt in attempts]


def _attempt(work: Callable[[Item], Answer], item: Item) -> Attempt[Item, Answer]:
    try:
        return item, work(item), None
    except MrError as error:
        return item, None, error


def _attempts(work: Callable[[Item], Answer], items: list[Item]) -> list[Attempt[Item, Answer]]:
    return [_attempt(work, item) for item in items]


@functools.cache
def _pool(processes: int) -> ProcessPoolExecutor:
    # spawned, not forked: a forked child inherits the locks of the parent's thread pools and may hang on them
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread_each)


def _one_thread_each() -> None:
    # processes are the parallelism: threads below them would only compete for the same cores
    for name in ("NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
