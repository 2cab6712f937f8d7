"""What goes wrong on purpose: which call, from which one on, how often, and how."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from mr_platform.errors import UsageError

ARROW_CALL = "sql_execute_df"
ROWS_CALL = "sql_execute"
KINDS = {
    "cut": "`share` of the answer is sent, then the connection closes",
    "kill": "`share` of the answer is sent, then the server's process ends as by a kill -9",
    "stall": "`share` of the answer is sent, the rest after `seconds`",
    "close": "the connection closes without an answer",
    "truncate": "the Arrow frame ends in the middle, within a whole message",
    "torn": "the Arrow frame ends before its record batch, within a whole message that states its size",
    "lose_session": "the server has forgotten the session",
    "slow": "the answer comes after `seconds`",
    "refuse": "the server answers with an error of its own",
    "change": "the answer's rows are those of `change(rows)`",
    "act": "`act()` is called before the statement is carried out: the source moves",
}


@dataclass(frozen=True)
class Fault:
    """``kind`` (see KINDS) strikes the calls ``nth`` .. ``nth + times - 1`` of ``call``, counted from 1 over all
    connections; ``containing`` narrows it to statements with that text."""

    kind: str
    call: str = ARROW_CALL
    nth: int = 1
    times: int = 1
    seconds: float = 0.0
    share: float = 0.5
    containing: str = ""
    change: Callable[[pa.Table], pa.Table] | None = None
    act: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(
                rule="the fault is a known one", value=self.kind, place="stand-in", remedy=f"known: {', '.join(KINDS)}"
            )

    @classmethod
    def parse(cls, text: str) -> Fault:
        """``kind[:nth[:times[:seconds]]]`` on Arrow pulls, as the command line writes it."""
        kind, *rest = text.split(":")
        try:
            numbers = [float(part) for part in rest]
        except ValueError:
            numbers = [0.0] * 4
        if len(numbers) > 3 or kind in ("change", "act") or any(number <= 0 for number in numbers):
            raise UsageError(
                rule="a fault is kind[:nth[:times[:seconds]]]",
                value=text,
                place="stand-in",
                remedy="for example cut:3 or slow:1:5:0.2",
            )
        nth, times, seconds = (numbers + [1.0, 1.0, 1.0][len(numbers) :])[:3]
        return cls(kind, nth=int(nth), times=int(times), seconds=seconds)


class FaultScript:
    """The faults of one server and how often each has seen its call; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._seen: Counter[int] = Counter()
        self.struck: Counter[str] = Counter()

    def add(self, *faults: Fault) -> None:
        """More faults; each counts its calls from now on."""
        with self._lock:
            self._faults += faults

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._seen.clear()

    def strike(self, call: str, text: str) -> list[Fault]:
        """The faults that strike this call."""
        found = []
        with self._lock:
            for number, fault in enumerate(self._faults):
                if fault.call not in (call, "*") or fault.containing not in text:
                    continue
                self._seen[number] += 1
                if fault.nth <= self._seen[number] < fault.nth + fault.times:
                    found.append(fault)
                    self.struck[fault.kind] += 1
        return found
