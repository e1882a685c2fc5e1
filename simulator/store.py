"""Answers on disk, shared by processes: one SQLite file in a folder.

SQLite rather than a file per answer: a sweep has hundreds of thousands of answers of a few hundred
bytes, which as files would take a block and an inode each, and whose total could only be bounded
by listing them all. In write-ahead mode readers never wait for a writer and a transaction is
seen whole or not at all, however a process ends. (It wants a local disk: where the file system
cannot lock, SQLite says so and the store is left out.)

A store never stops a run. Whatever is wrong with it (no permission, a full disk, a file of somebody
else) costs one note, and from then on it answers nothing; a damaged file is set aside under another
name, and a new one begun. Every answer carries a checksum, since SQLite has none of its own: a
damaged one is no answer.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from .databases import FAULTS, is_damage, log_ahead, marks

FILE: Final = "mappings.sqlite"
#: Ending of a damaged file that was set aside, in place of one set aside before.
ASIDE: Final = ".damaged"
#: "chip", and the layout's number: what tells our files, and those we can read.
APPLICATION: Final = 0x63686970
LAYOUT: Final = 1

#: Answers written in one transaction.
BATCH: Final = 64
#: Seconds that a writer waits for another process.
PATIENCE: Final = 5.0
#: A full store is emptied to this share, the answers first that were not asked for longest.
KEPT: Final = 0.75
#: Resolution of when an answer was last asked for, in seconds: reading seldom writes.
HOUR: Final = 3600

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, answer TEXT NOT NULL, checksum BLOB NOT NULL, used INTEGER NOT NULL
)
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS by_age ON answers (used)"


class Store:
    """Texts by key.

    Args:
        folder: made where it does not exist.
        max_bytes: size that the file is kept below, but for the last few answers written.
        note: called, once, with what the user should know.
    """

    def __init__(self, folder: Path, max_bytes: int, note: Callable[[str], None]) -> None:
        self._file = folder / FILE
        self._max_bytes = max_bytes
        self._note = note
        self._lock = threading.Lock()
        self._pending: dict[bytes, str] = {}
        self._asked: set[bytes] = set()
        self._writable = True
        self._damaged = 0
        self._connection: sqlite3.Connection | None = None
        self._set_aside = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()
        except (OSError, *FAULTS) as error:
            if is_damage(error):
                self._renew(error)
            else:
                self._open_for_reading(error)

    # -- opening -----------------------------------------------------------------------------
    def _open(self) -> sqlite3.Connection:
        connection = self._connect(f"{self._file.absolute().as_uri()}?mode=rwc")
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table
            connection.execute("BEGIN")
            self._is_ours(connection)  # nothing is changed of a file of somebody else
            connection.execute("COMMIT")
            log_ahead(connection, PATIENCE)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint = 256")
            connection.execute(f"PRAGMA journal_size_limit = {1 << 20}")
            connection.execute("BEGIN IMMEDIATE")  # fails here, and not later, if only to be read
            if not self._is_ours(connection):  # nor did another process just make it
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {LAYOUT}")
                connection.execute(_TABLE)
                connection.execute(_INDEX)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _renew(self, why: Exception) -> None:
        """Set a damaged file aside and begin a new one. A process that still has the old one open
        may spoil the new one; then that is set aside in its turn, and no answer is wrong."""
        self._set_aside = True
        aside = self._file.with_name(self._file.name + ASIDE)
        try:
            for ending in ("", "-wal", "-shm"):
                file = self._file.with_name(self._file.name + ending)
                if file.exists():
                    file.replace(aside.with_name(aside.name + ending))
            self._connection = self._open()
        except (OSError, *FAULTS) as error:
            self._note(
                f"cache {self._file.parent}: not used: {why}; nor can it be renewed: {error}"
            )
            return
        self._note(
            f"cache {self._file.parent}: damaged ({why}); set aside as {aside.name}, which may be "
            "deleted, and begun anew"
        )

    def _open_for_reading(self, why: Exception) -> None:
        """Where nothing can be written, what is there may still be read."""
        self._writable = False
        may_write = os.access(self._file, os.W_OK) and os.access(self._file.parent, os.W_OK)
        if may_write or not self._file.is_file():
            self._note(f"cache {self._file.parent}: not used: {why}")
            return
        # `immutable`: without it, SQLite would want to write beside a file in write-ahead mode.
        # Should another process write meanwhile, the checksums tell.
        connection = self._connect(f"{self._file.absolute().as_uri()}?mode=ro&immutable=1")
        try:
            self._is_ours(connection)
        except FAULTS as error:
            self._note(f"cache {self._file.parent}: not used: {error}")
            connection.close()
            return
        self._connection = connection
        self._note(f"cache {self._file.parent}: no permission to write; only read")

    @staticmethod
    def _connect(uri: str) -> sqlite3.Connection:
        return sqlite3.connect(
            uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )

    @staticmethod
    def _is_ours(connection: sqlite3.Connection) -> bool:
        """Whether the file is ours; False where it is new. Raises where it is another's."""
        application, layout, tables = marks(connection)
        if (application, layout) == (APPLICATION, LAYOUT):
            return True
        if not (application or layout or tables):
            return False
        raise sqlite3.DatabaseError("another program or version wrote it; choose another folder")

    # -- reading and writing -----------------------------------------------------------------
    def get(self, key: bytes) -> str | None:
        """The text kept under a key."""
        with self._lock:
            if key in self._pending:
                return self._pending[key]
            if self._connection is None:
                return None
            try:
                row = self._connection.execute(
                    "SELECT answer, checksum, used FROM answers WHERE key = ?", (key,)
                ).fetchone()
            except FAULTS as error:
                self._give_up(error)
                return None
            if row is None:
                return None
            answer, checksum, used = row
            if not isinstance(answer, str) or checksum != _checksum(key, answer):
                self.damaged()
                return None
            if used != _hour():
                self._asked.add(key)
            return answer

    def put(self, key: bytes, answer: str) -> None:
        """Keep a text; it is written with the next batch, or by `flush`."""
        with self._lock:
            if self._connection is None or not self._writable:
                return
            self._pending[key] = answer
            if len(self._pending) >= BATCH:
                self._write()

    def damaged(self) -> None:
        """An answer was unusable: it is found anew and replaced."""
        if not self._damaged:
            self._note(f"cache {self._file.parent}: damaged answers are left out and found anew")
        self._damaged += 1

    def flush(self) -> None:
        """Write what is not written yet."""
        with self._lock:
            if self._connection is not None and self._writable:
                self._write()

    def close(self) -> None:
        """Flush and let go of the file."""
        self.flush()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _write(self) -> None:
        connection = self._connection
        assert connection is not None
        hour = _hour()
        rows = [
            (key, answer, _checksum(key, answer), hour) for key, answer in self._pending.items()
        ]
        asked = [(hour, key) for key in self._asked]
        if not rows and not asked:
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)
            connection.executemany("UPDATE answers SET used = ? WHERE key = ?", asked)
            evicted = self._evict(connection)
            connection.execute("COMMIT")
            if evicted:
                connection.execute("PRAGMA incremental_vacuum").fetchall()
                connection.execute("PRAGMA wal_checkpoint").fetchall()  # shrinks the file
        except FAULTS as error:
            self._give_up(error)
        self._pending.clear()
        self._asked.clear()

    def _evict(self, connection: sqlite3.Connection) -> bool:
        """Make room where the file has grown too large."""
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        held = (pages - free) * size
        if held <= self._max_bytes:
            return False
        count = connection.execute("SELECT count(*) FROM answers").fetchone()[0]
        surplus = count - int(count * KEPT * self._max_bytes / held)
        connection.execute(
            "DELETE FROM answers WHERE key IN "
            "(SELECT key FROM answers ORDER BY used, rowid LIMIT ?)",
            (surplus,),
        )
        return True

    def _give_up(self, error: Exception) -> None:
        """Go on without the store, or, where it is damaged, with a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*FAULTS):
                connection.close()
        if is_damage(error) and self._writable and not self._set_aside:
            self._renew(error)
        else:
            self._note(f"cache {self._file.parent}: no longer used: {error}")


def _checksum(key: bytes, answer: str) -> bytes:
    return hashlib.blake2b(key + answer.encode(), digest_size=16).digest()


def _hour() -> int:
    return int(time.time()) // HOUR
