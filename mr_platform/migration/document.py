"""The certificate for people: one HTML page that needs nothing else, reads well and prints on paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 Georgia, "Times New Roman", serif; color: #1d2730; max-width: 62rem; margin: 3rem auto;
  padding: 0 1.5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; border-bottom: 1px solid #c9d3da; padding-bottom: .2rem; }
.lead { font-size: 1.1rem; color: #44525d; }
.verdict { border-left: 4px solid #2f7d4f; background: #f1f7f3; padding: .8rem 1rem; margin: 1.6rem 0; }
.verdict.open { border-color: #b7791f; background: #fdf7ea; }
table { border-collapse: collapse; width: 100%; font: 13px/1.4 "Helvetica Neue", Arial, sans-serif; }
th { text-align: left; border-bottom: 2px solid #44525d; padding: .3rem .6rem .3rem 0; vertical-align: bottom; }
td { border-bottom: 1px solid #e1e7eb; padding: .3rem .6rem .3rem 0; vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: 12px/1.4 "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: 0; }
dt { color: #5a6872; } dd { margin: 0; }
td:first-child code, .w { white-space: nowrap; }
details { margin: .6rem 0; } summary { cursor: pointer; }
@media print {
  body { margin: 0; font-size: 11px; max-width: none; } h2 { break-after: avoid; } tr { break-inside: avoid; }
}
"""


