"""Networks on an accelerator: every layer mapped and costed, in turn or as scheduled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..dataflows.accelerator import Accelerator, SubAccelerator
from ..frontend.graph import LayerGraph
from .cache import MappingCache
from .fabric import device_notes, device_summary, expect_fit
from .mapper import EffortName
from .result import (
    Fidelity,
    LayerResult,
    ModelSummary,
    Objective,
    Result,
    SpecSummary,
)
from .scheduling.costs import Progress, Work, layer_costs, map_all, system_of
from .scheduling.instance import Algorithm, Goal
from .scheduling.outcome import layer_results, summary_of
from .summaries import array_summary

GOALS: Final[dict[Objective, Goal]] = {"latency": "makespan", "energy": "energy", "edp": "edp"}


def simulate(
    graphs: LayerGraph | Work | Sequence[LayerGraph | Work],
    accelerator: Accelerator,
    *,
    objective: Objective = "edp",
    fidelity: Fidelity = "analytic",
    effort: EffortName = "normal",
    schedule: Algorithm | None = None,
    latency_bound: int | None = None,
    seconds: float = 20.0,
    cache: MappingCache | None = None,
    progress: Progress | None = None,
) -> Result:
    """Cost of one or more networks.

    On one sub-accelerator layers run one after the other in topological order, networks in the
    order given; every layer starts with its inputs in DRAM and leaves its output there. On several
    ones, or where anything is asked that needs it (a schedule, a bound, frames), layers are
    assigned and scheduled (`scheduling`).

    Args:
        graphs: networks, or `Work`s: networks with frames, priority and deadline.
        objective: what the mapper minimises for every layer, and the scheduler for all of them.
        fidelity: `analytic`; `cycle` executes tile programs; `roofline` gives bounds that no
            mapping can beat.
        effort: how fine the mapspace is, and how long the mapper works on a proof.
        schedule: the scheduler's algorithm.
        latency_bound: cycles by which all has to end; then energy is minimised.
        seconds: that the scheduler may take.
        cache: mappings of earlier and later runs; one of its own by default. The result does not
            depend on what it holds.
        progress: called after every distinct layer.

    Raises:
        NoMappingError: a layer fits no sub-accelerator.
        InfeasibleError: no schedule meets the bound or the deadlines.
        DoesNotFitError: its FPGA has no room for the accelerator.
    """
    expect_fit(accelerator)
    given = [graphs] if isinstance(graphs, LayerGraph | Work) else list(graphs)
    works = [entry if isinstance(entry, Work) else Work(entry) for entry in given]
    cache = MappingCache() if cache is None else cache
    plain = all(work == Work(work.graph) for work in works)
    if len(accelerator.sub_accelerators) > 1 or schedule or latency_bound is not None or not plain:
        from .scheduling.auto import schedule as find

        system = system_of(
            works,
            accelerator,
            objective=objective,
            fidelity=fidelity,
            effort=effort,
            cache=cache,
            progress=progress,
        )
        goal = GOALS[objective] if latency_bound is None else "energy"
        found = find(
            system.instance,
            schedule or "auto",
            goal,
            latency_bound=latency_bound,
            seconds=seconds,
        )
        layers = layer_results(system, found)
        summary = summary_of(system, found, goal, latency_bound)
    else:
        networks = [work.graph for work in works]
        layers = _one_by_one(networks, accelerator, objective, fidelity, effort, cache, progress)
        summary = None
    networks = [work.graph for work in works]
    return Result(
        tuple(_summary(graph) for graph in networks),
        _spec_summary(accelerator, networks),
        objective,
        fidelity,
        tuple(layers),
        summary,
    )


def _one_by_one(
    networks: list[LayerGraph],
    accelerator: Accelerator,
    objective: Objective,
    fidelity: Fidelity,
    effort: EffortName,
    cache: MappingCache,
    progress: Progress | None,
) -> list[LayerResult]:
    """Layers of all networks, each after the last."""
    mapped = map_all(networks, accelerator, objective, fidelity, effort, cache, progress)
    results: list[LayerResult] = []
    cycle = 0
    for graph in networks:
        for layer in graph:
            (cost,) = layer_costs(layer, graph, accelerator, mapped, objective)
            assert cost is not None
            results.append(cost.result(graph, layer, cycle))
            cycle += cost.cycles
    return results


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
        for component, text in sub.resource_sources.items():
            sources[f"{sub.name}.{component} (resources)"] = text
    notes = [
        note
        for sub in accelerator.sub_accelerators
        if (note := _precision_note(sub, networks)) is not None
    ]
    notes += device_notes(accelerator)
    return SpecSummary(
        accelerator.name,
        accelerator.clock_hz,
        sum(sub.pes for sub in accelerator.sub_accelerators),
        tuple(sub.name for sub in accelerator.sub_accelerators),
        area,
        sources,
        tuple(notes),
        tuple(map(array_summary, accelerator.sub_accelerators)),
        device_summary(accelerator),
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
