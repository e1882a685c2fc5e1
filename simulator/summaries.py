"""What a result tells of the machine and of a mapping: arrays, memories, loops, tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..dataflows.accelerator import Memory, SubAccelerator
from ..frontend.nest import OPERANDS, RELEVANT, Dim, Operand
from .accesses import HALO, PAIRS, Counter, point_of, replaced, tile_bits, whole
from .mapping import Loop, Mapping, Unroll

if TYPE_CHECKING:
    from .problem import Problem


@dataclass(frozen=True, slots=True)
class MemorySummary:
    """A memory level of a sub-accelerator.

    Attributes:
        size_bits: of one instance, None where it has no bound.
        instances: how often it exists.
        read_bandwidth, write_bandwidth: of one instance, bits per cycle; None is no limit.
        one_port: reads and writes take turns on one port of `read_bandwidth`.
    """

    name: str
    operands: tuple[str, ...]
    size_bits: int | None
    instances: int
    read_bandwidth: float | None
    write_bandwidth: float | None
    one_port: bool

    @property
    def bandwidth(self) -> float:
        """Bits per cycle of one instance, both directions together."""
        read = math.inf if self.read_bandwidth is None else self.read_bandwidth
        write = math.inf if self.write_bandwidth is None else self.write_bandwidth
        return read if self.one_port else read + write


@dataclass(frozen=True, slots=True)
class ArraySummary:
    """A sub-accelerator.

    Attributes:
        template: its dataflow.
        axes: PEs along each axis.
        macs_per_cycle: multiply-accumulates per cycle, all PEs busy.
        memories: innermost first, the DRAM last.
        dram_reserved: its bandwidth of the DRAM is its own, whatever others do.
    """

    name: str
    template: str
    axes: Table[str, int]
    macs_per_cycle: float
    memories: tuple[MemorySummary, ...]
    dram_reserved: bool = False

    @property
    def dram(self) -> MemorySummary:
        """The outermost memory, which holds every operand."""
        return self.memories[-1]


@dataclass(frozen=True, slots=True)
class Tile:
    """What one instance of a memory holds of an operand.

    Attributes:
        inside: how many of the innermost temporal loops run inside it.
        bits: without a second buffer.
        doubled: it has one, so that the next tile comes in while this one is used.
        sizes: indices along each dim of the operand; `IY` and `IX` are input rows and columns.
    """

    memory: str
    operand: str
    inside: int
    bits: int
    doubled: bool
    sizes: Table[str, int]


@dataclass(frozen=True, slots=True)
class MappedLoops:
    """A mapping as loops and tiles.

    Attributes:
        spatial: dims that run side by side.
        temporal: loops, outermost first.
        tiles: outermost memory first.
        reload: a tile is fetched anew in every iteration outside it.
    """

    spatial: tuple[Unroll, ...]
    temporal: tuple[Loop, ...]
    tiles: tuple[Tile, ...]
    reload: bool = False

    def to_json(self) -> dict[str, Any]:
        """As in `result.schema.json`."""
        return {
            "spatial": [{"axis": u.axis, "dim": u.dim, "factor": u.factor} for u in self.spatial],
            "temporal": [{"dim": loop.dim, "factor": loop.factor} for loop in self.temporal],
            "tiles": [
                {
                    "memory": tile.memory,
                    "operand": tile.operand,
                    "inside": tile.inside,
                    "bits": tile.bits,
                    "doubled": tile.doubled,
                    "sizes": dict(tile.sizes),
                }
                for tile in self.tiles
            ],
            "reload": self.reload,
        }


def array_summary(sub: SubAccelerator) -> ArraySummary:
    """A sub-accelerator as a result tells it."""
    return ArraySummary(
        sub.name,
        sub.template,
        {axis.name: axis.size for axis in sub.axes},
        sub.pes / sub.cycles_per_mac,
        tuple(
            MemorySummary(
                memory.name,
                memory.operands,
                memory.size_bits,
                sub.instances(memory),
                _limit(memory.read_bandwidth),
                _limit(memory.write_bandwidth),
                memory.one_port,
            )
            for memory in sub.memories
        ),
        sub.dram_reserved,
    )


def array_json(array: ArraySummary) -> dict[str, Any]:
    """As in `result.schema.json`."""
    return {
        "name": array.name,
        "template": array.template,
        "axes": dict(array.axes),
        "macs_per_cycle": array.macs_per_cycle,
        "dram_reserved": array.dram_reserved,
        "memories": [
            {
                "name": memory.name,
                "operands": list(memory.operands),
                "size_bits": memory.size_bits,
                "instances": memory.instances,
                "read_bandwidth": memory.read_bandwidth,
                "write_bandwidth": memory.write_bandwidth,
                "one_port": memory.one_port,
            }
            for memory in array.memories
        ],
    }


def mapped_loops(problem: Problem, mapping: Mapping) -> MappedLoops:
    """A mapping with its tile of every operand in every memory that serves it."""
    sub, nest = problem.sub, problem.nest
    counter = Counter(nest, sub, mapping)
    bits = tile_bits(counter, problem.bits, problem.psum_bits)
    everything = whole(counter)
    place = {memory.name: n for n, memory in enumerate(sub.memories)}
    tiles: list[Tile] = []
    for row, operand in enumerate(OPERANDS):
        *levels, dram = sub.levels(operand)
        tiles.append(
            Tile(
                dram.name,
                operand,
                len(mapping.temporal),
                problem.bits.of(operand) * counter.footprint(operand, dram, everything),
                False,
                _sizes(counter, operand, dram, everything),
            )
        )
        for level, memory in enumerate(levels):
            tiles.append(
                Tile(
                    memory.name,
                    operand,
                    mapping.boundaries[row][level],
                    bits[memory.name, operand],
                    mapping.doubled[row][level] and replaced(counter, operand, level),
                    _sizes(
                        counter,
                        operand,
                        memory,
                        point_of(nest, sub, mapping, operand, level).tile,
                    ),
                )
            )
    tiles.sort(key=lambda tile: -place[tile.memory])
    spatial = tuple(unroll for unroll in mapping.spatial if unroll.factor > 1)
    return MappedLoops(spatial, mapping.temporal[::-1], tuple(tiles), mapping.reload)


def _sizes(
    counter: Counter, operand: Operand, memory: Memory, steps: dict[Dim, int]
) -> dict[str, int]:
    """Indices of each dim that the first instance holds for a tile of so many steps."""
    splits = counter.splits[memory.name]
    sizes: dict[str, int] = {
        dim: splits[dim].first_elements(steps[dim])
        for dim in RELEVANT[operand]
        if operand != "I" or dim not in HALO
    }
    if operand == "I":
        for outputs, taps, axis in PAIRS:
            rows = counter.touched(memory, outputs, taps, axis, steps)
            sizes["IY" if axis == 0 else "IX"] = rows
    return {dim: size for dim, size in sizes.items() if size > 1}


def _limit(bandwidth: float) -> float | None:
    return None if math.isinf(bandwidth) else bandwidth
