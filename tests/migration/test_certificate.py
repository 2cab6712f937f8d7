"""The certificate: when it is refused, what it says, and that no change of it goes unseen."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import moved as world
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from moved import DAYS, NOW, TABLE, Moved

from mr_platform.errors import CorruptPartition, DataError, MissingPartition, UsageError
from mr_platform.lake.store import Lake
from mr_platform.migration import completeness
from mr_platform.migration.certificate import (
    HTML_NAME,
    JSON_NAME,
    Certificate,
    canonical,
    certify,
    changed_since,
    read_certificate,
    verify_certificate,
)
from mr_platform.migration.checks import NAMES
from mr_platform.migration.cutover import Reader
from mr_platform.migration.signing import create_key, fingerprint, public_bytes, signing_key

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    folder = tmp_path_factory.mktemp("certificate")
    moved = Moved(world.start_server(folder), Lake(folder / "lake"))
    moved.plan()
    moved.transfer()
    moved.verify()
    yield moved
    moved.server.stop()


@pytest.fixture
def moved(proven: Moved, tmp_path: Path) -> Moved:
    return proven.copy(tmp_path / "lake")


@pytest.fixture(scope="module")
def issued(proven: Moved, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certify(proven.copy(tmp_path_factory.mktemp("issued") / "lake").lake, now=NOW, key=KEY, readers=[])


def test_a_proven_migration_is_certified_with_every_partition_and_its_digests(moved: Moved) -> None:
    said = certify(moved.lake, now=NOW, key=KEY, readers=[]).document
    assert said["totals"] == {
        "tables": 1,
        "partitions": 2,
        "verified": 2,
        "excepted": 0,
        "rows": 2 * world.ROWS,
        "bytes": sum(moved.file(day).stat().st_size for day in DAYS),
        "pulled_twice": 2,
    }
    first = said["partitions"][0]
    facts = moved.entry(DAYS[0]).facts
    assert first["file"] == "raw/option_chain/source=heavydb/symbol=NIFTY/trade_date=2022-11-04.parquet"
    assert (first["rows"], first["row_digest"], first["file_sha256"]) == (24, facts["multiset"], facts["file_sha256"])
    assert [check["name"] for check in said["checks"]] == list(NAMES)
    assert said["tables"][0]["columns"][0] == ["trade_date", "trade_date DATE ENCODING DATE_IN_DAYS", "date32[day]"]
    assert said["tables"][0]["closing_look"]["rows"] == 2 * world.ROWS
    assert said["tools"]["pyheavydb"] == "8.0.1"
    assert said["exceptions"] == []


def test_the_same_migration_gives_the_same_bytes(moved: Moved) -> None:
    one, two = (certify(moved.lake, now=NOW, key=KEY, readers=[]) for _ in range(2))
    assert (one.data, one.readable) == (two.data, two.readable)


def test_the_certificate_in_the_lake_is_read_again_and_holds(moved: Moved) -> None:
    issued = certify(moved.lake, now=NOW, key=KEY, readers=[])
    found = read_certificate(moved.lake, public_key=public_bytes(KEY))
    assert found.document == issued.document
    assert changed_since(found, moved.lake) == []


# refused


@pytest.mark.parametrize("state", ["pending", "transferred", "mismatched"])
def test_nothing_is_certified_while_a_partition_is_not_verified(moved: Moved, state: str) -> None:
    entry = moved.entry()
    if state == "mismatched":
        moved.ledger.move(entry, "mismatched", now=NOW, reason="second_pull")
    else:
        moved.ledger.reopen(entry, why="again", now=NOW)
        if state == "transferred":
            moved.transfer()
    with pytest.raises(DataError, match=f"1 are not: nifty_option_chain 2022-11-04 {state}"):
        certify(moved.lake, now=NOW, key=KEY)
    with pytest.raises(MissingPartition):
        moved.lake.get_object(JSON_NAME)


def test_nothing_is_certified_before_it_is_planned(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="planned"):
        certify(Lake(tmp_path / "lake"), now=NOW, key=KEY)


def test_a_verified_state_without_a_record_of_every_check_counts_for_nothing(moved: Moved) -> None:
    entry = moved.entry()
    record = dict(entry.facts["verification"])
    record["checks"] = {name: outcome for name, outcome in record["checks"].items() if name != "second_pull"}
    moved.ledger.move(entry, "verified", now=NOW, verification=record)
    with pytest.raises(DataError, match="verified without second_pull"):
        certify(moved.lake, now=NOW, key=KEY)


def test_a_file_that_changed_after_its_verification_stops_the_certificate(moved: Moved) -> None:
    data = bytearray(moved.file().read_bytes())
    data[len(data) // 2] ^= 1
    moved.file().write_bytes(data)
    with pytest.raises(DataError, match=r"still what was verified.*2022-11-04"):
        certify(moved.lake, now=NOW, key=KEY)


def test_a_lost_file_stops_the_certificate(moved: Moved) -> None:
    moved.file().unlink()
    with pytest.raises(DataError, match="2022-11-04: a transferred partition has its file"):
        certify(moved.lake, now=NOW, key=KEY)


@pytest.mark.parametrize("forged", ["rows", "multiset", "sequence", "file_sha256"])
def test_a_forged_record_of_the_verification_stops_the_certificate(moved: Moved, forged: str) -> None:
    entry = moved.entry()
    record = {**entry.facts["verification"], forged: 0 if forged == "rows" else "0" * 32}
    moved.ledger.move(entry, "verified", now=NOW, verification=record)
    with pytest.raises(DataError, match="other bytes or rows than were verified"):
        certify(moved.lake, now=NOW, key=KEY)


def test_a_damaged_ledger_record_stops_the_certificate(moved: Moved) -> None:
    path = moved.lake.root / moved.entry().name
    path.write_bytes(path.read_bytes().replace(b'"attempts":1', b'"attempts":2'))
    with pytest.raises(CorruptPartition):
        certify(moved.lake, now=NOW, key=KEY)


def test_dates_that_the_source_has_and_the_plan_has_not_stop_the_certificate(moved: Moved) -> None:
    moved.server.database.append(TABLE, world.source_rows(date(2022, 11, 9)))
    try:
        moved.verify(*DAYS)
    finally:
        world.fill(moved.server)
    with pytest.raises(DataError, match=r"1 dates are not planned.*2022-11-09"):
        certify(moved.lake, now=NOW, key=KEY)
    # once the source is whole again, the next verification looks again
    moved.verify(*DAYS)
    assert certify(moved.lake, now=NOW, key=KEY).document["totals"]["verified"] == 2


def test_without_a_closing_look_at_the_source_nothing_is_certified(moved: Moved) -> None:
    (moved.lake.root / "migration/completeness/nifty_option_chain.json").unlink()
    with pytest.raises(DataError, match="no closing look"):
        certify(moved.lake, now=NOW, key=KEY)


def test_row_ids_that_no_date_holds_are_counted_in_the_closing_look(moved: Moved) -> None:
    rows = world.source_rows(date(2022, 11, 9))
    moved.server.database.append(TABLE, rows, first_rowid=100)
    try:
        moved.plan()
        moved.transfer()
        moved.verify()
    finally:
        world.fill(moved.server)
    look = completeness.read(moved.lake, TABLE)
    assert look is not None
    assert (look.is_whole, look.dates, look.rows, look.unaccounted) == (True, 3, 72, 100 - 48)


# exceptions and cut-over


def test_a_given_up_partition_stands_in_the_certificate_with_name_and_reason(moved: Moved) -> None:
    entry = moved.ledger.move(moved.entry(), "mismatched", now=NOW, reason="second_pull")
    moved.ledger.give_up(entry, who="A. Person", why="the source's disk is damaged <there>", now=NOW)
    moved.verify(DAYS[1])
    certificate = certify(moved.lake, now=NOW, key=KEY, readers=[])
    (exception,) = certificate.document["exceptions"]
    assert (exception["partition"], exception["who"], exception["source_rows"]) == ("NIFTY|2022-11-04", "A. Person", 24)
    assert certificate.document["totals"]["excepted"] == 1
    assert certificate.document["cut_over"]["may_be_switched_off"] is False
    assert b"the source&#x27;s disk is damaged &lt;there&gt;" in certificate.readable


@pytest.mark.parametrize(
    ("readers", "may", "verdict"),
    [
        (None, False, "Nobody has looked"),
        ([], True, "may be switched off"),
        ([Reader("asset", "migration/option_chain", "needs the resource heavydb")], False, "1 parts of the code"),
    ],
)
def test_only_a_code_location_without_readers_lets_the_server_go(
    moved: Moved, readers: list[Reader] | None, may: bool, verdict: str
) -> None:
    cut_over = certify(moved.lake, now=NOW, key=KEY, readers=readers).document["cut_over"]
    assert cut_over["may_be_switched_off"] is may
    assert verdict in cut_over["verdict"]


def test_partitions_proven_before_the_last_write_keep_the_server_alive_until_they_are_proven_again(
    moved: Moved,
) -> None:
    moved.server.database.append(TABLE, world.source_rows(date(2022, 11, 9)))
    try:
        moved.plan()
        moved.transfer()
        moved.verify()
        before = certify(moved.lake, now=NOW, key=KEY, readers=[]).document
        moved.verify(*DAYS)
        after = certify(moved.lake, now=NOW, key=KEY, readers=[]).document
    finally:
        world.fill(moved.server)
    assert before["tables"][0]["verified_before_last_write"] == ["2022-11-04", "2022-11-07"]
    assert before["cut_over"]["may_be_switched_off"] is False
    assert "2 partitions were proven before their table was last written to" in before["cut_over"]["verdict"]
    assert after["tables"][0]["verified_before_last_write"] == []
    assert after["cut_over"]["may_be_switched_off"] is True


@pytest.mark.parametrize("lost", ["rows", "multiset", "epochs", "findings"])
def test_a_record_that_lacks_something_counts_for_nothing(moved: Moved, lost: str) -> None:
    record = {key: value for key, value in moved.entry().facts["verification"].items() if key != lost}
    moved.ledger.move(moved.entry(), "verified", now=NOW, verification=record)
    with pytest.raises(DataError, match=f"without a record of {lost}"):
        certify(moved.lake, now=NOW, key=KEY)


def test_gaps_of_the_calendar_are_listed_as_the_sources_own(moved: Moved) -> None:
    moved.server.database.append(TABLE, world.source_rows(date(2022, 11, 9)))
    moved.server.database.append(TABLE, world.source_rows(date(2022, 11, 13)))
    try:
        moved.plan()
        moved.transfer()
        moved.verify()
    finally:
        world.fill(moved.server)
    (table,) = certify(moved.lake, now=NOW, key=KEY).document["tables"]
    # 2022-11-08 was a holiday; the 10th and 11th were sessions, the 13th is a Sunday
    assert table["sessions_without_rows"] == ["2022-11-10", "2022-11-11"]
    assert table["dates_that_are_no_session"] == ["2022-11-13"]


# the readable document


def test_the_page_says_what_a_person_needs_and_reaches_for_nothing_else(issued: Certificate) -> None:
    page = issued.readable.decode()
    for text in (
        "48 rows in 2 verified partitions of 1 table",
        "21 November 2026",
        "the server may be switched off",
        "nifty_option_chain",
        "None. Every planned partition is verified.",
        "What each check proves, and what it leaves open",
        issued.document["partitions"][1]["row_digest"],
        issued.fingerprint,
    ):
        assert text in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page


# signature


def test_every_changed_byte_of_the_certificate_is_detected(issued: Certificate) -> None:
    step = max(len(issued.data) // 1500, 1)
    for at in [*range(0, len(issued.data), step), len(issued.data) - 1]:
        changed = bytearray(issued.data)
        changed[at] ^= 1 << (at % 7)
        with pytest.raises(CorruptPartition):
            verify_certificate(bytes(changed))


def test_every_changed_byte_of_the_page_is_detected(issued: Certificate) -> None:
    for at in range(0, len(issued.readable), max(len(issued.readable) // 200, 1)):
        changed = bytearray(issued.readable)
        changed[at] ^= 1
        with pytest.raises(CorruptPartition, match="readable"):
            verify_certificate(issued.data, bytes(changed))


def test_another_writing_of_the_same_content_is_not_the_certificate(issued: Certificate) -> None:
    with pytest.raises(CorruptPartition, match="bytes"):
        verify_certificate(json.dumps(json.loads(issued.data), indent=1).encode())


def test_a_certificate_signed_anew_with_another_key_is_told_apart_by_the_trusted_one(issued: Certificate) -> None:
    sealed = json.loads(issued.data)
    del sealed["signature"]
    sealed["document"]["totals"]["rows"] = 49
    sealed["public_key"] = public_bytes(OTHER).hex()
    forged = canonical({**sealed, "signature": OTHER.sign(canonical(sealed)).hex()})
    assert verify_certificate(forged).fingerprint == fingerprint(public_bytes(OTHER))
    with pytest.raises(CorruptPartition, match="key that you trust"):
        verify_certificate(forged, public_key=public_bytes(KEY))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b'{"signature":1}', b"\xff", b'{"signature":"zz"}'])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptPartition, match="certificate"):
        verify_certificate(data)


def test_files_that_changed_or_vanished_since_are_named(moved: Moved) -> None:
    certificate = certify(moved.lake, now=NOW, key=KEY)
    moved.file(DAYS[0]).unlink()
    moved.file(DAYS[1]).write_bytes(moved.file(DAYS[1]).read_bytes() + b"x")
    found = changed_since(certificate, moved.lake)
    assert [line.split(": ")[1].split()[0] for line in found] == ["missing", "SHA-256"]


def test_a_page_changed_in_the_lake_is_detected(moved: Moved) -> None:
    certify(moved.lake, now=NOW, key=KEY)
    path = moved.lake.root / HTML_NAME
    path.write_bytes(path.read_bytes().replace(b"48 rows", b"49 rows"))
    with pytest.raises(CorruptPartition, match="readable"):
        read_certificate(moved.lake)


# keys


def test_a_new_key_is_its_owners_alone_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "migration.pem"
    shown = create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = signing_key({"MR_CERTIFICATE_KEY_FILE": str(path)})
    assert fingerprint(public_bytes(key)) == shown
    with pytest.raises(UsageError, match="where nothing stands"):
        create_key(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "migration.pem"
    create_key(path)
    path.chmod(mode)
    with pytest.raises(UsageError, match="owner alone"):
        signing_key({"MR_CERTIFICATE_KEY_FILE": str(path)})


def test_a_seed_from_the_environment_signs(tmp_path: Path) -> None:
    key = signing_key({"MR_CERTIFICATE_SEED": bytes(range(32)).hex()})
    assert public_bytes(key) == public_bytes(KEY)


@pytest.mark.parametrize("seed", ["secret", "00" * 31, "0" * 63])
def test_a_wrong_seed_is_refused_and_never_shown(seed: str) -> None:
    with pytest.raises(UsageError) as refused:
        signing_key({"MR_CERTIFICATE_SEED": seed})
    assert seed not in str(refused.value)


@pytest.mark.parametrize("env", [{}, {"MR_CERTIFICATE_KEY_FILE": "/nowhere/key.pem"}])
def test_without_a_key_nothing_is_signed(env: dict) -> None:
    with pytest.raises(UsageError, match="key"):
        signing_key(env)


def test_a_file_that_holds_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    path.chmod(0o600)
    with pytest.raises(DataError, match="Ed25519"):
        signing_key({"MR_CERTIFICATE_KEY_FILE": str(path)})
