"""Energy of on-chip wires by distance."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from .interpolation import log_log, outside, read_table

CITE: Final = "Keckler et al., IEEE Micro 2011"


def _points() -> list[tuple[float, float]]:
    rows = read_table("wires")
    return [(float(row["node_nm"]), float(row["energy_pj_per_bit_mm"])) for row in rows]


@lru_cache(maxsize=64)
def wire_energy(node_nm: float) -> float:
    """pJ to move one bit by one millimetre.

    The capacitance of a millimetre of wire stays about the same over the nodes, the voltage falls.
    """
    return log_log(_points(), node_nm)


def wire_source(node_nm: float, mm: float) -> str:
    """Where the energy of wires of a length comes from."""
    beyond = outside([node for node, _ in _points()], node_nm)
    return f"wires of {mm:.3g} mm ({CITE}{f', extrapolated to {node_nm:g} nm' if beyond else ''})"
