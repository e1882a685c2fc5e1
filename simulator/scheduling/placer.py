"""How a schedule is built from an order of the tasks: the form to read.

The compiled kernel (`ext/_schedule`) does the same faster; tests hold both equal.

**Append** (`sequence`): in the order given, each task goes behind the tasks of its machine, as
early as what it depends on, its release and the DRAM's shares allow. Some order and machines give
an optimum of every goal that an earlier end never makes worse, so `improve` searches these.

**Insert** (`place`): in the order given, each task goes to the machine with the least score,
there into the first idle time that is long enough. Between a task and the one whose input stays on
chip nothing is inserted.

An order has every task behind those that it depends on.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from .instance import WHOLE, Flags, Goal, Instance, Integers, Reals

#: Later than every deadline.
NEVER: Final = 1 << 60


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a schedule comes to: cycles, pJ with leakage, cycles by which it is late."""

    makespan: int
    energy: float
    late: int

    def value(self, goal: Goal) -> float:
        """Of the goal: cycles, pJ, or pJ x cycles."""
        if goal == "makespan":
            return float(self.makespan)
        return self.energy if goal == "energy" else self.energy * self.makespan


@dataclass
class _Idle:
    """A time in which a machine is idle, and the task before it, -1 none."""

    start: int
    end: int
    before: int


@dataclass
class _Run:
    """A task in its place."""

    start: int
    end: int
    share: int


def _earliest(runs: Sequence[_Run], ready: int, takes: int, share: int) -> int:
    """First start at `ready` or later at which the share is free for as long as it takes.

    What is in use falls only where a task ends, so that is where to look.
    """
    for at in sorted({ready, *(run.end for run in runs if run.end > ready)}):
        rises = [at, *(run.start for run in runs if at < run.start < at + takes)]
        if all(
            share + sum(run.share for run in runs if run.start <= now < run.end) <= WHOLE
            for now in rises
        ):
            return at
    raise AssertionError("every task has room behind the last end")


