"""Where a network's accuracies come from, as a study file says it.

What can be told at once is checked when the study is read: that files are there, and that they
are meant for the network. Evaluators are built when they are first asked for, since a predictor
takes seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from ..dataflows.document import Where
from ..dataflows.errors import suggest
from ..frontend.errors import InputError
from .evaluators import (
    Accuracy,
    CommandEvaluator,
    Entry,
    Evaluator,
    PredictorEvaluator,
    TableEvaluator,
    TrainEvaluator,
    Training,
    load_accel_nasbench,
    load_dataset,
    load_nasbench201,
    load_nasbench_macro,
    load_table,
)
from .fixed import RestrictedSpace
from .spaces import Choice, Space
from .study_schema import SOURCES, AccuracyModel, PublishedModel, TableModel, TrainModel

#: Datasets that `load_dataset` knows by name.
_DATASETS: Final = ("digits", "mnist5000")
_SUFFIXES: Final = (".csv", ".json", ".parquet")

#: The space that each published table is of.
_PUBLISHED: Final = {
    "nasbench201": "nasbench201",
    "nasbench_macro": "nasbench-macro",
    "accel_nasbench": "mnasnet",
}


def shipped_tables() -> dict[str, Path]:
    """The accuracy tables of this package by name."""
    folder = Path(str(files(__package__).joinpath("data")))
    return {path.stem: path for path in sorted(folder.glob("*.csv"))}


@dataclass(frozen=True)
class AccuracySource:
    """What a study file says of a network's accuracies.

    Attributes:
        model: of the file.
        space: that the study chooses from.
        base: the folder that relative paths start from.
        place: in words, for messages: `file:line: path`.
    """

    model: AccuracyModel
    space: Space
    base: Path
    place: str

    @property
    def whole(self) -> Space:
        """The space without the study's restrictions, whose choices tables are of."""
        return self.space.whole if isinstance(self.space, RestrictedSpace) else self.space

    def problems(self) -> Iterator[tuple[Where, str]]:
        """What is wrong that can be told without reading tables and datasets."""
        model = self.model
        kind = next(key for key in SOURCES if getattr(model, key) is not None)
        if kind == "constant" and self.space.size != 1:
            yield (
                (kind,),
                f"only a fixed network has one accuracy, space {self.space.name} has "
                f"{self.space.size} networks; fix all parameters in `only`, or take another source",
            )
        if kind in ("table", "predictor", "published") and not self.whole.parameters:
            yield (
                (kind,),
                "a given network has no choices to look up; write `constant` and its `source`",
            )
            return
        if model.published is not None:
            yield from self._published_problems(model.published)
        table = model.predictor.table if model.predictor else model.table
        if table is not None:
            try:
                self._table_file(table)
            except InputError as error:
                yield (("predictor", "table") if model.predictor else ("table",)), str(error)
        if model.train is not None and model.train.dataset not in _DATASETS:
            path = self.base / model.train.dataset
            if not os.path.exists(path):
                yield (
                    ("train", "dataset"),
                    f"expected {', '.join(_DATASETS)}, or an .npz file or folder of images, there "
                    f"is no {path}",
                )

    def _published_problems(self, model: PublishedModel) -> Iterator[tuple[Where, str]]:
        for key, space in _PUBLISHED.items():
            name = getattr(model, key)
            if name is None:
                continue
            where = ("published", key)
            if self.whole.name != space:
                yield where, f"it is a table of the space {space}, found {self.whole.name}"
            if not os.path.isfile(self.base / name):
                yield where, f"expected the path of a file, there is no {self.base / name}"

    def build(self) -> Evaluator:
        """The evaluator; it takes choices of `space`.

        Raises:
            InputError: it cannot be built; the message starts with `place`.
        """
        try:
            built = self._build()
        except InputError as error:
            raise InputError(f"{self.place}: {error}") from error
        whole = self.whole
        return built if whole is self.space else WholeSpaceEvaluator(built, whole)

    def _build(self) -> Evaluator:
        model = self.model
        if model.table is not None:
            return self._table(model.table)
        if model.predictor is not None:
            return PredictorEvaluator(
                self._table(model.predictor.table),
                self.whole,
                folds=model.predictor.folds,
                rounds=model.predictor.rounds,
                seed=model.predictor.seed,
            )
        if model.train is not None:
            return self._train(model.train)
        if model.command is not None:
            command = model.command
            return CommandEvaluator(command.command, timeout=command.timeout, folder=self.base)
        if model.published is not None:
            return self._published(model.published)
        assert model.constant is not None
        assert model.source is not None
        (choice,) = self.space.choices()
        return TableEvaluator({self.space.encode(choice): Entry(model.constant)}, model.source)

    def _table(self, model: TableModel) -> TableEvaluator:
        return load_table(
            self._table_file(model),
            self.whole,
            accuracy=model.accuracy,
            uncertainty=model.uncertainty,
            unit=model.unit,
            source=model.source,
        )

    def _table_file(self, model: TableModel) -> Path:
        if model.file.endswith(_SUFFIXES):
            path = self.base / model.file
            if not os.path.isfile(path):
                raise InputError(f"expected a table, there is no file {path}")
            return path
        known = shipped_tables()
        if model.file not in known:
            raise InputError(
                f"expected a shipped table or the path of one (ending in {', '.join(_SUFFIXES)}), "
                f"found {model.file!r}; {suggest(model.file, known)}"
            )
        return known[model.file]

    def _train(self, model: TrainModel) -> TrainEvaluator:
        known = model.dataset in _DATASETS
        name = model.dataset if known else str(self.base / model.dataset)
        return TrainEvaluator(
            load_dataset(name, size=model.size),
            Training(model.epochs, model.batch, model.rate, model.decay, model.patience),
            seeds=tuple(model.seeds),
            folder=None if model.checkpoints is None else self.base / model.checkpoints,
            threads=model.threads,
        )

    def _published(self, model: PublishedModel) -> TableEvaluator:
        if model.nasbench201 is not None:
            path = self.base / model.nasbench201
            return load_nasbench201(path, model.column) if model.column else load_nasbench201(path)
        if model.nasbench_macro is not None:
            return load_nasbench_macro(self.base / model.nasbench_macro)
        assert model.accel_nasbench is not None
        return load_accel_nasbench(self.base / model.accel_nasbench)


class WholeSpaceEvaluator(Evaluator):
    """Tells accuracies of a restricted space's choices by an evaluator of the whole space.

    Args:
        evaluator: of choices of `whole`.
        whole: the space before it was restricted; its keys are those of the restricted one, but
            its features may be more.
    """

    def __init__(self, evaluator: Evaluator, whole: Space) -> None:
        self.evaluator, self.whole = evaluator, whole
        self.source = str(getattr(evaluator, "source", ""))

    def evaluate(self, space: Space, choice: Choice) -> Accuracy:
        """As `Evaluator.evaluate`, with the choice read as one of the whole space."""
        space.validate(choice)
        return self.evaluator.evaluate(self.whole, choice)
