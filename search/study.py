"""A study: its trials in Optuna's storage, its designs in a store beside it, and its answers.

One trial is one candidate (networks with the hardware chosen for them). Designs that were looked at
on the way go to the store first, in one transaction; then the trial is told. So what was told is
complete however a run ends, and a trial that was not told is asked for anew.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from ..dataflows.accelerator import Accelerator
from ..dataflows.versions import SEARCH, mismatch
from ..frontend.errors import InputError
from ..frontend.graph import LayerGraph
from . import answers
from .context import Context, Networks, Outcome
from .designs import DesignStore, EvaluatedDesign, canonical_json
from .goals import Costs, Metric
from .hardware.space import Design
from .places import as_file, damaged, designs_file, expect_whole
from .spaces.space import Choice
from .study_file import StudyFile, parse_study
from .trials import open_trials, reading, reported, suggested

#: Attribute of a trial that holds what is known of it, as one JSON text: each costs a transaction.
NOTES: Final = "chiploom"

_OPEN: Final = (TrialState.RUNNING, TrialState.WAITING)


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        reached: a design that meets the specs is known.
        interrupted: by Ctrl-C.
        unreachable: no design meets the specs, proven: metric, spec, and the least value that is
            proven possible within the other specs; empty where none is out of reach alone.
        infeasible: no design meets the specs, proven.
        proven: the best design is proven to be the best, by strategy `exact`.
        notes: what the user should know.
    """

    reached: bool
    interrupted: bool = False
    unreachable: tuple[tuple[Metric, float, float], ...] = ()
    infeasible: bool = False
    proven: bool = False
    notes: tuple[str, ...] = ()


