"""The best schedule of a small instance, by trying all.

A schedule is built by taking the tasks in some order and giving each a machine, where it is
*appended*: it starts as early as the end of the machine's tasks so far, the ends of what it depends
on, its release and the DRAM's shares allow. All orders with all assignments contain an optimum of
every goal that an earlier end never makes worse (makespan, deadlines, energy with leakage, EDP):

Take any legal schedule S and its tasks in the order of their starts. Appending them in this order
on the machines of S gives the same sequence on each machine, so the same tensors stay, and
durations, shares and energies are those of S. By induction no task starts later than in S: say all
tasks before j start no later. What j waits for has ended by j's start in S. And whichever of them
still runs at a time t at or after j's start in S began before and runs at t in S too, so the
shares in use at t are at most those of S, in which j had room. Hence delaying a task never helps
other than by an order in which it comes later.

Also, only orders are needed in which starts do not fall: where appending in the order of S's starts
gives other starts, take the order of those, and so on. The sum of the starts falls each time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from chiploom.simulator.scheduling.instance import WHOLE, Goal, Instance, Schedule, schedule_of


@dataclass
class _Search:
    instance: Instance
    goal: Goal
    bound: float
    machine: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    share: list[int] = field(default_factory=list)
    best: float = math.inf
    found: tuple[list[int], list[int]] | None = None
    visited: int = 0

    def __post_init__(self) -> None:
        count = self.instance.tasks
        self.machine, self.start, self.end = [-1] * count, [0] * count, [0] * count
        self.share = [0] * count
        self.needs = [
            [int(a) for a, b in self.instance.edges if b == task] for task in range(count)
        ]
        able = self.instance.duration >= 0
        self.least = [
            min(
                float(min(self.instance.energy[t, m], self.instance.stay_energy[t, m]))
                if self.instance.fits[t, m]
                else float(self.instance.energy[t, m])
                for m in range(len(self.instance.machines))
                if able[t, m]
            )
            for t in range(count)
        ]

    def value(self, makespan: int, energy: float) -> float:
        total = energy + self.instance.leakage * makespan
        return {"makespan": float(makespan), "energy": total, "edp": total * makespan}[self.goal]

    def earliest(self, task: int, ready: int, takes: int, share: int) -> int:
        """Start at `ready` or later at which the shares suffice."""
        running = [t for t in range(self.instance.tasks) if self.machine[t] >= 0]
        for at in sorted({ready, *(self.end[t] for t in running if self.end[t] > ready)}):
            moments = [at, *(self.start[t] for t in running if at < self.start[t] < at + takes)]
            if all(
                share + sum(self.share[t] for t in running if self.start[t] <= now < self.end[t])
                <= WHOLE
                for now in moments
            ):
                return at
        raise AssertionError("behind the last end there is room")

    def visit(self, left: int, last: list[int], latest: tuple[int, int], energy: float) -> None:
        """Append every task that may come next, on every machine that can.

        Args:
            left: tasks to place; last: task of each machine, -1 none.
            latest: start and number of the task placed last.
            energy: of the tasks placed, pJ.
        """
        self.visited += 1
        instance = self.instance
        rest = sum(e for t, e in enumerate(self.least) if self.machine[t] < 0)
        makespan = max((e for t, e in enumerate(self.end) if self.machine[t] >= 0), default=0)
        value = self.value(makespan, energy + rest)
        if value >= self.best:
            return
        if not left:
            self.best, self.found = value, (list(self.machine), list(self.start))
            return
        for task in range(instance.tasks):
            if self.machine[task] >= 0 or any(self.machine[t] < 0 for t in self.needs[task]):
                continue
            for on in range(len(instance.machines)):
                if instance.duration[task, on] < 0:
                    continue
                before = last[on]
                stays = (
                    before >= 0
                    and instance.feeder[task] == before
                    and bool(instance.fits[task, on])
                )
                takes = int((instance.stay_duration if stays else instance.duration)[task, on])
                share = int((instance.stay_share if stays else instance.share)[task, on])
                more = float((instance.stay_energy if stays else instance.energy)[task, on])
                ready = max(
                    int(instance.release[task]),
                    self.end[before] if before >= 0 else 0,
                    *(self.end[t] for t in self.needs[task]),
                    0,
                )
                at = self.earliest(task, ready, takes, share)
                deadline = int(instance.deadline[task])
                due = min(self.bound, deadline if deadline >= 0 else math.inf)
                if (at, task) < latest or at + takes > due:
                    continue
                self.machine[task], self.start[task], self.end[task] = on, at, at + takes
                self.share[task] = share
                last[on] = task
                self.visit(left - 1, last, (at, task), energy + more)
                last[on] = before
                self.machine[task] = -1


def best_schedule(
    instance: Instance, goal: Goal, latency_bound: float = math.inf
) -> Schedule | None:
    """An optimal schedule, None where no schedule meets the bound and the deadlines.

    Energies of schedules have to be positive in total. Bounded for tasks that are not placed by
    the least that each takes, so it ends sooner where few schedules are good.
    """
    search = _Search(instance, goal, latency_bound)
    search.visit(instance.tasks, [-1] * len(instance.machines), (-1, -1), 0.0)
    if search.found is None:
        return None
    return schedule_of(instance, *search.found, "brute force", optimal=True)
