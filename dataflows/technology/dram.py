"""Energy and timing of off-chip memories by type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from . import external
from .interpolation import read_table


@dataclass(frozen=True, slots=True)
class DramTiming:
    """Of one type, all its channels together.

    Attributes:
        latency_ns: from a request to its first word, the row opened first.
        burst_bits: of one access.
        row_bits: that are open at once.
        activate_ns: between opening two rows, banks taking turns.
    """

    latency_ns: float
    burst_bits: int
    row_bits: int
    activate_ns: float


def dram_timing(name: str) -> DramTiming:
    """Timing of a type that `dram_types` lists; StopIteration for another."""
    row = next(row for row in read_table("dram_timing") if row["type"] == name)
    return DramTiming(
        float(row["latency_ns"]),
        8 * int(row["burst_bytes"]),
        8 * int(row["row_bytes"]),
        float(row["activate_ns"]),
    )


@lru_cache(maxsize=1)
def dram_types() -> dict[str, float]:
    """pJ per bit, read or written, by type."""
    return {row["type"]: float(row["energy_pj_per_bit"]) for row in read_table("dram")}


def dram(
    name: str, derive: Literal["tables", "hwcomponents"] = "tables"
) -> tuple[float, float, str]:
    """pJ per bit read, written, and where they come from.

    Raises:
        external.Unavailable, external.Refused: `derive` is hwcomponents, and it has no answer.
    """
    if derive == "hwcomponents":
        row = next(row for row in read_table("dram") if row["type"] == name)
        of = external.dram(name, int(row["width_bits"]))
        return of.figures[0], of.figures[1], of.source
    energy = dram_types()[name]
    scaled = ", DDR3 scaled by the square of the supply" if name == "DDR4" else ""
    return energy, energy, f"{name} of hwcomponents' DRAM library{scaled}"