class Study:
    """A search that is under way or has ended.

    Attributes:
        file: what is searched. path: SQLite file of trials, or another storage's URL.
        store: of designs.
        begun: seconds that earlier runs took.
        ending: of the last run in this process, None before.
    """

    def __init__(self, file: StudyFile, path: str, store: DesignStore, trials: optuna.Study):
        self.file, self.path, self.store, self.trials = file, path, store, trials
        self.context = Context(file, None)
        self.begun = _seconds(store)
        self.ending: Ending | None = None
        self._start: float | None = None

    @property
    def seconds(self) -> float:
        """Of wall time, over all runs. To look at a study takes none of it."""
        return self.begun + (0.0 if self._start is None else time.perf_counter() - self._start)

    def start_clock(self) -> None:
        """A run begins."""
        self._start = time.perf_counter()

    def stop_clock(self) -> None:
        """The run has ended; what it took is kept."""
        if self._start is not None:
            self.begun, self._start = self.seconds, None
            self.store.put_meta({"seconds": repr(self.begun)})

    # -- trials ------------------------------------------------------------------------------
    def told(self) -> list[FrozenTrial]:
        """Trials whose outcomes are known, in their order."""
        with reading(self.path):
            return self.trials.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def notes(self, trial: FrozenTrial) -> dict[str, Any]:
        """What is known of a trial, as `tell` kept it."""
        with reading(self.path):
            found: dict[str, Any] = json.loads(trial.user_attrs[NOTES])
        return found

    def drop_unfinished(self) -> int:
        """Give up trials that an earlier run began and did not tell; how many there were."""
        with reported(self.path):
            unfinished = self.trials.get_trials(deepcopy=False, states=_OPEN)
            for trial in unfinished:
                self.trials.tell(trial.number, state=TrialState.FAIL)
        return len(unfinished)

    def ask(self) -> tuple[Trial, list[Choice]]:
        """A new trial, and the networks that Optuna's sampler chose for it.

        Every parameter is suggested, also where it is not active: then a sampler sees one space.
        """
        with reported(self.path):
            trial = self.trials.ask()
            return trial, [suggested(trial, network) for network in self.file.networks]

    def tell(self, trial: Trial, outcome: Outcome, notes: dict[str, Any]) -> int:
        """Keep an outcome: its designs, then the trial. The number of its design, 0 where none."""
        numbers = self.store.add(self._rows(trial.number, outcome))
        number = numbers[outcome.best] if outcome.best >= 0 else 0
        costs = outcome.costs
        known = {
            "networks": self.context.named(outcome.task.networks),
            "design": number,
            "accuracy": outcome.accuracy,
            "met": costs is not None and self.file.goals.met(costs),
            "optimal": outcome.optimal,
            "infeasible": outcome.infeasible,
            "looked": len(outcome.looked),
            "note": outcome.note,
            "seconds": outcome.seconds,
            "strategy": notes,
        }
        missed = 1e9 if costs is None else self.file.goals.penalty(costs)
        with reported(self.path):
            trial.set_user_attr(NOTES, json.dumps(known))
            trial.set_constraint("specs", 0.0 if outcome.task.hardware == "none" else missed)
            self.trials.tell(trial, [self._value(name, outcome) for name in self.file.objectives])
        return number

    def _value(self, objective: str, outcome: Outcome) -> float:
        """What Optuna sees; the worst there is where it is not known."""
        if objective == "accuracy":
            return outcome.accuracy or 0.0
        costs = outcome.costs
        if costs is None:
            return 1e30
        return {
            "latency": float(costs.cycles),
            "energy": costs.energy_pj,
            "area": costs.area_mm2,
            "edp": costs.cycles * costs.energy_pj,
        }[objective]

    def _rows(self, trial: int, outcome: Outcome) -> list[EvaluatedDesign]:
        return [
            self.row(
                trial,
                outcome.task.networks,
                design,
                costs,
                outcome.accuracy,
                outcome.accuracies,
                optimal=outcome.optimal and number == outcome.best,
            )
            for number, (design, costs) in enumerate(outcome.looked)
        ]

    def row(
        self,
        trial: int,
        networks: Networks,
        design: Design,
        costs: Costs,
        accuracy: float | None,
        accuracies: dict[str, float],
        *,
        optimal: bool = False,
        note: str = "",
    ) -> EvaluatedDesign:
        """As the store keeps it."""
        return EvaluatedDesign(
            number=0,
            trial=trial,
            networks=canonical_json(self.context.named(networks)),
            hardware=canonical_json(self.file.hardware.values(design)),
            cycles=costs.cycles,
            energy_pj=costs.energy_pj,
            area_mm2=costs.area_mm2,
            accuracy=accuracy,
            accuracies=canonical_json(accuracies),
            penalty=self.file.goals.penalty(costs),
            feasible=self.file.goals.met(costs),
            optimal=optimal,
            seconds=self.seconds,
            note=note,
        )

    # -- answers -----------------------------------------------------------------------------
    @property
    def best(self) -> EvaluatedDesign | None:
        """Of the designs that meet the specs and were not refused when they were checked, the one
        best in the first objective; of equal ones that of least hardware value."""
        known = [
            design
            for design in self.store.all(feasible=True)
            if design.checked_ok is not False and self.rank(design)[0] < math.inf
        ]
        return min(known, key=self.rank, default=None)

    def rank(self, design: EvaluatedDesign) -> tuple[float, float, int]:
        """Orders designs that meet the specs, the best one first: by the first objective
        (infinite where it is not known), by hardware value, by number."""
        metric = answers.METRICS[self.file.objectives[0]]
        value = metric.value(design)
        cost = math.inf if value is None else -value if metric.maximise else value
        return cost, self.file.goals.value(costs_of(design)), design.number

    def front(self, objectives: Sequence[str] | None = None) -> list[EvaluatedDesign]:
        """Designs that meet the specs, were not refused when they were checked, and that no other
        one beats in all objectives."""
        wanted = self.file.objectives if objectives is None else objectives
        stand = [design for design in self.store.all() if design.checked_ok is not False]
        return answers.pareto_front(stand, list(wanted))

    def hypervolume(
        self, objectives: Sequence[str] | None = None
    ) -> list[tuple[int, float, float]]:
        """(design, seconds, hypervolume) as it grew; see `answers.hypervolume_over_time`."""
        wanted = self.file.objectives if objectives is None else objectives
        return answers.hypervolume_over_time(self.store.all(), list(wanted))

    def export(self, path: str | os.PathLike[str]) -> None:
        """Every design as CSV, JSON or Parquet, by the file's ending."""
        answers.export(self.store.all(), Path(path))

    def graphs(self, design: EvaluatedDesign) -> list[LayerGraph]:
        """The networks of a design, called after the study's."""
        with self._damage(design):
            chosen = json.loads(design.networks)
            keys = tuple(chosen[network.name] for network in self.file.networks)
            return self.context.graphs(keys)

    def accelerator(self, design: EvaluatedDesign) -> Accelerator:
        """The hardware of a design."""
        space = self.file.hardware
        with self._damage(design):
            found = space.design(json.loads(design.hardware))
        return space.accelerator(found, f"design-{design.number}")

    def checked_designs(self) -> list[EvaluatedDesign]:
        """All designs by number, from 1 without gaps, their texts JSON objects.

        Raises:
            InputError: one is not so; the file is damaged, or was not written by a search.
        """
        designs = self.store.all()
        sound: set[str] = set()
        for number, design in enumerate(designs, start=1):
            with self._damage(design):
                if design.number != number:
                    raise ValueError(f"expected design {number} there")
                for text in (design.networks, design.hardware, design.accuracies):
                    if text not in sound and not isinstance(json.loads(text), dict):
                        raise ValueError("expected a JSON object")
                    sound.add(text)
                for key in json.loads(design.networks).values():
                    if not isinstance(key, str):
                        raise ValueError(f"expected the key of a network, found {key!r}")
        return designs

    @contextmanager
    def _damage(self, design: EvaluatedDesign) -> Iterator[None]:
        """What a design lacks that a search did not write becomes the user's error."""
        try:
            yield
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"{self.store.path}: design {design.number} is damaged, or is of another study: "
                f"{error}"
            ) from error

    def _repr_html_(self) -> str:
        """The study in a notebook. How it looks is the reports' business, above this part: it is
        bound by name, so that nothing here depends on it."""
        html: str = import_module("..reports.notebook", __package__).study_html(self)
        return html

    def close(self) -> None:
        """Keep the time that the run took, and close the files. Raises InputError: no room."""
        self.stop_clock()
        self.store.close()

    def give_up(self) -> None:
        """Close after an error. That the time cannot be kept, on a full disk say, is no further
        one: the run is counted as shorter than it was."""
        with suppress(InputError):
            self.stop_clock()
        with suppress(InputError):
            self.store.close()

    def discard(self) -> None:
        """Remove the files of a closed study in which nothing was told, so that it can begin anew
        once the study file is corrected. Where that cannot be told they stay."""
        try:
            if self.told():
                return
        except InputError:
            return
        _remove(self.store.path, as_file(self.path))

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _seconds(store: DesignStore) -> float:
    """Of wall time, over all runs so far."""
    kept = store.meta("seconds") or "0"
    try:
        seconds = float(kept)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise damaged(store.path, f"it took {kept!r} seconds")
    return seconds


