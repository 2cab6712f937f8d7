"""Contracts of the label tables: what the market did after t, and when that could first be known."""

from __future__ import annotations

import pyarrow as pa

from schemas.tables import IST_TIMESTAMP, REGIMES, Column, TableSchema

VOLATILITY_LABELS = ("low", "mid", "high")
DIRECTION_LABELS = ("down", "flat", "up")


def _labels(name: str, description: str) -> TableSchema:
    return TableSchema(
        name=f"labels/{name}",
        version=1,
        description=description,
        key=("symbol", "event_ts"),
        columns=(
            Column("symbol", pa.string(), "Underlying, as in configs/instruments.yaml", nullable=False),
            Column(
                "event_ts",
                IST_TIMESTAMP,
                "Start of the five-minute bar that closes at t: the stamp of the features known at t",
                nullable=False,
            ),
            Column("known_ts", IST_TIMESTAMP, "Close of the last bar of the forward window", nullable=False),
            Column(
                "label",
                pa.string(),
                "Regime by the ordered rules; null where a rule could not be decided",
                values=REGIMES,
            ),
            Column(
                "volatility_label",
                pa.string(),
                "Forward volatility against its trailing cuts at the same time of day",
                values=VOLATILITY_LABELS,
            ),
            Column(
                "direction_label",
                pa.string(),
                "Sign of the forward trend; flat where its efficiency ratio is not above theta",
                values=DIRECTION_LABELS,
            ),
            Column("sigma_p", pa.float64(), "Realised volatility of the past window", "log return", lowest=0),
            Column("sigma_f", pa.float64(), "Realised volatility of the forward window", "log return", lowest=0),
            Column("er_f", pa.float64(), "Efficiency ratio of the forward window", "0..1", lowest=0, highest=1),
            Column("s_p", pa.int8(), "Sign of the past trend; 0 where undefined", lowest=-1, highest=1),
            Column("s_f", pa.int8(), "Sign of the forward trend; 0 where undefined", lowest=-1, highest=1),
            Column(
                "rho_f",
                pa.float64(),
                "Mean pairwise correlation over the forward window",
                "-1..1",
                lowest=-1,
                highest=1,
            ),
            Column(
                "cut_sessions",
                pa.int32(),
                "Sessions behind the scarcest cut the label rests on",
                "sessions",
                nullable=False,
                lowest=0,
            ),
            Column(
                "label_schema_version",
                pa.string(),
                "Version of this table and digest of the label parameters",
                nullable=False,
            ),
        ),
    )


LABELS_H12 = _labels("regime_h12", "Regime of the coming hour: 12 bars of five minutes, inside the session.")
LABELS_H75 = _labels("regime_h75", "Regime of the coming session length: 75 bars of five minutes, across the night.")
LABELS_NOWCAST = _labels("regime_nowcast", "Regime in force at t: the rule over 30 minutes on each side of t.")

LABEL_TABLES: dict[str, TableSchema] = {
    "h12": LABELS_H12,
    "h75": LABELS_H75,
    "nowcast": LABELS_NOWCAST,
}
