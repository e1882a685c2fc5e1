"""What designs cost, from tables, against the simulator's own scheduling problem of each design."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.dataflows.document import Document, parse_document
from chiploom.frontend.graph import ComputeLayer
from chiploom.search.goals import Costs, Goals
from chiploom.search.hardware.catalogue import Settings, catalogue, loss
from chiploom.search.hardware.descent import descend, neighbours, sample
from chiploom.search.hardware.exact import all_designs
from chiploom.search.hardware.options import build_options
from chiploom.search.hardware.problem import HardwareProblem
from chiploom.search.hardware.space import Design, parse_space
from chiploom.search.hardware.tables import CostTables
from chiploom.simulator import MappingCache, NoMappingError, Objective
from chiploom.simulator.result import Result
from chiploom.simulator.scheduling.bounds import limits
from chiploom.simulator.scheduling.check import check
from chiploom.simulator.scheduling.costs import Work, system_of
from chiploom.simulator.scheduling.exact import exact
from chiploom.simulator.scheduling.instance import Instance
from chiploom.simulator.simulate import simulate
from chiploom.simulator.variants import VariantCosts

from .hardware_problems import (
    SPACES,
    BruteForce,
    brute_force,
    invented,
    networks,
    problem_of,
    read_space,
    real,
)

CACHE = MappingCache()


def by_objective(space: str, objective: Objective, *names: str) -> HardwareProblem:
    settings = Settings(objective, "fast", near=0)
    return problem_of(read_space(SPACES[space]), tuple(networks()[n] for n in names), settings)


def some(problem: HardwareProblem, count: int) -> list[Design]:
    found = list(all_designs(problem))
    return found[:: max(1, len(found) // count)]


def alone(problem: HardwareProblem, design: Design, objective: Objective) -> HardwareProblem:
    """The problem of a space that is this design: its mappings are the mapper's answers there."""
    data = problem.space.spec(design)
    space = parse_space(Document("design.yaml", data, {}), data)
    assert space.size == 1
    return problem_of(space, problem.graphs, Settings(objective, "fast"))


def assert_is_the_simulators(
    problem: HardwareProblem, design: Design, objective: Objective
) -> Instance:
    """All arrays of the instance are those of the accelerator as the simulator takes it."""
    mine = alone(problem, design, objective).instance(Design(0, (0,) * len(design.options)))
    works = [Work(graph) for graph in problem.graphs]
    accelerator = problem.space.accelerator(design)
    other = system_of(works, accelerator, objective=objective, effort="fast", cache=CACHE).instance
    assert (mine.machines, mine.names) == (other.machines, other.names)
    for name in ("duration", "stay_duration", "fits", "feeder", "edges", "release", "deadline"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(other, name), name)
    for name in ("energy", "stay_energy"):
        np.testing.assert_allclose(getattr(mine, name), getattr(other, name), 1e-12, 1e-6, name)
    assert mine.leakage == pytest.approx(other.leakage, rel=1e-12)
    assert not mine.share.any()
    if len(design.options) > 1:  # one at a time never competes for the DRAM
        assert not other.share.any()
    return mine


@pytest.mark.parametrize("space", ["alike", "not alike", "one", "three"])
def test_instances_are_the_simulators(space: str) -> None:
    """By latency, which does not see the leakage of the other sub-accelerators."""
    problem = by_objective(space, "latency", "unet", "flat")
    stays = 0
    for design in some(problem, 2):
        instance = assert_is_the_simulators(problem, design, "latency")
        stays += int(instance.fits.sum())
        # With the mappings of all options together, no layer takes longer.
        assert (problem.instance(design).duration <= instance.duration).all()
    assert stays


@pytest.mark.parametrize("objective", ["energy", "edp"])
def test_instances_of_one_array_are_the_simulators_for_every_objective(
    objective: Objective,
) -> None:
    """The only array's leakage is that of the whole chip."""
    problem = by_objective("one", objective, "resnet")
    for design in some(problem, 2):
        assert_is_the_simulators(problem, design, objective)


