"""A schedule executed: machines keep their sequences, the DRAM is shared by whoever runs.

A plan starts tasks at stated cycles, such that their shares of the DRAM never exceed it. A chip
without a clock for tasks starts each one as soon as its machine is free and its inputs are there.
Then shares may exceed the DRAM; all that use it are slowed alike until they fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .instance import WHOLE, Instance, Integers, Reals, Schedule


@dataclass(frozen=True, eq=False)
class Execution:
    """What happened.

    Attributes:
        start, end: (n,) cycles, not whole where tasks were slowed.
        makespan: cycles, rounded up.
        slowed: cycles that tasks took beyond their durations, over all tasks.
    """

    start: Reals
    end: Reals
    makespan: int
    slowed: float


def execute(instance: Instance, schedule: Schedule, *, hold: bool = False) -> Execution:
    """Run the sequences of a schedule.

    Args:
        hold: whether tasks wait for their planned start; then the plan comes out as it is.
    """
    count, machines = instance.tasks, len(instance.machines)
    rows = np.arange(count)
    kept = schedule.stays
    work = np.where(
        kept,
        instance.stay_duration[rows, schedule.machine],
        instance.duration[rows, schedule.machine],
    ).astype(np.float64)
    share = np.where(
        kept, instance.stay_share[rows, schedule.machine], instance.share[rows, schedule.machine]
    )
    queues = [
        [int(t) for t in np.lexsort((rows, schedule.start)) if schedule.machine[t] == m]
        for m in range(machines)
    ]
    waiting = np.bincount(instance.edges[:, 1], minlength=count)
    after: list[list[int]] = [[] for _ in range(count)]
    for first, second in instance.edges.tolist():
        after[first].append(second)
    earliest = np.maximum(instance.release, schedule.start if hold else 0)
    return _run(queues, work, share, waiting, after, earliest)


def _run(
    queues: list[list[int]],
    work: Reals,
    share: Integers,
    waiting: Integers,
    after: list[list[int]],
    earliest: Integers,
) -> Execution:
    count = len(work)
    left, start, end = work.copy(), np.zeros(count), np.zeros(count)
    heads = [0] * len(queues)
    running: dict[int, int] = {}  # machine -> task
    now = 0.0
    done = 0
    while done < count:
        ready: list[float] = []
        for machine, queue in enumerate(queues):
            if machine in running or heads[machine] == len(queue):
                continue
            task = queue[heads[machine]]
            if waiting[task]:
                continue
            if earliest[task] > now:
                ready.append(float(earliest[task]))
                continue
            running[machine], start[task] = task, now
        asked = sum(int(share[task]) for task in running.values())
        slow = min(1.0, WHOLE / asked) if asked else 1.0
        rates = {task: slow if share[task] else 1.0 for task in running.values()}
        ends = [now + left[task] / rate for task, rate in rates.items()]
        if not ends and not ready:
            raise ValueError("the sequences wait for one another")
        then = min([*ends, *ready])
        for machine, task in list(running.items()):
            left[task] -= (then - now) * rates[task]
            if left[task] <= 1e-9 * work[task]:
                end[task] = then
                done += 1
                del running[machine]
                heads[machine] += 1
                for later in after[task]:
                    waiting[later] -= 1
        now = then
    makespan = float(end.max()) if count else 0.0
    slowed = float((end - start - work).clip(min=0).sum())
    return Execution(start, end, int(np.ceil(makespan - 1e-6)), slowed)
