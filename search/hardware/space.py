"""A space of accelerators: a spec in which ranges stand for numbers, and alternatives for subs.

A *sub-accelerator* of the description may list alternatives (`any_of`), each a template with
parameters. `pes` with `shape` gives the sizes of the array: `pes` processing elements as the two
factors of `pes` that are closest to each other, the smaller one first. An *option* is one choice of
alternative and values; a *design* is one option for every sub-accelerator, and one *chip* (values
of the ranges outside of sub-accelerators). `totals` limit what sub-accelerators take together.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...dataflows.accelerator import Accelerator
from ...dataflows.device import load_device, with_board
from ...dataflows.document import Document, Where
from ...dataflows.errors import SpecError
from ...dataflows.resources import LABELS, Device
from ...dataflows.spec import parse_spec
from ...dataflows.units import UnitError, parse_bandwidth
from .ranges import Free, find_ranges, is_range

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

#: Keys of a sub-accelerator in a description that a spec does not have.
_ALTERNATIVES, _LIKE, _PES, _SHAPE = "any_of", "like", "pes", "shape"
DRAM: Final = "dram_bandwidth"
#: Combinations of an alternative's values at most.
MOST_OPTIONS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Alternative:
    """One template, or architecture, that a sub-accelerator may be.

    Attributes:
        data: as a spec has it; at the places of `free` stand ranges.
        free: in the order in which options are numbered, the last one changing fastest; that of
            the DRAM's bandwidth comes last.
        pes: places of the two parameters that `pes` is split over; () where it is not used.
    """

    data: Mapping[str, Any]
    free: tuple[Free, ...]
    pes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The template's name."""
        return str(self.data.get("template", "inline"))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each free one has."""
        return tuple(len(free.values) for free in self.free)

    def __len__(self) -> int:
        return math.prod(self.sizes)

    def values(self, number: int) -> dict[str, Any]:
        """Of an option of this alternative, by name of the free value."""
        places = np.unravel_index(number, self.sizes) if self.free else ()
        return {f.name: f.values[int(i)] for f, i in zip(self.free, places, strict=True)}

    def has(self, values: Mapping[str, Any]) -> bool:
        """Whether one of its options has these values."""
        known = {free.name: free.values for free in self.free}
        return known.keys() == values.keys() and all(values[n] in known[n] for n in known)

    def spec(self, number: int) -> dict[str, Any]:
        """The sub-accelerator of an option as a spec has it."""
        data: dict[str, Any] = copy.deepcopy(dict(self.data))
        places = np.unravel_index(number, self.sizes) if self.free else ()
        for free, place in zip(self.free, places, strict=True):
            target: Any = data
            for key in free.where[:-1]:
                target = target[key]
            target[free.where[-1]] = free.values[int(place)]
        count, shape = data.pop(_PES, None), data.pop(_SHAPE, None)
        if self.pes and shape:
            parameters = data.setdefault("parameters", {})
            if isinstance(parameters, dict):  # else the spec's own error
                parameters.update(zip(self.pes, squarest(count), strict=True))
        return data


def squarest(count: int) -> tuple[int, int]:
    """The two factors of a number that are closest to each other, the smaller one first."""
    small = next(n for n in range(math.isqrt(count), 0, -1) if count % n == 0)
    return small, count // small


@dataclass(frozen=True, slots=True)
class SubSpace:
    """Everything that one sub-accelerator may be."""

    name: str
    alternatives: tuple[Alternative, ...]

    def __len__(self) -> int:
        return sum(len(one) for one in self.alternatives)

    @property
    def starts(self) -> tuple[int, ...]:
        """Number of each alternative's first option."""
        return (0, *itertools.accumulate(len(one) for one in self.alternatives[:-1]))

    def place(self, option: int) -> tuple[Alternative, int]:
        """Alternative of an option, and the number there."""
        for one, start in zip(reversed(self.alternatives), reversed(self.starts), strict=True):
            if option >= start:
                return one, option - start
        raise AssertionError("options are numbered from 0")

    def values(self, option: int) -> dict[str, Any]:
        """`template`, and what is free, of an option."""
        alternative, number = self.place(option)
        return {"template": alternative.label, **alternative.values(number)}


@dataclass(frozen=True, slots=True, order=True)
class Design:
    """One accelerator of a space: number of the chip, and an option of each sub-accelerator."""

    chip: int
    options: tuple[int, ...]


