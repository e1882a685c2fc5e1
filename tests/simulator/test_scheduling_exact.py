"""Exact schedules against all schedules, and what is proven of large ones."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.simulator.errors import OutOfTimeError
from chiploom.simulator.scheduling.bounds import limits, lower_bound
from chiploom.simulator.scheduling.check import check
from chiploom.simulator.scheduling.exact import exact
from chiploom.simulator.scheduling.instance import (
    WHOLE,
    Goal,
    InfeasibleError,
    Instance,
    Schedule,
    schedule_of,
)
from chiploom.simulator.scheduling.options import longest_paths, order_of

from .brute_force_scheduling import best_schedule
from .scheduling_strategies import instances, realistic, realistic_instances, with_deadlines

GOALS: tuple[Goal, ...] = ("makespan", "energy", "edp")


def chain(duration: list[list[int]], **more: object) -> Instance:
    """Tasks one after the other; nothing stays, 1 pJ each."""
    table = np.array(duration, np.int64)
    count, machines = table.shape
    plain = Instance(
        names=tuple(f"t{n}" for n in range(count)),
        machines=tuple(f"m{n}" for n in range(machines)),
        duration=table,
        energy=np.where(table >= 0, 1.0, np.nan),
        share=np.zeros_like(table),
        feeder=np.full(count, -1, np.int64),
        fits=np.zeros_like(table, dtype=bool),
        stay_duration=table,
        stay_energy=np.where(table >= 0, 1.0, np.nan),
        stay_share=np.zeros_like(table),
        edges=np.array(list(itertools.pairwise(range(count))), np.int64).reshape(-1, 2),
        release=np.zeros(count, np.int64),
        deadline=np.full(count, -1, np.int64),
        priority=np.zeros(count, np.int64),
    )
    return replace(plain, **more)


def agree(instance: Instance, goal: Goal, bound: int | None = None) -> Schedule | None:
    """Compare with the best of all schedules."""
    best = best_schedule(instance, goal, np.inf if bound is None else bound)
    if best is None:
        with pytest.raises(InfeasibleError) as caught:
            exact(instance, goal, latency_bound=bound, workers=1)
        if bound is not None and not (instance.deadline >= 0).any():
            shortest = best_schedule(instance, "makespan")
            assert shortest is not None
            assert caught.value.asked == bound
            assert caught.value.least == shortest.makespan
        return None
    found = exact(instance, goal, latency_bound=bound, workers=1)
    assert check(instance, found) == []
    assert found.optimal
    assert found.value(goal) == pytest.approx(best.value(goal), rel=1e-8)
    assert found.lower_bound <= best.value(goal) * (1 + 1e-12)
    assert bound is None or found.makespan <= bound
    assert lower_bound(instance, goal, bound, best.value(goal)) <= best.value(goal) * (1 + 1e-12)
    return best


@pytest.mark.parametrize("goal", GOALS)
@given(instance=instances())
@settings(max_examples=25)
def test_small_instances_of_every_kind(goal: Goal, instance: Instance) -> None:
    agree(instance, goal)


@pytest.mark.parametrize("goal", GOALS)
@given(instance=realistic_instances(largest=6))
@settings(max_examples=10)
def test_realistic_instances(goal: Goal, instance: Instance) -> None:
    agree(instance, goal)


@pytest.mark.parametrize("goal", GOALS)
@given(instance=instances(largest=5), bound=st.integers(3, 20))
@settings(max_examples=15)
def test_under_a_latency_bound(goal: Goal, instance: Instance, bound: int) -> None:
    agree(instance, goal, bound)


@given(instance=instances(largest=5), data=st.data())
@settings(max_examples=20)
def test_deadlines(instance: Instance, data: st.DataObject) -> None:
    dues = st.lists(
        st.sampled_from([-1, -1, 4, 8, 14]), min_size=instance.tasks, max_size=instance.tasks
    )
    due = with_deadlines(instance, np.array(data.draw(dues)))
    if agree(due, "makespan") is None:
        with pytest.raises(InfeasibleError) as caught:
            exact(due, workers=1)
        late = int(caught.value.least - caught.value.asked)
        for shift, possible in ((late, True), (late - 1, False)):
            moved = np.where(due.deadline >= 0, due.deadline + shift, -1)
            assert (best_schedule(with_deadlines(due, moved), "makespan") is not None) == possible


@pytest.mark.slow
@pytest.mark.parametrize("goal", GOALS)
@given(instance=st.one_of(instances(largest=7), realistic_instances(largest=7)))
@settings(max_examples=150)
def test_many_small_instances(goal: Goal, instance: Instance) -> None:
    agree(instance, goal)


def test_staying_at_a_larger_share_needs_no_permission() -> None:
    # t1 stays if it follows t0 at once, and then asks for all of the DRAM while t2 runs. Staying
    # cannot be declined, so t1 waits for t2's end, or t2 for t1's.
    instance = replace(
        chain([[2, 9], [4, 9], [9, 6]]),
        edges=np.array([[0, 1]]),
        feeder=np.array([-1, 0, -1]),
        fits=np.array([[False, False], [True, False], [False, False]]),
        share=np.full((3, 2), WHOLE // 2),
        stay_share=np.full((3, 2), WHOLE),
        stay_duration=np.array([[2, 9], [3, 9], [9, 6]]),
    )
    best = agree(instance, "makespan")
    assert best is not None
    assert best.makespan == 9


def test_infeasible_says_what_limits() -> None:
    with pytest.raises(InfeasibleError, match="critical path of 3 tasks from t0 to t2, 12 cycles"):
        exact(chain([[4, 5], [3, 2], [6, 7]]), latency_bound=11)
    loaded = replace(chain([[4]] * 5), edges=np.zeros((0, 2), np.int64))
    with pytest.raises(InfeasibleError, match="the machines' load, 20 cycles") as load:
        exact(loaded, latency_bound=19)
    assert load.value.least == 20
    moving = replace(
        chain([[4] * 5] * 5), edges=loaded.edges, share=np.full((5, 5), 3 * WHOLE // 4)
    )
    with pytest.raises(InfeasibleError, match="the DRAM's load, 20 cycles") as dram:
        exact(moving, latency_bound=16)
    assert dram.value.least == 20
    third = replace(moving, share=np.full((5, 5), 2 * WHOLE // 5))
    with pytest.raises(InfeasibleError, match="the DRAM's load, 8 cycles") as dram:
        exact(third, latency_bound=9)
    assert dram.value.least == 12


def test_limits() -> None:
    found = limits(chain([[4, 5], [3, 2], [6, 7]], release=np.array([10, 0, 0])))
    assert (found.critical_path, found.path) == (22, (0, 1, 2))
    # Half of 12 equal tasks of 10 cycles on either machine.
    assert limits(chain([[10, 10]] * 12)).load == 60
    # The second machine is half as fast: two thirds on the first.
    assert 79 <= limits(chain([[10, 20]] * 12)).load <= 80


def test_paths_and_orders() -> None:
    instance = replace(
        chain([[4], [9], [2], [1]]), edges=np.array([[0, 1], [0, 2], [1, 3], [2, 3]])
    )
    assert longest_paths(instance) == [[0, 1, 3], [2]]
    with pytest.raises(ValueError, match="depend on each other"):
        order_of(replace(instance, edges=np.array([[0, 1], [1, 0]])))


def test_a_task_that_runs_nowhere() -> None:
    with pytest.raises(ValueError, match="t1 runs on none of the machines"):
        exact(chain([[4, 5], [-1, -1]]))


def test_hints_are_not_trusted() -> None:
    instance = chain([[4, 5], [3, 2]])
    lying = replace(schedule_of(instance, [0, 1], [0, 4], "lie"), makespan=1)
    overlapping = schedule_of(instance, [0, 1], [0, 0], "wrong")
    for hint in (lying, overlapping):
        assert exact(instance, hint=hint).makespan == 6
    known = schedule_of(instance, [0, 1], [0, 4], "known")
    assert exact(instance, hint=known).makespan == 6


def test_nothing_to_schedule() -> None:
    empty = chain(np.zeros((0, 2), np.int64).tolist() or np.zeros((0, 2)))  # type: ignore[arg-type]
    for goal in GOALS:
        found = exact(empty, goal)
        assert (found.makespan, found.energy, found.optimal) == (0, 0.0, True)


def test_out_of_time_is_not_infeasible() -> None:
    random = np.random.default_rng(5)
    large = realistic(random, (60, 60, 60), 3, leakage=True)
    with pytest.raises(OutOfTimeError, match="none is proven not to exist"):
        exact(large, "energy", latency_bound=limits(large).makespan * 1.02, seconds=0.02)


@pytest.mark.parametrize("goal", GOALS)
def test_the_same_in_every_run(goal: Goal) -> None:
    instance = realistic(np.random.default_rng(3), (6, 4), 2, leakage=True)
    first, second = (exact(instance, goal, workers=2) for _ in range(2))
    assert first.optimal
    assert first.machine.tolist() == second.machine.tolist()
    assert first.start.tolist() == second.start.tolist()


def test_energies_keep_their_precision() -> None:
    # Leakage of 1e-9 pJ decides between schedules of 1e12 pJ.
    table = np.array([[1e12], [1e12]])
    instance = chain([[5, 4], [5, 4]], energy=table * [1, 1], leakage=1e-9)
    instance = replace(instance, stay_energy=instance.energy)
    assert exact(instance, "energy").energy == pytest.approx(2e12)
