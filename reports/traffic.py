"""Bytes through every memory, by operand and direction."""

from __future__ import annotations

from typing import Final

from ..frontend.nest import OPERANDS
from ..simulator.result import Result

#: (operand, direction) of the columns.
WAYS: Final = tuple((operand, way) for operand in OPERANDS for way in ("read", "write"))

#: (sub-accelerator, memory) and its bytes by `WAYS`.
Row = tuple[str, str, tuple[float, ...]]


def traffic_rows(result: Result) -> list[Row]:
    """A row for each memory, the outermost first where the result tells their order."""
    total: dict[tuple[str, str], dict[tuple[str, str], int]] = {
        (array.name, memory.name): {}
        for array in result.spec.arrays
        for memory in reversed(array.memories)
    }
    for layer in result.layers:
        for key, bits in layer.traffic.items():
            memory, operand, way = (*key.rsplit(".", 2), "", "")[:3]
            own = total.setdefault((layer.sub_accelerator, memory), {})
            own[operand, way] = own.get((operand, way), 0) + bits
    return [
        (sub, memory, tuple(own.get(way, 0) / 8 for way in WAYS))
        for (sub, memory), own in total.items()
    ]
