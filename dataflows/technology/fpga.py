"""What arithmetic and buffers take of an FPGA, and how much more energy than an ASIC's.

**Arithmetic.** Integers: a multiplier is cut into pieces that fit the DSP slice (25 x 18 bit in a
DSP48E1, 27 x 18 in a DSP48E2, 27 x 24 in a DSP58); each piece adds up in its slice. Two products
of at most 8 bit that share a factor fit one DSP48E2 (AMD WP486), three one DSP58 (AM004, dot
product). An adder of `psum` bits and its register are in logic: a tree over lanes needs one per
lane. Floating point: operators of Vivado HLS for 7 series; a DSP58 has binary32
multiplication and addition of its own.

**Buffers.** A bank is one word wide. Up to `SHALLOW` words it is distributed RAM (RAM32M: four
LUTs hold 32 words of 6 bit, RAM64M 64 words of 3 bit; UG474), beyond that block RAM halves of 18
Kibit in the aspect ratio that takes the fewest (UG473, simple dual port), or ultra RAM of 4096 x 72
bit where a spec says so. The two halves of a double buffer are arrays of their own.

**Energy** is that of the same unit in an ASIC of the same node times the ratio that I. Kuon and J.
Rose measured (Measuring the Gap Between FPGAs and ASICs, IEEE TCAD 26(2), 2007, dynamic power, 90
nm): 12 for logic with DSP slices, 14 for logic, and for logic with memories.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from ..resources import DspFamily
from .arithmetic import Number

SOURCE: Final = "Kuon and Rose, TCAD 2007: dynamic power"
#: Energy of an FPGA over that of an ASIC, same node.
DSP_RATIO: Final = 12.0
LOGIC_RATIO: Final = 14.0
MEMORY_RATIO: Final = 14.0

#: Widths of a DSP slice's signed multiplier.
MULTIPLIER: Final[dict[DspFamily, tuple[int, int]]] = {
    "DSP48E1": (25, 18), "DSP48E2": (27, 18), "DSP58": (27, 24),
}  # fmt: skip
#: Products of at most 8 bit in one slice, where they are packed.
PACKED: Final[dict[DspFamily, int]] = {"DSP48E1": 1, "DSP48E2": 2, "DSP58": 3}
#: The same where the products are not added to one another: a DSP58's three are a dot product.
APART: Final[dict[DspFamily, int]] = {"DSP48E1": 1, "DSP48E2": 2, "DSP58": 2}
#: (DSPs, LUTs, FFs) of a multiplier and an adder by bits, full DSP use, and where they come from.
#: The operators' own estimates of LUTs lie far above what is left after place and route.
FLOATS: Final = {
    16: (4, 147, 132, "Vivado HLS operators, estimated before place and route"),
    32: (5, 416, 459, "Vivado HLS operators; LUTs and FFs of a published design (Zhang et al., "
                      "FPGA 2015: 186,251 and 205,704 of 448 units), its control included"),
    64: (14, 1727, 762, "Vivado HLS operators, estimated before place and route"),
}  # fmt: skip

#: Words up to which a bank is distributed RAM.
SHALLOW: Final = 64
#: Of a block RAM of 18 Kibit: bits of a word, words.
SHAPES: Final = ((1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024), (36, 512))
URAM: Final = (72, 4096)


@dataclass(frozen=True, slots=True)
class Taken:
    """Resources of one unit, and where the figures come from."""

    dsps: float
    luts: float
    ffs: float
    source: str


@lru_cache(maxsize=256)
def multiply_accumulate(
    family: DspFamily, number: Number, w: int, i: int, psum: int, *, packs: bool, sums: bool = True
) -> Taken | None:
    """Of one unit; None where no operators of that kind are known.

    Args:
        packs: units that share a factor share a slice where the family can.
        sums: products of units side by side are added up.
    """
    if number != "int":
        widest = max(w, i, psum)
        if family == "DSP58" and widest <= 32:
            return Taken(1, 0, 0, "DSP58 in its floating point mode (AM004)")
        known = next((bits for bits in FLOATS if widest <= bits), None)
        if known is None:
            return None
        return Taken(*FLOATS[known])
    together = (PACKED if sums else APART)[family] if packs and max(w, i) <= 8 else 1
    dsps = pieces(family, w, i) / together
    shared = f", {together} products to a slice" if together > 1 else ""
    source = f"{family} of {'x'.join(map(str, MULTIPLIER[family]))} bit{shared}"
    return Taken(dsps, psum, w + i + psum, f"{source}; adder and registers in logic")


def pieces(family: DspFamily, w: int, i: int) -> int:
    """DSP slices of one signed integer product.

    A piece of a signed number that is not its highest has no sign, and so one bit less.
    """
    long, short = MULTIPLIER[family]

    def cut(bits: int, width: int) -> int:
        return 1 if bits <= width else 1 + math.ceil((bits - width) / (width - 1))

    return min(cut(w, long) * cut(i, short), cut(w, short) * cut(i, long))


@dataclass(frozen=True, slots=True)
class Banked:
    """Resources of one buffer."""

    bram36: float
    uram: float
    luts: float
    ffs: float
    kind: Literal["registers", "distributed RAM", "block RAM", "ultra RAM"]


@lru_cache(maxsize=4096)
def buffer(
    bits: int, width: int, *, double: bool, kind: Literal["auto", "registers", "bram", "uram"]
) -> Banked:
    """Of a buffer whose words are `width` bits wide, all of a word accessed at once.

    Args:
        bits: capacity, both halves of a double buffer together.
    """
    halves = 2 if double else 1
    words = math.ceil(bits / halves / width)
    if kind == "registers" or (kind == "auto" and words == 1):
        return Banked(0, 0, 0, bits, "registers")
    if kind == "uram":
        wide, deep = math.ceil(width / URAM[0]), math.ceil(words / URAM[1])
        return Banked(0, halves * wide * deep, 0, 0, "ultra RAM")
    if kind == "auto" and words <= SHALLOW:
        per, depth = (6, 32) if words <= 32 else (3, 64)
        luts = 4 * math.ceil(width / per) * math.ceil(words / depth)
        return Banked(0, 0, halves * luts, halves * width, "distributed RAM")
    least = min(math.ceil(width / wide) * math.ceil(words / deep) for wide, deep in SHAPES)
    return Banked(halves * least / 2, 0, 0, 0, "block RAM")
