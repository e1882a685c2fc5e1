"""Schedules that are proven best, by constraint programming (OR-Tools CP-SAT).

Every answer carries a lower bound that the solver proves. Energies are rounded down to whole units
(`options.whole_energies`), so a bound of units bounds pJ; the value itself is the sum of floats.
Makespans are exact. An energy or a product counts as optimal within a relative 1e-9.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..errors import InfeasibleError, OutOfTimeError
from .bounds import Limits, limits, lower_bound
from .check import check
from .cpsat import Model, Solved
from .instance import Goal, Instance, Schedule, schedule_of
from .options import Energies, horizon, whole_energies
from .products import TOLERANCE, Answer, least_product

_ALGORITHM = "exact"
#: Workers at most where none are asked for: more bring little, and each holds a copy of the model.
_WORKERS = 8


def exact(
    instance: Instance,
    goal: Goal = "makespan",
    *,
    latency_bound: float | None = None,
    energy_bound: float | None = None,
    cycle_price: float = 0.0,
    seconds: float = 30.0,
    hint: Schedule | None = None,
    workers: int | None = None,
) -> Schedule:
    """The best schedule, or the best found in `seconds` with what is proven of all others.

    The same for the same number of workers, unless time runs out.

    Args:
        latency_bound: cycles that the makespan may not exceed.
        energy_bound: pJ that the energy may not exceed, leakage included; not with `edp`.
        cycle_price: pJ that a cycle of the makespan costs on top of leakage, where the goal is
            energy. The lower bound holds this price, the schedule's energy does not.
        hint: a schedule to start from. The answer is not worse, where the hint keeps the bound.
        workers: threads; None for one per processor.

    Raises:
        InfeasibleError: no schedule meets the latency bound and the deadlines.
        OutOfTimeError: none was found in time.
        ValueError: a task runs on no machine, or tasks depend on each other.
    """
    if goal == "edp" and (energy_bound is not None or cycle_price):
        raise ValueError("expected no energy bound and no price of a cycle with the goal edp")
    found = _Search(instance, goal, latency_bound, seconds, hint, workers)
    found.budget, found.cycle_price = energy_bound, cycle_price
    return found.run()


def _total(model: Model, energies: Energies) -> Any:
    """Energy on top of the base, in units, leakage included."""
    options = sum(count * model.literal[key] for key, count in energies.counts.items())
    return energies.leakage * model.makespan + options


class _Search:
    def __init__(
        self,
        instance: Instance,
        goal: Goal,
        latency_bound: float | None,
        seconds: float,
        hint: Schedule | None,
        workers: int | None,
    ) -> None:
        self.instance, self.goal = instance, goal
        self.begun = time.perf_counter()
        self.until = self.begun + seconds
        self.workers = workers or min(_WORKERS, os.cpu_count() or 1)
        self.bound = latency_bound
        self.budget: float | None = None
        self.cycle_price = 0.0
        self.longest = horizon(instance)
        if latency_bound is not None:
            self.longest = min(self.longest, math.floor(latency_bound))
        self.limits: Limits = limits(instance)
        self.hint = hint
        legal = hint is not None and not check(instance, hint) and hint.makespan <= self.longest
        self.known = hint if legal else None

    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.until - time.perf_counter())

    def run(self) -> Schedule:
        if self.longest < self.limits.makespan:
            raise self.infeasible()
        if not self.instance.tasks:
            return schedule_of(self.instance, [], [], _ALGORITHM, optimal=True)
        if self.goal == "makespan":
            return self.least_makespan()
        if self.goal == "energy":
            return self.least_energy()
        return self.least_edp()

    def model(self, longest: int, shortest: int, energetic: bool) -> Model:
        model = Model(self.instance, longest, shortest, energetic=energetic)
        if self.hint is not None:
            model.hint(self.hint)
        return model

    def schedule(self, solved: Solved) -> Schedule | None:
        """The schedule found, or the one known before, whichever is better."""
        found = self.known
        if solved.machine is not None:
            new = schedule_of(self.instance, solved.machine, solved.start, _ALGORITHM)
            if found is None or self.value(new) < self.value(found):
                found = new
        if solved.outcome == "infeasible" and found is None:
            raise self.infeasible()
        return found

    def least_makespan(self) -> Schedule:
        longest = min(self.longest, self.known.makespan) if self.known else self.longest
        model = self.model(longest, self.limits.makespan, self.budget is not None)
        self.keep_budget(model)
        solved = model.minimize(model.makespan, self.left(), self.workers)
        return self.answer(self.schedule(solved), float(max(solved.bound, self.limits.makespan)))

    def least_energy(self) -> Schedule:
        priced = self.instance
        if self.cycle_price:
            priced = replace(priced, leakage=priced.leakage + self.cycle_price)
        model = self.model(self.longest, self.limits.makespan, True)
        energies = whole_energies(priced, model.choices, self.longest)
        self.keep_budget(model)
        solved = model.minimize(_total(model, energies), self.left(), self.workers)
        proven = float(energies.energy(solved.bound))
        quick = lower_bound(priced, "energy", self.bound)
        return self.answer(self.schedule(solved), max(proven, quick))

    def keep_budget(self, model: Model) -> None:
        """Bound the energy, rounded down as units are, so that nothing within the bound is lost."""
        if self.budget is None:
            return
        energies = whole_energies(self.instance, model.choices, self.longest)
        units = math.floor((Fraction(self.budget) - energies.base) / energies.unit)
        model.cp.add(_total(model, energies) <= units)

    def value(self, schedule: Schedule) -> float:
        """Of the goal, the price of cycles included."""
        return schedule.value(self.goal) + self.cycle_price * schedule.makespan

    def least_edp(self) -> Schedule:
        low = self.limits.makespan

        def ask(price: float, shortest: int, longest: int) -> Answer:
            model = self.model(longest, shortest, True)
            energies = whole_energies(self.instance, model.choices, longest)
            cycle = math.ceil(Fraction(price) / energies.unit)
            objective = cycle * model.makespan + sum(
                count * model.literal[key] for key, count in energies.counts.items()
            )
            solved = model.minimize(objective, self.left(), self.workers)
            paid = float(cycle * energies.unit)
            if solved.outcome == "infeasible":
                return Answer(math.inf, paid, None)
            found = None
            if solved.machine is not None:
                found = schedule_of(self.instance, solved.machine, solved.start, _ALGORITHM)
            final = solved.outcome == "optimal"
            return Answer(float(energies.energy(solved.bound)), paid, found, final)

        value = self.known.edp if self.known else math.inf
        product = least_product(ask, low, self.longest, self.instance.leakage, value, self.known)
        if product.schedule is None and math.isinf(product.bound):
            raise self.infeasible()
        quick = lower_bound(self.instance, "edp", self.bound, product.value)
        return self.answer(product.schedule, max(product.bound, quick))

    def answer(self, schedule: Schedule | None, bound: float) -> Schedule:
        if schedule is None:
            raise OutOfTimeError(
                f"no schedule was found in {time.perf_counter() - self.begun:.0f} s, and none is "
                f"proven not to exist; allow more time or a longer latency than {self.longest} "
                f"cycles"
            )
        value = self.value(schedule)
        return replace(
            schedule,
            lower_bound=min(bound, value),
            optimal=bound >= value - TOLERANCE * abs(value),
            seconds=time.perf_counter() - self.begun,
        )

    def infeasible(self) -> InfeasibleError:
        """Why there is no schedule, and the shortest there is."""
        if self.budget is not None:
            return InfeasibleError(
                f"no schedule within {self.longest} cycles needs at most {self.budget:g} pJ",
                float(self.longest),
                float(self.limits.makespan),
                "energy and latency together",
            )
        self.until = max(self.until, time.perf_counter() + 1.0)
        whole = horizon(self.instance)
        model = self.model(whole, self.limits.makespan, False)
        solved = model.minimize(model.makespan, self.left(), self.workers)
        if solved.outcome == "infeasible":
            return self.overdue(whole)
        least = max(solved.bound, self.limits.makespan)
        proven = solved.outcome == "optimal"
        asked = self.bound if self.bound is not None else self.longest
        limit = self.limits.words(self.instance)
        if proven and least > self.limits.makespan:
            limit = f"order and exclusion of tasks, together more than each alone: {limit}"
        return InfeasibleError(
            f"no schedule ends within {asked:g} cycles: the shortest takes "
            f"{'' if proven else 'at least '}{least}; it is limited by {limit}",
            asked,
            least,
            limit,
        )

    def overdue(self, whole: int) -> InfeasibleError:
        """Deadlines that cannot all be met: by how much all would have to be later."""
        self.until = max(self.until, time.perf_counter() + 1.0)
        model = Model(self.instance, whole, energetic=False, lateness=True)
        solved = model.minimize(model.late, self.left(), self.workers)
        late = max(1, solved.bound)
        named = int(self.instance.deadline.argmax())
        if solved.machine is not None:
            found = schedule_of(self.instance, solved.machine, solved.start, _ALGORITHM)
            dues = self.instance.deadline >= 0
            named = int((found.end - self.instance.deadline - (~dues) * (2 * whole)).argmax())
        due = int(self.instance.deadline[named])
        proven = "" if solved.outcome == "optimal" else "at least "
        limit = f"the deadlines: all are met only {proven}{late} cycles later"
        name = self.instance.names[named]
        return InfeasibleError(
            f"no schedule meets the deadlines: {name}, due at {due}, and others would have to be "
            f"due {proven}{late} cycles later",
            due,
            due + late,
            limit,
        )
