"""Energy of on-chip wires by distance."""

from __future__ import annotations

from functools import lru_cache

from .interpolation import log_log, read_table


@lru_cache(maxsize=64)
def wire_energy(node_nm: float) -> float:
    """pJ to move one bit by one millimetre.

    The source gives 40 nm, and that the capacitance of a millimetre of wire stays about the same
    over the generations; so one figure serves all nodes. Lower voltages are not credited.
    """
    rows = read_table("wires")
    points = sorted((float(row["node_nm"]), float(row["energy_pj_per_bit_mm"])) for row in rows)
    return log_log(points, node_nm)
