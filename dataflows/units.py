"""Quantities with units, as specs write them, and their canonical numbers.

A quantity is a number and a unit (`128 KiB`, `16 bit/cycle`, `1.2 pJ/bit`). Each kind of quantity
has one canonical unit, in which the rest of the program computes:

| kind | canonical | also |
|---|---|---|
| size | bit | B, KiB, MiB, GiB (powers of 1024), KB, MB, GB (of 1000), `N words of M bit` |
| bandwidth | bit/cycle, or bit/s until the clock is known | B/cycle, GB/s, Gbit/s, `unlimited` |
| frequency | Hz | kHz, MHz, GHz |
| energy | pJ | fJ, nJ, uJ |
| energy per bit | pJ/bit | `pJ/B`, `pJ/N bit` (one access of N bits) |
| area | mm2 | um2 |
| power | mW | nW, uW, W |
| length | nm | um |
| time | cycles, or ns until the clock is known | us |
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "size",
    "bandwidth",
    "frequency",
    "energy",
    "energy per bit",
    "area",
    "power",
    "length",
    "time",
]

#: The least and the largest canonical number but 0. Anything that there is lies far inside, and
#: products of several stay far from what a floating-point number can hold.
LEAST: Final = 1e-30
MOST: Final = 1e30

_BINARY: Final = {"": 1.0, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_DECIMAL: Final = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_BITS: Final = {
    f"{prefix}{name}": factor * bits
    for name, bits in (("bit", 1.0), ("B", 8.0))
    for prefix, factor in {**_BINARY, **_DECIMAL}.items()
} | {"bits": 1.0, "byte": 8.0, "bytes": 8.0}
_JOULES: Final = {"fJ": 1e-3, "pJ": 1.0, "nJ": 1e3, "uJ": 1e6}

UNITS: Final[dict[Kind, dict[str, float]]] = {
    "size": _BITS,
    "bandwidth": {
        **{f"{unit}/cycle": factor for unit, factor in _BITS.items()},
        **{f"{unit}/s": factor for unit, factor in _BITS.items()},
    },
    "frequency": {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9},
    "energy": _JOULES,
    "energy per bit": {
        f"{joule}/{unit}": factor / bits
        for joule, factor in _JOULES.items()
        for unit, bits in (("bit", 1.0), ("B", 8.0))
    },
    "area": {"um2": 1e-6, "mm2": 1.0},
    "power": {"nW": 1e-6, "uW": 1e-3, "mW": 1.0, "W": 1e3},
    "length": {"nm": 1.0, "um": 1e3},
    "time": {"ns": 1.0, "us": 1e3, "cycle": 1.0, "cycles": 1.0},
}

#: What an error message offers, per kind.
EXAMPLES: Final[dict[Kind, str]] = {
    "size": "a size such as `128 KiB`, `16 bit` or `224 words of 16 bit`",
    "bandwidth": "a bandwidth such as `64 bit/cycle`, `16 B/cycle`, `12.8 GB/s` or `unlimited`",
    "frequency": "a frequency such as `200 MHz` or `1 GHz`",
    "energy": "an energy such as `0.5 pJ` or `20 fJ`",
    "energy per bit": "an energy per bit such as `1.2 pJ/bit`, or per access such as `6 pJ/16 bit`",
    "area": "an area such as `0.3 mm2` or `1200 um2`",
    "power": "a power such as `10 mW` or `3 uW`",
    "length": "a length such as `28 nm`",
    "time": "a time such as `60 ns` or `20 cycles`",
}

_NUMBER: Final = r"[+-]?(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY: Final = re.compile(rf"({_NUMBER})\s*(\S.*)?")
_WORDS: Final = re.compile(rf"words? of ({_NUMBER})\s*(\S+)")
_PER_ACCESS: Final = re.compile(rf"(\S+?)\s*/\s*({_NUMBER})\s*(\S+)")


class UnitError(ValueError):
    """Text that is no quantity of the expected kind; the message says expected and found."""


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Bits per cycle or, where it was given per second, per second.

    Attributes:
        bits: a positive number, `math.inf` for no limit.
        per: what it counts by.
    """

    bits: float
    per: Literal["cycle", "s"] = "cycle"

    def per_cycle(self, clock_hz: float) -> float:
        """Bits per cycle of a clock."""
        return self.bits if self.per == "cycle" else self.bits / clock_hz


@dataclass(frozen=True, slots=True)
class Duration:
    """Cycles or, where it was given in seconds, nanoseconds.

    Attributes:
        amount: at least 0.
        per: what it counts.
    """

    amount: float
    per: Literal["cycle", "ns"] = "cycle"

    def cycles(self, clock_hz: float) -> float:
        """Cycles of a clock."""
        return self.amount if self.per == "cycle" else self.amount * 1e-9 * clock_hz


