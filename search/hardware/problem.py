"""The hardware sub-problem: given networks, what every design of a space costs.

Every network's layers become tasks, every sub-accelerator of a design a machine
(`simulator.scheduling`). Since sub-accelerators have their own parts of the DRAM, what a task costs
on a machine depends on that machine's option alone: tables over options give the scheduling
problem of any design by picking rows, and list schedules answer thousands of designs a second.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...ext._schedule import Placer
from ...frontend.graph import Layer, LayerGraph
from ...simulator.errors import NoMappingError
from ...simulator.scheduling.costs import edges_of, feeders_of
from ...simulator.scheduling.instance import Instance
from ...simulator.scheduling.placer import NEVER as NO_DEADLINE
from ...simulator.scheduling.tables import neighbours, topological
from ...simulator.variants import NEVER
from ..goals import Costs, Goals
from .options import Options
from .space import Design, HardwareSpace
from .tables import CostTables

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class TaskTable:
    """Costs of T tasks on O options of a sub-accelerator, (O, T) each.

    Attributes:
        duration, energy: cycles and pJ without leakage.
        stay_duration, stay_energy: where the first input stayed on chip; elsewhere as above.
        fits: whether it can stay.
        able: (O,) whether the option runs all tasks.
    """

    duration: Integers
    energy: Reals
    stay_duration: Integers
    stay_energy: Reals
    fits: Bytes
    able: Flags


class HardwareProblem:
    """Networks on a space of designs.

    Args:
        graphs: the networks.
        space: of designs; all of one chip.
        tables: of every sub-accelerator; those with the same options may share one.
        goals: specs and what is minimised.
    """

    def __init__(
        self,
        graphs: Sequence[LayerGraph],
        space: HardwareSpace,
        tables: Sequence[CostTables],
        goals: Goals,
        chip: int = 0,
    ) -> None:
        self.graphs, self.space, self.goals, self.chip = tuple(graphs), space, goals, chip
        self.options: tuple[Options, ...] = tuple(table.options for table in tables)
        self.tasks: tuple[tuple[LayerGraph, Layer], ...] = tuple(
            (graph, layer) for graph in graphs for layer in graph.layers
        )
        self._place()
        built: dict[int, TaskTable] = {}
        for table in tables:
            if id(table) not in built:
                built[id(table)] = self._table(table)
        self.tables = tuple(built[id(table)] for table in tables)

    def _place(self) -> None:
        """Edges between tasks, and the feeder of each."""
        edges: list[tuple[int, int]] = []
        self.feeder = np.full(len(self.tasks), -1, np.int64)
        start = 0
        for graph in self.graphs:
            edges += [(start + a, start + b) for a, b in edges_of(graph)]
            for task, before in feeders_of(graph).items():
                self.feeder[start + task] = start + before
            start += len(graph)
        self.edges = np.array(edges, np.int64).reshape(-1, 2)

    def _table(self, table: CostTables) -> TaskTable:
        costs = [table.costs(layer, graph) for graph, layer in self.tasks]
        options = table.options
        duration = np.stack([cost.cycles for cost in costs], axis=1)
        energy = np.stack([cost.energy for cost in costs], axis=1)
        stay_duration, stay_energy = duration.copy(), energy.copy()
        fits = np.zeros(duration.shape, np.uint8)
        for task, before in enumerate(self.feeder):
            if before >= 0:
                graph, source = self.tasks[before]
                mine, its = costs[task], costs[before]
                for group in options.groups:
                    rows, sub = group.options, group.rates.sub
                    tensor = graph.tensors[source.output]
                    bits = tensor.elements * min(tensor.bits, sub.precision.O)
                    room = np.minimum(its.room_out[rows], mine.room_in[rows])
                    fit = (bits <= room) & mine.resident[rows] & mine.feasible[rows]
                    fit &= its.feasible[rows]
                    stay = rows[fit]
                    saved = np.minimum(bits, its.written[stay])
                    saved = saved * group.rates.write_energy[fit, -1]
                    fits[stay, task] = 1
                    stay_duration[stay, task] = mine.resident_cycles[stay]
                    stay_energy[stay, task] = mine.resident_energy[stay] - saved
        able = options.legal & (duration < NEVER).all(axis=1)
        return TaskTable(duration, energy, stay_duration, stay_energy, fits, able)

    def with_goals(self, goals: Goals) -> HardwareProblem:
        """The same networks and designs under other goals."""
        other = copy.copy(self)
        other.goals = goals
        other.__dict__.pop("room", None)
        return other

    @cached_property
    def room(self) -> Reals:
        """Of every resource of an FPGA, most that a design may take."""
        return self.space.room(self.goals.resources)

    # -- designs -------------------------------------------------------------------------------
    def allowed(self, design: Design) -> bool:
        """Whether all options are legal, and within the totals together."""
        pairs = list(zip(self.options, design.options, strict=True))
        if not all(options.legal[option] for options, option in pairs):
            return False
        total = self.space.pes_total
        if total is not None and sum(int(o.pes[option]) for o, option in pairs) > total:
            return False
        taken = sum(o.resources[option] for o, option in pairs)
        if (taken > self.room).any():
            return False
        if len(pairs) == 1:
            return True
        part = sum(float(o.bandwidth[option]) for o, option in pairs)
        return part <= self.options[0].dram_bandwidth * (1 + 1e-9)

    def area(self, design: Design) -> float:
        """mm²."""
        return sum(
            float(o.area[option]) for o, option in zip(self.options, design.options, strict=True)
        )

    def leakage(self, design: Design) -> float:
        """pJ per cycle."""
        return sum(
            float(o.leakage[option]) for o, option in zip(self.options, design.options, strict=True)
        )

    def instance(self, design: Design) -> Instance:
        """The scheduling problem of a design.

        Raises:
            NoMappingError: a layer runs on no sub-accelerator of it.
        """
        duration, energy, stay_duration, stay_energy, fits = self._columns(design)
        stuck = np.flatnonzero((duration >= NEVER).all(axis=1))
        if len(stuck):
            graph, layer = self.tasks[stuck[0]]
            raise NoMappingError(f"{graph.name}: layer {layer.name} fits no sub-accelerator")
        unable = duration >= NEVER
        count = len(self.tasks)
        none = np.zeros(duration.shape, np.int64)
        return Instance(
            tuple(f"{graph.name}: {layer.name}" for graph, layer in self.tasks),
            tuple(sub.name for sub in self.space.subs),
            np.where(unable, -1, duration),
            np.where(unable, np.nan, energy),
            none,
            self.feeder,
            fits.astype(np.bool_),
            np.where(unable, -1, stay_duration),
            np.where(unable, np.nan, stay_energy),
            none,
            self.edges,
            np.zeros(count, np.int64),
            np.full(count, -1, np.int64),
            np.zeros(count, np.int64),
            self.leakage(design),
        )

    def _columns(self, design: Design) -> tuple[Integers, Reals, Integers, Reals, Bytes]:
        """(T, m) of a design's machines."""
        names = ("duration", "energy", "stay_duration", "stay_energy", "fits")
        found = (
            np.stack(
                [
                    getattr(table, name)[option]
                    for table, option in zip(self.tables, design.options, strict=True)
                ],
                axis=1,
            )
            for name in names
        )
        duration, energy, stay_duration, stay_energy, fits = found
        return duration, energy, stay_duration, stay_energy, fits

    @cached_property
    def _skeleton(self) -> _Skeleton:
        return _Skeleton.of(len(self.tasks), self.edges, self.feeder)

    def evaluate(self, design: Design) -> Costs | None:
        """Costs of a design with the best of a few list schedules; None where it is not allowed,
        or where a layer fits no sub-accelerator."""
        if not self.allowed(design):
            return None
        columns = self._columns(design)
        if (columns[0] >= NEVER).all(axis=1).any():
            return None
        cycles, energy = self._skeleton.schedule(columns, self.leakage(design), self.goals)
        return Costs(cycles, energy, self.area(design))


