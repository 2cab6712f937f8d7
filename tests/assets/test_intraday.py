"""The five-minute sensor as a table: at this time, with these files landed, it does this and says why."""

from datetime import date, datetime, time

import dagster as dg
import pytest

from assets.intraday import Bar, decide, intraday_sensor, newest_closed_bar, run_requests
from assets.jobs import intraday_job
from mr_platform.environments import load_environment
from mr_platform.errors import CalendarError, UsageError
from mr_platform.market.sessions import Session, nse_calendar
from resources.clock import Clock, write_clock
from resources.environment import Folders

DAY = "2025-02-14"
ALL = {"NIFTY": "", "BANKNIFTY": ""}
NOT_THERE = {"NIFTY": "no file", "BANKNIFTY": "no file"}
HALF = {"NIFTY": "", "BANKNIFTY": "file is still being written"}


@pytest.fixture(scope="module")
def environment():
    return load_environment("test")


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "bar"),
    [
        ("09:14:59", None),
        ("09:19:59", None),
        ("09:20:00", "09:15"),
        ("09:24:59", "09:15"),
        ("10:05:07", "10:00"),
        ("15:29:59", "15:20"),
        ("15:30:00", "15:25"),
        ("23:00:00", "15:25"),
    ],
)
def test_newest_closed_bar_of_an_ordinary_day(now, bar):
    session = nse_calendar().session(date(2025, 2, 14))
    found = newest_closed_bar(session, at(f"{DAY}T{now}"), 5)
    assert (found and found.start.strftime("%H:%M")) == bar


@pytest.mark.parametrize(
    ("now", "start", "close"),
    [
        ("10:00:00", "09:55", "10:00"),
        ("11:00:00", "09:55", "10:00"),  # the break: nothing new
        ("11:34:59", "09:55", "10:00"),
        ("11:35:00", "11:30", "11:35"),
        ("12:30:00", "12:25", "12:30"),
    ],
)
def test_bars_of_a_session_with_a_break(now, start, close):
    session = nse_calendar().session(date(2024, 3, 2))
    found = newest_closed_bar(session, at(f"2024-03-02T{now}"), 5)
    assert found == Bar(at(f"2024-03-02T{start}"), at(f"2024-03-02T{close}"))


def test_the_last_bar_ends_with_its_window_however_short():
    session = Session(date(2025, 2, 14), "special", ((time(9, 15), time(9, 22)),))
    found = newest_closed_bar(session, at(f"{DAY}T09:22:00"), 5)
    assert found == Bar(at(f"{DAY}T09:20"), at(f"{DAY}T09:22"))


@pytest.mark.parametrize(
    ("now", "landed", "last", "takes", "symbols", "reason"),
    [
        ("2025-02-15T10:00:00", ALL, "", None, (), "2025-02-15 is a weekend; next session 2025-02-17"),
        ("2025-02-26T10:00:00", ALL, "", None, (), "2025-02-26 is an exchange holiday; next session 2025-02-27"),
        ("2025-02-14T08:00:00", ALL, "", None, (), "no bar of 2025-02-14 has closed; the first closes at 09:20"),
        ("2025-02-14T10:05:01", ALL, "", "2025-02-14 10:00", ("NIFTY", "BANKNIFTY"), "has landed"),
        ("2025-02-14T10:05:01", ALL, "2025-02-14 10:00", None, (), "was taken; the next closes by 10:10"),
        ("2025-02-14T10:05:01", ALL, "2025-02-14 09:55", "2025-02-14 10:00", ("NIFTY", "BANKNIFTY"), "has landed"),
        # after an outage of an hour only the newest bar
        ("2025-02-14T11:05:01", ALL, "2025-02-14 10:00", "2025-02-14 11:00", ("NIFTY", "BANKNIFTY"), "has landed"),
        # a new day after the last of the day before
        ("2025-02-14T09:20:01", ALL, "2025-02-13 15:25", "2025-02-14 09:15", ("NIFTY", "BANKNIFTY"), "has landed"),
        ("2025-02-14T10:05:01", NOT_THERE, "", None, (), "has not landed: NIFTY: no file; BANKNIFTY: no file"),
        ("2025-02-14T10:09:59", NOT_THERE, "", None, (), "has not landed"),
        # half there: waits inside the grace, goes without afterwards and says so
        ("2025-02-14T10:06:29", HALF, "", None, (), "waits for BANKNIFTY: BANKNIFTY: file is still being written"),
        ("2025-02-14T10:06:30", HALF, "", "2025-02-14 10:00", ("NIFTY",), "without BANKNIFTY: file is still"),
        ("2025-02-14T18:00:00", ALL, "2025-02-14 15:25", None, (), "the session of 2025-02-14 is over"),
        (
            "2025-02-01T10:05:00",
            ALL,
            "",
            "2025-02-01 10:00",
            ("NIFTY", "BANKNIFTY"),
            "has landed",
        ),  # a Saturday session
    ],
)
def test_what_the_sensor_decides(environment, now, landed, last, takes, symbols, reason):
    decision = decide(at(now), environment, nse_calendar(), lambda symbol, close: landed[symbol], last)
    assert (decision.bar and decision.bar.key) == takes
    assert decision.symbols == symbols
    assert reason in decision.reason


