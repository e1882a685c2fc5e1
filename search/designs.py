"""Designs that a study has looked at, on disk: one SQLite file beside the study's own database.

A study looks at thousands of hardware designs in each trial, too many for a database that keeps a
trial in a transaction of its own. Here a batch of designs is one transaction, so that a design
costs microseconds, and a batch is there whole or not at all, however the process ends. (If the
machine itself loses power, the last batches may be missing; what is there is whole.) In
write-ahead mode others may read meanwhile.

Designs of one study share most of their texts: the same networks are tried with many hardware
designs, the same hardware with many networks. Each text is kept once; the view `evaluated` shows
the designs with their texts in place to whoever opens the file with another tool.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Self

from ..frontend.errors import InputError
from ..simulator.databases import is_damage, log_ahead, marks
from .places import damaged

#: "chds", and the layout's number: what tells our files, and those we can read.
APPLICATION: Final = 0x63686473
LAYOUT: Final = 1
#: Seconds that a writer waits for another process.
PATIENCE: Final = 30.0


@dataclass(frozen=True, slots=True)
class EvaluatedDesign:
    """Networks and hardware that were chosen together, and what the search's model says of them.

    Attributes:
        number: in its store, from 1; 0 before it is stored.
        trial: number of the trial that looked at it first.
        networks: JSON object (`canonical_json`): name of a network -> key of its choice.
        hardware: JSON object (`canonical_json`) of the chosen values, by sub-accelerator.
        cycles: makespan of all networks.
        energy_pj: of all networks, pJ.
        area_mm2: of the accelerator, mm2.
        accuracy: weighted mean of the networks', 0 to 1; None where it was not evaluated.
        accuracies: JSON object: name of a network -> its accuracy.
        penalty: by how much the specs are exceeded; 0 where all are met.
        feasible: all specs are met.
        optimal: proven to be the best hardware for its networks.
        seconds: into the study, over all its runs, when it was evaluated.
        note: what else is to be known, such as why the check refused it.
        checked_cycles, checked_energy_pj, checked_area_mm2: the same by the independent check;
            None until it is checked.
        checked_ok: whether the check confirms the design.

    Raises:
        ValueError: a number is not finite (SQLite would keep NaN as a value not known).
    """

    number: int
    trial: int
    networks: str
    hardware: str
    cycles: int
    energy_pj: float
    area_mm2: float
    accuracy: float | None
    accuracies: str
    penalty: float
    feasible: bool
    optimal: bool
    seconds: float
    note: str = ""
    checked_cycles: int | None = None
    checked_energy_pj: float | None = None
    checked_area_mm2: float | None = None
    checked_ok: bool | None = None

    def __post_init__(self) -> None:
        for name in ("cycles", "energy_pj", "area_mm2", "accuracy", "penalty", "seconds"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{name}: expected a finite number, found {value}")

    @property
    def edp(self) -> float:
        """Energy-delay product, pJ x cycles."""
        return self.energy_pj * self.cycles


#: Fields of a record, in order, and their types; None may stand in for some.
COLUMNS: Final[dict[str, type[bool | int | float | str]]] = {
    field.name: {"bool": bool, "int": int, "float": float, "str": str}[
        str(field.type).removesuffix(" | None")
    ]
    for field in fields(EvaluatedDesign)
}
_GIVEN: Final = tuple(COLUMNS)[1:]  # the number comes from the store
_KINDS: Final = tuple(COLUMNS.values())[1:]
_VALUES: Final = attrgetter(*_GIVEN)
_TEXTS: Final = tuple(name for name, kind in COLUMNS.items() if kind is str)

_TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE texts (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, text TEXT NOT NULL)",
    """
    CREATE TABLE designs (
        number INTEGER PRIMARY KEY,
        trial INTEGER NOT NULL,
        networks INTEGER NOT NULL REFERENCES texts,
        hardware INTEGER NOT NULL REFERENCES texts,
        cycles INTEGER NOT NULL,
        energy_pj REAL NOT NULL,
        area_mm2 REAL NOT NULL,
        accuracy REAL,
        accuracies INTEGER NOT NULL REFERENCES texts,
        penalty REAL NOT NULL,
        feasible INTEGER NOT NULL,
        optimal INTEGER NOT NULL,
        seconds REAL NOT NULL,
        note INTEGER NOT NULL REFERENCES texts,
        checked_cycles INTEGER,
        checked_energy_pj REAL,
        checked_area_mm2 REAL,
        checked_ok INTEGER,
        UNIQUE (networks, hardware)
    )
    """,
    "CREATE VIEW evaluated AS SELECT "
    + ", ".join(f"{name}_.text AS {name}" if name in _TEXTS else name for name in COLUMNS)
    + " FROM designs "
    + " ".join(f"JOIN texts AS {name}_ ON {name}_.id = designs.{name}" for name in _TEXTS),
)

_SCHEMA: Final = {" ".join(statement.split()) for statement in _TABLES}

_ADD_TEXT: Final = "INSERT INTO texts (digest, text) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING"
# SQLite numbers rows itself, by the largest number so far: dense, since nothing is deleted.
# A better schedule of a known design takes the place of the one before, an accuracy that of none.
_BETTER: Final = (
    "(excluded.penalty < designs.penalty OR "
    "(excluded.penalty = designs.penalty AND excluded.optimal > designs.optimal))"
)
_ADD: Final = f"""
    INSERT INTO designs ({", ".join(_GIVEN)}) VALUES ({", ".join("?" * len(_GIVEN))})
    ON CONFLICT (networks, hardware) DO UPDATE SET
        accuracy = coalesce(excluded.accuracy, accuracy),
        accuracies = iif(excluded.accuracy IS NULL, accuracies, excluded.accuracies),
        cycles = iif({_BETTER}, excluded.cycles, cycles),
        energy_pj = iif({_BETTER}, excluded.energy_pj, energy_pj),
        penalty = min(excluded.penalty, designs.penalty),
        feasible = max(excluded.feasible, designs.feasible),
        optimal = max(excluded.optimal, designs.optimal),
        note = excluded.note
    WHERE (designs.accuracy IS NULL AND excluded.accuracy IS NOT NULL) OR {_BETTER}
