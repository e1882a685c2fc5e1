"""Processes that work in the same place at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chiploom import cli
from chiploom.frontend.errors import InputError
from chiploom.search.lock import LOCK, only_run
from chiploom.search.study import open_study
from chiploom.simulator.store import Store

from ..search import tiny_study as tiny
from ..search.test_study_runs import told
from . import commands


def test_two_runs_of_one_study_do_not_meet(
    tmp_path: Path, tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, db = tiny.write(tmp_path, trials=500), tmp_path / "s.db"
    given = ["search", file, "--cache", tables, "--workers", "1", "--db", db]
    first = commands.start(*given, "-q")
    commands.until(lambda: told(db) >= 2 or first.poll() is not None)
    for more in ([], ["--resume"]):
        assert cli.main([*map(str, given), "-q", *more]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"chiploom: {db}: another run of this study is under way")
        assert said.count("chiploom: ") == 1
    with open_study(db) as study:  # who only looks is let in
        assert study.told()
    target = str(tmp_path / "r.md")
    assert cli.main(["report", str(db), "-o", target, "--schedules", "0", "-q"]) == 0
    first.send_signal(signal.SIGKILL)
    first.communicate()
    count = told(db)
    study, _ = tiny.search(file, tables, db, resume=True, trials=count + 1)
    with study:
        assert len(study.told()) == count + 1
        assert not tiny.duplicates(tiny.designs_of(study))
    assert not list(tmp_path.glob(f"*{LOCK}*"))


def test_a_run_is_held_within_a_process_too(tmp_path: Path) -> None:
    db = str(tmp_path / "s.db")
    with only_run(db):
        for _ in range(2):
            with pytest.raises(InputError, match="another run"), only_run(db):
                pass
        with only_run(str(tmp_path / "other.db")):
            pass
    with only_run(db), pytest.raises(InputError, match="another run"), only_run(db):
        pass
    assert not list(tmp_path.iterdir())


HOLD = """
import sys
from chiploom.frontend.errors import InputError
from chiploom.search.lock import only_run
held = 0
while held < 40:
    try:
        with only_run(sys.argv[1]):
            with open(sys.argv[2], "x"):  # there already if another one holds it too
                held += 1
            import os; os.unlink(sys.argv[2])
    except InputError as error:
        assert "another run" in str(error), error
"""


def test_only_one_of_several_holds_a_study(tmp_path: Path) -> None:
    given = [sys.executable, "-c", HOLD, str(tmp_path / "s.db"), str(tmp_path / "held")]
    holders = [subprocess.Popen(given, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for holder in holders:
        _, err = holder.communicate(timeout=120)
        assert holder.returncode == 0, err


def test_several_may_make_a_cache_at_once(tmp_path: Path) -> None:
    """None of them finds it half made, nor another's."""
    notes: list[str] = []
    many = 6
    ready = threading.Barrier(many)

    def make(number: int) -> None:
        for round_ in range(25):
            ready.wait(60)
            store = Store(tmp_path / str(round_), 1 << 20, notes.append)
            store.put(f"{number}".encode(), f"{number} " * 50)
            store.close()

    with ThreadPoolExecutor(many) as pool:
        list(pool.map(make, range(many)))
    assert notes == []
    for round_ in range(25):
        store = Store(tmp_path / str(round_), 1 << 20, notes.append)
        assert all(store.get(f"{n}".encode()) == f"{n} " * 50 for n in range(many))
        store.close()


def test_processes_that_fill_one_cache_of_mappings(tmp_path: Path) -> None:
    """From the command line, at the same time: equal answers, no word of the cache."""
    networks = (["resnet9", "unet"], ["unet", "resnet9"])
    running = [
        commands.start(
            "simulate", *given, "--on", "nvdla-small", "--effort", "fast", "--cache",
            tmp_path / "cache", "--json", tmp_path / f"{given[0]}.json",
        )
        for given in networks
    ]  # fmt: skip
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0
        assert err == ""
    after = commands.run(
        "simulate", *networks[0], "--on", "nvdla-small", "--effort", "fast", "--json",
        tmp_path / "alone.json",
    )  # fmt: skip
    assert after.returncode == 0
    assert (tmp_path / "alone.json").read_bytes() == (tmp_path / "resnet9.json").read_bytes()
