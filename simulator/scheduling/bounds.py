"""Lower bounds on schedules, without a search, for the exact scheduler (`limits`: cheaper ones).

- *Critical path*: no chain of tasks is shorter than its fastest durations, releases included.
- *Load*: for weights of the machines that sum to 1, the makespan is at least the weighted sum of
  their loads, and that is at least what remains where every task takes the option that weighs
  least. The DRAM counts as two machines: one that is loaded by share times duration, and one that
  runs the tasks that ask for more than half of it, one at a time. The weights are sought by
  subgradient ascent; any weights give a bound (Lagrangian relaxation of the assignment).
- *Energy*: the same relaxation, with energies as costs and leakage as the price of a cycle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .instance import WHOLE, Goal, Instance, Reals
from .options import horizon, options, order_of
from .products import Answer, least_product

#: Steps of the ascent.
_STEPS = 200
#: Relative margin for rounding errors of sums in floating point.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Limits:
    """What the makespan of every schedule is limited by, cycles.

    Attributes:
        critical_path: of fastest durations; path: its tasks.
        load: of machines, at the best assignment in fractions of tasks.
        dram: all that has to be moved, at all of the DRAM's bandwidth; or all tasks that ask for
            more than half of it, one at a time.
        joint: machines and DRAM together.
    """

    critical_path: int
    path: tuple[int, ...]
    load: int
    dram: int
    joint: int

    @property
    def makespan(self) -> int:
        """The largest."""
        return max(self.critical_path, self.load, self.dram, self.joint)

    def words(self, instance: Instance) -> str:
        """The one that binds, and the others."""
        first, last = (instance.names[self.path[at]] for at in (0, -1)) if self.path else ("", "")
        of = {
            f"the critical path of {len(self.path)} tasks from {first} to {last}": (
                self.critical_path
            ),
            "the machines' load": self.load,
            "the DRAM's load": self.dram,
        }
        if self.joint > max(of.values()):
            of["the load of machines and DRAM together"] = self.joint
        ranked = sorted(of.items(), key=lambda item: -item[1])
        (what, cycles), rest = ranked[0], ranked[1:]
        others = ", ".join(f"{name} {value}" for name, value in rest)
        return f"{what}, {cycles} cycles ({others})"


class Relaxation:
    """Every task takes one option; loads of machines and DRAM are at most the makespan."""

    def __init__(self, instance: Instance) -> None:
        choices = options(instance)
        every = [one for of_task in choices for one in of_task]
        machines = len(instance.machines)
        self._first = np.cumsum([0, *(len(of_task) for of_task in choices)])[:-1]
        self._load = np.zeros((len(every), machines + 2))
        for row, one in enumerate(every):
            self._load[row, one.machine] = one.duration
            self._load[row, machines] = one.share * one.duration / WHOLE
            self._load[row, machines + 1] = one.duration * (one.share > WHOLE // 2)
        self.energy: Reals = np.array([one.energy for one in every])
        self.machines = machines

    def least(
        self, cost: Reals | float, price: float, low: int, high: int, rows: slice = slice(None)
    ) -> float:
        """Lower bound of cost + price x makespan, for makespans from `low` to `high`.

        Args:
            cost: (options,). rows: machines (the DRAM's two come last) whose loads count.
        """
        load = self._load[:, rows]
        costs = np.broadcast_to(np.asarray(cost, dtype=np.float64), (len(load),))
        if not len(load):
            return price * low
        scale = price + float(np.ptp(costs)) / max(1, low)
        weight = np.full(load.shape[1], scale / load.shape[1])
        # All of the price on one machine, which an ascent that turns around it only comes near to.
        best = max(
            float(np.minimum.reduceat(costs + price * row, self._first).sum()) for row in load.T
        )
        best -= _ROUNDING * (float(np.abs(costs).sum()) + price * float(load.sum()))
        for step in range(_STEPS):
            weighed = costs + load @ weight
            least = np.minimum.reduceat(weighed, self._first)
            slack = price - float(weight.sum())
            makespan = low if slack >= 0 else high
            margin = _ROUNDING * (float(np.abs(least).sum()) + abs(slack) * makespan)
            best = max(best, float(least.sum()) + slack * makespan - margin)
            chosen = weighed == np.repeat(least, np.diff([*self._first, len(load)]))
            share = chosen / np.repeat(
                np.add.reduceat(chosen, self._first), np.diff([*self._first, len(load)])
            )
            over = share @ load - makespan
            size = float(np.linalg.norm(over))
            if not size:
                break
            weight = np.maximum(0.0, weight + scale / (2 + step) * over / size)
            if not np.ptp(costs) and weight.any():
                weight *= price / weight.sum()  # where only the makespan counts, all of it
        return best


def _whole(value: float) -> int:
    return math.ceil(value * (1 - 1e-10))


def limits(instance: Instance) -> Limits:
    """Lower bounds of the makespan."""
    if not instance.tasks:
        return Limits(0, (), 0, 0, 0)
    path, length = _critical(instance)
    relaxed = Relaxation(instance)
    machines = relaxed.machines
    load, dram, joint = (
        _whole(relaxed.least(0.0, 1.0, 0, 0, rows))
        for rows in (slice(machines), slice(machines, None), slice(None))
    )
    return Limits(length, path, load, dram, max(joint, load, dram))


def _critical(instance: Instance) -> tuple[tuple[int, ...], int]:
    fastest = [min(one.duration for one in of_task) for of_task in options(instance)]
    end = {task: int(instance.release[task]) + fastest[task] for task in range(instance.tasks)}
    via = dict.fromkeys(end, -1)
    before: list[list[int]] = [[] for _ in end]
    for first, second in instance.edges.tolist():
        before[second].append(first)
    for task in order_of(instance):
        for first in before[task]:
            if end[first] + fastest[task] > end[task]:
                end[task], via[task] = end[first] + fastest[task], first
    at = max(end, key=end.__getitem__)
    length, path = end[at], []
    while at >= 0:
        path.append(at)
        at = via[at]
    return tuple(path[::-1]), length


def lower_bound(
    instance: Instance, goal: Goal, latency_bound: float | None = None, value: float = math.inf
) -> float:
    """What no schedule of the instance can be better than.

    Args:
        value: of a schedule, for `edp`: of use to prove how near to the best it is.
    """
    low = limits(instance).makespan
    if goal == "makespan" or not instance.tasks:
        return float(low)
    high = horizon(instance)
    if latency_bound is not None:
        high = max(low, min(high, math.floor(latency_bound)))
    relaxed = Relaxation(instance)
    if goal == "energy":
        return relaxed.least(relaxed.energy, instance.leakage, low, high)

    def ask(price: float, shortest: int, longest: int) -> Answer:
        return Answer(relaxed.least(relaxed.energy, price, shortest, longest), price, None)

    return least_product(ask, low, high, instance.leakage, value, rounds=20).bound
