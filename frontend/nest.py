"""The loop nest of one multiply-accumulate layer, and the bit widths of its operands.

A nest runs over eight dims. For every index of all eight, one multiply-accumulate:

    O[b, g, k, oy, ox] += W[g, k, c, fy, fx] * I[b, g, c, iy, ix]
    iy = stride_y * oy + dilation_y * fy - pad_top      (likewise ix)

Positions outside the stored input (``0 <= iy < IY``, ``0 <= ix < IX``) are zero padding: the
multiply-accumulate is executed, the input is neither stored nor fetched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

Dim = Literal["B", "G", "K", "C", "OY", "OX", "FY", "FX"]
Operand = Literal["W", "I", "O"]

DIMS: Final[tuple[Dim, ...]] = ("B", "G", "K", "C", "OY", "OX", "FY", "FX")
OPERANDS: Final[tuple[Operand, ...]] = ("W", "I", "O")

#: The dims that index each operand. Of I, (OY, FY) and (OX, FX) act as pairs (halo).
RELEVANT: Final[dict[Operand, tuple[Dim, ...]]] = {
    "W": ("G", "K", "C", "FY", "FX"),
    "I": ("B", "G", "C", "OY", "OX", "FY", "FX"),
    "O": ("B", "G", "K", "OY", "OX"),
}


#: Counts up to here are exact in floating point too, and far from any overflow.
MOST_MACS: Final = 2**53


#: Iterations of one dim: what walks over them must come to an end.
MOST_STEPS: Final = 2**31

#: Residues that positions of taps are counted by (`positions_inside`).
_MOST_RESIDUES: Final = 2**16


class NestError(ValueError):
    """Sizes that no loop nest has."""


@dataclass(frozen=True, slots=True)
class LoopNest:
    """Sizes of the eight dims and the geometry of the input window.

    Attributes:
        sizes: the eight dims in the order of `DIMS`, each at least 1.
        stride: (rows, columns) between neighbouring outputs, at least 1.
        dilation: (rows, columns) between neighbouring filter taps, at least 1.
        pad: (top, left) zero padding in positions; negative crops. Padding at the bottom and
            right follows from `input_size`.
        input_size: (IY, IX) rows and columns of the input that exist in memory.
        sequential: dims whose iterations depend on one another (the time steps of a recurrent
            cell): never unrolled in space, and outermost in time.
    """

    sizes: tuple[int, int, int, int, int, int, int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    input_size: tuple[int, int] = (1, 1)
    sequential: tuple[Dim, ...] = ()

    def __post_init__(self) -> None:
        for dim, size in zip(DIMS, self.sizes, strict=True):
            if size < 1:
                raise NestError(f"dim {dim}: expected a size of at least 1, got {size}")
        for name in ("stride", "dilation", "input_size"):
            if min(getattr(self, name)) < 1:
                raise NestError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.macs > MOST_MACS:
            raise NestError(f"expected at most 2^53 multiply-accumulates, got {self.macs}")
        for dim, size in zip(DIMS, self.sizes, strict=True):
            if size > MOST_STEPS:
                raise NestError(f"dim {dim}: expected a size of at most 2^31, got {size}")
        for axis, taps in enumerate((self["FY"], self["FX"])):
            check_residues(self.stride[axis], self.dilation[axis], taps)

    def __getitem__(self, dim: Dim) -> int:
        return self.sizes[DIMS.index(dim)]

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those on zero padding included (the usual count)."""
        return math.prod(self.sizes)

    def elements(self, operand: Operand) -> int:
        """Elements of an operand. For I, the stored positions that some output really needs."""
        if operand == "I":
            rows, columns = self.touched_rows(), self.touched_columns()
            return self["B"] * self["G"] * self["C"] * rows * columns
        return math.prod(self[dim] for dim in RELEVANT[operand])

    def touched_rows(self) -> int:
        """Stored input rows that at least one output needs."""
        return _touched(self["OY"], self["FY"], 0, self)

    def touched_columns(self) -> int:
        """Stored input columns that at least one output needs."""
        return _touched(self["OX"], self["FX"], 1, self)


def _touched(outputs: int, taps: int, axis: int, nest: LoopNest) -> int:
    stride, dilation = nest.stride[axis], nest.dilation[axis]
    pad, size = nest.pad[axis], nest.input_size[axis]
    if dilation == 1 and stride <= taps:  # one contiguous run, the common case
        first, last = -pad, stride * (outputs - 1) + taps - 1 - pad
        return max(0, min(last, size - 1) - max(first, 0) + 1)
    return positions_inside(stride, dilation, outputs, taps, pad, pad + size - 1)


def check_residues(stride: int, dilation: int, taps: int) -> None:
    """Raises NestError where positions cannot be counted in a moment."""
    if (dilation > 1 or stride > taps) and min(stride, taps) > _MOST_RESIDUES:
        raise NestError(
            f"expected at most {_MOST_RESIDUES} taps, or a stride of at most as much, where taps "
            f"do not lie close together; got {taps} taps, stride {stride}, dilation {dilation}"
        )


@lru_cache(maxsize=4096)
def positions_inside(
    stride: int, dilation: int, outputs: int, taps: int, first: int, last: int
) -> int:
    """How many distinct `stride * o + dilation * f` lie in `first` to `last`, both included.

    `o` goes from 0 to `outputs - 1`, `f` from 0 to `taps - 1`. With their common divisor taken out,
    taps whose numbers are equal modulo the stride meet the same residue: `t = o + dilation * j` of
    it, a run of `outputs` for every `j`, which overlap where `outputs >= dilation`. So it takes
    time in the smaller of stride and taps, not in the positions.
    """
    common = math.gcd(stride, dilation)
    stride, dilation = stride // common, dilation // common
    first, last = -(-first // common), last // common
    count = 0
    for tap in range(min(stride, taps)):
        runs = -(-(taps - tap) // stride)
        low, high = -(-(first - dilation * tap) // stride), (last - dilation * tap) // stride
        count += _below(high + 1, outputs, dilation, runs) - _below(low, outputs, dilation, runs)
    return count


def _below(end: int, length: int, period: int, runs: int) -> int:
    """Whole numbers from 0 to `end - 1` in the union of `runs` runs, one every `period`."""
    if end <= 0:
        return 0
    if length >= period:
        return min(end, period * (runs - 1) + length)
    whole = min(end // period, runs)
    return whole * length + (min(end - whole * period, length) if whole < runs else 0)


@dataclass(frozen=True, slots=True)
class OperandBits:
    """Bit width of each operand as the network stores it."""

    W: int
    I: int  # noqa: E741  (the field's name for the input operand)
    O: int  # noqa: E741

    def of(self, operand: Operand) -> int:
        """Bits of one element of an operand."""
        return {"W": self.W, "I": self.I, "O": self.O}[operand]
