"""Where a study is kept: the database of its trials, and the file of its designs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from ..frontend.errors import InputError
from ..simulator.databases import FAULTS

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


def expect_whole(place: Path) -> None:
    """Refuse a file that is no database, or a damaged one, before anything is written to it.

    SQLite's own check reads the whole file, some 100 MB a second.

    Raises:
        InputError: it cannot be read, is something else, or is damaged.
    """
    try:
        with place.open("rb") as stream:
            magic = stream.read(16)
    except OSError as error:
        raise InputError(
            f"{place}: cannot be read: {error.strerror}; see to its permissions, or name another "
            "study"
        ) from None
    if magic != b"SQLite format 3\x00":
        found = "an empty file" if not magic else "something else"
        raise InputError(
            f"{place}: expected a study's SQLite file, found {found}; put a copy of the study "
            "there, or begin anew with another --db"
        )
    try:
        with closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=rw", uri=True)) as opened:
            wrong = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError:  # no permission, or in use: whoever opens it says so
        return
    except FAULTS as error:
        wrong = str(error)
    if wrong != "ok":
        raise damaged(place, wrong)


def damaged(place: str | Path, how: object) -> InputError:
    """Of a file that is a study's and cannot be read as one."""
    return InputError(
        f"{place}: the study is damaged ({how}); put a copy there, or begin anew with another "
        "--db. What can still be read of the file, `sqlite3 FILE .recover` prints"
    )
