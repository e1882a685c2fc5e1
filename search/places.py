"""Where a study is kept: the database of its trials, and the file of its designs."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from ..frontend.errors import InputError

#: What a database runs by itself: a table only holds data.
_ACTIVE: Final = """
    SELECT type, name FROM sqlite_master
    WHERE type IN ('view', 'trigger') OR sql LIKE 'CREATE VIRTUAL%'
"""
#: Ending of the file of designs, beside that of the trials.
DESIGNS: Final = ".designs.db"


def designs_file(path: str) -> Path | None:
    """Where the designs of a study in a file are; None for other storages."""
    file = as_file(path)
    return None if file is None else file.with_suffix(DESIGNS)


def as_file(path: str) -> Path | None:
    """The file of a storage; None where it is none."""
    if path.startswith("sqlite:///"):
        return Path(path.removeprefix("sqlite:///"))
    return None if "://" in path else Path(path)


def expect_sqlite(place: Path) -> None:
    """Refuse what is no database before Optuna writes to it. Raises InputError."""
    if not os.path.exists(place) or not place.stat().st_size:
        return
    try:
        with place.open("rb") as stream:
            magic = stream.read(16)
    except OSError as error:
        raise InputError(f"{place}: cannot be read: {error.strerror}") from error
    if magic != b"SQLite format 3\x00":
        raise InputError(f"{place}: expected a study's SQLite file, found something else")
    try:
        with closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            found = opened.execute(_ACTIVE).fetchone()
    except sqlite3.Error as error:
        raise InputError(f"{place}: expected a study's SQLite file: {error}") from None
    if found is not None:
        raise InputError(
            f"{place}: expected the tables of a study, found the {found[0]} {found[1]!r}, which "
            "runs when it is read; it was not written by `chiploom search`"
        )
