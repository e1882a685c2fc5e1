"""Strategy `exact` against brute force: all networks, all designs, all schedules."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.frontend.errors import InputError
from chiploom.search import exact as exact_module
from chiploom.search.candidates import in_order
from chiploom.search.context import Context, Networks
from chiploom.search.exact import is_chain
from chiploom.search.goals import METRICS, Goals, Metric
from chiploom.search.hardware.exact import all_designs
from chiploom.search.hardware.tables import LayerKey
from chiploom.search.reach import Reach
from chiploom.search.study import Ending, Study, costs_of
from chiploom.search.study_file import load_study
from chiploom.simulator.errors import InfeasibleError
from chiploom.simulator.scheduling.exact import exact as exact_schedule

from . import tiny_study as tiny
from .hardware_problems import BruteForce

#: Specs that some networks meet: loose, tight in one metric, in all; what is minimised in them.
CASES = {
    "latency": ("{latency: 9000}", "energy"),
    "energy": ("{energy: 1 uJ}", "latency"),
    "all": ("{latency: 16000, energy: 2.1 uJ, area: 0.18 mm2}", "energy"),
    "sum": ("{latency: 8000, energy: 1 uJ, area: 0.2 mm2}", "{latency: 1, energy: 2, area: 1}"),
    "none": (None, "energy"),
}


@dataclass(frozen=True)
class Everything:
    """Every combination of a study's networks, with the costs of all schedules of all designs."""

    context: Context
    combinations: dict[Networks, BruteForce]

    @staticmethod
    @cache
    def of(file: Path, tables: Path) -> Everything:
        context = tiny.context(file, tables)
        spaces = [list(network.space.choices()) for network in context.study.networks]
        every = [context.networks(choices) for choices in itertools.product(*spaces)]
        return Everything(context, {n: BruteForce.of(context.problem(n)) for n in every})

    def accuracy(self, networks: Networks) -> float:
        found, _ = self.context.accuracy(networks)
        assert found is not None
        return found

    def best(self, goals: Goals) -> tuple[float, float]:
        """The highest accuracy within specs, and the least value of hardware for it."""
        met = [
            (-self.accuracy(networks), brute.best(goals))
            for networks, brute in self.combinations.items()
            if math.isfinite(brute.best(goals))
        ]
        accuracy, value = min(met, default=(math.inf, math.inf))
        return -accuracy, value

    def least(self, metric: Metric, goals: Goals) -> float:
        return min(brute.least(metric, goals) for brute in self.combinations.values())


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Everything:
    folder = tmp_path_factory.mktemp("everything")
    return Everything.of(write(folder, specs=None), tables)


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch, unsynced: None) -> None:
    """Designs are not simulated again: brute force knows the search's model alone."""

    def confirm(study: Study, design: Any) -> list[str]:
        study.store.update_check(
            design.number,
            cycles=design.cycles,
            energy_pj=design.energy_pj,
            area_mm2=design.area_mm2,
            ok=True,
            note="",
        )
        return []

    monkeypatch.setattr(exact_module, "check", confirm)


def write(folder: Path, **more: Any) -> Path:
    return tiny.write(folder, **{"networks": tiny.SHORT, "hardware": tiny.FEW, **more})


def solved(folder: Path, tables: Path, specs: str | None, **more: Any) -> tuple[Study, Ending]:
    """What strategy `exact` finds."""
    file = write(folder, specs=specs, strategy="exact", **more)
    return tiny.search(file, tables, folder / "s.db")


# -- the optimum ---------------------------------------------------------------------------------
@pytest.mark.parametrize("seconds", [1e-9, 0.05, 0.2, 0.6])
def test_what_time_cuts_short_claims_nothing_false(
    seconds: float, everything: Everything, tmp_path: Path, tables: Path
) -> None:
    specs, minimize = CASES["energy"]
    file = write(tmp_path, specs=specs, strategy="exact", more=f"minimize: {minimize}\n")
    study, ending = tiny.search(
        replace(load_study(file), seconds=seconds), tables, tmp_path / "s.db"
    )
    with study:
        accuracy, value = everything.best(study.file.goals)
        assert not ending.infeasible  # there are designs
        assert not ending.unreachable
        if study.best is not None:
            assert study.best.accuracy is not None
            assert study.best.accuracy <= accuracy + 1e-12
        if ending.proven:
            assert study.best is not None
            assert study.best.accuracy == pytest.approx(accuracy)
            assert study.file.goals.value(costs_of(study.best)) == pytest.approx(value, rel=1e-6)
        for note in ending.notes:
            found = re.search(r"of up to ([0-9.]+) are not ruled out", note)
            assert found is None or float(found[1]) >= accuracy - 1e-4


