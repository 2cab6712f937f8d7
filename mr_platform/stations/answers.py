"""What people ask of published partitions: quality, pictures, the unified answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mr_platform.errors import MissingPartition
from mr_platform.exporting import known_by
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.parameters.regimes import COMPONENTS, HistoryParameters, PositionParameters, TransitionParameters
from mr_platform.regimes.history import record
from mr_platform.regimes.inputs import instants
from mr_platform.regimes.positions import recommend, volatility_score
from mr_platform.regimes.transitions import follow
from mr_platform.regimes.unified import HistoricalContext, unified_output
from mr_platform.stations.parameters import in_force
from mr_platform.stations.regimes import COMPONENT_RESULTS, MASTER
from mr_platform.stations.series import chain_sessions
from schemas.tables import REGIMES

_HISTORY_PARTITIONS = 25


def quality(lake: Lake, partition: Partition) -> dict[str, Any]:
    """The quality report of a symbol-day: symbol, date, score, coverage, rules {code: count} and the row counts."""
    from mr_platform.quality.report import report_of_table

    return dict(report_of_table(lake.read("core/quality_report", partition)).as_dict())


def quality_picture(lake: Lake, partition: Partition) -> bytes:
    """PNG: minutes x strikes of what was missing or refused."""
    from mr_platform.quality.picture import picture
    from mr_platform.quality.report import report_of_table

    return picture(
        report_of_table(lake.read("core/quality_report", partition)),
        lake.read("core/option_chain", partition),
        lake.read("core/quarantine", partition),
        session=nse_calendar().session(partition.trade_date),
    )


def regime_picture(lake: Lake, partition: Partition) -> bytes:
    """PNG: the session's price over its regimes, confidence beneath."""
    from mr_platform.regimes.timeline import picture

    return picture(
        lake.read(MASTER, partition), _session(lake, partition), gate=in_force(lake, TransitionParameters).gate
    )


def unified_answer(lake: Lake, partition: Partition, *, until: int | None = None) -> dict[str, object]:
    """The unified output of the last answered bar of a session, or of the last one at ``until`` (minute of the day)."""
    rows = _known(lake.read(MASTER, partition), partition, until)
    if not rows.num_rows:
        raise MissingPartition(
            rule="a bar of the session has been answered by then",
            value=str(partition),
            place=MASTER,
            remedy="ask for a later minute, or publish regimes",
        )
    earlier = [
        lake.read(MASTER, one)
        for one in lake.partitions(MASTER, symbol=partition.symbol)
        if one.trade_date < partition.trade_date
    ][-_HISTORY_PARTITIONS:]
    history = pa.concat_tables([*earlier, rows])
    past = record(
        instants(history["event_ts"]), history["master_regime"].to_pylist(), in_force(lake, HistoryParameters)
    )
    last = rows.slice(rows.num_rows - 1).to_pylist()[0]
    answers = lake.read(COMPONENT_RESULTS, partition)
    mine = answers.filter(pc.equal(answers["event_ts"], rows["event_ts"][-1])).to_pylist()
    # C8 is the seven together: it would count them twice
    scores = {
        row["component_id"]: float("nan") if row["score"] is None else row["score"]
        for row in mine
        if row["component_id"] in COMPONENTS
    }
    told = contributions(mine)
    trend = float(sum(one["contribution"] or 0.0 for one in told.values()))
    advice = in_force(lake, PositionParameters)
    volatility = volatility_score(_range_percentages(lake, partition, until), advice)
    confidence = last["master_confidence"] if last["master_confidence"] is not None else float("nan")
    answer = unified_output(
        last["event_ts"],
        last["master_regime"],
        confidence,
        scores,
        trend,
        volatility,
        recommend(last["master_regime"], 0.0 if np.isnan(confidence) else confidence, volatility, trend, advice),
        HistoricalContext(float(past.duration_hours[-1]), float(past.stability[-1]), past.previous[-1]),
    )
    return answer | {
        "source": last["source"],
        "reason": last["reason"],
        "rule_regime": last["rule_regime"],
        "components": told,
        "transitions": transitions(rows, in_force(lake, TransitionParameters)),
    }


def contributions(answers: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What each component says at a bar and what it weighs there, by key; ``contribution`` is weight x score.

    Null where a component has no score; C8 weighs nothing beside the seven that it stands for.
    """
    return {
        f"c{row['component_id']}": {
            "score": row["score"],
            "confidence": row["confidence_score"],
            "weight": row["weight_factor"],
            "contribution": None
            if row["score"] is None or row["weight_factor"] is None
            else row["score"] * row["weight_factor"],
            "prediction": row["regime_prediction"],
            "health": row["health"],
        }
        for row in answers
    }


def transitions(master: pa.Table, parameters: TransitionParameters) -> list[dict[str, object]]:
    """Challenges of the regime in force along rows of master_regime_analysis, oldest first: what the alerts rest on.

    Followed on the rows' probabilities with the hysteresis, cool-down and hourly limit of ``parameters``.
    """
    probabilities = np.column_stack(
        [master[f"p_{code.lower()}"].to_numpy(zero_copy_only=False).astype(np.float64) for code in REGIMES]
    )
    found = follow(instants(master["event_ts"]), probabilities, parameters).transitions
    stamped = dict(zip(instants(master["event_ts"]).tolist(), master["event_ts"].to_pylist(), strict=True))
    return [
        {
            "timestamp": stamped[change.event_ts.astype("datetime64[us]").tolist()].isoformat(),
            "from": change.previous,
            "to": change.regime,
            "shift": round(change.shift, 4),
            "confidence": round(change.confidence, 4),
            "status": change.status,
            "alert": change.alert,
        }
        for change in found
    ]


def _known(rows: pa.Table, partition: Partition, until: int | None) -> pa.Table:
    return rows if until is None else known_by(rows, partition.trade_date, until)


def _session(lake: Lake, partition: Partition) -> Any:
    sessions = chain_sessions(lake, partition.symbol, partition.trade_date)
    return next(bars for bars in sessions if bars.trade_date == partition.trade_date)


def _range_percentages(lake: Lake, partition: Partition, until: int | None) -> np.ndarray:
    """Absolute five-minute moves of the underlying in percent of price, up to ``until``."""
    bars = _session(lake, partition)
    closes = bars.underlying_close if until is None else bars.underlying_close[bars.minutes + 4 <= until]
    moves = np.abs(np.diff(closes)) / closes[:-1] * 100
    return np.asarray(moves, dtype=np.float64)
