"""Networks on an accelerator as a scheduling problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from ...dataflows.accelerator import Accelerator
from ...frontend.errors import InputError
from ...frontend.graph import ComputeLayer, Layer, LayerGraph
from ...frontend.nest import LoopNest, OperandBits
from ..cache import MappingCache
from ..errors import NoMappingError
from ..layers import (
    LayerCost,
    compute_cost,
    leakage_per_cycle,
    problem_of,
    tensor_bits,
)
from ..mapper import EffortName
from ..problem import Problem
from ..result import Fidelity, Objective
from ..streamed import streamed_cost
from ..threads import completed
from .instance import WHOLE, Instance

#: Cycles of one layer: at 1 GHz 13 days. A thousand of them still are a 64-bit number.
_LONGEST: Final = 2**50

#: done, total, name of the layer just finished
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Work:
    """A network and how it is to run.

    Attributes:
        graph: the network.
        frames: how often it runs; the frames do not depend on one another.
        period: cycles from one frame's release to the next one's; 0 releases all at once.
        priority: larger goes first where a heuristic has a choice.
        deadline: cycles from a frame's release by which it has to end, None for none.
    """

    graph: LayerGraph
    frames: int = 1
    period: int = 0
    priority: int = 0
    deadline: int | None = None

    def __post_init__(self) -> None:
        if self.frames < 1 or self.period < 0 or (self.deadline is not None and self.deadline < 1):
            raise ValueError(
                f"{self.graph.name}: expected at least 1 frame, a period of at least 0 and a "
                f"deadline of at least 1 cycle; found {self.frames}, {self.period}, {self.deadline}"
            )


@dataclass(frozen=True, eq=False)
class System:
    """A scheduling problem and where its numbers came from.

    Attributes:
        instance: tasks are frame by frame, layer by layer of each network in turn.
        works: the networks.
        tasks: of every task its work, frame and layer (as numbers).
        costs: per work and layer, the cost on each sub-accelerator, None where it cannot run.
    """

    instance: Instance
    accelerator: Accelerator
    works: tuple[Work, ...]
    tasks: tuple[tuple[int, int, int], ...]
    costs: tuple[tuple[tuple[LayerCost | None, ...], ...], ...]

    def layer(self, task: int) -> Layer:
        """The layer that a task executes."""
        work, _, layer = self.tasks[task]
        return self.works[work].graph.layers[layer]

    def cost(self, task: int, machine: int, *, stays: bool = False) -> LayerCost:
        """Of a task on a machine that can run it, its input there already if it `stays`."""
        work, _, layer = self.tasks[task]
        found = self.costs[work][layer][machine]
        if stays and found is not None:
            found = found.resident
        assert found is not None
        return found

    def dram_rate(self, task: int, machine: int, *, stays: bool) -> float:
        """Bits per cycle to and from the DRAM while a task runs, on average."""
        cost = self.cost(task, machine, stays=stays)
        dram = cost.sub.dram.name
        bits = sum(b for (name, _, _), b in cost.traffic.items() if name == dram)
        return bits / max(1, cost.cycles)


def system_of(
    works: Sequence[Work],
    accelerator: Accelerator,
    *,
    objective: Objective = "edp",
    fidelity: Fidelity = "analytic",
    effort: EffortName = "normal",
    cache: MappingCache | None = None,
    progress: Progress | None = None,
) -> System:
    """Map every distinct layer on every sub-accelerator, and state what a scheduler needs.

    Raises:
        NoMappingError: a layer fits no sub-accelerator.
    """
    cache = MappingCache() if cache is None else cache
    mapped = map_all(
        [work.graph for work in works],
        accelerator,
        objective,
        fidelity,
        effort,
        cache,
        progress,
        keeping=True,
    )
    costs = tuple(
        tuple(
            layer_costs(layer, work.graph, accelerator, mapped, objective)
            for layer in work.graph.layers
        )
        for work in works
    )
    return _system(tuple(works), accelerator, costs)


#: What tells one mapping problem of a run from another.
Key = tuple[LoopNest, OperandBits, int, str, str]
Costs = dict[Key, LayerCost | NoMappingError]


def map_all(
    networks: Sequence[LayerGraph],
    accelerator: Accelerator,
    objective: Objective,
    fidelity: Fidelity,
    effort: EffortName,
    cache: MappingCache,
    progress: Progress | None,
    *,
    keeping: bool = False,
) -> Costs:
    """Every distinct (loop nest, widths, sub-accelerator, mode), mapped once, on all cores."""
    names: dict[Key, tuple[Problem, str]] = {}
    for graph in networks:
        for layer in graph.compute_layers:
            for sub in accelerator.sub_accelerators:
                for way in sub.ways(layer.nest):
                    problem = problem_of(layer, way, accelerator)
                    names.setdefault(_key(problem), (problem, layer.name))
    costs: Costs = {}
    keys = list(names)
    tasks = [
        partial(_attempt, names[key][0], objective, fidelity, effort, cache, keeping)
        for key in keys
    ]
    try:
        for done, (number, cost) in enumerate(completed(tasks), start=1):
            costs[keys[number]] = cost
            if progress is not None:
                progress(done, len(tasks), names[keys[number]][1])
    finally:
        cache.flush()
    return costs


def _key(problem: Problem) -> Key:
    return (problem.nest, problem.bits, problem.psum_bits, problem.sub.name, problem.sub.mode)


def _attempt(
    problem: Problem,
    objective: Objective,
    fidelity: Fidelity,
    effort: EffortName,
    cache: MappingCache,
    keeping: bool,
) -> LayerCost | NoMappingError:
    try:
        return compute_cost(problem, objective, fidelity, effort, cache, keeping=keeping)
    except NoMappingError as error:
        return error  # another sub-accelerator may take the layer


def layer_costs(
    layer: Layer,
    graph: LayerGraph,
    accelerator: Accelerator,
    mapped: Costs,
    objective: Objective,
) -> tuple[LayerCost | None, ...]:
    """The cost on each sub-accelerator in its best mode, None where no mapping is legal.

    Raises:
        NoMappingError: on none of them.
    """
    found: list[LayerCost | None] = []
    failures: list[NoMappingError] = []
    for sub in accelerator.sub_accelerators:
        if not isinstance(layer, ComputeLayer):
            found.append(streamed_cost(layer, graph, sub, accelerator))
            continue
        costs = [mapped[_key(problem_of(layer, way, accelerator))] for way in sub.ways(layer.nest)]
        legal = [
            cost.with_fused(layer, sub, accelerator)
            for cost in costs
            if not isinstance(cost, NoMappingError)
        ]
        failures += [cost for cost in costs if isinstance(cost, NoMappingError)]
        best = min(legal, key=lambda cost: cost.value(objective), default=None)
        found.append(best)
    if all(cost is None for cost in found):
        raise NoMappingError(f"{graph.name}: layer {layer.name}: {failures[0]}")
    longest = max(cost.cycles for cost in found if cost is not None)
    if longest > _LONGEST:
        raise InputError(
            f"{graph.name}: layer {layer.name}: expected at most 2^50 cycles, found {longest}; "
            "check the sizes of the network, and the bandwidths and clock of the accelerator"
        )
    return tuple(found)


# -- the scheduling problem ------------------------------------------------------------------------
def _system(
    works: tuple[Work, ...],
    accelerator: Accelerator,
    costs: tuple[tuple[tuple[LayerCost | None, ...], ...], ...],
) -> System:
    tasks = tuple(
        (w, frame, layer)
        for w, work in enumerate(works)
        for frame in range(work.frames)
        for layer in range(len(work.graph))
    )
    number = {task: n for n, task in enumerate(tasks)}
    subs = accelerator.sub_accelerators
    count, machines = len(tasks), len(subs)
    duration = np.full((count, machines), -1, dtype=np.int64)
    energy = np.full((count, machines), np.nan)
    share = np.zeros((count, machines), dtype=np.int64)
    feeder = np.full(count, -1, dtype=np.int64)
    fits = np.zeros((count, machines), dtype=np.bool_)
    kept = [feeders_of(work.graph) for work in works]
    stay = (duration.copy(), energy.copy(), share.copy())
    for n, (w, frame, layer) in enumerate(tasks):
        graph = works[w].graph
        before = kept[w].get(layer)
        if before is not None:
            feeder[n] = number[w, frame, before]
        for m, sub in enumerate(subs):
            cost = costs[w][layer][m]
            if cost is None:
                continue
            duration[n, m] = stay[0][n, m] = max(1, cost.cycles)
            energy[n, m] = stay[1][n, m] = sum(cost.energy.values())
            share[n, m] = stay[2][n, m] = _share(cost)
            source = None if before is None else costs[w][before][m]
            if before is None or source is None:
                continue
            bits = tensor_bits(graph, graph.layers[before].output, sub.precision.O)
            fits[n, m] = bits <= min(source.room[1], cost.room[0])
            if fits[n, m] and cost.resident is not None:
                stay[0][n, m], stay[1][n, m], stay[2][n, m] = _staying(cost.resident, source, bits)
            else:
                fits[n, m] = False
    total = sum(float(cycles) for cycles in stay[0].max(axis=1))
    if total > _LONGEST * 1000:
        raise InputError(f"expected at most 2^60 cycles of all layers together, found {total:g}")
    edges = [
        (number[w, frame, a], number[w, frame, b])
        for w, work in enumerate(works)
        for a, b in edges_of(work.graph)
        for frame in range(work.frames)
    ]
    release = np.array([frame * works[w].period for w, frame, _ in tasks], dtype=np.int64)
    limits = [works[w].deadline for w, _, _ in tasks]
    instance = Instance(
        tuple(_name(works, task) for task in tasks),
        tuple(sub.name for sub in subs),
        duration,
        energy,
        share,
        feeder,
        fits,
        *stay,
        np.array(edges, dtype=np.int64).reshape(-1, 2),
        release,
        np.array(
            [-1 if limit is None else r + limit for limit, r in zip(limits, release, strict=True)],
            dtype=np.int64,
        ),
        np.array([works[w].priority for w, _, _ in tasks], dtype=np.int64),
        leakage_per_cycle(accelerator),
    )
    return System(instance, accelerator, works, tasks, costs)


def _name(works: tuple[Work, ...], task: tuple[int, int, int]) -> str:
    w, frame, layer = task
    work = works[w]
    suffix = f"#{frame}" if work.frames > 1 else ""
    return f"{work.graph.name}{suffix}: {work.graph.layers[layer].name}"


def edges_of(graph: LayerGraph) -> list[tuple[int, int]]:
    """(producer, consumer) of every tensor between layers, each pair once."""
    place = {layer.name: n for n, layer in enumerate(graph.layers)}
    return [(place[a], place[b]) for a, b in graph.dag.edges]


def feeders_of(graph: LayerGraph) -> dict[int, int]:
    """Of a layer the producer whose output only it reads: its first input where that is one."""
    place = {layer.name: n for n, layer in enumerate(graph.layers)}
    found: dict[int, int] = {}
    for consumer in graph.layers:
        for producer in graph.dag.predecessors(consumer.name):
            source = graph.layers[place[producer]]
            alone = graph.dag.out_degree(producer) == 1 and source.output not in graph.outputs
            writers = [layer for layer in graph.layers if layer.output == source.output]
            if alone and len(writers) == 1 and source.output == next(iter(consumer.inputs), ""):
                found[place[consumer.name]] = place[producer]
    return found


def _share(cost: LayerCost) -> int:
    """Mean share of the DRAM's bandwidth while the layer runs, rounded up."""
    if cost.sub.dram_reserved:
        return 0
    dram = cost.sub.dram
    read = sum(
        b for (name, _, way), b in cost.traffic.items() if (name, way) == (dram.name, "read")
    )
    written = sum(
        b for (name, _, way), b in cost.traffic.items() if (name, way) == (dram.name, "write")
    )
    if dram.one_port:
        busy = (read + written) / dram.read_bandwidth
    else:
        busy = max(read / dram.read_bandwidth, written / dram.write_bandwidth)
    return min(WHOLE, math.ceil(busy / max(1, cost.cycles) * WHOLE))


def _staying(resident: LayerCost, source: LayerCost, bits: int) -> tuple[int, float, int]:
    """(cycles, pJ, share of the DRAM) where the input stayed on chip: its producer does not write
    it to the DRAM either."""
    dram = resident.sub.dram
    written = min(bits, source.traffic.get((dram.name, "O", "write"), 0))
    energy = sum(resident.energy.values()) - written * dram.write_energy
    return max(1, resident.cycles), energy, _share(resident)