@pytest.mark.parametrize(
    "case",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in ("energy", "sum"))) for n in CASES],
)
def test_the_best_is_found_and_proven(
    case: str, everything: Everything, tmp_path: Path, tables: Path
) -> None:
    specs, minimize = CASES[case]
    more = f"minimize: {minimize}\n"
    study, ending = solved(tmp_path, tables, specs, more=more)
    with study:
        goals, best = study.file.goals, study.best
        accuracy, value = everything.best(goals)
        assert best is not None
        assert best.accuracy == pytest.approx(accuracy)
        assert goals.value(costs_of(best)) == pytest.approx(value, rel=1e-6)
        assert (ending.proven, ending.infeasible, ending.reached) == (True, False, True)
        assert best.optimal
        top = max(everything.accuracy(networks) for networks in everything.combinations)
        assert (accuracy < top) == (specs is not None), "specs that rule out the largest networks"


def test_equal_accuracies_do_not_hide_one_another(
    everything: Everything, tmp_path: Path, tables: Path
) -> None:
    """Several combinations are equally accurate; any of them may be taken, with its best value."""
    specs = "{latency: 14000, energy: 2.2 uJ}"
    study, ending = solved(tmp_path, tables, specs, steps=(0.05, 0.05))
    with study:
        best, goals = study.best, study.file.goals
        assert best is not None
        assert ending.proven
        brute = everything.combinations[tiny.keys_of(study, best.networks)]
        assert goals.value(costs_of(best)) == pytest.approx(brute.best(goals), rel=1e-6)


@pytest.mark.slow
def test_larger_networks_by_exact_schedules(tmp_path: Path, tables: Path) -> None:
    """Twelve layers and more, too many for brute force: each design is scheduled by CP-SAT."""
    few = "only: {height: 1, filters0: [4, 8]}"
    networks = {
        "classify": tiny.PAIR["classify"].replace("filters3: [8, 16]", "filters3: 8"),
        "segment": tiny.PAIR["segment"].split("only")[0] + few,
    }
    specs = "{latency: 3800, energy: 0.56 uJ, area: 0.15 mm2}"
    study, ending = solved(tmp_path, tables, specs, networks=networks)
    with study:
        goals, best = study.file.goals, study.best
        found = {
            networks: least_energy(study.context, networks)
            for networks in itertools.product(
                *(
                    [network.space.encode(choice) for choice in network.space.choices()]
                    for network in study.file.networks
                )
            )
        }
        met = [n for n, energy in found.items() if math.isfinite(energy)]
        assert 0 < len(met) < len(found)
        top = max(study.context.accuracy(n)[0] or 0 for n in met)
        assert best is not None
        assert ending.proven
        assert best.accuracy == pytest.approx(top)
        networks = tiny.keys_of(study, best.networks)
        assert best.energy_pj == pytest.approx(found[networks], rel=1e-6)
        assert goals.met(costs_of(best))


def least_energy(context: Context, networks: Networks) -> float:
    """Within the specs, over all designs; infinite where none meets them."""
    problem, goals = context.problem(networks), context.study.goals
    least = math.inf
    seen: set[tuple[int, ...]] = set()
    for design in all_designs(problem):
        kind = tuple(sorted(design.options))  # the two sub-accelerators are alike
        if kind in seen or problem.area(design) > goals.spec("area"):
            continue
        seen.add(kind)
        try:
            found = exact_schedule(
                problem.instance(design),
                "energy",
                latency_bound=goals.spec("latency"),
                energy_bound=min(least, goals.spec("energy")),
            )
        except InfeasibleError:
            continue
        assert found.optimal
        least = min(least, found.energy)
    return least


def test_fixed_networks_need_no_accuracy(tmp_path: Path, tables: Path) -> None:
    study, ending = solved(tmp_path, tables, "{latency: 7000}", networks=tiny.FIXED, accuracy=False)
    with study:
        best, goals = study.best, study.file.goals
        assert best is not None
        assert best.accuracy is None
        assert ending.proven
        networks = tiny.keys_of(study, best.networks)
        brute = BruteForce.of(study.context.problem(networks))
        assert best.energy_pj == pytest.approx(brute.best(goals) * goals.scales.get("energy", 1.0))