def test_area_and_leakage_are_the_accelerators() -> None:
    problem = real("three", "flat", "wide")
    for design in some(problem, 2):
        accelerator = problem.space.accelerator(design)
        result: Result = simulate(
            list(problem.graphs), accelerator, effort="fast", schedule="list", cache=CACHE
        )
        assert problem.area(design) == pytest.approx(sum(result.spec.area_by_component.values()))
        assert problem.leakage(design) == pytest.approx(
            sum(
                sub.mac_leakage_mw + sub.vector.leakage_mw + sum(m.leakage_mw for m in sub.memories)
                for sub in accelerator.sub_accelerators
            )
            * 1e9
            / accelerator.clock_hz
        )


@pytest.mark.parametrize("space", ["alike", "not alike", "one", "three"])
def test_allowed_designs_are_those_within_the_totals(space: str) -> None:
    problem = real(space, "flat", *(["wide"] if space != "one" else []))
    allowed = set(all_designs(problem))
    assert allowed
    for options in itertools.product(*(range(len(sub)) for sub in problem.space.subs)):
        design = Design(0, options)
        stated = problem.space.values(design)
        parts = [float(str(v.get("dram_bandwidth", "0")).split()[0]) for v in stated.values()]
        pes = sum(sub.get("pes", 16) for sub in stated.values())  # those of b in `three` are fixed
        total = problem.space.pes_total or 10**9
        assert (design in allowed) == (sum(parts) <= 8 and pes <= total), stated


def test_one_array_cannot_have_more_than_the_dram() -> None:
    space = read_space(
        "sub_accelerators:\n  - {name: a, template: nvdla, dram_bandwidth: {any_of: [9 GB/s, 8 "
        "GB/s]}}\n"
    )
    problem = problem_of(space, (networks()["flat"],), Settings())
    assert [design.options for design in all_designs(problem)] == [(1,)]
    assert problem.evaluate(Design(0, (0,))) is None


@pytest.mark.parametrize(
    "case", [("alike", "unet"), ("not alike", "flat", "wide"), ("one", "unet")]
)
def test_list_schedules_are_never_better_than_the_best(case: tuple[str, ...]) -> None:
    brute = brute_force(*case)
    problem = brute.problem
    for design in some(problem, 12):
        instance = problem.instance(design)
        shortest, front = limits(instance).makespan, brute.costs(design)
        for weights in ({"energy": 1.0}, {"latency": 1.0}, {"energy": 1.0, "latency": 100.0}):
            found = problem.with_goals(Goals({}, weights)).evaluate(design)  # type: ignore[arg-type]
            assert found is not None
            assert found.area_mm2 == problem.area(design)
            assert found.cycles >= shortest
            # A schedule with these costs can be: one of the front is no worse in both.
            assert any(
                costs.cycles <= found.cycles and costs.energy_pj <= found.energy_pj * (1 + 1e-9)
                for costs in front
            )


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_list_schedules_of_invented_designs(seed: int, alike: bool) -> None:
    problem = invented(seed, lengths=(4, 2), alike=alike, unable=0.1)
    brute = BruteForce.of(problem)
    for options in itertools.product(range(3), range(3)):
        design = Design(0, options)
        found = problem.evaluate(design)
        assert (found is None) == (design not in brute.fronts)
        if found is not None:
            front = brute.costs(design)
            assert any(
                c.cycles <= found.cycles and c.energy_pj <= found.energy_pj + 1e-8 for c in front
            )
            assert found.energy_pj <= 3 * max(c.energy_pj for c in front) + 1e3


def test_schedules_of_instances_keep_the_rules() -> None:
    problem = real("alike", "unet")
    for design in some(problem, 3):
        instance = problem.instance(design)
        schedule = exact(instance, "energy")
        assert check(instance, schedule) == []
        found = problem.evaluate(design)
        assert found is not None
        assert found.energy_pj >= schedule.energy * (1 - 1e-9)


