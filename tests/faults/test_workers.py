"""Worker processes that are killed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from chiploom.frontend.errors import InputError
from chiploom.search.study_file import load_study
from chiploom.search.workers import Workers, worker_context

from ..search import tiny_study as tiny
from ..search.test_study_runs import told
from . import commands

REPOSITORY = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
@pytest.mark.parametrize(
    ("kills", "trials"), [(1, 10), pytest.param(5, 60, marks=pytest.mark.slow)]
)
def test_a_search_goes_on_when_its_workers_are_killed(
    kills: int, trials: int, tmp_path: Path, tables: Path
) -> None:
    file = tiny.write(tmp_path, trials=trials, batch=4)
    given = ["search", file, "--cache", tables, "--workers", "2", "--db"]
    process = commands.start(*given, tmp_path / "s.db", "--json", tmp_path / "s.json")
    killed = 0
    while killed < kills and process.poll() is None:
        least = 4 * killed + 1
        commands.until(lambda least=least: told(tmp_path / "s.db") >= least)  # type: ignore[misc]
        for worker in commands.workers(process.pid)[: 1 + killed % 2]:  # one of them, or both
            os.kill(worker, signal.SIGKILL)
        killed += 1
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert killed == kills
    assert "Traceback" not in err
    assert "a worker process was killed" in " ".join(out.split())
    alone, _ = tiny.search(file, tables, tmp_path / "alone.db", workers=1)
    with alone, tiny.opened(tmp_path / "s.db") as study:
        assert tiny.designs_of(study) == tiny.designs_of(alone)
        assert tiny.told_networks(study) == tiny.told_networks(alone)


def die(item: int) -> int:
    """A task that kills its worker, as the system does where memory runs out."""
    if item >= 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_a_task_that_kills_every_worker_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chiploom.search.workers.LOSSES", 1)
    monkeypatch.syspath_prepend(REPOSITORY)  # where a new process finds `die`
    found = []
    with Workers(load_study(tiny.write(tmp_path)), None, 1) as workers:
        with pytest.raises(InputError, match=r"killed 1 times in a row; .*fewer --workers"):
            found.extend(workers.map(die, range(4)))
        assert found == [0, 1]
        assert workers.notes == ("a worker process was killed, 2 times; its work was done again",)


def test_a_study_that_a_worker_cannot_read_is_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not a killed worker: it is not asked again."""
    monkeypatch.syspath_prepend(REPOSITORY)
    file = load_study(tiny.write(tmp_path))
    (tmp_path / "classify.csv").write_text("not,a table\n")
    with Workers(file, None, 1) as workers:
        with pytest.raises(InputError, match=r"classify\.csv"):
            list(workers.map(look, [1]))
        assert workers.notes == ()


def look(item: int) -> float:
    (evaluator, _) = (network.evaluator for network in worker_context().study.networks)
    space = worker_context().study.networks[0].space
    assert evaluator is not None
    return evaluator.evaluate(space, next(space.choices())).value
