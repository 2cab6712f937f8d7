"""What is told of a configuration: where, what was found, the rule, the remedy."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 60


@dataclass(frozen=True)
class Finding:
    """A fault, a warning or a remark: ``where`` is workbook!sheet!cell, a variable of the environment or an id."""

    where: str
    value: str
    rule: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        """The four parts, for JSON output."""
        return {"where": self.where, "value": self.value, "rule": self.rule, "remedy": self.remedy}


def finding(where: str, value: object, rule: str, remedy: str) -> Finding:
    """A finding whose value is shown on one line, shortened, without control characters."""
    return Finding(where, shown(value), rule, remedy)


def shown(value: object) -> str:
    """A value on one line: printable, at most 60 characters."""
    text = value if isinstance(value, str) else str(value)
    text = "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text[:200])
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
