"""The least energy-delay product, from searches whose objective is linear.

Let C be a schedule's energy without leakage, T its makespan and l the leakage per cycle. Its
product is T (C + l T). Where some schedule has the product P, a better one has C < g(T) with
g(T) = P / T - l T, which is convex. Between two makespans x and y, g is at most its chord, whose
slope is -(P / (x y) + l). Thus the least C + price T with price = P / (x y) + l over the schedules
from x to y either proves that none there is better, or is a makespan at which the range is split.

For any price of at least l, a bound L on C + price T bounds the product from x to y: it is at least
T (L - (price - l) T), which is concave in T and so least at x or y.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass

from .instance import Schedule

#: Relative difference that does not count: energies are sums in floating point.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Answer:
    """Of a search for the least C + price T.

    Attributes:
        bound: of C + price T, infinite where no schedule has such a makespan.
        price: that the bound holds for, at least the one asked for.
        schedule: the best found, if any.
        final: whether more time would change nothing.
    """

    bound: float
    price: float
    schedule: Schedule | None
    final: bool = True


#: Takes price, shortest and longest makespan.
Ask = Callable[[float, int, int], Answer]


@dataclass(frozen=True)
class Product:
    """The best schedule found, its value if any schedule is known, and what none is below."""

    schedule: Schedule | None
    value: float
    bound: float


def least_product(
    ask: Ask,
    low: int,
    high: int,
    leakage: float,
    value: float = math.inf,
    schedule: Schedule | None = None,
    rounds: int | None = None,
) -> Product:
    """The least product of schedules with makespans from `low` to `high`.

    Args:
        leakage: pJ per cycle.
        value: of a schedule that is known, infinite without one.
        rounds: searches at most; None for as many as it takes, until an answer is not final.
    """
    low = max(1, low)
    open_ranges: list[tuple[float, int, int]] = [(0.0, low, high)] if low <= high else []
    closed = math.inf
    while open_ranges and (rounds is None or rounds > 0):
        bound, x, y = heapq.heappop(open_ranges)
        if bound >= value * (1 - TOLERANCE):
            heapq.heappush(open_ranges, (bound, x, y))
            break
        rounds = None if rounds is None else rounds - 1
        answer = ask((value / x / y if math.isfinite(value) else 0.0) + leakage, x, y)
        better = answer.schedule is not None and answer.schedule.edp < value
        if better and answer.schedule is not None:
            schedule, value = answer.schedule, answer.schedule.edp

        def part(x: int, y: int, answer: Answer = answer, bound: float = bound) -> float:
            slope = answer.price - leakage
            return max(bound, min(t * (answer.bound - slope * t) for t in (x, y)))

        if math.isinf(answer.bound):
            continue
        if part(x, y) >= value * (1 - TOLERANCE) or x == y:
            closed = min(closed, part(x, y))
        elif not answer.final or better:
            heapq.heappush(open_ranges, (part(x, y), x, y))
            if not answer.final:
                break
        else:
            middle = answer.schedule.makespan if answer.schedule else math.isqrt(x * y)
            middle = min(max(middle, x), y - 1)
            heapq.heappush(open_ranges, (part(x, middle), x, middle))
            heapq.heappush(open_ranges, (part(middle + 1, y), middle + 1, y))
    left = open_ranges[0][0] if open_ranges else math.inf
    return Product(schedule, value, min(value, closed, left))
