"""Which addresses a tile has, in which instance of a memory: for execution on data.

A key is `instance * size + address`: the instance of a memory (flat, over the axes that do not
share it) and the flat position in the operand's array.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..frontend.nest import DIMS, OPERANDS, RELEVANT, Dim, LoopNest, Operand
from .accesses import PAIRS
from .mapping import Mapping
from .problem import Problem

Keys = npt.NDArray[np.int64]


def operand_shape(nest: LoopNest, operand: Operand) -> tuple[int, ...]:
    """Shape of an operand's array: W[g, k, c, fy, fx], I[b, g, c, iy, ix], O[b, g, k, oy, ox]."""
    if operand == "I":
        return (nest["B"], nest["G"], nest["C"], *nest.input_size)
    return tuple(nest[dim] for dim in RELEVANT[operand])


@dataclass(frozen=True, slots=True)
class Block:
    """Multiply-accumulates, one per entry.

    Attributes:
        macs: flat index in the nest.
        step: number of the temporal step.
        keys: of every operand in its innermost memory; -1 is zero padding.
    """

    macs: Keys
    step: Keys
    keys: dict[Operand, Keys]


class Addresses:
    """Addresses of one mapping."""

    def __init__(self, problem: Problem, mapping: Mapping) -> None:
        self.nest, self.sub, self.mapping = problem.nest, problem.sub, mapping
        self.shapes = {operand: operand_shape(problem.nest, operand) for operand in OPERANDS}
        self.unrolled = {dim: mapping.unrolled(dim) for dim in DIMS}
        self.first, where = self._pes()
        self.instance = {
            memory.name: self._instances(where, memory.shared) for memory in self.sub.memories
        }
        self._known: dict[tuple[object, ...], Keys] = {}
        self._above: dict[tuple[str, str], Keys] = {}

    def size(self, operand: Operand) -> int:
        """Addresses of an operand."""
        return math.prod(self.shapes[operand])

    def _pes(self) -> tuple[dict[Dim, Keys], dict[str, Keys]]:
        """Of every PE in use, the first index of each dim, and its place on each axis."""
        unrolls = self.mapping.spatial
        places = list(itertools.product(*(range(unroll.factor) for unroll in unrolls)))
        first: dict[Dim, Keys] = {dim: np.zeros(len(places), np.int64) for dim in DIMS}
        where = {axis.name: np.zeros(len(places), np.int64) for axis in self.sub.axes}
        stride: dict[Dim, int] = dict.fromkeys(DIMS, 1)
        scale = dict.fromkeys(where, 1)
        for column, unroll in enumerate(unrolls):
            place = np.array([row[column] for row in places], np.int64)
            first[unroll.dim] += place * stride[unroll.dim]
            where[unroll.axis] += place * scale[unroll.axis]
            stride[unroll.dim] *= unroll.factor
            scale[unroll.axis] *= unroll.factor
        return first, where

    def _instances(self, where: dict[str, Keys], shared: tuple[str, ...]) -> Keys:
        number = np.zeros(len(self.first["B"]), np.int64)
        for axis in self.sub.axes:
            if axis.name not in shared:
                number = number * axis.size + where[axis.name]
        return number

    def outward(self, keys: Keys, operand: Operand, inner: str, outer: str) -> Keys:
        """The same addresses in the instances of an outer memory."""
        if (inner, outer) not in self._above:
            above = np.zeros(int(self.instance[inner].max()) + 1, np.int64)
            above[self.instance[inner]] = self.instance[outer]
            self._above[inner, outer] = above
        instance, address = np.divmod(keys, self.size(operand))
        found: Keys = self._above[inner, outer][instance] * self.size(operand) + address
        return found

    def tile(
        self, memory: str, operand: Operand, steps: tuple[int, ...], starts: tuple[int, ...]
    ) -> Keys:
        """Sorted keys of a tile, zero padding left out."""
        # Of the other dims it matters only which PEs have work at all.
        begin = tuple(
            start if dim in RELEVANT[operand] or self._ragged(dim, start) else 0
            for dim, start in zip(DIMS, starts, strict=True)
        )
        asked = (memory, operand, steps, begin)
        if asked not in self._known:
            if len(self._known) > 256:
                self._known.clear()
            self._known[asked] = self._tile(memory, operand, steps, begin)
        return self._known[asked]

    def _tile(
        self, memory: str, operand: Operand, steps: tuple[int, ...], starts: tuple[int, ...]
    ) -> Keys:
        # Of the other dims it matters only whether the PE has work at all.
        spans = {dim: steps[row] if dim in RELEVANT[operand] else 1 for row, dim in enumerate(DIMS)}
        begin = dict(zip(DIMS, starts, strict=True))
        rows = [self.instance[memory], *(self.first[dim] for dim in RELEVANT[operand])]
        busy = np.ones(len(rows[0]), np.bool_)
        for dim in DIMS:
            busy &= self.first[dim] + self.unrolled[dim] * begin[dim] < self.nest[dim]
        alike = np.unique(np.stack(rows)[:, busy], axis=1)
        first = dict(zip(RELEVANT[operand], alike[1:], strict=True))
        index = self._grid(first, begin, spans, RELEVANT[operand])
        keys = self._keys(operand, alike[0], index)
        return np.unique(keys[keys >= 0])

    def _ragged(self, dim: Dim, step: int) -> bool:
        """Whether PEs have no work in a step of a dim."""
        return self.unrolled[dim] * (step + 1) > self.nest[dim]

    def _grid(
        self,
        first: dict[Dim, Keys],
        begin: dict[Dim, int],
        spans: dict[Dim, int],
        dims: tuple[Dim, ...],
    ) -> dict[Dim, Keys]:
        """Index of each dim by (PE, step of the first dim, …), to be broadcast."""
        found: dict[Dim, Keys] = {}
        for axis, dim in enumerate(dims, start=1):
            last = min(begin[dim] + spans[dim], -(-self.nest[dim] // self.unrolled[dim]))
            steps = np.arange(begin[dim], last) * self.unrolled[dim]
            pes = first[dim].reshape(-1, *(1 for _ in dims))
            along = [1] * (len(dims) + 1)
            along[axis] = len(steps)
            found[dim] = pes + steps.reshape(along)
        return found

    def _keys(self, operand: Operand, instance: Keys, index: dict[Dim, Keys]) -> Keys:
        """Keys of an index grid; -1 where there is no work, or zero padding."""
        real: npt.NDArray[np.bool_] = np.array(True)
        for dim, values in index.items():
            if self.nest[dim] % self.unrolled[dim]:
                real = real & (values < self.nest[dim])
        place: list[Keys] = []
        if operand == "I":
            place = [index["B"], index["G"], index["C"]]
            for outputs, taps, axis in PAIRS:
                position = self.nest.stride[axis] * index[outputs] - self.nest.pad[axis]
                position = position + self.nest.dilation[axis] * index[taps]
                real = real & (position >= 0) & (position < self.nest.input_size[axis])
                place.append(position)
        else:
            place = [index[dim] for dim in RELEVANT[operand]]
        key = instance.reshape(-1, *(1 for _ in range(place[0].ndim - 1)))
        for values, size in zip(place, self.shapes[operand], strict=True):
            key = key * size + values
        return np.where(real, key, -1)

    def blocks(
        self, steps: tuple[int, ...], starts: tuple[int, ...], limit: int
    ) -> Iterator[Block]:
        """The multiply-accumulates of a block of steps, at most `limit` or one step at a time."""
        spans = [
            min(span, -(-self.nest[dim] // self.unrolled[dim]) - start)
            for dim, span, start in zip(DIMS, steps, starts, strict=True)
        ]
        widest = max(range(len(DIMS)), key=spans.__getitem__)
        if math.prod(spans) * len(self.first["B"]) > limit and spans[widest] > 1:
            half = spans[widest] // 2
            for begin, span in ((0, half), (half, spans[widest] - half)):
                part, place = list(spans), list(starts)
                part[widest], place[widest] = span, place[widest] + begin
                yield from self.blocks(tuple(part), tuple(place), limit)
            return
        yield self._block(dict(zip(DIMS, spans, strict=True)), dict(zip(DIMS, starts, strict=True)))

    def _block(self, spans: dict[Dim, int], begin: dict[Dim, int]) -> Block:
        index = self._grid(self.first, begin, spans, DIMS)
        shape = np.broadcast_shapes(*(values.shape for values in index.values()))
        work = np.ones(shape, np.bool_)
        macs: Keys = np.zeros(shape, np.int64)
        for dim in DIMS:
            if self.nest[dim] % self.unrolled[dim]:
                work &= index[dim] < self.nest[dim]
            macs = macs * self.nest[dim] + index[dim]
        step = np.broadcast_to(np.arange(math.prod(shape[1:])).reshape(1, *shape[1:]), shape)
        keys = {
            operand: np.broadcast_to(
                self._keys(operand, self.instance[self.sub.levels(operand)[0].name], index), shape
            )[work]
            for operand in OPERANDS
        }
        return Block(macs[work], step[work], keys)

    def distinct(self, operand: Operand, memory: str, keys: Keys, step: Keys) -> int:
        """How many elements the instances of a memory deal with, one by one step."""
        instances = int(self.instance[memory].max()) + 1
        return len(np.unique(step * (instances * self.size(operand)) + keys))
