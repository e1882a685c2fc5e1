"""Finds the best mapping of a loop nest, with a proof or a gap.

For every spatial mapping the compiled search gives a quick bound, and, the most promising first,
the best temporal mapping with a bound that holds for all of them. A spatial mapping whose bound
cannot beat what is already found is skipped. `docs/mapspace.md` states the mapspace and why
nothing better is lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np

from ..frontend.nest import DIMS, OPERANDS, RELEVANT
from .cost import Cost, evaluate
from .errors import NoMappingError
from .mapping import Loop, Mapping, Unroll
from .problem import Integers, Problem
from .result import Objective
from .spatial import unrollings

OBJECTIVES: Final[tuple[Objective, ...]] = ("latency", "energy", "edp")

#: Values closer than this, relatively, are the same: what sums of 64-bit floats can tell apart.
TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Effort:
    """How far the mapper goes.

    Attributes:
        cells: size of the search's table (states x tiles); tile sizes are thinned to it.
        rounds: weightings of energy against cycles that are asked for at most.
        nodes: closings tried at most where a gap stays, per spatial mapping.
    """

    cells: int
    rounds: int
    nodes: int


EffortName = Literal["fast", "normal", "thorough"]
EFFORTS: Final[dict[EffortName, Effort]] = {
    "fast": Effort(cells=10_000, rounds=3, nodes=200),
    "normal": Effort(cells=30_000, rounds=6, nodes=4_000),
    "thorough": Effort(cells=600_000, rounds=12, nodes=20_000),
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapper's answer.

    Attributes:
        mapping, cost: the best found.
        value: of the objective (cycles, pJ, or pJ x cycles; multiply-accumulates included).
        lower_bound: no mapping of the mapspace has a smaller value.
        optimal: the value meets the bound.
        runs, nodes: tables filled, and closings tried one by one.
    """

    mapping: Mapping
    cost: Cost
    value: float
    lower_bound: float
    optimal: bool
    runs: int = 0
    nodes: int = 0


#: Least value, number, least dynamic energy (pJ), spatial mapping (also as an array), tile sizes.
Option = tuple[float, int, float, tuple[Unroll, ...], Integers, list[Integers]]


@dataclass(frozen=True, slots=True)
class Survey:
    """A first look at every spatial mapping, the most promising first.

    For energy and energy-delay product it does not depend on bandwidths, to the last bit: problems
    that differ in nothing else can share it.

    Attributes:
        options: see `Option`.
        runs: tables filled.
    """

    options: tuple[Option, ...]
    runs: int


def survey(problem: Problem, objective: Objective, effort: EffortName = "normal") -> Survey:
    """What `map_nest` begins with."""
    limits = EFFORTS[effort]
    macs_energy = problem.nest.macs * problem.sub.mac_energy
    number = OBJECTIVES.index(objective)
    options: list[Option] = []
    spatials = unrollings(problem.nest, problem.sub)
    for spatial in spatials:
        probe = Mapping.in_space(spatial)
        steps = [probe.steps(problem.nest, dim) for dim in DIMS]
        placed, sizes = problem.arrays(probe)[0], tile_sizes(problem, steps, limits)
        least = energy = 0.0
        if len(spatials) > 1:
            least, energy = problem.kernel.first_bound(placed, sizes, number, macs_energy)
        options.append((least, len(options), energy, spatial, placed, sizes))
    # What the most promising one reaches rules most of the others out.
    options.sort(key=lambda option: option[:2])
    return Survey(tuple(options), len(options) if len(options) > 1 else 0)