"""
_NUMBER: Final = "SELECT number FROM designs WHERE networks = ? AND hardware = ?"
_FIND: Final = """
    SELECT * FROM evaluated WHERE number = (
        SELECT number FROM designs
        WHERE networks = (SELECT id FROM texts WHERE digest = ?)
        AND hardware = (SELECT id FROM texts WHERE digest = ?)
    )
"""
_ALL: Final = """
    SELECT * FROM evaluated
    WHERE (:feasible IS NULL OR feasible = :feasible) AND (:trial IS NULL OR trial = :trial)
    ORDER BY number
"""


def canonical_json(value: object) -> str:
    """The one text of an object: keys sorted, no spaces. Equal designs have equal texts."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


class DesignStore:
    """The designs of a study. It belongs to the thread that opened it; others open their own.

    Args:
        path: of the file, which is made where it does not exist.

    Raises:
        InputError: the file is another program's, or a newer version's, or cannot be used; every
            method raises it where SQLite cannot read or write the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with self._reported():
            self._connection = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. What was added is there already."""
        with self._reported():
            self._connection.close()

    # -- designs -----------------------------------------------------------------------------
    def add(self, designs: Iterable[EvaluatedDesign]) -> list[int]:
        """Keep a batch, whole or not at all.

        A design whose networks and hardware are there already is not kept twice. If it has an
        accuracy, and the one that is there has none, then that is taken over; and if its schedule
        is better (less of a penalty, or now proven best), then that is.

        Returns:
            Each design's number, in the order given.
        """
        batch = list(designs)  # they may take long to make: nobody should wait for the file
        if not batch:
            return []
        with self._transaction() as connection:
            ids = self._text_ids(getattr(design, name) for design in batch for name in _TEXTS)
            connection.executemany(_ADD, [_row(design, ids) for design in batch])
            pairs = [(ids[design.networks], ids[design.hardware]) for design in batch]
            return [connection.execute(_NUMBER, pair).fetchone()[0] for pair in pairs]

    def update_check(
        self, number: int, *, cycles: int, energy_pj: float, area_mm2: float, ok: bool, note: str
    ) -> None:
        """Keep what the independent check found, and its note in place of the one there.

        Args:
            cycles, energy_pj, area_mm2: by the check: makespan, pJ, mm2.
            ok: whether it confirms the design.

        Raises:
            InputError: there is no such design.
        """
        with self._transaction() as connection:
            values = (int(cycles), float(energy_pj), float(area_mm2), bool(ok))
            found = connection.execute(
                "UPDATE designs SET checked_cycles = ?, checked_energy_pj = ?, "
                "checked_area_mm2 = ?, checked_ok = ?, note = ? WHERE number = ?",
                (*values, self._text_ids([note])[note], int(number)),
            )
            if not found.rowcount:
                raise self._missing(number)

    def get(self, number: int) -> EvaluatedDesign:
        """A design by its number.

        Raises:
            InputError: there is no such design.
        """
        found = self._select("SELECT * FROM evaluated WHERE number = ?", (int(number),))
        if not found:
            raise self._missing(number)
        return found[0]

    def find(self, networks: str, hardware: str) -> EvaluatedDesign | None:
        """The design of these networks and this hardware, both as `canonical_json`."""
        found = self._select(_FIND, (_digest(networks), _digest(hardware)))
        return found[0] if found else None

    def all(
        self, *, feasible: bool | None = None, trial: int | None = None
    ) -> list[EvaluatedDesign]:
        """Designs by number: all, or those that are feasible or not, or those of a trial."""
        return self._select(_ALL, {"feasible": feasible, "trial": trial})

    def count(self) -> int:
        """Designs kept; their numbers are 1 to this."""
        with self._reported():
            return int(self._connection.execute("SELECT count(*) FROM designs").fetchone()[0])

    # -- further texts -----------------------------------------------------------------------
    def put_meta(self, texts: Mapping[str, str]) -> None:
        """Keep texts about the whole study by their keys, in place of those there, all at once."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", texts.items())

    def meta(self, key: str) -> str | None:
        """A text about the whole study."""
        with self._reported():
            found = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,))
            row = found.fetchone()
        return None if row is None else str(row[0])

    def expect_whole(self) -> None:
        """Refuse texts that are not what was kept: SQLite's own check does not see that.

        Raises:
            InputError: the file is damaged.
        """
        with self._reported():
            for digest, text in self._connection.execute("SELECT digest, text FROM texts"):
                if not isinstance(text, str) or _digest(text) != digest:
                    raise damaged(self.path, "a text differs from its checksum")

    # -- the file ----------------------------------------------------------------------------
    def _open(self) -> sqlite3.Connection:
        try:
            return self._opened(str(self.path), uri=False)
        except sqlite3.OperationalError:
            writable = all(os.access(place, os.W_OK) for place in (self.path, self.path.parent))
            if writable or not self.path.is_file():
                raise
        # Beside a file in write-ahead mode SQLite wants to write, unless it is told that nobody
        # else does. What another process has not yet moved into the file is left out; no run that
        # has ended leaves any.
        ahead = self.path.with_name(self.path.name + "-wal")
        if ahead.exists() and ahead.stat().st_size:
            raise InputError(
                f"{self.path}: no permission to write there, which reading the designs in {ahead} "
                "needs; copy both to a folder of yours"
            )
        return self._opened(f"{self.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)

    def _opened(self, name: str, *, uri: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(name, uri=uri, timeout=PATIENCE, isolation_level=None)
        try:
            connection.execute("BEGIN")  # all that tells whose file it is, at one moment
            ours = self._is_ours(connection)
            connection.execute("COMMIT")
            if not ours:
                self._make(connection)
            connection.execute("PRAGMA synchronous = NORMAL")  # no waiting for the disk
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        """Make the tables, unless another process is faster."""
        log_ahead(connection, PATIENCE)
        connection.execute("BEGIN IMMEDIATE")
        if not self._is_ours(connection):
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {LAYOUT}")
            for statement in _TABLES:
                connection.execute(statement)
        connection.execute("COMMIT")

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        """Whether the file is a design store; False where it is new."""
        application, layout, tables = marks(connection)
        if (application, layout) == (APPLICATION, LAYOUT):
            self._check_schema(connection)
            return True
        if not (application or layout or tables):
            return False
        found = "a database of another program; name another file"
        if application == APPLICATION:
            todo = "upgrade chiploom" if layout > LAYOUT else "open it with that version"
            found = f"layout {layout}, of another version of chiploom; {todo}"
        raise InputError(f"{self.path}: expected a design store of layout {LAYOUT}, found {found}")

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        """Refuse other tables, views and triggers than our own: SQLite runs what is in them."""
        found = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        if {" ".join(sql.split()) for (sql,) in found} != _SCHEMA:
            raise InputError(
                f"{self.path}: expected the tables of a design store, found others; it was not "
                "written by `chiploom search`"
            )

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """What SQLite says of the file becomes the user's error; what it says of us does not."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            foreign = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB
            if is_damage(error) and not foreign:
                raise damaged(self.path, error) from error
            raise InputError(
                f"{self.path}: expected a design store that can be read and written, found: "
                f"{error}; see to its folder, permissions and free space, or name another file"
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reported():
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk ends it by itself
                    connection.execute("ROLLBACK")
                raise

    def _text_ids(self, texts: Iterable[str]) -> dict[str, int]:
        """Keep texts, each once; where they are kept."""
        digests = {text: _digest(text) for text in dict.fromkeys(texts)}
        execute = self._connection.execute
        self._connection.executemany(_ADD_TEXT, [(key, text) for text, key in digests.items()])
        return {
            text: execute("SELECT id FROM texts WHERE digest = ?", (key,)).fetchone()[0]
            for text, key in digests.items()
        }

    def _select(
        self, statement: str, given: tuple[Any, ...] | dict[str, Any]
    ) -> list[EvaluatedDesign]:
        with self._reported():
            rows = self._connection.execute(statement, given).fetchall()
        try:
            return [_design(row) for row in rows]
        except (TypeError, ValueError, OverflowError) as error:  # no number that was ever kept
            raise damaged(self.path, error) from error

    def _missing(self, number: int) -> InputError:
        held = self.count()
        return InputError(
            f"{self.path}: expected the number of a design, "
            + (f"from 1 to {held}, found {number}" if held else f"found {number}; it holds none")
        )


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _row(design: EvaluatedDesign, ids: dict[str, int]) -> list[object]:
    """Values of `_GIVEN`. Converted, since SQLite would keep NumPy's integers as bytes."""
    return [
        None if value is None else ids[value] if kind is str else kind(value)
        for value, kind in zip(_VALUES(design), _KINDS, strict=True)
    ]


def _design(row: tuple[Any, ...]) -> EvaluatedDesign:
    kinds = zip(row, COLUMNS.values(), strict=True)
    values: list[Any] = [None if value is None else kind(value) for value, kind in kinds]
    return EvaluatedDesign(*values)