@dataclass(frozen=True, eq=False)
class _Skeleton:
    """What the schedules of all designs have in common, as the kernel takes it."""

    feeder: Integers
    needs_from: Integers
    needs: Integers
    feeds_from: Integers
    feeds: Integers
    zeros: Integers
    never: Integers
    anywhere: Integers
    topological: Integers
    base: Reals

    @staticmethod
    def of(count: int, edges: Integers, feeder: Integers) -> _Skeleton:
        zeros = np.zeros(count, np.int64)
        return _Skeleton(
            feeder,
            *neighbours(count, edges[:, 1], edges[:, 0]),
            *neighbours(count, edges[:, 0], edges[:, 1]),
            zeros,
            np.full(count, NO_DEADLINE, np.int64),
            np.full(count, -1, np.int64),
            topological(count, edges),
            np.zeros(count),
        )

    def schedule(
        self,
        columns: tuple[Integers, Reals, Integers, Reals, Bytes],
        leakage: float,
        goals: Goals,
    ) -> tuple[int, float]:
        """Makespan and energy of the best list schedule; columns (T, m)."""
        duration, energy, stay_duration, stay_energy, fits = columns
        unable = duration >= NEVER
        if unable.any():
            duration = np.where(unable, -1, duration)
            energy = np.where(unable, np.nan, energy)
        none = np.zeros(duration.shape, np.int64)
        placer = Placer(
            duration, stay_duration, none, none, energy, stay_energy, fits, self.feeder,
            self.needs_from, self.needs, self.feeds_from, self.feeds, self.zeros, self.never,
            self.zeros, self.topological, leakage,
        )  # fmt: skip
        able = np.where(unable, 0, duration)
        ranks = placer.ranks(able.sum(axis=1) / (~unable).sum(axis=1), self.base)
        order = placer.arrange(ranks, np.zeros(len(ranks), np.uint8))
        assert order is not None  # nothing is joined, so nothing is in the way
        least = np.where(unable, np.inf, energy).min(axis=1).sum()
        longest = max(1.0, float(able.max(axis=1).sum()) / duration.shape[1])
        bias = np.zeros(duration.shape)
        found: list[tuple[int, float]] = []
        for weight in WEIGHTS:
            machine, start = placer.place(
                order, self.anywhere, bias, 1 / longest, weight / max(least, 1e-12)
            )
            sequence = np.lexsort((self.zeros, start))
            _, cycles, spent, _ = placer.sequence(sequence, machine)
            found.append((cycles, spent))
        _, machine, joined = placer.thrift()
        whole = placer.arrange(ranks, joined.astype(np.uint8))
        if whole is not None:
            _, cycles, spent, _ = placer.sequence(whole, machine)
            found.append((cycles, spent))
        return min(found, key=lambda one: goals.rank(Costs(one[0], one[1], 0.0)))


#: Of energy, relative to that of time, in the list schedules of a design.
WEIGHTS = (0.0, 0.3, 1.0, 3.0)
