"""The certificate: what was moved, what proves it, what is excepted and why; signed, and read by people and programs.

It is issued only when every planned partition is verified, or given up by a named person with a reason. Nothing in it
is taken on trust from the ledger: at issue every verified file is read again and its bytes and rows are digested anew.
Two documents belong together, ``certificate.json`` and ``certificate.html``; the signature covers both.
"""

from __future__ import annotations

import hashlib
import json
import platform as host
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mr_platform.errors import CorruptPartition, DataError, MrError, UsageError
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.migration import completeness, document, signing
from mr_platform.migration.checks import CHECKS, NAMES
from mr_platform.migration.completeness import Completeness
from mr_platform.migration.cutover import Reader
from mr_platform.migration.ledger import UNVERIFIABLE, VERIFIED, Entry, Ledger, PlannedTable
from mr_platform.migration.readback import batches, file_sha256
from mr_platform.migration.reader import RAW
from mr_platform.migration.rowdigest import VERSION as DIGEST_VERSION
from mr_platform.migration.rowdigest import RowDigest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT = "market-regime-platform/migration-certificate/1"
JSON_NAME, HTML_NAME = "migration/certificate/certificate.json", "migration/certificate/certificate.html"
_TOOLS = ("market-regime-platform", "pyarrow", "numpy", "numba", "pyheavydb", "thrift", "cryptography")
_KEPT = ("rows", "multiset", "sequence", "file_sha256", "verified_ts", "pulled_twice", "epochs", "findings")
_MOST_NAMED = 20


@dataclass(frozen=True)
class Certificate:
    """``document`` what is said, ``data`` the signed JSON as it is stored, ``readable`` the HTML for people."""

    document: Mapping[str, Any]
    data: bytes
    readable: bytes
    public_key: bytes

    @property
    def fingerprint(self) -> str:
        """Of the signer's public key, for people to compare."""
        return signing.fingerprint(self.public_key)


