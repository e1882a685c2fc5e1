"""Tables of published figures."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

from ...frontend.errors import InputError


def read_table(name: str, path: Path | None, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a shipped table, or of a file in its place; lines that start with `#` are notes.

    Args:
        columns: that every row needs.

    Raises:
        InputError: the file cannot be read, is empty or lacks a column.
    """
    if path is None:
        text, where = files(__package__).joinpath(name).read_text(encoding="utf-8"), name
    else:
        where = str(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{where}: expected a CSV table, but {error}") from None
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    missing = [column for column in columns if not rows or column not in rows[0]]
    if missing:
        found = ", ".join(rows[0]) if rows else "no rows"
        raise InputError(f"{where}: expected columns {', '.join(columns)}; found {found}")
    return rows


def number(row: dict[str, str], column: str, where: str) -> float:
    """A field as a number. Raises InputError where it is none."""
    try:
        return float(row[column])
    except (TypeError, ValueError):
        raise InputError(
            f"{where}: column {column}: expected a number, found {row[column]!r}"
        ) from None
