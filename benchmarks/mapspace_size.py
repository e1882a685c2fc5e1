"""How many mappings a mapspace holds, counted without listing them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chiploom.dataflows.accelerator import Memory
from chiploom.frontend.nest import DIMS, OPERANDS, RELEVANT, Dim, Operand
from chiploom.simulator import Problem
from chiploom.simulator.accesses import Counter
from chiploom.simulator.mapper import EFFORTS, EffortName, tile_sizes
from chiploom.simulator.mapping import Mapping
from chiploom.simulator.spatial import unrollings

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Candidates:
    """Size of a mapspace, to the 16 digits of a double.

    Attributes:
        mappings: loop order x boundaries of every operand x buffering, each of whose tiles fits
            its memory when alone.
        classes: of them, those that the cost model can tell apart: chains of tiles, whatever the
            loops between.
    """

    mappings: float
    classes: float


def count_candidates(problem: Problem, effort: EffortName) -> Candidates:
    """All spatial mappings together."""
    mappings = classes = 0.0
    for spatial in unrollings(problem.nest, problem.sub):
        probe = Mapping.in_space(spatial)
        steps = [probe.steps(problem.nest, dim) for dim in DIMS]
        sizes = [list(map(int, s)) for s in tile_sizes(problem, steps, EFFORTS[effort])]
        one, other = count_temporal(problem, probe, sizes)
        mappings, classes = mappings + one, classes + other
    return Candidates(mappings, classes)


def count_temporal(
    problem: Problem, probe: Mapping, sizes: Sequence[Sequence[int]]
) -> tuple[float, float]:
    """(mappings, classes) of one spatial mapping, by dynamic programming over the tiles.

    `arrived[a, b, c]` counts the ways to reach a tile with a, b and c links of W, I and O closed
    before: growing one dim at a time for mappings, from the last closing for classes. At the tile
    any more links close.
    """
    shape = tuple(len(values) for values in sizes)
    ways = [link_ways(problem, probe, operand, sizes) for operand in OPERANDS]
    links = [[link.ravel() for link in links] for links in ways]
    legal = legal_tiles(problem, sizes).ravel()
    grows = [growth(values) for values in sizes]
    dims = [d for d in range(len(shape)) if shape[d] > 1]
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    states = tuple(len(found) + 1 for found in links)
    points = math.prod(shape)
    mappings = np.zeros((points, *states))
    # closing[k] sums the classes whose last closing is at a tile that loops over the first k of
    # `dims` grow into this one.
    closing = np.zeros((len(dims) + 1, points, *states))
    for at in range(points):
        here = [[link[at] for link in found] for found in links]
        smaller = [
            [at - (digit - j) * strides[d] for j in grows[d][digit]]
            for d in dims
            for digit in [(at // strides[d]) % shape[d]]
        ]
        arrived = np.zeros(states)
        arrived[0, 0, 0] = at == 0
        for tiles in smaller:
            arrived += mappings[tiles].sum(axis=0)
        mappings[at] = legal[at] * closed(arrived, here)
        grown = [closing[k, tiles].sum(axis=0) for k, tiles in enumerate(smaller)]
        arrived = np.zeros(states) + sum(grown)
        arrived[0, 0, 0] += at == 0
        closing[0, at] = legal[at] * closed(arrived, here)
        if legal[at] and 0 < at < points - 1:
            closing[0, at] -= arrived  # nothing is closed here: counted where something is
        for k, more in enumerate(grown):
            closing[k + 1, at] = closing[k, at] + more
    return float(mappings[-1][-1, -1, -1]), float(closing[0, -1][-1, -1, -1])


def closed(arrived: Floats, ways: list[list[float]]) -> Floats:
    """Any number of further links of each operand closed at one tile."""
    found = arrived.copy()
    for axis, links in enumerate(ways):
        moved = np.moveaxis(found, axis, 0)
        for level, choices in enumerate(links):
            moved[level + 1] += moved[level] * choices
    return found


def growth(values: Sequence[int]) -> list[list[int]]:
    """Per tile size the smaller ones that a loop grows into it."""
    return [
        [
            j
            for j in range(i)
            if size % values[j] == 0 or i == len(values) - 1
        ]
        for i, size in enumerate(values)
    ]  # fmt: skip


def legal_tiles(problem: Problem, sizes: Sequence[Sequence[int]]) -> Flags:
    """Sequential dims grow last."""
    shape = tuple(len(values) for values in sizes)
    grown, unfinished = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for d, values in enumerate(sizes):
        digits = axis_array(np.arange(len(values)), d)
        if DIMS[d] in problem.nest.sequential:
            grown |= digits > 0
        else:
            unfinished |= digits < len(values) - 1
    return ~(grown & unfinished)


def axis_array(values: npt.ArrayLike, d: int) -> npt.NDArray[Any]:
    return np.asarray(values).reshape([-1 if k == d else 1 for k in range(len(DIMS))])


def link_ways(
    problem: Problem, probe: Mapping, operand: Operand, sizes: Sequence[Sequence[int]]
) -> list[Floats]:
    """Per link and tile: in how many ways the level may hold this tile (0, 1, 2 bufferings)."""
    shape = tuple(len(values) for values in sizes)
    counter = Counter(problem.nest, problem.sub, probe)
    found = []
    for level, memory in enumerate(problem.sub.levels(operand)[:-1]):
        bits = np.full(shape, float(problem.bits.of(operand)))
        if operand == "O" and level == 0:
            bits = np.full(shape, float(problem.psum_bits))
        bits *= footprints(counter, operand, memory, sizes)
        limits = memory.tiled.get(operand)
        allowed, replaced = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
        complete = np.ones(shape, dtype=bool)
        for d, dim in enumerate(DIMS):
            digits = axis_array(np.arange(shape[d]), d)
            if dim in RELEVANT[operand]:
                replaced |= digits < shape[d] - 1
                if limits is not None and dim not in limits:
                    allowed &= digits == 0
            elif memory.complete_outputs:
                complete &= digits == shape[d] - 1
        size = math.inf if memory.size_bits is None else memory.size_bits
        single = (bits <= size) & (memory.buffering != "double")
        double = (bits * (1 + replaced) <= size) & (memory.buffering != "single")
        found.append((single.astype(float) + double) * (allowed & complete))
    return found


def footprints(
    counter: Counter, operand: Operand, memory: Memory, sizes: Sequence[Sequence[int]]
) -> Floats:
    """Elements of every tile, a product over the plain dims and the two input axes."""
    ones = dict.fromkeys(DIMS, 1)
    single = counter.footprint(operand, memory, ones)
    found = np.full(tuple(len(values) for values in sizes), float(single))
    pairs: tuple[tuple[Dim, Dim], ...] = (("OY", "FY"), ("OX", "FX")) if operand == "I" else ()
    for d, dim in enumerate(DIMS):
        if dim in RELEVANT[operand] and not any(dim in pair for pair in pairs):
            alone = [counter.footprint(operand, memory, {**ones, dim: size}) for size in sizes[d]]
            found = found * axis_array(np.array(alone) / single, d)
    for outputs, taps in pairs:
        o, f = DIMS.index(outputs), DIMS.index(taps)
        table = np.array(
            [
                [
                    counter.footprint(operand, memory, {**ones, outputs: a, taps: b}) / single
                    for b in sizes[f]
                ]
                for a in sizes[o]
            ]
        )
        found = found * table.reshape(
            [len(sizes[d]) if d in (o, f) else 1 for d in range(len(DIMS))]
        )
    return found
