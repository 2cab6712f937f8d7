"""One partition held against its source on paths of its own; what each named check found.

Three paths that meet nowhere before the comparison: the server's aggregates over the columnar route, a second pull over
Arrow in other chunks, and the Parquet file read back. File and aggregates have threads of their own beside the pull.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mr_platform.errors import DataError, MrError, SourceError
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.migration.checks import Outcome
from mr_platform.migration.contract import TableContract
from mr_platform.migration.differences import Located, locate
from mr_platform.migration.ledger import Entry
from mr_platform.migration.measures import Disagreement, check_names, disagreements
from mr_platform.migration.pull import ChunkBounds, SourceFacts, pull, source_facts
from mr_platform.migration.readback import (
    ROW_NUMBER,
    KeyCount,
    ReadBack,
    file_sha256,
    number_digest,
    numbered,
    read_back,
)
from mr_platform.migration.reader import RAW
from mr_platform.migration.rowdigest import RowDigest
from mr_platform.sources.heavydb.schema import ROW_ID
from mr_platform.sources.heavydb.statements import aggregates

if TYPE_CHECKING:
    from mr_platform.sources.heavydb.connection import HeavyDb

_CHUNK_ROWS = 20_011
"""Rows of a chunk of the second pull; no multiple of the first pull's, so that the cuts fall elsewhere."""
_HELD_ROWS = 100_000
"""Rows of a partition that are held while differences are looked for; those of a larger one are pulled twice."""


