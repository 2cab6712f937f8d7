"""A trained model: three heads over one design, and its bytes. No pickle: named arrays and JSON.

The bytes are a function of the content alone, so that equal trainings give equal digests.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import CorruptPartition, DataError
from mr_platform.learning.calibration import Calibration
from mr_platform.learning.dataset import Dataset, build_dataset
from mr_platform.learning.gate import InputRange
from mr_platform.learning.heads import SCORES, Head, Reading
from mr_platform.learning.tasks import TARGETS, task
from mr_platform.parameters.learning import DesignParameters, GateParameters

Floats = NDArray[np.float64]

FORMAT = 2


@dataclass(frozen=True, eq=False)
class Model:
    """What answers: ``heads`` by target name over the inputs ``columns``, in that order.

    ``symbols`` it was trained on; ``design`` which inputs come from elsewhere than the features; ``inputs`` the
    training ranges and ``gate`` the thresholds of the confidence gate; ``train_end`` last session of its training.
    """

    task: str
    candidate: str
    columns: tuple[str, ...]
    symbols: tuple[str, ...]
    design: DesignParameters
    heads: Mapping[str, Head]
    inputs: InputRange
    gate: GateParameters
    train_start: date
    train_end: date

    def dataset(self, features: pa.Table, labels: pa.Table | None = None) -> Dataset:
        """The model's inputs from a features table; DataError where an input is absent.

        ``labels`` known so far are needed by a model with ``design.known_labels`` and otherwise not read.
        """
        if self.design.known_labels and labels is None:
            raise DataError(
                rule="a model that reads the last known label is given the labels known so far",
                value=None,
                place=f"answer of {self.task}",
                remedy="pass the labels published up to now",
            )
        return build_dataset(
            features,
            labels if self.design.known_labels else None,
            task=task(self.task),
            design=self.design,
            columns=self.columns,
            symbols=self.symbols,
        )

    def predict_proba(self, features: pa.Table, labels: pa.Table | None = None) -> dict[str, Floats]:
        """Calibrated probabilities [n, k] of each target, rows in order of (event_ts, symbol)."""
        data = self.dataset(features, labels)
        return {name: head.predict_proba(data) for name, head in self.heads.items()}

    def predict(self, features: pa.Table, labels: pa.Table | None = None) -> pa.Table:
        """One answer a row: symbol, event_ts, known_ts, regime, confidence, signal, reason, p_* of the 8 regimes,
        volatility and direction with p_volatility_* and p_direction_*, in order of (event_ts, symbol).

        ``signal`` is false where the gate withholds the answer; ``reason`` says why, empty otherwise. The regime
        stands in either case: it is for the caller to say no-signal.
        """
        data = self.dataset(features, labels)
        probabilities = {name: head.predict_proba(data) for name, head in self.heads.items()}
        reasons = self.inputs.reasons(data, probabilities["regime"], self.gate, self.train_end)
        symbol = features.column("symbol").to_pylist()
        event = features.column("event_ts").cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        order = np.lexsort((np.array(symbol, dtype=str), event)) if len(symbol) else np.empty(0, dtype=np.int64)
        out: dict[str, Any] = {
            name: features.column(name).take(pa.array(order)) for name in ("symbol", "event_ts", "known_ts")
        }
        regimes = TARGETS["regime"].classes
        out["regime"] = pa.array([regimes[c] for c in probabilities["regime"].argmax(axis=1)], pa.string())
        out["confidence"] = pa.array(probabilities["regime"].max(axis=1), pa.float64())
        out["signal"] = pa.array([reason == "" for reason in reasons], pa.bool_())
        out["reason"] = pa.array(reasons, pa.string())
        for name, p in probabilities.items():
            classes = TARGETS[name].classes
            if name != "regime":
                out[name] = pa.array([classes[c] for c in p.argmax(axis=1)], pa.string())
            prefix = "p_" if name == "regime" else f"p_{name}_"
            out |= {f"{prefix}{c.lower()}": pa.array(p[:, k], pa.float64()) for k, c in enumerate(classes)}
        return pa.table(out)

    def arrays(self) -> bytes:
        """All arrays as an uncompressed npz without pickle; equal content gives equal bytes."""
        named: dict[str, NDArray[Any]] = {f"inputs.{k}": v for k, v in self.inputs.arrays().items()}
        for name, head in self.heads.items():
            named |= {f"{name}.reading.{k}": v for k, v in head.reading.arrays().items()}
            named |= {f"{name}.scores.{k}": v for k, v in head.scores.arrays().items()}
            named |= {f"{name}.present": head.present, f"{name}.shares": head.shares}
            named[f"{name}.calibration"] = np.array([head.calibration.sharpness, head.calibration.prior])
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{k: named[k] for k in sorted(named)})
        return buffer.getvalue()

    def description(self) -> dict[str, Any]:
        """Everything besides the arrays, for JSON."""
        return {
            "format": FORMAT,
            "task": self.task,
            "candidate": self.candidate,
            "columns": list(self.columns),
            "symbols": list(self.symbols),
            "design": vars(self.design),
            "gate": vars(self.gate),
            "heads": {name: head.kind for name, head in self.heads.items()},
            "classes": {name: list(TARGETS[name].classes) for name in self.heads},
            "train_start": self.train_start.isoformat(),
            "train_end": self.train_end.isoformat(),
        }

    def digest(self) -> str:
        """Hex SHA-256 of arrays and description."""
        return content_digest(self.arrays(), self.description())


def content_digest(arrays: bytes, description: Mapping[str, Any]) -> str:
    """Hex SHA-256 of a model's arrays and description."""
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(arrays + b"\0" + text.encode()).hexdigest()


def restore(arrays: bytes, description: Mapping[str, Any], place: str) -> Model:
    """The model from its stored parts; CorruptPartition where they do not make one."""
    try:
        with np.load(io.BytesIO(arrays), allow_pickle=False) as stored:
            named = {key: stored[key] for key in stored.files}
        if description["format"] != FORMAT:
            raise ValueError(f"format {description['format']}, this code reads {FORMAT}")
        kinds = description["heads"]
        heads = {name: _head(named, name, kinds[name]) for name in TARGETS if name in kinds}
        return Model(
            task=description["task"],
            candidate=description["candidate"],
            columns=tuple(description["columns"]),
            symbols=tuple(description["symbols"]),
            design=DesignParameters(**description["design"]),
            heads=heads,
            inputs=InputRange.from_arrays(_below(named, "inputs.")),
            gate=GateParameters(**description["gate"]),
            train_start=date.fromisoformat(description["train_start"]),
            train_end=date.fromisoformat(description["train_end"]),
        )
    except (KeyError, ValueError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise CorruptPartition(
            rule="a stored model has all its arrays and fields",
            value=repr(error),
            place=place,
            remedy="train the model again, or promote an earlier version",
        ) from error


def _head(named: Mapping[str, NDArray[Any]], name: str, kind: str) -> Head:
    sharpness, prior = named[f"{name}.calibration"]
    return Head(
        kind=kind,
        reading=Reading.from_arrays(_below(named, f"{name}.reading.")),
        scores=SCORES[kind].from_arrays(_below(named, f"{name}.scores.")),
        present=named[f"{name}.present"],
        shares=named[f"{name}.shares"],
        calibration=Calibration(float(sharpness), float(prior)),
    )


def _below(named: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {key.removeprefix(prefix): value for key, value in named.items() if key.startswith(prefix)}
