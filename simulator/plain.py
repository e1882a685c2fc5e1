"""Mappings and the mapper's answers as plain data (lists of numbers), to be kept and read back.

Names stand as numbers: axes in the sub-accelerator's order, dims in that of `DIMS`. A mapping's
cost is not kept: it is counted again when the mapping is read, which tells a damaged one.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Final

from ..dataflows.accelerator import SubAccelerator
from ..frontend.nest import DIMS
from .cost import evaluate
from .mapper import Mapped, value_of
from .mapping import Loop, Mapping, Unroll, check
from .problem import Problem
from .result import Objective

#: More loops, or more iterations of one, than any mapping has.
MOST_LOOPS: Final = 96
MOST_ITERATIONS: Final = 2**40


class PlainError(ValueError):
    """Plain data that no mapping gives."""


def mapping_to_plain(mapping: Mapping, sub: SubAccelerator) -> list[Any]:
    """[[axis, dim, factor], …], [[dim, factor], …], boundaries and doubled by operand."""
    axes = [axis.name for axis in sub.axes]
    return [
        [[axes.index(u.axis), DIMS.index(u.dim), u.factor] for u in mapping.spatial],
        [[DIMS.index(loop.dim), loop.factor] for loop in mapping.temporal],
        [list(row) for row in mapping.boundaries],
        [[int(twice) for twice in row] for row in mapping.doubled],
    ]


def mapping_from_plain(plain: object, sub: SubAccelerator) -> Mapping:
    """The mapping. Whether it fits a nest is not looked at.

    Raises:
        PlainError: the data is no mapping's.
    """
    space, time, inside, doubled = _rows(plain, 4)
    axes, dims = len(sub.axes), len(DIMS)
    spatial = []
    for entry in _rows(space):
        axis, dim, factor = _numbers(entry, 3)
        spatial.append(
            Unroll(sub.axes[_below(axis, axes)].name, DIMS[_below(dim, dims)], _factor(factor))
        )
    temporal = []
    for entry in _rows(time, most=MOST_LOOPS):
        dim, factor = _numbers(entry, 2)
        temporal.append(Loop(DIMS[_below(dim, dims)], _factor(factor)))
    bounds = [tuple(_below(n, MOST_LOOPS + 1) for n in _numbers(row)) for row in _rows(inside, 3)]
    twice = [tuple(bool(_below(n, 2)) for n in _numbers(row)) for row in _rows(doubled, 3)]
    return Mapping(
        tuple(spatial),
        tuple(temporal),
        (bounds[0], bounds[1], bounds[2]),
        (twice[0], twice[1], twice[2]),
    )


def mapped_to_plain(mapped: Mapped, sub: SubAccelerator) -> dict[str, Any]:
    """The answer without its cost."""
    plain: dict[str, Any] = {
        field.name: getattr(mapped, field.name)
        for field in dataclasses.fields(Mapped)
        if field.name not in ("mapping", "cost")
    }
    return plain | {"mapping": mapping_to_plain(mapped.mapping, sub)}


def mapped_from_plain(plain: object, problem: Problem, objective: Objective) -> Mapped:
    """The answer to a problem; its mapping is checked and its cost counted again.

    Raises:
        PlainError: the data answers another problem, or none.
    """
    if not isinstance(plain, dict):
        raise PlainError(f"expected an object, found {type(plain).__name__}")
    rest = dict(plain)
    mapping = mapping_from_plain(rest.pop("mapping", None), problem.sub)
    faults = check(mapping, problem.nest, problem.sub)
    if faults:
        raise PlainError(faults[0])
    cost = evaluate(problem, mapping)
    if cost.overflow is not None:
        raise PlainError(f"the tiles do not fit {cost.overflow}")
    for name, value in rest.items():
        if not isinstance(value, int | float):
            raise PlainError(f"{name}: expected a number, found {value!r}")
    try:
        mapped = Mapped(mapping=mapping, cost=cost, **rest)
    except TypeError as error:
        raise PlainError(str(error)) from None
    if mapped.value != value_of(problem, cost, objective):
        raise PlainError(f"the mapping's value is not {mapped.value}")
    if not (isinstance(mapped.optimal, bool) and 0 <= mapped.lower_bound <= mapped.value):
        raise PlainError(f"{mapped.lower_bound} bounds no mapping of value {mapped.value}")
    if math.isinf(mapped.value) or math.isnan(mapped.value):
        raise PlainError("the value is not finite")
    return mapped


def _rows(value: object, count: int | None = None, most: int = 64) -> list[Any]:
    if not isinstance(value, list) or len(value) > most or count not in (None, len(value)):
        raise PlainError(f"expected {count or 'some'} entries, found {value!r}")
    return value


def _numbers(value: object, count: int | None = None) -> list[int]:
    for number in _rows(value, count):
        if type(number) is not int:
            raise PlainError(f"expected a whole number, found {number!r}")
    return _rows(value, count)


def _below(number: int, limit: int) -> int:
    if not 0 <= number < limit:
        raise PlainError(f"expected a number below {limit}, found {number}")
    return number


def _factor(number: int) -> int:
    if not 1 <= number <= MOST_ITERATIONS:
        raise PlainError(f"expected a factor of at least 1, found {number}")
    return number
