"""The kernel builds and improves schedules as its plain-Python twin does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.ext._schedule import Placer
from chiploom.simulator.scheduling.annealing import improve_plainly
from chiploom.simulator.scheduling.check import check
from chiploom.simulator.scheduling.instance import WHOLE, Goal, Instance, Integers, schedule_of
from chiploom.simulator.scheduling.placer import NEVER, PlainPlacer
from chiploom.simulator.scheduling.tables import due_dates, placer, topological

from .brute_force_scheduling import best_schedule
from .scheduling_strategies import instances, realistic_instances

GOALS: dict[Goal, int] = {"makespan": 0, "energy": 1, "edp": 2}

anything = st.one_of(instances(largest=9), realistic_instances(largest=12))


def twins(instance: Instance, due: Integers | None = None) -> tuple[Placer, PlainPlacer]:
    due = due_dates(instance) if due is None else due
    order = topological(instance.tasks, instance.edges)
    return placer(instance, due), PlainPlacer(instance, order, due)


def some_order(draw: st.DrawFn, instance: Instance, kernel: Placer) -> tuple[Integers, Integers]:
    """An order by random ranks, and machines."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    order = kernel.arrange(random.random(instance.tasks), np.zeros(instance.tasks, np.uint8))
    assert order is not None
    able = instance.duration >= 0
    machine = np.where(able, random.random(able.shape), -1).argmax(axis=1)
    return order, machine


@given(anything, st.data())
def test_ranks_outlook_and_orders_are_the_twin_s(instance: Instance, data: st.DataObject) -> None:
    kernel, plain = twins(instance)
    weight = np.where(instance.duration >= 0, instance.duration, 0).mean(axis=1)
    base = np.array(
        data.draw(st.lists(st.floats(0, 50), min_size=len(weight), max_size=len(weight)))
    )
    rank = kernel.ranks(weight, base)
    assert rank.tolist() == plain.ranks(weight, base).tolist()
    assert kernel.outlook().tolist() == plain.outlook().tolist()
    may_stay = np.any(instance.fits, axis=1)
    for joined in (np.zeros_like(may_stay), may_stay):
        order = kernel.arrange(rank, joined.astype(np.uint8))
        expected = plain.arrange(rank, joined)
        assert order is not None
        assert expected is not None
        assert order.tolist() == expected.tolist()
        places = {task: place for place, task in enumerate(order.tolist())}
        assert all(places[a] < places[b] for a, b in instance.edges.tolist())
        assert all(
            places[task] == places[int(instance.feeder[task])] + 1
            for task in np.flatnonzero(joined)
        )


@given(anything)
def test_the_least_energy_is_the_twin_s_and_the_optimum(instance: Instance) -> None:
    instance = replace(instance, leakage=0.0)
    kernel, plain = twins(instance)
    total, machine, joined = kernel.thrift()
    expected = plain.thrift()
    assert total == pytest.approx(expected[0], rel=1e-12)
    assert machine.tolist() == expected[1].tolist()
    assert joined.astype(bool).tolist() == expected[2].tolist()
    order = kernel.arrange(np.zeros(instance.tasks), joined)
    assert order is not None
    assert kernel.sequence(order, machine)[2] == pytest.approx(total, rel=1e-12)


@settings(max_examples=30)
@given(st.one_of(instances(), realistic_instances(largest=6)))
def test_no_schedule_needs_less_than_the_least_energy(instance: Instance) -> None:
    instance = replace(instance, leakage=0.0)
    best = best_schedule(instance, "energy")
    assert best is not None
    assert twins(instance)[0].thrift()[0] == pytest.approx(best.energy, rel=1e-12)


@given(anything, st.data())
def test_insertion_is_the_twin_s_and_legal(instance: Instance, data: st.DataObject) -> None:
    kernel, plain = twins(instance)
    order, machine = some_order(data.draw, instance, kernel)
    bias = data.draw(st.sampled_from([0.0, 1.0])) * kernel.outlook()
    per_cycle, per_joule = data.draw(st.sampled_from([(1.0, 0.0), (1.0, 0.05), (0.0, 1.0)]))
    fixed = np.where(data.draw(st.booleans()), machine, -1)
    found = kernel.place(order, fixed, bias, per_cycle, per_joule)
    expected = plain.place(order, fixed, bias, per_cycle, per_joule)
    assert [part.tolist() for part in found] == [part.tolist() for part in expected]
    schedule = schedule_of(instance, *found, "insertion")
    assert check(instance, schedule) == []
    # Appending in the order of the starts delays nothing, see `placer`.
    by_start = np.lexsort((np.arange(instance.tasks), found[1]))
    assert (kernel.sequence(by_start, found[0])[0] <= found[1]).all()