@dataclass(frozen=True)
class HardwareSpace:
    """All accelerators that a description allows.

    Attributes:
        data: of the description, without sub-accelerators and totals.
        free: ranges in it.
        subs: the sub-accelerators.
        pes_total: processing elements of all together, None for any.
        document: where it is written, for messages.
        prefix: where in that document.
    """

    data: Mapping[str, Any]
    free: tuple[Free, ...]
    subs: tuple[SubSpace, ...]
    pes_total: int | None
    document: Document
    prefix: Where = ()

    @cached_property
    def device(self) -> Device | None:
        """The FPGA that all designs are built on, None where they are on none."""
        name = self.data.get("device")
        return None if name is None else load_device(name)

    def room(self, limits: Mapping[str, float]) -> Reals:
        """(kinds,) most that a design may take of each resource, in the order of `LABELS`: what the
        device has, and the limits."""
        there = None if self.device is None else self.device.resources
        return np.array(
            [
                min(math.inf if there is None else getattr(there, name), limits.get(name, math.inf))
                for name in LABELS
            ]
        )

    @cached_property
    def chips(self) -> int:
        """How many choices there are outside of the sub-accelerators."""
        return math.prod(len(free.values) for free in self.free)

    @property
    def size(self) -> int:
        """Designs, those beyond the totals included."""
        return self.chips * math.prod(len(sub) for sub in self.subs)

    def chip_values(self, chip: int) -> dict[str, Any]:
        """What is free outside of the sub-accelerators, by name."""
        sizes = tuple(len(free.values) for free in self.free)
        places = np.unravel_index(chip, sizes) if sizes else ()
        return {f.name: f.values[int(i)] for f, i in zip(self.free, places, strict=True)}

    def values(self, design: Design) -> dict[str, Any]:
        """What a design chose, by sub-accelerator; chip-wide values by their own names."""
        chosen: dict[str, Any] = dict(self.chip_values(design.chip))
        for sub, option in zip(self.subs, design.options, strict=True):
            chosen[sub.name] = sub.values(option)
        return chosen

    def design(self, values: Mapping[str, Any]) -> Design:
        """The design that chose these values; ValueError where there is none."""
        sizes = tuple(len(free.values) for free in self.free)
        places = [free.values.index(values[free.name]) for free in self.free]
        chip = int(np.ravel_multi_index(places, sizes)) if sizes else 0
        options = []
        for sub in self.subs:
            given = dict(values[sub.name])
            label = given.pop("template")
            for one, start in zip(sub.alternatives, sub.starts, strict=True):
                if one.label == label and one.has(given):
                    at = [free.values.index(given[free.name]) for free in one.free]
                    options.append(start + (int(np.ravel_multi_index(at, one.sizes)) if at else 0))
                    break
            else:
                raise ValueError(f"{sub.name}: no alternative has {values[sub.name]}")
        return Design(chip, tuple(options))

    def spec(self, design: Design) -> dict[str, Any]:
        """A design as a spec file's data."""
        data = self.chip_spec(design.chip)
        subs = []
        for sub, option in zip(self.subs, design.options, strict=True):
            alternative, number = sub.place(option)
            subs.append({"name": sub.name, **alternative.spec(number)})
        return {**data, "sub_accelerators": subs}

    def chip_spec(self, chip: int) -> dict[str, Any]:
        """The spec's data outside of the sub-accelerators."""
        data: dict[str, Any] = copy.deepcopy(dict(self.data))
        sizes = tuple(len(free.values) for free in self.free)
        places = np.unravel_index(chip, sizes) if sizes else ()
        for free, place in zip(self.free, places, strict=True):
            target: Any = data
            for key in free.where[:-1]:
                target = target[key]
            target[free.where[-1]] = free.values[int(place)]
        return data

    def accelerator(self, design: Design, name: str = "design") -> Accelerator:
        """A design as the simulator takes it. Raises SpecError where it is not legal."""
        return parse_spec(Document(self.document.file, self.spec(design), {}), name)


def parse_space(document: Document, data: object, prefix: Where = ()) -> HardwareSpace:
    """The space that a description spans.

    Args:
        document: the file. data: the description in it. prefix: where it stands there.

    Raises:
        SpecError: it cannot be used; the message holds every error.
    """
    problems: list[str] = []

    def problem(where: Where, message: str) -> None:
        problems.append(document.problem((*prefix, *where), message))

    if not isinstance(data, dict) or not isinstance(data.get("sub_accelerators"), list):
        raise SpecError(
            [document.problem(prefix, "expected a spec with `sub_accelerators`, a list")]
        )
    rest = {key: value for key, value in data.items() if key not in ("sub_accelerators", "totals")}
    rest = _with_board(rest, problem)
    free = tuple(find_ranges(rest, problem))
    subs: dict[str, SubSpace] = {}
    for number, stated in enumerate(data["sub_accelerators"]):
        where: Where = ("sub_accelerators", number)
        sub = _sub(stated, subs, problem, where)
        if sub is not None and sub.name in subs:
            problem((*where, "name"), f"expected every name once, found {sub.name!r} again")
        elif sub is not None:
            subs[sub.name] = sub
    total = _totals(data, problem)
    if problems:
        raise SpecError(problems)
    space = HardwareSpace(rest, free, tuple(subs.values()), total, document, prefix)
    _check_parts(space, problem)
    if problems:
        raise SpecError(problems)
    return space


