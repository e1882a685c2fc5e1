"""What a schedule chooses from: the options of every task, their energies, and paths of tasks.

An *option* is a task on a machine, its feeder's output staying there or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import networkx as nx
import numpy as np

from .instance import WHOLE, Instance


@dataclass(frozen=True)
class Option:
    """A task on a machine, its feeder's output staying there or not."""

    task: int
    machine: int
    stays: bool
    duration: int
    energy: float
    share: int


def options(instance: Instance) -> list[list[Option]]:
    """The options of every task.

    Raises:
        ValueError: a task runs on no machine.
    """
    found: list[list[Option]] = []
    for task in range(instance.tasks):
        feeder = int(instance.feeder[task])
        of_task: list[Option] = []
        for machine in np.flatnonzero(instance.duration[task] >= 0).tolist():
            at = (task, machine)
            of_task.append(
                Option(
                    *at,
                    False,
                    int(instance.duration[at]),
                    float(instance.energy[at]),
                    int(instance.share[at]),
                )
            )
            if feeder >= 0 and instance.fits[at] and instance.duration[feeder, machine] >= 0:
                of_task.append(
                    Option(
                        *at,
                        True,
                        int(instance.stay_duration[at]),
                        float(instance.stay_energy[at]),
                        int(instance.stay_share[at]),
                    )
                )
        if not of_task:
            raise ValueError(f"{instance.names[task]} runs on none of the machines")
        found.append(of_task)
    return found


def crowded(instance: Instance) -> bool:
    """Whether tasks that run at once can ask for more than all of the DRAM's bandwidth."""
    runs = instance.duration >= 0
    asks = np.where(runs, np.maximum(instance.share, instance.stay_share), 0)
    return bool(instance.tasks and asks.max(axis=0).sum() > WHOLE)


def horizon(instance: Instance) -> int:
    """A makespan that some best schedule of any goal does not exceed.

    Moved to the left as far as its order allows, a schedule has no idle time after the last
    release.
    """
    if not instance.tasks:
        return 0
    return int(instance.release.max()) + int(instance.duration.max(axis=1).sum())


def order_of(instance: Instance) -> list[int]:
    """The tasks, each after what it depends on.

    Raises:
        ValueError: some depend on each other.
    """
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(instance.tasks))
    graph.add_edges_from(instance.edges.tolist())
    try:
        return list(nx.topological_sort(graph))
    except nx.NetworkXUnfeasible as cycle:
        raise ValueError("some tasks depend on each other") from cycle


def longest_paths(instance: Instance) -> list[list[int]]:
    """Paths in the order of tasks, the longest first, each task on one of them at most.

    Lengths are sums of fastest durations.
    """
    before: list[list[int]] = [[] for _ in range(instance.tasks)]
    for first, second in instance.edges.tolist():
        before[second].append(first)
    order = order_of(instance)
    fastest = [min(one.duration for one in of_task) for of_task in options(instance)]
    left = set(order)
    paths: list[list[int]] = []
    while left:
        length: dict[int, int] = {}
        via: dict[int, int] = {}
        for task in order:
            if task in left:
                best = max(
                    (one for one in before[task] if one in left), key=length.__getitem__, default=-1
                )
                length[task] = fastest[task] + length.get(best, 0)
                via[task] = best
        at = max(length, key=length.__getitem__)
        path = []
        while at >= 0:
            path.append(at)
            at = via[at]
        left.difference_update(path)
        paths.append(path[::-1])
    return paths


@dataclass(frozen=True)
class Energies:
    """Energies in whole units, rounded down, so that what bounds them bounds the true ones.

    Attributes:
        unit: pJ.
        base: pJ, of the cheapest option of every task. `counts` holds what an option takes on top.
        counts: per option, units.
        leakage: units per cycle.
    """

    unit: Fraction
    base: Fraction
    counts: dict[tuple[int, int, bool], int]
    leakage: int

    def energy(self, count: int) -> Fraction:
        """pJ of that many units on top of the base."""
        return self.base + count * self.unit


#: Whole units that the spread of energies is divided into: a rounding error of 1e-12 per task.
_UNITS = 1 << 40
#: The most units that numbers in the solver's 53 bit floats leave room for.
MOST_UNITS = 1 << 50


def whole_energies(instance: Instance, choices: list[list[Option]], longest: int) -> Energies:
    """Energies of schedules of at most `longest` cycles in whole units.

    Leakage is a whole number of units per cycle, exactly, unless it is below 1e-8 of the energy.
    """
    least = [min(Fraction(one.energy) for one in of_task) for of_task in choices]
    most = [max(Fraction(one.energy) for one in of_task) for of_task in choices]
    leakage = Fraction(instance.leakage)
    spread = sum(most, Fraction()) - sum(least, Fraction()) + leakage * longest
    unit, per_cycle = (spread / _UNITS if spread else Fraction(1)), 0
    if leakage:
        steps = max(1, math.floor(leakage / unit))
        if spread * steps <= leakage * MOST_UNITS:
            unit, per_cycle = leakage / steps, steps
    counts = {
        (one.task, one.machine, one.stays): math.floor((Fraction(one.energy) - low) / unit)
        for of_task, low in zip(choices, least, strict=True)
        for one in of_task
    }
    return Energies(unit, sum(least, Fraction()), counts, per_cycle)
