"""An accelerator as the simulator sees it: every parameter resolved to a number.

Units: sizes in bits, bandwidth in bits per cycle, energy in pJ, area in mm², leakage in mW.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..frontend.nest import Dim, LoopNest, Operand
from .resources import Device, Resources, total

Buffering = Literal["double", "single", "auto"]
Direction = Literal["read", "write"]
Layout = Literal["tiles", "rows", "channels-last"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the PE array.

    Attributes:
        name: `row`, `column`, …
        size: PEs along it.
        dims: loop dims that may be unrolled along it, in order of preference.
        most: (dim, indices of it side by side at most) where that is less than `size`.
    """

    name: str
    size: int
    dims: tuple[Dim, ...]
    most: tuple[tuple[Dim, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache between the chip's port and the DRAM; a burst is a line of it.

    Attributes:
        size_bits: capacity.
        bandwidth: bits per cycle of what hits.
    """

    size_bits: int
    bandwidth: float = math.inf


@dataclass(frozen=True, slots=True)
class Bursts:
    """How a DRAM is accessed; only `cycle` fidelity looks at it.

    Attributes:
        burst_bits: what one access moves at least.
        row_bits: of an open page, over all channels.
        activate: cycles between opening two rows, banks taking turns.
        layout: of tensors: `tiles`, every tile in one piece and in the order of the transfers, as
            compilers arrange them; or `rows`, inputs and outputs row by row (b, g, channel, y, x);
            or `channels-last`, inputs and outputs pixel by pixel (b, y, x, g, channel) and weights
            by tap and input channel (g, fy, fx, c, k).
        caches: in front of the DRAM, the nearest first, each larger than the one before.
        device_bandwidth, device_write_bandwidth: of what no cache holds, bits per cycle; of
            writes with the fetches that they cause.
        request: least cycles of a request: what lies together along the innermost dim is asked
            for line by line.
    """

    burst_bits: int
    row_bits: int
    activate: float
    layout: Layout = "tiles"
    caches: tuple[Cache, ...] = ()
    device_bandwidth: float = math.inf
    device_write_bandwidth: float = math.inf
    request: float = 0.0

    def level(self, bits: int) -> int:
        """The first cache that so much fits, their number where none does."""
        fits = (n for n, cache in enumerate(self.caches) if bits <= cache.size_bits)
        return next(fits, len(self.caches))

    def bandwidth(self, level: int, *, write: bool) -> float:
        """Bits per cycle to or from a level.

        A write to a line that the nearest cache lacks fetches and, later, evicts it.
        """
        if level == len(self.caches):
            return self.device_write_bandwidth if write else self.device_bandwidth
        return self.caches[level].bandwidth / (2 if write and level > 0 else 1)


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory level.

    Attributes:
        name: unique in the sub-accelerator.
        operands: the operands that it serves; the others pass it by.
        size_bits: capacity of one instance; None is unbounded (off-chip).
        shared: axes along which all PEs share one instance. The level has one instance for
            every index of the other axes.
        read_bandwidth, write_bandwidth: of one instance, bits per cycle; `math.inf` is no limit.
        one_port: reads and writes take turns on one port of `read_bandwidth`.
        latency: cycles from a request to its first word; only `cycle` fidelity looks at it.
        bursts: of a DRAM whose type is known.
        read_energy, write_energy: pJ per bit.
        transfer_bandwidth: of the network between one instance of the next outer level and the
            instances of this one that it serves, bits per cycle each way; what several get alike
            is carried once. Counts where a mapping is executed; the mapper refuses it.
        transfer_energy: pJ per bit carried over that network, counted at this level's end.
        fills_after: another level. A tile here starts to come once that level's current tile is
            there; what slides does not wait. Only `cycle` fidelity looks at it.
        buffering: `double` keeps half the capacity for the next tile, so that fills overlap with
            compute; `single` uses all of it and stalls while filling; `auto` is double where
            the tile fits twice.
        sliding: of a tile of I that moves along one of OY, OX, FY, FX only the new positions
            are fetched.
        complete_outputs: partial sums never leave (output-stationary).
        swaps_with: a memory that this one changes roles with between layers, so that outputs that
            lie here are the next layer's inputs there.
        tiled: for an operand, the dims that its tile here may span in time; None is all.
        area_mm2, leakage_mw: of all instances together.
        source: where energy and area come from.
    """

    name: str
    operands: tuple[Operand, ...]
    size_bits: int | None
    shared: tuple[str, ...]
    read_bandwidth: float = math.inf
    write_bandwidth: float = math.inf
    one_port: bool = False
    read_energy: float = 0.0
    write_energy: float = 0.0
    transfer_energy: float = 0.0
    buffering: Buffering = "double"
    sliding: bool = False
    complete_outputs: bool = False
    tiled: Mapping[Operand, tuple[Dim, ...] | None] = field(default_factory=dict)
    area_mm2: float = 0.0
    leakage_mw: float = 0.0
    source: str = ""
    latency: float = 0.0
    bursts: Bursts | None = None
    swaps_with: str = ""
    transfer_bandwidth: float = math.inf
    fills_after: str | None = None


@dataclass(frozen=True, slots=True)
class Skew:
    """Cycles that the array needs beyond the streamed ones.

    Attributes:
        cycles: fill and drain of a systolic array (rows + columns - 2), 0 for a broadcast array.
        per: once per `layer`, or per `fold`: each time the innermost tile of `operand` changes.
        operand: the stationary operand that a fold is counted by.
    """

    cycles: int = 0
    per: Literal["layer", "fold"] = "layer"
    operand: Operand = "W"


@dataclass(frozen=True, slots=True)
class Commands:
    """How work reaches an array that executes commands; only `cycle` fidelity looks at it.

    Attributes:
        dim: along which a command streams; the array takes one command after the other.
        length: most steps of it in one command.
        interval: cycles that issuing a command takes.
        ahead: commands that wait in front of the array, issued while it executed a long one (a
            first one, or one of full length).
        least: cycles that a command takes at least.
        fold: least cycles of the first command on new stationary operands, behind which the
            next ones shift in.
    """

    dim: Dim
    length: int
    interval: float = 0.0
    fold: int = 0
    ahead: int = 0
    least: int = 0


@dataclass(frozen=True, slots=True)
class VectorUnit:
    """Executes what is not a multiply-accumulate nest.

    Attributes:
        lanes: simple operations per cycle.
        special_cycles: cycles of one lane for one special operation.
        pixels: lanes side by side in output positions; the others are so in channels. A global
            pooling, whose output is one position, leaves all but one of them idle.
        window_bits: room for whole maps where a layer works on them channel by channel; more are
            taken in slices of channels. None is as much as it takes.
        simple_energy, special_energy: pJ per operation.
    """

    lanes: int
    special_cycles: int = 4
    simple_energy: float = 0.0
    special_energy: float = 0.0
    area_mm2: float = 0.0
    leakage_mw: float = 0.0
    source: str = ""
    pixels: int = 1
    window_bits: int | None = None


@dataclass(frozen=True, slots=True)
class Precision:
    """Widest operands that the datapath takes, in bits; wider tensors are deployed at these.

    Attributes:
        W, I, O: operands.
        psum: partial sums.
    """

    W: int
    I: int  # noqa: E741
    O: int  # noqa: E741
    psum: int


@dataclass(frozen=True, slots=True)
class Only:
    """The layers that an array takes; None asks for nothing.

    Attributes:
        filter: rows and columns of it.
        stride, dilation: of rows and of columns.
    """

    filter: tuple[int, int] | None = None
    stride: int | None = None
    dilation: int | None = None

    def takes(self, nest: LoopNest) -> bool:
        """Whether a layer is one of them; one whose iterations depend on one another never is."""
        return (
            not nest.sequential
            and self.filter in (None, (nest["FY"], nest["FX"]))
            and (self.stride is None or nest.stride == (self.stride, self.stride))
            and (self.dilation is None or nest.dilation == (self.dilation, self.dilation))
        )


@dataclass(frozen=True, slots=True)
class SubAccelerator:
    """A PE array with its memories.

    Attributes:
        name, template: its own name, and that of the template it instantiates.
        axes: of the PE array.
        memories: innermost first; an operand's levels are those that serve it, in this order.
            The last one is the DRAM, which serves all three.
        precision: of the datapath.
        mac_energy: pJ per multiply-accumulate.
        cycles_per_mac: cycles a PE is busy with one multiply-accumulate.
        skew: of the array.
        commands: that the array executes, None where nothing but its cycles limits it.
        vector: its vector unit.
        mac_area_mm2, mac_leakage_mw: of the whole array.
        parameters: the template's parameters as resolved, for the report.
        dram_reserved: its bandwidth of the DRAM is its own, whatever other sub-accelerators do.
        resources: of an FPGA that each component takes; empty where it is no FPGA.
        resource_sources: where these come from.
        modes: other arrays over the same memories. Each has its `mode` (a name) and the layers
            that it takes (`only`); area, leakage and resources of all are counted here.
    """

    name: str
    template: str
    axes: tuple[Axis, ...]
    memories: tuple[Memory, ...]
    precision: Precision
    mac_energy: float
    vector: VectorUnit
    skew: Skew = Skew()
    cycles_per_mac: int = 1
    mac_area_mm2: float = 0.0
    mac_leakage_mw: float = 0.0
    mac_source: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    dram_reserved: bool = False
    commands: Commands | None = None
    resources: Mapping[str, Resources] = field(default_factory=dict)
    resource_sources: Mapping[str, str] = field(default_factory=dict)
    mode: str = ""
    only: Only = Only()
    modes: tuple[SubAccelerator, ...] = ()

    def ways(self, nest: LoopNest) -> tuple[SubAccelerator, ...]:
        """Itself and those of its modes that take a layer."""
        return (self, *(mode for mode in self.modes if mode.only.takes(nest)))

    @property
    def pes(self) -> int:
        """Processing elements."""
        return math.prod(axis.size for axis in self.axes)

    @property
    def dram(self) -> Memory:
        """The outermost memory, which holds every operand."""
        return self.memories[-1]

    def levels(self, operand: Operand) -> tuple[Memory, ...]:
        """The memories that hold an operand, innermost first, the DRAM last."""
        return tuple(memory for memory in self.memories if operand in memory.operands)

    def keeper(self, operand: Operand) -> Memory | None:
        """Where a layer's output (O) can stay to be the next one's input (I).

        The outermost memory on chip that holds both for all PEs, or two such memories that swap
        their roles; None where there is neither.
        """
        shared = [m for m in reversed(self.memories[:-1]) if self.instances(m) == 1]
        for memory in shared:
            if {"I", "O"} <= set(memory.operands):
                return memory
            other = next((m for m in shared if m.name == memory.swaps_with), None)
            if other is not None:
                return memory if operand in memory.operands else other
        return None

    def instances(self, memory: Memory) -> int:
        """How often a memory exists: once for every index of the axes that do not share it."""
        return math.prod(axis.size for axis in self.axes if axis.name not in memory.shared)


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A chip: one or more sub-accelerators on one clock and one DRAM.

    Attributes:
        name: of the spec.
        clock_hz: cycles per second.
        node_nm: technology node, None where the spec gives every number itself.
        sub_accelerators: at least one.
        description, source: for the report.
        device: the FPGA that it is built on, None where it is no FPGA.
    """

    name: str
    clock_hz: float
    sub_accelerators: tuple[SubAccelerator, ...]
    node_nm: float | None = None
    description: str = ""
    source: str = ""
    device: Device | None = None

    @property
    def resources(self) -> Resources:
        """Of the FPGA that all sub-accelerators take together."""
        return total(part for sub in self.sub_accelerators for part in sub.resources.values())
