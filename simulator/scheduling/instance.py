"""A scheduling problem: tasks on machines that share a DRAM, and its solutions.

A *task* is a layer of one frame of a network, a *machine* a sub-accelerator. A machine runs one
task at a time, without interruption. A task starts when all tasks it depends on have ended.

**Tensors.** A task reads its inputs from the DRAM and writes its outputs there: that is how tensors
get from one machine to another, and its time and energy are the task's. A tensor *stays* on chip
where its consumer is the very next task on the machine that produced it and it fits there beside
the tiles of both (`fits`): the consumer then takes `stay_duration`, and both accesses are saved
(`stay_energy`). A task has at most one such producer, its `feeder`.

**DRAM.** Every running task takes its mean share of the DRAM's bandwidth. At no time may the shares
of the running tasks be more than all of it. Tasks of a machine with a bandwidth of its own have
the share 0: their durations hold whatever others do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InfeasibleError as InfeasibleError

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: All of the DRAM's bandwidth.
WHOLE: Final = 1 << 16

Goal = Literal["makespan", "energy", "edp"]
Algorithm = Literal["list", "hap", "exact", "auto"]


@dataclass(frozen=True, eq=False)
class Instance:
    """n tasks on m machines. Arrays are read-only by convention.

    Attributes:
        names: of the tasks; machines: of the machines.
        duration: (n, m) cycles, at least 1; -1 where a task cannot run.
        energy: (n, m) pJ without leakage; nan where a task cannot run.
        share: (n, m) of the DRAM's bandwidth, 0 to `WHOLE`, rounded up.
        feeder: (n,) the task whose output may stay on chip for this one, -1 none. Its output has
            no other consumer, and it is one of the task's predecessors.
        fits: (n, m) whether the feeder's output fits beside the tiles of both tasks.
        stay_duration, stay_energy, stay_share: as above where the tensor stays. The duration is at
            most `duration`; the energy holds both accesses that are saved, so it may be negative.
        edges: (e, 2) predecessor, successor.
        release: (n,) cycle before which a task cannot start.
        deadline: (n,) cycle by which a task has to end, -1 none.
        priority: (n,) larger goes first where a heuristic has a choice.
        leakage: pJ per cycle of the whole chip, for as long as the schedule lasts.
    """

    names: tuple[str, ...]
    machines: tuple[str, ...]
    duration: Integers
    energy: Reals
    share: Integers
    feeder: Integers
    fits: Flags
    stay_duration: Integers
    stay_energy: Reals
    stay_share: Integers
    edges: Integers
    release: Integers
    deadline: Integers
    priority: Integers
    leakage: float = 0.0

    @property
    def tasks(self) -> int:
        """n."""
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Schedule:
    """Where and when every task runs.

    Attributes:
        machine: (n,) number of the machine.
        start, end: (n,) cycles.
        stays: (n,) whether the feeder's output stayed on chip.
        makespan: the last end.
        energy: pJ, leakage over the makespan included.
        algorithm: what made it.
        lower_bound: no schedule of the instance has a smaller value of the goal that was asked for.
        optimal: the value meets that bound.
        seconds: that it took.
        notes: remarks for the user.
    """

    machine: Integers
    start: Integers
    end: Integers
    stays: Flags
    makespan: int
    energy: float
    algorithm: str
    lower_bound: float = 0.0
    optimal: bool = False
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())

    @property
    def edp(self) -> float:
        """pJ x cycles."""
        return self.energy * self.makespan

    def value(self, goal: Goal) -> float:
        """Of the goal: cycles, pJ, or pJ x cycles."""
        return {"makespan": float(self.makespan), "energy": self.energy, "edp": self.edp}[goal]


def schedule_of(
    instance: Instance, machine: Any, start: Any, algorithm: str, **more: Any
) -> Schedule:
    """A schedule from machines and start cycles: what stays, ends and energy follow.

    Of a task whose feeder is the task just before it on its machine, and whose tensor fits, the
    tensor stays.

    Args:
        more: other attributes of `Schedule`.
    """
    machine = np.asarray(machine, dtype=np.int64)
    start = np.asarray(start, dtype=np.int64)
    count = instance.tasks
    stays = np.zeros(count, dtype=np.bool_)
    order = np.lexsort((np.arange(count), start))
    last = dict[int, int]()
    for task in order:
        on = int(machine[task])
        before = last.get(on, -1)
        stays[task] = before >= 0 and before == instance.feeder[task] and instance.fits[task, on]
        last[on] = int(task)
    rows = np.arange(count)
    duration = np.where(
        stays, instance.stay_duration[rows, machine], instance.duration[rows, machine]
    )
    energy = np.where(stays, instance.stay_energy[rows, machine], instance.energy[rows, machine])
    end = start + duration
    makespan = int(end.max()) if count else 0
    total = float(energy.sum()) + instance.leakage * makespan
    return Schedule(machine, start, end, stays, makespan, total, algorithm, **more)
