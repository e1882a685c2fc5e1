"""The best hardware for given networks, proven.

1. A short local search finds a design that meets the specs, and so a cutoff.
2. Every design within the totals gets a lower bound (`duals`); those that reach the cutoff are out.
3. The rest, by their bounds, get list schedules, which lower the cutoff; then what is left gets a
   bound by more steps, then an exact schedule (CP-SAT), whose bound is final.

Where no design is known to meet the specs, the same is done first for the least latency (or energy,
or area) within the other specs, with the spec as the cutoff. If nothing is left then, no design
meets them.

Everything is relative to the tables of costs (`catalogue`): the best of their mappings for every
layer, all allocations, all assignments and schedules.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...simulator.errors import InfeasibleError, NoMappingError, OutOfTimeError
from ...simulator.scheduling.exact import exact as exact_schedule
from ...simulator.scheduling.instance import Goal, Schedule
from ..goals import METRICS, Costs, Goals, Metric
from .descent import descend
from .problem import HardwareProblem
from .relaxation import Relaxation
from .space import Design

Reals = npt.NDArray[np.float64]

#: Relative difference in value below which designs count as equal.
TOLERANCE = 1e-9
#: Designs that the local search looks at.
LOOKS = 1500
#: Seconds of one exact schedule at most.
SCHEDULE = 10.0
#: phase, done, of how many
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Answer:
    """What is known of the best hardware.

    Attributes:
        design: the best found that meets the specs; None where there is none.
        costs: of it. value: what was minimised (`Goals.value`).
        lower_bound: no design that meets the specs has a smaller value; infinite where none meets
            them.
        optimal: the value meets the bound. infeasible: no design meets the specs, proven.
        bounded, listed, scheduled: designs that got a bound, list schedules, an exact schedule.
        seconds: that it took.
    """

    design: Design | None
    costs: Costs | None
    value: float
    lower_bound: float
    optimal: bool
    infeasible: bool
    bounded: int
    listed: int
    scheduled: int
    seconds: float

    @property
    def gap(self) -> float:
        """How far the value may be from the best, relatively; infinite where nothing is found."""
        if self.costs is None:
            return 0.0 if self.infeasible else math.inf
        return max(0.0, (self.value - self.lower_bound) / abs(self.value)) if self.value else 0.0


class ExactHardware:
    """Solves one hardware sub-problem.

    Args:
        problem: networks, space and goals.
        seconds: that it may take; then the answer has a gap.
        seed: of the local search. The optimum does not depend on it.
        start: designs to begin with.
        progress: called now and then.
    """

    def __init__(
        self,
        problem: HardwareProblem,
        *,
        seconds: float = 600.0,
        seed: int = 0,
        start: tuple[Design, ...] = (),
        progress: Progress | None = None,
    ) -> None:
        self.problem, self.goals, self.seed, self.start = problem, problem.goals, seed, start
        self.begun = time.perf_counter()
        self.until = self.begun + seconds
        self.progress = progress
        self.best: tuple[tuple[float, float], Design, Costs] | None = None
        self.bounded = self.listed = self.scheduled = 0

    def solve(self, *, feasible_only: bool = False) -> Answer:
        """The best design, or with `feasible_only` any that meets the specs."""
        for design in self.start:
            self._look(design)
        if not (feasible_only and self._feasible()):
            for design, costs in descend(self.problem, seed=self.seed, looks=LOOKS):
                self._take(design, costs)
                self.listed += 1
                if feasible_only and self._feasible():
                    break
        if not self._feasible() and self.goals.specs:
            never = self._unreachable()
            if not self._feasible():
                return self._answer(math.inf if never else 0.0, infeasible=never)
        if feasible_only:
            return self._answer(0.0)
        bound = self._prove(self.goals, self._cutoff, self._schedule)
        return self._answer(bound, infeasible=math.isinf(bound) and self.best is None)

    # -- what is known -----------------------------------------------------------------------
    def _look(self, design: Design) -> Costs | None:
        self.listed += 1
        costs = self.problem.evaluate(design)
        if costs is not None:
            self._take(design, costs)
        return costs

    def _take(self, design: Design, costs: Costs) -> None:
        found = (self.goals.rank(costs), design, costs)
        if self.best is None or found[:2] < self.best[:2]:
            self.best = found

    def _feasible(self) -> bool:
        return self.best is not None and self.goals.met(self.best[2])

    def _cutoff(self) -> float:
        """Value of the best design that meets the specs."""
        return self.best[0][1] if self._feasible() and self.best is not None else math.inf

    def _late(self) -> bool:
        return time.perf_counter() > self.until

    def _answer(self, bound: float, *, infeasible: bool = False) -> Answer:
        best = self.best if self._feasible() else None
        value = math.inf if best is None else best[0][1]
        return Answer(
            None if best is None else best[1],
            None if best is None else best[2],
            value,
            min(bound, value),
            best is not None and bound >= value - TOLERANCE * abs(value),
            infeasible,
            self.bounded,
            self.listed,
            self.scheduled,
            time.perf_counter() - self.begun,
        )

    # -- proofs ------------------------------------------------------------------------------
    def _unreachable(self) -> bool:
        """Look for a design that meets the specs until one is found or proven not to exist.

        One spec becomes what is minimised, and what ends the search.
        """
        metric: Metric = next(m for m in METRICS if m in self.goals.specs)
        goals = minimising(self.goals, metric)
        cutoff = self.goals.spec(metric) * goals.weight(metric) * (1 + TOLERANCE)

        def aim() -> float:
            return -math.inf if self._feasible() else cutoff

        return math.isinf(self._prove(goals, aim, self._decide, any_=True))

    def _prove(
        self,
        goals: Goals,
        aim: Callable[[], float],
        settle: Callable[[Goals, Design], float],
        *,
        any_: bool = False,
    ) -> float:
        """The least bound that stays below the aim, infinite where none does.

        Designs are settled by their bounds, the least first: where time runs out, what is left is
        not far below the best.

        Args:
            any_: any design that meets the specs will do: then part by part of the space.
            aim: values from there on do not matter; it falls as better designs are found.
            settle: a final bound of one design.
        """
        relaxation = Relaxation(self.problem, goals)
        floor = math.inf
        rest: list[tuple[float, Design]] = []
        for least, left in relaxation.survivors(aim, self._late):
            floor = min(floor, least)
            if any_:
                floor = min(floor, self._settled(relaxation, goals, left, aim, settle))
            else:
                rest += left
        floor = min(floor, self._settled(relaxation, goals, sorted(rest), aim, settle))
        self.bounded += relaxation.bounded
        return floor if floor < aim() * (1 - TOLERANCE) else math.inf

    def _settled(
        self,
        relaxation: Relaxation,
        goals: Goals,
        left: list[tuple[float, Design]],
        aim: Callable[[], float],
        settle: Callable[[Goals, Design], float],
    ) -> float:
        """The least bound that stays of some designs, each scheduled as exactly as it takes."""
        later: list[tuple[float, Design]] = []
        floor = math.inf
        for number, (least, design) in enumerate(left):
            if least >= aim():
                break
            if self._late():
                floor = least
                break
            self._look(design)
            self._say("list schedules", number + 1, len(left))
            if least < aim() * (1 - TOLERANCE):
                later.append((max(least, relaxation.bound(design, aim())), design))
        for number, (least, design) in enumerate(sorted(later)):
            if least >= aim() * (1 - TOLERANCE):
                break
            if self._late():
                return min(floor, least)
            self._say("exact schedules", number + 1, len(later))
            floor = min(floor, max(least, settle(goals, design)))
        return floor

    def _decide(self, goals: Goals, design: Design) -> float:
        """Infinite where a design cannot meet the specs: its least energy within the latency."""
        area = self.problem.area(design)
        found = self._exactly(design, "energy", self.goals, 0.0)
        if not isinstance(found, Schedule):
            return found
        self._take(design, Costs(found.makespan, found.energy, area))
        return 0.0

    def _schedule(self, goals: Goals, design: Design) -> float:
        """A bound of a design's value by an exact schedule, which is taken if it is better."""
        joule, cycle = goals.weight("energy"), goals.weight("latency")
        goal: Goal = "energy" if joule > 0 else "makespan"
        area = self.problem.area(design)
        found = self._exactly(design, goal, goals, cycle / joule if joule > 0 else 0.0)
        if not isinstance(found, Schedule):
            return found
        self._take(design, Costs(found.makespan, found.energy, area))
        constant = goals.weight("area") * area
        return constant + (joule if joule > 0 else cycle) * found.lower_bound

    def _exactly(self, design: Design, goal: Goal, goals: Goals, price: float) -> Schedule | float:
        """An exact schedule within the specs; infinity where there is none, 0 where time ran out.

        Args:
            price: pJ of a cycle, where the goal is energy.
        """
        self.scheduled += 1
        limit, budget = goals.spec("latency"), goals.spec("energy")
        try:
            return exact_schedule(
                self.problem.instance(design),
                goal,
                latency_bound=None if math.isinf(limit) else limit,
                energy_bound=None if math.isinf(budget) else budget,
                cycle_price=price,
                seconds=min(SCHEDULE, max(0.1, self.until - time.perf_counter())),
            )
        except (InfeasibleError, NoMappingError):
            return math.inf
        except OutOfTimeError:
            return 0.0

    def _say(self, phase: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(phase, done, total)


def minimising(goals: Goals, metric: Metric) -> Goals:
    """The same, but for a metric that is minimised in place of its spec."""
    others = {name: spec for name, spec in goals.specs.items() if name != metric}
    scales = {metric: goals.spec(metric)} if metric in goals.specs else {}
    return replace(goals, specs=others, weights={metric: 1.0}, scales=scales)


def closest(problem: HardwareProblem, seconds: float) -> list[tuple[Metric, float, float]]:
    """Of every spec that no design meets within the others: metric, spec, and the least value
    that is proven possible within them (a lower bound of it, where time runs out)."""
    found: list[tuple[Metric, float, float]] = []
    specs = problem.goals.specs
    for metric in (m for m in METRICS if m in specs):
        alone = problem.with_goals(minimising(problem.goals, metric))
        answer = ExactHardware(alone, seconds=seconds / len(specs)).solve()
        least = answer.lower_bound / alone.goals.weight(metric)
        if least > specs[metric] * (1 + TOLERANCE) and not answer.infeasible:
            found.append((metric, specs[metric], least))
    return found


def all_designs(problem: HardwareProblem) -> Iterator[Design]:
    """Every allowed design, for brute force."""
    for options in itertools.product(*(range(len(sub)) for sub in problem.space.subs)):
        design = Design(problem.chip, options)
        if problem.allowed(design):
            yield design
