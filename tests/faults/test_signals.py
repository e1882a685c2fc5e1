"""Commands that are asked to end: promptly, with what they have found, and with no worker left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from chiploom import cli
from chiploom.search import run as run_module
from chiploom.search.context import Context
from chiploom.search.designs import DesignStore
from chiploom.search.run import co_search
from chiploom.simulator.scheduling.exact import exact

from ..search import tiny_study as tiny
from ..search.test_study_runs import told
from ..simulator.scheduling_strategies import realistic
from . import commands

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

Capture = pytest.CaptureFixture[str]


def ask(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """As a terminal (Ctrl-C, to the whole group) or a system (to one process) does."""
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)


# -- searches ------------------------------------------------------------------------------------
@linux
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGINT, signal.SIGHUP)),
    ],
)
def test_a_search_on_workers_ends_with_its_results(
    number: signal.Signals, tmp_path: Path, tables: Path
) -> None:
    file, db = tiny.write(tmp_path, trials=10_000, batch=2), tmp_path / "s.db"
    given = ["search", file, "--cache", tables, "--workers", "2", "--db", db]
    process = commands.start(*given, "--json", tmp_path / "r.json")
    commands.until(lambda: told(db) >= 2 or process.poll() is not None)
    started = commands.children(process.pid)
    assert len(started) >= 2
    ask(process, number)
    asked = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - asked < 30
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert [line for line in err.splitlines() if line.startswith("chiploom: ")] == [
        "chiploom: interrupted; --resume goes on"
    ]
    commands.until(lambda: not any(map(commands.alive, started)), 10)
    count = told(db)
    assert f"{count} trials" in out
    assert json.loads((tmp_path / "r.json").read_text())["trials"] == count
    study, _ = tiny.search(file, tables, db, resume=True, trials=count + 1)
    with study:
        assert len(study.told()) == count + 1


def interrupted(real: Callable[..., Any], call: int, *, after: bool) -> Callable[..., Any]:
    """A function with Ctrl-C before or after its n-th call."""
    calls = 0

    def called(*given: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            raise KeyboardInterrupt
        found = real(*given, **options)
        if calls == call:
            raise KeyboardInterrupt
        return found

    return called


@pytest.mark.parametrize(
    ("place", "name", "call", "after"),
    [
        (DesignStore, "add", 3, False),
        (DesignStore, "add", 3, True),
        (DesignStore, "count", 3, False),
        (optuna.Study, "ask", 3, True),
        (optuna.Study, "tell", 3, False),
        (optuna.Study, "tell", 3, True),
        (optuna.trial.Trial, "set_user_attr", 2, True),
        (Context, "evaluate", 2, True),
        (run_module, "verify", 1, False),
        (run_module, "verify", 1, True),
    ],
)
def test_ctrl_c_at_any_moment_loses_nothing(
    place: Any, name: str, call: int, after: bool, tmp_path: Path, tables: Path,
    monkeypatch: pytest.MonkeyPatch, unsynced: None,
) -> None:  # fmt: skip
    file, db = tiny.write(tmp_path, trials=5, designs=4), tmp_path / "s.db"
    with monkeypatch.context() as patch:
        patch.setattr(place, name, interrupted(getattr(place, name), call, after=after))
        try:
            study = co_search(file, db=db, cache=tables, report=lambda progress: None)
        except KeyboardInterrupt:
            pass
        else:
            with study:
                assert study.ending is not None
                assert study.ending.interrupted
    with tiny.opened(db) as study:
        before = tiny.designs_of(study)
    study, ending = tiny.search(file, tables, db, resume=True)
    with study:
        assert not ending.interrupted
        assert len(study.told()) == 5
        assert tiny.designs_of(study)[: len(before)] == before
        assert not tiny.duplicates(tiny.designs_of(study))
        assert all(trial.state.is_finished() for trial in study.trials.get_trials())


# -- solvers -------------------------------------------------------------------------------------
@pytest.mark.skipif(os.name != "posix", reason="sends itself a signal")
def test_a_solver_lets_ctrl_c_through_and_gives_it_back() -> None:
    """CP-SAT has a handler of its own, after which the system's default would stand."""
    instance = realistic(np.random.default_rng(3), [30, 30], 3)
    exact(realistic(np.random.default_rng(3), [4], 2), seconds=5)

    def work() -> None:
        exact(instance, seconds=60)
        time.sleep(10)  # should it be quick: Ctrl-C is to come

    for _ in range(2):  # also after it was interrupted
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            work()
        timer.join()
        assert time.monotonic() - begun < 20


# -- other commands ------------------------------------------------------------------------------
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_simulation_ends_and_leaves_its_target(tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    target.write_text("as it was")
    given = ["simulate", "vgg16", "resnet50", "bert-base", "--on", "eyeriss", "--effort"]
    process = commands.start(*given, "thorough", "--objective", "latency", "--json", target)
    with suppress(subprocess.TimeoutExpired):  # past the start of Python, before the end of work
        process.wait(2.0)
    process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - asked < 20
    assert (process.returncode, out) == (128 + signal.SIGTERM, "")
    assert err in ("", "chiploom: interrupted\n")
    assert target.read_text() == "as it was"
    assert os.listdir(tmp_path) == [target.name]


def test_a_report_ends_and_leaves_its_target(
    study: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "r.html"
    target.write_text("as it was")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chiploom.reports.html.page.html_text", stop)
    assert cli.main(["report", str(study), "-o", str(target), "--schedules", "0"]) == 130
    out, err = capsys.readouterr()
    assert (out, err) == ("", "chiploom: interrupted\n")
    assert target.read_text() == "as it was"


def test_handlers_of_others_stay(tmp_path: Path) -> None:
    """Who calls `main` within a program of his own keeps his handlers; `nohup` stays one."""
    for handler in (signal.SIG_DFL, signal.SIG_IGN, lambda *_: None):
        before = signal.signal(signal.SIGTERM, handler)
        try:
            assert cli.main(["inspect", "resnet9", "-q", "--json", str(tmp_path / "r")]) == 0
            assert signal.getsignal(signal.SIGTERM) == handler
        finally:
            signal.signal(signal.SIGTERM, before)
