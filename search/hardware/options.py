"""All options of a sub-accelerator, built: their rates, areas and leakage as arrays."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...dataflows.accelerator import SubAccelerator
from ...dataflows.document import Document
from ...dataflows.errors import SpecError
from ...dataflows.resources import LABELS, total
from ...dataflows.spec import parse_spec
from ...dataflows.units import Bandwidth, parse_bandwidth, show_bandwidth
from ...simulator.rates import Rates, structure
from .space import DRAM, Alternative, HardwareSpace, SubSpace, bandwidths

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Group:
    """Options on which a mapping counts alike (`rates.structure`).

    Attributes:
        options: (O,) their numbers.
        rates: of them, in that order.
        arrays: the G sub-accelerators that differ in more than the DRAM's bandwidth.
        array: (O,) which of those each is.
    """

    options: Integers
    rates: Rates
    arrays: tuple[SubAccelerator, ...]
    array: Integers

    def sub(self, row: int) -> SubAccelerator:
        """The sub-accelerator of a row."""
        sub = self.arrays[int(self.array[row])]
        place = len(sub.memories) - 1
        width = float(self.rates.read_bandwidth[row, place])
        if width == sub.dram.read_bandwidth:
            return sub
        dram = replace(sub.dram, read_bandwidth=width, write_bandwidth=width)
        return replace(sub, memories=(*sub.memories[:-1], dram))


@dataclass(frozen=True, eq=False)
class Options:
    """All options of a sub-accelerator on one chip; arrays have the shape (options,).

    Attributes:
        clock_hz: of the chip. dram_bandwidth: of its DRAM, bits per cycle.
        groups: of legal options.
        legal: whether an option can be built.
        refused: why the first illegal one cannot.
        pes: processing elements. bandwidth: bits per cycle of the DRAM, as a part of it.
        area: mm². leakage: pJ per cycle. Of illegal options all are 0.
        resources: (options, kinds) of an FPGA, the kinds in the order of `LABELS`.
    """

    sub: SubSpace
    clock_hz: float
    dram_bandwidth: float
    groups: tuple[Group, ...]
    legal: Flags
    refused: str
    pes: Integers
    bandwidth: Reals
    area: Reals
    leakage: Reals
    resources: Reals


def build_options(space: HardwareSpace, number: int, chip: int = 0) -> Options:
    """The options of a sub-accelerator of a space.

    Raises:
        SpecError: not one of them is legal.
    """
    sub = space.subs[number]
    builder = _Builder(space, chip)
    for alternative, start in zip(sub.alternatives, sub.starts, strict=True):
        builder.add(alternative, start, sub.name)
    if not builder.members:
        raise SpecError([builder.refused or f"{sub.name}: expected an option, found none"])
    count = len(sub)
    legal = np.zeros(count, np.bool_)
    pes = np.zeros(count, np.int64)
    bandwidth, area, leakage = np.zeros(count), np.zeros(count), np.zeros(count)
    resources = np.zeros((count, len(LABELS)))
    groups = []
    for arrays in builder.members.values():
        group = builder.group(arrays)
        groups.append(group)
        legal[group.options] = True
        pes[group.options], area[group.options] = group.rates.pes, group.rates.area
        leakage[group.options] = group.rates.leakage
        bandwidth[group.options] = group.rates.read_bandwidth[:, -1]
        taken = np.array([astuple(total(one.resources.values())) for one in group.arrays])
        resources[group.options] = taken[group.array]
    return Options(
        sub,
        builder.clock_hz,
        builder.dram_bandwidth,
        tuple(groups),
        legal,
        builder.refused,
        pes,
        bandwidth,
        area,
        leakage,
        resources,
    )


@dataclass(frozen=True, slots=True)
class _Array:
    """A sub-accelerator, and the options that are it with one part of the DRAM or another."""

    built: SubAccelerator
    options: Integers
    bandwidths: Reals | None


class _Builder:
    def __init__(self, space: HardwareSpace, chip: int) -> None:
        self.file = space.document.file
        self.chip = space.chip_spec(chip)
        self.members: dict[Hashable, list[_Array]] = {}
        self.refused = ""
        self.clock_hz = 0.0

    @property
    def whole(self) -> Any:
        """Bandwidth of the whole DRAM as written; None where the spec does not say it as one."""
        dram = self.chip.get("dram")
        return dram.get("bandwidth") if isinstance(dram, dict) else None

    @property
    def dram_bandwidth(self) -> float:
        """Bits per cycle of the whole DRAM; infinite where the spec does not say it as one."""
        if self.whole is None:
            return math.inf
        return parse_bandwidth(self.whole).per_cycle(self.clock_hz)

    def add(self, alternative: Alternative, start: int, name: str) -> None:
        """Build an alternative's options, one for each part of the DRAM together."""
        sizes = alternative.sizes
        last = bool(alternative.free) and alternative.free[-1].where == (DRAM,)
        parts = sizes[-1] if last else 1
        for first in range(0, len(alternative), parts):
            data = {"name": name, **alternative.spec(first)}
            if last and self.whole is not None:
                data[DRAM] = self.whole  # its parts come below
            document = Document(self.file, {**self.chip, "sub_accelerators": [data]}, {})
            try:
                accelerator = parse_spec(document, name)
            except SpecError as error:
                self.refused = self.refused or str(error)
                continue
            (built,) = accelerator.sub_accelerators
            if built.modes:
                self.refused = self.refused or (
                    f"{name}: expected one array, found modes "
                    f"({', '.join(mode.mode for mode in built.modes)}); the exact search maps on "
                    "one; use a strategy that simulates"
                )
                continue
            self.clock_hz = accelerator.clock_hz
            options = np.arange(start + first, start + first + parts)
            widths = bandwidths(alternative, self.clock_hz)
            if widths is not None:
                right = (widths > 0) & (widths <= self.dram_bandwidth * (1 + 1e-9))
                if not right.all():
                    wrong = show_bandwidth(Bandwidth(float(widths[~right][0])))
                    self.refused = self.refused or (
                        f"{name}: expected a `{DRAM}` above 0 and of at most {self.whole}, all of "
                        f"the DRAM, found {wrong}; change it"
                    )
                options, widths = options[right], widths[right]
            if len(options):
                array = _Array(built, options, widths)
                self.members.setdefault(structure(built), []).append(array)

    def group(self, arrays: list[_Array]) -> Group:
        """Options of one structure, by their numbers."""
        rates = Rates.of([array.built for array in arrays], self.clock_hz)
        which = np.repeat(np.arange(len(arrays)), [len(array.options) for array in arrays])
        rates = rates.taken(which)
        if arrays[0].bandwidths is not None:
            parts = [b for a in arrays if (b := a.bandwidths) is not None]
            rates = rates.with_dram_bandwidth(np.concatenate(parts))
        options = np.concatenate([array.options for array in arrays])
        return Group(options, rates, tuple(array.built for array in arrays), which)
