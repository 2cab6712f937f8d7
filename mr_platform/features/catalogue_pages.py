"""The catalogue as pages to read: an index and a page a component, in Markdown, made from the catalogue.

``mr catalogue --out docs`` writes them; a test holds the pages of the repository to what is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mr_platform.features.catalogue import ComponentEntry, FeatureSpec, catalogue, components
from mr_platform.features.groups import GUIDES, by_group
from mr_platform.features.mirror import mirrors
from mr_platform.features.running import settings_of
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.objects import Declared, declared_for
from mr_platform.parameters.values import number_text

INDEX = "catalogue.md"
SESSION_MINUTES = 375
SHOWN_AT_ONCE = 3
_TABLE_HEAD = ("| feature | what it says | unit | range | from | C/P | also steered by |", f"|{'---|' * 7}")


def pages() -> dict[str, str]:
    """Path below the documentation folder and text of each page."""
    found = {INDEX: _index()}
    return found | {f"catalogue/{entry.folder}.md": _component_page(entry) for entry in components()}


def span(spec: FeatureSpec) -> str:
    """The range of a feature as people write it: ``-1 to 1``, ``from 0``, ``any``."""
    low, high = (number_text(bound) if abs(bound) != float("inf") else "" for bound in spec.range)
    if low and high:
        return f"{low} to {high}"
    return f"from {low}" if low else f"up to {high}" if high else "any"


def first_minute(spec: FeatureSpec) -> str:
    """When a feature can first be there: a bar of the session, or the session after the first."""
    return f"bar {spec.warmup_minutes}" if spec.warmup_minutes <= SESSION_MINUTES else "second session"


def mirrored(spec: FeatureSpec) -> str:
    """What a feature becomes where calls and puts change places: ``same``, ``turns``, or another feature's name."""
    mirror = mirrors().get(spec.name)
    if mirror is None:
        return ""
    if mirror.counterpart == spec.name:
        return "same" if mirror.sign == 1 else "turns"
    return mirror.counterpart if mirror.sign == 1 else f"-{mirror.counterpart}"


def shared_parameters(features: Sequence[FeatureSpec]) -> tuple[str, ...]:
    """Names of the parameters that every one of the features uses, in the order of the first."""
    return tuple(name for name in features[0].parameters if all(name in spec.parameters for spec in features))


@dataclass(frozen=True)
class Steering:
    """A declared parameter that steers a component: the names its features use for it, and what is declared."""

    names: tuple[str, ...]
    id: str
    default: str
    unit: str
    description: str


def steering(entry: ComponentEntry) -> list[Steering]:
    """Every parameter that a feature of the component names, in the order in which they are first named."""
    kind = settings_of(entry.key)
    names: dict[str, list[str]] = {}
    found: dict[str, Declared] = {}
    for name in dict.fromkeys(name for spec in entry.features for name in spec.parameters):
        for declared in declared_for(kind, name):
            found[declared.id] = declared
            names.setdefault(declared.id, []).append(name)
    return [Steering(tuple(names[key]), key, *_default(one), one.description) for key, one in found.items()]


def _default(declared: Declared) -> tuple[str, str]:
    """Default and unit as they are shown; a table has records instead."""
    if not isinstance(declared, Parameter):
        return f"{len(declared.default)} records", ""
    content = declared.kind.render(declared.default)
    return number_text(content) if isinstance(content, float) else str(content), declared.unit


