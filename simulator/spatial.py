"""The spatial half of the mapspace: which dims are unrolled along which axis, and how far.

An unrolling is considered where it is *balanced* (no smaller factor takes as few steps) and
*maximal* (no other one along the same axis takes fewer steps in one dim and no more in any).
"""

from __future__ import annotations

import math
from functools import lru_cache

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


def axis_options(axis: Axis, left: dict[Dim, int]) -> list[Factors]:
    """Balanced, maximal unrollings along one axis of dims with `left` indices to spread."""
    dims = [dim for dim in axis.dims if left[dim] > 1]
    found: list[Factors] = []

    def extend(chosen: Factors, rest: list[Dim], room: int) -> None:
        if not rest or len(chosen) == DIMS_PER_AXIS or room == 1:
            found.append(chosen)
            return
        dim = rest[0]
        for factor in balanced(left[dim], room):
            more = (*chosen, (dim, factor)) if factor > 1 else chosen
            extend(more, rest[1:], room // factor)

    extend((), dims, axis.size)
    return _maximal(found, left)


def _maximal(options: list[Factors], left: dict[Dim, int]) -> list[Factors]:
    steps = {
        option: tuple(-(-left[dim] // dict(option).get(dim, 1)) for dim in left)
        for option in dict.fromkeys(options)
    }
    # Sorted by total steps, an option can only be dominated by an earlier one.
    kept: list[Factors] = []
    for option in sorted(steps, key=lambda o: (math.prod(steps[o]), o)):
        if not any(
            all(a <= b for a, b in zip(steps[other], steps[option], strict=True)) for other in kept
        ):
            kept.append(option)
    return kept


def unrollings(nest: LoopNest, sub: SubAccelerator) -> list[tuple[Unroll, ...]]:
    """All spatial mappings, the one with the fewest compute steps first."""
    return list(_unrollings(nest.sizes, nest.sequential, sub.axes))


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
