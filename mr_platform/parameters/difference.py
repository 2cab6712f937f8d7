"""What differs between two parameter sets, value by value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mr_platform.parameters.resolution import ParameterSet
from mr_platform.parameters.values import Value, to_json


@dataclass(frozen=True)
class Difference:
    """One value that is not the same: ``kind`` is changed, added or removed; ``before``/``after`` None where absent."""

    id: str
    kind: str
    before: Value | None
    after: Value | None
    steers: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON output."""
        return {
            "id": self.id,
            "kind": self.kind,
            "before": to_json(self.before),
            "after": to_json(self.after),
            "steers": self.steers,
        }


def difference(before: ParameterSet, after: ParameterSet) -> list[Difference]:
    """Values that differ, by id; records appear and vanish with their key."""
    old, new = before.values, after.values
    found = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            found.append(Difference(name, "added", None, new[name], after.consumer_of(name)))
        elif name not in new:
            found.append(Difference(name, "removed", old[name], None, before.consumer_of(name)))
        elif to_json(old[name]) != to_json(new[name]):
            found.append(Difference(name, "changed", old[name], new[name], after.consumer_of(name)))
    return found
