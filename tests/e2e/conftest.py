"""One real Dagster for all tests of this folder, on the embedded market."""

import dataclasses
import re
import shutil
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from orchestrator import Orchestrator, orchestrator

from mr_platform.environments import Home
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.market.simulator.generator import default_sessions
from mr_platform.market.simulator.parameters import load_embedded_market
from mr_platform.market.simulator.writer import write_files
from resources.clock import write_clock

PROFILE = "platform_chain"


@dataclass
class Floor:
    """The trading floor of the tests: its Dagster, its clock, its collector."""

    dagster: Orchestrator
    home: Home
    lake: Lake
    clock: Path
    days: list[date]
    minutes: dict[datetime, list[Path]]

    @property
    def live(self) -> date:
        """The session that is dropped minute by minute."""
        return self.days[-1]

    def set_clock(self, moment: datetime) -> None:
        """Move the platform's clock (naive IST)."""
        write_clock(self.clock, moment)

    def drop_until(self, moment: datetime) -> None:
        """The collector's files of every minute that has closed by ``moment``."""
        folder = self.home.landing / PROFILE
        for start in sorted(self.minutes):
            if start + timedelta(minutes=1) <= moment:
                for path in self.minutes.pop(start):
                    aside = folder / f".{path.name}.part"
                    shutil.copyfile(path, aside)
                    aside.replace(folder / path.name)

    def moment(self, hour: int, minute: int, second: int = 0) -> datetime:
        """A time of the live session."""
        return datetime(self.live.year, self.live.month, self.live.day, hour, minute, second)


@pytest.fixture(scope="session")
def floor(tmp_path_factory):
    root = tmp_path_factory.mktemp("floor")
    home = Home(root / "home")
    config = dataclasses.replace(load_embedded_market(), sessions=5)
    days = default_sessions(config)
    symbols = ["NIFTY", "BANKNIFTY"]
    write_files(root / "market", config, symbols=symbols, sessions=days[:-1], seed=config.seed)
    live = write_files(root / "live", config, symbols=symbols, sessions=days[-1:], seed=config.seed, minutely=True)
    landing = home.landing / PROFILE
    landing.mkdir(parents=True)
    for path in (root / "market" / "option_chain").glob("*.parquet"):
        shutil.copyfile(path, landing / path.name)
    minutes: dict[datetime, list[Path]] = {}
    for written in live.days:
        for path in written.chain:
            hour, minute = re.search(r"_(\d\d)(\d\d)\.parquet$", path.name).groups()
            start = datetime(days[-1].year, days[-1].month, days[-1].day, int(hour), int(minute))
            minutes.setdefault(start, []).append(path)
    clock = root / "clock"
    write_clock(clock, nse_calendar().session(days[-1]).open - timedelta(minutes=30))
    with orchestrator(home, clock) as dagster:
        yield Floor(dagster, home, Lake(home.lake), clock, days, minutes)
