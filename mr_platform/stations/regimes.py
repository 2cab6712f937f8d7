"""Stations from features to labels and regimes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mr_platform.errors import MissingPartition
from mr_platform.features.catalogue import components
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.parameters.labels import LabelParameters
from mr_platform.parameters.regimes import (
    RegimeParameters,
    RuleParameters,
    SignalParameters,
    StateParameters,
    TacticalParameters,
)
from mr_platform.parameters.workbook_regimes import WorkbookParameters
from mr_platform.regimes.inputs import SCORE_COLUMNS, ModelAnswer, scores_from_features
from mr_platform.regimes.labels import class_shares, label_session
from mr_platform.regimes.orchestrator import MarketData
from mr_platform.regimes.results import RegimeTables, analyse
from mr_platform.regimes.state import MarketState, market_state
from mr_platform.regimes.weights_in_force import weighting
from mr_platform.stations.parameters import in_force, stamp
from mr_platform.stations.report import StationReport, Timer, publish, timed
from mr_platform.stations.series import chain_sessions, index_sessions, second_sessions
from mr_platform.stations.weights import LEARNING, publish_performance, weights_of

COMPONENT_RESULTS = "regimes/component_analysis_results"
MASTER = "regimes/master_regime_analysis"
# What "the regime now" means: the task whose champion answers beside the rules.
NOWCAST = "regime_nowcast"
# What steers the answers of a bar; labels too, since the state of the market is measured by their rules.
_STEERING = (
    RuleParameters,
    TacticalParameters,
    WorkbookParameters,
    SignalParameters,
    StateParameters,
    LabelParameters,
    *LEARNING,
)
# The simulator's planted regimes; no feature reads them.
TRUTH = "simulator/truth"


def publish_labels(lake: Lake, partition: Partition, horizon: str) -> StationReport:
    """labels/regime_<horizon> of a symbol-day: the bars whose forward window the lake already holds.

    The nowcast of a simulated symbol-day is labelled with the planted regime (``planted_labels``).
    """
    table = f"labels/regime_{horizon}"
    with timed(table, partition) as timer:
        labels = session_labels(lake, partition, horizon)
        labelled = labels.num_rows - labels["label"].null_count
        return publish(
            lake,
            table,
            partition,
            labels,
            timer,
            metadata=stamp(lake, LabelParameters),
            details={"labelled": labelled, "shares": class_shares(labels)},
        )


def session_labels(lake: Lake, partition: Partition, horizon: str) -> pa.Table:
    """What ``publish_labels`` publishes: the labels that the lake's sessions decide so far."""
    labels = measured_labels(lake, partition, horizon)
    if f"regime_{horizon}" == NOWCAST and lake.describe(TRUTH, partition) is not None:
        return planted_labels(labels, lake.read(TRUTH, partition, columns=["event_ts", "regime"]))
    return labels


def measured_labels(lake: Lake, partition: Partition, horizon: str) -> pa.Table:
    """The labels by the rule, on simulated days too."""
    day = partition.trade_date
    return label_session(
        partition.symbol,
        chain_sessions(lake, partition.symbol, day),
        day,
        horizon,
        in_force(lake, LabelParameters),
        history=index_sessions(lake, partition.symbol, day),
        second=second_sessions(lake, partition.symbol, day),
    )


def planted_labels(labels: pa.Table, truth: pa.Table) -> pa.Table:
    """Nowcast labels of a simulated session with the planted regime as ``label``, null where none was planted.

    ``known_ts`` stays: that of the measured label, half an hour after the bar, for on a market nobody knows earlier.
    The version says ``planted``, so that these labels are never mixed with measured ones.
    """
    regime_at = dict(zip(truth["event_ts"].to_pylist(), truth["regime"].to_pylist(), strict=True))
    planted = pa.array([regime_at.get(at) for at in labels["event_ts"].to_pylist()], pa.string())
    version = pa.array([f"{v}.planted" for v in labels["label_schema_version"].to_pylist()], pa.string())
    for name, values in (("label", planted), ("label_schema_version", version)):
        at = labels.schema.get_field_index(name)
        labels = labels.set_column(at, labels.schema.field(name), values)
    return labels


def publish_regimes(lake: Lake, partition: Partition, *, as_of: datetime | None = None) -> StationReport:
    """The weights in force, the component answers and the master answer of one symbol-day, and how the answers of a
    session that is over turned out.

    The weights are those of the open, so a symbol's days are published in order. ``as_of``: features are published up
    to it, and regimes follow their rows; a session under way has not turned out yet.
    """
    with timed("regimes", partition) as timer:
        tables, data = _analysed(lake, partition, timer)
        measured = {"run_seconds": f"{timer.seconds}", **stamp(lake, *_STEERING)}
        publish(lake, COMPONENT_RESULTS, partition, tables.components, timer, metadata=measured)
        if as_of is None or as_of >= nse_calendar().session(partition.trade_date).close:
            publish_performance(lake, partition, tables, data.labels(), timer)
        shares = pc.value_counts(tables.master["master_regime"]).to_pylist()
        return publish(
            lake,
            MASTER,
            partition,
            tables.master,
            timer,
            metadata=measured,
            details={
                "model": data.model.version if data.model is not None else "rules",
                "regimes": {str(s["values"]): s["counts"] for s in shares},
            },
        )


def _analysed(lake: Lake, partition: Partition, timer: Timer) -> tuple[RegimeTables, MarketData]:
    """Result tables of a symbol-day under the weights in force, and what they are made from."""
    data = market_data(lake, partition)
    tables = analyse(
        partition.symbol,
        data.components,
        in_force(lake, RegimeParameters),
        weights=weighting(weights_of(lake, partition, timer), data.labels),
        model=data.model,
        market=data.market,
    )
    return tables, data


def market_data(lake: Lake, partition: Partition) -> MarketData:
    """What the bars of a symbol-day are analysed from: published scores, the champion's answer, the underlying.

    The session's labels are worked out when they are first asked for, from the context published so far: a session
    under way and its later rebuild are given the same.
    """
    found = [entry for entry in components() if lake.describe(entry.table, partition) is not None]
    if not found:
        raise MissingPartition(
            rule="regimes follow published features",
            value=str(partition),
            place=str(lake.root),
            remedy="publish features first",
        )
    labels = functools.cache(lambda: session_labels(lake, partition, "nowcast"))
    return MarketData(
        [scores_from_features(lake.read(e.table, partition, columns=SCORE_COLUMNS), e.number) for e in found],
        labels,
        model=model_answer(lake, partition, labels),
        market=_market(lake, partition),
    )


def model_answer(lake: Lake, partition: Partition, labels: Callable[[], pa.Table]) -> ModelAnswer | None:
    """What the champion of the nowcast says of the rows; None where no model has been promoted.

    It may read the session's ``labels``, each from its known_ts on.
    """
    from mr_platform.stations.models import answer

    return answer(lake, NOWCAST, partition, labels=labels)


def _market(lake: Lake, partition: Partition) -> MarketState | None:
    sessions = chain_sessions(lake, partition.symbol, partition.trade_date)
    if not any(bars.trade_date == partition.trade_date for bars in sessions):
        return None
    return market_state(
        sessions, partition.trade_date, in_force(lake, LabelParameters), in_force(lake, StateParameters)
    )