def test_specs_decide_which_list_schedule_is_taken() -> None:
    """Where the least energy is too slow, a faster schedule is."""
    brute = brute_force("alike", "unet")
    changed = 0
    for design in brute.fronts:
        calm = brute.problem.with_goals(Goals()).evaluate(design)
        assert calm is not None
        hasty_goals = Goals({"latency": calm.cycles - 1}, {"energy": 1.0})
        hasty = brute.problem.with_goals(hasty_goals).evaluate(design)
        assert hasty is not None
        assert hasty_goals.rank(hasty) <= hasty_goals.rank(calm)
        changed += hasty.cycles < calm.cycles
    assert changed


def test_a_layer_that_fits_nowhere() -> None:
    problem = invented(5, lengths=(3,), options=(4,), unable=0.5)
    unable = [n for n in range(4) if problem.options[0].legal[n] and not problem.tables[0].able[n]]
    assert unable
    for option in unable:
        assert problem.evaluate(Design(0, (option,))) is None
        with pytest.raises(NoMappingError, match=r"network0: layer layer\d fits no sub-acc"):
            problem.instance(Design(0, (option,)))


def test_other_goals_leave_the_first_ones_alone() -> None:
    problem = real("one", "unet")
    other = problem.with_goals(Goals({"latency": 5.0}))
    assert (problem.goals.specs, other.goals.specs) == ({}, {"latency": 5.0})
    assert other.tables is problem.tables


# -- tables ----------------------------------------------------------------------------------------
def assert_equal_costs(a: VariantCosts, b: VariantCosts) -> None:
    for entry in dataclasses.fields(VariantCosts):
        np.testing.assert_array_equal(getattr(a, entry.name), getattr(b, entry.name))


