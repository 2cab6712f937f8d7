"""MultiTimeframeConfig and MultiTimeframeFusion: how timeframes vote."""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter, RecordTable, TableColumn, TableShape
from mr_platform.parameters.declarations.consumers import TIMEFRAME_CONSENSUS
from mr_platform.parameters.declarations.layouts import ON, record_sheet, titled_sheet
from mr_platform.parameters.values import BOOL, FLOAT, INT, TEXT, Choice, ListOf

_CONSENSUS = "Consensus Configuration"

TIMEFRAME = Choice("1min", "3min", "5min", "10min", "15min", "30min", "60min")
SHORT_TIMEFRAME = Choice("1M", "3M", "5M", "10M", "15M", "30M", "60M")
CONSENSUS = Choice("WEIGHTED_VOTING", "MAJORITY", "UNANIMOUS", "WEIGHTED_MAJORITY")
FUSION = Choice("WEIGHTED_MAJORITY", "WEIGHTED_VOTING", "MAJORITY", "BAYESIAN")

# fmt: off
_TIMEFRAMES = RecordTable(
    sheet="MultiTimeframeConfig",
    title="",
    key="Timeframe",
    columns=(
        TableColumn("Timeframe", TIMEFRAME, description="length of a bar"),
        TableColumn("Weight", FLOAT, "share of 1", low=0, high=1, description="its vote"),
        TableColumn("Window", INT, "bars", low=1, high=500, description="bars its answer looks back on"),
        TableColumn("UpdateFreq", INT, "minutes", low=1, high=375, description="how often it votes anew"),
        TableColumn("MinConsensus", FLOAT, "ratio", low=0, high=1, description="agreement it needs with the others"),
        TableColumn("RequiredBars", INT, "bars", low=1, high=500, description="bars it needs to vote at all"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=(
        ("1min",  0.30, 30,  1, 0.0, 20, "the first to move"),
        ("5min",  0.35, 12,  5, 0.3, 10, "the bar the regimes are answered on"),
        ("15min", 0.20,  8, 15, 0.4,  8, "context of the hour"),
        ("30min", 0.10,  6, 30, 0.5,  6, "context of the half session"),
        ("60min", 0.05,  4, 60, 0.6,  4, "trend of the session, slow to turn"),
    ),
    consumer=TIMEFRAME_CONSENSUS,
    description="timeframes, their votes and what they look back on",
)

_row = partial(Parameter, "MultiTimeframeConfig", section=_CONSENSUS)
_VOTE = (
    _row("consensus_method", CONSENSUS, "WEIGHTED_VOTING", "",
         "how votes of timeframes are counted", TIMEFRAME_CONSENSUS),
    _row("min_timeframes_required", INT, 3, "count",
         "timeframes that must vote on a regime", TIMEFRAME_CONSENSUS, low=1, high=7),
    _row("consensus_threshold", FLOAT, 0.4, "ratio",
         "weight of votes that must stand behind the winner", TIMEFRAME_CONSENSUS, low=0, high=1),
    _row("divergence_penalty", FLOAT, 0.2, "ratio",
         "what the winner loses for each dissenting share", TIMEFRAME_CONSENSUS, low=0, high=1),
    _row("trend_alignment_bonus", FLOAT, 1.5, "multiplier",
         "factor where all trends agree", TIMEFRAME_CONSENSUS, low=1, high=3),
)

_row = partial(Parameter, "MultiTimeframeFusion")
_FUSION = (
    _row("mtf_enabled", BOOL, ON, "", "models of several timeframes are joined", TIMEFRAME_CONSENSUS),
    _row("primary_timeframe", SHORT_TIMEFRAME, "5M", "", "the timeframe whose model leads", TIMEFRAME_CONSENSUS),
    _row("secondary_timeframes", ListOf(SHORT_TIMEFRAME), ("1M", "15M", "30M", "60M"), "",
         "timeframes whose models confirm the leading one", TIMEFRAME_CONSENSUS),
    _row("timeframe_weights", ListOf(FLOAT), (0.15, 0.40, 0.25, 0.15, 0.05), "shares of 1",
         "weights of all timeframes, the shortest first", TIMEFRAME_CONSENSUS, low=0, high=1),
    _row("consensus_method", FUSION, "WEIGHTED_MAJORITY", "",
         "how forecasts of several timeframes are joined", TIMEFRAME_CONSENSUS),
    _row("min_timeframe_agreement", FLOAT, 0.6, "ratio",
         "weight of timeframes that must agree on a forecast", TIMEFRAME_CONSENSUS, low=0, high=1),
    _row("timeframe_correlation_check", BOOL, ON, "",
         "timeframes that repeat each other count once", TIMEFRAME_CONSENSUS),
    _row("adaptive_timeframe_selection", BOOL, ON, "", "the best timeframes are chosen anew", TIMEFRAME_CONSENSUS),
)
# fmt: on

_SHEETS = (
    record_sheet(
        "MultiTimeframeConfig",
        _TIMEFRAMES.names,
        "Timeframe",
        _TIMEFRAMES.description,
        TableShape(
            _CONSENSUS,
            "parameters",
            ("Parameter", "Value", "Default", "Description"),
            key="Parameter",
            value="Value",
        ),
    ),
    titled_sheet("MultiTimeframeFusion", "how the forecasts of several timeframes become one"),
)


def declarations() -> Declarations:
    """Of MultiTimeframeConfig and MultiTimeframeFusion."""
    return Declarations(parameters=_VOTE + _FUSION, tables=(_TIMEFRAMES,), sheets=_SHEETS)
