"""Stations: each takes a partition from the lake's one table to the next, and says what it published.

The rooms below are pure functions of tables; here they meet the lake. The command line and the Dagster
assets call nothing else, so a backfill, an intraday run and a person at a terminal go one way.
"""

from mr_platform.stations.answers import quality, quality_picture, regime_picture, unified_answer
from mr_platform.stations.chain import ingest_files, known_core, publish_core, take_up_landed
from mr_platform.stations.features import compute_features, publish_context, publish_features
from mr_platform.stations.market import simulate, simulate_on_index
from mr_platform.stations.models import publish_model_metadata, train_model
from mr_platform.stations.regimes import publish_labels, publish_regimes
from mr_platform.stations.report import StationReport

__all__ = [
    "StationReport",
    "compute_features",
    "ingest_files",
    "known_core",
    "publish_context",
    "publish_core",
    "publish_features",
    "publish_labels",
    "publish_model_metadata",
    "publish_regimes",
    "quality",
    "quality_picture",
    "regime_picture",
    "simulate",
    "simulate_on_index",
    "take_up_landed",
    "train_model",
    "unified_answer",
]