def parse(text: object, kind: Kind) -> float:
    """The canonical number of a quantity; for a bandwidth or a time use its own function.

    Raises:
        UnitError: the text is no number with a unit of this kind.
    """
    if not isinstance(text, str):
        raise UnitError(_expected(kind, text, "write the unit" if _is_number(text) else ""))
    match = _QUANTITY.fullmatch(text.strip().replace("²", "2").replace("µ", "u"))
    if match is None:
        raise UnitError(_expected(kind, text))
    number, unit = float(match[1].replace("_", "")), match[2]
    if unit is None:
        raise UnitError(_expected(kind, text, "write the unit"))
    value = number * _factor(kind, unit, text)
    if not within_range(value):
        size = "large" if abs(value) > 1 else "small"
        raise UnitError(_expected(kind, text, f"the number is too {size}"))
    return value


def within_range(value: float) -> bool:
    """Whether a canonical number is one of something that there can be."""
    return value == 0 or LEAST <= abs(value) <= MOST


def parse_bandwidth(text: object) -> Bandwidth:
    """A bandwidth, per cycle or per second.

    Raises:
        UnitError: as of `parse`.
    """
    if isinstance(text, str) and text.strip() == "unlimited":
        return Bandwidth(math.inf)
    bits = parse(text, "bandwidth")
    return Bandwidth(bits, "s" if str(text).strip().endswith("/s") else "cycle")


def parse_duration(text: object) -> Duration:
    """A time, in cycles or in nanoseconds.

    Raises:
        UnitError: as of `parse`.
    """
    amount = parse(text, "time")
    return Duration(amount, "cycle" if "cycle" in str(text) else "ns")


def _factor(kind: Kind, unit: str, text: str) -> float:
    """Canonical units in one of `unit`."""
    units = UNITS[kind]
    squeezed = unit.replace(" ", "")
    if squeezed in units:
        return units[squeezed]
    if kind == "size" and (words := _WORDS.fullmatch(unit)) and words[2] in units:
        return float(words[1].replace("_", "")) * units[words[2]]
    if kind == "energy per bit" and (access := _PER_ACCESS.fullmatch(unit)):
        joule, width, bits = access.groups()
        if joule in _JOULES and bits in _BITS and float(width.replace("_", "")) > 0:
            return _JOULES[joule] / (float(width.replace("_", "")) * _BITS[bits])
    fitting = next((k for k, known in UNITS.items() if squeezed in known), None)
    hint = f"`{unit}` is a unit of {fitting}" if fitting else f"`{unit}` is no known unit"
    raise UnitError(_expected(kind, text, hint))


def _expected(kind: Kind, found: object, hint: str = "") -> str:
    tail = f" ({hint})" if hint else ""
    return f"expected {EXAMPLES[kind]}, found {found!r}{tail}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# -- back to text ----------------------------------------------------------------------------------

_SCALES: Final[dict[Kind, tuple[str, ...]]] = {
    "size": ("GiB", "MiB", "KiB", "bit"),
    "frequency": ("GHz", "MHz", "kHz", "Hz"),
    "energy": ("uJ", "nJ", "pJ"),
    "energy per bit": ("pJ/bit",),
    "area": ("mm2",),
    "power": ("W", "mW"),
    "length": ("nm",),
    "time": ("us", "ns"),
}


def show(value: float, kind: Kind) -> str:
    """A quantity as text, in the largest unit in which it is a short number.

    `parse(show(x, kind), kind)` equals `x`.
    """
    for unit in _SCALES.get(kind, ("bit/cycle",)):
        factor = UNITS[kind][unit]
        number = value / factor
        if abs(number) >= 1 and number * factor == value and len(f"{number!r}") <= 7:
            return f"{_short(number)} {unit}"
    canonical = next(unit for unit, factor in UNITS[kind].items() if factor == 1.0)
    return f"{_short(value)} {canonical}"


def show_bandwidth(bandwidth: Bandwidth) -> str:
    """A bandwidth as text; `parse_bandwidth` reads it back equal."""
    if math.isinf(bandwidth.bits):
        return "unlimited"
    if bandwidth.per == "cycle":
        return f"{_short(bandwidth.bits)} bit/cycle"
    giga = bandwidth.bits / 8e9
    if giga * 8e9 == bandwidth.bits:
        return f"{_short(giga)} GB/s"
    return f"{_short(bandwidth.bits)} bit/s"


def _short(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)
