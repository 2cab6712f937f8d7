"""The registry: what is declared can be found, and nothing is declared twice."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mr_platform.errors import UsageError
from mr_platform.parameters import registry as room
from mr_platform.parameters.declaration import Parameter, live, planned
from mr_platform.parameters.registry import CellOfRecord, registry
from mr_platform.parameters.values import INT

TRENDS = "RegimeClassification.Trend Thresholds"


def test_a_parameter_is_found_by_its_id() -> None:
    found = registry().find("GreekSentimentConfig.gamma_weight")
    assert isinstance(found, Parameter)
    assert (found.default, found.unit, found.low, found.high) == (0.35, "share of 1", 0.2, 0.5)


def test_a_parameter_is_found_by_a_name_that_one_sheet_alone_has() -> None:
    found = registry().find("trading_mode")
    assert found.id == "MasterConfiguration.trading_mode"


def test_a_bare_name_of_several_sheets_is_refused_with_all_of_them() -> None:
    with pytest.raises(UsageError, match="a bare name belongs to one sheet") as caught:
        registry().find("learning_rate")
    assert caught.value.remedy == (
        "name one of StabilityConfiguration.learning_rate, AdaptiveTuning.learning_rate, "
        "AdaptiveLearning.learning_rate, MasterIntegrationConfig.learning_rate"
    )


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="declared in the registry") as caught:
        registry().find("GreekSentimentConfig.gama_weight")
    assert caught.value.remedy.startswith("nearest: GreekSentimentConfig.gamma_weight")


def test_a_name_like_nothing_is_refused_with_a_way_to_all() -> None:
    with pytest.raises(UsageError) as caught:
        registry().find("§§§")
    assert caught.value.remedy == "`mr config show` lists all of them"


@pytest.mark.parametrize(
    ("name", "table", "key", "column"),
    [
        ("RegimeClassification.8.MinDuration", "RegimeClassification", "8", "MinDuration"),
        (f"{TRENDS}.Bullish.MinSlope", TRENDS, "Bullish", "MinSlope"),
        ("MultiTimeframeConfig.5min.Weight", "MultiTimeframeConfig", "5min", "Weight"),
        ("PortfolioSetting.1.Capital", "PortfolioSetting", "1", "Capital"),
    ],
)
def test_a_cell_of_a_record_is_found_by_its_key_and_column(name: str, table: str, key: str, column: str) -> None:
    found = registry().find(name)
    assert isinstance(found, CellOfRecord)
    assert (found.table.id, found.key, found.column.name, found.id) == (table, key, column, name)


def test_a_record_without_a_key_column_is_known_by_its_number() -> None:
    table = registry().tables["PortfolioSetting", ""]
    assert table.key_of(table.default[0], 1) == "1"


def test_a_key_of_a_compound_kind_is_the_text_of_its_cell() -> None:
    table = registry().tables["DynamicWeightageConfig", "Dynamic Weight Adjustment Rules"]
    keys = [table.key_of(record, number) for number, record in enumerate(table.default, start=1)]
    assert keys[:3] == ["High Volatility (ATR>80%ile)", "Trending Market (ADX>25)", "Expiry Day"]


def test_parameters_of_a_sheet_come_in_declared_order() -> None:
    names = [parameter.name for parameter in registry().of_sheet("MultiTimeframeConfig", "Consensus Configuration")]
    assert names == [
        "consensus_method",
        "min_timeframes_required",
        "consensus_threshold",
        "divergence_penalty",
        "trend_alignment_bonus",
    ]
    assert registry().of_sheet("MultiTimeframeConfig") == ()


def test_a_field_names_the_declarations_that_steer_it() -> None:
    fields = registry().fields()
    assert [one.id for one in fields["iv_skew.contango"]] == ["IVSurfaceConfig.contango_threshold"]
    assert [one.id for one in fields["workbook_regimes.trends"]] == ["RegimeClassification.Trend Thresholds"]


def test_what_is_declared_twice_raises() -> None:
    with pytest.raises(AssertionError, match=r"declared twice: a\.b"):
        room._unique([("a.b", 1), ("a.b", 2)])


def test_a_consumer_is_live_or_planned() -> None:
    assert not live("features/c1_triple_straddle").planned
    assert planned("features/c9").planned


def test_an_id_joins_sheet_and_name() -> None:
    assert Parameter("Sheet", "name", INT, 1, "bars", "what it steers", live("somewhere")).id == "Sheet.name"


def test_the_registry_is_collected_once() -> None:
    assert registry() is registry()


def test_collecting_the_registry_loads_no_heavy_library() -> None:
    code = (
        "import sys; from mr_platform.parameters.registry import registry; registry(); "
        "print([m for m in ('numpy', 'pandas', 'polars', 'pyarrow', 'openpyxl', 'python_calamine', 'yaml')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
