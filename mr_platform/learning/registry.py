"""The model registry: versions in the lake, their stages, and who answers for what.

Objects, all below ``models/``:

    models/<task>/<version>/arrays.npz        numbers, no pickle
    models/<task>/<version>/metadata.json     description, metadata, content digest
    models/<task>/<version>/evaluation.json   the honest table
    models/<task>/stages.json                 every change of stage, oldest first: the last one of a version holds

A version's objects never change. A change of stage appends; nothing is deleted, so each can be undone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from mr_platform.errors import ConflictError, CorruptPartition, MissingPartition, UsageError
from mr_platform.lake.digest import bytes_digest
from mr_platform.lake.store import Lake
from mr_platform.learning.evaluation import plain
from mr_platform.learning.model import Model, content_digest, restore
from mr_platform.learning.training import Trained
from schemas.tables import ML_MODEL_METADATA

STAGES = ("candidate", "shadow", "champion", "retired")

_ROOT = "models"


@dataclass(frozen=True)
class StageChange:
    """``at`` ISO-8601; ``by`` a person or a job; ``sign_off``: the person answers for a suspected leak."""

    version: str
    stage: str
    reason: str
    at: str
    by: str
    sign_off: bool = False


@dataclass(frozen=True)
class Registry:
    """Models of one lake."""

    lake: Lake

    def register(self, trained: Trained, *, reason: str, by: str = "training", stage: str = "candidate") -> str:
        """Store a trained model and return its version. The same model again changes nothing.

        ``stage`` is candidate or shadow; a champion is made by ``promote``.
        """
        if stage not in ("candidate", "shadow"):
            raise UsageError(
                rule="a new model enters as candidate or shadow",
                value=stage,
                place=f"registry of {trained.model.task}",
                remedy="register it, then promote it with a reason",
            )
        meta = trained.metadata
        base = f"{_ROOT}/{meta.task}/{meta.model_version}"
        arrays, description = trained.model.arrays(), trained.model.description()
        evaluation = _json(trained.evaluation.as_dict())
        document = {
            "description": description,
            "content_digest": content_digest(arrays, description),
            "evaluation_digest": bytes_digest(evaluation),
            "metadata": plain(
                vars(meta)
                | {
                    "trained_at": meta.trained_at.isoformat(),
                    "train_start": meta.train_start.isoformat(),
                    "train_end": meta.train_end.isoformat(),
                }
            ),
        }
        if any(change.version == meta.model_version for change in self.changes(meta.task)):
            return meta.model_version
        self.lake.put_object(f"{base}/arrays.npz", arrays)
        self.lake.put_object(f"{base}/evaluation.json", evaluation)
        self.lake.put_object(f"{base}/metadata.json", _json(document))
        self._append(meta.task, StageChange(meta.model_version, stage, reason, meta.trained_at.isoformat(), by))
        return meta.model_version

    def promote(self, task: str, version: str, stage: str, *, reason: str, now: datetime, by: str) -> None:
        """Move a version to a stage. A new champion retires the one before.

        Errors: ConflictError where the version's evaluation failed as a suspected leak and nobody has signed it off;
        UsageError for an unknown stage or version, or an empty reason.
        """
        if stage not in STAGES or not reason.strip() or not by.strip():
            raise UsageError(
                rule=f"a promotion names a stage of {STAGES}, a reason and who decides",
                value={"stage": stage, "reason": reason, "by": by},
                place=f"registry of {task}",
                remedy="give all three",
            )
        self._known(task, version)
        if stage == "champion" and self.verdict(task, version) != "accepted":
            raise ConflictError(
                rule="a champion's evaluation stands: no suspected leak, or a named person has signed it off",
                value=[a["message"] for a in self._failing(task, version)],
                place=f"{task}/{version}",
                remedy="find the leak; or sign off with registry.sign_off(task, version, person=..., reason=...)",
            )
        changes = []
        if stage == "champion":
            changes = [
                StageChange(held, "retired", f"{version} took its place: {reason}", now.isoformat(), by)
                for held, change in self._current(task).items()
                if change.stage == "champion" and held != version
            ]
        self._append(task, *changes, StageChange(version, stage, reason, now.isoformat(), by))

    def sign_off(self, task: str, version: str, *, person: str, reason: str, now: datetime) -> None:
        """A named person answers for an evaluation that failed as a suspected leak; kept in the stage record."""
        self._known(task, version)
        if not person.strip() or not reason.strip():
            raise UsageError(
                rule="a sign-off names the person and the reason",
                value={"person": person, "reason": reason},
                place=f"{task}/{version}",
                remedy="give both",
            )
        stage = self._current(task)[version].stage
        self._append(task, StageChange(version, stage, reason, now.isoformat(), person, sign_off=True))

    def verdict(self, task: str, version: str) -> str:
        """``accepted`` or ``suspected-leak``, sign-offs counted."""
        signed = any(c.sign_off and c.version == version for c in self.changes(task))
        return "suspected-leak" if self._failing(task, version) and not signed else "accepted"

    def load(self, task: str, stage: str = "champion") -> Model:
        """The model that holds a stage (the latest to reach it); MissingPartition where none does."""
        holders = [version for version, change in self._current(task).items() if change.stage == stage]
        if not holders:
            raise MissingPartition(
                rule=f"a model of {task} is {stage}",
                value={v: c.stage for v, c in self._current(task).items()},
                place=f"{_ROOT}/{task}",
                remedy="train one, and promote it",
            )
        return self.load_version(task, holders[-1])

    def champion_at(self, task: str, moment: datetime) -> str | None:
        """The version that was champion at ``moment`` (aware), by the record of changes; None where none was.

        An answer about the past comes from the champion of then: a later one has seen what followed.
        """
        held: dict[str, str] = {}
        for change in self.changes(task):
            if datetime.fromisoformat(change.at) <= moment:
                held[change.version] = change.stage
        champions = [version for version, stage in held.items() if stage == "champion"]
        return champions[-1] if champions else None

    def load_version(self, task: str, version: str) -> Model:
        """A version, its content compared with its digest; CorruptPartition where they differ."""
        document = self._document(task, version)
        place = f"{_ROOT}/{task}/{version}"
        arrays = self.lake.get_object(f"{place}/arrays.npz")
        found = content_digest(arrays, document["description"])
        if found != document["content_digest"] or not version.endswith(found[:12]):
            raise CorruptPartition(
                rule="a model's content matches its digest and its version",
                value=found,
                place=place,
                remedy="somebody changed the files: train again, or promote an earlier version",
            )
        return restore(arrays, document["description"], place)

    def evaluation(self, task: str, version: str) -> dict[str, Any]:
        """The stored evaluation, as ``Evaluation.as_dict`` gave it; CorruptPartition where it was changed."""
        raw = self.lake.get_object(f"{_ROOT}/{task}/{version}/evaluation.json")
        if bytes_digest(raw) != self._document(task, version)["evaluation_digest"]:
            raise CorruptPartition(
                rule="a stored evaluation matches its digest",
                value=bytes_digest(raw),
                place=f"{_ROOT}/{task}/{version}/evaluation.json",
                remedy="train again",
            )
        found: dict[str, Any] = json.loads(raw)
        return found

    def changes(self, task: str) -> list[StageChange]:
        """Every change of stage of a task's models, oldest first."""
        name = f"{_ROOT}/{task}/stages.json"
        if name not in self.lake.objects(f"{_ROOT}/{task}"):
            return []
        return [StageChange(**change) for change in json.loads(self.lake.get_object(name))]

    def metadata(self) -> pa.Table:
        """``ml_model_metadata``: one row a version, in order of task and registration."""
        tasks = sorted({name.split("/")[1] for name in self.lake.objects(_ROOT) if name.endswith("/stages.json")})
        rows = []
        for task in tasks:
            for version, change in self._current(task).items():
                meta = self._document(task, version)["metadata"]
                rows.append(
                    meta
                    | {"stage": change.stage, "reason": f"{change.reason} ({change.by}, {change.at})"}
                    | {
                        "trained_at": datetime.fromisoformat(meta["trained_at"]),
                        "train_start": date.fromisoformat(meta["train_start"]),
                        "train_end": date.fromisoformat(meta["train_end"]),
                    }
                    | {key: json.dumps(meta[key], sort_keys=True) for key in ("metrics", "baselines", "signature")}
                )
        return pa.Table.from_pylist(rows, schema=ML_MODEL_METADATA.arrow())

    def _current(self, task: str) -> dict[str, StageChange]:
        """The last change of each version, in order of the changes; sign-offs move nothing."""
        held: dict[str, StageChange] = {}
        for change in self.changes(task):
            if change.sign_off:
                continue
            held.pop(change.version, None)
            held[change.version] = change
        return held

    def _failing(self, task: str, version: str) -> list[Mapping[str, Any]]:
        targets = self.evaluation(task, version)["targets"].values()
        return [alarm for target in targets for alarm in target["alarms"] if alarm["fails"]]

    def _known(self, task: str, version: str) -> None:
        known = list(self._current(task))
        if version not in known:
            raise UsageError(
                rule=f"the version is registered for {task}", value=version, place="registry", remedy=f"known: {known}"
            )

    def _document(self, task: str, version: str) -> dict[str, Any]:
        name = f"{_ROOT}/{task}/{version}/metadata.json"
        try:
            found: dict[str, Any] = json.loads(self.lake.get_object(name))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CorruptPartition(
                rule="a model's metadata is JSON", value=error, place=name, remedy="train the model again"
            ) from error
        return found

    def _append(self, task: str, *changes: StageChange) -> None:
        record = [vars(change) for change in (*self.changes(task), *changes)]
        self.lake.put_object(f"{_ROOT}/{task}/stages.json", _json(record))


def _json(value: Any) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()
