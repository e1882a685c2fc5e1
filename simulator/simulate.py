"""Networks on an accelerator: every layer mapped and costed, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ..dataflows.accelerator import Accelerator, SubAccelerator
from ..frontend.graph import ComputeLayer, Layer, LayerGraph
from ..frontend.nest import LoopNest, OperandBits
from .cache import MappingCache
from .errors import NoMappingError
from .layers import LayerCost, compute_cost, problem_of, streamed_cost
from .mapper import EffortName
from .problem import Problem
from .result import (
    Fidelity,
    LayerResult,
    ModelSummary,
    Objective,
    Result,
    SpecSummary,
)
from .threads import completed

#: done, total, name of the layer just finished
Progress = Callable[[int, int, str], None]


def simulate(
    graphs: LayerGraph | Sequence[LayerGraph],
    accelerator: Accelerator,
    *,
    objective: Objective = "edp",
    fidelity: Fidelity = "analytic",
    effort: EffortName = "normal",
    cache: MappingCache | None = None,
    progress: Progress | None = None,
) -> Result:
    """Cost of one or more networks, layer by layer in topological order.

    Every layer starts with its inputs in DRAM and leaves its output there. Of several
    sub-accelerators each layer takes the one that is best by the objective.

    Args:
        objective: what the mapper minimises for every layer.
        fidelity: `analytic`, or `roofline` for bounds that no mapping can beat.
        effort: how fine the mapspace is, and how long the mapper works on a proof.
        cache: mappings of earlier and later runs; one of its own by default. The result does not
            depend on what it holds.
        progress: called after every distinct layer.

    Raises:
        NoMappingError: a layer fits no sub-accelerator.
    """
    networks = [graphs] if isinstance(graphs, LayerGraph) else list(graphs)
    cache = MappingCache() if cache is None else cache
    mapped = _map_all(networks, accelerator, objective, fidelity, effort, cache, progress)
    results: list[LayerResult] = []
    cycle = 0
    for graph in networks:
        for layer in graph:
            cost = _best(layer, graph, accelerator, objective, mapped)
            results.append(cost.result(graph, layer, cycle))
            cycle += cost.cycles
    return Result(
        tuple(_summary(graph) for graph in networks),
        _spec_summary(accelerator, networks),
        objective,
        fidelity,
        tuple(results),
    )


#: What tells one mapping problem of a run from another.
Key = tuple[LoopNest, OperandBits, int, str]
Costs = dict[Key, LayerCost | NoMappingError]


def _map_all(
    networks: list[LayerGraph],
    accelerator: Accelerator,
    objective: Objective,
    fidelity: Fidelity,
    effort: EffortName,
    cache: MappingCache,
    progress: Progress | None,
) -> Costs:
    """Every distinct (loop nest, widths, sub-accelerator), mapped once, on all cores."""
    names: dict[Key, tuple[Problem, str]] = {}
    for graph in networks:
        for layer in graph.compute_layers:
            for sub in accelerator.sub_accelerators:
                problem = problem_of(layer, sub, accelerator)
                names.setdefault(_key(problem), (problem, layer.name))
    costs: Costs = {}
    keys = list(names)
    tasks = [partial(_attempt, names[key][0], objective, fidelity, effort, cache) for key in keys]
    try:
        for done, (number, cost) in enumerate(completed(tasks), start=1):
            costs[keys[number]] = cost
            if progress is not None:
                progress(done, len(tasks), names[keys[number]][1])
    finally:
        cache.flush()
    return costs


def _key(problem: Problem) -> Key:
    return (problem.nest, problem.bits, problem.psum_bits, problem.sub.name)


def _attempt(
    problem: Problem,
    objective: Objective,
    fidelity: Fidelity,
    effort: EffortName,
    cache: MappingCache,
) -> LayerCost | NoMappingError:
    try:
        return compute_cost(problem, objective, fidelity, effort, cache)
    except NoMappingError as error:
        return error  # another sub-accelerator may take the layer


def _best(
    layer: Layer,
    graph: LayerGraph,
    accelerator: Accelerator,
    objective: Objective,
    mapped: Costs,
) -> LayerCost:
    """The cost on the sub-accelerator that is best by the objective."""
    found: list[LayerCost] = []
    failures: list[NoMappingError] = []
    for sub in accelerator.sub_accelerators:
        if isinstance(layer, ComputeLayer):
            cost = mapped[_key(problem_of(layer, sub, accelerator))]
            if isinstance(cost, NoMappingError):
                failures.append(cost)
                continue
            found.append(cost.with_fused(layer, sub, accelerator))
        else:
            found.append(streamed_cost(layer, graph, sub, accelerator))
    if not found:
        error = failures[0]
        raise NoMappingError(f"{graph.name}: layer {layer.name}: {error}")
    return min(found, key=lambda cost: cost.value(objective))


def _summary(graph: LayerGraph) -> ModelSummary:
    missing = sum(entry.elements for entry in graph.not_modelled)
    whole = graph.modelled_elements + missing
    entries = tuple(
        {
            "op": entry.op,
            "count": entry.count,
            "reason": entry.reason,
            "share": entry.elements / whole if whole else 0.0,
        }
        for entry in graph.not_modelled
    )
    return ModelSummary(graph.name, len(graph), graph.macs, graph.coverage, entries, graph.notes)


def _spec_summary(accelerator: Accelerator, networks: list[LayerGraph]) -> SpecSummary:
    area: dict[str, float] = {}
    sources: dict[str, str] = {}
    for sub in accelerator.sub_accelerators:
        parts = [
            ("mac", sub.mac_area_mm2, sub.mac_source),
            ("vector", sub.vector.area_mm2, sub.vector.source),
            *((memory.name, memory.area_mm2, memory.source) for memory in sub.memories),
        ]
        for name, square_mm, source in parts:
            area[f"{sub.name}.{name}"] = square_mm
            if source:
                sources[f"{sub.name}.{name}"] = source
    notes = [
        note
        for sub in accelerator.sub_accelerators
        if (note := _precision_note(sub, networks)) is not None
    ]
    return SpecSummary(
        accelerator.name,
        accelerator.clock_hz,
        sum(sub.pes for sub in accelerator.sub_accelerators),
        tuple(sub.name for sub in accelerator.sub_accelerators),
        area,
        sources,
        tuple(notes),
    )


def _precision_note(sub: SubAccelerator, networks: list[LayerGraph]) -> str | None:
    """What is wider in the networks than in the datapath."""
    widest = {"W": 0, "I": 0, "O": 0}
    for graph in networks:
        for layer in graph.compute_layers:
            for operand in ("W", "I", "O"):
                widest[operand] = max(widest[operand], layer.bits.of(operand))
    limits = {"W": sub.precision.W, "I": sub.precision.I, "O": sub.precision.O}
    over = [f"{o} {widest[o]} -> {limits[o]} bit" for o in limits if widest[o] > limits[o]]
    if not over:
        return None
    return (
        f"{sub.name}: the datapath is narrower than the network's types; deployed at its widths "
        f"({', '.join(over)})"
    )
