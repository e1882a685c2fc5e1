"""Search over orders and machines by simulated annealing: the form to read.

The compiled kernel (`ext/_schedule`, `Placer.improve`) does the same faster; tests hold both equal.

Every step proposes one change, appends all tasks again, and takes the change where the cost, value
plus `penalty` per late cycle, is no larger, or larger by less than the heat allows (Metropolis).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from .instance import Goal, Integers
from .placer import PlainPlacer

#: Kinds of proposals, all equally likely.
KINDS: Final = 12

_WORD: Final = (1 << 64) - 1


class SplitMix:
    """Random numbers that the kernel draws too: SplitMix64 (Steele, Lea, Flood 2014)."""

    def __init__(self, seed: int) -> None:
        self.state = seed & _WORD

    def draw(self) -> int:
        """64 bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & _WORD
        word = self.state
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB & _WORD
        return word ^ (word >> 31)

    def below(self, limit: int) -> int:
        """From 0 to limit - 1."""
        return (self.draw() >> 32) * limit >> 32

    def uniform(self) -> float:
        """In (0, 1]."""
        return ((self.draw() >> 11) + 1) / (1 << 53)


class Neighbour:
    """An order and machines that change a little.

    Priorities hold: a task moves in the order only past tasks of its own priority.
    """

    def __init__(self, placer: PlainPlacer, order: list[int], machine: list[int]) -> None:
        self.placer, self.order, self.machine = placer, order, machine

    def able(self, random: SplitMix, task: int, other_than: int) -> int:
        """A random machine that can run the task, -1 where there is no other."""
        choices = [on for on in self.placer.able[task] if on != other_than]
        return choices[random.below(len(choices))] if choices else -1

    def places(self, task: int) -> tuple[int, int]:
        """First and last place in the order to which the task may move."""
        place = {t: p for p, t in enumerate(self.order)}
        first = max([0, *(place[t] + 1 for t in self.placer.needs[task])])
        last = min([len(self.order) - 1, *(place[t] - 1 for t in self.placer.feeds[task])])
        priority = self.placer.instance.priority
        low = high = place[task]
        while low > first and priority[self.order[low - 1]] == priority[task]:
            low -= 1
        while high < last and priority[self.order[high + 1]] == priority[task]:
            high += 1
        return low, high

    def shift(self, task: int, to: int) -> None:
        """Move the task to a place in the order."""
        self.order.remove(task)
        self.order.insert(to, task)

    def propose(self, random: SplitMix) -> bool:
        """Change a random thing; false where nothing may change."""
        kind = random.below(KINDS)
        task = random.below(len(self.order))
        if kind <= 5:
            reassigned = kind <= 2 and self._reassign(random, task)
            reordered = kind >= 2 and self._reorder(random, task)
            return reassigned or reordered
        if kind <= 7:
            return self._join(random, task, stay=kind == 6)
        if kind <= 9:
            return self._reassign_path(random, task)
        return self._swap(task, random.below(len(self.order)))

    def _reassign(self, random: SplitMix, task: int) -> bool:
        on = self.able(random, task, self.machine[task])
        if on >= 0:
            self.machine[task] = on
        return on >= 0

    def _reorder(self, random: SplitMix, task: int) -> bool:
        low, high = self.places(task)
        if high <= low:
            return False
        to = low + random.below(high - low)
        self.shift(task, to + (to >= self.order.index(task)))
        return True

    def _join(self, random: SplitMix, task: int, stay: bool) -> bool:
        """The task right behind its feeder, on its machine or any, where its input fits."""
        instance = self.placer.instance
        feeder = int(instance.feeder[task])
        if feeder < 0:
            return False
        on = self.machine[feeder] if stay else self.able(random, task, -1)
        if not instance.fits[task, on] or on not in self.placer.able[feeder]:
            return False
        self.machine[task] = self.machine[feeder] = on
        place = self.order.index(feeder)
        if self.places(task)[0] <= place + 1:
            self.shift(task, place + 1)
        else:
            before = self.order.index(task) - 1
            if self.places(feeder)[1] >= before:
                self.shift(feeder, before)
        return True

    def _reassign_path(self, random: SplitMix, task: int) -> bool:
        """Two to six tasks along the feeders to one machine, as far as it can run them."""
        on = self.able(random, task, self.machine[task])
        length = 2 + random.below(5)
        changed = False
        while on >= 0 and task >= 0 and length > 0:
            if on in self.placer.able[task]:
                self.machine[task] = on
                changed = True
            task = int(self.placer.instance.feeder[task])
            length -= 1
        return changed

    def _swap(self, task: int, other: int) -> bool:
        """Two tasks swap machines."""
        on, there = self.machine[task], self.machine[other]
        if on == there or there not in self.placer.able[task] or on not in self.placer.able[other]:
            return False
        self.machine[task], self.machine[other] = there, on
        return True


def improve_plainly(
    placer: PlainPlacer,
    order: Integers,
    machine: Integers,
    goal: Goal,
    penalty: float,
    hot: float,
    cold: float,
    evaluations: int,
    seed: int,
) -> tuple[Integers, Integers]:
    """The best order and machines met: least late first, then of the least value.

    Args:
        order, machine: (n,) to begin with.
        penalty: cost of a late cycle, in the goal's unit.
        hot, cold: relative growth of the cost that is taken with probability 1/e, first and last.
    """
    best = np.array(order, np.int64), np.array(machine, np.int64)
    if not len(order):
        return best
    random = SplitMix(seed)
    now = Neighbour(placer, [int(t) for t in order], [int(m) for m in machine])
    outcome = placer.sequence(order, machine)[1]
    least = outcome.late, outcome.value(goal)
    cost = outcome.value(goal) + penalty * outcome.late
    for evaluation in range(evaluations):
        heat = hot + (cold - hot) * (evaluation / evaluations)
        new = Neighbour(placer, list(now.order), list(now.machine))
        if not new.propose(random):
            continue
        candidate = np.array(new.order, np.int64), np.array(new.machine, np.int64)
        outcome = placer.sequence(*candidate)[1]
        value = outcome.value(goal)
        if value + penalty * outcome.late <= cost - heat * cost * math.log(random.uniform()):
            now, cost = new, value + penalty * outcome.late
            if (outcome.late, value) < least:
                least, best = (outcome.late, value), candidate
    return best
