"""The exact search for hardware, and the bounds that it prunes by, against brute force."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numba
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from chiploom.search.goals import Goals, Metric
from chiploom.search.hardware import exact as module
from chiploom.search.hardware import relaxation as relaxation_module
from chiploom.search.hardware.exact import (
    Answer,
    ExactHardware,
    all_designs,
    closest,
)
from chiploom.search.hardware.problem import HardwareProblem
from chiploom.search.hardware.relaxation import Relaxation
from chiploom.search.hardware.space import Design
from chiploom.simulator.scheduling.exact import exact as exact_schedule

from .hardware_problems import BruteForce, brute_force, front, goals_for, invented, real

#: Space and networks.
CASES = [
    ("alike", "unet"),
    ("alike", "resnet", "flat"),
    ("not alike", "flat", "wide"),
    ("one", "unet"),
    ("three", "flat", "wide"),
]
SMALL = [case for case in CASES if "resnet" not in case]
MINIMISED: dict[str, dict[Metric, float]] = {
    "energy": {"energy": 1.0},
    "latency": {"latency": 1.0},
    "area": {"area": 1.0},
    "all": {"energy": 1.0, "latency": 0.5, "area": 2.0},
    "energy and latency": {"energy": 1.0, "latency": 3.0},
    "latency and area": {"latency": 1.0, "area": 1.0},
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Dispatch to threads takes longer than what these problems are."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture
def few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local search that finds little, so that the proof has to find the rest."""
    monkeypatch.setattr(module, "LOOKS", 4)


def solved(problem: HardwareProblem, goals: Goals) -> Answer:
    return ExactHardware(problem.with_goals(goals), seconds=60).solve()


def assert_best(brute: BruteForce, goals: Goals, found: Answer) -> None:
    """The answer is the best, and says so."""
    best = brute.best(goals)
    if math.isinf(best):
        assert found.infeasible
        assert (found.design, found.costs, found.optimal) == (None, None, False)
        assert math.isinf(found.value)
        assert math.isinf(found.lower_bound)
        assert found.gap == 0
        return
    assert not found.infeasible
    assert found.optimal
    assert found.value == pytest.approx(best, rel=2e-9)
    assert found.lower_bound <= best * (1 + 1e-9)
    assert found.gap <= 2e-9
    assert found.design is not None
    assert found.costs is not None
    assert goals.met(found.costs)
    assert goals.value(found.costs) == found.value
    assert brute.value(found.design, goals) == pytest.approx(best, rel=2e-9)
    assert brute.problem.allowed(found.design)


def scaled(brute: BruteForce, name: str, **specs: float) -> Goals:
    """Goals whose metrics weigh alike; specs as parts of the way from the least to the most."""
    scales, given = {}, {}
    for metric in ("latency", "energy", "area"):
        low, high = brute.range_of(metric)
        scales[metric] = high
        if metric in specs:
            given[metric] = low + specs[metric] * (high - low)
    return Goals(given, MINIMISED[name], scales)  # type: ignore[arg-type]


