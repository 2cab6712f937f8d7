"""``mr migrate certify``, ``check-certificate`` and ``key``: the document that lets the server be switched off.

Exit codes: 0 done, 1 refused or no longer what was certified, 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mr_platform.commands.arguments import DEFAULT_HOME, HomeOption, JsonOption, open_lake, show
from mr_platform.errors import DataError, UsageError

_KEY_BYTES = 32
"""Of an Ed25519 public key."""


def certify(
    home: HomeOption = DEFAULT_HOME,
    out: Annotated[Path | None, typer.Option("--out", help="Also put both documents into this folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the certificate on the strength of which the server can be switched off; refused while anything is open.

    MR_CERTIFICATE_KEY_FILE names the key (mr migrate key makes one).
    """
    import mr_platform
    from mr_platform import exporting, stations
    from mr_platform.market.sessions import IST
    from mr_platform.migration.certificate import HTML_NAME, JSON_NAME

    lake = open_lake(home)
    certificate = stations.certify_migration(
        lake,
        environment=os.environ,
        registered=lambda: _registered(home),
        code=Path(mr_platform.__file__).resolve().parents[1],
        now=datetime.now(IST),
    )
    written = [lake.root / name for name in (JSON_NAME, HTML_NAME)]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        written = [out / path.name for path in written]
        for path, data in zip(written, (certificate.data, certificate.readable), strict=True):
            exporting.write_bytes(data, path)
    if as_json:
        exporting.print_json(certificate.document)
    for path in written:
        sys.stderr.write(f"{path}\n")
    sys.stderr.write(f"signed by the key {certificate.fingerprint}\n")


def check_certificate(
    file: Annotated[Path, typer.Argument(help="The certificate's JSON file; the HTML is looked for beside it.")],
    home: Annotated[Path | None, typer.Option("--home", help="Compare with the lake of this home as well.")] = None,
    public_key: Annotated[
        str | None, typer.Option("--public-key", help="The key that you trust, 64 hex digits.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Whether a certificate is whole and signed, and whether the lake still holds what it certifies."""
    from mr_platform import exporting, stations

    readable = file.with_suffix(".html")
    found = stations.check_certificate(
        _bytes(file),
        readable.read_bytes() if readable.exists() else None,
        lake=open_lake(home) if home is not None else None,
        public_key=_key(public_key),
    )
    if as_json:
        exporting.print_json(found)
    else:
        told = {**found, "cut_over": found["cut_over"]["verdict"], "changed_since": "\n".join(found["changed_since"])}
        show([{"what": name, "value": str(value)} for name, value in told.items()], as_json=False, title=str(file))
    if found["changed_since"]:
        raise typer.Exit(1)


def key(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; readable by you alone.")],
) -> None:
    """Make the key that signs certificates, and tell its fingerprint."""
    from mr_platform.migration.signing import create_key

    sys.stdout.write(f"{create_key(file)}\n")
    sys.stderr.write(f"export MR_CERTIFICATE_KEY_FILE={file}\n")


def _registered(home: Path) -> list[dict[str, Any]]:
    """The assets of the code location, asked of the orchestrator in a process of its own."""
    import json
    import subprocess

    environment = {**os.environ, "MR_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "assets.cutover"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DataError(
            rule="the code location can be loaded, so that nothing in it that reads HeavyDB is overlooked",
            value=done.stderr.strip().splitlines()[-1:],
            place="assets.cutover",
            remedy="mend the definitions: dagster definitions validate tells what is wrong",
        )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            rule="the certificate's file can be read",
            value=error.strerror,
            place=str(file),
            remedy="name its JSON file",
        ) from error


def _key(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        key = bytes.fromhex(text)
        if len(key) != _KEY_BYTES:
            raise ValueError("another length")
        return key
    except ValueError as error:
        raise UsageError(
            rule="a public key is 64 hex digits",
            value=text,
            place="--public-key",
            remedy="take it from whoever signed, not from the certificate itself",
        ) from error
