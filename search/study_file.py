"""Study files: YAML text -> networks, hardware, goals and budget of a co-search.

A study is its text and the folder that relative paths start from: a worker, or a study that is
taken up again, parses the text and has the same study.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ..dataflows.document import Document, Where, parse_document, read_document, show_path
from ..dataflows.errors import SpecError, suggest
from ..dataflows.resources import LABELS
from ..dataflows.units import UnitError, parse
from ..dataflows.validation import validate, wrong_places
from ..dataflows.versions import SEARCH, of_schema
from .evaluators import Evaluator
from .goals import Goals, Metric
from .hardware.catalogue import Settings
from .hardware.space import HardwareSpace
from .spaces import Space
from .study_accuracy import AccuracySource
from .study_hardware import hardware_of
from .study_networks import space_of
from .study_schema import Aim, MetricsModel, NetworkModel, Strategy, StudyModel


@dataclass(frozen=True)
class NetworkStudy:
    """A task of a study, and the networks that may do it.

    Attributes:
        name: unique in the study.
        space: of networks; a given network is a space with one choice.
        weight: share in the study's accuracy. Those of all networks with an accuracy sum to 1, a
            network without has 0.
        source: of its accuracies, None where they do not count.
    """

    name: str
    space: Space
    weight: float
    source: AccuracySource | None

    @cached_property
    def evaluator(self) -> Evaluator | None:
        """Tells accuracies of the space's choices; built at first use, which may take seconds.

        Raises:
            InputError: it cannot be built: a table is not of this space, a package is missing.
        """
        return None if self.source is None else self.source.build()


@dataclass(frozen=True)
class StudyFile:
    """What a study searches, what for, and for how long.

    Attributes:
        path: of the file. base: the folder that relative paths in it start from.
        text: of the file.
        networks: at least one.
        hardware: the accelerators to choose from.
        settings: how layers are mapped.
        goals: specs, and what hardware minimises: cycles, pJ, mm².
        objectives: what the Pareto front is over.
        strategy, options: how to search; the options are the strategy's own.
        trials: proposals of the outer search at most. seconds: of wall time at most.
        designs: of hardware that are looked at in a trial.
        seed: of all that is random.
        batch: proposals that are made before the results of any of them are told.
    """

    path: Path
    base: Path
    text: str
    description: str
    source: str
    networks: tuple[NetworkStudy, ...]
    hardware: HardwareSpace
    settings: Settings
    goals: Goals
    objectives: tuple[Aim, ...]
    strategy: Strategy
    options: Mapping[str, Any]
    trials: int | None
    seconds: float | None
    designs: int
    seed: int
    batch: int


def load_study(path: str | os.PathLike[str]) -> StudyFile:
    """The study in a YAML file.

    Raises:
        SpecError: it cannot be used; the message holds every error, one a line: file, line, path,
            what was expected, what was found, what to do.
    """
    file = Path(path)
    document = read_document(file)  # refuses what is no text, or too long
    text = file.read_text(encoding="utf-8-sig")
    return _read(document, text, file.parent)


def parse_study(text: str, file: str, base: Path) -> StudyFile:
    """The study in a YAML file's text.

    Args:
        file: as messages name it.
        base: the folder that relative paths start from.

    Raises:
        SpecError: as of `load_study`.
    """
    return _read(parse_document(text, file), text, base)


#: What takes the place of a wrong part of a study while the others are checked.
_STAND_INS: Final[dict[str, Any]] = {
    "networks": [{"name": "stand-in", "space": "unet"}],
    "hardware": {},
}


def _read(document: Document, text: str, base: Path) -> StudyFile:
    problems: list[str] = []
    document = _with_specs(of_schema(document, SEARCH), problems)
    model = validate(StudyModel, document.data, document.problem, problems)
    if model is None:
        _check_the_rest(document, base, problems)
        raise SpecError(problems)
    reader = _Reader(document, base, problems)
    networks = reader.networks(model, range(len(model.networks)))
    hardware = reader.hardware(model.hardware)
    # Of wrong hardware any clock will do: its own errors are reported already.
    goals = reader.goals(model, {"clock": "1 GHz"} if hardware is None else hardware.data)
    objectives = reader.objectives(model)
    if problems or hardware is None:
        raise SpecError(problems)
    return StudyFile(
        path=Path(document.file),
        base=base,
        text=text,
        description=model.description.strip(),
        source=model.source.strip(),
        networks=networks,
        hardware=hardware,
        settings=Settings(model.mapping.objective, model.mapping.effort, model.mapping.near),
        goals=goals,
        objectives=objectives,
        strategy=model.strategy,
        options=model.options,
        trials=model.budget.trials,
        seconds=model.budget.time,
        designs=model.budget.designs,
        seed=model.seed,
        batch=model.batch,
    )


def _with_specs(document: Document, problems: list[str]) -> Document:
    """The same, but for `specs` that are one of `spec_sets`: then those."""
    name, sets = document.data.get("specs"), document.data.get("spec_sets", {})
    if not isinstance(name, str):
        return document
    known = sets if isinstance(sets, dict) else {}
    if name not in known:
        listed = ", ".join(map(str, known)) or "none"
        problems.append(
            document.problem(
                ("specs",),
                f"expected specs, or the name of one of `spec_sets` ({listed}), found {name!r}; "
                f"{suggest(name, known)}",
            )
        )
    return replace(document, data={**document.data, "specs": known.get(name, {})})


def _check_the_rest(document: Document, base: Path, problems: list[str]) -> None:
    """Add the problems of networks and hardware that are well-formed in a study that is not."""
    wrong = wrong_places(StudyModel, document.data)
    keys = {place[0] for place in wrong}
    data = {key: value for key, value in document.data.items() if key not in keys}
    data |= {key: value for key, value in _STAND_INS.items() if key in keys}
    listed = document.data.get("networks")
    whole = dict(enumerate(listed)) if isinstance(listed, list) and len(listed) <= 64 else {}
    for place in wrong:
        if place[0] == "networks" and len(place) > 1 and isinstance(place[1], int):
            whole.pop(place[1], None)
    if whole:
        data["networks"] = list(whole.values())
    model = validate(StudyModel, data, document.problem, [])
    if model is None:
        return
    reader = _Reader(document, base, problems)
    if whole:
        reader.networks(model, list(whole))
    if "hardware" not in keys:
        hardware = reader.hardware(model.hardware)
        if hardware is not None and not keys & {"specs", "bounds", "scales", "minimize"}:
            reader.goals(model, hardware.data)


@dataclass(slots=True)
class _Reader:
    """Reads the parts of one study; errors gather in `problems`."""

    document: Document
    base: Path
    problems: list[str]
    names: set[str] = field(default_factory=set)

    def note(self, where: Where, message: str) -> None:
        self.problems.append(self.document.problem(where, message))

    # -- networks ----------------------------------------------------------------------------
    def networks(self, model: StudyModel, numbers: range | list[int]) -> tuple[NetworkStudy, ...]:
        """The networks, but for those that have errors; `numbers` are their places in the file."""
        counted = [one for one in model.networks if one.accuracy is not None]
        total = sum(1.0 if one.weight is None else one.weight for one in counted)
        found = []
        for stated, number in zip(model.networks, numbers, strict=True):
            network = self.network(stated, ("networks", number), total)
            if network is not None:
                found.append(network)
        return tuple(found)

    def network(self, model: NetworkModel, place: Where, total: float) -> NetworkStudy | None:
        """A network; `total` is the sum of all weights."""

        def note(where: Where, message: str) -> None:
            self.note((*place, *where), message)

        if model.name in self.names:
            note(("name",), f"expected every name once, found {model.name!r} again; rename it")
        self.names.add(model.name)
        space = space_of(model, self.base, note)
        if model.accuracy is None:
            if model.weight is not None:
                note(("weight",), "it weighs the network's `accuracy`; add that, or remove it")
            return None if space is None else NetworkStudy(model.name, space, 0.0, None)
        if space is None:
            return None
        where = (*place, "accuracy")
        told = f"{self.document.file}:{self.document.line(where)}: {show_path(where)}"
        source = AccuracySource(model.accuracy, space, self.base, told)
        for inner, message in source.problems():
            self.note((*where, *inner), message)
        weight = 1.0 if model.weight is None else model.weight
        return NetworkStudy(model.name, space, weight / total, source)

    # -- hardware ----------------------------------------------------------------------------
    def hardware(self, data: Mapping[str, Any]) -> HardwareSpace | None:
        """The hardware, or None and its errors."""
        try:
            return hardware_of(self.document, data, self.base)
        except SpecError as error:
            self.problems.extend(error.problems)
            return None

    # -- goals -------------------------------------------------------------------------------
    def goals(self, model: StudyModel, hardware: Mapping[str, Any]) -> Goals:
        """Goals in cycles, pJ and mm²."""
        clock = _clock(hardware)
        specs = self.metrics("specs", model.specs, clock)
        bounds = self.metrics("bounds", model.bounds, clock)
        scales = self.metrics("scales", model.scales, clock)
        for metric, bound in bounds.items():
            if metric not in specs:
                self.note(("bounds", metric), "there is no spec that it could bound; add one to "
                                              "`specs`, or remove it")  # fmt: skip
            elif bound <= specs[metric]:
                self.note(("bounds", metric), f"expected more than the spec, {specs[metric]:g}, "
                                              f"found {bound:g}; raise it")  # fmt: skip
        for metric in scales:
            if metric in specs:
                self.note(("scales", metric), "its spec is its scale; remove this")
        missing = [m for m in model.minimize if m not in specs and m not in scales]
        if missing and len(model.minimize) > 1:
            self.note(
                ("minimize",),
                f"expected a spec or a scale of each metric in a sum, found none of "
                f"{' and '.join(missing)}; add `scales: {{{missing[0]}: ...}}`",
            )
        resources = {
            name: float(most) for name in LABELS if (most := getattr(model.specs, name)) is not None
        }
        if resources and "device" not in hardware:
            self.note(
                ("specs", next(iter(resources))),
                "only an FPGA has that; add `device` to `hardware`, or remove it",
            )
        return Goals(specs, model.minimize, scales, bounds, model.rho, resources)

    def metrics(self, key: str, model: MetricsModel, clock: float | None) -> dict[Metric, float]:
        """Cycles, pJ and mm² of what is given."""
        found: dict[Metric, float] = {}
        if model.latency is not None:
            if model.latency.per == "cycle":
                found["latency"] = model.latency.amount
            elif clock is not None:
                found["latency"] = model.latency.cycles(clock)
            else:
                self.note((key, "latency"), "expected cycles, since `hardware.clock` is not one "
                                            "frequency; write a number of cycles")  # fmt: skip
        if model.energy is not None:
            found["energy"] = model.energy
        if model.area is not None:
            found["area"] = model.area
        return found

    def objectives(self, model: StudyModel) -> tuple[Aim, ...]:
        counted = any(network.accuracy is not None for network in model.networks)
        if model.objectives is None:
            return ("accuracy",) if counted else tuple(model.minimize)
        if "accuracy" in model.objectives and not counted:
            self.note(
                ("objectives",),
                "expected a network with `accuracy`, there is none; add one, or remove the "
                "objective",
            )
        return model.objectives


def _clock(hardware: Mapping[str, Any]) -> float | None:
    """Hz; None where the clock is a range, or wrong."""
    try:
        return parse(hardware.get("clock"), "frequency")
    except UnitError:
        return None
