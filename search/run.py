"""Runs a study: rounds of proposals, evaluated anywhere, told in order.

Proposals of a round are made before any of them is told, and there are as many for any number of
workers: a study depends on its file and seed alone, and on time where that ends it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import Trial

from ..frontend.errors import InputError
from .context import Task
from .designs import EvaluatedDesign
from .engines import Engine, Here, Processes, Ray
from .exact import ExactStudy
from .lock import only_run
from .strategies import STRATEGIES, Strategy
from .study import Ending, Study, create_study, open_study
from .study_file import StudyFile, load_study
from .verify import verify

#: Trials where neither the study nor the caller says how many, nor for how long.
TRIALS = 200
#: Folder of cost tables, beside the study's file.
TABLES = ".tables"


@dataclass(frozen=True)
class Progress:
    """What a search has come to so far.

    Attributes:
        trials: told, of how many at most (None: until time is up).
        designs: looked at. met: of them meet all specs.
        best: design so far. front: size of the Pareto front.
        seconds: of wall time. rate: designs per second in this run.
        phase: what is being done.
    """

    trials: int
    most: int | None
    designs: int
    met: int
    best: EvaluatedDesign | None
    front: int
    seconds: float
    rate: float
    phase: str = ""


Report = Callable[[Progress], None]


def co_search(
    study: StudyFile | str | os.PathLike[str],
    *,
    db: str | os.PathLike[str] | None = None,
    designs: str | os.PathLike[str] | None = None,
    resume: bool = False,
    workers: int = 1,
    trials: int | None = None,
    seconds: float | None = None,
    ray: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> Study:
    """Search networks and hardware together.

    Args:
        study: the file, or its path.
        db: SQLite file of trials, or the URL of another Optuna storage; the study file's name with
            `.db`, in the current folder, unless given.
        designs: the file of all designs; beside the first one unless given.
        resume: go on with a study that began before.
        workers: processes.
        trials: in place of those of the study's budget.
        seconds: in place of the time of the study's budget.
        ray: address of a Ray cluster in place of processes; `local` starts one.
        cache: folder of cost tables that later searches share.
        report: called after every round.

    Returns:
        The study, open; `ending` says how the run ended.

    Raises:
        InputError: something given cannot be used.
    """
    file = study if isinstance(study, StudyFile) else load_study(study)
    place = os.fspath(db) if db is not None else f"{file.path.stem}.db"
    folder = Path(cache) if cache is not None else _tables(place)
    with only_run(place, designs):
        opened = open_study(place, designs) if resume else create_study(file, place, designs)
        try:
            if resume and opened.file.text != file.text:
                raise InputError(
                    f"{file.path}: it has changed since {place} began; undo the change, or begin "
                    "anew with another --db"
                )
            opened.context.folder = folder
            opened.start_clock()
            opened.ending = _Runner(opened, workers, trials, seconds, ray, folder, report).run()
            opened.stop_clock()
        except BaseException as error:
            opened.give_up()
            if not resume and isinstance(error, InputError):
                opened.discard()
            raise
    return opened


def _tables(place: str) -> Path | None:
    """The folder of cost tables beside a study's file."""
    return None if "://" in place else Path(place).with_suffix(TABLES)


class _Runner:
    def __init__(
        self,
        study: Study,
        workers: int,
        trials: int | None,
        seconds: float | None,
        ray: str | None,
        folder: Path | None,
        report: Report | None,
    ) -> None:
        self.study, self.file, self.report = study, study.file, report
        self.workers, self.ray, self.folder = workers, ray, folder
        self.seconds = seconds if seconds is not None else self.file.seconds
        self.most = trials if trials is not None else self.file.trials
        if self.most is None and self.seconds is None:
            self.most = TRIALS
        self.begun = time.perf_counter()
        self.had = study.store.count()
        self._said: dict[str, None] = {}  # remarks of whoever evaluated, each once

    def run(self) -> Ending:
        """Until trials or time are used up, or Ctrl-C."""
        self.study.drop_unfinished()
        if self.file.strategy == "exact":
            return self._exact()
        engine, interrupted = self._engine(), False
        try:
            with engine:
                strategy = self._strategy()
                while not self._done():
                    self._round(engine, strategy)
        except KeyboardInterrupt:
            interrupted = True
        self.study.drop_unfinished()
        return self._ended(interrupted, engine.notes)

    def _engine(self) -> Engine:
        if self.ray is not None:
            return Ray(self.file, self.ray, None if self.workers <= 1 else self.workers)
        if self.workers > 1:
            if self.folder is None:
                raise InputError(
                    "--workers: expected --cache FOLDER, through which processes share cost "
                    "tables, where the study is not in a file"
                )
            return Processes(self.file, self.folder, self.workers)
        return Here(self.study.context)

    def _strategy(self) -> Strategy:
        """As it was when the last trial had been told."""
        strategy = STRATEGIES[self.file.strategy](self.study.context, self.most)
        for trial in self.study.told():
            strategy.replay(trial, self.study.notes(trial)["strategy"])
        return strategy

    def _done(self) -> bool:
        if self.most is not None and len(self.study.told()) >= self.most:
            return True
        return self.seconds is not None and self.study.seconds >= self.seconds

    def _round(self, engine: Engine, strategy: Strategy) -> None:
        """Propose, evaluate, tell."""
        told = len(self.study.told())
        count = self.file.batch
        if self.most is not None:
            count = min(count, self.most - told)
        count = strategy.at_once(told, count)
        asked: list[tuple[Trial, Task]] = []
        for place in range(count):
            number = told + place
            sampler = strategy.sampler(strategy.seed(number))
            if sampler is not None:
                self.study.trials.sampler = sampler
            trial, choices = self.study.ask()
            asked.append((trial, strategy.propose(number, choices)))
        for (trial, _), outcome in zip(
            asked, engine.outcomes([task for _, task in asked]), strict=True
        ):
            notes = strategy.notes(outcome)
            self.study.tell(trial, outcome, notes)
            self._said.update(dict.fromkeys(outcome.remarks))
            strategy.told(outcome)
            self._say()

    def _exact(self) -> Ending:
        search = ExactStudy(self.study, self.seconds, self.workers, self.folder, self._say)
        interrupted = False
        try:
            search.run()
        except KeyboardInterrupt:
            interrupted = True
        ending = self._ended(interrupted)
        return Ending(
            ending.reached,
            ending.interrupted,
            search.unreachable,
            search.infeasible,
            search.proven and ending.reached,
            (*ending.notes, *dict.fromkeys((*search.notes, *self.study.context.remarks()))),
        )

    def _ended(self, interrupted: bool, notes: Sequence[str] = ()) -> Ending:
        """Check what is reported as meeting the specs, and say what there is."""
        checked: tuple[str, ...] = ()
        try:
            if not interrupted:
                checked = verify(self.study)
        except KeyboardInterrupt:  # what is not checked yet, the next run checks
            interrupted = True
        self._say("done")
        best = self.study.best is not None
        return Ending(best, interrupted, notes=(*notes, *self._said, *checked))

    def _say(self, phase: str = "") -> None:
        if self.report is None:
            return
        seconds = time.perf_counter() - self.begun
        count = self.study.store.count()
        met = self.study.store.all(feasible=True)
        self.report(
            Progress(
                len(self.study.told()),
                self.most,
                count,
                len(met),
                self.study.best,
                len(self.study.front()),
                self.study.seconds,
                (count - self.had) / max(seconds, 1e-9),
                phase,
            )
        )
