"""Instruments: strike grid, tick, contract sizes by expiry, names a source may use for them."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from datetime import date

from mr_platform.configuration import config_root, read_yaml
from mr_platform.errors import UsageError


@dataclass(frozen=True)
class Instrument:
    """An underlying with listed options.

    ``strike_step`` points between neighbouring strikes near the money; ``tick_size`` rupees;
    ``lots`` (first expiry, units of the underlying per contract) in order; ``typical_iv`` decimal per year;
    ``peer`` the symbol it is compared with, "" for none.
    """

    symbol: str
    strike_step: float
    tick_size: float
    typical_iv: float
    lots: tuple[tuple[date, int], ...]
    aliases: tuple[str, ...]
    peer: str = ""

    def lot_size(self, trade_date: date, expiry: date) -> int:
        """Units of the underlying in one contract of ``expiry`` on ``trade_date``.

        The exchange fixes the size by contract, so the expiry decides; UsageError before the first known size.
        """
        size = None
        for first, units in self.lots:
            if first <= expiry:
                size = units
        if size is None:
            raise UsageError(
                rule=f"the contract size of {self.symbol} is known from {self.lots[0][0]} on",
                value=f"expiry {expiry} traded on {trade_date}",
                place="configs/instruments.yaml",
                remedy="add the earlier size there",
            )
        return size


def days_to_expiry(trade_date: date, expiry: date) -> int:
    """Calendar days from the trade date to the contract's own expiry date; negative for an expired contract."""
    return (expiry - trade_date).days


@functools.lru_cache(maxsize=1)
def _table() -> dict[str, Instrument]:
    table = {}
    for symbol, entry in read_yaml(config_root() / "instruments.yaml").items():
        table[symbol] = Instrument(
            symbol=symbol,
            strike_step=float(entry["strike_step"]),
            tick_size=float(entry["tick_size"]),
            typical_iv=float(entry["typical_iv"]),
            lots=tuple((lot["from_expiry"], int(lot["units"])) for lot in entry["lots"]),
            aliases=tuple(entry.get("aliases", ())),
            peer=str(entry.get("peer", "")),
        )
    return table


def known_symbols() -> tuple[str, ...]:
    """Symbols of all instruments, in the order of configs/instruments.yaml."""
    return tuple(_table())


def instrument(name: str) -> Instrument:
    """The instrument by symbol or alias, whatever the case; UsageError with the nearest match."""
    wanted = name.strip().upper()
    for entry in _table().values():
        if wanted == entry.symbol or wanted in entry.aliases:
            return entry
    near = difflib.get_close_matches(wanted, known_symbols(), n=1)
    raise UsageError(
        rule="the symbol is a known instrument",
        value=name,
        place="configs/instruments.yaml",
        remedy=(f"did you mean {near[0]}? " if near else "") + f"known: {', '.join(known_symbols())}",
    )
