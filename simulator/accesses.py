"""Exact access counts of a mapping, in closed form.

The compiled kernel computes the same numbers; this is the version to read. `interpreter.py`
counts them by walking the loops, and tests hold the three equal.

**Conventions.** A tile is fetched when the loops outside its point (`Mapping.hoisted`) advance.
Several memories that fetch the same word from one parent get it by one read (multicast); partial
sums of PEs that share the parent are added on the way, one write. A partial sum that returns is
read once and handed to one child (the head of the reduction chain). The first visit to an output
starts from zero, nothing is read. Zero padding is neither stored nor fetched.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..dataflows.accelerator import Memory, SubAccelerator
from ..frontend.nest import DIMS, OPERANDS, RELEVANT, Dim, LoopNest, Operand, OperandBits
from .mapping import Mapping

Purpose = Literal["compute", "fill", "drain", "refill"]

#: Output and filter dims that share an input axis, and that axis' position in stride, pad, …
PAIRS: tuple[tuple[Dim, Dim, int], ...] = (("OY", "FY", 0), ("OX", "FX", 1))
HALO: frozenset[Dim] = frozenset(("OY", "OX", "FY", "FX"))


@dataclass(frozen=True, slots=True)
class Access:
    """Elements read from or written to a memory for one reason.

    Attributes:
        memory: name of the level.
        operand: W, I or O.
        write: direction.
        purpose: `compute` feeds or takes results of multiply-accumulates, `fill` fetches from
            the next outer level, `drain` sends outputs outward, `refill` brings partial sums back.
        bits: width of an element.
        elements: over all instances of the level.
        fullest: of the first instance alone (which is never idle), as if there were no padding
            where the level is replicated: what its port is reserved for.
        level: of the operand's levels, which link: 0 is the innermost one.
    """

    memory: str
    operand: Operand
    write: bool
    purpose: Purpose
    bits: int
    elements: int
    fullest: int
    level: int


@dataclass(frozen=True, slots=True)
class Split:
    """A dim as one memory sees it: what of it goes to each instance.

    Attributes:
        size, unrolled: of the dim.
        starts: first index in each instance.
        within: offsets that one instance covers in one temporal step.
    """

    size: int
    unrolled: int
    starts: tuple[int, ...]
    within: tuple[int, ...]

    @property
    def steps(self) -> int:
        """Temporal steps of the instance with the most work."""
        return -(-self.size // self.unrolled)

    def active(self, start: int) -> int:
        """Temporal steps in which the instance at `start` has work."""
        return -(-(self.size - start) // self.unrolled) if start < self.size else 0

    def visits(self, tile: int) -> int:
        """Tiles of `tile` steps, summed over the instances."""
        return sum(-(-self.active(start) // tile) for start in self.starts)

    def first_elements(self, tile: int) -> int:
        """Elements of the first instance's first tile."""
        return sum(1 for i in self._indices(0, 0, tile))

    def tiles(self, start: int, tile: int) -> Iterator[tuple[int, ...]]:
        """Indices in each tile of the instance at `start`."""
        for first in range(0, self.active(start), tile):
            yield tuple(self._indices(start, first, tile))

    def _indices(self, start: int, first: int, tile: int) -> Iterator[int]:
        for step in range(first, first + tile):
            for offset in self.within:
                index = start + offset + self.unrolled * step
                if index < self.size:
                    yield index


def split(nest: LoopNest, mapping: Mapping, memory: Memory, dim: Dim) -> Split:
    """How `memory` sees `dim`."""
    starts, within, stride = [0], [0], 1
    for unroll in mapping.spatial:
        if unroll.dim != dim:
            continue
        offsets = [stride * i for i in range(unroll.factor)]
        if unroll.axis in memory.shared:
            within = [a + b for b in offsets for a in within]
        else:
            starts = [a + b for b in offsets for a in starts]
        stride *= unroll.factor
    return Split(nest[dim], stride, tuple(starts), tuple(sorted(within)))


