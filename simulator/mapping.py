"""A mapping: how a loop nest is spread over PEs and ordered in time.

**Space.** Each `Unroll` spreads a dim over an axis of the PE array. A dim's indices are dealt to
the PEs cyclically: of a dim unrolled `S` times, PE `k` computes the indices `k, k + S, k + 2S, …`
one after the other, so a dim of size `D` needs `ceil(D / S)` temporal steps, whatever the tiles.

**Time.** `temporal` orders the temporal loops. Tile sizes count temporal steps of a dim; a tile
need not divide its dim, the last one is smaller.

**Levels.** For each operand and each on-chip memory that serves it, `boundaries` says how many of
the innermost temporal loops run inside that memory's tile (uneven mapping: every operand has its
own). A tile is fetched once for all loops directly above it that its operand does not depend on,
unless the mapping reloads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..dataflows.accelerator import SubAccelerator
from ..frontend.nest import DIMS, OPERANDS, RELEVANT, Dim, LoopNest, Operand


@dataclass(frozen=True, slots=True)
class Unroll:
    """`factor` indices of `dim` side by side on `axis`."""

    axis: str
    dim: Dim
    factor: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A temporal loop of `factor` iterations over `dim`."""

    dim: Dim
    factor: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A complete mapping of one loop nest on one sub-accelerator.

    Attributes:
        spatial: unrolled dims; of a dim that is unrolled twice, the first is the faster one.
        temporal: the temporal loops, innermost first.
        boundaries: for W, I, O in this order, one number per on-chip level (innermost first):
            how many of the innermost temporal loops are inside the level's tile.
        doubled: in the same order, whether the tile has a second buffer, so that the next tile
            comes in while this one is used.
        reload: a tile is fetched anew in every iteration outside its boundary, also where the
            operand does not depend on it: software that knows nothing of the tile before.
    """

    spatial: tuple[Unroll, ...]
    temporal: tuple[Loop, ...]
    boundaries: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    doubled: tuple[tuple[bool, ...], tuple[bool, ...], tuple[bool, ...]]
    reload: bool = False

    @staticmethod
    def in_space(spatial: tuple[Unroll, ...]) -> Mapping:
        """The spatial part alone."""
        return Mapping(spatial, (), ((), (), ()), ((), (), ()))

    def unrolled(self, dim: Dim) -> int:
        """How many indices of a dim are computed side by side."""
        return math.prod(unroll.factor for unroll in self.spatial if unroll.dim == dim)

    def steps(self, nest: LoopNest, dim: Dim) -> int:
        """Temporal steps that a dim needs."""
        return -(-nest[dim] // self.unrolled(dim))

    def tile(self, nest: LoopNest, inside: int) -> dict[Dim, int]:
        """Temporal steps of each dim inside the innermost `inside` loops."""
        sizes: dict[Dim, int] = dict.fromkeys(DIMS, 1)
        for loop in self.temporal[:inside]:
            sizes[loop.dim] = min(sizes[loop.dim] * loop.factor, self.steps(nest, loop.dim))
        return sizes

    def hoisted(self, operand: Operand, level: int) -> int:
        """Loops inside the point where a level's tile changes.

        The boundary, moved outward over the loops that the operand does not depend on, unless
        tiles are reloaded.
        """
        point = self.boundaries[OPERANDS.index(operand)][level]
        if self.reload:
            return point
        while point < len(self.temporal) and self.temporal[point].dim not in RELEVANT[operand]:
            point += 1
        return point

    def describe(self, sub: SubAccelerator) -> str:
        """The loop nest as text, outermost first; `[GLB:I GLB:Ox2]` stands where
        those tiles lie, `x2` for a second buffer.
        """
        marks: dict[int, list[str]] = {}
        for row, operand in enumerate(OPERANDS):
            for level, memory in enumerate(sub.levels(operand)[:-1]):
                twice = "x2" if self.doubled[row][level] else ""
                mark = f"{memory.name}:{operand}{twice}"
                marks.setdefault(self.boundaries[row][level], []).append(mark)
        words: list[str] = []
        for inside in range(len(self.temporal), -1, -1):
            if inside in marks:
                words.append("[" + " ".join(marks[inside]) + "]")
            if inside:
                loop = self.temporal[inside - 1]
                words.append(f"{loop.dim}{loop.factor}")
        space = " ".join(f"{u.axis}:{u.dim}{u.factor}" for u in self.spatial if u.factor > 1)
        reload = ", reloading" if self.reload else ""
        return " ".join(words) + (f" | {space}" if space else "") + reload


def check(mapping: Mapping, nest: LoopNest, sub: SubAccelerator) -> list[str]:
    """What makes a mapping ill-formed, in words; empty where it is well-formed.

    Capacity is not looked at here (see `cost.capacity_violations`).
    """
    found: list[str] = []
    axes = {axis.name: axis for axis in sub.axes}
    used: dict[str, int] = {}
    for unroll in mapping.spatial:
        axis = axes.get(unroll.axis)
        if axis is None:
            found.append(f"axis {unroll.axis}: expected one of {', '.join(axes)}")
            continue
        if unroll.dim not in axis.dims:
            found.append(f"axis {axis.name}: it may not unroll {unroll.dim}")
        most = dict(axis.most).get(unroll.dim, axis.size)
        if unroll.factor > most:
            found.append(f"axis {axis.name}: {unroll.factor} of {unroll.dim}, at most {most}")
        if unroll.dim in nest.sequential and unroll.factor > 1:
            found.append(f"{unroll.dim}: its iterations depend on one another, it cannot unroll")
        used[axis.name] = used.get(axis.name, 1) * unroll.factor
    for name, count in used.items():
        if count > axes[name].size:
            found.append(f"axis {name}: {count} PEs used of {axes[name].size}")
    whole = mapping.tile(nest, len(mapping.temporal))
    for dim in DIMS:
        if whole[dim] < mapping.steps(nest, dim):
            found.append(f"{dim}: loops cover {whole[dim]} of {mapping.steps(nest, dim)} steps")
    for dim in nest.sequential:
        position = [i for i, loop in enumerate(mapping.temporal) if loop.dim == dim]
        if position and any(
            loop.dim not in nest.sequential for loop in mapping.temporal[min(position) :]
        ):
            found.append(f"{dim}: expected to be outermost, its iterations depend on one another")
    for operand, bounds in zip(OPERANDS, mapping.boundaries, strict=True):
        if len(bounds) != len(sub.levels(operand)) - 1:
            found.append(f"{operand}: expected {len(sub.levels(operand)) - 1} boundaries")
        elif list(bounds) != sorted(bounds) or (bounds and bounds[-1] > len(mapping.temporal)):
            found.append(f"{operand}: boundaries {bounds} do not rise within the loops")
    for operand, flags in zip(OPERANDS, mapping.doubled, strict=True):
        levels = sub.levels(operand)[:-1]
        if len(flags) != len(levels):
            found.append(f"{operand}: expected {len(levels)} choices of buffering")
        for memory, twice in zip(levels, flags, strict=False):
            if memory.buffering != "auto" and twice != (memory.buffering == "double"):
                found.append(f"{operand}: {memory.name} is {memory.buffering}-buffered")
    return found
