"""Files of studies and caches that are damaged, or are something else."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from chiploom import cli
from chiploom.search.hardware import tables as tables_module
from chiploom.simulator.store import ASIDE, FILE, Store

from ..search import tiny_study as tiny

Capture = pytest.CaptureFixture[str]

KINDS = ["truncated", "garbage", "noise", "zeroed", "empty", "directory", "text"]


def spoil(file: Path, kind: str) -> None:
    whole = file.read_bytes()
    noise = random.Random(kind).randbytes
    if kind == "truncated":
        file.write_bytes(whole[: len(whole) // 2])
    elif kind == "garbage":
        file.write_bytes(noise(100) + whole[100:])
    elif kind == "noise":  # a page, or the second half of a small file
        at = min(8192, len(whole) // 2)
        file.write_bytes(whole[:at] + noise(4096) + whole[at + 4096 :])
    elif kind == "zeroed":
        at = min(4096, len(whole) // 2)
        file.write_bytes(whole[:at] + bytes(len(whole) - at))
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "text":
        file.write_text("dear diary, " * 100)
    else:
        file.unlink()
        file.mkdir()


def refused(capture: Capture, *given: object) -> str:
    """The one message of a command that cannot use a file."""
    code = cli.main([str(part) for part in given])
    out, err = capture.readouterr()
    assert code == cli.BAD_INPUT, (given, out, err)
    assert out == ""
    assert err.count("chiploom: ") == 1, err
    return err


def commands_on(study: Path, tables: Path, target: Path) -> list[list[object]]:
    """Every command that reads a study."""
    file = study.with_name("study.yaml")
    search = ["search", file, "--cache", tables, "--db", study, "--workers", "1", "-q", "--resume"]
    return [
        search,
        ["report", study, "-o", target, "--schedules", "0", "-q"],
        ["simulate", "--design", f"{study}:1", "-q"],
    ]


# -- studies -------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["trials", "designs"])
def test_a_damaged_study_is_one_message(
    part: str, kind: str, study: Path, tables: Path, tmp_path: Path, capsys: Capture
) -> None:
    file = study if part == "trials" else study.with_suffix(".designs.db")
    spoil(file, kind)
    before = None if file.is_dir() else file.read_bytes()
    target = tmp_path / "report.html"
    for given in commands_on(study, tables, target):
        assert str(study.parent) in refused(capsys, *given)
        assert file.is_dir() or file.read_bytes() == before  # nothing is written to it
    assert not target.exists()


@pytest.mark.parametrize(
    "seed", [*range(6), *(pytest.param(n, marks=pytest.mark.slow) for n in range(6, 80))]
)
def test_noise_anywhere_is_a_message_or_changes_nothing(
    seed: int, study: Path, tables: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Some bytes of a page, which SQLite's own check need not see."""
    chance = random.Random(seed)
    file = (study, study.with_suffix(".designs.db"))[seed % 2]
    whole = bytearray(file.read_bytes())
    for _ in range(chance.choice([1, 3, 30])):
        at, count = chance.randrange(len(whole)), chance.choice([1, 8, 64])
        whole[at : at + count] = chance.randbytes(len(whole[at : at + count]))
    file.write_bytes(whole)
    for given in commands_on(study, tables, tmp_path / "report.md")[1:]:
        code = cli.main([str(part) for part in given])
        err = capsys.readouterr().err
        assert code in (0, cli.BAD_INPUT), err
        assert err.count("chiploom: ") == (code == cli.BAD_INPUT), err


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE designs SET energy_pj = 9e999",
        "UPDATE designs SET cycles = 'many'",
        "UPDATE texts SET text = '{}' WHERE id = 1",
        "UPDATE meta SET value = 'x' WHERE key = 'seconds'",
    ],
)
def test_what_nobody_has_kept_is_one_message(
    statement: str, study: Path, tables: Path, capsys: Capture
) -> None:
    """Though SQLite sees no damage in it."""
    with closing(sqlite3.connect(study.with_suffix(".designs.db"))) as connection, connection:
        connection.execute(statement)
    for given in commands_on(study, tables, study.with_name("r.md")):
        assert "the study is damaged" in refused(capsys, *given)


def test_another_version_of_the_designs(study: Path, tables: Path, capsys: Capture) -> None:
    for layout, todo in ((0, "open it with that version"), (2, "upgrade chiploom")):
        with closing(sqlite3.connect(study.with_suffix(".designs.db"))) as connection:
            connection.execute(f"PRAGMA user_version = {layout}")
        for given in commands_on(study, tables, study.with_name("r.md")):
            said = refused(capsys, *given)
            assert f"found layout {layout}, of another version of chiploom" in said
            assert todo in said


