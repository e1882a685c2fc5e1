"""Lines of a memory behind the DRAM's port: in which order tensors lie in them, how many a tile
touches, and which of them caches still hold when they are asked for again.
"""

from __future__ import annotations

import math
from typing import Final

from ..dataflows.accelerator import Bursts
from ..frontend.nest import Operand

#: Of lines, by level: the caches, then the device.
Shares = tuple[float, ...]
#: Share of lines below which a cache counts as not having kept them.
LEAST_KEPT: Final = 0.01


def stored(bursts: Bursts, operand: Operand) -> tuple[int, ...] | None:
    """Dims of an operand's array (`operand_shape`) as addresses run through them, outermost first;
    None where every tile lies in one piece.
    """
    if bursts.layout == "channels-last":
        return (0, 3, 4, 2, 1) if operand == "W" else (0, 3, 4, 1, 2)
    return (0, 1, 2, 3, 4) if bursts.layout == "rows" and operand != "W" else None


def footprint(
    bursts: Bursts, extents: tuple[int, ...], shape: tuple[int, ...], width: int
) -> tuple[int, int]:
    """Bits that bursts move, and rows that are opened, for a tile of an array laid out by rows.

    Every run of neighbouring addresses takes whole bursts; runs within one row open it once.

    Args:
        extents, shape: of the tile and of the array, outermost dim first.
        width: bits of an element.
    """
    total = width * math.prod(extents)
    if not total:
        return 0, 0
    run, stride, inner = width * extents[-1], width * shape[-1], len(shape) - 1
    while inner > 0 and extents[inner] == shape[inner]:
        inner -= 1
        run, stride = extents[inner] * stride, stride * shape[inner]
    rows = up(run, bursts.row_bits)
    moved = total // run * up(run, bursts.burst_bits) * bursts.burst_bits
    for dim in range(inner - 1, -1, -1):
        span = extents[dim] * stride  # neighbours along the dim are `stride` apart
        rows = up(span, bursts.row_bits) if stride < bursts.row_bits else extents[dim] * rows
        stride *= shape[dim]
    return moved, rows


def requests(bursts: Bursts, extents: tuple[int, ...], width: int) -> int:
    """Lines that a tile is asked for in, each run along the innermost dim on its own.

    Args:
        extents: of the tile, outermost dim first.
        width: bits of an element.
    """
    run = width * extents[-1]
    if not run:
        return 0
    # A run begins anywhere that its length allows, so at times it touches one line more.
    line = bursts.burst_bits
    lines = run + line - math.gcd(run, line)
    return up(math.prod(extents[:-1]) * lines, line)


def kept(bursts: Bursts, held: int, before: Shares, *, nearest: bool) -> Shares | None:
    """Where lines are found that lay elsewhere before, None where nearly all still do.

    Args:
        held: bits that a cache has to hold for all of them to be found.
        nearest: only the nearest cache still has them.
    """
    cold, left = before.index(1.0), 1.0
    shares = [0.0] * len(before)
    for level, cache in enumerate(bursts.caches[:1] if nearest else bursts.caches):
        if level < cold:
            shares[level] = left * surviving(held / cache.size_bits)
            left -= shares[level]
    shares[cold] += left
    return tuple(shares) if left < 1 - LEAST_KEPT else None


def surviving(load: float) -> float:
    """Share of the lines that a cache still holds when they are asked for again.

    Every miss replaces any line: of `load` times what fits, `h` are found where
    `h = exp(-load (1 - h))`, the chance to outlive the misses in between.
    """
    if load <= 1:
        return 1.0
    share = 0.0
    for _ in range(100):
        share = math.exp(-load * (1 - share))
    return share


def up(count: int, size: int) -> int:
    """Units of `size` that `count` fills or begins."""
    return -(-count // size)
