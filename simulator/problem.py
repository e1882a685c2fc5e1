"""One loop nest on one sub-accelerator, and its packed form for the compiled kernel.

Layout (numbers as in `DIMS`, `OPERANDS`, axes and memories in the sub-accelerator's order):

    integers: 0 sizes (8) · 8 stride (2) · 10 dilation (2) · 12 pad (2) · 14 input size (2)
              16 sequential (8) · 24 bits of W, I, O, partial sums · 28 axes · 29 memories
              30 cycles per MAC · 31 skew cycles · 32 per fold · 33 fold operand
              36 + 36 m: serves (3) · size, -1 unbounded · one port · buffering · sliding
                         complete outputs · replicated along each axis (4) · tiled (3 x 8)
    reals:    0 leakage, pJ per cycle · 1 MAC, pJ
              2 + 5 m: read, write bandwidth · read, write, transfer energy per bit
              then instances of each memory
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from ..dataflows.accelerator import Memory, SubAccelerator
from ..ext._mapspace import Kernel
from ..frontend.errors import InputError
from ..frontend.nest import DIMS, OPERANDS, LoopNest, OperandBits
from .mapping import Mapping

HEADER: Final = 36
LAYER_INTEGERS: Final = 28  # of the header; the others describe the sub-accelerator
PER_MEMORY: Final = 36
BUFFERING: Final = {"single": 0, "double": 1, "auto": 2}

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Hardware:
    """A sub-accelerator in packed form, for many problems on it.

    Attributes:
        sub: what is packed.
        integers, reals: all but what the layer and the leakage give.
    """

    sub: SubAccelerator
    integers: Integers
    reals: Reals

    @staticmethod
    def of(sub: SubAccelerator) -> Hardware:
        """Raises InputError where the mapper does not know how something counts."""
        integers = [
            len(sub.axes),
            len(sub.memories),
            sub.cycles_per_mac,
            sub.skew.cycles,
            int(sub.skew.per == "fold"),
            OPERANDS.index(sub.skew.operand),
            *(0 for _ in range(HEADER - LAYER_INTEGERS - 6)),
        ]
        reals = [sub.mac_energy]
        for memory in sub.memories:
            if memory.transfer_bandwidth < math.inf:
                raise InputError(
                    f"{sub.name}: {memory.name}: `transfer_bandwidth` counts where a given mapping "
                    "is executed, the mapper does not know it; leave it out"
                )
            integers += _packed_memory(memory, sub)
            reals += [memory.read_bandwidth, memory.write_bandwidth]
            reals += [memory.read_energy, memory.write_energy, memory.transfer_energy]
        reals += [float(sub.instances(memory)) for memory in sub.memories]
        return Hardware(sub, np.array(integers, dtype=np.int64), np.array(reals, dtype=np.float64))


@dataclass(frozen=True)
class Problem:
    """What the mapper is asked.

    Attributes:
        nest: the loops.
        bits: operand widths as deployed; psum_bits: of partial sums.
        sub: where it is to run.
        leakage: pJ per cycle of everything that leaks while it runs.
        hardware: `sub` packed already, to save time.
    """

    nest: LoopNest
    bits: OperandBits
    psum_bits: int
    sub: SubAccelerator
    leakage: float = 0.0
    hardware: Hardware | None = field(default=None, repr=False, compare=False)

    @cached_property
    def kernel(self) -> Kernel:
        """The compiled kernel of this problem; made once."""
        return Kernel(*self.packed())

    def packed(self) -> tuple[Integers, Reals]:
        """(integers, reals), see the module's description."""
        nest, hardware = self.nest, self.hardware
        if hardware is None or hardware.sub is not self.sub:
            hardware = Hardware.of(self.sub)
        layer = (
            *nest.sizes,
            *nest.stride,
            *nest.dilation,
            *nest.pad,
            *nest.input_size,
            *(dim in nest.sequential for dim in DIMS),
            *(self.bits.W, self.bits.I, self.bits.O, self.psum_bits),
        )
        integers = np.concatenate((np.array(layer, dtype=np.int64), hardware.integers))
        return integers, np.concatenate(((self.leakage,), hardware.reals))

    def arrays(self, mapping: Mapping) -> tuple[Integers, Integers, Integers, Integers]:
        """A mapping as the kernel takes it: spatial (n, 3), loops (n, 2), bounds and doubled
        (3, 10) each.

        Raises:
            ValueError: the mapping reloads, which the kernel does not count.
        """
        if mapping.reload:
            raise ValueError("expected a mapping that does not reload, for the kernel")
        axes = [axis.name for axis in self.sub.axes]
        spatial = [(axes.index(u.axis), DIMS.index(u.dim), u.factor) for u in mapping.spatial]
        loops = [(DIMS.index(loop.dim), loop.factor) for loop in mapping.temporal]
        bounds = np.zeros((3, 10), dtype=np.int64)
        for row, inside in enumerate(mapping.boundaries):
            bounds[row, : len(inside)] = inside
        doubled = np.zeros((3, 10), dtype=np.int64)
        for row, flags in enumerate(mapping.doubled):
            doubled[row, : len(flags)] = flags
        return (
            np.array(spatial, dtype=np.int64).reshape(-1, 3),
            np.array(loops, dtype=np.int64).reshape(-1, 2),
            bounds,
            doubled,
        )


def _packed_memory(memory: Memory, sub: SubAccelerator) -> list[int]:
    replicated = [int(axis.name not in memory.shared) for axis in sub.axes]
    tiled = [
        int((allowed := memory.tiled.get(operand)) is None or dim in allowed)
        for operand in OPERANDS
        for dim in DIMS
    ]
    return [
        *(int(operand in memory.operands) for operand in OPERANDS),
        -1 if memory.size_bits is None else memory.size_bits,
        int(memory.one_port),
        BUFFERING[memory.buffering],
        int(memory.sliding),
        int(memory.complete_outputs),
        *replicated,
        *(0 for _ in range(4 - len(replicated))),
        *tiled,
    ]
