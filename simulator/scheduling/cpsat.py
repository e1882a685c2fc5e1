"""A scheduling problem as a CP-SAT model.

A task's options (`options.py`) are alternatives. The intervals of a machine's options do not
overlap, nor does the *gap* from the end of a feeder to the start of the task that its tensor stays
for: nothing runs in between, so a tensor that stays in the model also stays by
`instance.schedule_of`.

By that rule the reverse holds as well: a tensor stays wherever it can. The model leaves that open
where staying is no worse (not longer, no larger share where the DRAM can be short, no more energy
where energy counts): `schedule_of` then turns a solution of the model into one that is as good.
Elsewhere a task that does not stay needs one between the feeder and itself.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from .instance import WHOLE, Instance, Integers, Schedule
from .options import MOST_UNITS, Option, crowded, longest_paths, options

#: How many shares `Model` looks for options that exclude each other at.
_SHARES = 12

#: Settings of CP-SAT: searches that are good at different problems.
_SEARCHES: tuple[dict[str, Any], ...] = (
    {"linearization_level": 2},
    {"linearization_level": 2, "optimize_with_lb_tree_search": True},
    {
        "linearization_level": 0,
        "use_hard_precedences_in_cumulative": True,
        "use_strong_propagation_in_disjunctive": True,
        "use_overload_checker_in_cumulative": True,
        "use_dynamic_precedence_in_disjunctive": True,
    },
)
#: Work of a search in the first round, in CP-SAT's deterministic units (some seconds each), and how
#: much more it is in each round that follows.
_FIRST_WORK = 0.1
_MORE_WORK = 3

Outcome = Literal["optimal", "feasible", "infeasible", "unknown"]


@dataclass(frozen=True)
class Solved:
    """What a search found.

    Attributes:
        outcome: `unknown` where time ran out before any solution.
        bound: no solution has a smaller objective.
        value: the objective of the best solution, infinite without one.
        machine, start: (n,) of the best solution, None without one.
    """

    outcome: Outcome
    bound: int
    value: float = math.inf
    machine: Integers | None = None
    start: Integers | None = None


class Model:
    """The CP-SAT model of an instance, without an objective.

    Args:
        longest: makespan that is not exceeded.
        shortest: makespan that is known not to be undercut.
        energetic: whether energy counts for the objective.
        lateness: whether deadlines may be missed, all by the same number of cycles.
    """

    def __init__(
        self,
        instance: Instance,
        longest: int,
        shortest: int = 0,
        *,
        energetic: bool = False,
        lateness: bool = False,
    ) -> None:
        from ortools.sat.python import cp_model

        self.instance = instance
        self.choices = options(instance)
        self.longest = longest
        self.cp = cp_model.CpModel()
        self._infeasible = shortest > longest or longest < 0
        self.makespan = self.cp.new_int_var(0, max(longest, 0), "makespan")
        self.late = self.cp.new_int_var(0, max(longest, 0) if lateness else 0, "late")
        self.cp.add(self.makespan >= shortest)
        self.literal: dict[tuple[int, int, bool], Any] = {}
        self.start: list[Any] = []
        self.end: list[Any] = []
        self._place()
        self._order()
        self._machines()
        if crowded(instance):
            self._dram()
        self._separate(energetic)

    def _all(self) -> Iterator[Option]:
        return (one for of_task in self.choices for one in of_task)

    def on(self, task: int, machine: int) -> Any:
        """Expression: 1 where the task is on the machine."""
        return sum(
            self.literal[key]
            for key in ((task, machine, False), (task, machine, True))
            if key in self.literal
        )

    def _place(self) -> None:
        """One option per task, its end, and the limits of both."""
        instance = self.instance
        for task, of_task in enumerate(self.choices):
            least = min(one.duration for one in of_task)
            release = int(instance.release[task])
            self._infeasible |= release + least > self.longest
            self.start.append(
                self.cp.new_int_var(release, max(release, self.longest - least), f"start{task}")
            )
            self.end.append(
                self.cp.new_int_var(
                    release + least, max(release + least, self.longest), f"end{task}"
                )
            )
            literals = []
            for one in of_task:
                literal = self.cp.new_bool_var(f"{task}on{one.machine}{'stays' * one.stays}")
                self.literal[task, one.machine, one.stays] = literal
                literals.append(literal)
            self.cp.add_exactly_one(literals)
            self.cp.add(
                self.end[task]
                == self.start[task]
                + sum(one.duration * lit for one, lit in zip(of_task, literals, strict=True))
            )
            self.cp.add(self.end[task] <= self.makespan)
            if instance.deadline[task] >= 0:
                due = int(instance.deadline[task])
                self.cp.add(self.end[task] <= due + self.late)

    def _order(self) -> None:
        for before, after in self.instance.edges.tolist():
            self.cp.add(self.start[after] >= self.end[before])

    def _machines(self) -> None:
        """One task at a time; nothing between a feeder and the task that its tensor stays for."""
        occupied: dict[int, list[Any]] = defaultdict(list)
        load: dict[int, list[Any]] = defaultdict(list)
        for one in self._all():
            literal = self.literal[one.task, one.machine, one.stays]
            start = self.start[one.task]
            occupied[one.machine].append(
                self.cp.new_optional_fixed_size_interval_var(start, one.duration, literal, "")
            )
            load[one.machine].append(one.duration * literal)
            if one.stays:
                feeder = int(self.instance.feeder[one.task])
                self.cp.add(self.on(feeder, one.machine) >= literal)
                size = self.cp.new_int_var(0, self.longest, "")
                occupied[one.machine].append(
                    self.cp.new_optional_interval_var(self.end[feeder], size, start, literal, "")
                )
        for machine, intervals in occupied.items():
            self.cp.add_no_overlap(intervals)
            # Implied; it tells the linear relaxation of the machine.
            self.cp.add(sum(load[machine]) <= self.makespan)

    def _dram(self) -> None:
        intervals, demands, volume = [], [], []
        for one in self._all():
            if one.share:
                literal = self.literal[one.task, one.machine, one.stays]
                intervals.append(
                    self.cp.new_optional_fixed_size_interval_var(
                        self.start[one.task], one.duration, literal, ""
                    )
                )
                demands.append(one.share)
                volume.append(one.share * one.duration * literal)
        self.cp.add_cumulative(intervals, demands, WHOLE)
        # Implied: all that is moved, and options of which no two can run at once.
        self.cp.add(sum(volume) <= WHOLE * self.makespan)
        for exclusive in self._exclusive():
            self.cp.add(
                sum(
                    one.duration * self.literal[one.task, one.machine, one.stays]
                    for one in exclusive
                )
                <= self.makespan
            )

    def _exclusive(self) -> list[list[Option]]:
        """Sets of options of which no two can run at once, because of the DRAM too.

        Those of one machine or of one path in the order of tasks that ask for at least some share,
        and all others that ask for more than the rest of it.
        """
        shares = sorted({min(one.share, WHOLE // 2) for one in self._all() if one.share})
        if not shares:
            return []
        least = shares[:: -(-len(shares) // _SHARES)] + shares[-1:]
        alone: list[set[int] | int] = [*range(len(self.instance.machines))]
        alone += [set(path) for path in longest_paths(self.instance)]
        found = {}
        for members in alone:
            for share in least:
                exclusive = [
                    one
                    for one in self._all()
                    if one.share > WHOLE - share
                    or (
                        one.share >= share
                        and (
                            one.task in members
                            if isinstance(members, set)
                            else one.machine == members
                        )
                    )
                ]
                found[tuple(exclusive)] = exclusive
        return list(found.values())

    def _separate(self, energetic: bool) -> None:
        """Where staying can be worse: not staying needs a task in between."""
        short = crowded(self.instance)
        for of_task in self.choices:
            for stay in (one for one in of_task if one.stays):
                plain = next(o for o in of_task if o.machine == stay.machine and not o.stays)
                if (short and stay.share > plain.share) or (
                    energetic and stay.energy > plain.energy
                ):
                    self._require_between(stay)

    def _require_between(self, stay: Option) -> None:
        task, machine = stay.task, stay.machine
        feeder = int(self.instance.feeder[task])
        between = []
        for other in range(self.instance.tasks):
            if other in (task, feeder) or self.instance.duration[other, machine] < 0:
                continue
            chosen = self.cp.new_bool_var("")
            between.append(chosen)
            self.cp.add(self.on(other, machine) == 1).only_enforce_if(chosen)
            self.cp.add(self.start[other] >= self.end[feeder]).only_enforce_if(chosen)
            self.cp.add(self.start[task] >= self.end[other]).only_enforce_if(chosen)
        plain = self.literal[task, machine, False]
        self.cp.add(sum(between) >= plain + self.on(feeder, machine) - 1)

    def hint(self, schedule: Schedule) -> None:
        """Start the search from a schedule."""
        self.cp.clear_hints()  # type: ignore[no-untyped-call]
        for (task, machine, stays), literal in self.literal.items():
            chosen = int(schedule.machine[task]) == machine and bool(schedule.stays[task]) == stays
            self.cp.add_hint(literal, chosen)
        for task in range(self.instance.tasks):
            start, end = int(schedule.start[task]), int(schedule.end[task])
            self.cp.add_hint(self.start[task], start)
            self.cp.add_hint(self.end[task], end)
        self.cp.add_hint(self.makespan, schedule.makespan)

    def minimize(self, objective: Any, seconds: float, workers: int) -> Solved:
        """The best solution found, and what is proven of it.

        The answer does not depend on time or workers, unless time runs out: in rounds, each search
        in `_SEARCHES` gets the same amount of work, and starts from what the last round found.
        """
        if self._infeasible or not self.instance.tasks:
            return Solved("infeasible" if self._infeasible else "optimal", 0)
        self.cp.minimize(objective)
        until = time.perf_counter() + seconds
        best = Solved("unknown", -MOST_UNITS)
        work = _FIRST_WORK
        while best.outcome in ("feasible", "unknown") and (left := until - time.perf_counter()) > 0:
            best, value = self._round(work, left, workers, best)
            if best.outcome == "feasible" and value is not None:
                self.cp.clear_hints()  # type: ignore[no-untyped-call]
                for at, one in enumerate(value):
                    self.cp.add_hint(self.cp.get_int_var_from_proto_index(at), one)
            if best.bound > -MOST_UNITS:
                self.cp.add(objective >= best.bound)
            work *= _MORE_WORK
        return best

    def _round(
        self, work: float, seconds: float, workers: int, best: Solved
    ) -> tuple[Solved, list[int] | None]:
        """Every search once; the first that ends decides, otherwise all that they found is joined.

        Returns:
            The best known, and the values of all variables where this round found it.
        """
        from ortools.sat.python import cp_model

        solvers = []
        for settings in _SEARCHES:
            solver = cp_model.CpSolver()
            solver.parameters.num_workers = 1
            solver.parameters.max_deterministic_time = work
            solver.parameters.catch_sigint_signal = False  # it would not give Python's handler back
            for name, setting in settings.items():
                setattr(solver.parameters, name, setting)
            solvers.append(solver)
        until = time.perf_counter() + seconds

        def run(solver: Any) -> Any:
            solver.parameters.max_time_in_seconds = max(until - time.perf_counter(), 0.01)
            return solver.solve(self.cp)

        values = None
        with ThreadPoolExecutor(workers) as pool:
            running = [pool.submit(run, solver) for solver in solvers]
            for solver, future in zip(solvers, running, strict=True):
                try:
                    status = future.result()
                except BaseException:  # Ctrl-C, for which the pool would wait
                    _stop(solvers, running)
                    raise
                found = self._read(solver, status)
                bound = max(best.bound, found.bound)
                if found.outcome in ("optimal", "infeasible"):
                    _stop(solvers, running)
                    return found, None
                if found.value < best.value:
                    best = found
                    values = [
                        solver.value(self.cp.get_int_var_from_proto_index(at))
                        for at in range(len(self.cp.proto.variables))
                    ]
                best = replace(best, bound=bound)
        if best.value <= best.bound:
            best = replace(best, outcome="optimal")
        return best, values

    def _read(self, solver: Any, status: Any) -> Solved:
        from ortools.sat.python import cp_model

        outcomes: dict[Any, Outcome] = {
            cp_model.OPTIMAL: "optimal",
            cp_model.FEASIBLE: "feasible",
            cp_model.INFEASIBLE: "infeasible",
            cp_model.UNKNOWN: "unknown",
        }
        if status not in outcomes:
            raise RuntimeError(f"CP-SAT refuses the model: {self.cp.validate()}")
        outcome = outcomes[status]
        bound = solver.best_objective_bound
        known = math.isfinite(bound) and bound > -MOST_UNITS
        whole = math.ceil(bound - 1e-6) if known else -MOST_UNITS
        if outcome in ("infeasible", "unknown"):
            return Solved(outcome, whole)
        machine = np.full(self.instance.tasks, -1, dtype=np.int64)
        for (task, on, _), literal in self.literal.items():
            if solver.boolean_value(literal):
                machine[task] = on
        start = np.array([solver.value(one) for one in self.start], dtype=np.int64)
        return Solved(outcome, whole, round(solver.objective_value), machine, start)


def _stop(solvers: Sequence[Any], running: Sequence[Future[Any]]) -> None:
    """End searches, and begin no other."""
    for solver, waiting in zip(solvers, running, strict=True):
        if not waiting.cancel():
            solver.stop_search()
