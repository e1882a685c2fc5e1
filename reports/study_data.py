"""What the pages of a study are made of: its designs by column, read once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from shlex import quote
from typing import Final

from ..search.answers import METRICS, pareto_front
from ..search.designs import EvaluatedDesign
from ..search.origins import Origin, origins
from ..search.study import Study
from ..search.study_file import StudyFile
from ..search.verify import resimulate
from ..simulator.cache import MappingCache
from ..simulator.errors import InfeasibleError, NoMappingError, OutOfTimeError
from ..simulator.result import Result
from ..simulator.summaries import ArraySummary, array_summary
from .build import SCHEDULES
from .document import Axis

#: The best designs that are compared.
MOST_SHOWN: Final = 6
#: Shown where a parameter has no value, since another one rules it out.
INACTIVE: Final = "-"

#: (label, unit, what an axis is in, factor from the unit to that) of every metric.
_METRICS: Final = {
    "accuracy": ("accuracy", "accuracy", "", 1.0),
    "latency": ("latency", "cycles", "cycles", 1.0),
    "energy": ("energy", "pJ", "J", 1e-12),
    "area": ("area", "mm²", "mm²", 1.0),
    "edp": ("energy × latency", "pJ·cycles", "J·cycles", 1e-12),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A decision, as one column over the designs.

    Attributes:
        name: `<network>.<parameter>`, `<sub-accelerator>.<parameter>`, or of the whole chip.
        values: that it takes, in their order, as text.
        codes: place in `values` for each design; -1 where the design has no such parameter.
    """

    name: str
    values: tuple[str, ...]
    codes: tuple[int, ...]

    @property
    def varies(self) -> bool:
        """Whether two designs differ in it."""
        return len(set(self.codes)) > 1

    def text(self, item: int) -> str:
        """Its value in a design."""
        code = self.codes[item]
        return INACTIVE if code < 0 else self.values[code]


@dataclass(frozen=True, slots=True)
class Shown:
    """One of the best designs.

    Attributes:
        item: its place among the designs.
        why: it is here.
        arrays: its sub-accelerators.
        result: of its simulation, None where it was not simulated again, or could not be: `fault`.
    """

    item: int
    why: str
    arrays: tuple[ArraySummary, ...]
    result: Result | None = None
    fault: str = ""


class StudyData:
    """A study that is reported on.

    Args:
        name: of the study in the report.
        schedules: so many of the best designs are simulated again.

    Attributes:
        designs: by number; a design's *item* is its place here.
        aims: what the front is over, at least two: the study's objectives; of a single one, what
            hardware minimises and what has a spec besides.
        parameters: of networks and hardware.
    """

    def __init__(self, study: Study, name: str = "", schedules: int = SCHEDULES) -> None:
        self.study, self.file = study, study.file
        self.name = name or study.file.path.stem
        self.schedules = schedules
        self.designs = study.checked_designs()
        self.trials = len(study.told())
        self.aims = _aims(study.file)
        self.parameters = tuple(_parameters(study.file, self.designs))

    # -- metrics -----------------------------------------------------------------------------
    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """Metrics that some design has, those of the front first."""
        specs: Mapping[str, float] = {str(k): v for k, v in self.file.goals.specs.items()}
        order = [*self.aims, *(name for name in METRICS if name not in self.aims)]
        return tuple(
            axis_of(name, specs.get(name), self.values[name])
            for name in order
            if not (name == "area" and self.file.hardware.device is not None)  # it has none
            if any(value is not None for value in self.values[name])
        )

    @cached_property
    def values(self) -> dict[str, list[float | None]]:
        """Every metric of every design, in the metric's unit."""
        return {
            name: [metric.value(design) for design in self.designs]
            for name, metric in METRICS.items()
        }

    # -- answers -----------------------------------------------------------------------------
    @cached_property
    def ranks(self) -> list[int]:
        """Of each design, from 1: those that meet the specs as the study orders them, then the
        others by how far they miss."""

        def key(item: int) -> tuple[float, ...]:
            design = self.designs[item]
            missed = not design.feasible, design.checked_ok is False, design.penalty
            return (*missed, *self.study.rank(design))

        found = [0] * len(self.designs)
        for rank, item in enumerate(sorted(range(len(self.designs)), key=key), start=1):
            found[item] = rank
        return found

    @cached_property
    def best(self) -> int | None:
        """Item of the best design, None where none meets the specs."""
        best = self.study.best
        return None if best is None else best.number - 1

    @cached_property
    def open(self) -> list[int]:
        """Items of designs that meet the specs and were not refused when they were checked."""
        return [
            item
            for item, design in enumerate(self.designs)
            if design.feasible and design.checked_ok is not False
        ]

    def front(self, aims: Sequence[str] = ()) -> list[int]:
        """Items of the Pareto front over these metrics, or `aims`; best in the first one first."""
        names = list(aims) or self.aims
        return [one.number - 1 for one in pareto_front((self.designs[i] for i in self.open), names)]

    @cached_property
    def shown(self) -> tuple[Shown, ...]:
        """The best designs: the best one, the front's best in every other aim, then what is left
        of the front from the best accuracy (or first aim) on."""
        cache = MappingCache()
        chosen = list(self._chosen(max(MOST_SHOWN, self.schedules)).items())
        return tuple(
            self._shown(item, why, cache if place < self.schedules else None)
            for place, (item, why) in enumerate(chosen)
        )

    def _chosen(self, most: int) -> dict[int, str]:
        """Items, and why each is there."""
        front = self.front()
        found: dict[int, str] = {}
        if self.best is not None:
            found[self.best] = "best"
        for name in self.aims[1:]:
            metric = METRICS[name]
            known = [item for item in front if self.values[name][item] is not None]
            if known and not metric.maximise:
                least = min(known, key=lambda item: (self.values[name][item], item))
                found.setdefault(least, f"least {_METRICS[name][0]}")
        seen = {self.designs[item].networks for item in found}
        for item in front:  # other networks say more than the same ones once more
            if self.designs[item].networks not in seen:
                seen.add(self.designs[item].networks)
                found.setdefault(item, "front, other networks")
        for item in front:
            found.setdefault(item, "front")
        return dict(list(found.items())[:most])

    def _shown(self, item: int, why: str, cache: MappingCache | None) -> Shown:
        design = self.designs[item]
        accelerator = self.study.accelerator(design)
        arrays = tuple(map(array_summary, accelerator.sub_accelerators))
        if cache is None:
            return Shown(item, why, arrays)
        try:
            result = resimulate(self.study, design, fidelity="analytic", effort="fast", cache=cache)
        except (NoMappingError, InfeasibleError, OutOfTimeError) as error:
            return Shown(item, why, arrays, fault=str(error))
        return Shown(item, why, arrays, result)

    @cached_property
    def origins(self) -> tuple[Origin, ...]:
        """Where the accuracies come from."""
        return origins(self.study)

    def command(self, item: int) -> str:
        """The command that simulates a design."""
        return f"chiploom simulate --design {quote(f'{self.study.path}:{item + 1}')}"