def test_the_probe_is_asked_for_the_bars_close(environment):
    asked = []

    def probe(symbol, close):
        asked.append((symbol, close))
        return ""

    decide(at(f"{DAY}T10:07:00"), environment, nse_calendar(), probe, "")
    assert asked == [("NIFTY", at(f"{DAY}T10:05:00")), ("BANKNIFTY", at(f"{DAY}T10:05:00"))]


def test_outside_the_calendar_the_sensor_fails_loudly(environment):
    with pytest.raises(CalendarError, match=r"configs/sessions\.yaml"):
        decide(at("2031-02-14T10:00:00"), environment, nse_calendar(), lambda symbol, close: "", "")


def test_one_run_for_all_symbols_of_a_bar(environment):
    decision = decide(at(f"{DAY}T10:05:00"), environment, nse_calendar(), lambda symbol, close: "", "")
    (request,) = run_requests(decision, environment)
    assert request.run_key == "2025-02-14 10:00"
    assert request.tags == {
        "dagster/asset_partition_range_start": "NIFTY|2025-02-14",
        "dagster/asset_partition_range_end": "BANKNIFTY|2025-02-14",
        "mr/as_of": "2025-02-14T10:05:00",
        "mr/bar": "2025-02-14 10:00",
        "mr/lane": "intraday",
    }


def test_symbols_that_are_no_neighbours_need_two_runs_with_keys_of_their_own():
    environment = load_environment("production")
    there = {"NIFTY": "", "BANKNIFTY": "no file", "FINNIFTY": "", "MIDCPNIFTY": ""}
    decision = decide(at(f"{DAY}T10:08:00"), environment, nse_calendar(), lambda symbol, close: there[symbol], "")
    requests = run_requests(decision, environment)
    assert [request.run_key for request in requests] == [
        "2025-02-14 10:00 NIFTY..NIFTY",
        "2025-02-14 10:00 FINNIFTY..MIDCPNIFTY",
    ]


@pytest.fixture
def evaluate(tmp_path, environment):
    """Evaluates the real sensor at a time, with what the probe says; returns what Dagster would get."""
    clock = tmp_path / "clock"
    landed = dict(ALL)
    sensor = intraday_sensor(environment, intraday_job(), probe=lambda landing: lambda symbol, close: landed[symbol])
    with dg.instance_for_test() as instance:

        def run(now, cursor=None, **probe):
            landed.update(ALL | probe)
            write_clock(clock, at(now))
            context = dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                resources={
                    "clock": Clock(file=str(clock)),
                    "folders": Folders(environment_name="test", root=str(tmp_path)),
                },
            )
            return sensor(context), instance

        yield run


def test_the_sensor_moves_its_cursor_to_the_bar_it_took(evaluate):
    result, _ = evaluate(f"{DAY}T10:05:01")
    assert result.cursor == "2025-02-14 10:00"
    assert [request.run_key for request in result.run_requests] == ["2025-02-14 10:00"]


def test_the_sensor_skips_with_the_reason(evaluate):
    result, _ = evaluate(f"{DAY}T10:05:01", NIFTY="file is still being written", BANKNIFTY="no file")
    assert isinstance(result, dg.SkipReason)
    assert "NIFTY: file is still being written" in result.skip_message


def test_the_same_bar_is_not_asked_for_twice(evaluate):
    result, _ = evaluate(f"{DAY}T10:06:00", cursor="2025-02-14 10:00")
    assert isinstance(result, dg.SkipReason)
    assert "was taken" in result.skip_message


def test_no_second_bar_behind_one_that_is_still_at_work(evaluate):
    _, instance = evaluate(f"{DAY}T10:05:01")
    from dagster._core.test_utils import create_run_for_test

    create_run_for_test(
        instance, job_name="intraday", status=dg.DagsterRunStatus.STARTED, tags={"mr/bar": "2025-02-14 10:00"}
    )
    result, _ = evaluate(f"{DAY}T10:10:01", cursor="2025-02-14 10:00")
    assert isinstance(result, dg.SkipReason)
    assert result.skip_message == "bar 2025-02-14 10:00 is still at work; the newest bar is taken after it"


def test_a_broken_clock_stops_the_sensor_with_a_remedy(tmp_path):
    broken = tmp_path / "clock"
    broken.write_text("ten o'clock")
    with pytest.raises(UsageError, match="MR_CLOCK_FILE"):
        Clock(file=str(broken)).now()
