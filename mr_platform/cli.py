"""The command line ``mr``: what people and scripts type.

Results go to stdout (``--json``: one document), logs and progress to stderr. Exit codes: 0 done,
1 failed or found wrong, 2 wrong usage. Commands import what they need when they run, so that asking
for help costs nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mr_platform import logs
from mr_platform.commands import catalogue, config, evaluate, pandas_free, standin, weights
from mr_platform.commands import migrate as migration_commands
from mr_platform.commands.arguments import (
    DEFAULT_HOME,
    DateOption,
    HomeOption,
    JsonOption,
    SymbolOption,
    UntilOption,
    open_lake,
    parse_date,
    parse_minute,
    parse_partition,
    parse_symbol,
    published_partition,
    show,
)
from mr_platform.errors import MrError, SourceError, UsageError

if TYPE_CHECKING:
    from mr_platform.sources.ingest import IngestRow

app = typer.Typer(
    name="mr",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which regime the index-option market is in, and the proof.",
)
app.add_typer(config.app)
app.add_typer(weights.app)


def main() -> None:
    """Run ``mr``; errors of the platform end with their message and exit code, never with a traceback."""
    logs.configure()
    if sys.argv[1:2] == ["features"]:
        pandas_free.leave_pandas_out()
    try:
        app(standalone_mode=True)
    except MrError as error:
        sys.stderr.write(f"mr: {error}\n")
        if "--json" in sys.argv:
            from mr_platform import exporting

            exporting.print_json(error.as_dict())
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # the reader of our output went away; point stdout elsewhere so that the interpreter's exit stays quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (OSError, MemoryError) as error:
        if os.environ.get("MR_DEBUG"):
            raise
        sys.stderr.write(f"mr: the machine refused: {error}. MR_DEBUG=1 shows where.\n")
        sys.exit(1)


@app.callback()
def _options(
    home: Annotated[Path | None, typer.Option("--home", help="Folder that holds everything; also MR_HOME.")] = None,
) -> None:
    if home is not None:
        os.environ["MR_HOME"] = str(home)


@app.command()
def demo(
    home: HomeOption = DEFAULT_HOME,
    sessions: Annotated[int, typer.Option(help="Sessions of the embedded market.", min=12, max=250)] = 60,
    as_json: JsonOption = False,
) -> None:
    """The whole graph on the embedded market; ends with a summary and what to open next."""
    _run_module("assets.demo", home, ["--sessions", str(sessions), *(["--json"] if as_json else [])])


@app.command()
def run(
    home: HomeOption = DEFAULT_HOME,
    symbol: Annotated[list[str] | None, typer.Option("--symbol", help="Only these symbols.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First trade date.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last trade date.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The graph from core to the marts for what the lake holds: context, features, labels, models, regimes, marts."""
    arguments = [part for name in symbol or [] for part in ("--symbol", name)]
    for flag, text in (("--from", first), ("--to", last)):
        if text is not None:
            arguments += [flag, parse_date(text).isoformat()]
    _run_module("assets.backfill", home, [*arguments, *(["--json"] if as_json else [])])


@app.command()
def ui(
    home: HomeOption = DEFAULT_HOME,
    port: Annotated[int, typer.Option(help="Port of the web server.", min=1, max=65535)] = 3000,
) -> None:
    """Dagster UI and daemon on workspace.yaml."""
    _run_module("assets.ui", home, ["--port", str(port)])


