"""Whole searches from the command line: stopped in every way, taken up again, and what they say."""

from __future__ import annotations

import csv
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chiploom import cli
from chiploom.frontend.errors import InputError
from chiploom.search import verify as verify_module
from chiploom.search.designs import DesignStore
from chiploom.search.study import Study, open_study
from chiploom.search.verify import verify

from . import tiny_study as tiny

COMMAND = [sys.executable, "-c", "import sys; from chiploom.cli import main; sys.exit(main())"]
Capture = pytest.CaptureFixture[str]


def arguments(file: Path, tables: Path, db: Path, *more: str) -> list[str]:
    return ["search", str(file), "--cache", str(tables), "--db", str(db), "--workers", "1", *more]


def told(db: Path) -> int:
    """Trials that have been told; none where there is no storage yet."""
    if not db.exists():
        return 0
    # Not read-only: of a transaction that was cut off, who reads next clears up.
    with closing(sqlite3.connect(f"file:{db}?mode=rw", uri=True, timeout=30)) as connection:
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'trials'"
        if not connection.execute(tables).fetchone()[0]:
            return 0
        question = "SELECT count(*) FROM trials WHERE state = 'COMPLETE'"
        return int(connection.execute(question).fetchone()[0])


def kept(db: Path) -> list[tiny.Found]:
    """Designs of the store."""
    file = db.with_suffix(".designs.db")
    if not file.exists():
        return []
    with DesignStore(file) as store:
        return [(d.networks, d.hardware, d.cycles, d.energy_pj) for d in store.all()]


# -- kill -9 -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kills", "trials"), [(5, 24), pytest.param(20, 160, marks=pytest.mark.slow)]
)
def test_a_killed_search_loses_nothing(
    kills: int, trials: int, tmp_path: Path, tables: Path
) -> None:
    chance = random.Random(kills)
    strategy = {"strategy": "evolution", "options": "{population: 4}"}
    file = tiny.write(tmp_path, trials=trials, batch=3, **strategy)
    db = tmp_path / "s.db"
    before: list[tiny.Found] = []
    count = killed = 0
    while killed < kills and count < trials - 3:
        command = [*COMMAND, *arguments(file, tables, db, "-q")]
        process = subprocess.Popen([*command, "--resume"] if count else command)
        # Some are killed at once after a trial was told, some in the middle of the next ones.
        until = time.monotonic() + 120
        while told(db) <= count and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        killed += 1
        assert told(db) > count
        count = told(db)
        after = kept(db)
        assert after[: len(before)] == before
        before = after
    assert killed == kills
    study, ending = tiny.search(file, tables, db, resume=True)
    with study:
        assert len(study.told()) == trials
        assert not ending.interrupted
        found = tiny.designs_of(study)
        assert found[: len(before)] == before
        assert not tiny.duplicates(found)
        for trial in study.told():
            notes = study.notes(trial)
            assert notes["looked"] == 12
            assert json.loads(study.store.get(notes["design"]).networks) == notes["networks"]
        assert study.seconds > 0


def test_a_search_killed_before_its_first_trial_can_be_taken_up(
    tmp_path: Path, tables: Path
) -> None:
    file, db = tiny.write(tmp_path, trials=2), tmp_path / "s.db"
    study, _ = tiny.search(file, tables, db, stop=0)
    study.trials.ask()  # as a process leaves it that is killed while it evaluates
    study.store.close()
    study, _ = tiny.search(file, tables, db, resume=True)
    with study:
        assert len(study.told()) == 2
        assert len(study.trials.get_trials()) == 3


