"""A template's parameters: their kinds, legal ranges and values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .expressions import Canonical, ExpressionError, Value, substitute
from .schema import ParameterKind
from .units import Bandwidth, UnitError, parse, parse_bandwidth, show, show_bandwidth


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a template.

    Attributes:
        kind: `count` (whole number), `number`, `size`, `bandwidth` or `choice`.
        default: as written; a text with `${…}` computes it from the parameters before it.
        minimum, maximum: of legal values, both included; None is no bound.
        step: legal values are `minimum + n * step`; None is any value.
        choices: the legal texts of a choice.
        doc: what it is, in words.
    """

    name: str
    kind: ParameterKind
    default: object
    doc: str
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()

    def legal(self) -> str:
        """The legal values, in words."""
        if self.kind == "choice":
            return "one of " + ", ".join(f"`{choice}`" for choice in self.choices)
        low, high = self._bound(self.minimum), self._bound(self.maximum)
        text = {"count": "a whole number", "number": "a number"}.get(self.kind, f"a {self.kind}")
        text += f" from {low} to {high}" if low and high else ""
        text += f" of at least {low}" if low and not high else ""
        text += f" of at most {high}" if high and not low else ""
        return text + (f" in steps of {self.show(self.step)}" if self.step is not None else "")

    def _bound(self, bound: float | None) -> str:
        return "" if bound is None else self.show(bound)

    def show(self, value: Value) -> str:
        """A value as a spec writes it."""
        if isinstance(value, str):
            return value
        if self.kind == "size":
            return show(float(value), "size")
        if self.kind == "bandwidth":
            return show_bandwidth(Bandwidth(float(value)))
        return f"{value:g}" if isinstance(value, float) else str(value)

    def check(self, written: object, clock_hz: float) -> Value:
        """The value of what a spec writes, within the legal range.

        Raises:
            ValueError: it is not legal; the message says expected and found.
        """
        value = read_value(self.kind, written, clock_hz)
        if isinstance(value, str):
            legal = value in self.choices
        else:
            legal = (self.minimum is None or value >= self.minimum) and (
                self.maximum is None or value <= self.maximum
            )
            if legal and self.step is not None:
                legal = ((value - (self.minimum or 0)) / self.step).is_integer()
        if not legal:
            raise ValueError(f"expected {self.legal()}, found {written!r}")
        return value


def read_value(kind: ParameterKind, written: object, clock_hz: float) -> Value:
    """What a spec or template writes for a parameter of a kind, canonical.

    Raises:
        ValueError: it is not of that kind.
    """
    if isinstance(written, Canonical):
        if kind == "choice":
            raise ValueError(f"expected text, found {written!r}")
        return _whole(float(written)) if kind != "number" else float(written)
    match kind:
        case "size":
            return _whole(parse(written, "size"))
        case "bandwidth":
            return parse_bandwidth(written).per_cycle(clock_hz)
        case "choice":
            if not isinstance(written, str):
                raise ValueError(f"expected text, found {written!r}")
            return written
        case "count":
            if isinstance(written, bool) or not isinstance(written, int):
                raise ValueError(f"expected a whole number, found {written!r}")
            return written
        case "number":
            if isinstance(written, bool) or not isinstance(written, int | float):
                raise ValueError(f"expected a number, found {written!r}")
            return written


def _whole(number: float) -> float | int:
    return int(number) if math.isfinite(number) and number.is_integer() else number


def resolve(
    parameters: tuple[Parameter, ...], given: Mapping[str, Any], clock_hz: float
) -> tuple[dict[str, Value], dict[str, str]]:
    """Every parameter's value: what is given, else its default.

    Returns:
        The values, and by name the message of each that is not legal (such a one takes its
        default where it can, so that others are still checked).
    """
    values: dict[str, Value] = {}
    problems: dict[str, str] = {}
    for parameter in parameters:
        written = given.get(parameter.name, parameter.default)
        for attempt in (written, parameter.default):
            try:
                if isinstance(attempt, str) and "${" in attempt:
                    attempt = substitute(attempt, values)
                values[parameter.name] = parameter.check(attempt, clock_hz)
                break
            except (UnitError, ExpressionError, ValueError) as error:
                problems.setdefault(parameter.name, str(error))
    return values, problems
