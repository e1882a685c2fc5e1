"""Free values in a hardware description: where a number may stand, a range may.

`{from: 8, to: 64, step: 8}` counts, `{from: 8 KiB, to: 128 KiB, factor: 2}` multiplies, and
`{any_of: [a, b]}` lists. Ends belong to the range; both carry the same unit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from ...dataflows.document import Where

#: Values of one range at most.
MOST: Final = 100_000

_NUMBER: Final = re.compile(r"\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(.*?)\s*")
_KEYS: Final = frozenset({"from", "to", "step", "factor"})

Problem = Callable[[Where, str], None]


@dataclass(frozen=True, slots=True)
class Free:
    """A free value.

    Attributes:
        where: keys from the root of the description.
        values: as a spec writes them, from small to large where they are a range.
    """

    where: Where
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """Its keys joined by points: `accelerators.0.parameters.rows`."""
        return ".".join(map(str, self.where))


def is_range(value: object) -> bool:
    """Whether a value in a description stands for several."""
    if not isinstance(value, dict) or not value:
        return False
    keys = set(value)
    return keys == {"any_of"} or bool({"from", "to"} <= keys and keys <= _KEYS)


def find_ranges(data: object, problem: Problem, where: Where = ()) -> Iterator[Free]:
    """All free values of a description, in its order; what is wrong goes to `problem`."""
    if is_range(data):
        values = values_of(data, problem, where)
        if values:
            yield Free(where, values)
    elif isinstance(data, dict):
        for key, item in data.items():
            yield from find_ranges(item, problem, (*where, key))
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield from find_ranges(item, problem, (*where, number))


def values_of(written: Any, problem: Problem, where: Where) -> tuple[Any, ...]:
    """The values of a range; none, and a problem, where it is not one."""
    if "any_of" in written:
        listed = written["any_of"]
        scalars = isinstance(listed, list) and all(isinstance(v, str | int | float) for v in listed)
        if not scalars or not listed or len({str(v) for v in listed}) != len(listed):
            problem((*where, "any_of"), f"expected a list of distinct values, found {listed!r}")
            return ()
        return tuple(listed)
    parts = {key: _split(value) for key, value in written.items()}
    for key, part in parts.items():
        if part is None:
            problem((*where, key), f"expected a number, found {written[key]!r}")
            return ()
    numbers = {key: part[0] for key, part in parts.items() if part is not None}
    units = {part[1] for key, part in parts.items() if part is not None and key != "factor"}
    if len(units) != 1 or ("step" in parts) == ("factor" in parts):
        problem(
            where,
            "expected `from` and `to`, with `step` (of one unit with them) or `factor`; found "
            f"{written!r}",
        )
        return ()
    found = _numbers(numbers)
    if found is None:
        problem(
            where, f"expected a range that goes up, of at most {MOST} values, found {written!r}"
        )
        return ()
    unit = units.pop()
    return tuple(f"{_plain(value)} {unit}" if unit else _plain(value) for value in found)


def _numbers(given: dict[str, float]) -> list[float] | None:
    low, high = given["from"], given["to"]
    if "step" in given:
        step = given["step"]
        if not step > 0 or high < low or (high - low) / step > MOST:
            return None
        return [low + step * n for n in range(math.floor((high - low) / step * (1 + 1e-12)) + 1)]
    factor = given["factor"]
    if not factor > 1 or not 0 < low <= high or math.log(high / low) / math.log(factor) > MOST:
        return None
    count = math.floor(math.log(high / low) / math.log(factor) + 1e-9) + 1
    return [low * factor**n for n in range(count)]


def _split(value: object) -> tuple[float, str] | None:
    """Number and unit."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value), ""
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        return float(match[1]), match[2]
    except ValueError:
        return None


def _plain(value: float) -> int | float:
    value = round(value, 9)
    return int(value) if value.is_integer() else value
