"""Contract sizes follow the expiry; names and days to expiry follow the contract."""

from __future__ import annotations

import datetime as dt

import pytest

from mr_platform.errors import UsageError
from mr_platform.market.instruments import days_to_expiry, instrument

D = dt.date.fromisoformat


@pytest.mark.parametrize(
    ("symbol", "expiry", "units"),
    [
        ("NIFTY", "2019-06-06", 75),
        ("NIFTY", "2021-07-22", 75),
        ("NIFTY", "2021-07-29", 50),
        ("NIFTY", "2022-11-03", 50),
        ("NIFTY", "2024-12-19", 25),
        ("NIFTY", "2025-01-02", 75),
        ("NIFTY", "2025-01-30", 25),
        ("NIFTY", "2025-02-06", 75),
        ("NIFTY", "2026-01-27", 65),
        ("BANKNIFTY", "2019-06-06", 20),
        ("BANKNIFTY", "2022-11-03", 25),
        ("BANKNIFTY", "2025-09-30", 35),
        ("BANKNIFTY", "2026-01-27", 30),
        ("FINNIFTY", "2022-11-07", 40),
    ],
)
def test_the_expiry_decides_the_contract_size(symbol: str, expiry: str, units: int) -> None:
    assert instrument(symbol).lot_size(D(expiry), D(expiry)) == units


@pytest.mark.parametrize("name", ["NIFTY50", " nifty ", "NIFTY 50", "Nifty"])
def test_aliases_name_the_same_instrument(name: str) -> None:
    assert instrument(name).symbol == "NIFTY"


def test_an_unknown_symbol_gets_its_nearest_match() -> None:
    with pytest.raises(UsageError, match="did you mean BANKNIFTY"):
        instrument("BANKNIFT")


def test_a_size_before_the_first_known_one_is_refused() -> None:
    with pytest.raises(UsageError, match="FINNIFTY"):
        instrument("FINNIFTY").lot_size(D("2019-01-01"), D("2019-01-31"))


def test_days_to_expiry_count_calendar_days() -> None:
    assert days_to_expiry(D("2022-11-07"), D("2022-11-07")) == 0
    assert days_to_expiry(D("2022-11-01"), D("2022-11-03")) == 2
