"""Finds the best mapping of a loop nest, with a proof or a gap.

Every spatial mapping has a floor that costs nothing, a better one that costs one table, and, the
most promising first, its best temporal mapping with a bound that holds for all of them. A spatial
mapping whose floor cannot beat what is already found is skipped. `docs/mapspace.md` states the
mapspace and why nothing better is lost.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final, Literal

import numpy as np

from ..frontend.nest import DIMS, OPERANDS, RELEVANT
from .cost import Cost, evaluate
from .errors import NoMappingError
from .mapping import Loop, Mapping, Unroll
from .problem import Integers, Problem, Reals
from .result import Objective, valued
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
    "normal": Effort(cells=30_000, rounds=6, nodes=20_000),
    "thorough": Effort(cells=600_000, rounds=12, nodes=20_000),
}
#: How much longer a spatial mapping is searched that was left open.
AGAIN: Final = 10


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


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of every spatial mapping before any is searched in full.

    For energy and energy-delay product it does not depend on bandwidths, to the last bit: problems
    that differ in nothing else share it, and each adds what it finds.

    Attributes:
        spatials: the spatial mappings; placed: each as an array, (unrollings, 3).
        sizes: of each, per dim the tile sizes.
        floors: what `Kernel.floors` gives.
        raised: the same, raised to what looks found.
        looked: numbers of the spatial mappings whose tables were filled.
    """

    spatials: tuple[tuple[Unroll, ...], ...]
    placed: list[Integers]
    sizes: list[list[Integers]]
    floors: Reals
    raised: Reals
    looked: set[int]

    def look(self, problem: Problem, number: int, objective: Objective) -> None:
        """Fill one table: a better floor of one spatial mapping."""
        least = problem.kernel.look(
            self.placed[number], self.sizes[number], OBJECTIVES.index(objective)
        )
        column = 1 if objective == "latency" else 0
        self.raised[number, column] = max(self.raised[number, column], least)
        self.looked.add(number)


def survey(problem: Problem, effort: EffortName = "normal") -> Survey:
    """What `map_nest` begins with. Looks by energy and by latency raise different columns."""
    spatials = tuple(unrollings(problem.nest, problem.sub))
    placed = _placed(problem, spatials)
    floors = problem.kernel.floors(placed)
    sizes = _sizes(problem, placed, effort)
    return Survey(spatials, placed, sizes, floors, floors.copy(), set())


def promising(
    problem: Problem, objective: Objective, count: int, effort: EffortName = "normal"
) -> Survey:
    """A survey of the spatial mappings with the least floors and of those with the fewest steps
    alone, `count` of each: for answers without proof."""
    spatials = unrollings(problem.nest, problem.sub)
    placed = _placed(problem, spatials)
    floors = problem.kernel.floors(placed)
    least, _ = problem.kernel.bounds(
        floors,
        objective=OBJECTIVES.index(objective),
        macs_energy=problem.nest.macs * problem.sub.mac_energy,
    )
    fewest = range(min(count, len(spatials)))  # they come in that order
    chosen = sorted({*np.argsort(least, kind="stable")[:count].tolist(), *fewest})
    placed = [placed[n] for n in chosen]
    floors = np.ascontiguousarray(floors[chosen])
    sizes = _sizes(problem, placed, effort)
    kept = tuple(spatials[n] for n in chosen)
    return Survey(kept, placed, sizes, floors, floors.copy(), set())


def _placed(problem: Problem, spatials: Sequence[tuple[Unroll, ...]]) -> list[Integers]:
    """Spatial mappings as arrays."""
    axes = {axis.name: number for number, axis in enumerate(problem.sub.axes)}
    return [
        np.array(
            [(axes[u.axis], DIMS.index(u.dim), u.factor) for u in spatial], dtype=np.int64
        ).reshape(-1, 3)
        for spatial in spatials
    ]


