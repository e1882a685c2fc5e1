"""An architecture as a spec states it -> the sub-accelerator that the simulator reads.

What the spec leaves out of energy, area and leakage is derived here from `technology`, and every
source string says where a number came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ..frontend.nest import OPERANDS
from .accelerator import (
    Axis,
    Bursts,
    Cache,
    Commands,
    Memory,
    Precision,
    Skew,
    SubAccelerator,
)
from .datapath import mac_unit, vector_unit
from .errors import DerivationError
from .fabric import on_fabric
from .modes import axes_of, mode_of
from .resources import Device
from .schema import (
    Architecture,
    CommandsModel,
    DramModel,
    MemoryModel,
    TechnologyModel,
)
from .stated import GIVEN, NOT_GIVEN, derived_by, either_source, given_sources, sources_of
from .technology import (
    Refused,
    Unavailable,
    dram,
    dram_timing,
    register,
    sram,
    wire_energy,
    wire_source,
)
from .technology.fpga import DSP_RATIO
from .units import Bandwidth, Duration

UNLIMITED = Bandwidth(math.inf)

#: Up to this capacity a memory is registers unless the spec says otherwise (64 words of 16 bit):
#: below CACTI's smallest SRAM, and what Eyeriss built its input and psum scratchpads of.
REGISTERS_UP_TO_BITS = 1024
#: Word of an SRAM whose bandwidth has no limit.
DEFAULT_ACCESS_BITS = 64


@dataclass(frozen=True, slots=True)
class Chip:
    """What the sub-accelerators of a spec share.

    Attributes:
        dram_energy: pJ per bit read, written, and where they come from (`dram_energy`).
        device: the FPGA that it is built on; `technology` is its node then.
    """

    clock_hz: float
    technology: TechnologyModel | None
    dram: DramModel
    dram_energy: tuple[float, float, str]
    device: Device | None = None


def build(
    name: str, template: str, architecture: Architecture, chip: Chip, parameters: Mapping[str, str]
) -> SubAccelerator:
    """The sub-accelerator of a checked architecture (see `checks`).

    Raises:
        DerivationError: a component's numbers cannot be derived.
    """
    axes = axes_of(architecture.axes)
    pes = math.prod(axis.size for axis in axes)
    precision = Precision(**architecture.precision.model_dump())
    with _deriving("mac"):
        unit = mac_unit(architecture.mac, precision, chip.technology)
    on_chip = []
    for number, stated in enumerate(architecture.memories):
        with _deriving("memories", number):
            on_chip.append(_memory(stated, axes, chip))
    with _deriving("vector"):
        vector = vector_unit(architecture, chip.technology)
    per_pe = unit.area * pes + sum(
        memory.area_mm2 for memory in on_chip if len(memory.shared) < len(axes)
    )
    on_chip = [
        _with_network(memory, stated, axes, per_pe, chip.technology)
        for memory, stated in zip(on_chip, architecture.memories, strict=True)
    ]
    sub = SubAccelerator(
        name=name,
        template=template,
        axes=axes,
        memories=(*on_chip, _dram(chip, axes)),
        precision=precision,
        mac_energy=unit.energy,
        vector=vector,
        skew=Skew(**architecture.skew.model_dump()),
        cycles_per_mac=architecture.mac.cycles,
        mac_area_mm2=unit.area * pes,
        mac_leakage_mw=unit.leakage * pes,
        mac_source=unit.source,
        parameters=dict(parameters),
        commands=_commands(architecture.commands, chip),
    )
    if chip.device is not None:
        sub = on_fabric(sub, architecture, chip.device)
    modes = []
    for number, mode in enumerate(architecture.modes):
        arithmetic = mode.mac or architecture.mac
        with _deriving("modes", number, "mac"):
            energy = mac_unit(arithmetic, precision, chip.technology).energy
        on_dsps = chip.device is not None and arithmetic.energy is None
        modes.append(mode_of(sub, mode, energy * (DSP_RATIO if on_dsps else 1)))
    return replace(sub, modes=tuple(modes)) if modes else sub


def _commands(stated: CommandsModel | None, chip: Chip) -> Commands | None:
    if stated is None:
        return None
    interval = 0.0 if stated.interval is None else stated.interval.cycles(chip.clock_hz)
    return Commands(stated.dim, stated.length, interval, stated.fold, stated.ahead, stated.least)


@contextmanager
def _deriving(*where: str | int) -> Iterator[None]:
    """Say which component it was whose numbers could not be derived."""
    try:
        yield
    except (Unavailable, Refused) as error:
        raise DerivationError(where, str(error)) from error


def shared_axes(memory: MemoryModel, axes: tuple[str, ...]) -> tuple[str, ...]:
    """The axes along which a memory is shared, by name."""
    return axes if memory.shared == "all" else memory.shared


# -- memories --------------------------------------------------------------------------------------


def _memory(stated: MemoryModel, axes: tuple[Axis, ...], chip: Chip) -> Memory:
    shared = shared_axes(stated, tuple(axis.name for axis in axes))
    instances = math.prod(axis.size for axis in axes if axis.name not in shared)
    read, write = _bandwidths(stated, chip.clock_hz)
    energy, area, leakage, source = _array_costs(stated, read, chip.technology)
    return Memory(
        name=stated.name,
        operands=stated.operands,
        size_bits=stated.size,
        shared=shared,
        read_bandwidth=read,
        write_bandwidth=write,
        one_port=stated.one_port,
        latency=0.0 if stated.latency is None else stated.latency.cycles(chip.clock_hz),
        read_energy=energy[0],
        write_energy=energy[1],
        buffering=stated.buffering,
        sliding=stated.sliding,
        complete_outputs=stated.complete_outputs,
        swaps_with=stated.swaps_with,
        transfer_bandwidth=(stated.transfer_bandwidth or UNLIMITED).per_cycle(chip.clock_hz),
        fills_after=stated.fills_after,
        tiled=dict(stated.tiled),
        area_mm2=area * instances,
        leakage_mw=leakage * instances,
        source=source,
    )


def _bandwidths(stated: MemoryModel | DramModel, clock_hz: float) -> tuple[float, float]:
    """Bits per cycle read and written."""
    both = stated.bandwidth or UNLIMITED
    read, write = stated.read_bandwidth or both, stated.write_bandwidth or both
    return read.per_cycle(clock_hz), write.per_cycle(clock_hz)


def _array_costs(
    stated: MemoryModel, read_bandwidth: float, technology: TechnologyModel | None
) -> tuple[tuple[float, float], float, float, str]:
    """(read, write) pJ per bit, mm², mW of one instance, and where they come from."""
    given_read = stated.read_energy if stated.read_energy is not None else stated.energy
    given_write = stated.write_energy if stated.write_energy is not None else stated.energy
    if technology is None:
        return (
            (given_read or 0.0, given_write or 0.0),
            stated.area or 0.0,
            stated.leakage or 0.0,
            given_sources(stated),
        )
    given = (given_read, given_write, stated.area, stated.leakage)
    if None in given:
        figures, source = _derived_array(stated, read_bandwidth, technology)
    else:
        figures, source = (0.0, 0.0, 0.0, 0.0), GIVEN
    read, write, area, leakage = (
        derived if own is None else own for own, derived in zip(given, figures, strict=True)
    )
    return (
        (read, write),
        area,
        leakage,
        sources_of(stated.source, [
            ("energy", either_source(given_read, given_write, source)),
            ("area", source if stated.area is None else GIVEN),
            ("leakage", source if stated.leakage is None else GIVEN),
        ]),
    )  # fmt: skip


def _derived_array(
    stated: MemoryModel, read_bandwidth: float, technology: TechnologyModel
) -> tuple[tuple[float, float, float, float], str]:
    """(pJ per bit read, written, mm², mW) of one instance, and their source."""
    derive = derived_by(stated.derive, technology)
    as_registers = stated.type == "registers" or (
        stated.type == "auto" and stated.size <= REGISTERS_UP_TO_BITS
    )
    if as_registers:
        bit = register(technology.node, derive)
        area, leakage = bit.area_mm2 * stated.size, bit.leakage_mw * stated.size
        return (bit.read_energy, bit.write_energy, area, leakage), bit.source
    macro = sram(technology.node, stated.size, _access_width(stated, read_bandwidth), derive)
    return (macro.read_energy, macro.write_energy, macro.area_mm2, macro.leakage_mw), macro.source


def _access_width(stated: MemoryModel, read_bandwidth: float) -> int:
    """Bits of one access: stated, else what is read in a cycle, but no more than there are."""
    width = stated.access_width
    if width is None:
        width = DEFAULT_ACCESS_BITS if math.isinf(read_bandwidth) else math.ceil(read_bandwidth)
    return max(1, min(width, stated.size))


def _with_network(
    memory: Memory,
    stated: MemoryModel,
    axes: tuple[Axis, ...],
    array_mm2: float,
    technology: TechnologyModel | None,
) -> Memory:
    """The memory with the wires to its next outer level.

    A level that exists once per PE (or row, or column) is reached over the array: a bit travels,
    on average over the PEs, half the array's width and half its height, which for a square array
    is one side. A level that exists once lies beside its neighbour; the way within is CACTI's.
    """
    if stated.transfer_energy is not None:
        energy, source = stated.transfer_energy, GIVEN
    elif technology is None:
        energy, source = 0.0, NOT_GIVEN
    elif len(memory.shared) == len(axes):
        energy, source = 0.0, ""
    else:
        side = math.sqrt(array_mm2)
        energy = wire_energy(technology.node) * side
        source = wire_source(technology.node, side)
    text = memory.source + (f"; network: {source}" if source else "")
    values = {key: getattr(memory, key) for key in Memory.__slots__}
    return Memory(**{**values, "transfer_energy": energy, "source": text})


def dram_energy(stated: DramModel, technology: TechnologyModel | None) -> tuple[float, float, str]:
    """pJ per bit read, written, and where they come from, of a checked DRAM.

    Raises:
        DerivationError: the numbers cannot be derived.
    """
    own_read, own_write = (
        stated.energy if own is None else own for own in (stated.read_energy, stated.write_energy)
    )
    read, write, derived = 0.0, 0.0, ""
    if stated.type and None in (own_read, own_write):
        with _deriving("dram"):
            read, write, derived = dram(stated.type, derived_by(stated.derive, technology))
    return (
        read if own_read is None else own_read,
        write if own_write is None else own_write,
        either_source(own_read, own_write, derived),
    )


def _dram(chip: Chip, axes: tuple[Axis, ...]) -> Memory:
    stated = chip.dram
    read, write = _bandwidths(stated, chip.clock_hz)
    read_energy, write_energy, source = chip.dram_energy
    latency, bursts = _dram_timing(stated, chip)
    return Memory(
        name=stated.name,
        operands=OPERANDS,
        size_bits=None,
        shared=tuple(axis.name for axis in axes),
        read_bandwidth=read,
        write_bandwidth=write,
        one_port=stated.bandwidth is not None,
        latency=latency,
        bursts=bursts,
        read_energy=read_energy,
        write_energy=write_energy,
        source=sources_of(stated.source, [
            ("energy", source),
            ("area", "off chip"),
            ("leakage", "off chip, in the energy per bit"),
        ]),
    )  # fmt: skip


def _dram_timing(stated: DramModel, chip: Chip) -> tuple[float, Bursts | None]:
    """Cycles from a request to its first word, and how rows and bursts are accessed.

    What is not stated is that of the type. Without a type, or where bandwidth is unlimited,
    there is neither.
    """
    unlimited = math.inf in _bandwidths(stated, chip.clock_hz)
    known = None if stated.type is None or unlimited else dram_timing(stated.type)
    latency = stated.latency or Duration(known.latency_ns if known else 0.0, "ns")
    activate = stated.activate or Duration(known.activate_ns if known else 0.0, "ns")
    burst = stated.burst or (known.burst_bits if known else None)
    row = stated.row or (known.row_bits if known else None)
    bursts = None
    if burst is not None and row is not None:
        bursts = Bursts(
            burst,
            row,
            activate.cycles(chip.clock_hz),
            stated.layout,
            tuple(Cache(c.size, c.bandwidth.per_cycle(chip.clock_hz)) for c in stated.caches),
            (stated.device_bandwidth or Bandwidth(math.inf)).per_cycle(chip.clock_hz),
            (
                stated.device_write_bandwidth or stated.device_bandwidth or Bandwidth(math.inf)
            ).per_cycle(chip.clock_hz),
            0.0 if stated.request is None else stated.request.cycles(chip.clock_hz),
        )
    return latency.cycles(chip.clock_hz), bursts
