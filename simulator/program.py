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
from dataclasses import dataclass
from typing import Literal

from ..frontend.nest import DIMS, RELEVANT, Dim, Operand
from .mapping import Mapping
from .problem import Problem

ARRAY = "array"
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
        """`memory.operand`, as dumps call it."""
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


def _flat(body: tuple[Instruction | TileLoop, ...]) -> Iterator[Instruction]:
    for item in body:
        if isinstance(item, TileLoop):
            yield from _flat(item.body)
        else:
            yield item
