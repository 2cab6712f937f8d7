"""``mr config``: the parameters in force, where each comes from, and how they change.

What belongs here: what people and scripts type, and how the answer is shown. Exit codes: 0 done, 1 a workbook has
faults or somebody else was faster, 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mr_platform.commands.arguments import (
    DEFAULT_HOME,
    DateOption,
    HomeOption,
    JsonOption,
    SymbolOption,
    open_lake,
    parse_partition,
)
from mr_platform.errors import UsageError

if TYPE_CHECKING:
    from mr_platform.lake.store import Lake
    from mr_platform.parameters.resolution import ParameterSet

app = typer.Typer(
    name="config",
    no_args_is_help=True,
    help="The parameters in force: check a workbook, see and trace values, change and undo.",
)

WorkbookOption = Annotated[
    Path | None, typer.Option("--workbook", help="A workbook instead of the active set of the home.")
]
WhyOption = Annotated[str, typer.Option("--why", help="Why, for whoever reads the history.")]
WhoOption = Annotated[str | None, typer.Option("--who", help="Who answers for it; the login name by default.")]
ExpectOption = Annotated[str | None, typer.Option("--expect", help="Only if the active set's digest still begins so.")]
# a value such as -0.45 is a value, not an option
_MINUS = {"ignore_unknown_options": True}
FileArgument = Annotated[Path, typer.Argument(help="A workbook (.xlsx) or an export (.yaml).")]


@app.command()
def check(file: FileArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Every fault of a workbook at once, with its cell, and what is unknown, contradictory, planned or dead."""
    from mr_platform.commands import reports

    document = reports.check_document(file, _read_file(file, home))
    if as_json:
        _print_json(document)
    else:
        reports.print_check(document)
    if document["errors"]:
        raise typer.Exit(1)


@app.command()
def show(
    home: HomeOption = DEFAULT_HOME,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Only this sheet.")] = None,
    workbook: WorkbookOption = None,
    as_json: JsonOption = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As YAML on stdout.")] = False,
) -> None:
    """Every value in force: unit, origin and what reads it."""
    from mr_platform.commands import reports
    from mr_platform.parameters import interchange

    found = _chosen(home, workbook)
    if as_yaml:
        sys.stdout.write(interchange.as_yaml(found, sheet=sheet))
        return
    rows = reports.values(found, sheet, as_data=as_json)
    if as_json:
        _print_json(rows)
    else:
        _print_table(rows, title=sheet or "Parameters", columns=["id", "value", "unit", "origin", "steers"])


