"""The spatial half of the mapspace: which dims are unrolled along which axis, and how far.

An unrolling is considered where it is *balanced* (no smaller factor takes as few steps) and
*maximal* (no other one along the same axis takes fewer steps in one dim and no more in any).
"""

from __future__ import annotations

import math
from functools import lru_cache
from operator import le

from ..dataflows.accelerator import Axis, SubAccelerator
from ..frontend.nest import DIMS, Dim, LoopNest
from .accesses import HALO
from .mapping import Unroll

#: Dims that one axis may unroll at the same time.
DIMS_PER_AXIS = 3

Factors = tuple[tuple[Dim, int], ...]


@lru_cache(maxsize=4096)
def balanced(size: int, limit: int) -> tuple[int, ...]:
    """Factors up to `limit`, each the smallest that takes its number of steps, ascending."""
    factors = {1}
    factor = min(size, limit)
    while factor > 1:
        steps = -(-size // factor)
        smallest = -(-size // steps)
        factors.add(smallest)
        factor = smallest - 1
    return tuple(sorted(factors))


def axis_options(axis: Axis, left: dict[Dim, int]) -> tuple[Factors, ...]:
    """Balanced, maximal unrollings along one axis of dims with `left` indices to spread."""
    spread = tuple((dim, left[dim]) for dim in axis.dims if left[dim] > 1)
    most = dict(axis.most)
    return _axis_options(axis.size, spread, tuple(most.get(dim, axis.size) for dim, _ in spread))


# A sweep over the sizes of arrays asks for the same axis again and again.
@lru_cache(maxsize=65_536)
def _axis_options(size: int, left: Factors, most: tuple[int, ...]) -> tuple[Factors, ...]:
    """Of an axis of a size, for dims that have several indices left, and at most so many each."""
    found: dict[Factors, tuple[int, ...]] = {}  # with the steps that each dim then takes

    def extend(chosen: Factors, steps: tuple[int, ...], room: int) -> None:
        rest = left[len(steps) :]
        if not rest or len(chosen) == DIMS_PER_AXIS or room == 1:
            found.setdefault(chosen, (*steps, *(count for _, count in rest)))
            return
        dim, count = rest[0]
        for factor in balanced(count, min(room, most[len(steps)])):
            more = (*chosen, (dim, factor)) if factor > 1 else chosen
            extend(more, (*steps, -(-count // factor)), room // factor)

    extend((), (), size)
    return _maximal(found)


def _maximal(steps: dict[Factors, tuple[int, ...]]) -> tuple[Factors, ...]:
    # Sorted by total steps, an option can only be dominated by an earlier one.
    kept: list[Factors] = []
    fewest: list[tuple[int, ...]] = []
    for option in sorted(steps, key=lambda o: (math.prod(steps[o]), o)):
        mine = steps[option]
        if not any(all(map(le, other, mine)) for other in fewest):
            kept.append(option)
            fewest.append(mine)
    return tuple(kept)


def unrollings(nest: LoopNest, sub: SubAccelerator) -> list[tuple[Unroll, ...]]:
    """All spatial mappings, the one with the fewest compute steps first."""
    return list(_unrollings(nest.sizes, nest.sequential, sub.axes))


def fewest_steps(nest: LoopNest, sub: SubAccelerator) -> int:
    """Temporal steps that remain with the best spatial mapping, before cycles per step."""
    start: dict[Dim, int] = {
        dim: 1 if dim in nest.sequential else size
        for dim, size in zip(DIMS, nest.sizes, strict=True)
    }
    kept = math.prod(size for dim, size in zip(DIMS, nest.sizes, strict=True) if start[dim] != size)

    def fewest(number: int, left: dict[Dim, int], taken: frozenset[Dim]) -> int:
        if number == len(sub.axes):
            return math.prod(left.values())
        axis = sub.axes[number]
        free = {dim: 1 if dim in taken else size for dim, size in left.items()}
        least = math.prod(left.values())
        for option in axis_options(axis, free):
            rest = dict(left)
            for dim, factor in option:
                rest[dim] = -(-rest[dim] // factor)
            halo = taken | {dim for dim, _ in option if dim in HALO}
            least = min(least, fewest(number + 1, rest, halo))
        return least

    return kept * fewest(0, start, frozenset())


def useful_sizes(nest: LoopNest, sub: SubAccelerator) -> tuple[int, ...]:
    """For every axis the most PEs that an unrolling uses.

    Axes of these sizes have the same unrollings. Every kept one still fits. An option along an
    axis that is left out was dominated, and so it is by a kept one, as dominance is transitive;
    which options along an axis are balanced does not depend on how many PEs lie beyond them.
    """
    return _useful_sizes(nest.sizes, nest.sequential, sub.axes)


@lru_cache(maxsize=4096)
def _useful_sizes(
    sizes: tuple[int, ...], sequential: tuple[Dim, ...], axes: tuple[Axis, ...]
) -> tuple[int, ...]:
    most = {axis.name: 1 for axis in axes}
    for chosen in _unrollings(sizes, sequential, axes):
        used: dict[str, int] = {}
        for unroll in chosen:
            used[unroll.axis] = used.get(unroll.axis, 1) * unroll.factor
        for name, count in used.items():
            most[name] = max(most[name], count)
    return tuple(most.values())


# Large nests on large arrays have thousands of unrollings: not many are kept.
@lru_cache(maxsize=128)
def _unrollings(
    sizes: tuple[int, ...], sequential: tuple[Dim, ...], axes: tuple[Axis, ...]
) -> tuple[tuple[Unroll, ...], ...]:
    start: dict[Dim, int] = {
        dim: 1 if dim in sequential else size for dim, size in zip(DIMS, sizes, strict=True)
    }
    found: list[tuple[int, tuple[Unroll, ...]]] = []

    def place(number: int, chosen: tuple[Unroll, ...], left: dict[Dim, int]) -> None:
        if number == len(axes):
            found.append((math.prod(left.values()), chosen))
            return
        axis = axes[number]
        # A halo dim is unrolled along one axis at most.
        taken = {unroll.dim for unroll in chosen if unroll.dim in HALO}
        free = {dim: 1 if dim in taken else size for dim, size in left.items()}
        for option in axis_options(axis, free):
            rest = dict(left)
            for dim, factor in option:
                rest[dim] = -(-rest[dim] // factor)
            place(number + 1, (*chosen, *(Unroll(axis.name, dim, f) for dim, f in option)), rest)

    place(0, (), start)
    # Ties go to fewer PEs: the same time with less to feed.
    found.sort(key=lambda item: (item[0], math.prod(u.factor for u in item[1]), repr(item[1])))
    return tuple(chosen for _, chosen in found)