@app.command()
def sources(as_json: JsonOption = False) -> None:
    """The source profiles."""
    from mr_platform.sources.profile import load_profiles

    rows = [
        {"profile": p.name, "kind": p.kind, "shape": p.shape, "description": p.description}
        for p in load_profiles().values()
    ]
    show(rows, as_json=as_json, title="Source profiles")


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder for the files.")],
    home: HomeOption = DEFAULT_HOME,
    symbol: Annotated[list[str] | None, typer.Option("--symbol", help="Only these symbols.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First trade date.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last trade date, with --on-index.")] = None,
    sessions: Annotated[int, typer.Option(help="How many sessions.", min=1, max=500)] = 5,
    seed: Annotated[int | None, typer.Option(help="Seed; the configuration's by default.", min=0)] = None,
    minutely: Annotated[bool, typer.Option("--minutely", help="One file a minute, as a collector drops them.")] = False,
    on_index: Annotated[
        bool, typer.Option("--on-index", help="On the real path of the home's index bars and India VIX.")
    ] = False,
) -> None:
    """Option chains of the embedded market as files: ingest them with the profile platform_chain."""
    from mr_platform import stations

    if on_index:
        if not symbol or len(symbol) != 1 or first is None:
            raise UsageError(
                rule="options on a real index path are made for one symbol from a date on",
                value={"symbol": symbol, "from": first},
                place="mr simulate --on-index",
                remedy="give --symbol NIFTY --from 2022-11-01, and --to for more than one session",
            )
        start, end = parse_date(first), parse_date(last or first)
        paths = stations.simulate_on_index(
            open_lake(home), out, symbol=parse_symbol(symbol[0]), first=start, last=end, seed=seed
        )
    else:
        paths = stations.simulate(
            out,
            symbols=[parse_symbol(name) for name in symbol or []],
            first=parse_date(first) if first is not None else None,
            sessions=sessions,
            seed=seed,
            minutely=minutely,
        )
    sys.stderr.write(f"{len(paths)} files below {out}; next: mr ingest platform_chain {out / 'option_chain'}\n")


