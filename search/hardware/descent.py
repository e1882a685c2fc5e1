"""A local search over the designs of a hardware problem: quick, and never sure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from ..goals import Costs
from .problem import HardwareProblem
from .space import Design

#: Share of the looks that go to random designs, to begin with.
RANDOM = 0.4
#: Best designs from which the search goes on.
STARTS = 4

#: Draws, of many attempts each, after which there seems to be no design within the totals.
GIVE_UP: Final = 20


def descend(
    problem: HardwareProblem, *, seed: int, looks: int, random_share: float | None = None
) -> Iterator[tuple[Design, Costs]]:
    """Random designs, then neighbours of the best ones; each with its costs, none twice.

    Args:
        seed: equal seeds give equal designs.
        looks: designs that are evaluated at most.
        random_share: of the looks that go to random designs; `RANDOM` unless given.
    """
    share = RANDOM if random_share is None else random_share
    random = np.random.default_rng(seed)
    seen: set[Design] = set()
    ranked: list[tuple[tuple[float, float], Design]] = []
    left = looks

    def look(design: Design) -> tuple[Design, Costs] | None:
        nonlocal left
        if design in seen or left <= 0 or not problem.allowed(design):
            return None
        seen.add(design)
        left -= 1
        costs = problem.evaluate(design)
        if costs is None:
            return None
        ranked.append((problem.goals.rank(costs), design))
        return design, costs

    beyond = 0  # draws in a row that found no design within the totals
    for _ in range(20 * looks):
        if looks - left >= share * looks or beyond == GIVE_UP:
            break
        drawn = sample(problem, random)
        beyond = 0 if problem.allowed(drawn) else beyond + 1
        found = look(drawn)
        if found is not None:
            yield found
    for mine, current in sorted(ranked)[:STARTS]:
        improved = True
        while improved and left > 0:
            improved = False
            for design in neighbours(problem, current, random):
                found = look(design)
                if found is None:
                    continue
                yield found
                if ranked[-1][0] < mine:
                    mine, current, improved = ranked[-1][0], design, True
                    break


def sample(problem: HardwareProblem, random: np.random.Generator) -> Design:
    """A random design within the totals, as far as a few attempts find one."""
    design = Design(problem.chip, tuple(0 for _ in problem.options))
    for _ in range(200):
        chosen = []
        for options in problem.options:
            rows = np.flatnonzero(options.legal)
            chosen.append(int(rows[random.integers(len(rows))]))
        design = Design(problem.chip, tuple(chosen))
        if problem.allowed(design):
            break
    return design


def neighbours(
    problem: HardwareProblem, design: Design, random: np.random.Generator
) -> Iterator[Design]:
    """Designs that differ in one value of one sub-accelerator by a step or by several, or in its
    alternative with the values that can stay; in random order."""
    found: list[Design] = []
    for place, (sub, option) in enumerate(zip(problem.space.subs, design.options, strict=True)):
        alternative, number = sub.place(option)
        places = np.unravel_index(number, alternative.sizes) if alternative.free else ()
        at = [int(place) for place in places]
        changed: list[int] = []
        start = option - number
        for axis, size in enumerate(alternative.sizes):
            for step in (1, -1, 3, -3, 10, -10, 40, -40):
                moved = at[axis] + step
                if 0 <= moved < size:
                    to = [*at[:axis], moved, *at[axis + 1 :]]
                    changed.append(start + int(np.ravel_multi_index(to, alternative.sizes)))
        values = alternative.values(number)
        for other, first in zip(sub.alternatives, sub.starts, strict=True):
            if other is not alternative:
                to = [
                    free.values.index(values[free.name])
                    if values.get(free.name) in free.values
                    else 0
                    for free in other.free
                ]
                changed.append(first + (int(np.ravel_multi_index(to, other.sizes)) if to else 0))
        for option in changed:
            options = (*design.options[:place], option, *design.options[place + 1 :])
            found.append(Design(design.chip, options))
    for number in random.permutation(len(found)):
        yield found[number]