def _with_board(data: dict[str, Any], problem: Any) -> dict[str, Any]:
    """With what a device gives of clock and DRAM."""
    name = data.get("device")
    if name is None:
        return data
    if not isinstance(name, str):
        problem(("device",), f"expected the name of a device, found {name!r}")
        return data
    try:
        return with_board(data)[1]
    except SpecError as error:
        problem(("device",), str(error))
        return data


def _sub(stated: Any, known: Mapping[str, SubSpace], problem: Any, where: Where) -> SubSpace | None:
    if not isinstance(stated, dict) or not isinstance(stated.get("name"), str):
        problem(where, f"expected a mapping with `name`, found {stated!r}")
        return None
    name = stated["name"]
    common = {k: v for k, v in stated.items() if k not in ("name", _ALTERNATIVES, _LIKE)}
    if _LIKE in stated:
        other = stated[_LIKE]
        if not _is_text(other) or other not in known or common or _ALTERNATIVES in stated:
            problem(
                (*where, _LIKE),
                f"expected the name of a sub-accelerator above and nothing else, found {other!r}",
            )
            return None
        return SubSpace(name, known[other].alternatives)
    listed = stated.get(_ALTERNATIVES, [{}])
    if not isinstance(listed, list) or not listed or not all(isinstance(i, dict) for i in listed):
        problem((*where, _ALTERNATIVES), f"expected a list of alternatives, found {listed!r}")
        return None
    found = []
    for number, own in enumerate(listed):
        place: Where = (*where, _ALTERNATIVES, number) if _ALTERNATIVES in stated else where
        merged = {**common, **own}
        both = [k for k in common.keys() & own.keys() if _has_keys(common[k], own[k])]
        merged.update({key: {**common[key], **own[key]} for key in both})
        alternative = _alternative(merged, problem, place)
        if alternative is not None:
            found.append(alternative)
    return SubSpace(name, tuple(found)) if len(found) == len(listed) else None


def _alternative(data: dict[str, Any], problem: Any, where: Where) -> Alternative | None:
    before: list[str] = []

    def note(place: Where, message: str) -> None:
        before.append(message)
        problem((*where, *place), message)

    # The DRAM's bandwidth last: what else is the same lies together.
    ordered = {k: v for k, v in data.items() if k != DRAM} | {
        k: data[k] for k in (DRAM,) if k in data
    }
    free = tuple(find_ranges(ordered, note))
    shape = data.get(_SHAPE)
    if (_PES in data) != (shape is not None):
        note((), "expected `pes` and `shape` together: `shape` names the two parameters that the "
                 "array's sizes go to")  # fmt: skip
    elif shape is not None:
        stated = () if is_range(data[_PES]) else (data[_PES],)  # of a wrong range enough is said
        counts = next((f.values for f in free if f.where == (_PES,)), stated)
        if not isinstance(shape, list) or len(shape) != 2 or not all(map(_is_text, shape)):
            note((_SHAPE,), f"expected the names of two parameters, found {shape!r}")
        if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in counts):
            note((_PES,), f"expected whole numbers from 1, found {data[_PES]!r}")
    count = math.prod(len(one.values) for one in free)
    if count > MOST_OPTIONS:
        note((), f"expected at most {MOST_OPTIONS} combinations of values, found {count}")
    if before:
        return None
    return Alternative(data, free, tuple(shape or ()))


def _has_keys(*values: object) -> bool:
    """Whether all are mappings, none a range."""
    return all(isinstance(value, dict) and not is_range(value) for value in values)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _totals(data: Mapping[str, Any], problem: Any) -> int | None:
    totals = data.get("totals", {})
    if not isinstance(totals, dict) or set(totals) - {"pes"}:
        problem(("totals",), f"expected `pes`, found {totals!r}; the DRAM's `bandwidth` is what "
                             "its parts may take")  # fmt: skip
        return None
    pes = totals.get("pes")
    if pes is not None and (not isinstance(pes, int) or isinstance(pes, bool) or pes < 1):
        problem(("totals", "pes"), f"expected a whole number from 1, found {pes!r}")
        return None
    return pes


def _check_parts(space: HardwareSpace, problem: Any) -> None:
    """Several sub-accelerators have parts of the DRAM: else one's cost depends on the others'."""
    if len(space.subs) == 1:
        return
    for number, sub in enumerate(space.subs):
        for alternative in sub.alternatives:
            if DRAM not in alternative.data:
                problem(
                    ("sub_accelerators", number),
                    f"expected `{DRAM}`, a part of the DRAM's bandwidth or a range of it, since "
                    "there are several sub-accelerators; add it",
                )
                break


def bandwidths(alternative: Alternative, clock_hz: float) -> Reals | None:
    """(values,) parts of the DRAM's bandwidth in bits per cycle; None where it has all of it."""
    written = alternative.data.get(DRAM)
    if written is None:
        return None
    values: Sequence[Any] = (written,)
    for free in alternative.free:
        if free.where == (DRAM,):
            values = free.values
    try:
        return np.array([parse_bandwidth(value).per_cycle(clock_hz) for value in values])
    except UnitError as error:
        raise SpecError([f"{DRAM}: {error}"]) from None