class PlainPlacer:
    """Builds schedules of an instance.

    Args:
        topological: (n,) tasks, each behind those that it depends on.
        due: (n,) cycle by which each task should have ended, `NEVER` where that is free.
    """

    def __init__(self, instance: Instance, topological: Integers, due: Integers) -> None:
        self.instance, self.due = instance, due
        self.topological = [int(task) for task in topological]
        count = instance.tasks
        self.needs: list[list[int]] = [[] for _ in range(count)]
        self.feeds: list[list[int]] = [[] for _ in range(count)]
        for before, after in instance.edges:
            self.needs[after].append(int(before))
            self.feeds[before].append(int(after))
        self.able = [
            [on for on in range(len(instance.machines)) if instance.duration[task, on] >= 0]
            for task in range(count)
        ]

    def stays(self, task: int, on: int, before: int) -> bool:
        """Whether its input stays on chip for a task right behind `before` on a machine."""
        instance = self.instance
        return before >= 0 and instance.feeder[task] == before and bool(instance.fits[task, on])

    def costs(self, task: int, on: int, stays: bool) -> tuple[int, int, float]:
        """Duration, share and energy."""
        tables = self.instance
        if stays:
            return (
                int(tables.stay_duration[task, on]),
                int(tables.stay_share[task, on]),
                float(tables.stay_energy[task, on]),
            )
        return (
            int(tables.duration[task, on]),
            int(tables.share[task, on]),
            float(tables.energy[task, on]),
        )

    def ranks(self, weight: Reals, base: Reals) -> Reals:
        """(n,) upward rank: the most of the task's base and its successors' ranks, and its weight.

        With the mean duration as weight and base 0 these are the ranks of HEFT (Topcuoglu, Hariri,
        Wu 2002, eq. 4).
        """
        rank = np.zeros(self.instance.tasks)
        for task in reversed(self.topological):
            rank[task] = weight[task] + max([base[task], *(rank[t] for t in self.feeds[task])])
        return rank

    def outlook(self) -> Reals:
        """(n, m) cycles from the task's end on the machine to the end of the last one that depends
        on it, where each of those has the machine it likes best to itself.

        The optimistic cost table of PEFT (Arabnejad, Barbosa 2014, eq. 4), with tensors that stay
        where that takes messages.
        """
        instance = self.instance
        look = np.zeros(instance.duration.shape)
        for task in reversed(self.topological):
            for on in range(len(instance.machines)):
                look[task, on] = max(
                    (
                        min(
                            look[after, there]
                            + self.costs(after, there, there == on and self.stays(after, on, task))[
                                0
                            ]
                            for there in self.able[after]
                        )
                        for after in self.feeds[task]
                    ),
                    default=0.0,
                )
        return look

    def thrift(self) -> tuple[float, Integers, Flags]:
        """The least energy without leakage, the machines that need no more, and what stays then.

        Feeders form paths. Along each, the least energy up to a task on a machine follows from
        those of its feeder on all machines.
        """
        instance = self.instance
        best = np.full(instance.duration.shape, math.inf)
        origin = np.full(instance.duration.shape, -1)
        kept = np.zeros(instance.duration.shape, np.bool_)
        for task in self.topological:
            feeder = int(instance.feeder[task])
            for on in self.able[task]:
                best[task, on] = instance.energy[task, on]
                if feeder >= 0:
                    there = int(np.argmin(best[feeder]))
                    best[task, on] = instance.energy[task, on] + best[feeder, there]
                    origin[task, on] = there
                    staying = instance.stay_energy[task, on] + best[feeder, on]
                    if instance.fits[task, on] and staying <= best[task, on]:
                        best[task, on], origin[task, on], kept[task, on] = staying, on, True
        machine = np.full(instance.tasks, -1)
        joined = np.zeros(instance.tasks, np.bool_)
        feeders = {int(feeder) for feeder in instance.feeder}
        total = 0.0
        for task in reversed(self.topological):
            if task not in feeders:
                machine[task] = np.argmin(best[task])
                total += best[task, machine[task]]
            on = machine[task]
            if instance.feeder[task] >= 0:
                machine[instance.feeder[task]] = origin[task, on]
                joined[task] = kept[task, on]
        return total, machine, joined

    def arrange(self, rank: Reals, joined: Flags) -> Integers | None:
        """An order by priority, then rank, larger first, then number.

        Args:
            joined: (n,) tasks that come right behind their feeders. Such tasks form runs, which
                count as their first task does.

        Returns:
            (n,) the order; None where runs depend on each other in a circle.
        """
        head = list(range(self.instance.tasks))
        follower = dict[int, int]()
        for task in self.topological:
            if joined[task]:
                feeder = int(self.instance.feeder[task])
                head[task], follower[feeder] = head[feeder], task
        waits = [0] * self.instance.tasks
        for task, needs in enumerate(self.needs):
            waits[head[task]] += sum(head[need] != head[task] for need in needs)

        def key(task: int) -> tuple[int, float, int]:
            return -int(self.instance.priority[task]), -float(rank[task]), task

        ready = [key(t) for t in range(self.instance.tasks) if head[t] == t and not waits[t]]
        heapq.heapify(ready)
        order: list[int] = []
        while ready:
            run = [heapq.heappop(ready)[2]]
            while run[-1] in follower:
                run.append(follower[run[-1]])
            order += run
            for other in (head[after] for task in run for after in self.feeds[task]):
                if other != run[0]:
                    waits[other] -= 1
                    if not waits[other]:
                        heapq.heappush(ready, key(other))
        return np.array(order, np.int64) if len(order) == self.instance.tasks else None

    def place(
        self, order: Integers, fixed: Integers, bias: Reals, per_cycle: float, per_joule: float
    ) -> tuple[Integers, Integers]:
        """Machine and start of every task, each inserted where its score is least.

        The score is `per_cycle * (end + bias) + per_joule * energy`; of equal scores the earlier
        end counts, then the lower machine.

        Args:
            fixed: (n,) machine on which a task has to run, -1 any.
            bias: (n, m) cycles.
        """
        idle = [[_Idle(0, NEVER, -1)] for _ in self.instance.machines]
        placed = dict[int, _Run]()
        machine = np.zeros(self.instance.tasks, np.int64)
        for task in map(int, order):
            ready = max(
                [int(self.instance.release[task]), *(placed[t].end for t in self.needs[task])]
            )
            choices = []
            for on in self.able[task]:
                if fixed[task] in (-1, on):
                    gap, run, energy = self._inserted(task, on, ready, idle[on], placed)
                    score = per_cycle * (run.end + bias[task, on]) + per_joule * energy
                    choices.append((score, run.end, on, gap, run))
            _, _, on, gap, run = min(choices, key=lambda choice: choice[:3])
            machine[task], placed[task] = on, run
            taken = idle[on][gap]
            left = [_Idle(run.end, taken.end, task)]
            if not self.stays(task, on, taken.before):
                left.insert(0, _Idle(taken.start, run.start, taken.before))
            idle[on][gap : gap + 1] = [part for part in left if part.start < part.end]
        start = [placed[task].start for task in range(self.instance.tasks)]
        return machine, np.array(start, np.int64)

    def _inserted(
        self, task: int, on: int, ready: int, idle: list[_Idle], placed: dict[int, _Run]
    ) -> tuple[int, _Run, float]:
        """Number of the first idle time in which the task can run, its run, and its energy."""
        for number, gap in enumerate(idle):
            takes, share, energy = self.costs(task, on, self.stays(task, on, gap.before))
            at = _earliest(list(placed.values()), max(ready, gap.start), takes, share)
            if at + takes <= gap.end:
                return number, _Run(at, at + takes, share), energy
        raise AssertionError("the last idle time has no end")

    def sequence(self, order: Integers, machine: Integers) -> tuple[Integers, Outcome]:
        """Start of every task, each appended to its machine, and what that comes to."""
        placed = dict[int, _Run]()
        last = dict[int, int]()
        energy = 0.0
        for task in map(int, order):
            on = int(machine[task])
            before = last.get(on, -1)
            takes, share, more = self.costs(task, on, self.stays(task, on, before))
            waits = [*self.needs[task], *([before] if before >= 0 else [])]
            ready = max([int(self.instance.release[task]), *(placed[t].end for t in waits)])
            at = _earliest(list(placed.values()), ready, takes, share)
            placed[task] = _Run(at, at + takes, share)
            last[on] = task
            energy += more
        start = [placed[task].start for task in range(self.instance.tasks)]
        makespan = max((run.end for run in placed.values()), default=0)
        late = max([0, *(run.end - int(self.due[task]) for task, run in placed.items())])
        outcome = Outcome(makespan, energy + self.instance.leakage * makespan, late)
        return np.array(start, np.int64), outcome
