"""The sheets of the three companion workbooks: portfolio, regime and optimization."""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import (
    Declarations,
    Parameter,
    RecordTable,
    SheetShape,
    TableColumn,
    TableShape,
)
from mr_platform.parameters.declarations.consumers import CONFIG_SHOW, OPTIMIZATION, POSITION_SIZING
from mr_platform.parameters.values import FLOAT, INT, YES_NO, Choice, Pattern

METHOD = Choice("GENETIC_ALGORITHM", "GRID_SEARCH", "RANDOM_SEARCH", "BAYESIAN", "DIFFERENTIAL_EVOLUTION")
REBALANCE = Choice("DAILY", "WEEKLY", "MONTHLY", "NEVER")
STRATEGY = Pattern("[A-Za-z][A-Za-z0-9_]*", "a strategy's name in one word")
WORKBOOK_FILE = Pattern(
    r"[A-Za-z0-9][A-Za-z0-9_.-]*\.xlsx", "the name of an .xlsx file in the same folder, without a path"
)

# fmt: off
_row = partial(Parameter, "OptimizationSettings")
_SEARCH = (
    _row("OptimizationMethod", METHOD, "GENETIC_ALGORITHM", "", "how better settings are searched for", OPTIMIZATION),
    _row("Iterations", INT, 1000, "count", "rounds of the search", OPTIMIZATION, low=1, high=1_000_000),
    _row("ConvergenceCriteria", FLOAT, 0.001, "ratio",
         "relative gain below which the search ends", OPTIMIZATION, low=0, high=1),
)

_PORTFOLIO = RecordTable(
    sheet="PortfolioSetting",
    title="",
    key="",
    columns=(
        TableColumn("Capital", FLOAT, "INR", low=0, high=1e12, description="capital of the portfolio"),
        TableColumn("MaxRisk", FLOAT, "percent", low=0, high=100, description="most capital at risk at once"),
        TableColumn("MaxPositions", INT, "count", low=0, high=1000, description="open positions at most"),
        TableColumn("RiskPerTrade", FLOAT, "percent", low=0, high=100, description="capital at risk in one position"),
        TableColumn("UseKellyCriterion", YES_NO, description="sizes follow the Kelly criterion"),
        TableColumn("RebalanceFrequency", REBALANCE, description="how often shares are restored"),
    ),
    default=((1_000_000.0, 5.0, 5, 2.0, False, "DAILY"),),
    consumer=POSITION_SIZING,
    description="capital and risk limits",
)

_STRATEGIES = RecordTable(
    sheet="StrategySetting",
    title="",
    key="StrategyName",
    columns=(
        TableColumn("StrategyName", STRATEGY, description="name of the strategy"),
        TableColumn("StrategyExcelFilePath", WORKBOOK_FILE, description="its workbook"),
        TableColumn("Enabled", YES_NO, description="whether it runs"),
        TableColumn("Priority", INT, low=1, high=100, description="the smallest comes first"),
        TableColumn("AllocationPercent", FLOAT, "percent", low=0, high=100, description="share of the capital"),
    ),
    default=(("MR_Strategy_1", "MR_CONFIG_STRATEGY_1.0.0.xlsx", True, 1, 100.0),),
    consumer=POSITION_SIZING,
    description="strategies of the portfolio",
)

_REGIMES = RecordTable(
    sheet="RegimeDefinitions",
    title="",
    key="RegimeID",
    columns=(
        TableColumn("RegimeID", INT, low=1, high=100, description="number of the coarse regime"),
        TableColumn("VolatilityLevel", Choice("Low", "Medium", "High"), description="its volatility"),
        TableColumn("TrendDirection", Choice("Up", "Down", "Sideways"), description="its trend"),
        TableColumn("MarketStructure", Choice("Trending", "Ranging", "Volatile"), description="its shape"),
    ),
    default=(
        (1, "Low", "Up", "Trending"),
        (2, "Medium", "Sideways", "Ranging"),
        (3, "High", "Down", "Volatile"),
    ),
    consumer=CONFIG_SHOW,
    description="three coarse regimes of an earlier system, kept for display",
)
# fmt: on


def _sheet(workbook: str, table: RecordTable) -> SheetShape:
    shape = TableShape("", "records", table.names, key=table.key)
    return SheetShape(table.sheet, "records", 1, (shape,), workbook=workbook, description=table.description)


_SHEETS = (
    SheetShape(
        "OptimizationSettings",
        "parameters",
        1,
        (TableShape("", "parameters", ("Parameter", "Value"), key="Parameter", value="Value"),),
        workbook="optimization",
        description="search for better settings",
    ),
    _sheet("portfolio", _PORTFOLIO),
    _sheet("portfolio", _STRATEGIES),
    _sheet("regime", _REGIMES),
)


def declarations() -> Declarations:
    """Of the companion workbooks."""
    return Declarations(parameters=_SEARCH, tables=(_PORTFOLIO, _STRATEGIES, _REGIMES), sheets=_SHEETS)
