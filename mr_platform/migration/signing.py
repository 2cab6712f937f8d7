"""Ed25519 keys that sign the certificate: where they come from, and how a person tells one from another.

The private key is a file that only its owner can read, or 64 hex digits in the environment. The public key stands in
the certificate; that it is the right one, the reader must know from elsewhere: compare its fingerprint.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mr_platform.errors import DataError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED_VARIABLE, FILE_VARIABLE = "MR_CERTIFICATE_SEED", "MR_CERTIFICATE_KEY_FILE"
_SEED_DIGITS = 64
_REMEDY = f"set {FILE_VARIABLE} to a key file (mr migrate key creates one), or {SEED_VARIABLE} to 64 hex digits"


def create_key(path: Path) -> str:
    """Write a new private key to ``path``, readable by its owner alone; the fingerprint of its public key.

    UsageError where something stands there: a key is never overwritten.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # the mode is the file's from its first moment on
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(
            rule="a new key is written where nothing stands",
            value=path,
            place="certificate key",
            remedy="name another file; certificates signed with the old key keep needing it",
        ) from error
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return fingerprint(public_bytes(key))


def signing_key(env: Mapping[str, str]) -> Ed25519PrivateKey:
    """The private key that the environment names.

    UsageError where it names none, or a file that others may read; DataError where the file holds no Ed25519 key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    seed, path = env.get(SEED_VARIABLE, ""), env.get(FILE_VARIABLE, "")
    if seed:
        try:
            raw = bytes.fromhex(seed)
        except ValueError:
            raw = b""
        if 2 * len(raw) != _SEED_DIGITS:
            # the value is a secret: it is not shown
            raise UsageError(
                rule=f"a seed has {_SEED_DIGITS} hex digits", value="another text", place=SEED_VARIABLE, remedy=_REMEDY
            )
        return Ed25519PrivateKey.from_private_bytes(raw)
    if not path:
        raise UsageError(
            rule="a certificate is signed with a key of your own", value="no key", place="environment", remedy=_REMEDY
        )
    return _from_file(Path(path))


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public key."""
    from cryptography.hazmat.primitives import serialization

    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def fingerprint(public: bytes) -> str:
    """SHA-256 of the public key in groups of four digits, for people to compare."""
    digits = hashlib.sha256(public).hexdigest()
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def is_signed(data: bytes, signature: bytes, public: bytes) -> bool:
    """Whether ``signature`` is that of ``data`` by the owner of ``public``."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _from_file(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        mode, pem = path.stat().st_mode & 0o777, path.read_bytes()
    except OSError as error:
        raise UsageError(
            rule="the key file can be read", value=error.strerror, place=str(path), remedy=_REMEDY
        ) from error
    if mode & 0o077:
        raise UsageError(
            rule="a private key is readable by its owner alone",
            value=f"mode {mode:o}",
            place=str(path),
            remedy=f"chmod 600 {path}",
        )
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path)
    return key


def _no_key(path: Path) -> DataError:
    return DataError(
        rule="the key file holds an Ed25519 private key in PEM, without a pass phrase",
        value="something else",
        place=str(path),
        remedy=_REMEDY,
    )
