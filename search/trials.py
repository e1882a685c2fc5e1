"""Trials in Optuna's storage: opened, asked for, and what goes wrong there told as our errors."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import Trial
from sqlalchemy.exc import SQLAlchemyError

from ..frontend.errors import InputError
from .places import as_file, damaged
from .spaces.space import Choice, Value
from .study_file import NetworkStudy, StudyFile

#: What a database runs by itself; Optuna's tables only hold data.
_ACTIVE: Final = """
    SELECT type, name FROM sqlite_master
    WHERE type IN ('view', 'trigger') OR sql LIKE 'CREATE VIRTUAL%'
"""
#: What Optuna raises, beside errors of the database, on what nobody has written.
_UNWRITTEN: Final = (
    OptunaError, ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip


def suggested(trial: Trial, network: NetworkStudy) -> Choice:
    """What Optuna's sampler chooses for one network."""
    values: dict[str, Value] = {}
    for parameter in network.space.parameters:
        name = f"{network.name}.{parameter.name}"
        if parameter.kind == "ordered":
            place = trial.suggest_int(name, 0, len(parameter.values) - 1)
        else:
            place = trial.suggest_categorical(name, range(len(parameter.values)))
        values[parameter.name] = parameter.values[place]
    return network.space.settled(values)


def open_trials(path: str, file: StudyFile, *, new: bool) -> optuna.Study:
    """The trials of a study in their storage.

    Args:
        path: an SQLite file, or the URL of another storage.
        new: made here; else they must be there.

    Raises:
        InputError: there are none, or the storage cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    place = as_file(path)
    if place is not None and not new:
        _expect_trials(place)
    directions = [
        StudyDirection.MAXIMIZE if name == "accuracy" else StudyDirection.MINIMIZE
        for name in file.objectives
    ]
    try:
        storage = RDBStorage(path if place is None else f"sqlite:///{place}")
        name = file.path.stem
        if new:
            study = optuna.create_study(storage=storage, study_name=name, directions=directions)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(list(file.objectives))
            return study
        return optuna.load_study(storage=storage, study_name=name)
    except (SQLAlchemyError, ImportError, *_UNWRITTEN) as error:
        raise InputError(f"{path}: not usable as the storage of trials: {_cause(error)}") from error


def _expect_trials(place: Path) -> None:
    """Refuse a database without trials, to which Optuna would add its tables."""
    if not place.exists():
        raise InputError(
            f"{place}: expected the trials of a study beside its designs, found no file; put a "
            "copy there, or begin anew with another --db"
        )
    with reported(str(place)), closing(sqlite3.connect(place)) as opened:
        active = opened.execute(_ACTIVE).fetchone()
        if active is not None:
            raise InputError(
                f"{place}: expected the tables of a study, found the {active[0]} {active[1]!r}, "
                "which runs when it is read; it was not written by `chiploom search`"
            )
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'trials'"
        if not opened.execute(tables).fetchone()[0]:
            raise InputError(
                f"{place}: expected the trials of a study, found a database without any; name "
                "another file"
            )


@contextmanager
def reported(path: str) -> Iterator[None]:
    """What Optuna and SQLite say of the trials' storage becomes the user's error.

    Raises:
        InputError: the disk is full, the storage cannot be written, or it is damaged.
    """
    try:
        yield
    except (OptunaError, SQLAlchemyError, sqlite3.DatabaseError) as error:
        raise InputError(
            f"{path}: the trials cannot be read and written: {_cause(error)}; see to its folder, "
            "permissions and free space. What was told is kept, and --resume goes on with it"
        ) from error


@contextmanager
def reading(path: str) -> Iterator[None]:
    """The same of what is only read, where Optuna also fails on what nobody has written."""
    try:
        with reported(path):
            yield
    except _UNWRITTEN as error:
        raise damaged(path, error) from error


def _cause(error: BaseException) -> str:
    """What the database itself says: libraries wrap it in advice that does not help here."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(getattr(error, "orig", None) or error)
