"""Every temporal mapping of a small problem: what the search is held against."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ..frontend.nest import DIMS, OPERANDS, RELEVANT, Dim
from .mapping import Loop, Mapping, Unroll
from .problem import Problem


def loop_orders(
    problem: Problem, spatial: tuple[Unroll, ...], sizes: Sequence[Sequence[int]]
) -> Iterator[tuple[Loop, ...]]:
    """Every order of loops, innermost first, that grows each dim through its tile sizes.

    A loop grows a tile into a multiple of it, or into all steps. Loops over sequential dims come
    last.
    """
    steps = {dim: Mapping.in_space(spatial).steps(problem.nest, dim) for dim in DIMS}

    def grow(tile: dict[Dim, int], loops: tuple[Loop, ...]) -> Iterator[tuple[Loop, ...]]:
        if all(tile[dim] == steps[dim] for dim in DIMS):
            yield loops
            return
        open_dims = any(
            tile[dim] < steps[dim] for dim in DIMS if dim not in problem.nest.sequential
        )
        for dim, values in zip(DIMS, sizes, strict=True):
            if dim in problem.nest.sequential and open_dims:
                continue
            for size in values:
                if size > tile[dim] and (size % tile[dim] == 0 or size == steps[dim]):
                    loop = Loop(dim, -(-size // tile[dim]))
                    yield from grow({**tile, dim: size}, (*loops, loop))

    yield from grow(dict.fromkeys(DIMS, 1), ())


def mappings(
    problem: Problem, spatial: tuple[Unroll, ...], sizes: Sequence[Sequence[int]]
) -> Iterator[Mapping]:
    """Every temporal mapping for one spatial one: all loop orders, boundaries and buffers.

    Whether tiles fit is not looked at; limits on the dims that a level may tile are.
    """
    buffers = [
        list(
            itertools.product(
                *(
                    {"double": (True,), "single": (False,), "auto": (True, False)}[m.buffering]
                    for m in problem.sub.levels(operand)[:-1]
                )
            )
        )
        for operand in OPERANDS
    ]
    for loops in loop_orders(problem, spatial, sizes):
        choices = [
            [
                inside
                for inside in itertools.combinations_with_replacement(
                    range(len(loops) + 1), len(problem.sub.levels(operand)) - 1
                )
            ]
            for operand in OPERANDS
        ]
        for w, i, o in itertools.product(*choices):
            for dw, di, do in itertools.product(*buffers):
                mapping = Mapping(spatial, loops, (w, i, o), (dw, di, do))
                if tiles_allowed(problem, mapping):
                    yield mapping


def tiles_allowed(problem: Problem, mapping: Mapping) -> bool:
    """Whether every level tiles only the dims that its template allows."""
    for operand, bounds in zip(OPERANDS, mapping.boundaries, strict=True):
        for memory, inside in zip(problem.sub.levels(operand), bounds, strict=False):
            allowed = memory.tiled.get(operand)
            if allowed is None:
                continue
            tile = mapping.tile(problem.nest, inside)
            if any(tile[dim] > 1 and dim not in allowed for dim in RELEVANT[operand]):
                return False
    return True
