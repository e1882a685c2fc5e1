"""What every strategy keeps to, and what is special in some."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.frontend.errors import InputError
from chiploom.search import exact, run
from chiploom.search.context import Context, Outcome, Task
from chiploom.search.evaluators import Accuracy, Evaluator
from chiploom.search.goals import Costs, Goals
from chiploom.search.hardware.exact import all_designs
from chiploom.search.spaces import Choice, Space
from chiploom.search.strategies import STRATEGIES
from chiploom.search.strategies.nasaic import Codec
from chiploom.search.study import Ending, Study, open_study
from chiploom.search.study_file import load_study

from . import tiny_study as tiny

#: Options with which every strategy does in six trials what it else does in many.
OPTIONS = {
    "exact": "{}",
    "nasaic": "{phi: 3, hidden: 8}",
    "random": "{}",
    "evolution": "{population: 3}",
    "tpe": "{startup: 2}",
    "gp": "{startup: 5}",
    "nas-then-asic": "{startup: 2, designs: 12}",
    "asic-then-nas": "{startup: 2, designs: 12, networks: 3}",
}
ALL = sorted(OPTIONS)
SAMPLED = sorted(set(OPTIONS) - {"exact"})
#: A Gaussian process takes seconds for a trial.
SLOW_GP = [pytest.param(name, marks=[pytest.mark.slow] * (name == "gp")) for name in ALL]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, unsynced: None) -> None:
    """Designs are not simulated again: that is not the strategies' work."""

    def confirm(study: Study, design: Any) -> list[str]:
        costs = {"cycles": design.cycles, "energy_pj": design.energy_pj, "area_mm2": 0.1}
        study.store.update_check(design.number, ok=True, note="", **costs)
        return []

    monkeypatch.setattr(run, "verify", lambda study: ())
    monkeypatch.setattr(exact, "check", confirm)


def write(folder: Path, strategy: str, **more: Any) -> Path:
    if strategy == "gp":
        pytest.importorskip("torch", reason="Optuna's Gaussian process needs PyTorch")
    if strategy == "exact":  # specs that leave little to prove
        more = {"specs": "{latency: 7000, energy: 0.7 uJ}", **more}
        more = {"networks": tiny.SHORT, "hardware": tiny.FEW, **more}
    return tiny.write(folder, strategy=strategy, **{"options": OPTIONS[strategy], **more})


def test_every_strategy_is_tested() -> None:
    assert set(OPTIONS) == {*STRATEGIES, "exact"}


# -- the contract --------------------------------------------------------------------------------
@dataclass(frozen=True)
class Whole:
    """A search that ran to its end, and the tasks that it evaluated."""

    file: Path
    db: Path
    tasks: list[Task]
    ending: Ending
    designs: list[tiny.Found]
    networks: list[tuple[str, ...]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Callable[[str], Whole]:
    """The search of a strategy with seed 0; it runs once for all tests."""

    @cache
    def of(strategy: str) -> Whole:
        folder = tmp_path_factory.mktemp(strategy)
        tasks: list[Task] = []
        evaluate = Context.evaluate

        def watched(self: Context, task: Task, goals: Goals | None = None) -> Outcome:
            tasks.append(task)
            return evaluate(self, task, goals)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Context, "evaluate", watched)
            file = write(folder, strategy)
            study, ending = tiny.search(file, tables, folder / "s.db")
        with study:
            found = tiny.designs_of(study), tiny.told_networks(study)
        return Whole(file, folder / "s.db", tasks, ending, *found)

    return of


@pytest.mark.parametrize("strategy", ALL)
def test_contract(strategy: str, whole: Callable[[str], Whole], tables: Path) -> None:
    done = whole(strategy)
    with open_study(done.db) as study:
        study.context.folder = tables
        told = study.told()
        assert len(told) == (1 if strategy == "exact" else 6)
        assert not done.ending.interrupted
        assert done.ending.reached == (study.best is not None)
        assert_valid(study, done.tasks)
        assert_kept(study)
        for trial in told:
            assert_told(study, study.notes(trial))


