"""The mappings of a layer that a range of hardware needs: found on some of it, used on all of it.

Mapping a layer takes milliseconds, costing a known mapping on an option takes microseconds
(`simulator.rates`). So the mapper is asked on *anchors*, and every option takes the best of what
was found that is legal there. An option is an anchor itself where no mapping known so far comes
near to the fewest steps that its array allows: what anchors miss is then a better order of loops
or size of tiles, not a better use of the array. No anchors are arrays of awkward shape, which take
far more steps than a smaller one does: they make do with what suits others. `loss` measures what is
missed.

Where a range has no more than `FEW` options, all of them are anchors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from ...frontend.graph import ComputeLayer
from ...simulator.errors import NoMappingError
from ...simulator.layers import deployed
from ...simulator.mapper import EffortName, map_nest, promising
from ...simulator.mapping import Mapping
from ...simulator.rates import Counts, counts_of
from ...simulator.result import Objective
from ...simulator.spatial import fewest_steps
from ...simulator.variants import best_of
from .options import Group

#: Options of a group up to which all are anchors.
FEW: Final = 64
#: Spatial mappings that are searched on an anchor of a large range.
PROMISING: Final = 12
#: Steps of a known mapping, relative to the fewest, with which an option is no anchor.
NEAR: Final = 1.05
#: Ratio of an array's fewest steps to those of a smaller one from which on its shape is awkward.
AWKWARD: Final = 1.25


@dataclass(frozen=True, slots=True)
class Settings:
    """How layers are mapped.

    Attributes:
        objective: what mappings are chosen for.
        effort: of the mapper.
        near: as `NEAR`; 0 makes every option an anchor.
    """

    objective: Objective = "edp"
    effort: EffortName = "fast"
    near: float = NEAR


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Mappings of one loop nest on one group of options, distinct; none where none is legal."""

    mappings: tuple[Counts, ...]
    anchors: int


def catalogue(layer: ComputeLayer, group: Group, settings: Settings) -> Catalogue:
    """The mappings that a layer needs on a group of options."""
    finder = _Finder(layer, group, settings)
    if len(group.options) <= FEW or not settings.near:
        for row in range(len(group.options)):
            finder.ask(row)
    else:
        finder.cover()
    return Catalogue(tuple(finder.found.values()), finder.asked)


def loss(
    layer: ComputeLayer,
    group: Group,
    found: Catalogue,
    settings: Settings,
    rows: Sequence[int],
) -> npt.NDArray[np.float64]:
    """(rows,) how much worse the catalogue's best is than the mapper's answer, relatively.

    Negative where the catalogue has a better one: the mapper's effort is limited.
    """
    at = np.array(rows)
    _, values = best_of(found.mappings, group.rates.taken(at), settings.objective)
    finder = _Finder(layer, group, settings)
    answers = []
    for row in rows:
        finder.found = {}
        finder.ask(row)
        _, alone = best_of(
            list(finder.found.values()), group.rates.taken(np.array([row])), settings.objective
        )
        answers.append(alone[0])
    known = np.array(answers)
    both = np.isinf(known) & np.isinf(values)
    return np.where(both, 0.0, values / np.where(both, 1.0, known) - 1)


@dataclass
class _Finder:
    layer: ComputeLayer
    group: Group
    settings: Settings
    found: dict[Mapping, Counts] = field(default_factory=dict)
    asked: int = 0

    def ask(self, row: int, *, proven: bool = True) -> Counts | None:
        """Map on one option; what is new, if the mapper has an answer.

        Args:
            proven: by the whole mapper, or among the most promising spatial mappings alone.
        """
        sub, leakage = self.group.sub(row), float(self.group.rates.leakage[row])
        problem = deployed(self.layer.nest, self.layer.bits, sub, leakage)
        self.asked += 1
        objective, effort = self.settings.objective, self.settings.effort
        surveyed = None
        if not proven:
            surveyed = promising(problem, objective, PROMISING, effort)
        try:
            mapped = map_nest(problem, objective, effort, surveyed=surveyed)
        except NoMappingError:
            return None
        if mapped.mapping in self.found:
            return None
        self.found[mapped.mapping] = counts_of(problem, mapped.mapping)
        return self.found[mapped.mapping]

    def cover(self) -> None:
        """Ask until every array that is not awkward has a mapping of nearly its fewest steps.

        The largest array left is asked first, then the smallest, then one between, and so on; with
        the middle part of the DRAM's bandwidth, and now and then with the least and the most.
        """
        arrays = self.group.arrays
        least = np.array([fewest_steps(self.layer.nest, sub) for sub in arrays]) * np.array(
            [sub.cycles_per_mac for sub in arrays]
        )
        pes = np.array([sub.pes for sub in arrays])
        have = np.where(_awkward(pes, least), 0.0, np.inf)
        first = np.searchsorted(self.group.array, np.arange(len(arrays)))
        count = np.bincount(self.group.array)
        shapes = self.group.rates.taken(first)
        turn = 0
        while len(left := np.flatnonzero(have > self.settings.near * least)):
            array = left[(-1, 0, len(left) // 2)[turn % 3]]
            parts = {int(count[array]) // 2}
            if turn % 4 == 0:
                parts |= {0, int(count[array]) - 1}
            for part in sorted(parts):
                counts = self.ask(int(first[array]) + part, proven=False)
                if counts is not None:
                    fits = counts.fits(shapes)
                    have[fits] = np.minimum(have[fits], counts.steps)
            have[array] = min(have[array], least[array])  # asked once is enough
            turn += 1


def _awkward(pes: npt.NDArray[np.int64], steps: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(arrays,) whether a smaller array takes much fewer steps."""
    found = np.zeros(len(pes), np.bool_)
    for number in range(len(pes)):
        smaller = steps[pes < pes[number]]
        found[number] = bool(len(smaller)) and AWKWARD * smaller.min() < steps[number]
    return found
