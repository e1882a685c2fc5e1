"""A schedule by the algorithm that suits the instance, and what is proven of it.

Heuristics come first. Where their schedule meets the lower bounds it is the best; otherwise exact
search goes on from it, if the instance is small or if it is asked for. Every answer carries a lower
bound, whatever it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from ..errors import OutOfTimeError
from .bounds import limits, lower_bound
from .exact import exact
from .hap import hap
from .instance import Goal, InfeasibleError, Instance, Schedule
from .list_scheduler import list_schedule
from .products import TOLERANCE

Algorithm = Literal["list", "hap", "exact", "auto"]

#: Pairs of a task and a machine up to which exact search is worth its time.
EXACT_PAIRS = 200
#: Of exact search, where none are given.
SECONDS = 5.0


def schedule(
    instance: Instance,
    algorithm: Algorithm = "auto",
    goal: Goal = "makespan",
    latency_bound: float | None = None,
    seconds: float | None = None,
) -> Schedule:
    """A schedule with a small value of the goal, its lower bound, and notes on how it was found.

    Args:
        algorithm: `list` (list scheduling, the latency bound only checked), `hap` (least energy
            within the latency bound), `exact`, or `auto`: both heuristics, then exact search where
            the instance is small.
        latency_bound: cycles that the makespan may not exceed.
        seconds: of exact search; 5 unless given.

    Raises:
        InfeasibleError: no schedule meets the latency bound and the deadlines; where that is not
            proven in time, the message says so.
        OutOfTimeError: exact search found none in time.
        ValueError: a task runs on no machine, or tasks depend on each other.
    """
    seconds = SECONDS if seconds is None else seconds
    best, failure = _heuristic(instance, algorithm, goal, latency_bound)
    if best is not None:
        best = _bounded(instance, best, goal, latency_bound)
    small = instance.tasks * len(instance.machines) <= EXACT_PAIRS
    wanted = algorithm == "exact" or (algorithm == "auto" and small)
    if best is not None and (best.optimal or not wanted):
        return _noted(best, goal)
    try:
        found = exact(instance, goal, latency_bound=latency_bound, seconds=seconds, hint=best)
    except OutOfTimeError as out:
        if failure is None or algorithm == "exact":
            raise
        raise failure from out
    if best is not None:
        bound = max(found.lower_bound, best.lower_bound)
        found = replace(found, lower_bound=bound, seconds=found.seconds + best.seconds)
    return _noted(found, goal)


def _heuristic(
    instance: Instance, algorithm: Algorithm, goal: Goal, latency_bound: float | None
) -> tuple[Schedule | None, InfeasibleError | None]:
    """The best of the heuristics that the algorithm includes, if one meets bound and deadlines."""
    best: Schedule | None = None
    failure: InfeasibleError | None = None
    attempts: list[Callable[[], Schedule]] = []
    if algorithm != "hap":
        attempts.append(lambda: list_schedule(instance, goal))
    if algorithm == "hap" or (
        algorithm != "list" and (goal == "energy" or latency_bound is not None)
    ):
        attempts.append(lambda: hap(instance, latency_bound))
    for attempt in attempts:
        try:
            found = attempt()
        except InfeasibleError as error:
            failure = error
            continue
        if latency_bound is not None and found.makespan > latency_bound:
            limit = limits(instance)
            failure = failure or InfeasibleError(
                f"{found.algorithm} found no schedule within {latency_bound:g} cycles, only one "
                f"of {found.makespan}; none is shorter than {limit.makespan}",
                latency_bound,
                limit.makespan,
                limit.words(instance),
            )
        elif best is None or found.value(goal) < best.value(goal):
            best = found
    return best, failure


def _bounded(
    instance: Instance, found: Schedule, goal: Goal, latency_bound: float | None
) -> Schedule:
    """With a lower bound of the goal."""
    value = found.value(goal)
    bound = min(value, lower_bound(instance, goal, latency_bound, value))
    return replace(found, lower_bound=bound, optimal=bound >= value - TOLERANCE * abs(value))


def _noted(found: Schedule, goal: Goal) -> Schedule:
    value = found.value(goal)
    gap = (value - found.lower_bound) / abs(value) if value else 0.0
    proof = "proven best" if found.optimal else f"at most {gap:.2%} from the best"
    return replace(found, notes=(*found.notes, f"{goal} by {found.algorithm}, {proof}"))