def map_nest(
    problem: Problem,
    objective: Objective,
    effort: EffortName = "normal",
    *,
    surveyed: Survey | None = None,
) -> Mapped:
    """The best mapping, as far as the effort goes.

    Args:
        surveyed: `survey` of this problem, where it is known.

    Raises:
        NoMappingError: no mapping is legal, however small its tiles.
    """
    limits = EFFORTS[effort]
    macs_energy = problem.nest.macs * problem.sub.mac_energy
    number = OBJECTIVES.index(objective)
    surveyed = surveyed or survey(problem, objective, effort)
    best, known, bound, hint = None, math.inf, math.inf, -1
    names = [memory.name for memory in problem.sub.memories]
    runs, nodes = surveyed.runs, 0
    for least, _, energy, spatial, placed, sizes in surveyed.options:
        if least >= known * (1 - TOLERANCE):
            break
        _, proven, loops, bounds, doubled, asked, tried = problem.kernel.best_temporal(
            placed, sizes, number, macs_energy, known, energy, hint, limits.rounds, limits.nodes
        )
        runs, nodes = runs + asked, nodes + tried
        bound = min(bound, proven)
        if loops is not None:
            best = mapping_of(problem, spatial, loops, bounds, doubled)
            cost = evaluate(problem, best)
            known = value_of(problem, cost, objective)
            hint = names.index(cost.bound) if cost.bound is not None else -1
    if best is None:
        raise NoMappingError(explain(problem))
    cost = evaluate(problem, best)
    value = value_of(problem, cost, objective)
    bound = min(bound, value)
    optimal = value <= bound * (1 + TOLERANCE)
    return Mapped(best, cost, value, value if optimal else bound, optimal, runs, nodes)


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


def mapping_of(
    problem: Problem,
    spatial: tuple[Unroll, ...],
    loops: Integers,
    bounds: Integers,
    doubled: Integers,
) -> Mapping:
    """A mapping from the kernel's arrays."""
    levels = [len(problem.sub.levels(operand)) - 1 for operand in OPERANDS]
    inside = [tuple(int(b) for b in bounds[row, :count]) for row, count in enumerate(levels)]
    twice = [tuple(bool(b) for b in doubled[row, :count]) for row, count in enumerate(levels)]
    temporal = tuple(Loop(DIMS[dim], int(factor)) for dim, factor in loops.tolist())
    return Mapping(
        spatial,
        temporal,
        (inside[0], inside[1], inside[2]),
        (twice[0], twice[1], twice[2]),
    )


def tile_sizes(problem: Problem, steps: list[int], effort: Effort) -> list[Integers]:
    """Per dim the tile sizes of the mapspace, thinned until the search's table fits the effort."""
    states = math.prod(max(1, len(problem.sub.levels(operand))) for operand in OPERANDS)
    most = 40
    while True:
        sizes = [tile_candidates(count, most) for count in steps]
        if math.prod(map(len, sizes)) * states <= effort.cells or most == 3:
            return [_as_array(values) for values in sizes]
        most -= 1


@lru_cache(maxsize=4096)
def _as_array(values: tuple[int, ...]) -> Integers:
    return np.array(values, dtype=np.int64)


@lru_cache(maxsize=4096)
def tile_candidates(steps: int, most: int) -> tuple[int, ...]:
    """Tile sizes of a dim: at most `most`, from 1 to all steps.

    Divisors first, since a loop must grow one tile into the next; where a dim has few of them,
    powers of two and three times them, whose last tile is smaller. Thinned evenly on a
    logarithmic scale.
    """
    sizes = {size for size in range(1, steps + 1) if steps % size == 0}
    if len(sizes) < 5:
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
    ordered = list(dict.fromkeys(d for d in (*reduction, *DIMS) if problem.nest[d] > 1))
    ordered.sort(key=lambda dim: dim in problem.nest.sequential)
    temporal = tuple(Loop(dim, problem.nest[dim]) for dim in ordered)
    levels = [problem.sub.levels(operand)[:-1] for operand in OPERANDS]
    inside = [tuple(0 for _ in row) for row in levels]
    twice = [tuple(memory.buffering == "double" for memory in row) for row in levels]
    cost = evaluate(
        problem,
        Mapping((), temporal, (inside[0], inside[1], inside[2]), (twice[0], twice[1], twice[2])),
    )
    where = f"sub-accelerator {problem.sub.name} ({problem.sub.template})"
    if cost.overflow is None or cost.short_bits == 0:
        return (
            f"{where}: no mapping satisfies the tile limits of its template; "
            "widen `tiled` of its memories"
        )
    missing = -(-cost.short_bits // 8)
    return (
        f"{where}: memory {cost.overflow} is {missing} bytes too small for one element of each "
        "operand it holds; enlarge it"
    )
