"""The server is named by the environment; the password shows itself nowhere."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from mr_platform.errors import UsageError
from mr_platform.sources.heavydb.settings import HeavyDbSettings, Secret

FULL = {"MR_HEAVYDB_HOST": "db.example", "MR_HEAVYDB_USER": "reader", "MR_HEAVYDB_PASSWORD": "s3cret"}


def test_the_environment_gives_the_server_with_known_defaults() -> None:
    settings = HeavyDbSettings.from_environment(FULL)
    assert (settings.host, settings.port, settings.user, settings.database) == ("db.example", 6274, "reader", "heavyai")
    assert settings.password.reveal() == "s3cret"
    assert (settings.timeout, settings.attempts, settings.database_id) == (75.0, 5, 1)
    assert settings.address == "db.example:6274/heavyai"


def test_each_variable_is_heard() -> None:
    extra = {
        "PORT": "6280",
        "DATABASE": "omni",
        "TIMEOUT": "5.5",
        "ATTEMPTS": "2",
        "DATABASE_ID": "7",
        "CA_CERTS": "/ca.pem",
    }
    settings = HeavyDbSettings.from_environment(FULL | {f"MR_HEAVYDB_{name}": text for name, text in extra.items()})
    assert dataclasses.astuple(settings)[1:] == (
        6280, "reader", Secret("s3cret"), "omni", 5.5, 2, 0.5, 7, "/ca.pem",
    )  # fmt: skip


def test_what_is_missing_is_listed_at_once() -> None:
    with pytest.raises(UsageError, match="MR_HEAVYDB_USER, MR_HEAVYDB_PASSWORD"):
        HeavyDbSettings.from_environment({"MR_HEAVYDB_HOST": "x", "MR_HEAVYDB_PASSWORD": ""})


@pytest.mark.parametrize(
    ("name", "text"), [("PORT", "0"), ("PORT", "65536"), ("PORT", "x"), ("PORT", "1.5"), ("TIMEOUT", "nan")]
)
def test_a_number_out_of_bounds_names_its_variable(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"MR_HEAVYDB_{name}"):
        HeavyDbSettings.from_environment(FULL | {f"MR_HEAVYDB_{name}": text})


def test_the_password_is_in_no_text_of_the_settings() -> None:
    settings = HeavyDbSettings.from_environment(FULL)
    texts = [repr(settings), str(settings), f"{settings.password}", f"{settings.password!r}"]
    texts += [repr(dataclasses.asdict(settings)), f"{dataclasses.astuple(settings)}", settings.address]
    assert not any("s3cret" in text for text in texts)
    assert Secret("a") == Secret("a") != Secret("b")


def test_knowing_the_source_loads_neither_its_client_nor_a_parser() -> None:
    code = (
        "import sys; import mr_platform.sources.heavydb.connection, mr_platform.sources.heavydb.statements,"
        " mr_platform.migration.standin.server, mr_platform.migration.standin.market;"
        " print([m for m in ('heavydb', 'sqlalchemy', 'sqlglot', 'duckdb', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
