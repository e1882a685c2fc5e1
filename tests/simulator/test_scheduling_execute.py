"""Schedules executed with a DRAM that is shared."""

from __future__ import annotations

import numpy as np
import pytest

from chiploom.simulator.scheduling.execute import execute
from chiploom.simulator.scheduling.instance import WHOLE, Instance, schedule_of


def instance(
    duration: list[list[int]], share: list[list[int]], edges: list[tuple[int, int]]
) -> Instance:
    count, machines = len(duration), len(duration[0])
    long = np.array(duration, dtype=np.int64)
    shares = np.array(share, dtype=np.int64)
    none = np.full(count, -1, dtype=np.int64)
    energy = np.ones((count, machines))
    return Instance(
        tuple(f"t{n}" for n in range(count)),
        tuple(f"m{n}" for n in range(machines)),
        long,
        energy,
        shares,
        none,
        np.zeros((count, machines), dtype=np.bool_),
        long,
        energy,
        shares,
        np.array(edges, dtype=np.int64).reshape(-1, 2),
        np.zeros(count, dtype=np.int64),
        none,
        np.zeros(count, dtype=np.int64),
    )


def test_two_tasks_that_want_all_of_the_dram_take_twice_as_long() -> None:
    problem = instance([[100, 100], [100, 100]], [[WHOLE, WHOLE]] * 2, [])
    plan = schedule_of(problem, [0, 1], [0, 100], "by hand")
    free = execute(problem, plan)
    assert free.end == pytest.approx([200, 200])
    assert free.makespan == 200
    assert free.slowed == pytest.approx(200)


def test_a_task_without_the_dram_is_not_slowed() -> None:
    """Until cycle 100 two of three share the DRAM; one has done half by then."""
    half = 3 * WHOLE // 4
    problem = instance([[60, 60, 60]] * 3, [[half, half, half], [half, half, half], [0, 0, 0]], [])
    found = execute(problem, schedule_of(problem, [0, 1, 2], [0, 60, 0], "by hand"))
    assert found.end[2] == pytest.approx(60)
    assert found.end[:2] == pytest.approx([90, 90])  # 60 x 1.5


def test_held_to_its_plan_a_schedule_comes_out_as_planned() -> None:
    problem = instance(
        [[10, 20], [30, 10], [5, 5], [40, 40]], [[WHOLE // 2, WHOLE // 2]] * 4, [(0, 2), (1, 3)]
    )
    plan = schedule_of(problem, [0, 1, 1, 0], [0, 0, 12, 25], "by hand")
    held = execute(problem, plan, hold=True)
    assert held.start == pytest.approx(plan.start)
    assert held.end == pytest.approx(plan.end)
    assert held.makespan == plan.makespan
    free = execute(problem, plan)
    assert free.start == pytest.approx([0, 0, 10, 10])
    assert free.makespan == 50


def test_sequences_that_wait_for_one_another_are_refused() -> None:
    problem = instance([[1, 1], [1, 1]], [[0, 0]] * 2, [(1, 0)])
    plan = schedule_of(problem, [0, 0], [0, 1], "by hand")
    with pytest.raises(ValueError, match="wait for one another"):
        execute(problem, plan)
