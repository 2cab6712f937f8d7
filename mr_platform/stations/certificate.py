"""Stations of the certificate: issued from a migration that is proven, and read again by whoever relies on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mr_platform.lake.store import Lake
from mr_platform.stations.moved import Moved

if TYPE_CHECKING:
    from mr_platform.migration.certificate import Certificate


def certify_migration(
    lake: Lake,
    *,
    environment: Mapping[str, str],
    registered: Callable[[], Sequence[Mapping[str, Any]]],
    code: Path,
    now: datetime,
) -> Certificate:
    """Issue the certificate; `migration.certificate.certify` says when it is refused.

    ``environment`` names the signing key; ``registered`` gives the assets of the code location (key, resources, kinds)
    and ``code`` is the folder of its packages, both looked through for what still reads HeavyDB.
    """
    from mr_platform.migration.certificate import certify
    from mr_platform.migration.cutover import RegisteredAsset, readers
    from mr_platform.migration.ledger import Ledger
    from mr_platform.migration.signing import signing_key

    key = signing_key(environment)
    if any(not Moved.of(entry).is_proven for entry in Ledger(lake).entries()):
        # refused whatever still reads the server: loading the code location takes seconds
        return certify(lake, now=now, key=key)
    assets = [RegisteredAsset(str(one["key"]), one["resources"], one["kinds"]) for one in registered()]
    return certify(lake, now=now, key=key, readers=readers(assets, code))


def check_certificate(
    data: bytes, readable: bytes | None, *, lake: Lake | None = None, public_key: bytes | None = None
) -> dict[str, Any]:
    """What a certificate says, once its signature holds; with a lake, the certified files that are others now.

    CorruptPartition where a byte of it changed since it was signed, or another key than ``public_key`` signed it.
    """
    from mr_platform.migration.certificate import changed_since, verify_certificate

    certificate = verify_certificate(data, readable, public_key=public_key)
    return {
        "signed_by": certificate.fingerprint,
        "issued_ts": certificate.document["issued_ts"],
        **certificate.document["totals"],
        "cut_over": certificate.document["cut_over"],
        "changed_since": changed_since(certificate, lake) if lake is not None else [],
        "compared_with_lake": lake is not None,
    }
