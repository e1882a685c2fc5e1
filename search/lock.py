"""One run of a study at a time: two would tell each other's trials.

The lock is SQLite's, on an empty file beside the designs: the system lets go of it however a
process ends, so a killed run leaves nothing that must be cleared away.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..frontend.errors import InputError
from .places import designs_file

#: Ending of the file, after the name of the designs.
LOCK: Final = ".running"
#: That others may remove or make the file before it is held.
ATTEMPTS: Final = 100


@contextmanager
def only_run(path: str, designs: str | os.PathLike[str] | None = None) -> Iterator[None]:
    """Hold a study against other runs, by other processes or in this one.

    Args:
        path: the study's SQLite file, or the URL of another storage.
        designs: the file of its designs; beside the first one unless given.

    Raises:
        InputError: another run holds it.
    """
    place = Path(designs) if designs is not None else designs_file(path)
    if place is None or not place.parent.is_dir():  # which whoever opens it refuses
        yield
        return
    file = place.with_name(place.name + LOCK)
    connection = _held(file, path)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)  # while it is held: see `_held`
        connection.close()


def _held(file: Path, path: str) -> sqlite3.Connection:
    """A connection that holds the file. Who ends removes it, and another process may have opened it
    just before: what is held must still be there, under its name."""
    why: object = "others make and remove it"
    for _ in range(ATTEMPTS):
        before = _inode(file)
        try:
            connection = _locked(file)
            if before is not None and _inode(file) == before:
                return connection
            connection.close()
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise InputError(
                    f"{path}: another run of this study is under way; wait for it or stop it, or "
                    "begin another study with --db"
                ) from None
            why = error  # that it was just removed, perhaps
    raise InputError(
        f"{file}: cannot be locked: {why}; a run needs a folder that it may write to, name one "
        "with --db"
    )


def _locked(file: Path) -> sqlite3.Connection:
    """SQLite makes the file: one that is opened and closed beside it would lose its locks."""
    connection = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except BaseException:
        connection.close()
        raise
    return connection


def _inode(file: Path) -> int | None:
    """None where there is no such file."""
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return None
