"""Modes: other arrays over a sub-accelerator's memories, for the layers that they are made for.

A mode is the same hardware at another kind of work: Winograd's minimal filtering on the multipliers
of a direct convolution. So a mode has axes, arithmetic and skew of its own, while memories, vector
unit, area and resources are those of the sub-accelerator. Where a memory keeps an operand in
another form than the layer has it (transformed weights), `expands` says how many bits it takes for
one of the layer's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .accelerator import Axis, Memory, Only, Skew, SubAccelerator
from .document import Where
from .errors import suggest
from .schema import Architecture, AxisModel, ModeModel, OnlyModel

Problem = tuple[Where, str]


def axes_of(stated: Sequence[AxisModel]) -> tuple[Axis, ...]:
    """The axes of an array as the simulator reads them."""
    return tuple(Axis(axis.name, axis.size, axis.dims, tuple(axis.most.items())) for axis in stated)


def mode_of(sub: SubAccelerator, stated: ModeModel, mac_energy: float) -> SubAccelerator:
    """A mode of a sub-accelerator that is complete but for its modes.

    Args:
        mac_energy: pJ per multiply-accumulate of a layer.
    """
    return replace(
        sub,
        mode=stated.name,
        only=_only(stated.only),
        axes=axes_of(stated.axes),
        memories=tuple(_expanded(m, stated.expands.get(m.name, 1.0)) for m in sub.memories),
        mac_energy=mac_energy,
        skew=sub.skew if stated.skew is None else Skew(**stated.skew.model_dump()),
        cycles_per_mac=sub.cycles_per_mac if stated.mac is None else stated.mac.cycles,
        resources={},
        resource_sources={},
    )


def _only(stated: OnlyModel) -> Only:
    taps = None if stated.filter is None else (stated.filter[0], stated.filter[1])
    return Only(taps, stated.stride, stated.dilation)


def _expanded(memory: Memory, ratio: float) -> Memory:
    """A memory of which a bit of a layer takes `ratio` bits, counted in the layer's."""
    if ratio == 1 or memory.size_bits is None:
        return memory
    return replace(
        memory,
        size_bits=_held(memory.size_bits, ratio),
        read_bandwidth=memory.read_bandwidth / ratio,
        write_bandwidth=memory.write_bandwidth / ratio,
        transfer_bandwidth=memory.transfer_bandwidth / ratio,
        read_energy=memory.read_energy * ratio,
        write_energy=memory.write_energy * ratio,
        transfer_energy=memory.transfer_energy * ratio,
    )


def _held(bits: int, ratio: float) -> int:
    """Whole bits of a layer; a ratio is rounded, so what is a whole number but for that is one."""
    return math.floor(bits / ratio * (1 + 1e-12))


def check_modes(architecture: Architecture) -> Iterator[Problem]:
    """What keeps a mode from being one of its architecture."""
    names = [mode.name for mode in architecture.modes]
    for number, mode in enumerate(architecture.modes):
        if mode.name in names[:number]:
            yield (
                ("modes", number, "name"),
                f"expected every name once, found {mode.name!r} again; rename it",
            )
        for where, message in _check_mode(mode, architecture):
            yield ("modes", number, *where), message


def _check_mode(mode: ModeModel, architecture: Architecture) -> Iterator[Problem]:
    yield from check_axes(mode.axes)
    base = {axis.name: axis.size for axis in architecture.axes}
    sizes = {axis.name: axis.size for axis in mode.axes}
    memories = {memory.name: memory for memory in architecture.memories}
    for name in mode.expands:
        if name not in memories:
            yield ("expands", name), f"unknown memory {name!r}; {suggest(name, tuple(memories))}"
    for memory in architecture.memories:
        shared = tuple(base) if memory.shared == "all" else memory.shared
        there = math.prod(size for name, size in base.items() if name not in shared)
        kept = tuple(sizes) if memory.shared == "all" else memory.shared
        here = math.prod(size for name, size in sizes.items() if name not in kept)
        if there != here:
            yield (
                ("axes",),
                f"expected as many instances of {memory.name!r} as the memory has, {there}, found "
                f"{here}; change the sizes of axes, or along which ones it is `shared`",
            )
        held = _held(memory.size, mode.expands.get(memory.name, 1.0))
        least = sum(getattr(architecture.precision, operand) for operand in memory.operands)
        least *= 2 if memory.buffering == "double" else 1
        if memory.name in mode.expands and held < least:
            yield (
                ("expands", memory.name),
                f"expected room for {least} bit of a layer, found {held} bit; make the memory "
                "larger",
            )


def check_axes(axes: Sequence[AxisModel]) -> Iterator[Problem]:
    """What keeps axes from being those of an array."""
    names = [axis.name for axis in axes]
    for number, axis in enumerate(axes):
        if axis.name in names[:number]:
            yield (
                ("axes", number, "name"),
                f"expected every name once, found {axis.name!r} again; rename it",
            )
        for dim in axis.most:
            if dim not in axis.dims:
                yield (
                    ("axes", number, "most", dim),
                    f"expected one of the axis's dims, {' '.join(axis.dims)}, found {dim}; add it "
                    "to `dims`, or remove it",
                )
