"""What a study answers: the Pareto front, how it grew over time, and the designs as a table."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import moocore
import numpy as np
from numpy.typing import NDArray

from ..frontend.errors import InputError
from ..simulator.files import write_bytes, write_text
from .designs import COLUMNS, EvaluatedDesign


@dataclass(frozen=True, slots=True)
class Metric:
    """What designs are compared by.

    Attributes:
        value: of a design; None where it was not evaluated.
        maximise: more is better.
        unit: of the value; "" where it has none.
    """

    value: Callable[[EvaluatedDesign], float | None]
    maximise: bool
    unit: str


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric(lambda design: design.accuracy, maximise=True, unit=""),
    "latency": Metric(lambda design: design.cycles, maximise=False, unit="cycles"),
    "energy": Metric(lambda design: design.energy_pj, maximise=False, unit="pJ"),
    "area": Metric(lambda design: design.area_mm2, maximise=False, unit="mm2"),
    "edp": Metric(lambda design: design.edp, maximise=False, unit="pJ x cycles"),
}


def pareto_front(
    designs: Iterable[EvaluatedDesign], objectives: Sequence[str], *, feasible_only: bool = True
) -> list[EvaluatedDesign]:
    """The designs that no other is better than in one objective without being worse in another.

    Of designs with the same values the earliest stands for all. A design without a value, such
    as an accuracy that was not evaluated, is left out.

    Args:
        objectives: names in `METRICS`.
        feasible_only: leave out designs that do not meet the specs.

    Returns:
        By the first objective, best first; where it is equal, by the next.

    Raises:
        InputError: an objective is not known, or named twice, or there is none.
    """
    kept, costs = _measured(designs, objectives, feasible_only)
    if not kept:
        return []
    front = np.flatnonzero(moocore.is_nondominated(costs))
    return [kept[i] for i in sorted(front, key=lambda i: tuple(costs[i]))]


def hypervolume_over_time(
    designs: Iterable[EvaluatedDesign],
    objectives: Sequence[str],
    reference: Sequence[float] | None = None,
    ideal: Sequence[float] | None = None,
) -> list[tuple[int, float, float]]:
    """How much of the objective space the feasible designs dominate, as the study went on.

    The hypervolume (Zitzler and Thiele, IEEE Trans. Evol. Comput. 3(4), 1999) has no unit here:
    in each objective, the best value of all these designs becomes 0 and the reference 1, so that
    1 would be one design that is best in everything. Curves of several studies compare only
    where the best values and the reference are the same. An objective in which all designs are
    equal counts for nothing, unless a reference is given.

    Args:
        objectives: names in `METRICS`.
        reference: one value for each objective, in its unit. A design that is not better in each
            adds nothing. Default: the worst values of all these designs.
        ideal: likewise, what is 0 in each objective. Default: the best values of all these designs.

    Returns:
        Number, seconds and hypervolume, of each design with which it grew.

    Raises:
        InputError: the objectives cannot be used, or the reference or ideal does not fit them.
    """
    kept, costs = _measured(designs, objectives, feasible_only=True)
    worst = _reference(objectives, reference)
    given = _reference(objectives, ideal)
    if not kept:
        return []
    best = costs.min(axis=0) if given is None else given
    span = (costs.max(axis=0) if worst is None else worst) - best
    if worst is None:
        span[span == 0] = 1.0  # all are equal, and so all at 0
    elif not (span > 0).all():
        return []
    front = np.empty((0, len(objectives)))
    total, grown = 0.0, []
    for design, point in zip(kept, (costs - best) / span, strict=True):
        if (point >= 1).any() or (front <= point).all(axis=1).any():
            continue
        # What the point alone dominates: its box to the reference, less what the front has of it
        # (While et al., IEEE Trans. Evol. Comput. 16(1), 2012). Far fewer points than the front.
        shared = moocore.hypervolume(np.maximum(front, point), ref=1.0)
        gain = float(np.prod(1 - point)) - float(shared)
        front = np.vstack([front[~(point <= front).all(axis=1)], point])
        if total + gain > total:
            total += gain
            grown.append((design.number, design.seconds, total))
    return grown


def expect_ending(file: Path) -> None:
    """Refuse a file that `export` cannot write. Raises InputError."""
    if file.suffix not in (".csv", ".json", ".parquet"):
        raise InputError(f"{file}: expected .csv, .json or .parquet, found {file.suffix!r}")


def export(designs: Iterable[EvaluatedDesign], path: str | os.PathLike[str]) -> None:
    """Write designs as a table, whole or not at all: one row per design.

    Columns: the record's fields and `edp`; in place of its JSON texts `network.<name>` (key of
    the choice), `accuracy.<name>` and `hardware.<sub-accelerator>.<parameter>`. A design that has
    no such value has null there; in CSV, nothing. A list is kept as JSON text.

    Args:
        path: ends in .csv (RFC 4180 with a heading), .json (a list of objects) or .parquet
            (which needs pyarrow).

    Raises:
        InputError: the ending is another, pyarrow is missing, or the file cannot be written.
    """
    file = Path(path)
    expect_ending(file)
    head, rows = table(designs, file)
    try:
        if file.suffix == ".csv":
            write_text(file, _csv(head, rows))
        elif file.suffix == ".json":
            write_text(file, json.dumps(rows, indent=1, allow_nan=False) + "\n")
        else:
            write_bytes(file, _parquet(head, rows, file))
    except OSError as error:
        raise InputError(
            f"{file}: cannot be written: {error.strerror}; name another file"
        ) from error


# -- objectives ------------------------------------------------------------------------------
def _measured(
    designs: Iterable[EvaluatedDesign], objectives: Sequence[str], feasible_only: bool
) -> tuple[list[EvaluatedDesign], NDArray[np.float64]]:
    """Designs that have every objective, by number, and a `designs x objectives` array of costs.

    A cost is less for what is better: an objective to maximise is negated.
    """
    metrics = _metrics(objectives)
    kept: list[EvaluatedDesign] = []
    costs: list[list[float]] = []
    for design in sorted(designs, key=lambda design: design.number):
        if feasible_only and not design.feasible:
            continue
        values = [(metric, metric.value(design)) for metric in metrics]
        row = [-x if metric.maximise else x for metric, x in values if x is not None]
        if len(row) == len(metrics):
            kept.append(design)
            costs.append(row)
    return kept, np.array(costs, dtype=np.float64).reshape(-1, len(metrics))


def _metrics(objectives: Sequence[str]) -> list[Metric]:
    known = ", ".join(METRICS)
    for name in objectives:
        if name not in METRICS:
            raise InputError(f"objectives: expected some of {known}, found {name!r}")
    if not objectives or len(set(objectives)) < len(objectives):
        found = ", ".join(objectives) or "none"
        raise InputError(f"objectives: expected some of {known}, each once, found {found}")
    return [METRICS[name] for name in objectives]


def _reference(
    objectives: Sequence[str], reference: Sequence[float] | None
) -> NDArray[np.float64] | None:
    """Costs of the reference, one for each objective."""
    if reference is None:
        return None
    if len(reference) != len(objectives) or not np.isfinite(reference).all():
        raise InputError(
            f"reference: expected one number for each of {', '.join(objectives)}, found "
            f"{', '.join(map(str, reference)) or 'none'}"
        )
    signs = [-1.0 if METRICS[name].maximise else 1.0 for name in objectives]
    return np.multiply(signs, np.asarray(reference, dtype=np.float64))


# -- tables ----------------------------------------------------------------------------------
#: JSON texts of a design, and what their columns are called.
_OPENED: Final = {"networks": "network", "accuracies": "accuracy", "hardware": "hardware"}
#: Columns that every table has, and their types.
_FIXED: Final = {name: kind for name, kind in COLUMNS.items() if name not in _OPENED} | {
    "edp": float
}


def table(
    designs: Iterable[EvaluatedDesign], file: str | os.PathLike[str]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Names of all columns, and rows that have all of them, as `export` writes them.

    Args:
        file: for messages.

    Raises:
        InputError: two values would have the same column.
    """
    rows: list[dict[str, Any]] = []
    for design in designs:
        row: dict[str, Any] = {}
        for name, kind in _FIXED.items():
            value = getattr(design, name)
            row[name] = None if value is None else kind(value)  # such as out of NumPy's
        for field, prefix in _OPENED.items():
            _flatten(prefix, json.loads(getattr(design, field)), row, file)
        rows.append(row)
    names = {name for row in rows for name in row}
    head = [*_FIXED, *sorted(names.difference(_FIXED))]
    return head, [{name: row.get(name) for name in head} for row in rows]


