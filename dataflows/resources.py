"""Resources of FPGAs: what a design takes, and what a device has."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import Final, Literal

DspFamily = Literal["DSP48E1", "DSP48E2", "DSP58"]

#: Names of the resources as people write them.
LABELS: Final = {
    "dsps": "DSPs", "bram36": "BRAM36", "uram": "URAM", "luts": "LUTs", "ffs": "FFs",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resources:
    """What a design takes of an FPGA, or what a device has.

    Attributes:
        dsps: DSP slices.
        bram36: block RAMs of 36 Kibit; half a one is a block of 18 Kibit.
        uram: ultra RAMs of 288 Kibit.
        luts, ffs: lookup tables of six inputs, flip-flops.
    """

    dsps: float = 0.0
    bram36: float = 0.0
    uram: float = 0.0
    luts: float = 0.0
    ffs: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Resources) -> Resources:
        return self + other * -1

    def __mul__(self, count: float) -> Resources:
        return Resources(*(a * count for a in astuple(self)))

    def to_json(self) -> dict[str, float]:
        """By name; whole numbers as such."""
        found = {field.name: float(getattr(self, field.name)) for field in fields(self)}
        return {name: int(v) if v.is_integer() else v for name, v in found.items()}


def total(parts: Iterable[Resources]) -> Resources:
    """The sum."""
    return sum(parts, Resources())


@dataclass(frozen=True, slots=True)
class Device:
    """An FPGA on its board.

    Attributes:
        name: as specs call it.
        title, part, source: for the report.
        dsp: family of its DSP slices.
        node_nm: technology node.
        resources: that it has.
        clock_hz: that designs reach on it as a rule. most_clock_hz: of its block RAMs; no design
            runs faster.
    """

    name: str
    title: str
    part: str
    dsp: DspFamily
    node_nm: float
    resources: Resources
    clock_hz: float
    most_clock_hz: float
    source: str

    def over(self, used: Resources) -> dict[str, tuple[float, float]]:
        """By name of a resource of which there is too little: (used, there)."""
        found = {}
        for name in LABELS:
            wanted, there = getattr(used, name), getattr(self.resources, name)
            if math.ceil(wanted - 1e-9) > there:
                found[name] = (wanted, there)
        return found