# -- brute force itself ----------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES)
def test_brute_force_schedules_as_well_as_constraint_programming(case: tuple[str, ...]) -> None:
    brute = brute_force(*case)
    designs = list(brute.fronts)
    for design in designs[:: max(1, len(designs) // 4)]:
        instance, costs = brute.problem.instance(design), brute.costs(design)
        least = exact_schedule(instance, "energy")
        assert min(c.energy_pj for c in costs) == pytest.approx(least.energy, rel=1e-9)
        shortest = exact_schedule(instance, "makespan")
        assert min(c.cycles for c in costs) == shortest.makespan
        middle = (shortest.makespan + least.makespan) // 2
        within = exact_schedule(instance, "energy", latency_bound=middle, cycle_price=2.0)
        expected = min(c.energy_pj + 2 * c.cycles for c in costs if c.cycles <= middle)
        assert within.energy + 2 * within.makespan == pytest.approx(expected, rel=1e-9)


def test_fronts_have_nothing_twice_and_nothing_beaten() -> None:
    for design, found in brute_force("alike", "unet").fronts.items():
        assert found == sorted(found)
        for (a, more), (b, less) in itertools.pairwise(found):
            assert a < b
            assert more > less
        assert len(found) == len(front(real("alike", "unet").instance(design)))


# -- the search ------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", SMALL)
@pytest.mark.parametrize("name", MINIMISED)
def test_best_without_specs(case: tuple[str, ...], name: str, few_looks: None) -> None:
    brute = brute_force(*case)
    assert_best(brute, goals := scaled(brute, name), solved(brute.problem, goals))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("name", "specs"),
    [
        ("energy", {"latency": 0.1}),
        ("energy", {"latency": 0.02, "area": 0.9}),
        ("latency", {"energy": 0.1}),
        ("area", {"latency": 0.15}),
        ("area", {"latency": 0.3, "energy": 0.3}),
        ("all", {"latency": 0.3, "energy": 0.2, "area": 0.8}),
        ("energy and latency", {"area": 0.2}),
        ("all", {"latency": 2.0, "energy": 2.0, "area": 2.0}),
    ],
)
def test_best_within_specs(
    case: tuple[str, ...], name: str, specs: dict[str, float], few_looks: None
) -> None:
    brute = brute_force(*case)
    assert_best(brute, goals := scaled(brute, name, **specs), solved(brute.problem, goals))


@pytest.mark.parametrize("case", SMALL)
@pytest.mark.parametrize("metric", ["latency", "energy", "area"])
def test_just_possible_and_just_not(case: tuple[str, ...], metric: Metric, few_looks: None) -> None:
    """The least value of a metric as its spec, and a millionth less."""
    brute = brute_force(*case)
    least = brute.range_of(metric)[0]
    for spec in (least * (1 + 1e-7), least * (1 - 1e-6)):
        goals = replace(scaled(brute, "all"), specs={metric: spec})
        assert math.isinf(brute.best(goals)) == (spec < least)
        assert_best(brute, goals, solved(brute.problem, goals))


@pytest.mark.parametrize("case", SMALL)
def test_specs_that_exclude_each_other(case: tuple[str, ...], few_looks: None) -> None:
    """Each alone is possible, all together are not; what is closest is what brute force says."""
    brute = brute_force(*case)
    goals = scaled(brute, "energy", latency=0.0, energy=0.0, area=0.0)
    goals = replace(goals, specs={m: s * (1 + 1e-6) for m, s in goals.specs.items()})
    if math.isfinite(brute.best(goals)):
        assert case[0] in ("one", "three")
        goals = replace(goals, specs={**goals.specs, "latency": goals.specs["latency"] * 0.9})
    found = solved(brute.problem, goals)
    assert_best(brute, goals, found)
    assert found.infeasible
    expected = {
        metric: (goals.specs[metric], brute.least(metric, goals))
        for metric in goals.specs
        if math.isfinite(brute.least(metric, goals))
    }
    near = closest(brute.problem.with_goals(goals), seconds=60)
    assert {metric: spec for metric, spec, _ in near} == {m: s for m, (s, _) in expected.items()}
    for metric, _, least in near:
        assert least == pytest.approx(expected[metric][1], rel=2e-9)


def test_closest_is_silent_of_specs_that_are_met() -> None:
    brute = brute_force("not alike", "flat", "wide")
    goals = scaled(brute, "energy", latency=0.5, energy=0.9)
    goals = replace(goals, specs={**goals.specs, "area": 0.5 * brute.range_of("area")[0]})
    ((metric, spec, least),) = closest(brute.problem.with_goals(goals), seconds=60)
    assert (metric, spec) == ("area", goals.specs["area"])
    assert least == pytest.approx(brute.least("area", goals), rel=1e-9)


def test_any_design_that_meets_the_specs(few_looks: None) -> None:
    brute = brute_force("alike", "unet")
    tight = scaled(brute, "energy", latency=0.03)
    found = ExactHardware(brute.problem.with_goals(tight)).solve(feasible_only=True)
    assert found.design is not None
    assert found.costs is not None
    assert tight.met(found.costs)
    assert not found.infeasible
    never = replace(tight, specs={"latency": 0.99 * brute.range_of("latency")[0]})
    found = ExactHardware(brute.problem.with_goals(never)).solve(feasible_only=True)
    assert found.infeasible


def test_the_local_search_does_not_change_the_optimum() -> None:
    brute = brute_force("alike", "unet")
    goals = scaled(brute, "all", latency=0.2)
    problem = brute.problem.with_goals(goals)
    start = tuple(itertools.islice(all_designs(problem), 3))
    answers = [
        ExactHardware(problem, seed=1).solve(),
        ExactHardware(problem, seed=2).solve(),
        ExactHardware(problem, start=start).solve(),
    ]
    for found in answers:
        assert_best(brute, goals, found)


def test_without_time_there_is_a_gap_and_no_claim(few_looks: None) -> None:
    brute = brute_force("alike", "unet")
    goals = scaled(brute, "energy")
    found = ExactHardware(brute.problem.with_goals(goals), seconds=0.0).solve()
    assert found.lower_bound <= brute.best(goals) <= found.value * (1 + 1e-12)
    assert not found.infeasible
    assert found.gap > 0
    assert not found.optimal
    never = replace(goals, specs={"latency": 0.5 * brute.range_of("latency")[0]})
    found = ExactHardware(brute.problem.with_goals(never), seconds=0.0).solve()
    assert not found.infeasible
    assert math.isinf(found.gap)
    assert found.lower_bound == 0


def test_progress_is_told() -> None:
    brute = brute_force("alike", "unet")
    told: list[tuple[str, int, int]] = []
    goals = scaled(brute, "energy and latency", area=0.5)
    ExactHardware(brute.problem.with_goals(goals), progress=lambda *said: told.append(said)).solve()
    assert told
    assert all(phase.endswith("schedules") and 1 <= n <= of for phase, n, of in told)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_best_of_invented_problems(data: st.DataObject) -> None:
    brute = BruteForce.of(drawn(data))
    goals = data.draw(goals_for(brute))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LOOKS", data.draw(st.sampled_from([1, 5, 200])))
        patch.setattr(relaxation_module, "MOST", data.draw(st.sampled_from([1, 48])))
        found = solved(brute.problem, goals)
    event("infeasible" if found.infeasible else "feasible")
    assert_best(brute, goals, found)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_bounds_bound_designs(data: st.DataObject) -> None:
    """No bound is above the value of its design, whatever is minimised, required or aimed at."""
    brute = BruteForce.of(drawn(data))
    goals = data.draw(goals_for(brute))
    assert_bounds(brute, goals, data)


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_bounds_bound_real_designs(case: tuple[str, ...], data: st.DataObject) -> None:
    brute = brute_force(*case)
    assert_bounds(brute, data.draw(goals_for(brute)), data)


def assert_bounds(brute: BruteForce, goals: Goals, data: st.DataObject) -> None:
    relaxation = Relaxation(brute.problem, goals)
    values = {design: brute.value(design, goals) for design in brute.fronts}
    finite = [value for value in values.values() if math.isfinite(value)]
    event("none meets the specs" if not finite else "some meet the specs")
    best = min(finite, default=1.0)
    cutoff = data.draw(st.sampled_from([0.5, 0.95, 1.0001, 1.1, 2.0, 50.0, math.inf])) * best
    tight = 0
    for design, value in values.items():
        bound = relaxation.bound(design, cutoff)
        assert bound <= value * (1 + 1e-9), (design, value)
        tight += math.isfinite(value) and bound > 0.95 * min(value, cutoff)
    event("tight for some" if tight else "tight for none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relaxation_module, "MOST", data.draw(st.sampled_from([1, 2, 48])))
        patch.setattr(relaxation_module, "ROWS", data.draw(st.sampled_from([1, 2, 512])))
        parts = list(relaxation.survivors(lambda: cutoff, lambda: False))
    left = {design: bound for _, found in parts for bound, design in found}
    assert sum(len(found) for _, found in parts) == len(left)
    dropped = min((least for least, _ in parts), default=math.inf)
    for design, value in values.items():
        mine = [left[same] for same in mirrored(brute.problem, design) if same in left]
        for bound in mine:
            assert bound <= value * (1 + 1e-9)
        if value < cutoff * (1 - 1e-9) and not mine:
            assert dropped <= value * (1 + 1e-9), (design, value)
    assert all(brute.problem.allowed(design) for design in left)


def mirrored(problem: HardwareProblem, design: Design) -> set[Design]:
    """The designs that are the same but for the order of the last two sub-accelerators."""
    same = {design}
    if len(problem.tables) > 1 and problem.tables[-1] is problem.tables[-2]:
        *rest, a, b = design.options
        same.add(Design(design.chip, (*rest, b, a)))
    return same


def drawn(data: st.DataObject) -> HardwareProblem:
    """One, two or three sub-accelerators and a few layers."""
    options = data.draw(st.sampled_from([(5,), (3, 3), (4, 2), (2, 3, 2), (1, 3, 3)]))
    alike = len(options) > 1 and options[-1] == options[-2] and data.draw(st.booleans())
    return invented(
        data.draw(st.integers(0, 2**32 - 1)),
        lengths=data.draw(st.sampled_from([(4,), (3, 2), (2, 2, 1), (1,), (5, 1)])),
        options=options,
        alike=alike,
        unable=data.draw(st.sampled_from([0.0, 0.0, 0.15])),
    )
