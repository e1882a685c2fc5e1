"""Finds a mapping for a loop nest: the best spatial mappings first, each with the best temporal
mapping under several additive costs, all judged by the true objective.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..frontend.nest import DIMS, OPERANDS, RELEVANT
from .bounds import roofline
from .cost import Cost, evaluate
from .errors import NoMappingError
from .mapping import Loop, Mapping, Unroll
from .problem import Integers, Problem, Reals
from .result import Objective
from .spatial import unrollings

#: Spatial mappings that are tried, those with the fewest compute steps.
SPATIAL_TRIED = 8
#: Cells of the search's table (states x tiles) that are worth their time.
CELLS = 60_000
#: How often the search may tighten the limits of a shared memory.
NODES = 24


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapper's answer.

    Attributes:
        mapping, cost: the best found.
        value: of the objective (cycles, pJ, or pJ x cycles; multiply-accumulates included).
        lower_bound: no mapping has a smaller value.
        optimal: value equals the bound.
    """

    mapping: Mapping
    cost: Cost
    value: float
    lower_bound: float
    optimal: bool


def map_nest(problem: Problem, objective: Objective) -> Mapped:
    """The best mapping found.

    Raises:
        NoMappingError: no mapping is legal, however small its tiles.
    """
    best: Mapped | None = None
    bound = roofline(problem).of(objective)
    options = unrollings(problem.nest, problem.sub)
    for number, spatial in enumerate([*options, ()]):
        if best is not None and number >= SPATIAL_TRIED:
            break
        for mapping in temporal_mappings(problem, spatial, objective):
            cost = evaluate(problem, mapping)
            if cost.overflow is not None:
                continue
            value = value_of(problem, cost, objective)
            if best is None or value < best.value:
                best = Mapped(mapping, cost, value, bound, value <= bound)
    if best is None:
        raise NoMappingError(explain(problem))
    return best


def value_of(problem: Problem, cost: Cost, objective: Objective) -> float:
    """The objective of a cost, multiply-accumulates included."""
    energy = cost.energy + problem.nest.macs * problem.sub.mac_energy
    match objective:
        case "latency":
            return float(cost.cycles)
        case "energy":
            return energy
        case "edp":
            return energy * cost.cycles


def temporal_mappings(
    problem: Problem, spatial: tuple[Unroll, ...], objective: Objective
) -> list[Mapping]:
    """For one spatial mapping, the temporal mapping with the least traffic by each weighting."""
    probe = Mapping(spatial, (), ((), (), ()))
    sizes = tile_sizes(problem, [probe.steps(problem.nest, dim) for dim in DIMS])
    placed = problem.arrays(probe)[0]
    found: dict[Mapping, None] = {}
    weights = weightings(problem, objective)
    for loops, bounds, _, _ in problem.kernel.best_temporal(placed, sizes, weights, NODES):
        if loops is not None:
            found[mapping_of(problem, spatial, loops, bounds)] = None
    return list(found)


def mapping_of(
    problem: Problem, spatial: tuple[Unroll, ...], loops: Integers, bounds: Integers
) -> Mapping:
    """A mapping from the kernel's arrays."""
    levels = [len(problem.sub.levels(operand)) - 1 for operand in OPERANDS]
    inside = [tuple(int(b) for b in bounds[row, :count]) for row, count in enumerate(levels)]
    temporal = tuple(Loop(DIMS[dim], int(factor)) for dim, factor in loops.tolist())
    return Mapping(spatial, temporal, (inside[0], inside[1], inside[2]))


def weightings(problem: Problem, objective: Objective) -> list[tuple[Reals, Reals, Reals]]:
    """Costs per bit (read, write, transfer) of every memory, to look for mappings by.

    Energy itself; and, where time counts, the traffic of the DRAM, and that of the shared levels.
    They do not depend on bandwidths: more bandwidth never hides a mapping from the mapper.
    """
    memories = problem.sub.memories
    energy = (
        np.array([memory.read_energy for memory in memories]),
        np.array([memory.write_energy for memory in memories]),
        np.array([memory.transfer_energy for memory in memories]),
    )
    if objective == "energy":
        return [energy]
    scale = 1e-6 / max(max(energy[0].max(), energy[1].max()), 1e-12)
    none = np.zeros(len(memories))
    dram = np.array([float(memory is memories[-1]) for memory in memories])
    shared = np.array([1.0 if problem.sub.instances(memory) == 1 else 1e-3 for memory in memories])
    return [
        energy,
        (dram + scale * energy[0], dram + scale * energy[1], none),
        (shared, shared, none),
    ]


def tile_sizes(problem: Problem, steps: list[int]) -> list[Integers]:
    """Per dim the tile sizes that the search considers, thinned until its table is small."""
    states = math.prod(max(1, len(problem.sub.levels(operand))) for operand in OPERANDS)
    most = 16
    while True:
        sizes = [tile_candidates(count, most) for count in steps]
        if math.prod(map(len, sizes)) * states <= CELLS or most == 3:
            return [np.array(values, dtype=np.int64) for values in sizes]
        most -= 1


@lru_cache(maxsize=4096)
def tile_candidates(steps: int, most: int) -> tuple[int, ...]:
    """Tile sizes of a dim: at most `most`, from 1 to all steps.

    Divisors first, since a loop must grow one tile into the next; where a dim has few of them,
    powers of two and three times them, whose last tile is smaller. Thinned evenly on a
    logarithmic scale.
    """
    divisors = {size for size in range(1, steps + 1) if steps % size == 0}
    sizes = set(divisors)
    if len(divisors) < 5:
        power = 1
        while power < steps:
            sizes |= {power, min(3 * power, steps)}
            power *= 2
    ordered = sorted(sizes)
    if len(ordered) > most:
        step = (len(ordered) - 1) / (most - 1)
        ordered = sorted({ordered[round(step * number)] for number in range(most)})
    return tuple(ordered)


def explain(problem: Problem) -> str:
    """Why not even the smallest tiles on a single PE are legal."""
    reduction = [d for d in DIMS if d not in RELEVANT["O"]]
    order = [d for d in (*reduction, *DIMS) if problem.nest[d] > 1]
    ordered = list(dict.fromkeys(order))
    ordered.sort(key=lambda dim: dim in problem.nest.sequential)
    temporal = tuple(Loop(dim, problem.nest[dim]) for dim in ordered)
    inner = tuple(0 for _ in problem.sub.levels("O")[:-1])
    mapping = Mapping(
        (),
        temporal,
        (
            tuple(0 for _ in problem.sub.levels("W")[:-1]),
            tuple(0 for _ in problem.sub.levels("I")[:-1]),
            inner,
        ),
    )
    cost = evaluate(problem, mapping)
    where = f"sub-accelerator {problem.sub.name} ({problem.sub.template})"
    if cost.overflow is None:
        return (
            f"{where}: no mapping satisfies the tile limits of its template; "
            "widen `tiled` of its memories"
        )
    missing = -(-cost.short_bits // 8)
    return (
        f"{where}: memory {cost.overflow} is {missing} bytes too small for one element of each "
        "operand it holds; enlarge it"
    )
