"""The cut-over: what of the code location still reads HeavyDB.

Two independent looks: at what is registered (assets that need the server's resource or say that it is their source),
and at the code (modules outside the migration's own rooms that import the client or what is built on it).
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mr_platform.errors import UsageError

RESOURCE, KIND = "heavydb", "heavydb"
CLIENT = ("heavydb", "mr_platform.sources.heavydb")
# Rooms whose business is the server: they may import the client, since nothing in them runs by itself.
MIGRATION_ROOMS = (
    "mr_platform.sources.heavydb",
    "mr_platform.migration",
    "mr_platform.commands.migrate",
    "mr_platform.commands.heavydb",
    "mr_platform.stations.migration",
    "mr_platform.benchmarks",
    "assets.migration",
    "resources.heavydb",
)
_PACKAGES = ("schemas", "mr_platform", "resources", "assets")


@dataclass(frozen=True)
class RegisteredAsset:
    """An asset of the code location: its key, the resources that it needs, the kinds that it states."""

    key: str
    resources: Collection[str]
    kinds: Collection[str]


@dataclass(frozen=True)
class Reader:
    """Something that still reads HeavyDB: an ``asset`` that is registered or a ``module`` that imports the client."""

    kind: str
    name: str
    why: str


def readers(assets: Iterable[RegisteredAsset], code: Path) -> list[Reader]:
    """Everything that still reads HeavyDB, by kind and name.

    ``assets`` all that the code location registers; ``code`` the folder that holds its packages. UsageError where none
    of the packages is there: an empty scan proves nothing.
    """
    return sorted([*_registered(assets), *_importing(code)], key=lambda reader: (reader.kind, reader.name))


def _registered(assets: Iterable[RegisteredAsset]) -> Iterator[Reader]:
    for asset in assets:
        if RESOURCE in asset.resources:
            yield Reader("asset", asset.key, f"needs the resource {RESOURCE}")
        elif KIND in asset.kinds:
            yield Reader("asset", asset.key, f"says that its source is {KIND}")


def _importing(code: Path) -> Iterator[Reader]:
    paths = [path for package in _PACKAGES for path in sorted((code / package).rglob("*.py"))]
    if not paths:
        raise UsageError(
            rule="the code that is scanned holds the platform's packages",
            value=str(code),
            place="cut-over check",
            remedy=f"name the folder that holds {', '.join(_PACKAGES)}",
        )
    for path in paths:
        module = ".".join(path.relative_to(code).with_suffix("").parts).removesuffix(".__init__")
        if _is_of(module, MIGRATION_ROOMS):
            continue
        found = sorted({name for name in _imports(path) if _is_of(name, CLIENT)})
        if found:
            yield Reader("module", module, f"imports {', '.join(found)}")


def _imports(path: Path) -> Iterator[str]:
    """Names that the module imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node.func) and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def _is_import_call(function: ast.expr) -> bool:
    return (isinstance(function, ast.Name) and function.id == "__import__") or (
        isinstance(function, ast.Attribute) and function.attr == "import_module"
    )


def _is_of(module: str, rooms: Iterable[str]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)
