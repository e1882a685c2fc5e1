"""Energy components in the few groups that a table has room for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: In the order of the tables: heading, and what it covers.
GROUPS: Final[dict[str, str]] = {
    "MAC": "multiply-accumulates",
    "on-chip": "registers, buffers and the network between them",
    "DRAM": "reads and writes off chip",
    "vector": "the vector unit",
    "leakage": "all parts, while the layer runs",
}

_ALONE = {"mac": "MAC", "vector": "vector", "leakage": "leakage"}


def group_of(component: str) -> str:
    """The group of a component such as `mac` or `buffer.W.read`."""
    first = component.split(".", 1)[0]
    if first.lower() == "dram":
        return "DRAM"
    return _ALONE.get(first, "on-chip")


def by_group(energy_by_component: Mapping[str, float]) -> dict[str, float]:
    """Energy summed by group, every group present, in the order of `GROUPS`."""
    total = dict.fromkeys(GROUPS, 0.0)
    for component, energy in energy_by_component.items():
        total[group_of(component)] += energy
    return total


def by_part(energy_by_component: Mapping[str, float]) -> dict[str, float]:
    """Energy summed over operands and directions (`buffer` of `buffer.W.read`), most first."""
    total: dict[str, float] = {}
    for component, energy in energy_by_component.items():
        part = component.split(".", 1)[0]
        total[part] = total.get(part, 0.0) + energy
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
