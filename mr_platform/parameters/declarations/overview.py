"""Summary and TemplateMetadata: what a workbook says about itself."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter, SheetShape, TableShape
from mr_platform.parameters.declarations.consumers import CONFIG_CHECK, CONFIG_SHOW
from mr_platform.parameters.values import INT, MOMENT, TEXT, ListOf, Pattern, Percent

_VERSION = Pattern(r"[0-9]+(?:\.[0-9]+){1,2}", "a version such as 4.0.0 as text")
_LEAST_VERSION = Pattern(r"[0-9]+(?:\.[0-9]+){1,2}\+", "a least version such as 2.0+ as text")
_PHASE_2 = ("Ensemble Methods", "Confidence Calibration", "MTF Fusion")

# fmt: off
_summary = partial(Parameter, "Summary")
_SUMMARY = (
    _summary("Update Date:", MOMENT, datetime(2025, 6, 28, 10, 43, 35), "",
             "when the workbook was last changed", CONFIG_SHOW),
    _summary("Phase 2 Features:", ListOf(TEXT), _PHASE_2, "",
             "topics that the second phase of the workbook added", CONFIG_SHOW),
    _summary("Target Accuracy:", Percent("%+"), 0.9, "share of bars",
             "accuracy the customer aims at; the evaluation reports against its own, honest bounds", CONFIG_CHECK),
    _summary("Validation Source:", TEXT, "HeavyDB (NO Synthetic Data)", "",
             "where validation data comes from", CONFIG_CHECK),
)

_metadata = partial(Parameter, "TemplateMetadata")
_METADATA = (
    _metadata("Template Version", _VERSION, "4.0.0", "", "version of the workbook's form", CONFIG_SHOW),
    _metadata("Creation Date", MOMENT, datetime(2025, 6, 27, 19, 56, 26), "",
         "when the workbook's form was made", CONFIG_SHOW),
    _metadata("Author", TEXT, "The Augster", "", "who made the workbook's form", CONFIG_SHOW),
    _metadata("Total Sheets", INT, 22, "sheets",
              "number of sheets the workbook claims; compared with those that are there", CONFIG_CHECK,
              low=1, high=255),
    _metadata("Total Parameters", INT, 408, "parameters",
              "number of parameters the workbook claims; compared with those that are there", CONFIG_CHECK,
              low=1, high=100_000),
    _metadata("Optimization Target", TEXT, "Intraday Trading", "",
              "kind of trading the workbook was tuned for", CONFIG_SHOW),
    _metadata("Market", TEXT, "Indian Equity Options", "", "market the workbook was tuned for", CONFIG_SHOW),
    _metadata("Compatible Version", _LEAST_VERSION, "2.0+", "", "least version of the reading system", CONFIG_SHOW),
)
# fmt: on

_SHEETS = (
    SheetShape(
        "Summary",
        "freeform",
        0,
        (TableShape("", "pairs"),),
        title="PHASE 2 UPDATE",
        description="what changed last in the workbook",
    ),
    SheetShape(
        "TemplateMetadata",
        "properties",
        3,
        (
            TableShape("", "parameters", ("Property", "Value", "Description"), key="Property", value="Value"),
            TableShape("Configuration Summary", "notes"),
        ),
        description="version, origin and size of the workbook",
    ),
)


def declarations() -> Declarations:
    """Of Summary and TemplateMetadata."""
    return Declarations(parameters=_SUMMARY + _METADATA, sheets=_SHEETS)