@pytest.mark.parametrize("version", ["v0.9.0.a", "v99.0.0.a"])
def test_another_version_of_the_trials(
    version: str, study: Path, tables: Path, capsys: Capture
) -> None:
    with closing(sqlite3.connect(study)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    for given in commands_on(study, tables, study.with_name("r.md")):
        said = refused(capsys, *given)
        assert f"{study}: not usable as the storage of trials" in said
        assert "optuna" in said


def test_designs_without_their_trials(study: Path, tables: Path, capsys: Capture) -> None:
    study.unlink()
    for given in commands_on(study, tables, study.with_name("r.md")):
        assert str(study) in refused(capsys, *given)
    assert not study.exists()
    with closing(sqlite3.connect(study)) as connection, connection:
        connection.execute("CREATE TABLE diary (day TEXT)")
    before = study.read_bytes()
    for given in commands_on(study, tables, study.with_name("r.md")):
        assert "expected the trials of a study, found a database without any" in refused(
            capsys, *given
        )
        assert study.read_bytes() == before


# -- caches --------------------------------------------------------------------------------------
SIMULATE = ["simulate", "resnet9", "--on", "nvdla-small", "--effort", "fast"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of mappings, and an answer, `r.json`."""
    folder = tmp_path_factory.mktemp("filled")
    given = ["-q", "--cache", str(folder), "--json", str(folder / "r.json")]
    assert cli.main([*SIMULATE, *given]) == 0
    return folder


@pytest.mark.parametrize("kind", [*KINDS, "newer"])
def test_a_damaged_cache_of_mappings_is_set_aside(
    kind: str, filled: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(filled, folder)
    if kind == "newer":
        with closing(sqlite3.connect(folder / FILE)) as connection:
            connection.execute("PRAGMA user_version = 99")
    else:
        spoil(folder / FILE, kind)
    spoilt = None if kind == "directory" else (folder / FILE).read_bytes()
    for again in (False, True):
        given = ["--cache", str(folder), "--json", str(folder / "again.json")]
        assert cli.main([*SIMULATE, *given]) == 0
        err = capsys.readouterr().err
        known = "another program or version" if kind == "newer" else "cache"
        always, once = kind in ("newer", "directory"), not again and kind != "empty"
        assert (known in err) == (always or once)
        assert err.count("chiploom: ") == ("note: cache" in err)
        assert (folder / "again.json").read_bytes() == (folder / "r.json").read_bytes()
    aside = folder / f"{FILE}{ASIDE}"
    assert aside.exists() == (kind not in ("newer", "directory", "empty"))
    if aside.exists() and spoilt is not None:
        assert aside.read_bytes()[4096:] == spoilt[4096:]  # SQLite counts in its heading
    notes: list[str] = []
    store = Store(folder, 1 << 20, notes.append)
    store.close()
    assert bool(notes) == (kind in ("newer", "directory"))


@pytest.fixture(scope="module")
def tabled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `study.yaml` and the cost tables of its search, in `tables`."""
    folder = tmp_path_factory.mktemp("tabled")
    file = tiny.write(folder, trials=1, networks=tiny.FIXED, hardware=tiny.FEW, accuracy=False)
    study, _ = tiny.search(file, folder / "tables", folder / "first.db")
    study.close()
    return folder


def test_damaged_cost_tables_are_computed_anew(tabled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    shutil.copytree(tabled / "tables", folder)
    entries = sorted(folder.glob("*.npz"))
    assert len(entries) >= len(KINDS)
    for number, entry in enumerate(entries):
        spoil(entry, KINDS[number % len(KINDS)])
    study, ending = tiny.search(tabled / "study.yaml", folder, tmp_path / "second.db")
    with study, tiny.opened(tabled / "first.db") as first:
        assert tiny.designs_of(study) == tiny.designs_of(first)
    (note,) = [note for note in ending.notes if "cost tables" in note]
    assert "Is a directory" in note
    assert sorted(folder.glob("*")) == entries


def test_a_damaged_cost_table_is_read_rightly_or_not_at_all(tabled: Path, tmp_path: Path) -> None:
    entry = min((tabled / "tables").glob("*.npz"))
    whole, file, chance = entry.read_bytes(), tmp_path / "t.npz", random.Random(1)
    with np.load(entry) as archive:
        expected = {name: archive[name] for name in archive.files}
    count = len(next(iter(expected.values())))
    read = 0
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 1, 4, 40])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        file.write_bytes(content[: chance.choice([len(content), chance.randrange(len(content))])])
        found = tables_module._read(file, count)
        if found is not None:
            read += 1
            for name, array in expected.items():
                assert np.array_equal(getattr(found, name), array)
    assert 0 < read < 300
