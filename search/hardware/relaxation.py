"""Bounds of all designs of a hardware problem, as the compiled kernels take it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ...simulator.variants import NEVER
from ..goals import Goals
from . import duals
from .problem import HardwareProblem
from .space import Design

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

#: Designs kept of one option of the machine before the last.
MOST = 48
#: Options of that machine that are bounded in one call.
ROWS = 512
#: Steps for a design that was left after the first ones.
PATIENCE = 600


class Relaxation:
    """Lower bounds of the value of designs.

    Attributes:
        bounded: designs looked at so far.
    """

    def __init__(self, problem: HardwareProblem, goals: Goals) -> None:
        self.problem, self.goals = problem, goals
        self.bounded = 0
        self._lay_out()
        self.paths = _paths(problem)
        tasks = len(problem.tasks)
        feeds = np.isin(np.arange(tasks), problem.feeder)
        self._tasks = (problem.feeder, feeds, self.paths)
        self._count = int(self.paths.max()) + 1
        self._weights = np.array([goals.weight("energy"), goals.weight("latency")])
        self._specs = np.array([self._longest(), min(goals.spec("energy"), duals.HUGE)])
        total = problem.space.pes_total
        part = problem.options[0].dram_bandwidth if len(problem.options) > 1 else math.inf
        pes = math.inf if total is None else total
        self._room = np.array([pes, part * (1 + 1e-9), goals.spec("area"), *problem.room])

    def _lay_out(self) -> None:
        """Tables of all sub-accelerators one under another, and a last row that runs nothing."""
        starts: dict[int, int] = {}
        parts: list[list[Reals]] = [[], [], [], [], []]
        self.starts: list[int] = []
        rows = 0
        area = self.goals.weight("area")
        for table, options in zip(self.problem.tables, self.problem.options, strict=True):
            if id(table) not in starts:
                starts[id(table)] = rows
                rows += len(table.able)
                arrays = (table.energy, table.duration, table.stay_energy, table.stay_duration)
                for part, array in zip(parts, arrays, strict=False):
                    part.append(np.minimum(array.astype(np.float64), duals.HUGE))
                parts[4].append(
                    np.column_stack(
                        [
                            options.leakage,
                            area * options.area,
                            options.pes.astype(np.float64),
                            options.bandwidth,
                            options.area,
                            options.resources,
                        ]
                    )
                )
            self.starts.append(starts[id(table)])
        self.nothing = rows
        tasks = len(self.problem.tasks)
        tables = [np.vstack([*part, np.full((1, tasks), duals.HUGE)]) for part in parts[:4]]
        self._tables = tuple(np.ascontiguousarray(table) for table in tables)
        self._takes = np.vstack(parts[4])
        self._takes = np.vstack([self._takes, np.zeros((1, self._takes.shape[1]))])
        if len(self.problem.options) == 1:
            self._takes[:, 3] = 0.0

    def _longest(self) -> float:
        """A makespan that no best design exceeds: the spec, or all tasks in turn at their
        slowest."""
        spec = self.goals.spec("latency")
        if math.isfinite(spec):
            return spec
        slowest = np.zeros(len(self.problem.tasks), np.int64)
        for table, options in zip(self.problem.tables, self.problem.options, strict=True):
            taken = np.where(table.duration < NEVER, table.duration, 0)[options.legal]
            slowest = np.maximum(slowest, taken.max(axis=0, initial=0))
        return max(1.0, float(slowest.sum()))

    def survivors(
        self, cutoff: Callable[[], float], late: Callable[[], bool]
    ) -> Iterator[tuple[float, list[tuple[float, Design]]]]:
        """Part by part of the space, designs whose bounds are below the cutoff, by their bounds.

        With each part comes the least bound of designs that found no place in its list, infinite
        where all did. Where time runs out, the last part is empty, and the bound 0.
        """
        problem = self.problem
        rows = [
            start + np.flatnonzero(options.legal)
            for start, options in zip(self.starts, problem.options, strict=True)
        ]
        if len(rows) == 1:
            rows.append(np.array([self.nothing]))
        alike = len(problem.options) > 1 and self.starts[-1] == self.starts[-2]
        for before in itertools.product(*rows[:-2]):
            fixed = np.array(before, np.int64)
            takes = self._takes[fixed].sum(axis=0)
            if (takes[2:] > self._room).any():
                continue
            first = rows[-2]
            for at in range(0, len(first), ROWS):
                if late():
                    yield 0.0, []
                    return
                # Of two that are alike, the second one is not before the first.
                second = rows[-1][at:] if alike else rows[-1]
                yield self._part(fixed, takes, first[at : at + ROWS], second, alike, cutoff())

    def _part(
        self,
        fixed: Integers,
        takes: Reals,
        first: Integers,
        second: Integers,
        ordered: bool,
        cutoff: float,
    ) -> tuple[float, list[tuple[float, Design]]]:
        bounds, chosen, dropped, looked = duals.bound_pairs(
            fixed,
            first,
            second,
            ordered,
            self._tables,
            self._tasks,
            self._count,
            self._takes,
            self._room,
            takes,
            self._weights,
            self._specs,
            cutoff if math.isfinite(cutoff) else duals.HUGE,
            MOST,
        )
        self.bounded += int(looked.sum())
        a, place = np.nonzero(np.isfinite(bounds))
        found = [
            (float(bounds[i, j]), self._design((*fixed, first[i], chosen[i, j])))
            for i, j in zip(a, place, strict=True)
        ]
        return float(dropped.min(initial=math.inf)), sorted(found)

    def _design(self, rows: tuple[int, ...]) -> Design:
        options = tuple(int(row) - start for row, start in zip(rows, self.starts, strict=False))
        return Design(self.problem.chip, options)

    def bound(self, design: Design, cutoff: float) -> float:
        """A lower bound of one design, with patience."""
        rows = [start + o for start, o in zip(self.starts, design.options, strict=True)]
        if len(rows) == 1:
            rows.append(self.nothing)
        takes = self._takes[rows].sum(axis=0)
        machines, tasks = len(rows), len(self.paths)
        size = machines + self._count + 1
        work = (np.empty((tasks, machines)), np.empty((tasks, machines, size)), np.empty(size))
        return float(
            duals.bound(
                np.array(rows, np.int64),
                self._tables,
                self._tasks,
                takes[0],
                takes[1],
                self._weights,
                self._specs,
                cutoff if math.isfinite(cutoff) else duals.HUGE,
                PATIENCE,
                np.zeros(size),
                work,
            )
        )


def _paths(problem: HardwareProblem) -> Integers:
    """(T,) number of the network whose longest path of dependent tasks a task lies on, else -1."""
    found = np.full(len(problem.tasks), -1, np.int64)
    weight = np.min([table.duration.min(axis=0) for table in problem.tables], axis=0)
    before: list[list[int]] = [[] for _ in problem.tasks]
    for a, b in problem.edges.tolist():
        before[b].append(a)
    start = 0
    for number, graph in enumerate(problem.graphs):
        length: dict[int, float] = {}
        origin: dict[int, int] = {}
        for task in range(start, start + len(graph)):
            longest = max(before[task], key=lambda t: length[t], default=-1)
            origin[task] = longest
            length[task] = float(weight[task]) + (length[longest] if longest >= 0 else 0.0)
        task = max(length, key=lambda t: length[t], default=-1)
        while task >= 0:
            found[task], task = number, origin[task]
        start += len(graph)
    return found
