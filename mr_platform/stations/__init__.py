"""Stations: each takes a partition from the lake's one table to the next, and says what it published.

The rooms below are pure functions of tables; here they meet the lake. The command line and the Dagster
assets call nothing else, so a backfill, an intraday run and a person at a terminal go one way.
"""

from mr_platform.stations.answers import quality, quality_picture, regime_picture, unified_answer
from mr_platform.stations.certificate import certify_migration, check_certificate
from mr_platform.stations.chain import ingest_files, known_core, publish_core, take_up_landed
from mr_platform.stations.features import compute_features, publish_features
from mr_platform.stations.market import simulate, simulate_on_index
from mr_platform.stations.migration import (
    compare_with_source,
    comparison_picture,
    except_partition,
    migrate,
    migrated,
    migration_failures,
    migration_status,
    plan_migration,
    publish_ledger,
    reopen_partition,
    to_migrate,
    unmet_by_migrated,
    verify_migrated,
)
from mr_platform.stations.models import compare_components, publish_model_metadata, train_model
from mr_platform.stations.moved import Chosen, Moved, plan_row, status_row
from mr_platform.stations.orchestration import orchestrator
from mr_platform.stations.regimes import market_data, publish_labels, publish_regimes
from mr_platform.stations.report import StationReport
from mr_platform.stations.validation_rules import validation_outcomes
from mr_platform.stations.weights import undo_weights, weight_rows, weights_in_force

__all__ = [
    "Chosen",
    "Moved",
    "StationReport",
    "certify_migration",
    "check_certificate",
    "compare_components",
    "compare_with_source",
    "comparison_picture",
    "compute_features",
    "except_partition",
    "ingest_files",
    "known_core",
    "market_data",
    "migrate",
    "migrated",
    "migration_failures",
    "migration_status",
    "orchestrator",
    "plan_migration",
    "plan_row",
    "publish_core",
    "publish_features",
    "publish_labels",
    "publish_ledger",
    "publish_model_metadata",
    "publish_regimes",
    "quality",
    "quality_picture",
    "regime_picture",
    "reopen_partition",
    "simulate",
    "simulate_on_index",
    "status_row",
    "take_up_landed",
    "to_migrate",
    "train_model",
    "undo_weights",
    "unified_answer",
    "unmet_by_migrated",
    "validation_outcomes",
    "verify_migrated",
    "weight_rows",
    "weights_in_force",
]
