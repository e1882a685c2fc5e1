"""A sub-accelerator built on an FPGA: its resources, and the energy that its fabric costs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from .accelerator import Memory, SubAccelerator
from .errors import DerivationError
from .resources import Device, Resources
from .schema import Architecture, MacModel, MemoryModel
from .technology import register, sram
from .technology.fpga import (
    DSP_RATIO,
    LOGIC_RATIO,
    MEMORY_RATIO,
    SOURCE,
    Banked,
    buffer,
    multiply_accumulate,
)

#: Block RAM as a macro of the technology's tables: 36 Kibit in words of 36 bit.
BLOCK_BITS: Final = 36 * 1024
BLOCK_WORD: Final = 36
NO_AREA: Final = "no area of its own on an FPGA"


def on_fabric(sub: SubAccelerator, stated: Architecture, device: Device) -> SubAccelerator:
    """A sub-accelerator that was built as an ASIC of the device's node, on the device.

    Energies that the spec gives stay; areas and leakage are none of its own.

    Raises:
        DerivationError: no operators are known for its arithmetic.
    """
    resources, sources = {}, {}
    resources["mac"], sources["mac"] = _macs(sub, stated.mac, device)
    memories = []
    for memory, model in zip(sub.memories, stated.memories, strict=False):  # the DRAM is off chip
        banked = _buffer(memory, model)
        resources[memory.name] = Resources(
            bram36=banked.bram36, uram=banked.uram, luts=banked.luts, ffs=banked.ffs
        ) * sub.instances(memory)
        sources[memory.name] = banked.kind
        memories.append(_memory(memory, model, banked, device.node_nm))
    lane = multiply_accumulate(
        device.dsp, stated.mac.type, sub.precision.psum, sub.precision.psum, sub.precision.psum,
        packs=False,
    )  # fmt: skip
    if lane is None:
        raise DerivationError(("vector",), _unknown(stated.mac, device))
    resources["vector"] = (
        Resources(dsps=lane.dsps, luts=lane.luts, ffs=lane.ffs) * stated.vector.lanes
    )
    sources["vector"] = lane.source
    control = stated.control
    resources["control"] = Resources(dsps=control.dsps, luts=control.luts, ffs=control.ffs)
    sources["control"] = control.source.strip() or "given by the spec"
    vector = sub.vector
    return replace(
        sub,
        memories=(*memories, sub.dram),
        mac_energy=sub.mac_energy * (1 if stated.mac.energy is not None else DSP_RATIO),
        mac_area_mm2=0.0,
        mac_leakage_mw=0.0,
        mac_source=_scaled(sub.mac_source, DSP_RATIO, given=stated.mac.energy is not None),
        vector=replace(
            vector,
            simple_energy=vector.simple_energy
            * (1 if stated.vector.simple_energy is not None else LOGIC_RATIO),
            special_energy=vector.special_energy
            * (1 if stated.vector.special_energy is not None else LOGIC_RATIO),
            area_mm2=0.0,
            leakage_mw=0.0,
            source=_scaled(
                vector.source, LOGIC_RATIO, given=stated.vector.simple_energy is not None
            ),
        ),
        resources={name: each for name, each in resources.items() if each != Resources()},
        resource_sources={
            name: sources[name] for name in sources if resources[name] != Resources()
        },
    )


def _macs(sub: SubAccelerator, stated: MacModel, device: Device) -> tuple[Resources, str]:
    """Of the whole array."""
    precision = sub.precision
    w, i = stated.factors.get("W", precision.W), stated.factors.get("I", precision.I)
    sums = any({"C", "FY", "FX"} & set(axis.dims) for axis in sub.axes)
    unit = multiply_accumulate(
        device.dsp, stated.type, w, i, precision.psum, packs=stated.packed, sums=sums
    )
    own = (stated.dsps, stated.luts, stated.ffs)
    if unit is None and None in own:
        raise DerivationError(("mac",), _unknown(stated, device))
    derived = (0.0, 0.0, 0.0) if unit is None else (unit.dsps, unit.luts, unit.ffs)
    dsps, luts, ffs = (b if a is None else a for a, b in zip(own, derived, strict=True))
    count = stated.units or sub.pes
    source = "given by the spec" if unit is None or None not in own else unit.source
    # Units that share a slice do not share half of one with nobody.
    return replace(Resources(luts=luts, ffs=ffs) * count, dsps=math.ceil(dsps * count)), source


def _unknown(stated: MacModel, device: Device) -> str:
    return (
        f"no {stated.type} operators of this width are known for a {device.dsp}; give `dsps`, "
        "`luts` and `ffs` of one unit"
    )


def _buffer(memory: Memory, stated: MemoryModel) -> Banked:
    """One instance: as wide as what is read or written in a cycle."""
    assert memory.size_bits is not None
    rates = [r for r in (memory.read_bandwidth, memory.write_bandwidth) if not math.isinf(r)]
    width = max((math.ceil(rate) for rate in rates), default=stated.access_width or BLOCK_WORD)
    kind = "bram" if stated.type == "sram" else stated.type
    return buffer(
        memory.size_bits,
        min(max(1, width), memory.size_bits),
        double=memory.buffering == "double",
        kind=kind,
    )


def _memory(memory: Memory, stated: MemoryModel, banked: Banked, node_nm: float) -> Memory:
    """With the energy of what it is made of."""
    own_read = stated.energy if stated.read_energy is None else stated.read_energy
    own_write = stated.energy if stated.write_energy is None else stated.write_energy
    given = None not in (own_read, own_write)
    read, write, source = memory.read_energy, memory.write_energy, memory.source
    if not given:
        if banked.kind in ("block RAM", "ultra RAM"):
            macro = sram(node_nm, BLOCK_BITS, BLOCK_WORD)
            read, write, source = macro.read_energy, macro.write_energy, macro.source
        else:
            bit = register(node_nm)
            read, write, source = bit.read_energy, bit.write_energy, bit.source
        read = read * MEMORY_RATIO if own_read is None else own_read
        write = write * MEMORY_RATIO if own_write is None else own_write
    return replace(
        memory,
        read_energy=read,
        write_energy=write,
        transfer_energy=stated.transfer_energy or 0.0,  # the ratio holds the routing
        area_mm2=0.0,
        leakage_mw=0.0,
        source=_scaled(f"{banked.kind}: {source}", MEMORY_RATIO, given=given),
    )


def _scaled(source: str, ratio: float, *, given: bool) -> str:
    return f"{source}; {NO_AREA}" if given else f"{source}, times {ratio:g} ({SOURCE}); {NO_AREA}"
