"""The least energy within a latency bound: heterogeneous assignment.

The problem of Shao, Zhuge, Xue, Sha 2005 ("Efficient assignment and scheduling for heterogeneous
DSP systems"), as NASAIC (Yang et al. 2020) poses it for layers on sub-accelerators. It begins at
both ends. From the least energy, layers move to faster machines, first where a cycle saved costs
the least energy, until the bound is met. From the fastest schedules, layers move to thriftier
machines, first where a cycle more saves the most energy, as long as it stays met. List scheduling
follows every move. A search from the best (`annealing`) moves layers, swaps them, and changes
their order.
"""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from .instance import Instance, Schedule
from .list_scheduler import Candidate, ListScheduler

#: Placements of a task in the search.
EFFORT: Final = 30_000_000

#: Heat and strictness of the searches, each from the best so far.
ROUNDS: Final = ((1.0, 1.0), (0.4, 1.0), (0.2, 3.0))

#: Weights of energy, relative to that of time, of the list schedules to begin with.
WEIGHTS: Final = (0.0, 0.3, 1.0, 3.0, 10.0)

#: Part of the effort that the moves take at most, beside the search.
MOVES: Final = 0.1


def hap(
    instance: Instance,
    latency_bound: float | None = None,
    *,
    effort: int = EFFORT,
    seed: int = 0,
) -> Schedule:
    """A schedule of little energy whose makespan is at most the bound.

    Args:
        latency_bound: cycles; None for the least energy at any makespan.
        effort: placements of a task, about 20 ns each; the time that it takes follows from it.
        seed: of the search. Equal arguments give equal schedules.

    Raises:
        InfeasibleError: no schedule found meets the bound and the deadlines.
        ValueError: the instance is not sound, see `tables.placer`.
    """
    began = time.perf_counter()
    search = _Search(instance, latency_bound)
    best = search.begin(effort)
    if not search.is_least(best):
        best = search.improve(best, effort, seed)
    if best.outcome.late:
        raise search.lists.infeasible(best, latency_bound)
    return search.lists.schedule(best, "hap", "energy", began)


class _Search:
    def __init__(self, instance: Instance, latency_bound: float | None) -> None:
        self.instance = instance
        self.lists = ListScheduler(instance, latency_bound)
        self.least, _, _ = self.lists.placer.thrift()
        self.none = np.zeros(instance.duration.shape)

    def is_least(self, candidate: Candidate) -> bool:
        """Whether no schedule needs less energy."""
        floor = self.least + self.instance.leakage * self.lists.limit.cycles
        return not candidate.outcome.late and candidate.outcome.energy <= floor * (1 + 1e-12)

    def begin(self, effort: int) -> Candidate:
        """The best of what moves make of the least energy and of list schedules."""
        thrifty = list(self.lists.thriftiest())
        best = _best(thrifty)
        if self.is_least(best):
            return best
        trials = int(MOVES * effort) // max(1, self.instance.tasks) // 2
        listed = list(self.lists.candidates(WEIGHTS))
        repaired = self.sped_up(min(thrifty, key=lambda one: one.outcome.late), trials)
        start = _best([*thrifty, *listed, repaired])
        return self.thriftier(start, trials)

    def moves(self, candidate: Candidate) -> tuple[np.ndarray, np.ndarray]:
        """(n, m) cycles and pJ by which tasks grow on other machines than theirs; nan if none."""
        instance = self.instance
        rows = np.arange(instance.tasks)
        able = instance.duration >= 0
        cycles = np.where(able, instance.duration, np.nan)
        energy = np.where(able, instance.energy, np.nan)
        cycles = cycles - cycles[rows, candidate.machine][:, None]
        energy = energy - energy[rows, candidate.machine][:, None]
        cycles[rows, candidate.machine] = np.nan
        return cycles, energy

    def moved(self, candidate: Candidate, task: int, on: int) -> Candidate:
        """List scheduling after a task moved to another machine."""
        machine = candidate.machine.copy()
        machine[task] = on
        return self.lists.inserted(candidate.order, machine, self.none, 1.0, 0.0)

    def sped_up(self, candidate: Candidate, trials: int) -> Candidate:
        """Tasks on faster machines until the schedule is in time, the cheapest cycles first."""
        cycles, energy = self.moves(candidate)
        saved = np.where(cycles < 0, -cycles, np.nan)
        price = np.maximum(energy, 0) / saved
        for task, on in _ascending(price)[:trials]:
            if not candidate.outcome.late:
                break
            other = self.moved(candidate, task, on)
            if other.outcome.late < candidate.outcome.late:
                candidate = other
        return candidate

    def thriftier(self, candidate: Candidate, trials: int) -> Candidate:
        """Tasks on thriftier machines as long as it stays in time, most energy per cycle first."""
        cycles, energy = self.moves(candidate)
        gain = np.where(energy < 0, energy / np.maximum(cycles, 1), np.nan)
        for task, on in _ascending(gain)[:trials]:
            other = self.moved(candidate, task, on)
            if other.better_than(candidate, "energy"):
                candidate = other
        return candidate

    def improve(self, start: Candidate, effort: int, seed: int) -> Candidate:
        """Several searches; where the schedule is late, first one for a shorter one."""
        best, share = start, effort // len(ROUNDS)
        if best.outcome.late:
            best = self.lists.improved(best, "makespan", share, seed)
        for number, (heat, strictness) in enumerate(ROUNDS, 1):
            best = self.lists.improved(best, "energy", share, seed + number, heat, strictness)
        return best


def _best(candidates: list[Candidate]) -> Candidate:
    best = candidates[0]
    for candidate in candidates[1:]:
        if candidate.better_than(best, "energy"):
            best = candidate
    return best


def _ascending(table: np.ndarray) -> list[tuple[int, int]]:
    """Places of a table's numbers, the smallest first, nan left out."""
    places = np.argsort(table, axis=None, kind="stable")[: int((~np.isnan(table)).sum())]
    return [(int(place) // table.shape[1], int(place) % table.shape[1]) for place in places]
