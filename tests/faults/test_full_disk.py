"""Disks that are full: what is there stays whole, what was told is kept."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chiploom import cli
from chiploom.frontend.errors import InputError
from chiploom.search.study import open_study
from chiploom.simulator.cache import MappingCache

from ..search import tiny_study as tiny
from . import commands

Capture = pytest.CaptureFixture[str]

SIMULATE = ["simulate", "resnet9", "--on", "eyeriss", "--effort", "fast", "-q"]


def limited(size: int) -> Callable[[], None]:
    """In a new process, before its program: no file grows above `size` bytes. SQLite and Python
    see an error when they write, as on a full disk."""

    def limit() -> None:
        resource = pytest.importorskip("resource")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


# -- searches ------------------------------------------------------------------------------------
def stands(db: Path, file: Path, tables: Path) -> None:
    """The study on a disk that was full: whole, and with room it goes on to its end."""
    with open_study(db) as study:
        before, told = tiny.designs_of(study), len(study.told())
        assert told
        for trial in study.told():
            notes = study.notes(trial)
            assert json.loads(study.store.get(notes["design"]).networks) == notes["networks"]
    study, ending = tiny.search(file, tables, db, resume=True, trials=told + 2)
    with study:
        assert not ending.interrupted
        assert tiny.designs_of(study)[: len(before)] == before
        assert not tiny.duplicates(tiny.designs_of(study))
        assert len(study.told()) == told + 2


@pytest.mark.parametrize("small_disk", [600], indirect=True)
def test_a_search_on_a_full_disk(small_disk: Path, tmp_path: Path, tables: Path) -> None:
    file = tiny.write(tmp_path, trials=500, designs=40)
    db = small_disk / "s.db"
    given = ["search", file, "--cache", tables, "--workers", "1", "--db", db, "-q"]
    said = commands.message(commands.run(*given))
    assert "full" in said
    assert "free space" in said
    assert str(small_disk) in said
    assert not list(small_disk.glob("*.running"))
    moved = tmp_path / "moved"
    moved.mkdir()
    for left in small_disk.iterdir():
        shutil.copy(left, moved)
    stands(moved / "s.db", file, tables)


def test_a_search_whose_files_cannot_grow(tmp_path: Path, tables: Path) -> None:
    file = tiny.write(tmp_path, trials=500, designs=40)
    db = tmp_path / "s.db"
    given = ["search", file, "--cache", tables, "--workers", "1", "--db", db, "-q"]
    said = commands.message(commands.run(*given, preexec_fn=limited(256 << 10)))
    assert "free space" in said
    stands(db, file, tables)


@pytest.mark.parametrize("pages", [1, 20])
def test_a_study_that_finds_no_room_to_begin_leaves_nothing(
    pages: int, tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite3.connect

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*arguments, **options)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", connect)
    file, db = tiny.write(tmp_path), tmp_path / "s.db"
    with pytest.raises(InputError, match="full"):
        tiny.search(file, tables, db)
    assert not list(tmp_path.glob("s.*"))
    monkeypatch.undo()
    study, _ = tiny.search(file, tables, db, trials=1)
    study.close()


@pytest.mark.parametrize("small_disk", [64], indirect=True)
def test_cost_tables_that_find_no_room_cost_a_note(small_disk: Path, tmp_path: Path) -> None:
    file = tiny.write(tmp_path, trials=4)
    found = []
    for name, tables in (("full", small_disk / "t"), ("room", tmp_path / "t")):
        study, ending = tiny.search(file, tables, tmp_path / f"{name}.db")
        with study:
            found.append(tiny.designs_of(study))
        if name == "full":
            (note,) = [note for note in ending.notes if "cost tables" in note]
            assert "No space left" in note
    assert found[0] == found[1]
    assert not [left for left in (small_disk / "t").iterdir() if left.suffix != ".npz"]


# -- caches --------------------------------------------------------------------------------------
@pytest.mark.parametrize("small_disk", [64], indirect=True)
def test_a_cache_of_mappings_that_finds_no_room_costs_a_note(
    small_disk: Path, tmp_path: Path, capsys: Capture
) -> None:
    plain, cached = tmp_path / "plain.json", tmp_path / "cached.json"
    command = ["simulate", "resnet50", "--on", "nvdla-small", "--effort", "fast"]
    assert cli.main([*command, "-q", "--json", str(plain)]) == 0
    folder = small_disk / "cache"
    assert cli.main([*command, "--cache", str(folder), "--json", str(cached)]) == 0
    err = capsys.readouterr().err
    assert err.count("chiploom: note: cache ") == 1
    assert "full" in err
    assert plain.read_bytes() == cached.read_bytes()
    with MappingCache(path=folder) as cache:  # what found room is whole
        assert not [note for note in cache.notes if "damaged" in note]


# -- answers -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("option", "name"),
    [("--json", "r.json"), ("--csv", "r.csv"), ("--trace", "r.trace"), ("--report", "r.html"),
     ("--report", "r.parquet")],
)  # fmt: skip
def test_an_answer_that_finds_no_room_leaves_the_old_file(
    option: str, name: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / name
    target.write_text("as it was")
    real = os.fdopen

    class Full:
        """A file that takes ten bytes."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, content: bytes) -> int:
            self.file.write(content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("chiploom.simulator.files.open", lambda *a: Full(real(*a)), raising=False)
    assert cli.main([*SIMULATE, option, str(target)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"chiploom: {target}: cannot be written: No space left on device" in err
    assert target.read_text() == "as it was"
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("small_disk", [16], indirect=True)
@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_an_export_that_finds_no_room(
    form: str, small_disk: Path, study: Path, tables: Path, capsys: Capture
) -> None:
    (small_disk / "filler").write_bytes(bytes(12 << 10))
    target = small_disk / f"designs.{form}"
    target.write_text("as it was")
    given = ["--resume", "-q", "--workers", "1", "--cache", str(tables), "--export", str(target)]
    given += ["--db", str(study)]
    assert cli.main(["search", str(study.with_name("study.yaml")), *given]) == 2
    assert f"{target}: cannot be written: No space left" in capsys.readouterr().err
    assert target.read_text() == "as it was"
    assert sorted(os.listdir(small_disk)) == [target.name, "filler"]


@pytest.mark.parametrize("small_disk", [64], indirect=True)
def test_a_report_that_finds_no_room(small_disk: Path, study: Path) -> None:
    target = small_disk / "report.html"
    target.write_text("as it was")
    said = commands.message(commands.run("report", study, "-o", target, "--schedules", "0"))
    assert f"{target}: cannot be written: No space left" in said
    assert target.read_text() == "as it was"
    assert os.listdir(small_disk) == [target.name]
    with closing(sqlite3.connect(study)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_pictures_that_find_no_room_leave_the_old_ones(
    tmp_path: Path, study: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kaleido", reason="kaleido is not installed: pip install 'chiploom[png]'")
    folder = tmp_path / "figures"
    folder.mkdir()

    def write(figures: list[Any], files: list[str], **_: object) -> None:
        for file in files:
            name = Path(file).name
            (folder / name).exists() or (folder / name).write_text("as it was")
        Path(files[0]).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("plotly.io.write_images", write)
    assert cli.main(["report", str(study), "--png", str(folder), "--schedules", "0"]) == 2
    assert "cannot be written: No space left" in capsys.readouterr().err
    assert {file.read_text() for file in folder.iterdir()} == {"as it was"}
