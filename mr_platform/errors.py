"""Errors of the platform.

    MrError
    ├── UsageError          the caller asked for something that does not exist      exit 2
    └── DataError           what was asked for is right, the data or state is not   exit 1
        ├── SourceError     a file or server that rows come from
        ├── CalendarError   a date that is no session, or outside the known range
        ├── MissingPartition
        ├── CorruptPartition
        └── ConflictError   somebody else changed it meanwhile

Every message says the rule, the value that broke it, the place, and the remedy.
"""

from __future__ import annotations


class MrError(Exception):
    """Base of all errors the platform raises on purpose.

    Parameters: ``rule`` what must hold; ``value`` what was found (shown shortened);
    ``place`` file, table, parameter or partition; ``remedy`` what the reader can do.
    """

    exit_code = 1

    def __init__(self, *, rule: str, value: object, place: str, remedy: str) -> None:
        self.rule = rule
        self.value = value
        self.place = place
        self.remedy = remedy
        shown = str(value)
        if len(shown) > 300:
            shown = shown[:297] + "..."
        super().__init__(f"{rule} (found: {shown}; at: {place}). Remedy: {remedy}")

    def as_dict(self) -> dict[str, str]:
        """The four parts, for JSON output."""
        return {
            "error": type(self).__name__,
            "rule": self.rule,
            "value": str(self.value),
            "place": self.place,
            "remedy": self.remedy,
        }

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only arguments: the default would rebuild from the message alone and fail across processes
        return (_rebuild, (type(self), self.rule, self.value, self.place, self.remedy))


def _rebuild(kind: type[MrError], rule: str, value: object, place: str, remedy: str) -> MrError:
    return kind(rule=rule, value=value, place=place, remedy=remedy)


class UsageError(MrError):
    """The request itself is wrong: unknown name, malformed date, impossible combination."""

    exit_code = 2


class DataError(MrError):
    """The data or the state of the lake does not allow what was asked."""


class SourceError(DataError):
    """A source file or server cannot be read as its profile says."""


class CalendarError(DataError):
    """A date that is not a trading session, or lies outside the calendar's known range."""


class MissingPartition(DataError):
    """No object is published for the partition."""


class CorruptPartition(DataError):
    """The published object cannot be read, or its content does not match its digest."""


class ConflictError(DataError):
    """The object changed between reading and publishing."""
