"""Tables, and log-log interpolation in them."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from importlib.resources import files

Points = Sequence[tuple[float, float]]


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of a table of this package; lines that start with `#` cite its source."""
    text = files(__package__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def log_log(points: Points, x: float, *, least: float = -math.inf, most: float = math.inf) -> float:
    """y at x on the line through the two points around x, both axes logarithmic.

    Beyond the ends the outermost line goes on.

    Args:
        points: (x, y) with rising, positive x and positive y; one point means a constant.
        least, most: bounds on the slope.
    """
    if len(points) == 1:
        return points[0][1]
    at = next((i for i in range(1, len(points) - 1) if x <= points[i][0]), len(points) - 1)
    (x0, y0), (x1, y1) = points[at - 1], points[at]
    if x == x1:
        return y1
    slope = math.log(y1 / y0) / math.log(x1 / x0)
    return y0 * float((x / x0) ** min(max(slope, least), most))


def outside(points: Points, x: float) -> bool:
    """Whether x is beyond the table."""
    return not points[0][0] <= x <= points[-1][0]
