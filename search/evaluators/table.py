"""Accuracies out of a table: measured once, looked up many times."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..spaces.space import Choice, ChoiceError, Space, Value
from .accuracy import Accuracy, EvaluationError, Evaluator

#: Columns of a table besides those of the space's parameters.
ACCURACY, UNCERTAINTY, KEY = "accuracy", "uncertainty", "key"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: accuracy and standard deviation, both from 0 to 1; None where not known."""

    accuracy: float
    uncertainty: float | None = None


class TableEvaluator(Evaluator):
    """Looks choices up. One that is not in the table is an error, never a guess.

    Args:
        entries: by key of the choice (`Space.encode`).
        source: where the numbers come from.

    Raises:
        EvaluationError: there is no entry.
    """

    def __init__(self, entries: Mapping[str, Entry], source: str) -> None:
        if not entries:
            raise EvaluationError(f"{source}: expected at least one row, found none")
        self.entries, self.source = dict(entries), source

    def evaluate(self, space: Space, choice: Choice) -> Accuracy:
        """As `Evaluator.evaluate`; a choice without a row is an EvaluationError."""
        start = time.perf_counter()
        key = space.encode(choice)
        entry = self.entries.get(key)
        if entry is None:
            raise EvaluationError(self._missing(space, choice, key))
        seconds = time.perf_counter() - start
        return Accuracy(entry.accuracy, self.source, entry.uncertainty, seconds)

    def choices(self, space: Space) -> list[Choice]:
        """The choices in the table, in its order.

        Raises:
            EvaluationError: a key is none of the space's.
        """
        try:
            return [space.decode(key) for key in self.entries]
        except ChoiceError as error:
            raise EvaluationError(f"{self.source}: not a table of this space: {error}") from error

    def _missing(self, space: Space, choice: Choice, key: str) -> str:
        """What is not there, and what is nearest: by the parameters that differ."""

        def differing(other: str) -> int:
            given = dict(part.partition("=")[::2] for part in other.split(","))
            mine = {name: str(value) for name, value in choice.items()}
            return sum(given.get(name) != mine.get(name) for name in given.keys() | mine.keys())

        near = sorted(self.entries, key=differing)[:3]
        listed = "; ".join(f"{other} ({differing(other)} differ)" for other in near)
        return (
            f"{self.source}: space {space.name}: no row for {key}; of {len(self.entries)} rows the "
            f"nearest are {listed}; measure it, or use a predictor"
        )


def load_table(
    path: str | os.PathLike[str],
    space: Space,
    *,
    accuracy: str = ACCURACY,
    uncertainty: str = UNCERTAINTY,
    unit: float = 1.0,
    source: str = "",
) -> TableEvaluator:
    """A table from a CSV, JSON or Parquet file.

    A row names its choice by a column `key` or by one column for each parameter, empty where it
    is not active. JSON is a list of such rows. Further columns are not read. Rows of the same
    choice are runs with several seeds: their mean counts, and their standard deviation.

    Args:
        path: ends in .csv, .json or .parquet (which needs pyarrow).
        space: whose choices the rows are.
        accuracy, uncertainty: names of columns; that of the uncertainty may be missing.
        unit: what the file's numbers are to be multiplied with: 0.01 for percent.
        source: in place of the file's name.

    Raises:
        EvaluationError: the file cannot be used; it says where, and in which row.
    """
    file = Path(path)
    runs: dict[str, list[Entry]] = {}
    for number, row in enumerate(_rows(file), start=1):
        where = f"{file}: row {number}"
        key = _key(space, row, where)
        value = _number(row, accuracy, where)
        if value is None:
            raise EvaluationError(f"{where}: column {accuracy!r}: expected a number, found none")
        spread = _number(row, uncertainty, where)
        entry = Entry(value * unit, None if spread is None else spread * unit)
        if not 0 <= entry.accuracy <= 1:
            raise EvaluationError(
                f"{where}: column {accuracy!r}: expected 0 to {1 / unit:g}, found {value:g}"
            )
        runs.setdefault(key, []).append(entry)
    return TableEvaluator(
        {key: merged(entries) for key, entries in runs.items()}, source or file.name
    )


def merged(entries: list[Entry]) -> Entry:
    """Several runs of one choice as one: the mean, and the sample standard deviation."""
    if len(entries) == 1:
        return entries[0]
    values = [entry.accuracy for entry in entries]
    return Entry(float(np.mean(values)), float(np.std(values, ddof=1)))


def _rows(file: Path) -> Iterable[Mapping[str, Any]]:
    try:
        if file.suffix == ".csv":
            with file.open(newline="", encoding="utf-8") as stream:
                return list(csv.DictReader(stream))
        if file.suffix == ".json":
            rows = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise EvaluationError(f"{file}: expected a list of objects, one for each row")
            return rows
        if file.suffix == ".parquet":
            return _parquet(file)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EvaluationError(f"{file}: expected a readable table: {error}") from error
    raise EvaluationError(f"{file}: expected .csv, .json or .parquet, found {file.suffix!r}")


def _parquet(file: Path) -> list[dict[str, Any]]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise EvaluationError(
            f"{file}: Parquet needs pyarrow; install it, or give the table as CSV"
        ) from error
    rows: list[dict[str, Any]] = parquet.read_table(file).to_pylist()
    return rows


def _key(space: Space, row: Mapping[str, Any], where: str) -> str:
    """The key of a row's choice."""
    try:
        if row.get(KEY):
            return space.encode(space.decode(str(row[KEY])))
        chosen: dict[str, Value] = {}
        for parameter in space.parameters:
            given = row.get(parameter.name)
            if given is not None and given != "":
                known = {str(value): value for value in parameter.values}
                chosen[parameter.name] = known.get(str(given), given)
        return space.encode(chosen)
    except ChoiceError as error:
        raise EvaluationError(f"{where}: {error}") from error


def _number(row: Mapping[str, Any], column: str, where: str) -> float | None:
    given = row.get(column)
    if given is None or given == "":
        return None
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise EvaluationError(f"{where}: column {column!r}: expected a number, found {given!r}")
    return value
