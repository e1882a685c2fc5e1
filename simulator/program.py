"""Tile programs: what a mapping makes the hardware do, as static loops of instructions.

A program is a tree of loops. Where a tile of an operand changes (`accesses.point_of`), the body
begins with what brings the tile in and ends with what lets go of it:

    load      W or I: the tile comes from the next outer memory
    refill    O: the tile's place is taken; partial sums come back, the first visit is from zero
    zero      O: the same, where no output is visited twice: nothing moves
    compute   the array runs all temporal steps inside the tiles of its innermost memories
    release   the tile has been used: W and I free their slot, O may leave
    drain     O: the tile leaves for the next outer memory, on chip
    store     O: the same, to the DRAM

**Order.** Each engine executes its instructions in program order, and an instruction begins when
all its waits are over; nothing else orders two engines. An event counts: `full b` is raised when
a tile of buffer b has come in, `used b` by its release, `free b` when its slot may be taken again.
Tile n of a buffer lies in slot `n mod slots`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ..dataflows.accelerator import Memory
from ..frontend.nest import DIMS, OPERANDS, RELEVANT, Dim, Operand
from .accesses import HALO, PAIRS, Counter, Point, holds_partial_sums, point_of, replaced, whole
from .accesses import positions as halo_positions
from .mapping import Mapping
from .problem import Problem

ARRAY = "array"
#: Most tiles of a buffer at once: prefetched from a memory without and with latency.
AHEAD, FAR_AHEAD = 4, 64
#: The dims that an output is summed over.
REDUCED: tuple[Dim, ...] = tuple(dim for dim in DIMS if dim not in RELEVANT["O"])

EventKind = Literal["full", "used", "free"]
When = Literal["always", "revisit", "repeat", "whole"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Until an event of tile `n - behind` of a buffer has been raised; n is the current tile.

    Attributes:
        when: `revisit`, only where partial sums come back; `repeat`, only where moreover the
            tile before was the same one, whose sums may still be on their way out; `whole`, only
            where a tile comes as a whole, not what is new of one that slides.
    """

    event: EventKind
    buffer: int
    behind: int = 0
    when: When = "always"