@dataclass
class Proof:
    """What was found of one partition.

    ``outcomes`` of the checks; ``disagreements`` of aggregates; ``findings`` worth a reader's notice though nothing is
    wrong; ``read`` the file read back (None where it cannot be); ``epochs`` of the table before the second pull.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    read: ReadBack | None = None
    file_sha256: str = ""
    pulled_twice: bool = False
    epochs: tuple[int, ...] = ()

    @property
    def failed(self) -> list[Outcome]:
        """The checks that failed."""
        return [outcome for outcome in self.outcomes if not outcome.passed]

    def judge(self, name: str, detail: str, *, passed: bool) -> None:
        """Take an outcome up."""
        self.outcomes.append(Outcome(name, passed, detail))


@dataclass(frozen=True)
class Sides:
    """The partition and where its two sides are. ``asking`` and ``pulling`` are sessions of their own."""

    entry: Entry
    contract: TableContract
    lake: Lake
    asking: HeavyDb
    pulling: HeavyDb

    @property
    def path(self) -> Path:
        """The partition's file."""
        return self.lake.path(RAW, self.entry.partition, source=self.contract.profile)

    def second_pull(self, facts: SourceFacts) -> Iterator[pa.Table]:
        """The source's rows again, in chunks that begin and end elsewhere than the first time."""
        rows = max(1, min(_CHUNK_ROWS, facts.rows * 2 // 3))
        return pull(self.pulling, self.contract, self.entry.partition.trade_date, facts, bounds=ChunkBounds(rows=rows))

    def stored(self) -> Iterator[pa.Table]:
        """The lake's rows with their row ids."""
        return numbered(self.path, self.contract)

    def differences(self) -> Located:
        """Rows and cells in which the two sides differ now."""
        facts = source_facts(self.asking, self.contract, self.entry.partition.trade_date)
        if facts.rows > _HELD_ROWS:
            return locate(lambda: self.second_pull(facts), self.stored)
        held = list(self.second_pull(facts))
        return locate(lambda: held, self.stored)


@dataclass(frozen=True)
class _Stored:
    """What the thread beside the pull found of the file; ``error`` where it cannot be read."""

    file_sha256: str
    read: ReadBack | None
    error: MrError | None


def prove(sides: Sides, pool: Executor, *, twice: bool) -> Proof:
    """Every named check of one partition. ``pool`` of two threads for what runs beside the pull.

    ``twice``: pull all rows again; without it, the pull is still repeated where keys repeat or the source was written
    to since. SourceError where the server is out of reach: then nothing was found, either way.
    """
    proof = Proof()
    stored: Future[_Stored] = pool.submit(_look, sides.path, sides.contract)
    try:
        before = _source_side(sides, proof, pool, stored, twice=twice)
    finally:
        # the thread reads the file that the next step may replace
        found = stored.result()
    _lake_side(sides, proof, found)
    if before is not None:
        _still(sides, proof, before)
    proof.judge("ledger_record", f"checksum {sides.entry.checksum[:16]}", passed=True)
    return proof


def _source_side(
    sides: Sides, proof: Proof, pool: Executor, stored: Future[_Stored], *, twice: bool
) -> SourceFacts | None:
    entry, contract = sides.entry, sides.contract
    try:
        before = source_facts(sides.asking, contract, entry.partition.trade_date)
    except SourceError as error:
        if error.place.startswith(sides.asking.settings.address):
            raise
        proof.judge("schema", str(error), passed=False)
        return None
    recorded = str(entry.facts.get("contract", ""))
    told = f"{len(contract.columns)} columns, {_told(contract.digest[:16], recorded[:16], 'contract')}"
    proof.judge("schema", told, passed=recorded == contract.digest)
    asked = aggregates(contract.table, [column.source for column in contract.columns], entry.partition.trade_date)
    answer: Future[list[tuple]] = pool.submit(sides.asking.rows, asked)
    moved = _moved(entry, before)
    try:
        again = _pull_again(sides, proof, before) if twice or moved else None
    finally:
        # the session answers one question at a time
        wait([answer])
    found = stored.result()
    proof.pulled_twice = again is not None
    if found.read is None:
        return before
    if again is None and not proof.failed and found.read.repeated_keys:
        again = _pull_again(sides, proof, before)
        proof.pulled_twice = again is not None
    _compare_measures(sides, proof, found.read, answer.result()[0])
    _compare_pull(proof, found.read, again)
    return before


@dataclass(frozen=True)
class _Pulled:
    digest: RowDigest
    numbers: RowDigest
    repeated_keys: int
    chunks: int


def _pull_again(sides: Sides, proof: Proof, facts: SourceFacts) -> _Pulled | None:
    digest, numbers, keys = RowDigest(sides.contract.schema()), number_digest(), KeyCount()
    chunks = 0
    try:
        for chunk in sides.second_pull(facts):
            rows = chunk.select(sides.contract.names)
            digest.update(rows)
            keys.update(rows)
            numbers.update(pa.table({ROW_NUMBER: chunk.column(ROW_ID)}))
            chunks += 1
    except DataError as error:
        if error.place.startswith(sides.pulling.settings.address):
            raise
        proof.judge("second_pull", str(error), passed=False)
        return None
    return _Pulled(digest, numbers, keys.repeated(), chunks)


def _look(path: Path, contract: TableContract) -> _Stored:
    file_digest = ""
    try:
        file_digest = file_sha256(path)
        return _Stored(file_digest, read_back(path, contract), None)
    except DataError as error:
        return _Stored(file_digest, None, error)


def _lake_side(sides: Sides, proof: Proof, stored: _Stored) -> None:
    """The file against what was recorded when it was published."""
    facts, lake, entry = sides.entry.facts, sides.lake, sides.entry
    proof.read, proof.file_sha256 = stored.read, stored.file_sha256
    recorded = str(facts.get("file_sha256", ""))
    proof.judge(
        "file_bytes",
        _told(stored.file_sha256[:16] or "of no file", recorded[:16], "SHA-256"),
        passed=bool(recorded) and stored.file_sha256 == recorded,
    )
    if stored.read is None:
        proof.judge("written_digest", str(stored.error), passed=False)
        return
    digest = stored.read.digest
    ours = digest.multiset(), digest.sequence()
    theirs = str(facts.get("multiset", "")), str(facts.get("sequence", ""))
    proof.judge("written_digest", _told(ours[0], theirs[0], "digest of rows"), passed=ours[0] == theirs[0])
    if ours[1] != theirs[1] and ours[0] == theirs[0]:
        proof.judge("row_order", _told(ours[1], theirs[1], "digest of rows in order"), passed=False)
    described = lake.describe(RAW, entry.partition, source=sides.contract.profile)
    footer = described.digest if described is not None else ""
    content = stored.read.content_digest
    known = {content, footer, str(facts.get("content_digest", ""))}
    proof.judge("lake_digest", f"content {content[:16]}, footer {footer[:16]}", passed=len(known) == 1)
    day = entry.partition.trade_date
    calendar = nse_calendar()
    if not calendar.first <= day <= calendar.last:
        proof.findings.append(f"{day} lies outside the known calendar")
    elif not calendar.is_session(day):
        proof.findings.append(f"{day} is no session of the exchange")


def _compare_measures(sides: Sides, proof: Proof, read: ReadBack, answer: tuple) -> None:
    proof.disagreements = disagreements(read.measures, answer)
    for name in check_names():
        wrong = [found for found in proof.disagreements if found.check == name]
        asked = sum(measure_check == name for measure_check in read.measures.checks())
        shown = "; ".join(f"{found.measure}: source {found.source}, lake {found.lake}" for found in wrong[:5])
        proof.judge(name, shown or f"{asked} {'measure agrees' if asked == 1 else 'measures agree'}", passed=not wrong)
    entry, rows = sides.entry, read.digest.rows
    if {entry.source_rows, entry.lake_rows} != {rows}:
        proof.judge("row_count", f"ledger {entry.source_rows} and {entry.lake_rows}, file {rows}", passed=False)


def _compare_pull(proof: Proof, read: ReadBack, again: _Pulled | None) -> None:
    ours = read.digest
    if again is None:
        if not any(outcome.name == "second_pull" for outcome in proof.outcomes):
            proof.findings.append("rows were not pulled a second time: outside the sample")
            proof.judge("second_pull", "not in the sample; counts and sums were asked", passed=True)
            proof.judge("row_order", "as first pulled", passed=True)
        proof.judge("keys", f"{read.repeated_keys} rows repeat a key", passed=read.repeated_keys == 0)
        return
    theirs = again.digest
    same_rows = ours.multiset() == theirs.multiset()
    proof.judge(
        "second_pull",
        f"{_told(ours.multiset(), theirs.multiset(), 'digest of rows')}, {theirs.rows} rows in {again.chunks} chunks",
        passed=same_rows,
    )
    in_order = read.numbers.sequence() == again.numbers.sequence() and (
        ours.sequence() == theirs.sequence() or not same_rows
    )
    told = "ascending row ids, each row with its own" if in_order else "another order or other row ids than the source"
    proof.judge("row_order", told, passed=in_order)
    proof.judge(
        "keys",
        f"{read.repeated_keys} rows of the file repeat a key, {again.repeated_keys} of the source",
        passed=read.repeated_keys == again.repeated_keys,
    )
    if read.repeated_keys and read.repeated_keys == again.repeated_keys:
        proof.findings.append(f"{read.repeated_keys} rows repeat the key of another, in the source itself")


def _still(sides: Sides, proof: Proof, before: SourceFacts) -> None:
    """Whether the partition is what it was before the transfer, and stood still meanwhile.

    Epochs are the whole table's: a write elsewhere moves them, and only the second pull tells that it was elsewhere.
    """
    after = source_facts(sides.asking, sides.contract, sides.entry.partition.trade_date)
    moved, meanwhile = _moved(sides.entry, before), _movement(before.as_fact(), after.as_fact())
    written = [text for text in (moved.epochs, meanwhile.epochs) if text]
    told = [f"since the transfer {moved.rows}"] if moved.rows else []
    told += [f"during the verification {meanwhile.rows}"] if meanwhile.rows else []
    if written and not proof.pulled_twice:
        told.append(f"the table was written to ({', '.join(written)}) and the rows were not pulled again")
    proof.judge("source_stands_still", "; ".join(told) or _facts_text(after), passed=not told)
    if written and not told:
        proof.findings.append(f"the table was written to since the transfer ({', '.join(written)}), but not here")
    # a write between the second pull and this look would not be in that pull
    proof.epochs = before.epochs


@dataclass(frozen=True)
class _Movement:
    """Of the partition's rows or row ids, and of the table's epochs, between two moments; empty where none."""

    rows: str
    epochs: str

    def __bool__(self) -> bool:
        return bool(self.rows or self.epochs)


def _moved(entry: Entry, now: SourceFacts) -> _Movement:
    return _movement(entry.facts.get("source", {}), now.as_fact())


def _movement(then: Mapping[str, Any], now: Mapping[str, Any]) -> _Movement:
    changed = {name: f"{name} {then.get(name)} -> {now[name]}" for name in now if then.get(name) != now[name]}
    epochs = changed.pop("epochs", "")
    return _Movement(", ".join(changed.values()), epochs)


def _facts_text(facts: SourceFacts) -> str:
    return f"{facts.rows} rows, row ids {facts.first} to {facts.last}, epochs {list(facts.epochs)}"


def _told(ours: str, theirs: str, what: str) -> str:
    return f"{what} {ours}" if ours == theirs else f"{what} {ours}, expected {theirs or 'none'}"
