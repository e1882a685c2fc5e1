"""The checker of schedules notices every rule that is broken."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from chiploom.simulator.scheduling.check import check
from chiploom.simulator.scheduling.instance import WHOLE, Instance, Schedule, schedule_of

from .brute_force_scheduling import best_schedule
from .scheduling_strategies import instances


def small(share: int = WHOLE // 2) -> Instance:
    """a feeds b, whose input fits on machine x but not on y; c is on its own and only y runs it."""
    return Instance(
        names=("a", "b", "c"),
        machines=("x", "y"),
        duration=np.array([[4, 5], [6, 6], [-1, 3]]),
        energy=np.array([[10.0, 8.0], [10.0, 9.0], [np.nan, 5.0]]),
        share=np.full((3, 2), share),
        feeder=np.array([-1, 0, -1]),
        fits=np.array([[False, False], [True, False], [False, False]]),
        stay_duration=np.array([[4, 5], [2, 6], [-1, 3]]),
        stay_energy=np.array([[10.0, 8.0], [3.0, 9.0], [np.nan, 5.0]]),
        stay_share=np.full((3, 2), share),
        edges=np.array([[0, 1]]),
        release=np.array([1, 0, 2]),
        deadline=np.array([-1, 7, -1]),
        priority=np.zeros(3, np.int64),
        leakage=2.0,
    )


def good() -> Schedule:
    return schedule_of(small(), [0, 0, 1], [1, 5, 2], "by hand")


def test_a_schedule_by_hand() -> None:
    schedule = good()
    assert check(small(), schedule) == []
    assert (schedule.makespan, schedule.energy) == (7, 10.0 + 3.0 + 5.0 + 2.0 * 7)
    assert schedule.stays.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"machine": np.array([0, 0, 0])}, r"c: expected a machine that can run it \(y\), found"),
        ({"machine": np.array([0, 0, 2])}, r"c: expected a machine that can run it \(y\), found"),
        ({"machine": np.array([0, 0])}, r"machine: expected 3 entries, one per task, found shape"),
        ({"start": np.array([0, 5, 2]), "end": np.array([4, 7, 5])}, "a: expected a start at 1 or"),
        ({"start": np.array([1, 4, 2]), "end": np.array([5, 6, 5])}, "after a, which ends at 5"),
        ({"start": np.array([1, 4, 2]), "end": np.array([5, 6, 5])}, "x to be free, found a there"),
        ({"start": np.array([1, 6, 2]), "end": np.array([5, 8, 5])}, "by its deadline 7, found 8"),
        ({"end": np.array([5, 8, 5])}, "b: expected 2 cycles on x, found 3"),
        ({"stays": np.array([False, False, False])}, "b: expected its input to stay on chip on x"),
        ({"machine": np.array([0, 1, 1])}, "b: expected its input to come from the DRAM on y"),
        ({"makespan": 6}, "makespan: expected the last end, 7, found 6"),
        ({"energy": 31.0}, r"energy: expected 32\.0 pJ, found 31"),
        ({"energy": float("nan")}, r"energy: expected 32\.0 pJ, found nan"),
    ],
)
def test_every_broken_rule_is_noticed(change: dict[str, object], message: str) -> None:
    found = check(small(), replace(good(), **change))  # type: ignore[arg-type]
    assert any(re.search(message, line) for line in found), found


def test_shares_over_the_whole_are_noticed() -> None:
    instance = small(WHOLE // 2 + 1)
    found = check(instance, schedule_of(instance, [0, 0, 1], [1, 5, 2], "by hand"))
    assert found == [
        f"a, c: expected at most {WHOLE} shares of the DRAM's bandwidth together, "
        f"found {WHOLE + 2} from cycle 2"
    ]


def test_a_long_task_is_seen_behind_a_later_one() -> None:
    """Not only neighbours may overlap."""
    instance = replace(
        small(0),
        duration=np.array([[9, 9], [1, 1], [1, 1]]),
        stay_duration=np.array([[9, 9], [1, 1], [1, 1]]),
        edges=np.zeros((0, 2), np.int64),
        feeder=np.full(3, -1),
        fits=np.zeros((3, 2), bool),
        energy=np.ones((3, 2)),
    )
    found = check(instance, schedule_of(instance, [0, 0, 0], [1, 2, 5], "by hand"))
    assert [line for line in found if line.startswith("c:")] == [
        "c: expected x to be free, found a there until 10, start 5"
    ]


@given(instances(largest=4))
def test_optimal_schedules_pass(instance: Instance) -> None:
    schedule = best_schedule(instance, "makespan")
    assert schedule is not None
    assert check(instance, schedule) == []