def certify(
    lake: Lake,
    *,
    now: datetime,
    key: Ed25519PrivateKey,
    readers: Sequence[Reader] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Certificate:
    """Issue the certificate and store both documents in the lake.

    ``readers`` what of the code location still reads HeavyDB (`cutover.readers`), None where nobody looked; it is
    written down, and the certificate then does not say that the server may be switched off. ``progress`` hears done and
    total partitions. Errors: UsageError where nothing is planned; DataError naming every partition that is not verified
    nor given up, or whose file is no longer what was verified; CorruptPartition for a damaged ledger.
    """
    ledger = Ledger(lake)
    planned = ledger.tables()
    if not planned:
        raise UsageError(
            rule="a migration is certified after it was planned",
            value="no table",
            place="migration ledger",
            remedy="run mr migrate plan, run and verify",
        )
    entries = {table.contract.table: ledger.entries(table.contract.table) for table in planned}
    _refuse_unproven([entry for found in entries.values() for entry in found])
    looks = {table: completeness.read(lake, table) for table in entries}
    _refuse_incomplete(looks)
    proofs = _proofs(lake, planned, entries, progress)
    # what is returned is what a reader of the stored document gets
    said = json.loads(canonical(_document(planned, entries, proofs, looks, readers, now)))
    readable = document.html(said, signing.fingerprint(signing.public_bytes(key))).encode()
    sealed = {
        "document": said,
        "readable_sha256": hashlib.sha256(readable).hexdigest(),
        "public_key": signing.public_bytes(key).hex(),
        "algorithm": "Ed25519 over this document without its signature, keys sorted, no blanks",
    }
    data = canonical({**sealed, "signature": key.sign(canonical(sealed)).hex()})
    lake.put_object(HTML_NAME, readable)
    lake.put_object(JSON_NAME, data)
    return Certificate(said, data, readable, signing.public_bytes(key))


def verify_certificate(data: bytes, readable: bytes | None = None, *, public_key: bytes | None = None) -> Certificate:
    """The certificate, if no byte of it changed since it was signed; CorruptPartition otherwise.

    ``readable`` the HTML that goes with it. ``public_key`` the one that the reader trusts: without it this proves only
    that the document is whole and signed by the owner of the key inside, whose fingerprint is then to be compared.
    """
    try:
        sealed = json.loads(data)
        signature, inside = bytes.fromhex(sealed.pop("signature")), bytes.fromhex(sealed["public_key"])
        said, readable_sha256 = sealed["document"], sealed["readable_sha256"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _changed("it is a certificate's JSON", error) from error
    if canonical({**sealed, "signature": signature.hex()}) != data:
        raise _changed("its bytes are those that were signed", "another writing of the same JSON")
    if public_key is not None and inside != public_key:
        raise _changed("it was signed with the key that you trust", f"key {signing.fingerprint(inside)}")
    if not signing.is_signed(canonical(sealed), signature, inside):
        raise _changed("its signature is that of its content", "another content")
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise _changed(f"its format is {FORMAT}", said.get("format") if isinstance(said, dict) else said)
    if readable is not None and hashlib.sha256(readable).hexdigest() != readable_sha256:
        raise _changed("the readable document is the one that was signed with it", "another text")
    return Certificate(said, data, readable or b"", inside)


def read_certificate(lake: Lake, *, public_key: bytes | None = None) -> Certificate:
    """The lake's certificate, verified with its readable document; MissingPartition where none was issued."""
    return verify_certificate(lake.get_object(JSON_NAME), lake.get_object(HTML_NAME), public_key=public_key)


def changed_since(certificate: Certificate, lake: Lake) -> list[str]:
    """Certified files that are missing or have other bytes now, one line each; none where all is as certified."""
    found = []
    for partition in certificate.document["partitions"]:
        try:
            now = file_sha256(lake.root / partition["file"])
        except MrError:
            found.append(f"{partition['file']}: missing")
            continue
        if now != partition["file_sha256"]:
            found.append(f"{partition['file']}: SHA-256 {now[:16]}, certified {partition['file_sha256'][:16]}")
    return found


def canonical(value: Any) -> bytes:
    """The one JSON writing of a value that is signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _refuse_unproven(entries: Sequence[Entry]) -> None:
    unproven = [
        f"{entry.table} {entry.partition.trade_date} {entry.state}"
        for entry in entries
        if entry.state not in (VERIFIED, UNVERIFIABLE)
    ]
    silent = [
        f"{entry.table} {entry.partition.trade_date} verified without {', '.join(lacking)}"
        for entry in entries
        if entry.state == VERIFIED and (lacking := _lacking(entry))
    ]
    unexplained = [
        f"{entry.table} {entry.partition.trade_date} given up without a name or a reason"
        for entry in entries
        if entry.state == UNVERIFIABLE and not (entry.reason.strip() and str(entry.facts.get("who", "")).strip())
    ]
    if blocking := [*unproven, *silent, *unexplained]:
        shown = ", ".join(blocking[:_MOST_NAMED])
        raise DataError(
            rule="every planned partition is verified, or given up by a named person with a reason",
            value=f"{len(blocking)} are not: {shown}{', ...' if len(blocking) > _MOST_NAMED else ''}",
            place="migration ledger",
            remedy="run mr migrate run and mr migrate verify until mr migrate status shows nothing else",
        )


def _refuse_incomplete(looks: Mapping[str, Completeness | None]) -> None:
    wrong = []
    for table, look in looks.items():
        if look is None:
            wrong.append(f"{table}: no closing look at the source")
        elif not look.is_whole:
            named = ", ".join([*look.unplanned, *look.other_counts][:_MOST_NAMED])
            unplanned, others = len(look.unplanned), len(look.other_counts)
            wrong.append(f"{table}: {unplanned} dates are not planned, {others} have another number of rows ({named})")
    if wrong:
        raise DataError(
            rule="the ledger accounts for every date and row that the source showed in the closing look",
            value="; ".join(wrong),
            place="migration ledger",
            remedy="run mr migrate plan, run and verify once more",
        )


def _lacking(entry: Entry) -> list[str]:
    """Checks that a verified entry should have passed and has no record of."""
    record = entry.facts.get("verification", {})
    checks = record.get("checks", {})
    return [name for name in NAMES if not checks.get(name, {}).get("passed")] + [
        f"a record of {name}" for name in _KEPT if name not in record
    ]


def _proofs(
    lake: Lake,
    planned: Sequence[PlannedTable],
    entries: Mapping[str, Sequence[Entry]],
    progress: Callable[[int, int], None] | None,
) -> list[dict[str, Any]]:
    """A record of each verified partition, its digests computed at this moment; DataError where they are others."""
    total = sum(entry.state == VERIFIED for found in entries.values() for entry in found)
    found: list[dict[str, Any]] = []
    wrong: list[str] = []
    for table in planned:
        for entry in entries[table.contract.table]:
            if entry.state != VERIFIED:
                continue
            path = lake.path(RAW, entry.partition, source=table.contract.profile)
            proven = entry.facts["verification"]
            digest = RowDigest(table.contract.schema())
            try:
                file_digest = file_sha256(path)
                for batch in batches(path, table.contract):
                    digest.update(batch)
            except DataError as error:
                wrong.append(f"{entry.table} {entry.partition.trade_date}: {error.rule} (found: {error.value})")
                continue
            ours = (digest.rows, digest.multiset(), digest.sequence(), file_digest)
            if ours != (proven["rows"], proven["multiset"], proven["sequence"], proven["file_sha256"]):
                wrong.append(f"{entry.table} {entry.partition.trade_date}: other bytes or rows than were verified")
            found.append(
                {
                    "table": entry.table,
                    "partition": str(entry.partition),
                    "file": path.relative_to(lake.root).as_posix(),
                    "rows": digest.rows,
                    "bytes": path.stat().st_size,
                    "row_digest": ours[1],
                    "order_digest": ours[2],
                    "file_sha256": file_digest,
                    "verified_ts": proven["verified_ts"],
                    "pulled_twice": proven["pulled_twice"],
                    "findings": proven["findings"],
                    "attempts": entry.attempts,
                    "ledger_checksum": entry.checksum,
                }
            )
            if progress is not None:
                progress(len(found), total)
    if wrong:
        raise DataError(
            rule="every verified file is still what was verified",
            value=f"{len(wrong)} are not: {'; '.join(wrong[:_MOST_NAMED])}",
            place=str(lake.root),
            remedy="reopen these partitions, move and verify them again",
        )
    return found


def _document(
    planned: Sequence[PlannedTable],
    entries: Mapping[str, Sequence[Entry]],
    proofs: Sequence[Mapping[str, Any]],
    looks: Mapping[str, Completeness | None],
    readers: Sequence[Reader] | None,
    now: datetime,
) -> dict[str, Any]:
    tables = [_table(table, entries[table.contract.table], proofs, looks[table.contract.table]) for table in planned]
    exceptions = [
        {
            "table": entry.table,
            "partition": str(entry.partition),
            "source_rows": entry.source_rows,
            "who": entry.facts["who"],
            "reason": entry.reason,
            "decided_ts": entry.updated_ts.isoformat(),
        }
        for found in entries.values()
        for entry in found
        if entry.state == UNVERIFIABLE
    ]
    return {
        "format": FORMAT,
        "issued_ts": now.isoformat(),
        "tools": {"python": host.python_version(), "row digest": DIGEST_VERSION}
        | {name: version(name) for name in _TOOLS},
        "totals": {
            "tables": len(tables),
            "partitions": len(proofs) + len(exceptions),
            "verified": len(proofs),
            "excepted": len(exceptions),
            "rows": sum(proof["rows"] for proof in proofs),
            "bytes": sum(proof["bytes"] for proof in proofs),
            "pulled_twice": sum(bool(proof["pulled_twice"]) for proof in proofs),
        },
        "tables": tables,
        "partitions": list(proofs),
        "exceptions": exceptions,
        "checks": [asdict(check) for check in CHECKS],
        "cut_over": _cut_over(readers, exceptions, sum(len(table["verified_before_last_write"]) for table in tables)),
    }


def _table(
    planned: PlannedTable, entries: Sequence[Entry], proofs: Sequence[Mapping[str, Any]], look: Completeness | None
) -> dict[str, Any]:
    contract = planned.contract
    mine = [proof for proof in proofs if proof["table"] == contract.table]
    days = [entry.partition.trade_date for entry in entries]
    together = canonical([[proof["partition"], proof["row_digest"], proof["rows"]] for proof in mine])
    return {
        "table": contract.table,
        "symbol": contract.symbol,
        "source_profile": contract.profile,
        "closing_look": asdict(look) if look is not None else None,
        "verified_before_last_write": [
            str(entry.partition.trade_date)
            for entry in entries
            if entry.state == VERIFIED
            and look is not None
            and entry.facts["verification"]["epochs"] != list(look.epochs)
        ],
        "contract": contract.digest,
        "columns": [[column.name, str(column.source), column.lake] for column in contract.columns],
        "first": str(days[0]) if days else None,
        "last": str(days[-1]) if days else None,
        "partitions": len(entries),
        "rows": sum(proof["rows"] for proof in mine),
        "digest": hashlib.sha256(together).hexdigest(),
        **_calendar(days),
    }


def _calendar(days: Sequence[date]) -> dict[str, list[str]]:
    """Sessions between the first and last date without a partition, and dates that are no session, as far as known."""
    calendar = nse_calendar()
    known = [day for day in days if calendar.first <= day <= calendar.last]
    sessions = set(calendar.between(min(known), max(known))) if known else set()
    return {
        "sessions_without_rows": [str(day) for day in sorted(sessions - set(days))],
        "dates_that_are_no_session": [str(day) for day in sorted(set(known) - sessions)],
        "dates_outside_the_calendar": [str(day) for day in sorted(set(days) - set(known))],
    }


def _cut_over(readers: Sequence[Reader] | None, exceptions: Sequence[object], written: int) -> dict[str, Any]:
    """``written``: partitions that were verified before their table was last written to."""
    if readers is None:
        verdict = "Nobody has looked whether the code location still reads HeavyDB: the server stays."
    elif readers:
        verdict = f"{len(readers)} parts of the code location still read HeavyDB: the server stays until they are gone."
    elif written:
        verdict = (
            f"{written} partitions were proven before their table was last written to: the server stays until they are "
            "verified once more with nobody writing."
        )
    elif exceptions:
        verdict = (
            "Nothing in the code location reads HeavyDB. With the server the excepted partitions are lost: whoever "
            "switches it off accepts the exceptions listed."
        )
    else:
        verdict = "Nothing in the code location reads HeavyDB, and every row is proven: the server may be switched off."
    return {
        "examined": readers is not None,
        "readers": [asdict(reader) for reader in readers or ()],
        "may_be_switched_off": readers is not None and not (readers or exceptions or written),
        "verdict": verdict,
    }


def _changed(rule: str, value: object) -> CorruptPartition:
    return CorruptPartition(
        rule=f"a certificate counts only if {rule}",
        value=value,
        place="certificate",
        remedy="do not rely on it: obtain the original, or certify again",
    )