@app.command()
def docs(
    out: Annotated[Path, typer.Option("--out", help="FILE.html")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Documentation of the marts by dbt, as one HTML page: models, columns, tests, lineage. Rebuilds the warehouse."""
    from mr_platform.environments import Home
    from mr_platform.warehouse import build_marts, warehouse_file

    if out.suffix != ".html":
        raise UsageError(rule="the page is an .html file", value=out.name, place="--out", remedy="name it so")
    rows = build_marts(Home(home).lake, warehouse_file(Home(home).root), docs=out)
    sys.stderr.write(f"{len(rows)} marts documented in {out}\n")


@app.command()
def ingest(
    profile: Annotated[str, typer.Argument(help="Source profile, see mr sources.")],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    home: HomeOption = DEFAULT_HOME,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only this symbol.")] = None,
    day: Annotated[str | None, typer.Option("--date", help="Only this trade date.")] = None,
    workers: Annotated[int, typer.Option(help="Symbol-days at a time.", min=1, max=64)] = os.cpu_count() or 1,
    as_json: JsonOption = False,
) -> None:
    """Raw, core and quarantine for each symbol-day found; ends with a table of what happened."""
    from mr_platform import stations
    from mr_platform.sources.ingest import refused_file
    from mr_platform.sources.profile import load_profile

    try:
        found = stations.ingest_files(
            open_lake(home),
            profile,
            paths,
            symbol=symbol if symbol is None or load_profile(profile).kind != "chain" else parse_symbol(symbol),
            trade_date=parse_date(day) if day is not None else None,
            workers=workers,
            progress=_told if sys.stderr.isatty() else None,
        )
        rows = [row.as_dict() for row in found]
    except SourceError as error:
        # nothing could be read at all: the same table, with the one row that says why
        sys.stderr.write(f"mr: {error}\n")
        rows = [refused_file(profile, str(error))]
    show(rows, as_json=as_json, title=f"Ingested by {profile}")
    if not rows or any(row["status"] in ("failed", "refused") for row in rows):
        raise typer.Exit(1)


@app.command()
def export(
    table: Annotated[str, typer.Argument(help="core/option_chain, core/quarantine, features/c1_..., regimes/...")],
    symbol: SymbolOption,
    day: DateOption,
    out: Annotated[Path, typer.Option("--out", help="FILE.parquet, FILE.csv or FILE.json")],
    home: HomeOption = DEFAULT_HOME,
    until: UntilOption = None,
    source: Annotated[str | None, typer.Option(help="Source of a raw table that has several.")] = None,
) -> None:
    """A published partition as one file."""
    from mr_platform import exporting, stations

    lake = open_lake(home)
    partition = published_partition(lake, table, symbol, day)
    if table == "core/option_chain":
        rows = stations.known_core(lake, partition, until=parse_minute(until))
    else:
        rows = exporting.published(lake, table, partition, until=parse_minute(until), source=source)
    exporting.write(rows, out)
    sys.stderr.write(f"{rows.num_rows} rows of {table} {partition} to {out}\n")


@app.command()
def features(
    symbol: SymbolOption,
    day: DateOption,
    out: Annotated[Path, typer.Option("--out", help="FILE.parquet, FILE.csv or FILE.json")],
    home: HomeOption = DEFAULT_HOME,
    until: UntilOption = None,
    components: Annotated[str | None, typer.Option(help="Comma list, for example c1,c2; all by default.")] = None,
    engine: Annotated[str, typer.Option(help="auto, cpu, reference or gpu.")] = "auto",
    every: Annotated[int, typer.Option(help="Minutes between rows: 1 or 5.")] = 1,
) -> None:
    """Features computed afresh from core: symbol, event_ts, then the features in catalogue order."""
    from mr_platform import exporting, stations

    if every not in (1, 5):
        raise UsageError(rule="rows come every 1 or 5 minutes", value=every, place="--every", remedy="give 1 or 5")
    names = tuple(part.strip() for part in components.split(",")) if components else None
    frame = stations.compute_features(
        open_lake(home), parse_partition(symbol, day), components=names, engine=engine, until=parse_minute(until)
    )
    rows = frame.to_table(every=every)
    exporting.write(rows, out)
    sys.stderr.write(f"{rows.num_rows} rows x {rows.num_columns} columns to {out}\n")


@app.command()
def quality(
    symbol: SymbolOption,
    day: DateOption,
    home: HomeOption = DEFAULT_HOME,
    picture: Annotated[Path | None, typer.Option(help="Write the heat map to this PNG file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What validation found in a partition."""
    from mr_platform import exporting, stations

    report = stations.quality(open_lake(home), parse_partition(symbol, day))
    if picture is not None:
        exporting.write_bytes(stations.quality_picture(open_lake(home), parse_partition(symbol, day)), picture)
    if as_json:
        exporting.print_json(report)
        return
    head = {key: value for key, value in report.items() if key != "rules"}
    show([head], as_json=False, title="Quality")
    show([{"code": c, "count": n} for c, n in report["rules"].items()], as_json=False, title="Rules")


@app.command()
def regime(
    symbol: SymbolOption,
    day: DateOption,
    home: HomeOption = DEFAULT_HOME,
    until: UntilOption = None,
    picture: Annotated[Path | None, typer.Option(help="Write the day's timeline to this PNG file.")] = None,
) -> None:
    """The unified answer of the last bar: regime, confidence, indicators, recommendations, history."""
    from mr_platform import exporting, stations

    partition = parse_partition(symbol, day)
    answer = stations.unified_answer(open_lake(home), partition, until=parse_minute(until))
    if picture is not None:
        exporting.write_bytes(stations.regime_picture(open_lake(home), partition), picture)
    exporting.print_json(answer)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT on the warehouse, for example on marts.mart_regime_daily.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Ask the warehouse: one read-only query, its rows as a table or as JSON."""
    from mr_platform.environments import Home
    from mr_platform.warehouse import ask, warehouse_file

    show(ask(warehouse_file(Home(home).root), sql), as_json=as_json, title="")


@app.command()
def bench(
    name: Annotated[list[str] | None, typer.Argument(help="Benchmarks; all by default.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Benchmarks with ratios against a peer in the same run."""
    from dataclasses import asdict

    from mr_platform.benchmarks import run_benchmarks

    show([asdict(row) for row in run_benchmarks(name or None)], as_json=as_json, title="Benchmarks")


def _told(row: IngestRow) -> None:
    """One line a symbol-day, for the person who waits at a terminal."""
    sys.stderr.write(f"{row.symbol or 'file'} {row.date} {row.status} {row.core_bars} bars\n")


def _run_module(module: str, home: Path, arguments: list[str]) -> None:
    """Run an orchestration entry point in a process of its own: this library does not import the orchestrator."""
    import subprocess

    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "GX_ANALYTICS_ENABLED": "false"}
    process = subprocess.Popen([sys.executable, "-m", module, "--home", str(home), *arguments], env=environment)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        code = process.wait()
    if code:
        raise typer.Exit(code if code in (1, 2) else 1)


app.add_typer(migration_commands.app)
app.command("heavydb-standin")(standin.heavydb_standin)
app.command()(catalogue.catalogue)
app.command()(evaluate.evaluate)


if __name__ == "__main__":
    main()