def assert_valid(study: Study, tasks: list[Task]) -> None:
    """What is proposed can be built."""
    for task in tasks:
        for network, choice in zip(
            study.file.networks, study.context.choices(task.networks), strict=True
        ):
            network.space.validate(choice)
        for design in task.designs:
            assert study.context.problem(task.networks, design.chip).allowed(design), design


def assert_kept(study: Study) -> None:
    """Designs of the store are allowed, cost what they say, and are feasible if they say so."""
    goals = study.file.goals
    for kept in study.store.all():
        design = study.file.hardware.design(json.loads(kept.hardware))
        problem = study.context.problem(tiny.keys_of(study, kept.networks), design.chip)
        assert problem.allowed(design)
        costs = Costs(kept.cycles, kept.energy_pj, kept.area_mm2)
        assert kept.feasible == goals.met(costs)
        assert kept.penalty == goals.penalty(costs)
        assert kept.area_mm2 == pytest.approx(problem.area(design))
        if not kept.optimal:
            assert costs == problem.evaluate(design)
        if kept.accuracy is not None:
            parts = json.loads(kept.accuracies)
            assert kept.accuracy == pytest.approx(sum(parts.values()) / 2)


def assert_told(study: Study, notes: dict[str, Any]) -> None:
    """The best design of a trial is in the store."""
    if not notes["design"]:
        assert not notes["looked"]
        return
    kept = study.store.get(notes["design"])
    assert json.loads(kept.networks) == notes["networks"]
    assert kept.feasible == notes["met"]
    if notes["met"]:
        assert kept.accuracy == notes["accuracy"]


@pytest.mark.parametrize("strategy", SLOW_GP)
def test_a_seed_decides(
    strategy: str, whole: Callable[[str], Whole], tmp_path: Path, tables: Path
) -> None:
    first, found = whole(strategy), []
    for seed in (0, 1):
        file = write(tmp_path, strategy, seed=seed, name=f"s{seed}")
        study, _ = tiny.search(file, tables, tmp_path / f"{seed}.db")
        with study:
            found.append((tiny.designs_of(study), tiny.told_networks(study)))
    assert found[0] == (first.designs, first.networks)
    if strategy == "exact":
        assert found[0][1] == found[1][1]
        best = [min(energy for *_, energy in designs) for designs, _ in found]
        assert best[0] == pytest.approx(best[1])
    else:
        assert found[0] != found[1]


@pytest.mark.parametrize("strategy", SAMPLED)
def test_resuming_changes_nothing(
    strategy: str, whole: Callable[[str], Whole], tmp_path: Path, tables: Path
) -> None:
    done, db = whole(strategy), tmp_path / "s.db"
    part, ending = tiny.search(done.file, tables, db, stop=4)
    with part:
        assert ending.interrupted
        assert len(part.told()) == 4
        assert tiny.designs_of(part) == done.designs[: part.store.count()]
    resumed, ending = tiny.search(done.file, tables, db, resume=True)
    with resumed:
        assert not ending.interrupted
        assert len(resumed.told()) == 6
        assert tiny.told_networks(resumed) == done.networks
        assert tiny.designs_of(resumed) == done.designs


@pytest.mark.parametrize("strategy", [one for one in SLOW_GP if "exact" not in one.values])
def test_a_round_that_is_cut_off_is_proposed_anew(
    strategy: str, tmp_path: Path, tables: Path
) -> None:
    file = write(tmp_path, strategy, batch=3)
    part, _ = tiny.search(file, tables, tmp_path / "part.db", stop=4)
    with part:
        before = tiny.designs_of(part)
    resumed, _ = tiny.search(file, tables, tmp_path / "part.db", resume=True)
    with resumed:
        assert len(resumed.told()) == 6
        after = tiny.designs_of(resumed)
        assert after[: len(before)] == before
        assert not tiny.duplicates(after)