def html(said: Mapping[str, Any], fingerprint: str) -> str:
    """The page of a certificate's document. ``fingerprint`` of the key that signs it."""
    totals, cut_over = said["totals"], said["cut_over"]
    issued = datetime.fromisoformat(said["issued_ts"])
    parts = [
        "<h1>Certificate of migration</h1>",
        f'<p class="lead">From HeavyDB to the lake: {_count(totals["rows"])} rows in {_count(totals["verified"])} '
        f"verified partitions of {_count(totals['tables'])} {_word(totals['tables'], 'table')}, "
        f"issued {issued:%d %B %Y, %H:%M %Z}.</p>",
        f'<p class="verdict{"" if cut_over["may_be_switched_off"] else " open"}">{escape(cut_over["verdict"])}</p>',
        *_tables(said["tables"]),
        *_exceptions(said["exceptions"]),
        *_completeness(said["tables"]),
        *_gaps(said["tables"]),
        *_checks(said["checks"], totals),
        *_cut_over(cut_over),
        *_partitions(said["partitions"]),
        "<h2>Made with</h2>",
        _terms(said["tools"].items()),
        "<h2>Signature</h2>",
        "<p>This page and its companion <code>certificate.json</code> are signed together with Ed25519; the signature "
        "stands in the companion. It shows that nothing was changed since. That the signer is who you think, only the "
        "fingerprint of the key can show, compared with the one you know from elsewhere:</p>",
        f"<p><code>{escape(fingerprint)}</code></p>",
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Certificate of migration</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _tables(tables: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield "<h2>What was moved</h2>"
    rows = [
        [
            f"<code>{escape(table['table'])}</code>",
            escape(table["symbol"]),
            f'<span class="w">{table["first"]}</span> to <span class="w">{table["last"]}</span>',
            _count(table["partitions"]),
            _count(table["rows"]),
            _count(len(table["columns"])),
            f"<code>{table['digest']}</code>",
        ]
        for table in tables
    ]
    yield _table(["Table", "Symbol", "Dates", "#Partitions", "#Rows", "#Columns", "Digest of all its partitions"], rows)
    for table in tables:
        columns = [[f"<code>{escape(text)}</code>" for text in column] for column in table["columns"]]
        yield (
            f"<details><summary>Columns of {escape(table['table'])}, contract "
            f"<code>{table['contract'][:16]}</code></summary>"
            f"{_table(['Column', 'In the source', 'In the lake'], columns)}</details>"
        )


def _exceptions(exceptions: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield "<h2>Exceptions</h2>"
    if not exceptions:
        yield "<p>None. Every planned partition is verified.</p>"
        return
    yield "<p>These partitions are <strong>not</strong> proven. A person has given each of them up, with a reason.</p>"
    rows = [
        [
            f"<code>{escape(found['table'])}</code>",
            f'<span class="w">{escape(found["partition"].partition("|")[2])}</span>',
            _count(found["source_rows"]),
            escape(found["who"]),
            escape(found["reason"]),
        ]
        for found in exceptions
    ]
    yield _table(["Table", "Date", "#Rows in the source", "Decided by", "Reason"], rows)


def _completeness(tables: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield "<h2>Nothing beside it</h2>"
    yield (
        "<p>When every partition was examined, the source was asked once more for all its dates and counts. Each is "
        "accounted for. Row ids that no date holds are rows that were deleted, or rows without a date, which the "
        "server does not show to a query filtered on the date.</p>"
    )
    rows = [
        [
            f"<code>{escape(look['table'])}</code>",
            escape(look["server"]),
            f"{datetime.fromisoformat(look['looked_ts']):%d %B %Y, %H:%M %Z}",
            _count(look["dates"]),
            _count(look["rows"]),
            _count(look["unaccounted"]),
            _count(len(table["verified_before_last_write"])) if look["epochs"] else "not visible",
        ]
        for table in tables
        for look in [table["closing_look"]]
    ]
    heads = ["Table", "Server", "Asked", "#Dates", "#Rows", "#Row ids of no date", "#Proven before the last write"]
    yield _table(heads, rows)


def _gaps(tables: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield "<h2>The calendar</h2>"
    for table in tables:
        missing, surplus = table["sessions_without_rows"], table["dates_that_are_no_session"]
        unknown = table["dates_outside_the_calendar"]
        said = [
            f"{len(missing)} {_word(len(missing), 'session')} of the exchange without a row in the source"
            + (f": {', '.join(missing)}" if missing else ""),
            f"{len(surplus)} {_word(len(surplus), 'date')} with rows outside any session"
            + (f": {', '.join(surplus)}" if surplus else ""),
        ]
        if unknown:
            said.append(
                f"{len(unknown)} {_word(len(unknown), 'date')} outside the known calendar: {', '.join(unknown)}"
            )
        yield f"<p><code>{escape(table['table'])}</code>: {'; '.join(said)}.</p>"
    yield "<p>A gap of the source is no loss of the migration; it is listed so that nobody takes it for one.</p>"


def _checks(checks: Sequence[Mapping[str, str]], totals: Mapping[str, int]) -> Iterable[str]:
    yield "<h2>What each check proves, and what it leaves open</h2>"
    yield (
        f"<p>Every verified partition has passed every one of these. {_count(totals['pulled_twice'])} of "
        f"{_count(totals['verified'])} were pulled a second time in full; a partition that was not says so in its line "
        "below, and <code>second_pull</code> then says nothing of it.</p>"
    )
    rows = [
        [f"<code>{escape(check['name'])}</code>", escape(check["proves"]), escape(check["leaves_open"])]
        for check in checks
    ]
    yield _table(["Check", "It proves", "It leaves open"], rows)


def _cut_over(cut_over: Mapping[str, Any]) -> Iterable[str]:
    yield "<h2>Cut-over</h2>"
    yield f"<p>{escape(cut_over['verdict'])}</p>"
    if cut_over["readers"]:
        rows = [[escape(reader[name]) for name in ("kind", "name", "why")] for reader in cut_over["readers"]]
        yield _table(["Kind", "Still reads HeavyDB", "How we know"], rows)


def _partitions(partitions: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield "<h2>Every partition</h2>"
    yield (
        "<p>Digests as computed when this certificate was issued, from the files themselves. The row digest is a typed "
        "multiset of all rows; the last column is the SHA-256 of the file.</p>"
    )
    rows = [
        [
            f"<code>{escape(found['table'])}</code>",
            f'<span class="w">{escape(found["partition"].partition("|")[2])}</span>',
            _count(found["rows"]),
            f"<code>{found['row_digest']}</code>",
            f"<code>{found['file_sha256']}</code>" + "".join(f"<br>{escape(text)}" for text in found["findings"]),
        ]
        for found in partitions
    ]
    yield _table(["Table", "Date", "#Rows", "Row digest", "File, and what was noticed"], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """``heads`` that begin with # are of numbers; cells are HTML already."""
    kinds = [' class="n"' if head.startswith("#") else "" for head in heads]
    top = "".join(f"<th{kind}>{escape(head.lstrip('#'))}</th>" for head, kind in zip(heads, kinds, strict=True))
    lines = [
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    ]
    return f"<table><thead><tr>{top}</tr></thead><tbody>\n" + "\n".join(lines) + "\n</tbody></table>"


def _terms(pairs: Iterable[tuple[str, str]]) -> str:
    inside = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    return f"<dl>{inside}</dl>"


def _count(number: int) -> str:
    return f"{number:,}"


def _word(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"