def positions(
    nest: LoopNest, axis: int, outputs: tuple[int, ...], taps: tuple[int, ...], *, clip: bool = True
) -> set[int]:
    """Input positions that a tile of outputs and filter taps touches along one axis."""
    stride, dilation, pad = nest.stride[axis], nest.dilation[axis], nest.pad[axis]
    touched = {stride * o + dilation * f - pad for o in outputs for f in taps}
    if not clip:
        return touched
    return {position for position in touched if 0 <= position < nest.input_size[axis]}


@dataclass(frozen=True, slots=True)
class Point:
    """Where a tile changes: temporal steps inside it, and the loop along which it slides.

    Attributes:
        tile: steps per dim inside the tile.
        slide: the halo dim of the next outer loop where the level keeps the overlap, else None.
        slide_tile: steps of that dim inside the next outer loop.
    """

    tile: dict[Dim, int]
    slide: Dim | None = None
    slide_tile: int = 0


def point_of(
    nest: LoopNest, sub: SubAccelerator, mapping: Mapping, operand: Operand, level: int
) -> Point:
    """The point at which the tile of an operand's level changes."""
    memory = sub.levels(operand)[level]
    inside = mapping.hoisted(operand, level)
    tile = mapping.tile(nest, inside)
    slides = memory.sliding and not mapping.reload
    if operand == "I" and slides and feeder_stays(mapping, level, inside):
        dim = mapping.temporal[inside].dim
        if dim in HALO and can_slide(mapping, memory, dim):
            return Point(tile, dim, mapping.tile(nest, inside + 1)[dim])
    return Point(tile)


def feeder_stays(mapping: Mapping, level: int, inside: int) -> bool:
    """Whether the next outer loop is inside the tile of the level that feeds I's level.

    Only then can I's tile slide along it: else its feeder would change whole tiles underneath.
    """
    outer = (*mapping.boundaries[OPERANDS.index("I")], len(mapping.temporal))
    return outer[level + 1] > inside if level + 2 < len(outer) else inside < len(mapping.temporal)


def can_slide(mapping: Mapping, memory: Memory, dim: Dim) -> bool:
    """A level keeps the overlap along `dim` unless its instances split that input axis."""
    pair = next({o, f} for o, f, _ in PAIRS if dim in (o, f))
    return not any(
        unroll.dim in pair and unroll.factor > 1 and unroll.axis not in memory.shared
        for unroll in mapping.spatial
    )