def test_random_trials_depend_on_nothing_before(tmp_path: Path, tables: Path) -> None:
    file = write(tmp_path, "random", batch=3)
    whole, _ = tiny.search(file, tables, tmp_path / "whole.db")
    part, _ = tiny.search(file, tables, tmp_path / "part.db", stop=2)
    part.close()
    part, _ = tiny.search(file, tables, tmp_path / "part.db", resume=True)
    with whole, part:
        assert tiny.designs_of(part) == tiny.designs_of(whole)


@pytest.mark.parametrize("strategy", ALL)
def test_an_unknown_option_is_refused(strategy: str, tmp_path: Path, tables: Path) -> None:
    file = write(tmp_path, strategy, options="{shoe_size: 43}")
    with pytest.raises(InputError, match=f"{strategy}.*shoe_size"):
        tiny.search(file, tables, tmp_path / "s.db")
    assert not list(tmp_path.glob("*.db*")), "a corrected study can begin"


@pytest.mark.parametrize(
    ("strategy", "options", "expected"),
    [
        ("evolution", "{algorithm: nsga4}", "expected nsga2 or nsga3, found 'nsga4'"),
        ("evolution", "{hardware: guess}", "expected descend or exact, found 'guess'"),
        ("tpe", "{hardware: 3}", "expected descend or exact, found 3"),
    ],
)
def test_a_wrong_option_is_refused(
    strategy: str, options: str, expected: str, tmp_path: Path, tables: Path
) -> None:
    file = write(tmp_path, strategy, options=options)
    with pytest.raises(InputError, match=expected):
        tiny.search(file, tables, tmp_path / "s.db")


def test_exact_hardware_of_sampled_networks(tmp_path: Path, tables: Path) -> None:
    few: dict[str, Any] = {"networks": tiny.SHORT, "hardware": tiny.FEW, "trials": 2}
    file = write(tmp_path, "tpe", options="{hardware: exact}", **few)
    study, _ = tiny.search(file, tables, tmp_path / "s.db")
    with study:
        notes = [study.notes(trial) for trial in study.told()]
        assert all(one["optimal"] or one["infeasible"] for one in notes)
        kept = [study.store.get(one["design"]) for one in notes if one["met"]]
        assert all(one.optimal for one in kept)


# -- NASAIC --------------------------------------------------------------------------------------
class Counting(Evaluator):
    """Tells the same of every network, and keeps whom it was asked about."""

    source = "a stub"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def evaluate(self, space: Space, choice: Choice) -> Accuracy:
        self.asked.append(space.encode(choice))
        return Accuracy(0.5, self.source, None, 0.0)


@pytest.mark.parametrize("specs", [tiny.SPECS, tiny.HOPELESS])
def test_nasaic_prunes_early(specs: str, tmp_path: Path, tables: Path) -> None:
    study_file = load_study(write(tmp_path, "nasaic", specs=specs, seed=4, trials=10))
    stub = Counting()
    for network in study_file.networks:
        network.__dict__["evaluator"] = stub
    study, ending = tiny.search(study_file, tables, tmp_path / "s.db")
    with study:
        notes = [study.notes(trial) for trial in study.told()]
        met = [one for one in notes if one["met"]]
        assert all((one["accuracy"] == 0.5) == one["met"] for one in notes)
        assert set(stub.asked) == {key for one in met for key in one["networks"].values()}
        if specs == tiny.HOPELESS:
            assert not stub.asked
            assert not ending.reached
        else:
            assert 0 < len(met) < len(notes)


