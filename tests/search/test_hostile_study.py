"""Databases of studies that a search did not write so."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from chiploom.frontend import InputError
from chiploom.reports.build import document_of
from chiploom.search.run import co_search
from chiploom.search.study import open_study

from . import tiny_study


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searched")
    co_search(tiny_study.write(folder, name="s"), db=folder / "s.db", trials=2).close()
    return folder


@pytest.fixture
def changed(searched: Path, tmp_path: Path) -> Callable[[str, str], Path]:
    """Runs a statement in a copy of one of the two databases; the study's path."""

    def change(file: str, statement: str) -> Path:
        folder = tmp_path / "copy"
        shutil.copytree(searched, folder)
        connection = sqlite3.connect(folder / file)
        connection.executescript(statement)
        connection.close()
        return folder / "s.db"

    return change


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("s.designs.db", f"DROP VIEW evaluated; CREATE VIEW evaluated AS {ENDLESS}"),
        ("s.designs.db", "CREATE TABLE more (x)"),
        ("s.db", f"ALTER TABLE trials RENAME TO t; CREATE VIEW trials AS {ENDLESS}"),
        ("s.db", "CREATE TRIGGER t AFTER INSERT ON studies BEGIN DELETE FROM trials; END"),
    ],
)
def test_what_a_database_would_run_is_refused(
    file: str, statement: str, changed: Callable[[str, str], Path]
) -> None:
    with pytest.raises(InputError, match="not written by `chiploom search`"):
        open_study(changed(file, statement))


@pytest.mark.parametrize(
    ("file", "statement", "said"),
    [
        ("s.designs.db", "UPDATE texts SET text = '7' WHERE text LIKE '{%'", "checksum"),
        ("s.designs.db", "UPDATE texts SET text = '{' WHERE text LIKE '{%'", "damaged"),
        ("s.designs.db", "UPDATE designs SET number = number + 1000", "expected design 1"),
        ("s.designs.db", "UPDATE designs SET cycles = 'many'", "damaged"),
        ("s.designs.db", "UPDATE meta SET value = 'x' WHERE key = 'seconds'", "seconds"),
        ("s.db", "UPDATE trial_values SET value_type = 'x'", "damaged"),
        ("s.db", "UPDATE alembic_version SET version_num = 'x'", "storage of trials"),
        ("s.db", "DELETE FROM studies", "storage of trials"),
    ],
)
def test_damage_is_told(
    file: str, statement: str, said: str, changed: Callable[[str, str], Path]
) -> None:
    path = changed(file, statement)
    with pytest.raises(InputError, match=said), open_study(path) as study:
        document_of([study], schedules=0)