class Counter:
    """Counts tiles and elements of one mapping, as seen from each memory."""

    def __init__(self, nest: LoopNest, sub: SubAccelerator, mapping: Mapping) -> None:
        self.nest, self.sub, self.mapping = nest, sub, mapping
        self.splits = {
            memory.name: {dim: split(nest, mapping, memory, dim) for dim in DIMS}
            for memory in sub.memories
        }

    def visits(self, operand: Operand, memory: Memory, tile: dict[Dim, int]) -> int:
        """How often each element of an operand is visited: tiles of the other dims."""
        return math.prod(
            self.splits[memory.name][dim].visits(tile[dim])
            for dim in DIMS
            if dim not in RELEVANT[operand]
        )

    def first_visits(self, operand: Operand, memory: Memory, tile: dict[Dim, int]) -> int:
        """As `visits`, of the first instance."""
        return math.prod(
            -(-self.splits[memory.name][dim].steps // tile[dim])
            for dim in DIMS
            if dim not in RELEVANT[operand]
        )

    def elements(self, operand: Operand, memory: Memory, point: Point) -> int:
        """Elements in all tiles, over all instances, in one pass over the operand."""
        plain = [d for d in RELEVANT[operand] if operand != "I" or d not in HALO]
        count = math.prod(self.nest[dim] for dim in plain)
        if operand == "I":
            for outputs, taps, axis in PAIRS:
                count *= self._halo(memory, outputs, taps, axis, point, first=False)
        return count

    def first_elements(self, operand: Operand, memory: Memory, point: Point) -> int:
        """As `elements`, of the first instance, padding included where it is replicated."""
        if self.sub.instances(memory) == 1:
            return self.elements(operand, memory, point)
        splits = self.splits[memory.name]
        plain = [d for d in RELEVANT[operand] if operand != "I" or d not in HALO]
        count = math.prod(splits[dim].first_elements(splits[dim].steps) for dim in plain)
        if operand == "I":
            for outputs, taps, axis in PAIRS:
                count *= self._halo(memory, outputs, taps, axis, point, first=True)
        return count

    def _halo(
        self, memory: Memory, outputs: Dim, taps: Dim, axis: int, point: Point, *, first: bool
    ) -> int:
        """Input positions along one axis, summed over tiles (and instances)."""
        o, f = self.splits[memory.name][outputs], self.splits[memory.name][taps]
        count = 0
        for o_start in o.starts[:1] if first else o.starts:
            for f_start in f.starts[:1] if first else f.starts:
                o_tiles = list(o.tiles(o_start, point.tile[outputs]))
                f_tiles = list(f.tiles(f_start, point.tile[taps]))
                clip = not first
                if point.slide == outputs:
                    span = -(-point.slide_tile // point.tile[outputs])
                    count += sum(
                        self._slide(axis, [(t, ft) for t in o_tiles], span, clip) for ft in f_tiles
                    )
                elif point.slide == taps:
                    span = -(-point.slide_tile // point.tile[taps])
                    count += sum(
                        self._slide(axis, [(ot, t) for t in f_tiles], span, clip) for ot in o_tiles
                    )
                else:
                    count += sum(
                        len(positions(self.nest, axis, ot, ft, clip=clip))
                        for ot in o_tiles
                        for ft in f_tiles
                    )
        return count

    def _slide(
        self,
        axis: int,
        tiles: list[tuple[tuple[int, ...], tuple[int, ...]]],
        span: int,
        clip: bool,
    ) -> int:
        """Of every `span` consecutive tiles, the first whole, of the others what is new."""
        count, held = 0, set[int]()
        for number, (outputs, taps) in enumerate(tiles):
            needed = positions(self.nest, axis, outputs, taps, clip=clip)
            count += len(needed if number % span == 0 else needed - held)
            held = needed
        return count

    def footprint(self, operand: Operand, memory: Memory, tile: dict[Dim, int]) -> int:
        """Elements that the first instance must hold for a tile."""
        splits = self.splits[memory.name]
        plain = [d for d in RELEVANT[operand] if operand != "I" or d not in HALO]
        count = math.prod(splits[dim].first_elements(tile[dim]) for dim in plain)
        if operand == "I":
            for outputs, taps, axis in PAIRS:
                count *= self.touched(memory, outputs, taps, axis, tile)
        return count

    def touched(
        self, memory: Memory, outputs: Dim, taps: Dim, axis: int, tile: dict[Dim, int]
    ) -> int:
        """Input positions along one axis that the first instance must hold for a tile."""
        splits = self.splits[memory.name]
        o = next(splits[outputs].tiles(0, tile[outputs]))
        f = next(splits[taps].tiles(0, tile[taps]))
        count = len(positions(self.nest, axis, o, f, clip=False))
        return min(count, self.nest.input_size[axis])


def whole(counter: Counter) -> dict[Dim, int]:
    """The tile that spans every dim."""
    return {dim: counter.mapping.steps(counter.nest, dim) for dim in DIMS}


def accesses(
    nest: LoopNest, bits: OperandBits, psum_bits: int, sub: SubAccelerator, mapping: Mapping
) -> list[Access]:
    """Every access of a mapping.

    Args:
        bits: widths of W, I and of final outputs O.
        psum_bits: width of partial sums.
    """
    counter = Counter(nest, sub, mapping)
    found: list[Access] = []
    for operand in ("W", "I"):
        found += _operand_reads(counter, operand, bits.of(operand))
    return found + _outputs(counter, bits.O, psum_bits)


def _operand_reads(counter: Counter, operand: Operand, width: int) -> list[Access]:
    levels = counter.sub.levels(operand)
    single = Point(dict.fromkeys(DIMS, 1))

    def access(memory: Memory, write: bool, purpose: Purpose, point: Point, level: int) -> Access:
        return Access(
            memory.name,
            operand,
            write,
            purpose,
            width,
            counter.elements(operand, memory, point) * counter.visits(operand, memory, point.tile),
            counter.first_elements(operand, memory, point)
            * counter.first_visits(operand, memory, point.tile),
            level,
        )

    found = [access(levels[0], False, "compute", single, 0)]
    for level, (child, parent) in enumerate(itertools.pairwise(levels)):
        point = point_of(counter.nest, counter.sub, counter.mapping, operand, level)
        found.append(access(child, True, "fill", point, level))
        found.append(access(parent, False, "fill", point, level))
    return found


def _outputs(counter: Counter, final_bits: int, psum_bits: int) -> list[Access]:
    levels = counter.sub.levels("O")
    ones, everything = dict.fromkeys(DIMS, 1), whole(counter)
    found: list[Access] = []

    def add(
        memory: Memory,
        write: bool,
        purpose: Purpose,
        width: int,
        visits: int,
        first: int,
        level: int,
    ) -> None:
        if visits or first:
            size = counter.nest.elements("O")
            fullest = counter.first_elements("O", memory, Point(ones)) * first
            found.append(
                Access(memory.name, "O", write, purpose, width, size * visits, fullest, level)
            )

    inner = levels[0]
    updates = counter.visits("O", inner, ones)
    first_updates = counter.first_visits("O", inner, ones)
    fresh, first_fresh = counter.visits("O", inner, everything), 1
    for level, (child, parent) in enumerate(itertools.pairwise(levels)):
        tile = point_of(counter.nest, counter.sub, counter.mapping, "O", level).tile
        drains, merged = counter.visits("O", child, tile), counter.visits("O", parent, tile)
        first = counter.first_visits("O", child, tile)
        parts = counter.visits("O", parent, everything)  # partial results that never meet here
        if level == 0:
            fresh, first_fresh = drains - (merged - parts), 1
        # The last visit leaves in final form where the whole sum has come together.
        child_final = level > 0 and counter.visits("O", child, everything) == 1
        for memory, write, visits, final in (
            (child, False, drains, child_final),
            (parent, True, merged, parts == 1),
        ):
            add(memory, write, "drain", psum_bits, visits - final, first - final, level)
            add(memory, write, "drain", final_bits, int(final), int(final), level)
        add(parent, False, "refill", psum_bits, merged - parts, first - 1, level)
        add(child, True, "refill", psum_bits, merged - parts, first - 1, level)
    add(inner, True, "compute", psum_bits, updates, first_updates, 0)
    add(inner, False, "compute", psum_bits, updates - fresh, first_updates - first_fresh, 0)
    return found


def holds_partial_sums(counter: Counter, level: int) -> bool:
    """Whether an operand-O level holds partial sums (psum width) or final outputs."""
    if level == 0:
        return True
    memory = counter.sub.levels("O")[level]
    tile = point_of(counter.nest, counter.sub, counter.mapping, "O", level - 1).tile
    return counter.visits("O", memory, tile) > 1


def tile_bits(
    counter: Counter, bits: OperandBits, psum_bits: int
) -> dict[tuple[str, Operand], int]:
    """Bits of each operand's tile in one instance of each on-chip level."""
    found: dict[tuple[str, Operand], int] = {}
    for operand in OPERANDS:
        for level, memory in enumerate(counter.sub.levels(operand)[:-1]):
            point = point_of(counter.nest, counter.sub, counter.mapping, operand, level)
            width = bits.of(operand)
            if operand == "O" and holds_partial_sums(counter, level):
                width = psum_bits
            found[memory.name, operand] = width * counter.footprint(operand, memory, point.tile)
    return found


def replaced(counter: Counter, operand: Operand, level: int) -> bool:
    """Whether a level's tile is ever fetched again (else it needs no second buffer)."""
    tile = point_of(counter.nest, counter.sub, counter.mapping, operand, level).tile
    dims = DIMS if counter.mapping.reload else RELEVANT[operand]
    return any(tile[dim] < counter.mapping.steps(counter.nest, dim) for dim in dims)
