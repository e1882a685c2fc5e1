"""SQLite files that several processes make and open at once."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

#: What the use of a file raises. (Where a damaged file's text is part of SQLite's message, Python
#: fails to read that.)
FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)
#: Seconds between two attempts, where SQLite does not wait by itself.
PAUSE: Final = 0.01


def marks(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """What tells whose file it is: application, layout, number of tables.

    To be asked within a transaction, since another process may just be making the file. Raises
    sqlite3.Error.
    """
    application, layout, tables = (
        int(connection.execute(statement).fetchone()[0])
        for statement in (
            "PRAGMA application_id",
            "PRAGMA user_version",
            "SELECT count(*) FROM sqlite_master",
        )
    )
    return application, layout, tables


def log_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Turn to write-ahead mode, waiting `patience` seconds for others that do the same: for this
    lock SQLite does not wait. Raises sqlite3.Error."""
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(PAUSE)


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that a file is damaged or no database, and not that it is in use, cannot
    be reached, or finds no room."""
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