@dataclass(frozen=True, slots=True)
class Tile:
    """Extent of a tile; those at the edges are smaller.

    Attributes:
        steps: temporal steps of each of `DIMS`.
        sizes: elements along each dim of the operand in one memory instance (IY, IX of I).
        elements: their product.
        bits: of these as the memory keeps them, without second buffer.
    """

    steps: tuple[int, ...]
    sizes: tuple[tuple[str, int], ...]
    elements: int
    bits: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """The place of an operand's tiles in a memory, the same in every instance of it.

    Attributes:
        memory, operand: whose.
        level: of the operand's levels, 0 is the innermost.
        slots: tiles that lie there at once.
        elements: that a slot has room for.
        width: bits that an element takes.
        point: temporal loops inside a tile.
        parent: the buffer of the next outer memory, None where that is the DRAM.
        new: elements of a tile that the one before lacks, where it slides; else all.
        run: tiles in a row of which only the first comes as a whole; 1 where none slides.
    """

    memory: str
    operand: Operand
    level: int
    slots: int
    elements: int
    width: int
    point: int
    parent: int | None
    new: int
    run: int = 1

    @property
    def name(self) -> str:
        return f"{self.memory}.{self.operand}"

    @property
    def bits(self) -> int:
        """That it takes of its memory; tiles that slide share what they have in common."""
        whole = 1 + -(-(self.slots - 1) // self.run)
        return self.width * (whole * self.elements + (self.slots - whole) * self.new)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A tile moves between neighbouring memories, or its place is taken.

    Attributes:
        buffer: the inner of the two, as a number in `Program.buffers`.
        source, destination: memories.
        tile: as the inner memory's instance sees it.
        widths: bits of an element as read and as written; `last_widths` on the last visit to
            an output, when its sum is complete.
        slides: the dim of the enclosing loop along which, after its first iteration, only new
            positions move; the others stay.
        raises: the event when it is done.
    """

    op: Literal["load", "refill", "zero", "drain", "store"]
    engine: str
    operand: Operand
    buffer: int
    source: str
    destination: str
    tile: Tile
    widths: tuple[int, int]
    last_widths: tuple[int, int]
    slides: Dim | None
    waits: tuple[Wait, ...]
    raises: EventKind


@dataclass(frozen=True, slots=True)
class Compute:
    """The array runs a block of temporal steps.

    Attributes:
        steps: of each of `DIMS`; at the edges fewer.
        cycles: of a whole block, without fill and drain of the array, however it is commanded.
        first_command: least cycles of the first command, where stationary operands shift in.
    """

    engine: str
    steps: tuple[int, ...]
    cycles: int
    waits: tuple[Wait, ...]
    first_command: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """The engine that read (W, I) or wrote (O) a tile is done with it."""

    engine: str
    buffer: int
    raises: tuple[EventKind, ...]


Instruction = Transfer | Compute | Release


@dataclass(frozen=True, slots=True)
class TileLoop:
    """`factor` iterations of `span` temporal steps of a dim; those beyond `steps` don't happen."""

    dim: Dim
    factor: int
    span: int
    steps: int
    body: tuple[Instruction | TileLoop, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """The tile program of one loop nest on one sub-accelerator.

    Attributes:
        problem, mapping: what it was lowered from.
        buffers: for W, I, O in turn, innermost first.
        body: outermost loops and instructions.
    """

    problem: Problem
    mapping: Mapping
    buffers: tuple[Buffer, ...]
    body: tuple[Instruction | TileLoop, ...]

    def instructions(self) -> Iterator[Instruction]:
        """Every instruction once, in the order of the text."""
        yield from _flat(self.body)

    @property
    def engines(self) -> tuple[str, ...]:
        """All of them, by first appearance."""
        return tuple(dict.fromkeys(item.engine for item in self.instructions()))

    def describe(self) -> str:
        """Buffers, then the loops with their instructions; `GLB.W[n%2]` is one of two slots."""
        lines = [
            f"buffer {buffer.name}: {buffer.slots} x {buffer.elements} elements"
            f" x {buffer.width} bit"
            for buffer in self.buffers
        ]
        return "\n".join([*lines, *self._text(self.body, "")]) + "\n"

    def _text(self, body: tuple[Instruction | TileLoop, ...], indent: str) -> Iterator[str]:
        for item in body:
            if isinstance(item, TileLoop):
                ragged = item.factor * item.span > item.steps
                edge = f" of {item.steps}" if ragged else ""
                yield f"{indent}for {item.dim} in {item.factor} x {item.span}{edge}:"
                yield from self._text(item.body, indent + "  ")
            else:
                yield indent + self._line(item)

    def _line(self, item: Instruction) -> str:
        if isinstance(item, Release):
            return f"release {self._place(item.buffer)} by {item.engine}"
        waits = ", ".join(map(self._wait, item.waits))
        tail = f" after {waits}" if waits else ""
        if isinstance(item, Compute):
            steps = [f"{d}{n}" for d, n in zip(DIMS, item.steps, strict=True) if n > 1]
            unit = "cycle" if item.cycles == 1 else "cycles"
            return f"compute {' '.join(steps) or 'one step'}, {item.cycles} {unit}{tail}"
        place = self._place(item.buffer)
        way = f"{place} -> {item.destination}"
        if item.op in ("load", "refill", "zero"):
            way = place if item.op == "zero" else f"{item.source} -> {place}"
        sizes = " ".join(f"{dim}{size}" for dim, size in item.tile.sizes if size > 1) or "1"
        slides = f", new along {item.slides}" if item.slides else ""
        back = " (from zero at first)" if item.op == "refill" else ""
        return (
            f"{item.op} {item.operand} {way} {sizes} = {item.tile.bits} bit"
            f"{slides}{back} by {item.engine}{tail}"
        )

    def _place(self, number: int) -> str:
        buffer = self.buffers[number]
        return f"{buffer.name}[n%{buffer.slots}]" if buffer.slots > 1 else buffer.name

    def _wait(self, wait: Wait) -> str:
        name = f"{wait.event} {self.buffers[wait.buffer].name}"
        back = f"[n-{wait.behind}]" if wait.behind else ""
        return name + back + ("" if wait.when == "always" else f" on {wait.when}")


def lower(problem: Problem, mapping: Mapping) -> Program:
    """The tile program of a well-formed mapping (`mapping.check`)."""
    return _Lowering(problem, mapping).program()


def _flat(body: tuple[Instruction | TileLoop, ...]) -> Iterator[Instruction]:
    for item in body:
        if isinstance(item, TileLoop):
            yield from _flat(item.body)
        else:
            yield item


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