@app.command()
def trace(
    name: Annotated[str, typer.Argument(help="Sheet.name, a name that one sheet alone has, or a field.")],
    home: HomeOption = DEFAULT_HOME,
    workbook: WorkbookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where a value comes from, and every place that was asked for it, in order."""
    from mr_platform.commands import reports

    document = reports.trace(_chosen(home, workbook), name, os.environ)
    if as_json:
        _print_json(document)
    else:
        reports.print_trace(document)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A version's number or digest, a workbook file, or `default`.")],
    after: Annotated[str, typer.Argument(help="As before; `active` is the set in force.")] = "active",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """What differs between two sets, value by value, and what each value steers."""
    from mr_platform.parameters.difference import difference

    changes = difference(_named(before, home), _named(after, home))
    _show_changes(changes, as_json=as_json, title=f"{before} -> {after}")


@app.command()
def load(
    why: WhyOption,
    file: Annotated[
        Path | None, typer.Argument(help="A workbook or an export; without one, the environment's overrides alone.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    who: WhoOption = None,
    expect: ExpectOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Publish; without it only the differences are shown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a workbook the set in force: shows what would change, and with --yes publishes it as a new version."""
    name = file.name if file is not None else "the environment"
    from mr_platform.commands import reports
    from mr_platform.parameters import loading, versions
    from mr_platform.parameters.difference import difference

    lake = open_lake(home)
    looked = loading.look(lake, file, os.environ, cache=_cache(home))
    found = looked.parameter_set
    if found.faults:
        document = reports.check_document(file or Path(name), found)
        _print_json(document) if as_json else reports.print_check(document)
        raise typer.Exit(1)
    before = versions.latest(lake)
    changes = difference(versions.active(lake), found)
    if not yes:
        _show_changes(changes, as_json=as_json, title=f"{name} would change")
        sys.stderr.write("nothing was published; --yes publishes\n")
        return
    version = versions.publish(
        lake,
        found,
        who=_who(who),
        when=_now(),
        why=why,
        source=file.name if file is not None else "",
        source_digest=looked.said,
        expected=_expected(lake, expect),
    )
    _show_version(version, unchanged=before is not None and version.number == before.number, as_json=as_json)


@app.command("set", context_settings=_MINUS)
def set_value(
    name: Annotated[str, typer.Argument(help="Sheet.name, a name that one sheet alone has, or a field.")],
    value: Annotated[str, typer.Argument(help="As a cell of the workbook would hold it.")],
    why: WhyOption,
    home: HomeOption = DEFAULT_HOME,
    who: WhoOption = None,
    expect: ExpectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change one value: a new version with who, when and why."""
    from mr_platform.parameters import versions

    lake = open_lake(home)
    before = versions.latest(lake)
    version = versions.change(lake, name, value, who=_who(who), when=_now(), why=why, expected=_expected(lake, expect))
    _show_version(version, unchanged=before is not None and version.number == before.number, as_json=as_json)


@app.command()
def undo(
    why: WhyOption,
    number: Annotated[int | None, typer.Argument(help="Version to undo; the newest by default.")] = None,
    home: HomeOption = DEFAULT_HOME,
    who: WhoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what a version changed, by a new version; the history keeps both."""
    from mr_platform.parameters import versions

    version = versions.undo(open_lake(home), who=_who(who), when=_now(), why=why, number=number)
    _show_version(version, unchanged=False, as_json=as_json)


@app.command()
def history(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Every version: who, when, why, how many values it changed."""
    from dataclasses import asdict

    from mr_platform.parameters import versions

    rows = [asdict(version) for version in versions.history(open_lake(home))]
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        row["digest"] = row["digest"][:12]
    _print_table(rows, title="Versions", columns=["number", "when", "who", "why", "changes", "source", "digest"])


@app.command()
def rules(
    symbol: SymbolOption,
    day: DateOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """The rules of the sheet ValidationRules on a published symbol-day: what each found, and where first.

    Ends with 1 where a rule of severity ERROR or CRITICAL has hit.
    """
    from mr_platform import stations

    partition = parse_partition(symbol, day)
    outcomes = [outcome.as_dict() for outcome in stations.validation_outcomes(open_lake(home), partition)]
    if as_json:
        _print_json(outcomes)
    else:
        _print_table(outcomes, title=f"ValidationRules on {partition}")
    if any(one["status"] == "hit" and one["severity"] in ("ERROR", "CRITICAL") for one in outcomes):
        raise typer.Exit(1)


@app.command()
def export(
    out: Annotated[Path, typer.Option("--yaml", help="FILE.yaml")],
    home: HomeOption = DEFAULT_HOME,
    workbook: WorkbookOption = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Only this sheet.")] = None,
) -> None:
    """The set in force, or that of a workbook, as a YAML file that `check` and `load` read again."""
    from mr_platform import exporting
    from mr_platform.parameters import interchange

    if out.suffix.lower() not in (".yaml", ".yml"):
        raise UsageError(rule="an export is a .yaml file", value=out.name, place="--yaml", remedy="name it so")
    text = interchange.as_yaml(_chosen(home, workbook), sheet=sheet)
    exporting.write_bytes(text.encode(), out)
    sys.stderr.write(f"{len(text.splitlines())} lines to {out}\n")


@app.command()
def template(
    out: Annotated[Path, typer.Argument(help="FILE.xlsx")],
    kind: Annotated[str, typer.Option(help="strategy, portfolio, regime or optimization.")] = "strategy",
    home: HomeOption = DEFAULT_HOME,
    active: Annotated[bool, typer.Option("--active", help="With the values in force instead of the defaults.")] = False,
) -> None:
    """A workbook of every declared sheet, with comments and the program's own validation, that loads clean."""
    from mr_platform import exporting
    from mr_platform.parameters.template import build_workbook

    if out.suffix.lower() != ".xlsx":
        raise UsageError(rule="a workbook is an .xlsx file", value=out.name, place="FILE", remedy="name it so")
    data = build_workbook(kind, values=_named("active", home) if active else None)
    exporting.write_bytes(data, out)
    sys.stderr.write(f"{len(data):,} bytes to {out}\n")


@app.command(context_settings=_MINUS)
def write(
    file: Annotated[Path, typer.Argument(help="The workbook.")],
    name: Annotated[str, typer.Argument(help="Sheet.name, a name that one sheet alone has, or a field.")],
    value: Annotated[str, typer.Argument(help="The new value.")],
    backup: Annotated[bool, typer.Option("--backup/--no-backup", help="Keep the old file beside it.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Change one value in a workbook file; every other cell, its look and its other parts stay as they are."""
    from mr_platform.parameters.editing import write_cell

    done = write_cell(file, name, value, environment=os.environ, backup_at=_now() if backup else None)
    if as_json:
        _print_json({**vars(done), "backup": str(done.backup or "")})
    else:
        sys.stdout.write(f"{done.place}: {done.before} -> {done.after}\n")


def _read_file(file: Path, home: Path) -> ParameterSet:
    from mr_platform.parameters import loading

    return loading.read_set(file, os.environ, cache=_cache(home))


def _chosen(home: Path, workbook: Path | None) -> ParameterSet:
    """The set of ``workbook``, else the active one with its origins."""
    if workbook is not None:
        return _read_file(workbook, home)
    return _named("active", home)


def _named(name: str, home: Path) -> ParameterSet:
    """A set by the name that people give it: ``active``, ``default``, a file, a version's number or digest."""
    from mr_platform.parameters import loading, versions
    from mr_platform.parameters.resolution import default_set

    if name == "default":
        return default_set()
    if Path(name).suffix:
        return _read_file(Path(name), home)
    lake = open_lake(home)
    version = versions.latest(lake) if name == "active" else versions.find(lake, name)
    return loading.unpublished(os.environ) if version is None else versions.read_with_origins(lake, version)


def _expected(lake: Lake, prefix: str | None) -> str | None:
    """The digest of the active set, where it begins with ``prefix``; else ``prefix``, which conflicts."""
    from mr_platform.parameters import versions

    present = versions.latest(lake)
    if prefix is None or present is None or not present.digest.startswith(prefix):
        return prefix
    return present.digest


def _show_changes(changes: list[Any], *, as_json: bool, title: str) -> None:
    from mr_platform.parameters.registry import registry

    rows = [change.as_dict() for change in changes]
    if as_json:
        _print_json(rows)
    elif not rows:
        sys.stdout.write(f"{title}: nothing differs\n")
    else:
        prose = [row for row in rows if row["id"].endswith(".Description")]
        values = [
            row | {side: registry().shown(change.id, getattr(change, side)) for side in ("before", "after")}
            for row, change in zip(rows, changes, strict=True)
            if row not in prose
        ]
        if values:
            _print_table(values, title=title)
        if prose:
            sys.stdout.write(f"{len(prose)} descriptions differ; --json lists them\n")


def _show_version(version: Any, *, unchanged: bool, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        _print_json({**asdict(version), "published": not unchanged})
    elif unchanged:
        sys.stdout.write(f"version {version.number} says the same already; nothing was published\n")
    else:
        digest = version.digest[:12]
        sys.stdout.write(f"version {version.number} ({digest}) is in force: {version.changes} values changed\n")


def _who(name: str | None) -> str:
    from mr_platform.environments import acting_user

    return acting_user() if name is None else name


def _now() -> datetime:
    from mr_platform.market.sessions import IST

    return datetime.now(IST)


def _cache(home: Path) -> Path | None:
    """Where parsed workbooks are kept; asking about a file makes no home."""
    return home / "cache" / "workbooks" if home.is_dir() else None


def _print_json(document: object) -> None:
    from mr_platform import exporting

    exporting.print_json(document)


def _print_table(rows: list[dict[str, Any]], *, title: str, columns: list[str] | None = None) -> None:
    from mr_platform import exporting

    exporting.print_table(rows, title=title, columns=columns)
