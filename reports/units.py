"""Numbers as people read them: three significant digits and a prefix."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: A cell where a number makes no sense.
NONE = "-"

_SI = {-6: "a", -5: "f", -4: "p", -3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G"}
_SI |= {4: "T", 5: "P", 6: "E"}
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi")


def si(value: float, unit: str = "") -> str:
    """`si(1.2345e-5, "J")` is `12.3 µJ`; integers below 1000 are exact."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".strip()
    power = min(max(math.floor(math.log10(abs(value)) / 3), min(_SI)), max(_SI))
    number = _three_digits(value / 1000.0**power)
    if number == "1000" and power < max(_SI):  # 999.7 k is 1.00 M
        power, number = power + 1, "1.00"
    if power == 0 and value == int(value):
        number = str(int(value))
    return f"{number} {_SI[power]}{unit}".strip()


def plain(value: float) -> str:
    """Three significant digits without a prefix: `0.0123`, `12.3`, `12300`."""
    number = float(f"{value:.3g}")
    return str(int(number)) if number.is_integer() else f"{number:g}"


def count(value: int) -> str:
    """A count without unit: `1.23 M`."""
    return si(value)


def energy(picojoule: float) -> str:
    """Picojoules with an SI prefix: `1.13 mJ`."""
    return si(picojoule * 1e-12, "J")


def binary(size: float) -> str:
    """Bytes with binary prefixes: `1.50 KiB`; whole bytes below 1024 are exact."""
    power = 0
    while size >= 1024 and power < len(_BINARY) - 1:
        size /= 1024
        power += 1
    number = f"{math.ceil(size)}" if power == 0 else _three_digits(size)
    return f"{number} {_BINARY[power]}B"


def percent(share: float) -> str:
    """`53%`. Only nothing is `0%`, and only everything is `100%`."""
    if share <= 0:
        return "0%"
    if share < 0.01:
        return "<1%"
    if 0.99 < share < 1:
        return ">99%"
    return f"{share:.0%}"


def plural(number: int, noun: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shape(sizes: Sequence[int]) -> str:
    """`1x3x224x224`; a scalar is `scalar`."""
    return "x".join(map(str, sizes)) or "scalar"


def _three_digits(value: float) -> str:
    size = abs(value)
    if size < 9.995:
        return f"{value:.2f}"
    if size < 99.95:
        return f"{value:.1f}"
    return f"{value:.0f}"
