"""A mapping becomes a tile program."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from ..dataflows.accelerator import Memory
from ..frontend.nest import DIMS, OPERANDS, RELEVANT, Operand
from .accesses import HALO, PAIRS, Counter, Point, holds_partial_sums, point_of, replaced, whole
from .accesses import positions as halo_positions
from .mapping import Mapping
from .problem import Problem
from .program import (
    ARRAY,
    REDUCED,
    Buffer,
    Compute,
    Instruction,
    Program,
    Release,
    Tile,
    TileLoop,
    Transfer,
    Wait,
    When,
)

#: Most tiles of a buffer at once: prefetched from a memory without and with latency.
AHEAD: Final = 4
FAR_AHEAD: Final = 64


def lower(problem: Problem, mapping: Mapping) -> Program:
    """The tile program of a well-formed mapping (`mapping.check`)."""
    return _Lowering(problem, mapping).program()


class _Lowering:
    def __init__(self, problem: Problem, mapping: Mapping) -> None:
        self.problem, self.mapping, self.sub = problem, mapping, problem.sub
        self.counter = Counter(problem.nest, problem.sub, mapping)
        self.buffers: list[Buffer] = []
        self.points: list[Point] = []
        for operand in OPERANDS:
            self._place_operand(operand)
        self._spread()

    def _place_operand(self, operand: Operand) -> None:
        levels = self.sub.levels(operand)[:-1]
        for level, memory in enumerate(levels):
            point = point_of(self.problem.nest, self.sub, self.mapping, operand, level)
            width = self.problem.bits.of(operand)
            if operand == "O" and holds_partial_sums(self.counter, level):
                width = self.problem.psum_bits
            doubled = self.mapping.doubled[OPERANDS.index(operand)][level]
            number = len(self.buffers)
            elements = self.counter.footprint(operand, memory, point.tile)
            self.points.append(point)
            self.buffers.append(
                Buffer(
                    memory.name,
                    operand,
                    level,
                    1 + (doubled and replaced(self.counter, operand, level)),
                    elements,
                    width,
                    self.mapping.hoisted(operand, level),
                    number + 1 if level + 1 < len(levels) else None,
                    self._new(memory, point, elements),
                    self._run(point, self.mapping.hoisted(operand, level)),
                )
            )

    def _new(self, memory: Memory, point: Point, elements: int) -> int:
        """Elements of a tile of I that the one before lacks, where it slides."""
        if point.slide is None:
            return elements
        outputs, taps, axis = next(pair for pair in PAIRS if point.slide in pair[:2])
        splits = self.counter.splits[memory.name]
        o, f = (next(splits[dim].tiles(0, point.tile[dim])) for dim in (outputs, taps))
        moved = splits[point.slide].unrolled * point.tile[point.slide]
        first = halo_positions(self.problem.nest, axis, o, f, clip=False)
        if point.slide == outputs:
            o = tuple(index + moved for index in o)
        else:
            f = tuple(index + moved for index in f)
        then = halo_positions(self.problem.nest, axis, o, f, clip=False)
        most = min(len(first), self.problem.nest.input_size[axis])
        return elements // most * min(most, len(then - first))

    def _run(self, point: Point, inside: int) -> int:
        """Tiles in a row of which only the first comes as a whole, at least."""
        if point.slide is None:
            return 1
        factor, tile = self.mapping.temporal[inside].factor, point.tile[point.slide]
        ragged = self.mapping.steps(self.problem.nest, point.slide) % (factor * tile)
        return 1 if ragged else factor

    def _spread(self) -> None:
        """More slots than two where a memory has room to spare.

        Partial sums that come and go take a third one: one drains and one comes in while one is
        used. Weights and inputs take what is left: they come in ahead while the port is free, and
        requests under way need a place to arrive at.
        """
        for memory in self.sub.memories[:-1]:
            here = [n for n, b in enumerate(self.buffers) if b.memory == memory.name]
            doubled = [n for n in here if self.buffers[n].slots > 1]
            self._widen(memory, here, [n for n in doubled if self._alternates(n)], 3)
            inputs = [n for n in doubled if self.buffers[n].operand != "O"]
            self._widen(memory, here, inputs, AHEAD)
            late = [n for n in inputs if self._outer(self.buffers[n]).latency > 0]
            self._widen(memory, here, late, FAR_AHEAD)

    def _widen(self, memory: Memory, here: list[int], which: list[int], most: int) -> None:
        """Share what is left of a memory, up to `most` slots each."""
        if memory.size_bits is None or not which:
            return
        spare = max(0, memory.size_bits - sum(self.buffers[n].bits for n in here)) // len(which)
        for number in which:
            buffer = self.buffers[number]
            room = buffer.bits + spare
            while buffer.slots < most and replace(buffer, slots=buffer.slots + 1).bits <= room:
                buffer = replace(buffer, slots=buffer.slots + 1)
            self.buffers[number] = buffer

    def _returns(self, number: int) -> bool:
        """Whether partial sums leave a buffer of O and come back."""
        buffer = self.buffers[number]
        outside = self.mapping.temporal[buffer.point :]
        return buffer.operand == "O" and any(loop.dim in REDUCED for loop in outside)

    def _alternates(self, number: int) -> bool:
        """Whether partial sums return to a buffer of O, but never two tiles later.

        With three slots that would be before the tile has left.
        """
        if not self._returns(number):
            return False
        tiles = 1
        for inside in range(self.buffers[number].point, len(self.mapping.temporal)):
            loop = self.mapping.temporal[inside]
            if loop.dim in REDUCED:
                break
            whole = self.mapping.tile(self.problem.nest, inside)[loop.dim] * loop.factor
            steps = self.mapping.steps(self.problem.nest, loop.dim)
            if steps % whole:  # at the edge there are fewer
                return False
            tiles *= loop.factor
        return tiles != 2

    def program(self) -> Program:
        """Loops from the inside out, each tile's instructions at its point."""
        temporal = self.mapping.temporal
        innermost = [buffer.point for buffer in self.buffers if buffer.level == 0]
        block = min(innermost, default=len(temporal))
        body: tuple[Instruction | TileLoop, ...] = (self._compute(block),)
        for inside in range(block, len(temporal) + 1):
            here = [n for n, buffer in enumerate(self.buffers) if buffer.point == inside]
            outward = [item for n in here for item in self._leaves(n)]
            body = (*(self._comes(n) for n in self._inward(here)), *body, *outward)
            if inside < len(temporal):
                loop = temporal[inside]
                span = self.mapping.tile(self.problem.nest, inside)[loop.dim]
                steps = self.mapping.steps(self.problem.nest, loop.dim)
                body = (TileLoop(loop.dim, loop.factor, span, steps, body),)
        return Program(self.problem, self.mapping, tuple(self.buffers), body)

    def _inward(self, here: list[int]) -> list[int]:
        """Buffers of one point in the order in which they fill: outer levels first."""
        first = {self.buffers[n].operand for number in here for n in self._filled_before(number)}
        return sorted(reversed(here), key=lambda n: self.buffers[n].operand not in first)

    def _compute(self, inside: int) -> Compute:
        tile = self.mapping.tile(self.problem.nest, inside)
        cycles = self.sub.cycles_per_mac
        for steps in tile.values():
            cycles *= steps
        waits = tuple(Wait("full", n) for n, b in enumerate(self.buffers) if b.level == 0)
        block = tuple(tile[dim] for dim in DIMS)
        return Compute(ARRAY, block, cycles, waits, self._first_command(inside))

    def _first_command(self, inside: int) -> int:
        """Cycles that the stationary operand's tile keeps the first command of a block at least."""
        stationary = (self.sub.skew.operand, 0)
        folds = any((b.operand, b.level) == stationary and b.point == inside for b in self.buffers)
        return self.sub.commands.fold if self.sub.commands is not None and folds else 0

    def _comes(self, number: int) -> Transfer:
        buffer, point = self.buffers[number], self.points[number]
        outputs = buffer.operand == "O"
        returns = self._returns(number)
        waits = [Wait("free", number, buffer.slots)]
        if outputs and returns and buffer.slots > 1:
            waits.append(Wait("free", number, 1, "repeat"))
        if buffer.parent is not None and (returns or not outputs):
            waits.append(Wait("full", buffer.parent, 0, "revisit" if outputs else "always"))
        if not outputs:
            when: When = "whole" if point.slide else "always"
            waits += (Wait("full", first, 0, when) for first in self._filled_before(number))
        width = self.problem.psum_bits if outputs else self.problem.bits.of(buffer.operand)
        begin: Literal["refill", "zero"] = "refill" if returns else "zero"
        return Transfer(
            begin if outputs else "load",
            f"{buffer.name}.in",
            buffer.operand,
            number,
            buffer.memory if outputs and not returns else self._outer(buffer).name,
            buffer.memory,
            self._tile(number),
            (width, width),
            (width, width),
            point.slide,
            tuple(waits),
            "full",
        )

    def _filled_before(self, number: int) -> list[int]:
        """Buffers whose current tile comes in first (`Memory.fills_after`)."""
        buffer = self.buffers[number]
        memory = next(m for m in self.sub.memories if m.name == buffer.memory)
        return [
            other
            for other, first in enumerate(self.buffers)
            if first.memory == memory.fills_after
            and first.operand != "O"
            and first.point >= buffer.point
        ]

    def _leaves(self, number: int) -> list[Instruction]:
        buffer = self.buffers[number]
        direction = "out" if buffer.operand == "O" else "in"
        user = ARRAY
        if buffer.level > 0:
            user = f"{self.buffers[number - 1].name}.{direction}"
        if buffer.operand != "O":
            return [Release(user, number, ("used", "free"))]
        outer = self._outer(buffer)
        waits = [Wait("used", number)]
        if buffer.parent is not None:
            waits.append(Wait("full", buffer.parent))
        partial = self.problem.psum_bits
        drain = Transfer(
            "drain" if buffer.parent is not None else "store",
            f"{buffer.name}.out",
            "O",
            number,
            buffer.memory,
            outer.name,
            self._tile(number),
            (partial, partial),
            self._complete(buffer, outer),
            None,
            tuple(waits),
            "free",
        )
        return [Release(user, number, ("used",)), drain]

    def _outer(self, buffer: Buffer) -> Memory:
        return self.sub.levels(buffer.operand)[buffer.level + 1]

    def _complete(self, buffer: Buffer, outer: Memory) -> tuple[int, int]:
        """Widths on the last visit: final where the whole sum has come together."""
        everything = whole(self.counter)
        inner = self.sub.levels("O")[buffer.level]
        partial, final = self.problem.psum_bits, self.problem.bits.O
        ready = buffer.level > 0 and self.counter.visits("O", inner, everything) == 1
        merged = self.counter.visits("O", outer, everything) == 1
        return (final if ready else partial, final if merged else partial)

    def _tile(self, number: int) -> Tile:
        buffer, steps = self.buffers[number], self.points[number].tile
        nest, splits = self.problem.nest, self.counter.splits[buffer.memory]
        sizes: list[tuple[str, int]] = [
            (dim, splits[dim].first_elements(steps[dim]))
            for dim in RELEVANT[buffer.operand]
            if buffer.operand != "I" or dim not in HALO
        ]
        if buffer.operand == "I":
            for outputs, taps, axis in PAIRS:
                first = next(splits[outputs].tiles(0, steps[outputs]))
                reach = next(splits[taps].tiles(0, steps[taps]))
                touched = len(halo_positions(nest, axis, first, reach, clip=False))
                sizes.append(("IY" if axis == 0 else "IX", min(touched, nest.input_size[axis])))
        return Tile(
            tuple(steps[dim] for dim in DIMS),
            tuple(sizes),
            buffer.elements,
            buffer.elements * buffer.width,
        )
