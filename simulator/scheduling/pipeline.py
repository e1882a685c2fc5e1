"""Throughput: a stream of frames, each begun a fixed interval after the last.

In the steady state every machine runs all of its tasks once per interval, each for a frame of its
own. Order between tasks costs latency, not throughput: a task may wait for its inputs by some
whole intervals, which is its *stage*. What remains is the *period*: the tasks of one frame on
machines that they do not share at any time, and on one DRAM, without order between them. Its
shortest makespan is the shortest interval of schedules in which no task runs beyond the end of its
period. Any other schedule has to carry the same loads, so its interval has the same lower bound:
the largest load of a machine or of the DRAM.

A tensor stays on chip where its consumer directly follows in the same period, and only where
nothing else waits for its producer: then no order between tasks can come in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from .bounds import limits
from .exact import exact
from .instance import WHOLE, Instance, Integers, Schedule, schedule_of

Entry = TypeVar("Entry", np.int64, np.float64, np.bool_)


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A steady state.

    Attributes:
        machine: (n,) of every task.
        phase: (n,) cycle within the period at which it starts.
        stage: (n,) whole intervals that it starts after its frame's first.
        interval: cycles from frame to frame.
        load: (m,) cycles per frame that the machines are busy.
        dram: cycles per frame that the DRAM would need at all of its bandwidth.
        latency: cycles from a frame's first interval to its end.
        lower_bound: of the interval of any steady state.
        optimal: the interval meets that bound.
        limit: what the interval is limited by, in words.
    """

    machine: Integers
    phase: Integers
    stage: Integers
    interval: int
    load: Integers
    dram: float
    latency: int
    lower_bound: int
    optimal: bool
    limit: str

    def frames_per_second(self, clock: float) -> float:
        """Of a clock in Hz."""
        return clock / self.interval


def pipeline(
    instance: Instance,
    algorithm: Literal["exact", "greedy"] = "exact",
    *,
    seconds: float = 10.0,
    workers: int | None = None,
) -> Pipeline:
    """The steady state with the shortest interval found. Releases and deadlines do not count.

    Args:
        algorithm: `greedy`, or `exact`, which goes on from there.
        seconds: of exact search.

    Raises:
        ValueError: there is no task, one runs on no machine, or tasks depend on each other.
    """
    if not instance.tasks:
        raise ValueError("a pipeline needs a task")
    period = _period(instance)
    found = _greedy(period)
    # What any steady state carries: nothing that could stay is kept from it, no share is raised.
    carried = replace(period, share=instance.share, fits=instance.fits)
    bound = limits(carried).makespan
    if algorithm == "exact" and found.makespan > bound:
        alone = np.zeros_like(period.share)
        loads = replace(carried, share=alone, stay_share=alone)
        least = exact(loads, seconds=seconds / 2, hint=found, workers=workers)
        bound = max(bound, int(least.lower_bound))
        if found.makespan > bound:
            found = exact(period, seconds=seconds / 2, hint=found, workers=workers)
    return _steady(instance, period, found, bound)


def _loads(period: Instance, machine: Integers) -> tuple[Integers, Integers]:
    """Cycles of every machine and of every task, tensors staying where they can."""
    rows = np.arange(period.tasks)
    together = (period.feeder >= 0) & (machine[period.feeder] == machine)
    stays = together & period.fits[rows, machine]
    takes = np.where(stays, period.stay_duration[rows, machine], period.duration[rows, machine])
    load = np.bincount(machine, weights=takes, minlength=len(period.machines))
    return load.astype(np.int64), takes


def _greedy(period: Instance) -> Schedule:
    """Tasks are moved, alone or with their feeder, as long as the largest load falls."""
    able = [np.flatnonzero(row >= 0).tolist() for row in period.duration]
    fastest = np.where(period.duration >= 0, period.duration, np.iinfo(np.int64).max)
    machine = fastest.argmin(axis=1)
    best = sorted(_loads(period, machine)[0], reverse=True)
    improved = True
    while improved:
        improved = False
        for task, feeder in enumerate(period.feeder.tolist()):
            for on in able[task]:
                moves = [[task], [task, feeder]] if feeder >= 0 else [[task]]
                for moved in moves:
                    if any(on not in able[one] for one in moved):
                        continue
                    tried = machine.copy()
                    tried[moved] = on
                    load = sorted(_loads(period, tried)[0], reverse=True)
                    if load < best:
                        machine, best, improved = tried, load, True
    return schedule_of(period, machine, _placed(period, machine), "greedy")


def _placed(period: Instance, machine: Integers) -> Integers:
    """Starts: chains of tensors that stay one after the other, each task when the DRAM has room."""
    start = np.zeros(period.tasks, np.int64)
    end = np.zeros(period.tasks, np.int64)
    share = np.zeros(period.tasks, np.int64)
    free = [0] * len(period.machines)
    last = [-1] * len(period.machines)
    for task in _chained(period, machine):
        on = int(machine[task])
        stays = last[on] >= 0 and last[on] == period.feeder[task] and period.fits[task, on]
        takes = int((period.stay_duration if stays else period.duration)[task, on])
        share[task] = (period.stay_share if stays else period.share)[task, on]
        for at in sorted({free[on], *end[end > free[on]].tolist()}):
            within = start[(start > at) & (start < at + takes) & (end > start)]
            used = [share[(start <= now) & (now < end)].sum() for now in (at, *within)]
            if max(used) + share[task] <= WHOLE:
                break
        start[task], end[task] = at, at + takes
        free[on], last[on] = at + takes, task
    return start