def test_networks_stay_while_hardware_is_drawn(tmp_path: Path, tables: Path) -> None:
    study, _ = tiny.search(write(tmp_path, "nasaic"), tables, tmp_path / "s.db")
    with study:
        codec = Codec(study.context)
        hardware = set()
        for trial in study.told():
            notes = study.notes(trial)
            drawn = notes["strategy"]["decisions"]
            assert len(drawn) == 1 + 3
            assert len(notes["strategy"]["rewards"]) == len(drawn)
            assert len({tuple(one[: codec.prefix]) for one in drawn}) == 1
            chosen = study.context.networks(codec.choices(drawn[0]))
            assert chosen == tuple(notes["networks"].values())
            hardware.add(len({tuple(one[codec.prefix :]) for one in drawn}))
        assert max(hardware) > 1


def test_rewards_are_accuracy_less_the_penalty(tmp_path: Path, tables: Path) -> None:
    study, _ = tiny.search(write(tmp_path, "nasaic", trials=4), tables, tmp_path / "s.db")
    with study:
        codec, goals = Codec(study.context), study.file.goals
        for trial in study.told():
            notes = study.notes(trial)
            networks = tuple(notes["networks"].values())
            for drawn, reward in zip(
                notes["strategy"]["decisions"], notes["strategy"]["rewards"], strict=True
            ):
                design = codec.design(drawn)
                costs = study.context.problem(networks, design.chip).evaluate(design)
                assert costs is not None
                expected = (notes["accuracy"] or 0.0) - goals.rho * goals.penalty(costs)
                assert reward == pytest.approx(expected)


@given(data=st.data())
def test_any_decisions_make_an_allowed_design(data: st.DataObject, codec: Codec) -> None:
    drawn = [data.draw(st.integers(0, size - 1)) for size in codec.sizes]
    design = codec.design(drawn)
    problem = codec.context.problem(codec.context.networks(codec.choices(drawn)))
    assert problem.allowed(design)


def test_decisions_reach_every_allowed_design(codec: Codec) -> None:
    context = codec.context
    space = context.study.hardware
    random = np.random.default_rng(0)
    choices = [network.space.sample(random) for network in context.study.networks]
    problem = context.problem(context.networks(choices))
    counts = codec.sizes[codec.prefix :]
    every = np.indices(counts).reshape(len(counts), -1).T
    made = {codec.design([0] * codec.prefix + one.tolist()) for one in every}
    assert made == set(all_designs(problem))
    assert len(made) < space.size


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Codec:
    return Codec(tiny.context(tiny.write(tmp_path_factory.mktemp("codec")), tables))


# -- one after the other -------------------------------------------------------------------------
def test_nas_then_asic_takes_its_most_accurate_networks(tmp_path: Path, tables: Path) -> None:
    study, _ = tiny.search(write(tmp_path, "nas-then-asic"), tables, tmp_path / "s.db")
    with study:
        told = study.told()
        notes = [study.notes(trial) for trial in told]
        best = max(notes[:-1], key=lambda one: one["accuracy"])
        assert notes[-1]["networks"] == best["networks"]
        assert notes[-1]["accuracy"] == best["accuracy"]
        assert len({one["accuracy"] for one in notes}) > 1
        assert [one["looked"] for one in notes[:-1]] == [0] * (len(notes) - 1)
        assert notes[-1]["looked"] == 12
        assert {kept.trial for kept in study.store.all()} == {told[-1].number}


def test_nas_then_asic_needs_a_number_of_trials(tmp_path: Path, tables: Path) -> None:
    study_file = load_study(write(tmp_path, "nas-then-asic"))
    with pytest.raises(InputError, match="expected a number of trials"):
        tiny.search(replace(study_file, trials=None), tables, tmp_path / "s.db")


def test_asic_then_nas_has_one_design(tmp_path: Path, tables: Path) -> None:
    study, _ = tiny.search(write(tmp_path, "asic-then-nas"), tables, tmp_path / "s.db")
    with study:
        assert len({kept.hardware for kept in study.store.all()}) == 1
        assert len({kept.networks for kept in study.store.all()}) > 1
        assert all(study.notes(trial)["looked"] == 1 for trial in study.told())
