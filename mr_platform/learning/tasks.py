"""What can be learned: three tasks by horizon, each with three targets."""

from __future__ import annotations

from dataclasses import dataclass

from mr_platform.errors import UsageError
from mr_platform.parameters.labels import LabelParameters
from mr_platform.parameters.objects import defaults
from schemas.labels import DIRECTION_LABELS, VOLATILITY_LABELS
from schemas.tables import REGIMES


@dataclass(frozen=True)
class Target:
    """One column to predict. ``ordered``: the classes have an order, so that distance between them counts."""

    name: str
    column: str
    classes: tuple[str, ...]
    ordered: bool

    @property
    def size(self) -> int:
        """Number of classes."""
        return len(self.classes)


REGIME = Target("regime", "label", REGIMES, ordered=False)
VOLATILITY = Target("volatility", "volatility_label", VOLATILITY_LABELS, ordered=True)
DIRECTION = Target("direction", "direction_label", DIRECTION_LABELS, ordered=True)
TARGETS: dict[str, Target] = {t.name: t for t in (REGIME, VOLATILITY, DIRECTION)}


@dataclass(frozen=True)
class Task:
    """``back`` and ``ahead``: bars of five minutes that a label's windows reach from t; ``forward``: it forecasts.

    The nowcast's window is centred, so its label is no forecast and the leak thresholds do not apply to it.
    """

    name: str
    back: int
    ahead: int
    forward: bool

    @property
    def purge_bars(self) -> int:
        """Bars between training and test: H plus the longest look-ahead of a label."""
        return self.back + self.ahead


def task(name: str, labels: LabelParameters | None = None) -> Task:
    """The task called ``regime_h12``, ``regime_h75`` or ``regime_nowcast``; its windows are those of ``labels``."""
    windows = (labels or defaults(LabelParameters)).tasks
    known = {f"regime_{key}": key for key in windows}
    if name not in known:
        raise UsageError(
            rule=f"a task is one of {sorted(known)}",
            value=name,
            place="learning tasks",
            remedy="use one of the names above",
        )
    window = windows[known[name]]
    return Task(name=name, back=window.back, ahead=window.ahead, forward=known[name] != "nowcast")
