"""The picture of a session: bands in the right places, drawable without answers, without rows."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import date

import numpy as np

from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.inputs import ComponentScores, ModelAnswer
from mr_platform.regimes.results import analyse
from mr_platform.regimes.timeline import _bands, picture
from mr_platform.regimes.windows import SessionBars
from schemas.tables import MASTER_REGIME_ANALYSIS, REGIMES

PARAMETERS = defaults(RegimeParameters)
DAY = date(2022, 11, 14)
N = 75
EVENT = np.datetime64("2022-11-14T03:45", "us") + np.arange(N) * np.timedelta64(5, "m")


def master(confidence: float = 0.85):
    rng = np.random.default_rng(1)
    leaders = np.repeat([0, 1, 3, 7, 2], 15)
    p = np.full((N, 8), (1 - confidence) / 7)
    p[np.arange(N), leaders] = confidence
    known = EVENT + np.timedelta64(5, "m")
    score = np.clip(np.cumsum(rng.normal(0, 0.2, N)), -1, 1)
    scores = ComponentScores(1, EVENT, known, np.full(N, 3), score, np.full(N, 0.6), ["healthy"] * N)
    return analyse("NIFTY", [scores], PARAMETERS, model=ModelAnswer("m", EVENT, p)).master


def bars() -> SessionBars:
    rng = np.random.default_rng(2)
    closes = 18_300 * np.exp(np.cumsum(rng.normal(0, 5e-4, N)))
    return SessionBars(DAY, 555 + 5 * np.arange(N, dtype=np.int64), closes, np.full(N, np.nan), np.full(N, np.nan))


def test_bands_run_from_the_moment_a_regime_was_known_to_the_next():
    bands = _bands(master(), EVENT)
    assert [(REGIMES.index(code), answered) for code, answered, _, _ in bands] == [
        (0, True),
        (1, True),
        (3, True),
        (7, True),
        (2, True),
    ]
    assert [start for _, _, start, _ in bands] == [EVENT[k] for k in (0, 15, 30, 45, 60)]
    assert [stop for _, _, _, stop in bands][:4] == [EVENT[k] for k in (15, 30, 45, 60)]
    assert bands[-1][3] == EVENT[-1] + np.timedelta64(5, "m")


def test_a_hole_in_the_rows_is_not_coloured():
    keep = np.r_[0:5, 40:45]
    bands = _bands(master().take(keep), EVENT[keep])
    assert bands[0][3] <= EVENT[4] + np.timedelta64(15, "m")


def test_without_a_signal_the_bands_show_the_rules_and_say_so():
    bands = _bands(master(0.5), EVENT)
    assert {answered for _, answered, _, _ in bands} == {False}


def test_the_picture_is_a_png_of_the_same_bytes_each_time_and_stands_without_rows():
    first, second = picture(master(), bars()), picture(master(), bars())
    assert first == second
    assert first.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", first[16:24])
    assert (width, height) == (1430, 682)
    empty = replace(bars(), underlying_close=np.full(N, np.nan))
    assert picture(MASTER_REGIME_ANALYSIS.empty(), empty).startswith(b"\x89PNG")
    assert picture(master(), bars()) != picture(master(0.5), bars())