def costs_of(design: EvaluatedDesign) -> Costs:
    """Of a design as it is kept."""
    return Costs(design.cycles, design.energy_pj, design.area_mm2)


def open_study(
    path: str | os.PathLike[str], designs: str | os.PathLike[str] | None = None
) -> Study:
    """A study that has begun before.

    Args:
        path: its SQLite file, or the URL of another storage.
        designs: the file of its designs; beside the first one unless given.

    Raises:
        InputError: there is none.
    """
    text = os.fspath(path)
    file = Path(designs) if designs is not None else designs_file(text)
    for known in (file, as_file(text)):
        if known is not None and os.path.isfile(known):
            expect_whole(known)
    if file is None or not os.path.exists(file):
        raise InputError(
            f"{text}: expected a study, found no designs at {file}; name the database of the "
            "trials, which `chiploom search` wrote beside them"
        )
    store = DesignStore(file)
    try:
        store.expect_whole()
        stored = store.meta("study")
        if stored is None:
            raise InputError(
                f"{file}: expected the designs of a study, found none; it never began: delete "
                f"{file} and {text}, and begin anew"
            )
        problem = mismatch(SEARCH, store.meta("schema") or SEARCH, "name another file")
        if problem:
            raise InputError(f"{file}: the study in it: {problem}")
        base = Path(store.meta("base") or ".")
        study = parse_study(stored, store.meta("file") or "study.yaml", base)
        return Study(study, text, store, open_trials(text, study, new=False))
    except BaseException:
        store.close()
        raise


def create_study(
    file: StudyFile,
    path: str | os.PathLike[str],
    designs: str | os.PathLike[str] | None = None,
) -> Study:
    """A new study.

    Raises:
        InputError: there is one already, or it cannot be written.
    """
    text = os.fspath(path)
    place = Path(designs) if designs is not None else designs_file(text)
    if place is None:
        raise InputError(f"{text}: expected --designs FILE beside a storage that is no file")
    taken = [
        known for known in (place, as_file(text)) if known is not None and os.path.exists(known)
    ]
    if taken:
        raise InputError(
            f"{taken[0]}: expected no file there, found one; --resume goes on with it, --db names "
            "another one"
        )
    if not os.path.isdir(place.parent):
        raise InputError(f"{place}: no directory {place.parent}; create it first")
    try:
        trials = open_trials(text, file, new=True)
        store = DesignStore(place)
        try:
            store.put_meta(
                {
                    "file": str(file.path),
                    "base": str(file.base.resolve()),
                    "study": file.text,
                    "schema": SEARCH,  # what the text is read as where it does not say
                }
            )
            return Study(file, text, store, trials)
        except BaseException:
            store.close()
            raise
    except InputError:  # a full disk, say: nothing has begun
        _remove(place, as_file(text))
        raise


def _remove(*files: Path | None) -> None:
    """Files of SQLite, with what it keeps beside them."""
    for file in files:
        for ending in ("", "-wal", "-shm", "-journal"):
            if file is not None:
                file.with_name(file.name + ending).unlink(missing_ok=True)
