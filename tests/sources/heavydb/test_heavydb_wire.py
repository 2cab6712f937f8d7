"""Large answers that stop on the way, and connections that are encrypted."""

from __future__ import annotations

import dataclasses
import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mr_platform.errors import SourceError
from mr_platform.migration.standin.faults import Fault
from mr_platform.migration.standin.market import fill_from_tables
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.standin.tables import Database
from mr_platform.sources.heavydb.connection import HeavyDb
from mr_platform.sources.heavydb.statements import select_chunk

TABLE = "nifty_option_chain"
DAY = date(2024, 1, 20)
ROWS = 60_000
STATEMENT = select_chunk(TABLE, ["ce_oi"], DAY)


@pytest.fixture
def large(tmp_path: Path) -> Iterator[StandIn]:
    database = Database(tmp_path / "large.duckdb")
    fill_from_tables(database, TABLE, [pa.table({"trade_date": [DAY] * ROWS, "ce_oi": pa.array(range(ROWS))})])
    with StandIn(database) as server:
        yield server


@pytest.mark.parametrize("kind", ["cut", "stall"])
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.2, 0.5, 0.999, 1.0])
def test_an_answer_that_stops_anywhere_is_asked_again(large: StandIn, kind: str, share: float) -> None:
    large.faults.add(Fault(kind, share=share, seconds=0.5))
    settings = dataclasses.replace(large.settings, timeout=0.25)
    with HeavyDb(settings, sleep=lambda _: None) as db:
        assert db.arrow(STATEMENT).column(0).to_pylist() == list(range(ROWS))
    assert large.book.connections == 2
    assert large.faults.struck == {kind: 1}


def test_a_stall_within_the_time_out_is_waited_for(large: StandIn) -> None:
    large.faults.add(Fault("stall", seconds=0.05))
    with HeavyDb(large.settings, sleep=lambda _: None) as db:
        assert db.arrow(STATEMENT).num_rows == ROWS
    assert large.book.connections == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 by itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def encrypted(large: StandIn, certificate: Path) -> Iterator[StandIn]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with StandIn(large.database, tls=context) as server:
        yield server


def test_rows_arrive_by_an_encrypted_connection(encrypted: StandIn, certificate: Path) -> None:
    with HeavyDb(dataclasses.replace(encrypted.settings, ca_certs=str(certificate))) as db:
        assert db.arrow(STATEMENT).column(0).to_pylist() == list(range(ROWS))


def test_a_server_of_unknown_descent_gets_no_password(encrypted: StandIn) -> None:
    import certifi

    settings = dataclasses.replace(encrypted.settings, ca_certs=certifi.where())
    with HeavyDb(settings, sleep=lambda _: None) as db, pytest.raises(SourceError, match="certificate") as caught:
        db.tables()
    assert "the password was not sent" in caught.value.remedy
    assert not encrypted.book.calls


def test_a_server_that_expects_encryption_refuses_a_plain_word(encrypted: StandIn) -> None:
    settings = dataclasses.replace(encrypted.settings, attempts=2, timeout=2)
    with HeavyDb(settings, sleep=lambda _: None) as db, pytest.raises(SourceError, match="2 attempts"):
        db.tables()
    assert not encrypted.book.calls
