"""What the code location of an environment has registered, for the cut-over check of the migration's certificate.

Run as a program it writes one JSON document: every asset with the resources that it needs and the kinds that it states.
``mr migrate certify`` starts it in a process of its own, since the library does not import the orchestrator.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import dagster as dg


def registered(defs: dg.Definitions) -> list[dict[str, Any]]:
    """Every asset by key."""
    found = []
    for asset in defs.assets or ():
        if not isinstance(asset, dg.AssetsDefinition):
            continue
        resources = sorted(asset.required_resource_keys)
        for spec in asset.specs:
            found.append(
                {
                    "key": spec.key.to_user_string(),
                    "resources": resources,
                    "kinds": sorted(str(kind) for kind in spec.kinds),
                }
            )
    return sorted(found, key=lambda entry: str(entry["key"]))


def main() -> int:
    """Exit code 0."""
    from assets.definitions import defs

    sys.stdout.write(json.dumps(registered(defs)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
