"""Energy of on-chip wires by distance."""

from __future__ import annotations

from functools import lru_cache

from .interpolation import log_log, read_table


@lru_cache(maxsize=64)
def wire_energy(node_nm: float) -> float:
    """pJ to move one bit by one millimetre.

    Wires scale far less than gates: between 40 and 10 nm the exponent is 0.32. It is used beyond
    those nodes too.
    """
    rows = read_table("wires")
    points = sorted((float(row["node_nm"]), float(row["energy_pj_per_bit_mm"])) for row in rows)
    return log_log(points, node_nm)