def _chained(period: Instance, machine: Integers) -> list[int]:
    """All tasks, those whose tensor can stay directly after their feeder."""
    follower: dict[int, int] = {}
    for task, feeder in enumerate(period.feeder.tolist()):
        if feeder >= 0 and machine[feeder] == machine[task] and period.fits[task, machine[task]]:
            follower[feeder] = task
    order: list[int] = []
    for first in sorted(set(range(period.tasks)) - set(follower.values())):
        order.append(first)
        while order[-1] in follower:
            order.append(follower[order[-1]])
    return order


def _period(instance: Instance) -> Instance:
    """One frame without order. A task asks for the larger share, whether its input stays or not:
    at the stream's start what else runs is missing, and more stays."""
    count = instance.tasks
    consumers = np.bincount(instance.edges[:, 0], minlength=count)
    alone = (instance.feeder >= 0) & (consumers[instance.feeder] == 1)
    fits = instance.fits & alone[:, None]
    share = np.where(instance.fits, np.maximum(instance.share, instance.stay_share), instance.share)
    return replace(
        instance,
        edges=np.zeros((0, 2), np.int64),
        release=np.zeros(count, np.int64),
        deadline=np.full(count, -1, np.int64),
        fits=fits,
        share=share,
    )


def _steady(instance: Instance, period: Instance, found: Schedule, bound: int) -> Pipeline:
    machines = len(instance.machines)
    takes = found.end - found.start
    load = np.bincount(found.machine, weights=takes, minlength=machines).astype(np.int64)
    rows = np.arange(instance.tasks)
    table = np.where(
        found.stays, instance.stay_share[rows, found.machine], period.share[rows, found.machine]
    )
    dram = float((table * takes).sum() / WHOLE)
    stage = _stages(instance, found)
    interval = found.makespan
    latency = int((stage * interval + found.end).max())
    busiest = int(load.argmax())
    if load[busiest] >= dram:
        limit = f"{instance.machines[busiest]}, busy for {load[busiest]} of {interval} cycles"
    else:
        limit = f"the DRAM, busy for {dram:.0f} of {interval} cycles"
    return Pipeline(
        found.machine,
        found.start,
        stage,
        interval,
        load,
        dram,
        latency,
        bound,
        interval <= bound,
        limit,
    )


def _stages(instance: Instance, found: Schedule) -> Integers:
    """The least, each task after what it depends on; what stays is of one stage."""
    stage = np.zeros(instance.tasks, np.int64)
    changed = True
    while changed:
        changed = False
        for before, after in instance.edges.tolist():
            later = stage[before] + (1 if found.end[before] > found.start[after] else 0)
            if stage[after] < later:
                stage[after], changed = later, True
        for task in np.flatnonzero(found.stays).tolist():
            feeder = int(instance.feeder[task])
            if stage[feeder] < stage[task]:
                stage[feeder], changed = stage[task], True
    return stage


def unrolled(instance: Instance, frames: int) -> Instance:
    """The tasks of several frames, frame by frame, without releases and deadlines."""
    count = instance.tasks

    def repeated(table: npt.NDArray[Entry]) -> npt.NDArray[Entry]:
        return np.tile(table, (frames, *(1,) * (table.ndim - 1)))

    offset = np.repeat(np.arange(frames) * count, count)
    feeder = repeated(instance.feeder)
    edges = [instance.edges + frame * count for frame in range(frames)]
    return replace(
        instance,
        names=tuple(f"{name}@{frame}" for frame in range(frames) for name in instance.names),
        duration=repeated(instance.duration),
        energy=repeated(instance.energy),
        share=repeated(instance.share),
        feeder=np.where(feeder >= 0, feeder + offset, -1),
        fits=repeated(instance.fits),
        stay_duration=repeated(instance.stay_duration),
        stay_energy=repeated(instance.stay_energy),
        stay_share=repeated(instance.stay_share),
        edges=np.concatenate([np.zeros((0, 2), np.int64), *edges]),
        release=np.zeros(count * frames, np.int64),
        deadline=np.full(count * frames, -1, np.int64),
        priority=repeated(instance.priority),
    )


def stream(instance: Instance, steady: Pipeline, frames: int) -> tuple[Instance, Schedule]:
    """The unrolled instance of so many frames and its schedule, filling and draining included.

    Tensors that stay only while the pipeline fills or drains make tasks end earlier, none later.
    """
    begins = (np.arange(frames)[:, None] + steady.stage) * steady.interval + steady.phase
    whole = unrolled(instance, frames)
    return whole, schedule_of(whole, np.tile(steady.machine, frames), begins.ravel(), "pipeline")
