"""Published accuracy tables, read from files as their authors' data is commonly merged.

None of them is shipped: they have licences of their own. Each loader says which columns it reads.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..spaces.mnasnet import STAGES, MnasNet
from ..spaces.nasbench201 import EDGES, OPERATIONS, NASBench201
from ..spaces.nasbench_macro import OPERATIONS as MACRO_OPERATIONS
from ..spaces.nasbench_macro import NASBenchMacro
from ..spaces.space import Choice, Value
from .accuracy import EvaluationError
from .table import Entry, TableEvaluator, merged

_PERCENT: Final = 0.01


def load_nasbench201(path: str | os.PathLike[str], column: str = "c10_test_200e") -> TableEvaluator:
    """NAS-Bench-201 (Dong and Yang 2020) as CSV: `ops`, and accuracies in percent.

    Args:
        path: `ops` has one digit for each of `EDGES`: the place in `OPERATIONS`.
        column: which accuracy; `c10_test_200e` is that on CIFAR-10's test images after 200 epochs.

    Raises:
        EvaluationError: the file cannot be used; it says where, and in which row.
    """
    space = NASBench201()
    entries: dict[str, Entry] = {}
    for where, row in _csv(Path(path), ("ops", column)):
        digits = _digits(where, row["ops"], len(EDGES), len(OPERATIONS))
        chosen: dict[str, Value] = {
            f"edge{i}-{j}": OPERATIONS[digit] for (i, j), digit in zip(EDGES, digits, strict=True)
        }
        entries[space.encode(chosen)] = Entry(_percent(where, column, row[column]))
    return TableEvaluator(entries, f"NAS-Bench-201, {column}")


def load_nasbench_macro(path: str | os.PathLike[str]) -> TableEvaluator:
    """NAS-Bench-Macro (Su et al. 2021): CIFAR-10, the mean of three seeds, as its JSON has it.

    Raises:
        EvaluationError: the file cannot be used; it says where.
    """
    file, space = Path(path), NASBenchMacro()
    operations = tuple(MACRO_OPERATIONS)
    entries: dict[str, Entry] = {}
    for code, row in _json(file).items():
        where = f"{file}: entry {code!r}"
        digits = _digits(where, code, len(space.parameters), len(operations))
        chosen: dict[str, Value] = {
            f"layer{index}": operations[digit] for index, digit in enumerate(digits, start=1)
        }
        runs = row.get("test_acc") if isinstance(row, dict) else None
        if not isinstance(runs, list) or not runs:
            raise EvaluationError(f"{where}: expected a list 'test_acc', found {runs!r}")
        entries[space.encode(chosen)] = merged(
            [Entry(_percent(where, "test_acc", value)) for value in runs]
        )
    return TableEvaluator(entries, "NAS-Bench-Macro, CIFAR-10, mean of 3 seeds")


def load_accel_nasbench(path: str | os.PathLike[str]) -> TableEvaluator:
    """Accel-NASBench (Ahmad et al. 2024) as CSV: `e`, `k`, `l`, `se`, and `top1` in percent.

    Each of the first four has one digit for each of the seven stages. Accuracies are on ImageNet
    under its shortened training. A network that is listed more than once has a mean.

    Raises:
        EvaluationError: the file cannot be used; it says where, and in which row.
    """
    space = MnasNet()
    runs: dict[str, list[Entry]] = {}
    for where, row in _csv(Path(path), ("e", "k", "l", "se", "top1")):
        entry = Entry(_percent(where, "top1", row["top1"]))
        runs.setdefault(space.encode(accel_nasbench_choice(where, row)), []).append(entry)
    entries = {key: merged(found) for key, found in runs.items()}
    return TableEvaluator(entries, "Accel-NASBench, ImageNet top-1 under its shortened training")


def accel_nasbench_choice(where: str, row: Mapping[str, str]) -> Choice:
    """The network of a row's `e`, `k`, `l`, `se`; `where` is named in errors."""
    return {
        f"{name}{stage}": digit
        for name in ("e", "k", "l", "se")
        for stage, digit in enumerate(_digits(where, row[name], len(STAGES), 10), start=1)
    }


def _csv(file: Path, columns: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """Rows with where they stand."""
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{file}: expected a readable table: {error}") from error
    if missing:
        raise EvaluationError(
            f"{file}: expected columns {', '.join(columns)}, found "
            f"{', '.join(reader.fieldnames or ()) or 'none'}"
        )
    return [(f"{file}: row {number}", row) for number, row in enumerate(rows, start=1)]


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EvaluationError(f"{file}: expected readable JSON: {error}") from error
    if not isinstance(found, dict):
        raise EvaluationError(f"{file}: expected an object with one entry for each network")
    return found


def _digits(where: str, text: str, count: int, below: int) -> list[int]:
    if len(text) != count or not all(c in "0123456789"[:below] for c in text):
        raise EvaluationError(f"{where}: expected {count} digits below {below}, found {text!r}")
    return [int(digit) for digit in text]


def _percent(where: str, column: str, given: str | float) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = -1.0
    if not 0 <= value <= 100:
        raise EvaluationError(f"{where}: {column}: expected percent, found {given!r}")
    return value * _PERCENT