def _index() -> str:
    total = len(catalogue())
    lines = [
        "# Feature catalogue",
        "",
        f"{total} features in {len(components())} components. This page and those below it are made from the catalogue",
        "by `mr catalogue --out docs`; `mr catalogue --html catalogue.html` makes one page to search in, and",
        "`mr catalogue --find pin` asks on the terminal. In the warehouse: `staging.stg_feature_catalogue`.",
        "",
        "| component | features | looks at |",
        "|---|---:|---|",
    ]
    for entry in components():
        guide = GUIDES[entry.key]
        link = f"[C{entry.number} {guide.title}](catalogue/{entry.folder}.md)"
        lines.append(f"| {link} | {len(entry.features)} | {guide.looks_at} |")
    lines += ["", "## Groups", "", "| group | features | question |", "|---|---:|---|"]
    for entry in components():
        for name, features in by_group(entry).items():
            group = GUIDES[entry.key].groups[name]
            link = f"[C{entry.number} {group.title}](catalogue/{entry.folder}.md#{name})"
            lines.append(f"| {link} | {len(features)} | {group.purpose} |")
    lines += [
        "",
        "## How to read the tables",
        "",
        "* **feature**: the column in the lake's table and in the warehouse's view of the component. One row a",
        "  five-minute bar is published; `mr features` gives every minute.",
        "* **what it says**: the formula in words. A feature at a minute reads bars up to that minute only.",
        "* **unit**, **range**: where a bound is named, no value lies beyond it. NaN says that it cannot be computed.",
        f"* **from**: the bar of the session ({SESSION_MINUTES} of one minute) from which on it can be there.",
        "* **C/P**: what it becomes where calls and puts change places: the same, its negative (*turns*), or another",
        "  feature; empty where no such rule holds.",
        "* **steered by**: parameters by the name that the component uses. The table at the end of its page tells",
        "  where they stand in the workbook, `mr config trace SHEET.NAME` where a value comes from.",
        "",
        "Each component also gives a `score`, a `confidence` from 0 to 1, and a `health` for each bar.",
    ]
    return "\n".join(lines) + "\n"


def _component_page(entry: ComponentEntry) -> str:
    guide = GUIDES[entry.key]
    groups = by_group(entry)
    contents = " · ".join(f"[{guide.groups[name].title}](#{name}) {len(features)}" for name, features in groups.items())
    lines = [
        f"# C{entry.number} {guide.title}",
        "",
        f"{guide.looks_at}",
        "",
        f"**Score.** {guide.score}",
        "",
        f"{len(entry.features)} features in `{entry.table}`, in the warehouse `staging.stg_{entry.relation}`:",
        f"{contents} · [what steers it](#parameters) · [catalogue](../catalogue.md)",
    ]
    for name, features in groups.items():
        lines += _group_lines(entry, name, features)
    lines += ["", '<a id="parameters"></a>', "", "## What steers it", ""]
    lines += ["| name | in the workbook | default | unit | meaning |", "|---|---|---|---|---|"]
    for one in steering(entry):
        cells = (_names(one.names), f"`{one.id}`", one.default, one.unit, one.description)
        lines.append(f"| {' | '.join(_cell(text) for text in cells)} |")
    return "\n".join(lines) + "\n"


def _group_lines(entry: ComponentEntry, name: str, features: Sequence[FeatureSpec]) -> Iterator[str]:
    guide = GUIDES[entry.key].groups[name]
    shared = shared_parameters(features)
    yield from ("", f'<a id="{name}"></a>', "", f"## {guide.title}", "", guide.purpose, "")
    if shared:
        yield from (f"All of them are steered by {_names(shared)}.", "")
    yield from _TABLE_HEAD
    for spec in features:
        own = _names(tuple(one for one in spec.parameters if one not in shared), most=SHOWN_AT_ONCE)
        cells = (spec.description, spec.unit, span(spec), first_minute(spec), mirrored(spec), own)
        yield f'| <a id="{spec.name}"></a>`{spec.name}` | {" | ".join(_cell(text) for text in cells)} |'


def _names(names: Sequence[str], *, most: int | None = None) -> str:
    """Names as code; more than ``most`` are folded, so that a row stays one row."""
    text = ", ".join(f"`{name}`" for name in names)
    if most is None or len(names) <= most:
        return text
    folded = ", ".join(f"<code>{name}</code>" for name in names)
    return f"<details><summary>{len(names)} parameters</summary>{folded}</details>"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
