"""What variants of an accelerator share, and how one answer certifies another.

A *family* is one loop nest on variants that have the same mapspace and differ in **rates** alone:
sizes, bandwidths, energies, leakage. In the rates every mapping's value is monotonic:

- Cycles are the ceiling of `around + max(...)` (see `cost.py`), terms that are each a count of
  bits, never negative where it matters, over a bandwidth. A larger bandwidth makes none larger.
  (A port's load less its first tiles may be negative, where those count padding that the load
  does not: then it is not the largest, as compute takes at least one cycle.)
- Dynamic energy is a sum of counts times energies; leakage adds leakage times cycles. The three
  objectives grow with energy and with cycles.
- Tiles that fit a memory fit a larger one, with the same buffers.

So where P is no worse than Q in any rate, the least value of P is no more than that of Q: **a bound
proven for P holds for Q**. And any mapping that fits Q and reaches that bound is proven best for
Q.

Rates that an objective does not see are left out (`seen`): cycles do not depend on energies, and
energy without leakage does not depend on bandwidths nor on cycles.

Bounds are taken from the mapper's own answers only, never from carried ones: tolerances do not
add up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from .cost import evaluate
from .identity import axis_part, one_or_several
from .mapper import TOLERANCE, Mapped, value_of
from .mapping import Mapping
from .problem import HEADER, LAYER_INTEGERS, PER_MEMORY, Integers, Problem, Reals
from .result import Objective

#: Integer of a memory that holds its size.
SIZE: Final = 3
#: First and last of a memory's reals that are bandwidths; the others are energies.
BANDWIDTHS: Final = slice(0, 2)
ENERGIES: Final = slice(2, 5)
#: Cycles per MAC and skew, within what the header says of a sub-accelerator.
TIMES: Final = (2, 3)

#: Proven answers that a family compares with, and mappings that it tries.
REMEMBERED: Final = 1024
TRIED: Final = 4


@dataclass(frozen=True, slots=True)
class Rates:
    """A sub-accelerator, split in what spans the mapspace and what varies in a family.

    Attributes:
        structure: equal within a family.
        rates: one number each, larger is worse.
    """

    structure: bytes
    rates: Reals


def seen(problem: Problem, objective: Objective) -> Rates:
    """What an objective sees of a problem's hardware, the sizes of the axes left out."""
    integers, reals = problem.packed()
    count = len(problem.sub.memories)
    hardware: Integers = integers[LAYER_INTEGERS:].copy()
    memories = hardware[HEADER - LAYER_INTEGERS :].reshape(count, PER_MEMORY)
    sizes = np.where(memories[:, SIZE] < 0, np.inf, memories[:, SIZE])
    memories[:, SIZE] = 0
    numbers = one_or_several(reals, count)
    leakage, mac = numbers[0], numbers[1]
    per_memory = numbers[2 : 2 + 5 * count].reshape(count, 5)
    timeless = objective == "energy" and leakage == 0
    if timeless:
        hardware[list(TIMES)] = 0
    worse = [-sizes]
    if not timeless:
        worse.append(-per_memory[:, BANDWIDTHS].ravel())
    if objective != "latency":
        worse += [per_memory[:, ENERGIES].ravel(), np.array([leakage, mac])]
    axes = ";".join(axis_part(axis) for axis in problem.sub.axes)
    structure = hardware.tobytes() + numbers[-count:].tobytes() + f"{axes} {timeless}".encode()
    return Rates(structure, np.concatenate(worse))


@dataclass
class Family:
    """Proven answers of one family, and what follows from them."""

    objective: Objective
    _rates: list[Reals] = field(default_factory=list)
    _answers: list[Mapped] = field(default_factory=list)
    _hopeless: list[Reals] = field(default_factory=list)
    _stacked: Reals | None = None

    def carried(self, problem: Problem, rates: Rates) -> Mapped | None:
        """An answer that follows from earlier ones, None where the mapper has to be asked."""
        if not self._answers:
            return None
        if self._stacked is None:
            self._stacked = np.array(self._rates)
        no_worse = np.flatnonzero((self._stacked <= rates.rates).all(axis=1))
        if not len(no_worse):
            return None
        bounds = np.array([self._answers[number].lower_bound for number in no_worse])
        order = no_worse[np.argsort(-bounds, kind="stable")]
        bound, tried = float(bounds.max()), list[Mapping]()
        for number in order:
            answer = self._answers[number]
            same = bool((self._stacked[number] == rates.rates).all())
            if answer.lower_bound < bound * (1 - TOLERANCE) or len(tried) == TRIED:
                break
            if answer.mapping in tried and not same:
                continue
            tried.append(answer.mapping)
            found = self._reached(problem, answer, bound, same=same)
            if found is not None:
                return found
        return None

    def _reached(
        self, problem: Problem, answer: Mapped, bound: float, *, same: bool
    ) -> Mapped | None:
        """The answer's mapping, if here it reaches the bound, or if here all is the same."""
        cost = evaluate(problem, answer.mapping)
        if cost.overflow is not None:
            return None
        value = value_of(problem, cost, self.objective)
        if value <= bound * (1 + TOLERANCE):
            return Mapped(answer.mapping, cost, value, value, True)
        if same:
            return Mapped(answer.mapping, cost, value, answer.lower_bound, answer.optimal)
        return None

    def is_hopeless(self, rates: Rates) -> bool:
        """Whether the mapper found nothing legal where all is the same."""
        return any(bool((known == rates.rates).all()) for known in self._hopeless)

    def learn(self, rates: Rates, answer: Mapped | None) -> None:
        """Take up an answer of the mapper; None where nothing is legal."""
        if answer is None:
            self._hopeless.append(rates.rates)
            return
        self._rates.append(rates.rates)
        self._answers.append(answer)
        if len(self._answers) > REMEMBERED:
            del self._rates[0], self._answers[0]
        self._stacked = None