def test_tables_are_kept_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = networks()["flat"]
    options = build_options(read_space(SPACES["alike"]), 0)
    first = CostTables(options, Settings(), tmp_path)
    layers = graph.compute_layers
    assert [first.absent(layer, graph) for layer in layers] == [[0, 1]] * len(layers)
    found = [first.costs(layer, graph) for layer in graph.layers]
    assert not any(first.absent(layer, graph) for layer in layers)
    assert len(list(tmp_path.glob("*.npz"))) == 2 * len({layer.nest for layer in layers})
    assert not list(tmp_path.glob("*.partial"))

    second = CostTables(options, Settings(), tmp_path)
    assert not any(second.absent(layer, graph) for layer in layers)
    monkeypatch.setattr("chiploom.search.hardware.tables.catalogue", None)  # nothing is mapped
    for layer, costs in zip(graph.layers, found, strict=True):
        assert_equal_costs(second.costs(layer, graph), costs)
    monkeypatch.undo()
    # Another way to map is another table; a damaged file is made again.
    other = CostTables(options, Settings("energy"), tmp_path)
    assert [other.absent(layer, graph) for layer in layers] == [[0, 1]] * len(layers)
    for file in tmp_path.glob("*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    third = CostTables(options, Settings(), tmp_path)
    for layer, costs in zip(graph.layers, found, strict=True):
        assert_equal_costs(third.costs(layer, graph), costs)


def test_arrays_of_one_name_and_other_loops_are_kept_apart(tmp_path: Path) -> None:
    """Architectures in full are all called alike."""
    graph = networks()["flat"]
    for dims in ("K", "OX"):
        space = read_space(
            f"sub_accelerators:\n  - name: a\n    axes: [{{name: x, size: 4, dims: {dims}}}]\n"
            "    memories: [{name: buffer, operands: W I O, size: 64 KiB, shared: all}]\n"
            "    precision: {W: 8 bit, I: 8 bit, O: 8 bit, psum: 16 bit}\n"
            "    vector: {lanes: 4}\n"
        )
        options = build_options(space, 0)
        layer = graph.layers[0]
        kept = CostTables(options, Settings("latency"), tmp_path).costs(layer, graph)
        assert_equal_costs(kept, CostTables(options, Settings("latency")).costs(layer, graph))
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_layers_that_cost_the_same_share_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = networks()["resnet"]
    table = CostTables(build_options(read_space(SPACES["one"]), 0), Settings())
    layers = [layer for layer in graph.layers if isinstance(layer, ComputeLayer)]
    costs = {layer.name: table.costs(layer, graph) for layer in layers}
    for a, b in itertools.combinations(layers, 2):
        fused = [[(work.work, work.read_bits) for work in one.fused] for one in (a, b)]
        alike = (a.nest, a.bits, fused[0]) == (b.nest, b.bits, fused[1])
        assert (costs[a.name] is costs[b.name]) == alike


def test_few_anchors_miss_little() -> None:
    text = SPACES["one"].replace("to: 64, step: 8", "to: 256, step: 2")
    group = build_options(read_space(text), 0).groups[0]
    assert len(group.options) > 100
    layer = networks()["unet"].compute_layers[1]
    settings = Settings("edp", "fast")
    found = catalogue(layer, group, settings)
    assert 0 < found.anchors < len(group.options)
    rows = [0, 17, 60, len(group.options) - 1]
    missed = loss(layer, group, found, settings, rows)
    assert (missed < 0.25).all()
    every = catalogue(layer, group, Settings("edp", "fast", near=0))
    assert every.anchors == len(group.options)
    assert (loss(layer, group, every, settings, rows) <= 1e-9).all()


# -- local search ----------------------------------------------------------------------------------
def test_the_local_search_sees_no_design_twice_and_each_with_its_costs() -> None:
    problem = real("alike", "unet").with_goals(Goals({"latency": 5000.0}))
    found = list(descend(problem, seed=3, looks=30))
    assert len(found) == len({design for design, _ in found}) <= 30
    assert found == list(descend(problem, seed=3, looks=30))
    assert found != list(descend(problem, seed=4, looks=30))
    for design, costs in found:
        assert problem.allowed(design)
        assert costs == problem.evaluate(design)


def test_the_local_search_ends_at_a_design_without_better_neighbours() -> None:
    problem = real("alike", "unet").with_goals(Goals({}, {"energy": 1.0, "latency": 10.0}))
    found = list(descend(problem, seed=0, looks=10_000, random_share=0.001))
    best = min((problem.goals.rank(costs), design) for design, costs in found)
    for other in neighbours(problem, best[1], np.random.default_rng(0)):
        costs: Costs | None = problem.evaluate(other)
        assert costs is None or problem.goals.rank(costs) >= best[0]


def test_neighbours_differ_in_one_sub_accelerator() -> None:
    problem = real("alike", "unet")
    random = np.random.default_rng(1)
    for _ in range(5):
        design = sample(problem, random)
        assert problem.allowed(design)
        near = list(neighbours(problem, design, random))
        assert design not in near
        for other in near:
            pairs = list(zip(design.options, other.options, strict=True))
            ((sub, (before, after)),) = [(n, p) for n, p in enumerate(pairs) if p[0] != p[1]]
            values = [problem.space.subs[sub].values(option) for option in (before, after)]
            assert sum(values[0][key] != values[1][key] for key in values[0]) == 1
        # Every step of one is there, and the other template with the same values.
        assert len(near) >= 2 * 3


FPGA = """
device: zu9eg
sub_accelerators:
  - name: a
    template: fpga-tiled
    dram_bandwidth: 9.6 GB/s
    parameters: {number: int, tm: {from: 8, to: 64, step: 8}, tn: 16, tr: 8, tc: 8, kernel: 3}
  - {name: b, like: a}
"""


def test_a_device_and_specs_limit_resources() -> None:
    data = parse_document(FPGA, "fpga.yaml")
    space = parse_space(data, data.data)
    assert space.device is not None
    assert space.data["clock"] == "3e+08 Hz"
    assert tuple(space.room({"dsps": 1000})[:2]) == (1000, 912)
    assert space.room({"dsps": 9999})[0] == 2520
    problem = problem_of(space, (networks()["flat"],), Settings())
    problem = problem.with_goals(Goals(resources={"dsps": 1500}))
    for options in itertools.product(range(8), range(8)):
        design = Design(0, options)
        taken = space.accelerator(design).resources
        assert problem.allowed(design) == (taken.dsps <= 1500 and taken.bram36 <= 912)