def test_accuracies_have_to_be_known(tmp_path: Path, tables: Path) -> None:
    file = tiny.write(tmp_path, strategy="exact")
    text = file.read_text().replace("{table: segment.csv}", "{command: {command: ./measure}}")
    file.write_text(text)
    with pytest.raises(InputError, match="found none for segment"):
        tiny.search(file, tables, tmp_path / "s.db")


def test_a_table_of_other_networks_is_refused(tmp_path: Path, tables: Path) -> None:
    file = tiny.write(tmp_path, strategy="exact")
    (tmp_path / "segment.csv").write_text('key,accuracy\n"height=1,filters0=64",0.9\n')
    with pytest.raises(InputError, match=r"network segment: .*found none in the table"):
        tiny.search(file, tables, tmp_path / "s.db")


# -- out of reach --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("specs", "names"),
    [
        ("{latency: 1000}", ["latency"]),
        ("{energy: 0.1 uJ, latency: 1000000}", ["energy"]),
        ("{area: 0.05 mm2, latency: 1000000}", ["area"]),
        ("{latency: 1000, energy: 0.1 uJ}", []),
    ],
)
def test_what_is_out_of_reach(
    specs: str, names: list[str], everything: Everything, tmp_path: Path, tables: Path
) -> None:
    study, ending = solved(tmp_path, tables, specs)
    with study:
        goals = study.file.goals
        assert everything.best(goals) == (-math.inf, math.inf)
        assert (ending.infeasible, ending.reached, ending.proven) == (True, False, False)
        assert study.best is None
        assert [metric for metric, _, _ in ending.unreachable] == names
        for metric, spec, least in ending.unreachable:
            assert spec == goals.spec(metric)
            assert least == pytest.approx(everything.least(metric, goals), rel=1e-6)


# -- bounds --------------------------------------------------------------------------------------
def reach_of(everything: Everything, goals: Goals) -> Reach:
    """Bounds of all networks, in the order of their spaces, with falling accuracies."""
    context = everything.context
    numbers: dict[LayerKey, int] = {}
    examples: list[Any] = []
    networks, chains, accuracy = [], [], []
    for network in context.study.networks:
        graphs = [network.space.build(choice) for choice in network.space.choices()]
        mine = []
        for graph in graphs:
            for layer in graph.layers:
                if LayerKey.of(layer, graph) not in numbers:
                    numbers[LayerKey.of(layer, graph)] = len(examples)
                    examples.append((layer, graph))
            mine.append([numbers[LayerKey.of(layer, graph)] for layer in graph.layers])
        networks.append(mine)
        chains.append(all(map(is_chain, graphs)))
        accuracy.append(np.linspace(0.5, 0.1, len(graphs)))
    hardware, tables = context.study.hardware, context.tables()
    return Reach(hardware, tables, goals, examples, networks, chains, accuracy)


def within(reach: Reach) -> set[tuple[int, ...]]:
    """Combinations that some design has within reach."""
    pairs = range(len(reach.first))
    return {(i, j) for pair in pairs for _, i, j in reach.combinations(pair, -1.0, 1000)}


def places_of(everything: Everything) -> dict[Networks, tuple[int, ...]]:
    """Of the networks of every combination, in the order of their spaces."""
    sizes = [range(network.space.size) for network in everything.context.study.networks]
    return dict(zip(everything.combinations, itertools.product(*sizes), strict=True))


@given(data=st.data())
@settings(max_examples=60)
def test_bounds_never_rule_out_what_is_possible(
    data: st.DataObject, everything: Everything
) -> None:
    """Specs are the costs of a schedule of some networks, exactly or nearly."""
    networks = data.draw(st.sampled_from(list(everything.combinations)))
    brute = everything.combinations[networks]
    design = data.draw(st.sampled_from(sorted(brute.fronts)))
    costs = data.draw(st.sampled_from(brute.costs(design)))
    chosen = data.draw(st.sets(st.sampled_from(METRICS), min_size=1))
    slack = data.draw(st.sampled_from([1.0, 1.01, 1.3]))
    specs: dict[Metric, float] = {metric: slack * costs.of(metric) for metric in chosen}
    if not {"latency", "energy"} & specs.keys():
        specs["latency"] = float(costs.cycles)
    goals = Goals(specs)
    kept, places = within(reach_of(everything, goals)), places_of(everything)
    assert places[networks] in kept
    for other, found in everything.combinations.items():
        if math.isfinite(found.best(goals)):
            assert places[other] in kept, other


