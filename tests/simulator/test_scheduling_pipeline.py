"""Pipelines: their intervals against all assignments, their streams against the checker."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from chiploom.simulator.scheduling.auto import Algorithm, schedule
from chiploom.simulator.scheduling.check import check
from chiploom.simulator.scheduling.exact import exact
from chiploom.simulator.scheduling.instance import WHOLE, Goal, InfeasibleError, Instance
from chiploom.simulator.scheduling.pipeline import pipeline, stream

from .brute_force_scheduling import best_schedule
from .scheduling_strategies import instances, realistic, realistic_instances


def least_load(instance: Instance) -> int:
    """The least largest load of a machine, over all assignments; a tensor stays wherever producer
    and consumer share a machine, nothing else takes from the producer, and it fits."""
    consumers = np.bincount(instance.edges[:, 0], minlength=instance.tasks)
    able = [np.flatnonzero(row >= 0).tolist() for row in instance.duration]
    best = None
    for machines in itertools.product(*able):
        load = [0] * len(instance.machines)
        for task, on in enumerate(machines):
            feeder = int(instance.feeder[task])
            stays = (
                feeder >= 0
                and machines[feeder] == on
                and consumers[feeder] == 1
                and instance.fits[task, on]
            )
            load[on] += int((instance.stay_duration if stays else instance.duration)[task, on])
        best = max(load) if best is None else min(best, max(load))
    assert best is not None
    return best


@given(instance=instances())
@settings(max_examples=40)
def test_interval_without_shares_is_the_least_load(instance: Instance) -> None:
    free = np.zeros_like(instance.share)
    instance = replace(instance, share=free, stay_share=free)
    steady = pipeline(instance, workers=1)
    assert steady.optimal
    assert steady.interval == steady.lower_bound == least_load(instance)
    assert steady.interval == steady.load.max()


@given(instance=instances())
@settings(max_examples=40)
def test_streams_keep_the_rules(instance: Instance) -> None:
    for algorithm in ("greedy", "exact"):
        steady = pipeline(instance, algorithm, workers=1)  # type: ignore[arg-type]
        assert steady.lower_bound <= steady.interval
        assert steady.load.max() <= steady.interval
        assert steady.dram <= steady.interval
        for frames in (1, 4):
            whole, found = stream(instance, steady, frames)
            assert check(whole, found) == []
            assert found.makespan <= (frames - 1) * steady.interval + steady.latency


@given(instance=realistic_instances())
@settings(max_examples=15)
def test_realistic_streams(instance: Instance) -> None:
    steady = pipeline(instance, workers=1)
    whole, found = stream(instance, steady, 3)
    assert check(whole, found) == []
    assert steady.interval >= least_load(instance)


def test_more_frames_approach_the_interval() -> None:
    instance = realistic(np.random.default_rng(1), (8,), 2, pressure=0.0)
    steady = pipeline(instance)
    # Two machines share a chain: more than one frame after the other can give.
    assert steady.interval < exact(instance).makespan
    _, found = stream(instance, steady, 50)
    assert found.makespan <= 49 * steady.interval + steady.latency
    assert steady.frames_per_second(1e9) == pytest.approx(1e9 / steady.interval)


def test_the_dram_limits() -> None:
    instance = realistic(np.random.default_rng(2), (6,), 3, own_bandwidth=0.0)
    own = np.arange(6)[:, None] % 3 == np.arange(3)
    greedy = replace(
        instance,
        duration=np.where(own, 1000, -1),
        share=np.full_like(instance.share, WHOLE // 2 + 1),
        fits=instance.fits & own,
    )
    for algorithm in ("greedy", "exact"):
        steady = pipeline(greedy, algorithm)  # type: ignore[arg-type]
        # No two tasks at once, though every machine is busy for 2000 cycles only.
        assert steady.interval == 6000
        assert steady.load.tolist() == [2000] * 3
        assert steady.optimal
        assert "the DRAM" in steady.limit


@pytest.mark.parametrize("algorithm", ["list", "hap", "exact", "auto"])
@pytest.mark.parametrize("goal", ["makespan", "energy", "edp"])
@given(instance=instances(largest=5))
@settings(max_examples=6)
def test_every_algorithm_is_legal_and_bounded(
    algorithm: Algorithm, goal: Goal, instance: Instance
) -> None:
    best = best_schedule(instance, goal)
    assert best is not None
    found = schedule(instance, algorithm, goal)
    assert check(instance, found) == []
    assert found.lower_bound <= best.value(goal) * (1 + 1e-12)
    assert found.value(goal) >= best.value(goal) * (1 - 1e-12)
    if algorithm in ("exact", "auto"):
        assert found.optimal
    if found.optimal:
        assert found.value(goal) == pytest.approx(best.value(goal), rel=1e-8)
        assert "proven best" in found.notes[-1]


def test_bounds_of_large_instances() -> None:
    instance = realistic(np.random.default_rng(7), (80, 60, 70), 4, leakage=True)
    goals: tuple[Goal, ...] = ("makespan", "energy", "edp")
    for goal in goals:
        found = schedule(instance, "auto", goal)
        assert check(instance, found) == []
        assert 0.5 * found.value(goal) < found.lower_bound <= found.value(goal)
        assert found.algorithm != "exact"


@pytest.mark.parametrize("algorithm", ["list", "hap", "exact", "auto"])
def test_a_latency_bound_is_met_or_proven_not_to_be(algorithm: Algorithm) -> None:
    instance = realistic(np.random.default_rng(11), (4, 3), 2)
    shortest = exact(instance).makespan
    met = schedule(instance, algorithm, "energy", latency_bound=shortest)
    assert met.makespan == shortest
    with pytest.raises(InfeasibleError) as caught:
        schedule(instance, algorithm, "energy", latency_bound=shortest - 1)
    assert caught.value.least == shortest
