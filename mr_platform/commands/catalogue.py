"""``mr catalogue``: every feature, asked on the terminal, as JSON, as pages, or as one page to search in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mr_platform.commands.arguments import JsonOption, show
from mr_platform.errors import UsageError

_COLUMNS = ["name", "unit", "from", "description"]


def catalogue(
    component: Annotated[str | None, typer.Option("--component", help="Only this component, c1 to c8.")] = None,
    find: Annotated[str | None, typer.Option("--find", help="Only features that speak of all these words.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the pages of the catalogue below FOLDER.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write one page to search in to FILE.html.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Every feature: name, group, formula in words, unit, range, warm-up, parameters, version."""
    from mr_platform.features.catalogue import as_json as rows
    from mr_platform.features.catalogue import component as entry_of

    if html is not None and html.suffix != ".html":
        raise UsageError(rule="the page is an .html file", value=html.name, place="--html", remedy="name it so")
    if (out or html) and (component or find):
        raise UsageError(
            rule="pages tell of every feature",
            value=component or find,
            place="mr catalogue",
            remedy="leave --component and --find out, or leave --out and --html out",
        )
    key = entry_of(component).key if component is not None else None
    words = (find or "").lower().split()
    found = [row for row in rows() if key in (None, row["component"]) and all(word in _said(row) for word in words)]
    if out is not None or html is not None:
        _write(out, html)
        return
    shown = found if as_json else [{**row, "from": row["warmup_minutes"]} for row in found]
    show(shown, as_json=as_json, title=f"Feature catalogue: {len(found)} features", columns=_COLUMNS)


def _said(row: dict[str, Any]) -> str:
    return " ".join((row["name"], row["description"], row["unit"], *row["parameters"])).lower()


def _write(out: Path | None, html: Path | None) -> None:
    from mr_platform import exporting

    if out is not None:
        from mr_platform.features.catalogue_pages import pages

        for name, text in pages().items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            exporting.write_bytes(text.encode(), out / name)
        sys.stderr.write(f"{len(pages())} pages below {out}\n")
    if html is not None:
        from mr_platform.features.catalogue_html import html_page

        exporting.write_bytes(html_page().encode(), html)
        sys.stderr.write(f"the catalogue as one page: {html}\n")
