"""Symbol-days side by side: order, refusals and defects."""

import os

import pytest

from mr_platform.errors import DataError
from resources.workers import Workers


def double(number):
    if number == 3:
        raise DataError(rule="not three", value=number, place="here", remedy="another")
    return 2 * number


def crash(number):
    raise ZeroDivisionError


def process(number):
    return os.getpid()


@pytest.mark.parametrize("processes", [1, 2])
def test_answers_keep_their_order_and_a_refusal_stops_only_its_own_item(processes):
    found = Workers(processes=processes).each(double, range(6))
    assert [(item, answer) for item, answer, _ in found] == [(0, 0), (1, 2), (2, 4), (3, None), (4, 8), (5, 10)]
    errors = [error for _, _, error in found if error is not None]
    assert [(error.rule, error.value, error.remedy) for error in errors] == [("not three", 3, "another")]


def test_a_defect_of_the_program_is_raised():
    with pytest.raises(ZeroDivisionError):
        Workers(processes=1).each(crash, [1])


def test_few_items_stay_in_the_runs_own_process():
    (_, pid, _) = Workers(processes=2).each(process, [1])[0]
    assert pid == os.getpid()


def test_many_items_go_to_other_processes():
    pids = {pid for _, pid, _ in Workers(processes=2).each(process, range(8))}
    assert os.getpid() not in pids