@given(anything, st.data())
def test_appending_is_the_twin_s_and_legal(instance: Instance, data: st.DataObject) -> None:
    due = np.full(instance.tasks, data.draw(st.sampled_from([3, 10000, NEVER])))
    kernel, plain = twins(instance, due)
    order, machine = some_order(data.draw, instance, kernel)
    start, makespan, energy, late = kernel.sequence(order, machine)
    expected, outcome = plain.sequence(order, machine)
    assert start.tolist() == expected.tolist()
    assert (makespan, energy, late) == (outcome.makespan, outcome.energy, outcome.late)
    schedule = schedule_of(instance, machine, start, "append")
    assert check(instance, schedule) == []
    assert makespan == schedule.makespan
    assert energy == pytest.approx(schedule.energy)
    assert late == max(0, *(schedule.end - due).tolist())


@settings(max_examples=40)
@given(st.one_of(instances(), realistic_instances()), st.data())
def test_the_search_is_the_twin_s(instance: Instance, data: st.DataObject) -> None:
    due = np.full(instance.tasks, data.draw(st.sampled_from([8, 20000, NEVER])))
    kernel, plain = twins(instance, due)
    start = some_order(data.draw, instance, kernel)
    goal = data.draw(st.sampled_from(sorted(GOALS)))
    penalty, seed = data.draw(st.sampled_from([0.0, 2.5])), data.draw(st.integers(0, 1 << 64 - 1))
    found = kernel.improve(*start, GOALS[goal], penalty, 0.1, 0.01, 60, seed)
    expected = improve_plainly(plain, *start, goal, penalty, 0.1, 0.01, 60, seed)
    assert [part.tolist() for part in found] == [part.tolist() for part in expected]
    before, after = plain.sequence(*start)[1], plain.sequence(*found)[1]
    assert (after.late, after.value(goal)) <= (before.late, before.value(goal))


def test_a_task_is_inserted_only_where_no_tensor_stays() -> None:
    """a, then idle, then b, whose input waits on chip meanwhile: c has to come later."""
    instance = Instance(
        names=("a", "b", "c"),
        machines=("x",),
        duration=np.array([[2], [2], [2]]),
        energy=np.ones((3, 1)),
        share=np.zeros((3, 1), np.int64),
        feeder=np.array([-1, 0, -1]),
        fits=np.array([[False], [True], [False]]),
        stay_duration=np.array([[2], [1], [2]]),
        stay_energy=np.ones((3, 1)),
        stay_share=np.zeros((3, 1), np.int64),
        edges=np.array([[0, 1]]),
        release=np.array([0, 10, 0]),
        deadline=np.full(3, -1),
        priority=np.zeros(3, np.int64),
    )
    order, anywhere, none = np.arange(3), np.full(3, -1), np.zeros((3, 1))
    stays = twins(instance)[0].place(order, anywhere, none, 1.0, 0.0)
    assert stays[1].tolist() == [0, 10, 11]
    leaves = replace(instance, fits=np.zeros((3, 1), bool))
    assert twins(leaves)[0].place(order, anywhere, none, 1.0, 0.0)[1].tolist() == [0, 10, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": np.array([[0, 1], [1, 0]])}, "a: expected tasks without circular"),
        ({"duration": np.array([[-1], [1]])}, "a: expected a machine that can run it"),
        ({"duration": np.array([[0], [1]])}, "a: expected at least 1 cycle"),
        ({"stay_duration": np.array([[1], [0]])}, "b: expected at least 1 cycle"),
        ({"stay_duration": np.array([[1], [2]])}, "b: expected no longer duration where"),
        ({"share": np.array([[0], [WHOLE + 1]])}, "b: expected a share of the DRAM of at most"),
        ({"stay_share": np.array([[0], [WHOLE + 1]])}, "b: expected a share of the DRAM of at"),
        ({"edges": np.zeros((0, 2), np.int64)}, "b: expected a feeder that it depends on"),
    ],
)
def test_unsound_instances_are_refused(change: dict[str, object], message: str) -> None:
    one = np.ones((2, 1), np.int64)
    sound = Instance(
        names=("a", "b"),
        machines=("x",),
        duration=one,
        energy=one.astype(float),
        share=one,
        feeder=np.array([-1, 0]),
        fits=np.array([[False], [True]]),
        stay_duration=one,
        stay_energy=one.astype(float),
        stay_share=one,
        edges=np.array([[0, 1]]),
        release=np.zeros(2, np.int64),
        deadline=np.full(2, -1),
        priority=np.zeros(2, np.int64),
    )
    placer(sound, due_dates(sound))
    unsound = replace(sound, **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        placer(unsound, due_dates(unsound))
