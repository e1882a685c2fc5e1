"""List scheduling: tasks by rank, each where it ends first or costs least.

The tasks are taken in the order of a rank and inserted on the machine with the least score. Several
ranks and scores are tried: upward ranks of HEFT (Topcuoglu, Hariri, Wu 2002) with mean and with
shortest durations, and the outlook of PEFT (Arabnejad, Barbosa 2014), each with and without
consumers right behind the producers whose output may stay on chip. The best is then improved by a
short search (`annealing`). Scores weigh cycles against energy as the goal does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ...ext._schedule import Placer
from .instance import Goal, InfeasibleError, Instance, Integers, Schedule, schedule_of
from .limits import end_limit, lower_bound, makespan_limit
from .placer import NEVER, Outcome
from .tables import due_dates, placer

#: Placements of a task in the search after list scheduling.
EFFORT: Final = 180_000

_GOALS: Final[dict[Goal, int]] = {"makespan": 0, "energy": 1, "edp": 2}

#: Weights of energy in the score, relative to that of time, by goal.
_WEIGHTS: Final[dict[Goal, tuple[float, ...]]] = {
    "makespan": (0.0,),
    "energy": (0.3, 3.0),
    "edp": (0.0, 1.0, 3.0),
}


@dataclass(frozen=True, eq=False)
class Candidate:
    """An order, machines, and what appending the tasks so comes to."""

    order: Integers
    machine: Integers
    outcome: Outcome

    def better_than(self, other: Candidate, goal: Goal) -> bool:
        """Less late or, as late, of a smaller value; of the same value, over or cheaper earlier."""
        return self._key(goal) < other._key(goal)

    def _key(self, goal: Goal) -> tuple[float, ...]:
        outcome = self.outcome
        return outcome.late, outcome.value(goal), outcome.makespan, outcome.energy


class ListScheduler:
    """Schedules of an instance by lists, and their improvement.

    Args:
        latency_bound: cycles by which all has to end; None for no bound.
    """

    def __init__(self, instance: Instance, latency_bound: float | None = None) -> None:
        self.instance = instance
        self.due = due_dates(instance, latency_bound)
        self.placer: Placer = placer(instance, self.due)
        able = instance.duration >= 0
        cycles = np.where(able, instance.duration, 0)
        self._mean = cycles.sum(axis=1) / np.maximum(able.sum(axis=1), 1)
        least = np.where(able, instance.duration, NEVER).min(axis=1, initial=NEVER)
        self._least = least.astype(np.float64)
        self._outlook = self.placer.outlook()
        self.limit = makespan_limit(instance, self.placer)

    def candidate(self, order: Integers, machine: Integers) -> Candidate:
        """What appending in an order comes to."""
        _, makespan, energy, late = self.placer.sequence(order, machine)
        return Candidate(order, machine, Outcome(makespan, energy, late))

    def inserted(
        self, order: Integers, fixed: Integers, bias: np.ndarray, per_cycle: float, per_joule: float
    ) -> Candidate:
        """List scheduling with an order; the order of the result is that of the starts.

        Appending in that order starts no task later, see `placer`.
        """
        machine, start = self.placer.place(order, fixed, bias, per_cycle, per_joule)
        return self.candidate(np.lexsort((np.arange(len(start)), start)), machine)

    def orders(self) -> Iterator[Integers]:
        """Orders by several ranks, tasks with close due dates first."""
        instance = self.instance
        dated = self.due < NEVER
        # Without a due date, a task is as urgent as one that is due when all others are.
        horizon = np.where(dated, self.due, self.due[dated].max() if dated.any() else 0)
        base = (horizon.max(initial=0) - horizon).astype(np.float64)
        may_stay = np.any(instance.fits & (instance.feeder >= 0)[:, None], axis=1)
        ranks = [
            self.placer.ranks(self._mean, base),
            self.placer.ranks(self._least, base),
            self._outlook.mean(axis=1) + self._mean + base,
        ]
        for joined in (np.zeros(instance.tasks, np.uint8), np.asarray(may_stay, np.uint8)):
            for rank in ranks:
                order = self.placer.arrange(rank, joined)
                if order is not None:
                    yield order

    def candidates(self, weights: tuple[float, ...]) -> Iterator[Candidate]:
        """List schedules with every order, every weight of energy, with and without outlook."""
        instance = self.instance
        able = instance.duration >= 0
        anywhere = np.full(instance.tasks, -1)
        energy = np.where(able, instance.energy, np.inf).min(axis=1, initial=np.inf)
        per_cycle = 1 / max(1.0, float(self.limit.cycles))
        whole = float(energy.sum())
        per_joule = 1 / whole if whole > 0 else 0.0
        for order in self.orders():
            for bias in (np.zeros_like(self._outlook), self._outlook):
                for weight in weights:
                    yield self.inserted(order, anywhere, bias, per_cycle, weight * per_joule)

    def thriftiest(self) -> Iterator[Candidate]:
        """The least energy but for leakage: machines that need least, with what stays kept so."""
        _, machine, joined = self.placer.thrift()
        for rank in (self._mean, self._least):
            ranks = self.placer.ranks(rank, np.zeros(len(rank)))
            order = self.placer.arrange(ranks, joined.astype(np.uint8))
            if order is not None:
                yield self.candidate(order, machine)

    def improved(
        self,
        start: Candidate,
        goal: Goal,
        effort: int,
        seed: int,
        heat: float = 0.2,
        strictness: float = 3.0,
    ) -> Candidate:
        """The better of a schedule and what a search from it finds.

        Args:
            effort: placements of a task, of which every step takes one per task.
            heat: growth of the value taken at first with probability 1/e, as a multiple of what one
                of the tasks contributes on average.
            strictness: a late cycle costs this many times what one of the makespan does on average.
        """
        if self.instance.tasks == 0 or effort < self.instance.tasks:
            return start
        steps = effort // self.instance.tasks
        hot = heat / self.instance.tasks
        penalty = strictness * abs(start.outcome.value(goal)) / max(1, start.outcome.makespan)
        found = self.placer.improve(
            start.order, start.machine, _GOALS[goal], penalty, hot, hot / 50, steps, seed
        )
        candidate = self.candidate(*found)
        return candidate if candidate.better_than(start, goal) else start

    def schedule(self, best: Candidate, algorithm: str, goal: Goal, began: float) -> Schedule:
        """As the result, with the bound on the goal that is known.

        Args:
            began: `time.perf_counter` at the beginning.
        """
        start, *_ = self.placer.sequence(best.order, best.machine)
        result = schedule_of(self.instance, best.machine, start, algorithm)
        bound = lower_bound(self.instance, self.placer, goal, self.limit)
        return replace(
            result,
            lower_bound=bound,
            # Sums of energies in different orders differ in their last bits.
            optimal=result.value(goal) <= bound * (1 + 1e-12),
            seconds=time.perf_counter() - began,
        )

    def infeasible(self, best: Candidate, latency_bound: float | None) -> InfeasibleError:
        """That the least late schedule found is late, and what is known of all others.

        Where the latency bound holds, it is about the deadline that is missed most.
        """
        if latency_bound is not None and best.outcome.makespan > latency_bound:
            found, asked, limit = best.outcome.makespan, float(latency_bound), self.limit
            what, shortest = f"the latency bound of {latency_bound:g} cycles", "makespan"
        else:
            start, *_ = self.placer.sequence(best.order, best.machine)
            ends = schedule_of(self.instance, best.machine, start, "").end
            task = int(np.argmax(ends - self.due))
            found, asked = int(ends[task]), float(self.due[task])
            limit = end_limit(self.instance, task)
            what = f"the deadline of {self.instance.names[task]}, cycle {asked:g}"
            shortest = "end"
        proven = limit.cycles > asked
        return InfeasibleError(
            f"{'no schedule meets' if proven else 'found no schedule that meets'} {what}: the "
            f"earliest {shortest} found is at {found}, none is before {limit.cycles} "
            f"({limit.reason})",
            asked,
            float(limit.cycles),
            limit.reason,
        )


def list_schedule(
    instance: Instance, goal: Goal = "makespan", *, effort: int = EFFORT, seed: int = 0
) -> Schedule:
    """A schedule of a small value of the goal, in milliseconds.

    Args:
        effort: placements of a task in the search that follows list scheduling, 0 for none.
        seed: of that search. Equal arguments give equal schedules.

    Raises:
        InfeasibleError: no schedule found meets the deadlines.
        ValueError: the instance is not sound, see `tables.placer`.
    """
    began = time.perf_counter()
    lists = ListScheduler(instance)
    candidates = [*lists.thriftiest(), *lists.candidates(_WEIGHTS[goal])]
    best = candidates[0]
    for candidate in candidates[1:]:
        if candidate.better_than(best, goal):
            best = candidate
    best = lists.improved(best, goal, effort, seed)
    if best.outcome.late:
        raise lists.infeasible(best, None)
    return lists.schedule(best, "list", goal, began)