def _sizes(
    problem: Problem, placed: Sequence[Integers], effort: EffortName
) -> list[list[Integers]]:
    """Of every spatial mapping, per dim the tile sizes."""
    cells, states = EFFORTS[effort].cells, _states(problem)
    found = []
    for rows in placed:
        factors = [1] * len(DIMS)
        for _, dim, factor in rows.tolist():
            factors[dim] *= factor
        steps = tuple(-(-n // f) for n, f in zip(problem.nest.sizes, factors, strict=True))
        found.append(list(_thinned(steps, states, cells)))
    return found


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
    surveyed = surveyed or survey(problem, effort)
    several = len(surveyed.spatials) > 1
    # What the most promising one reaches rules most of the others out.
    least_of = partial(problem.kernel.bounds, objective=number, macs_energy=macs_energy)
    least_values, least_cycles = least_of(surveyed.raised)
    queue = [(least, place) for place, least in enumerate(least_values.tolist())]
    heapq.heapify(queue)
    search = _Search(problem, surveyed, objective, limits)
    while queue:
        least, place = heapq.heappop(queue)
        if least >= search.known * (1 - TOLERANCE):
            break
        if several and place not in surveyed.looked:
            surveyed.look(problem, place, objective)
            better, cycles = least_of(surveyed.raised[place : place + 1])
            heapq.heappush(queue, (float(better[0]), place))
            least_cycles[place] = cycles[0]
            continue
        search.of(place, float(least_cycles[place]), limits.nodes)
    # What was left open had a worse mapping to beat: once more, with patience.
    for place, proven in sorted(search.proven.items(), key=lambda item: item[1]):
        if proven < search.known * (1 - TOLERANCE):
            search.of(place, float(least_cycles[place]), AGAIN * limits.nodes)
    best, bound = search.best, min(search.proven.values(), default=math.inf)
    runs, nodes = search.runs, search.nodes
    if best is None:
        raise NoMappingError(explain(problem))
    cost = evaluate(problem, best)
    value = value_of(problem, cost, objective)
    bound = min(bound, value)
    if several:  # as if no other problem had looked at this survey before
        runs += int((least_of(surveyed.floors)[0] < value * (1 - TOLERANCE)).sum())
    optimal = value <= bound * (1 + TOLERANCE)
    return Mapped(best, cost, value, value if optimal else bound, optimal, runs, nodes)


class _Search:
    """The best mapping so far, and what is proven of each spatial mapping."""

    def __init__(
        self, problem: Problem, surveyed: Survey, objective: Objective, limits: Effort
    ) -> None:
        self.problem, self.surveyed = problem, surveyed
        self.objective, self.limits = objective, limits
        self.macs_energy = problem.nest.macs * problem.sub.mac_energy
        self.best: Mapping | None = None
        self.known = math.inf
        self.proven: dict[int, float] = {}
        self.runs = self.nodes = 0
        # How to weight the sums of cycles: what serves one spatial mapping serves the next.
        self.share = np.zeros(1 + 2 * len(problem.sub.memories))
        self.share[0] = 1

    def of(self, place: int, least_cycles: float, nodes: int) -> None:
        """Search one spatial mapping."""
        problem, surveyed = self.problem, self.surveyed
        _, proven, loops, bounds, doubled, asked, tried = problem.kernel.best_temporal(
            surveyed.placed[place],
            surveyed.sizes[place],
            OBJECTIVES.index(self.objective),
            self.macs_energy,
            self.known,
            float(surveyed.raised[place, 0]),
            least_cycles,
            self.share,
            self.limits.rounds,
            nodes,
        )
        self.runs, self.nodes = self.runs + asked, self.nodes + tried
        self.proven[place] = max(proven, self.proven.get(place, 0.0))
        if loops is not None:
            self.best = mapping_of(problem, surveyed.spatials[place], loops, bounds, doubled)
            self.known = value_of(problem, evaluate(problem, self.best), self.objective)


def value_of(problem: Problem, cost: Cost, objective: Objective) -> float:
    """The objective of a cost, multiply-accumulates included."""
    energy = cost.energy + problem.nest.macs * problem.sub.mac_energy
    return valued(objective, cost.cycles, energy)


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


def tile_sizes(problem: Problem, steps: Sequence[int], effort: Effort) -> list[Integers]:
    """Per dim the tile sizes of the mapspace, thinned until the search's table fits the effort."""
    return list(_thinned(tuple(steps), _states(problem), effort.cells))


def _states(problem: Problem) -> int:
    """Combinations of the levels that W, I and O are filled at, while the search's table grows."""
    return math.prod(max(1, len(problem.sub.levels(operand))) for operand in OPERANDS)


#: Tile sizes of one dim at most.
MOST_SIZES: Final = 40


@lru_cache(maxsize=65_536)
def _thinned(steps: tuple[int, ...], states: int, cells: int) -> tuple[Integers, ...]:
    # Fewer than the longest list has change something, more do not.
    most = max(3, *(len(tile_candidates(count, MOST_SIZES)) for count in steps))
    while True:
        sizes = [tile_candidates(count, most) for count in steps]
        if math.prod(map(len, sizes)) * states <= cells or most == 3:
            return tuple(_as_array(values) for values in sizes)
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
    small = [size for size in range(1, math.isqrt(steps) + 1) if steps % size == 0]
    sizes = {*small, *(steps // size for size in small)}
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
