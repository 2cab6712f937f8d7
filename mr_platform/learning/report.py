"""The honest table for people: text, JSON and a picture of the model against every baseline."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from mr_platform.learning.evaluation import Evaluation, Scores, TargetEvaluation

_COLUMNS = (
    ("accuracy", "accuracy"),
    ("balanced", "balanced_accuracy"),
    ("macro-F1", "macro_f1"),
    ("MCC", "mcc"),
    ("log-loss", "log_loss"),
    ("RPS", "ranked_probability"),
    ("ECE", "calibration_error"),
    ("flips", "flip_ratio"),
    ("dwell", "dwell"),
)
_TITLES = {"regime": "regime (8 classes)", "volatility": "volatility (3 classes)", "direction": "direction (3 classes)"}


def as_text(evaluation: Evaluation) -> str:
    """Tables for a terminal: each target's model, baselines and control, then alarms and notes.

    ``flips`` is the flip rate over the labels' own, ``dwell`` in bars of five minutes, ``[low, high]`` the accuracy's
    interval over sessions.
    """
    lines = [f"{evaluation.task}: {evaluation.candidate}, {evaluation.verdict}"]
    for target in evaluation.targets.values():
        lines += ["", *_table(target)]
    overfitting = evaluation.choice["overfitting_probability"]
    lines += ["", f"probability of backtest overfitting: {_number(overfitting)} ({evaluation.choice['reason']})"]
    lines += _against("the planted regimes", evaluation.truth)
    lines += _against("the labels by the rule", evaluation.measured)
    lines += _inputs(evaluation)
    lines += [f"ALARM {a.name}: {a.message}" for a in evaluation.alarms if a.fails]
    lines += [f"warning {a.name}: {a.message}" for a in evaluation.alarms if not a.fails]
    lines += [f"note: {note}" for note in evaluation.notes]
    return "\n".join(lines) + "\n"


def as_json(evaluation: Evaluation) -> str:
    """The whole evaluation as one JSON document."""
    return json.dumps(evaluation.as_dict(), sort_keys=True, indent=1, allow_nan=False)


def as_png(evaluation: Evaluation) -> bytes:
    """Accuracy with its interval of model, baselines and control, one panel a target."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(evaluation.targets), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(evaluation.targets), squeeze=False)[0]
    for panel, target in zip(panels, evaluation.targets.values(), strict=True):
        rows = target.table()[::-1]
        for at, row in enumerate(rows):
            low, high = row.accuracy_interval
            below, above = row.accuracy - low, high - row.accuracy
            error = [[max(below, 0.0)], [max(above, 0.0)]] if math.isfinite(low) else None
            color = {"model": "#1f4e79", "shuffled": "#b0b0b0"}.get(row.name, "#7f9db9")
            panel.barh(at, row.accuracy, color=color, xerr=error, ecolor="#333333", capsize=2)
        panel.set_yticks(range(len(rows)), [row.name for row in rows])
        panel.set_xlim(0.0, 1.0)
        panel.set_xlabel("accuracy out of sample")
        panel.set_title(
            f"{_TITLES[target.target]}\nskill {_number(target.skill)} over {target.best_baseline}", fontsize=9
        )
    figure.suptitle(f"{evaluation.task}: {evaluation.candidate}, {evaluation.verdict}", fontsize=10)
    buffer = io.BytesIO()
    # without the software's name and version the picture depends on the numbers alone
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _against(what: str, scores: Mapping[str, Any] | None) -> list[str]:
    if scores is None:
        return []
    columns = ("accuracy", "balanced_accuracy", "macro_f1", "mcc")
    cells = [["", "accuracy", "balanced", "macro-F1", "MCC"]]
    cells += [[n, *(_number(s[c]) for c in columns)] for n, s in scores.items() if n != "rows"]
    return [f"against {what} ({scores['rows']} rows):", *_aligned(cells)]


def _inputs(evaluation: Evaluation) -> list[str]:
    counts, importance = evaluation.folds[-1]["inputs"], evaluation.importance
    told = (
        f"inputs: of {counts['given']} features {counts['live']} are there and vary, {counts['informative']} tell the "
        f"regime across sessions, {counts['kept']} of them differ enough; {importance['read']} inputs read"
    )
    parts = [
        f"{what}: " + ", ".join(f"{name} {value:+.4f}" for name, value in list(importance[what].items())[:8])
        for what in ("inputs", "groups", "components")
    ]
    return [told, *(f"rests on {part}" for part in parts)]


def _table(target: TargetEvaluation) -> list[str]:
    head = (
        f"{_TITLES[target.target]}: {target.rows} rows of {target.sessions} sessions; skill {_number(target.skill)} "
        f"{_interval(target.skill_interval)} over {target.best_baseline}; of log-loss {_number(target.log_loss_skill)}"
    )
    cells = [["", *(title for title, _ in _COLUMNS), "interval"]]
    cells += [_row(score) for score in target.table()]
    intervals = [
        f"  {score.name}: macro-F1 {_interval(score.macro_f1_interval)}, MCC {_interval(score.mcc_interval)}"
        for score in target.table()
        if score.name in ("model", target.best_baseline)
    ]
    return [head, *_aligned(cells), *intervals]


def _interval(bounds: tuple[float, float]) -> str:
    return f"[{_number(bounds[0])}, {_number(bounds[1])}]"


def _row(score: Scores) -> list[str]:
    return [
        score.name,
        *(_number(getattr(score, field)) for _, field in _COLUMNS),
        _interval(score.accuracy_interval),
    ]


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    return [
        "  "
        + "  ".join(
            cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"
