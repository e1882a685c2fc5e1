"""Energy of off-chip memories by type."""

from __future__ import annotations

from functools import lru_cache

from .interpolation import read_table


@lru_cache(maxsize=1)
def dram_types() -> dict[str, float]:
    """pJ per bit, read or written, by type."""
    return {row["type"]: float(row["energy_pj_per_bit"]) for row in read_table("dram")}
