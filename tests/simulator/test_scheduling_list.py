"""Schedules by lists and by heterogeneous assignment: legal, close to the best, and honest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.simulator.scheduling.check import check
from chiploom.simulator.scheduling.hap import hap
from chiploom.simulator.scheduling.instance import Goal, InfeasibleError, Instance, Schedule
from chiploom.simulator.scheduling.limits import end_limit
from chiploom.simulator.scheduling.list_scheduler import ListScheduler, list_schedule

from .brute_force_scheduling import best_schedule
from .scheduling_strategies import instances, realistic, realistic_instances, with_deadlines

GOALS: tuple[Goal, ...] = ("makespan", "energy", "edp")

#: Enough for small instances.
LITTLE = 100_000


def attempt(make: Callable[[], Schedule]) -> Schedule | InfeasibleError:
    """A schedule, or the error that there is none."""
    try:
        return make()
    except InfeasibleError as error:
        return error


small = st.one_of(instances(), realistic_instances(largest=6))


@settings(max_examples=40, deadline=None)
@given(small, st.sampled_from(GOALS))
def test_lists_are_legal_and_bounds_hold(instance: Instance, goal: Goal) -> None:
    schedule = list_schedule(instance, goal)
    assert check(instance, schedule) == []
    best = best_schedule(instance, goal)
    assert best is not None
    slack = 1 + 1e-9
    assert schedule.lower_bound <= best.value(goal) * slack
    assert best.value(goal) <= schedule.value(goal) * slack
    if schedule.optimal:
        assert schedule.value(goal) <= best.value(goal) * slack


@settings(max_examples=40, deadline=None)
@given(small, st.floats(0, 1))
def test_hap_is_legal_keeps_the_bound_and_is_never_better_than_the_best(
    instance: Instance, place: float
) -> None:
    fastest = best_schedule(instance, "makespan")
    thriftiest = best_schedule(instance, "energy")
    assert fastest is not None
    assert thriftiest is not None
    bound = fastest.makespan + int(place * max(0, thriftiest.makespan - fastest.makespan))
    best = best_schedule(instance, "energy", bound)
    assert best is not None
    schedule = attempt(lambda: hap(instance, bound, effort=LITTLE))
    if isinstance(schedule, InfeasibleError):
        # Not found is not the same as impossible, and the error does not say so.
        assert schedule.least <= fastest.makespan
        assert str(schedule).startswith("found no schedule")
        return
    assert check(instance, schedule) == []
    assert schedule.makespan <= bound
    assert schedule.lower_bound <= best.energy * (1 + 1e-9)
    assert best.energy <= schedule.energy * (1 + 1e-9)


def gaps(count: int, goal: Goal) -> list[float]:
    """Of list schedules of realistic instances with 7 tasks, relative to the best."""
    found = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        instance = realistic(random, ((4, 3), (3, 2, 2))[seed % 2], 2 + seed % 3)
        best = best_schedule(instance, goal)
        assert best is not None
        found.append(list_schedule(instance, goal).value(goal) / best.value(goal) - 1)
    return found


def test_list_schedules_are_close_to_the_best() -> None:
    assert np.mean(gaps(24, "makespan")) <= 0.05
    assert np.mean(gaps(12, "edp")) <= 0.05
    assert max(gaps(12, "energy")) <= 1e-9  # without leakage it is the optimum


def test_hap_is_close_to_the_best() -> None:
    found = []
    for seed in range(16):
        random = np.random.default_rng(seed)
        instance = realistic(random, (4, 3), 2 + seed % 3, leakage=seed % 2 > 0)
        fastest, thriftiest = (best_schedule(instance, goal) for goal in GOALS[:2])
        assert fastest is not None
        assert thriftiest is not None
        bound = (fastest.makespan + thriftiest.makespan) // 2
        best = best_schedule(instance, "energy", bound)
        assert best is not None
        schedule = hap(instance, bound, effort=1_000_000)
        assert schedule.makespan <= bound
        found.append(schedule.energy / best.energy - 1)
    assert np.mean(found) <= 0.03


@settings(max_examples=20, deadline=None)
@given(instances())
def test_hap_without_a_bound_is_the_least_energy(instance: Instance) -> None:
    instance = replace(instance, leakage=0.0)
    best = best_schedule(instance, "energy")
    assert best is not None
    schedule = hap(instance, effort=0)
    assert schedule.energy == pytest.approx(best.energy)
    assert schedule.optimal


@settings(max_examples=20, deadline=None)
@given(small)
def test_a_bound_that_is_impossible_raises_with_honest_numbers(instance: Instance) -> None:
    fastest = best_schedule(instance, "makespan")
    assert fastest is not None
    with pytest.raises(InfeasibleError) as raised:
        hap(instance, fastest.makespan - 1, effort=LITTLE)
    error = raised.value
    assert error.asked == fastest.makespan - 1
    assert error.least <= fastest.makespan
    assert error.limit in str(error)
    # It is called impossible where the lower bound says so, else only not found.
    proven = error.least > error.asked
    assert str(error).startswith("no schedule" if proven else "found no schedule")
    found = int(str(error).split("found is at ")[1].split(",")[0])
    assert found >= fastest.makespan


@settings(max_examples=30, deadline=None)
@given(small, st.floats(0, 2), st.data())
def test_deadlines_are_met_or_named(instance: Instance, slack: float, data: st.DataObject) -> None:
    fastest = best_schedule(instance, "makespan")
    assert fastest is not None
    some = np.array(
        data.draw(st.lists(st.booleans(), min_size=instance.tasks, max_size=instance.tasks))
    )
    ends = fastest.end + (slack * fastest.makespan / 4)
    instance = with_deadlines(instance, np.where(some, ends, -1).astype(np.int64))
    schedule = attempt(lambda: list_schedule(instance))
    if isinstance(schedule, InfeasibleError):
        text = str(schedule)
        task = next(t for t in np.flatnonzero(some) if f"of {instance.names[t]}," in text)
        assert schedule.asked == instance.deadline[task]
        assert schedule.least == end_limit(instance, int(task)).cycles
        assert schedule.least <= fastest.end[task]
        assert text.startswith("found no schedule")
    else:
        assert check(instance, schedule) == []


def test_an_impossible_deadline_is_called_so() -> None:
    instance = realistic(np.random.default_rng(0), (4, 3), 2)
    deadline = np.full(7, -1)
    deadline[2] = 1
    with pytest.raises(
        InfeasibleError, match=r"^no schedule meets the deadline of layer2, cycle 1"
    ):
        list_schedule(with_deadlines(instance, deadline))


@settings(max_examples=25, deadline=None)
@given(instances(largest=7), realistic_instances(largest=7), st.integers(0, 3))
def test_equal_arguments_give_equal_schedules(one: Instance, other: Instance, seed: int) -> None:
    for instance in (one, other):
        first, second = (list_schedule(instance, "edp", seed=seed) for _ in range(2))
        assert first.start.tolist() == second.start.tolist()
        assert first.machine.tolist() == second.machine.tolist()
        first, second = (hap(instance, effort=LITTLE, seed=seed) for _ in range(2))
        assert first.start.tolist() == second.start.tolist()


@settings(max_examples=40, deadline=None)
@given(instances(largest=8))
def test_orders_put_ready_tasks_of_higher_priority_first(instance: Instance) -> None:
    lists = ListScheduler(instance)
    needs = [
        set(instance.edges[instance.edges[:, 1] == t, 0].tolist()) for t in range(instance.tasks)
    ]
    plain = list(lists.orders())[:3]  # the others keep consumers behind their producers
    for order in plain:
        placed: set[int] = set()
        for task in order.tolist():
            ready = [t for t in range(instance.tasks) if t not in placed and needs[t] <= placed]
            assert instance.priority[task] == max(instance.priority[t] for t in ready)
            placed.add(task)


def test_priority_decides_who_waits() -> None:
    """Two equal tasks on one machine, the second more important."""
    one = realistic(np.random.default_rng(3), (1, 1), 2)
    instance = replace(
        one,
        machines=("x",),
        **{
            name: getattr(one, name)[:, :1]
            for name in (
                "duration",
                "energy",
                "share",
                "fits",
                "stay_duration",
                "stay_energy",
                "stay_share",
            )
        },
    )
    for priority, first in (([0, 1], 1), ([1, 0], 0)):
        schedule = list_schedule(replace(instance, priority=np.array(priority)))
        assert schedule.start[first] == 0
        assert schedule.start[1 - first] == schedule.end[first]


def test_no_tasks() -> None:
    some = realistic(np.random.default_rng(0), (1, 1), 2)
    empty = replace(
        some,
        names=(),
        edges=np.zeros((0, 2), np.int64),
        **{
            name: getattr(some, name)[:0]
            for name in (
                "duration",
                "energy",
                "share",
                "feeder",
                "fits",
                "stay_duration",
                "stay_energy",
                "stay_share",
                "release",
                "deadline",
                "priority",
            )
        },
    )
    for schedule in (list_schedule(empty), hap(empty, 0)):
        assert (schedule.makespan, schedule.energy) == (0, 0.0)
        assert check(empty, schedule) == []


@settings(max_examples=30, deadline=None)
@given(realistic_instances(largest=12), st.integers(0, 5))
def test_what_hap_begins_with_is_legal_too(instance: Instance, part: int) -> None:
    fast, thrifty = list_schedule(instance), list_schedule(instance, "energy")
    bound = fast.makespan + part * max(0, thrifty.makespan - fast.makespan) // 5
    start = attempt(lambda: hap(instance, bound, effort=200 * instance.tasks))
    if isinstance(start, Schedule):
        assert check(instance, start) == []
        assert start.makespan <= bound