def test_bounds_rule_out_most_of_what_is_impossible(everything: Everything) -> None:
    goals = Goals({"latency": 6000.0, "energy": 0.9e6, "area": 0.2})
    kept, places = within(reach_of(everything, goals)), places_of(everything)
    possible = {
        places[n] for n, found in everything.combinations.items() if found.best(goals) < math.inf
    }
    assert possible <= kept
    assert 0 < len(possible) < len(places)
    assert len(kept) <= len(possible) + (len(places) - len(possible)) // 2


def test_the_best_of_a_design_is_the_first_of_its_combinations(everything: Everything) -> None:
    reach = reach_of(everything, Goals({"latency": 8000.0, "energy": 1e6}))
    for threshold in (-1.0, 0.55, 2.0):
        found, chosen = reach.best(threshold)
        for pair in range(len(reach.first)):
            listed = reach.combinations(pair, threshold, 1000)
            if listed:
                assert found[pair] == pytest.approx(listed[0][0], abs=1e-12)
                assert any(one[1:] == tuple(chosen[pair]) for one in listed)
            else:
                assert found[pair] == -math.inf


def test_a_design_is_bounded_by_its_own_costs(everything: Everything) -> None:
    """A spec far below the least value that there is rules everything out; just above it, at least
    one combination is left."""
    metric: Metric
    for metric in ("latency", "energy"):
        least = everything.least(metric, Goals())
        assert within(reach_of(everything, Goals({metric: least * (1 + 1e-9)})))
        assert not within(reach_of(everything, Goals({metric: least * 0.2})))


# -- the order -----------------------------------------------------------------------------------
lists = st.lists(st.floats(0, 1), min_size=1, max_size=5).map(
    lambda values: np.array(sorted(values, reverse=True))
)


@given(st.lists(lists, min_size=1, max_size=3))
def test_combinations_come_in_the_order_of_their_sums(values: list[Any]) -> None:
    found = list(in_order(values))
    sums = [total for total, _ in found]
    assert sums == sorted(sums, reverse=True)
    places = [one for _, one in found]
    assert len(places) == len(set(places))
    assert set(places) == set(itertools.product(*(range(len(one)) for one in values)))
    for total, one in found:
        assert total == pytest.approx(sum(v[p] for v, p in zip(values, one, strict=True)))


# -- checks --------------------------------------------------------------------------------------
def test_hardware_that_misses_the_specs_when_executed_is_not_the_best(
    tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check finds the first hardware too slow: specs are tightened, others are looked for."""
    refused: list[str] = []

    def strict(study: Study, design: Any) -> list[str]:
        if not refused:
            refused.append(design.hardware)
        ok = design.hardware not in refused
        study.store.update_check(
            design.number,
            cycles=design.cycles if ok else math.ceil(1.05 * study.file.goals.spec("latency")),
            energy_pj=design.energy_pj,
            area_mm2=design.area_mm2,
            ok=ok,
            note="" if ok else "too slow",
        )
        return []

    monkeypatch.setattr(exact_module, "check", strict)
    study, ending = solved(tmp_path, tables, "{latency: 9000}")
    with study:
        best = study.best
        assert best is not None
        assert best.hardware not in refused
        assert best.checked_ok
        assert study.store.get(1).checked_ok is False
        assert (ending.reached, ending.proven, ending.infeasible) == (True, False, False)
        assert any("misses the specs when executed" in note for note in ending.notes)


def test_hardware_that_the_check_cannot_confirm_is_not_tried_again(
    tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By how much specs were to be tightened is not known then."""

    def unsure(study: Study, design: Any) -> list[str]:
        costs = {name: getattr(design, name) for name in ("cycles", "energy_pj", "area_mm2")}
        study.store.update_check(design.number, **costs, ok=False, note="not confirmed")
        return []

    monkeypatch.setattr(exact_module, "check", unsure)
    study, ending = solved(tmp_path, tables, "{latency: 9000}", networks=tiny.FIXED)
    with study:
        assert len(study.told()) == len(study.store.all(feasible=True)) == 1
        assert (ending.reached, ending.proven, ending.infeasible) == (False, False, False)


def test_the_study_that_is_tested_is_small(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, specs=None))
    assert [network.space.size for network in study.networks] == [3, 3]
    assert study.hardware.size == 64
