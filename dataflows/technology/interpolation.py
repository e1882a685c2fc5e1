"""Tables, and log-log interpolation in them."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

Points = Sequence[tuple[float, float]]


@lru_cache(maxsize=16)
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """The rows of a table of this package; lines that start with `#` cite its source."""
    text = files(__package__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(csv.DictReader(lines))


def around(xs: Sequence[float], x: float) -> tuple[float, ...]:
    """Of rising values the two around x, or the two outermost beyond them; x itself if there."""
    if x in xs:
        return (x,)
    if len(xs) == 1:
        return (xs[0],)
    at = next((i for i in range(1, len(xs) - 1) if x <= xs[i]), len(xs) - 1)
    return (xs[at - 1], xs[at])


def outside(xs: Sequence[float], x: float) -> bool:
    """Whether x is beyond rising values."""
    return not xs[0] <= x <= xs[-1]


def log_log(
    points: Points, x: float, *, beyond: tuple[float, float] = (-math.inf, math.inf)
) -> float:
    """y at x on the line through the two points around x, both axes logarithmic.

    Beyond the ends the outermost line goes on.

    Args:
        points: (x, y) with rising, positive x and positive y; one point means a constant.
        beyond: bounds on the slope beyond the ends.
    """
    if len(points) == 1:
        return points[0][1]
    xs = [point[0] for point in points]
    used = around(xs, x)
    if len(used) == 1:
        return points[xs.index(x)][1]
    (x0, y0), (x1, y1) = (points[xs.index(end)] for end in used)
    slope = math.log(y1 / y0) / math.log(x1 / x0)
    if outside(xs, x):
        slope = min(max(slope, beyond[0]), beyond[1])
        x0, y0 = (x1, y1) if x > x1 else (x0, y0)
    return y0 * float((x / x0) ** slope)