def _flatten(name: str, value: object, row: dict[str, Any], file: str | os.PathLike[str]) -> None:
    """Put a value of JSON into a row: an object's members as columns of their own."""
    if isinstance(value, dict):
        for key, member in value.items():
            _flatten(f"{name}.{key}", member, row, file)
        return
    if name in row:
        raise InputError(
            f"{file}: expected one value for each column, found two for {name} in design "
            f"{row['number']}; name networks, sub-accelerators and parameters without points"
        )
    row[name] = json.dumps(value) if isinstance(value, list) else value


def _csv(head: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        writer.writerow(int(x) if isinstance(x, bool) else x for x in row.values())
    return out.getvalue()


def _parquet(head: Sequence[str], rows: Sequence[Mapping[str, Any]], file: Path) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(
            f"{file}: Parquet needs pyarrow; install it, or write .csv or .json"
        ) from error
    types = {
        bool: pyarrow.bool_(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        str: pyarrow.string(),
    }
    columns = {}
    for name in head:
        # The fixed columns have the same types in every file; of the others, pyarrow finds them.
        kind = types[_FIXED[name]] if name in _FIXED else None
        columns[name] = pyarrow.array(_alike([row[name] for row in rows]), kind)
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def _alike(values: list[Any]) -> list[Any]:
    """Values of one type, as a column of Parquet wants them; as texts where they are of several."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1:
        return values
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else str(value) for value in values]