def axis_of(metric: str, spec: float | None, values: Sequence[float | None]) -> Axis:
    """A metric as an axis of figures.

    Args:
        values: that are to have a place on it.
    """
    label, unit, scaled, factor = _METRICS[metric]
    known = [value for value in values if value is not None]
    log = bool(known) and min(known) > 0 and max(known) > 10 * min(known)
    return Axis(metric, label, unit, METRICS[metric].maximise, spec, scaled, factor, log)


def _aims(file: StudyFile) -> list[str]:
    found: dict[str, None] = dict.fromkeys(file.objectives)
    if len(found) == 1:
        wanted = [*file.goals.specs, *(m for m, w in file.goals.weights.items() if w)]
        found |= dict.fromkeys(name for name in METRICS if name in wanted)
    for name in ("energy", "area" if file.hardware.device is None else "latency"):
        if len(found) == 1:
            found[name] = None
    return list(found)


# -- parameters ------------------------------------------------------------------------------
def _parameters(file: StudyFile, designs: Sequence[EvaluatedDesign]) -> list[Parameter]:
    """Columns of the networks' and the hardware's decisions, in the study's order."""
    known = _known(file)
    opened: dict[str, dict[str, str]] = {}
    rows = []
    for design in designs:
        for text, read in ((design.networks, _of_networks), (design.hardware, _of_hardware)):
            if text not in opened:
                opened[text] = read(json.loads(text))
        rows.append((opened[design.networks], opened[design.hardware]))
    for texts in opened.values():
        for name, value in texts.items():
            known.setdefault(name, {}).setdefault(value)
    found = []
    for name, values in known.items():
        place = {value: code for code, value in enumerate(values)}
        codes = tuple(
            place.get(networks.get(name, hardware.get(name, "")), -1) for networks, hardware in rows
        )
        taken = sorted(set(codes) - {-1})
        if taken:
            brief = {code: number for number, code in enumerate(taken)} | {-1: -1}
            texts_of = list(values)
            found.append(
                Parameter(
                    name,
                    tuple(texts_of[code] for code in taken),
                    tuple(brief[code] for code in codes),
                )
            )
    return found


def _known(file: StudyFile) -> dict[str, dict[str, None]]:
    """Every parameter of a study with its values in their order."""
    known: dict[str, dict[str, None]] = {}

    def add(name: str, values: Iterable[object]) -> None:
        both = dict.fromkeys([*known.get(name, ()), *map(_text, values)])
        if name in known and list(both) != list(known[name]):  # of several alternatives
            both = dict.fromkeys(sorted(both, key=_by_number))
        known[name] = both

    for network in file.networks:
        for parameter in network.space.parameters:
            add(f"{network.name}.{parameter.name}", parameter.values)
    for free in file.hardware.free:
        add(free.name, free.values)
    for sub in file.hardware.subs:
        add(f"{sub.name}.template", [one.label for one in sub.alternatives])
        for one in sub.alternatives:
            for free in one.free:
                add(f"{sub.name}.{free.name}", free.values)
    return known


def _by_number(text: str) -> tuple[float, str]:
    """Orders values by the number in front, those without by their text, last."""
    try:
        return float(text.split(maxsplit=1)[0]), text
    except (ValueError, IndexError):
        return math.inf, text


def _of_networks(chosen: Mapping[str, str]) -> dict[str, str]:
    """`<network>.<parameter>` of keys such as `stem=8,skips=1`."""
    return {
        f"{name}.{parameter}": value
        for name, key in chosen.items()
        for parameter, _, value in (part.partition("=") for part in key.split(",") if key)
    }


def _of_hardware(chosen: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in chosen.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": _text(member) for key, member in value.items()}
        else:
            found[name] = _text(value)
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