def test_ctrl_c_ends_a_search_with_its_results(tmp_path: Path, tables: Path) -> None:
    file, db = tiny.write(tmp_path, trials=500), tmp_path / "s.db"
    command = [*COMMAND, *arguments(file, tables, db, "--json", str(tmp_path / "r.json"))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while told(db) < 4 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.count("chiploom: ") == 1
    assert "chiploom: interrupted; --resume goes on" in err
    count = told(db)
    assert f"{count} trials" in out
    answer = json.loads((tmp_path / "r.json").read_text())
    assert answer["trials"] == count
    assert answer["designs"] == len(kept(db))
    study, ending = tiny.search(file, tables, db, resume=True, trials=count + 2)
    with study:
        assert not ending.interrupted
        assert len(study.told()) == count + 2
        open_ = [trial for trial in study.trials.get_trials() if not trial.state.is_finished()]
        assert not open_


# -- workers -------------------------------------------------------------------------------------
def test_workers_make_no_difference(tmp_path: Path, tables: Path) -> None:
    file = tiny.write(tmp_path, strategy="tpe", options="{startup: 2}", trials=4)
    found = []
    for workers in (1, 2):
        study, _ = tiny.search(file, tables, tmp_path / f"{workers}.db", workers=workers)
        with study:
            found.append((tiny.designs_of(study), tiny.told_networks(study)))
    assert found[0] == found[1]


def test_ray_makes_no_difference(tmp_path: Path, tables: Path) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'chiploom[ray]'")
    file = tiny.write(tmp_path, strategy="tpe", options="{startup: 2}", trials=4)
    found = []
    for address in (None, "local"):
        study, _ = tiny.search(
            file, tables, tmp_path / f"{address}.db", ray=address, workers=2 if address else 1
        )
        with study:
            found.append((tiny.designs_of(study), tiny.told_networks(study)))
    assert found[0] == found[1]
    assert not ray.is_initialized()


def test_without_ray_its_installation_is_named(
    tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"--ray: Ray is not installed; .*chiploom\[ray\]"):
        tiny.search(tiny.write(tmp_path), tables, tmp_path / "s.db", ray="local")


# -- one study for what follows ------------------------------------------------------------------
@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Path:
    """A finished search of three objectives; the file of its trials."""
    folder = tmp_path_factory.mktemp("done")
    more = "objectives: [accuracy, energy]\n"
    file = tiny.write(folder, trials=8, designs=8, more=more)
    study, ending = tiny.search(file, tables, folder / "study.db")
    with study:
        assert ending.reached
    return folder / "study.db"


def fails(capture: Capture, *given: str, expected: int = 2) -> str:
    """The one message of a command line that fails."""
    code = cli.main(given)
    out, err = capture.readouterr()
    assert code == expected, (given, out, err)
    assert err.count("chiploom: ") == 1, err
    assert "Traceback" not in err
    return err[err.index("chiploom: ") :]


def test_a_changed_study_is_not_resumed(done: Path, tables: Path, capsys: Capture) -> None:
    file = done.with_name("changed.yaml")
    file.write_text(done.with_name("study.yaml").read_text() + "# a word more\n")
    message = fails(capsys, *arguments(file, tables, done, "--resume", "-q"))
    assert "it has changed since" in message


def test_a_study_is_not_begun_over_another(done: Path, tables: Path, capsys: Capture) -> None:
    before = kept(done)
    message = fails(capsys, *arguments(done.with_name("study.yaml"), tables, done, "-q"))
    assert "expected no file there, found one; --resume goes on with it" in message
    assert kept(done) == before


def test_a_search_that_never_began_is_not_resumed(
    tmp_path: Path, tables: Path, capsys: Capture
) -> None:
    file = tiny.write(tmp_path)
    message = fails(capsys, *arguments(file, tables, tmp_path / "s.db", "--resume", "-q"))
    assert "expected a study, found no designs at" in message
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_the_file_of_another_program_is_refused(
    resume: list[str], tmp_path: Path, tables: Path, capsys: Capture
) -> None:
    file, db = tiny.write(tmp_path), tmp_path / "s.db"
    db.write_text("dear diary, " * 100)
    message = fails(capsys, *arguments(file, tables, db, *resume, "-q"))
    assert str(tmp_path) in message
    assert db.read_text() == "dear diary, " * 100


def test_designs_of_another_program_are_refused(
    tmp_path: Path, tables: Path, capsys: Capture
) -> None:
    file, db = tiny.write(tmp_path), tmp_path / "s.db"
    with sqlite3.connect(db.with_suffix(".designs.db")) as connection:
        connection.execute("CREATE TABLE diary (entry TEXT)")
    message = fails(capsys, *arguments(file, tables, db, "--resume", "-q"))
    assert "found a database of another program" in message


# -- answers -------------------------------------------------------------------------------------
def test_best_front_and_hypervolume(done: Path) -> None:
    with open_study(done) as study:
        best, front = study.best, study.front()
        open_ = study.store.all(feasible=True)
        assert best is not None
        assert best.checked_ok
        assert all(design.checked_ok is not None for design in front)
        assert front
        for one in open_:
            beaten = [
                other
                for other in front
                if (other.accuracy or 0) >= (one.accuracy or 0) and other.energy_pj <= one.energy_pj
            ]
            assert beaten, one
        for one in front:
            assert one.feasible
            assert not any(
                (other.accuracy or 0) >= (one.accuracy or 0) and other.energy_pj < one.energy_pj
                for other in open_
            )
        stand = [design for design in open_ if design.checked_ok is not False]
        assert best.accuracy == max(design.accuracy or 0 for design in stand)
        grown = [volume for _, _, volume in study.hypervolume()]
        assert grown == sorted(grown)
        assert 0 < grown[-1] <= 1
        assert study.hypervolume(["energy"])[-1][2] == pytest.approx(1)


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_exports_hold_every_design(ending: str, done: Path, tmp_path: Path, tables: Path) -> None:
    file, target = done.with_name("study.yaml"), tmp_path / f"designs.{ending}"
    more = ["--resume", "-q", "--export", str(target)]
    assert cli.main(arguments(file, tables, done, *more)) == 0
    expected = len(kept(done))
    rows: list[Any]
    if ending == "csv":
        rows = list(csv.DictReader(target.open()))
        assert rows[0]["hardware.a.template"] in ("nvdla", "shidiannao")
    elif ending == "json":
        rows = json.loads(target.read_text())
    else:
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
        rows = parquet.read_table(target).to_pylist()
    assert len(rows) == expected
    assert [int(row["number"]) for row in rows] == list(range(1, expected + 1))


def test_an_export_that_cannot_be_written_is_refused_first(
    tmp_path: Path, tables: Path, capsys: Capture
) -> None:
    db = tmp_path / "s.db"
    message = fails(capsys, *arguments(tiny.write(tmp_path), tables, db, "--export", "d.xlsx"))
    assert "expected .csv, .json or .parquet" in message
    assert not db.exists()


def test_what_a_search_prints_and_writes(done: Path, tables: Path, capsys: Capture) -> None:
    file = done.with_name("study.yaml")
    assert cli.main(arguments(file, tables, done, "--resume", "--json", "-")) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema"] == "chiploom.study/1"
    assert (answer["strategy"], answer["seed"], answer["trials"]) == ("random", 0, 8)
    assert answer["designs"] == len(kept(done))
    assert answer["objectives"] == ["accuracy", "energy"]
    assert answer["specs"] == {"latency": 9000.0, "energy": 1.6e6, "area": 0.2}
    assert (answer["reached"], answer["infeasible"], answer["proven"]) == (True, False, False)
    best = answer["best"]
    assert best["feasible"]
    assert best["checked"]["ok"]
    assert best["checked"]["cycles"] <= 9000
    assert set(best["networks"]) == set(best["accuracies"]) == {"classify", "segment"}
    assert best["accuracy"] == pytest.approx(sum(best["accuracies"].values()) / 2)
    assert set(best["hardware"]) == {"a", "b"}
    assert best["number"] in [design["number"] for design in answer["front"]]
    assert answer["hypervolume"][-1][2] > 0
    assert any("accuracy of classify: classify.csv" in note for note in answer["notes"])

    assert cli.main(arguments(file, tables, done, "--resume")) == 0
    out = " ".join(capsys.readouterr().out.split())  # lines may be wrapped anywhere
    assert "8 trials" in out
    assert f"Best: design {best['number']}" in out
    assert "spec 9,000 cycles" in out


# -- simulate a design ---------------------------------------------------------------------------
def test_a_design_is_simulated(done: Path, capsys: Capture) -> None:
    with open_study(done) as study:
        best = study.best
        assert best is not None
        graphs = [graph.macs for graph in study.graphs(best)]
    command = ["simulate", "--design", f"{done}:{best.number}", "--json", "-"]
    bound = ["--schedule", "hap", "--latency-bound", "9000"]
    assert cli.main([*command, *bound]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert total["macs"] == sum(graphs)
    assert total["area_mm2"] == pytest.approx(best.area_mm2)
    assert total["energy_pj"] == pytest.approx(best.energy_pj, rel=0.1)
    assert total["cycles"] <= 9000
    # Without a bound, for least latency, it is no slower than the search's schedule by much.
    assert cli.main([*command, "--objective", "latency"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert total["cycles"] <= 1.1 * best.cycles


def test_a_design_that_is_not_there(done: Path, tmp_path: Path, capsys: Capture) -> None:
    count = len(kept(done))
    for number in (0, count + 1):
        message = fails(capsys, "simulate", "--design", f"{done}:{number}")
        assert f"from 1 to {count}, found {number}" in message
    for text in ("study.db", f"{done}:x", ":3", f"{done}:-1"):
        assert "expected STUDY.db:N" in fails(capsys, "simulate", "--design", text)
    message = fails(capsys, "simulate", "--design", f"{tmp_path / 'none.db'}:1")
    assert "expected a study, found no designs" in message
    other = tmp_path / "other.db"
    other.write_text("dear diary")
    other.with_suffix(".designs.db").write_text("dear diary")
    assert str(tmp_path) in fails(capsys, "simulate", "--design", f"{other}:1")
    message = fails(capsys, "simulate", "lstm", "--design", f"{done}:1")
    assert "leave out MODEL" in message


# -- out of reach --------------------------------------------------------------------------------
def test_infeasible_specs_end_with_exit_code_1(
    tmp_path: Path, tables: Path, capsys: Capture
) -> None:
    more = {"networks": tiny.SHORT, "hardware": tiny.FEW, "strategy": "exact"}
    file = tiny.write(tmp_path, specs="{latency: 100, area: 1 mm2}", **more)
    report = tmp_path / "r.json"
    given = arguments(file, tables, tmp_path / "s.db", "-q", "--json", str(report))
    message = fails(capsys, *given, expected=1)
    assert "no design meets the specs" in message
    assert "latency is out of reach: at least" in message
    assert "the spec is 100 cycles" in message
    assert "area" not in message
    answer = json.loads(report.read_text())
    assert (answer["infeasible"], answer["reached"], answer["best"]) == (True, False, None)
    (one,) = answer["unreachable"]
    assert (one["metric"], one["spec"]) == ("latency", 100)
    assert one["least"] > 100


def test_a_search_that_finds_nothing_proves_nothing(
    tmp_path: Path, tables: Path, capsys: Capture
) -> None:
    file = tiny.write(tmp_path, specs=tiny.HOPELESS, trials=3)
    message = fails(capsys, *arguments(file, tables, tmp_path / "s.db", "-q"), expected=1)
    assert "none is proven not to exist" in message
    assert "nearest: design" in message


# -- checks --------------------------------------------------------------------------------------
def test_a_design_that_is_refused_is_not_the_best(
    tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []

    class Slow:
        """What a simulation finds of a design, just above the spec for the first three."""

        def __init__(self, study: Study, design: Any) -> None:
            late = len(refused) < 3
            if late:
                refused.append(design.number)
            self.cycles = 9001 if late else design.cycles
            self.energy_pj, self.area_mm2 = design.energy_pj, design.area_mm2

    monkeypatch.setattr(verify_module, "resimulate", Slow)
    study, ending = tiny.search(tiny.write(tmp_path, trials=8), tables, tmp_path / "s.db")
    with study:
        assert len(refused) == 3
        assert len([note for note in ending.notes if "refused at cycle fidelity" in note]) == 3
        best = study.best
        assert best is not None
        assert best.number not in refused
        assert best.checked_ok
        for number in refused:
            design = study.store.get(number)
            assert design.feasible
            assert design.checked_ok is False
            assert design.checked_cycles == 9001
            assert "latency 9001 above 9000" in design.note
        left = [d for d in study.store.all(feasible=True) if d.number not in refused]
        assert best.accuracy == max(design.accuracy or 0 for design in left)


def test_where_all_are_refused_there_is_no_best(
    tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late:
        def __init__(self, study: Study, design: Any) -> None:
            self.cycles, self.energy_pj, self.area_mm2 = 10**6, 1.0, 0.1

    monkeypatch.setattr(verify_module, "resimulate", Late)
    monkeypatch.setattr(verify_module, "ATTEMPTS", 1000)
    study, ending = tiny.search(tiny.write(tmp_path, trials=3), tables, tmp_path / "s.db")
    with study:
        assert study.store.all(feasible=True)
        assert study.best is None
        assert not ending.reached
        assert all(design.checked_ok is False for design in study.store.all(feasible=True))
        assert not verify(study)
