"""Networks on several sub-accelerators as a scheduling problem."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chiploom.dataflows import SpecError, load_spec
from chiploom.dataflows.accelerator import Accelerator
from chiploom.frontend import load_onnx
from chiploom.simulator import MappingCache, NoMappingError, simulate
from chiploom.simulator.cost import evaluate_plainly
from chiploom.simulator.layers import compute_cost, problem_of
from chiploom.simulator.scheduling.costs import System, Work, system_of
from chiploom.simulator.scheduling.instance import WHOLE, schedule_of
from chiploom.simulator.scheduling.outcome import dram_use, layer_results

CACHE = MappingCache()


def system(spec: str, *names: str, **options: int) -> System:
    works = [Work(load_onnx(name, bits=8), **options) for name in names]  # type: ignore[arg-type]
    # Latency alone does not see the leakage, which is that of the whole chip.
    return system_of(works, load_spec(spec), objective="latency", effort="fast", cache=CACHE)


def alone(accelerator: Accelerator, number: int) -> Accelerator:
    """The chip with one of its arrays."""
    return replace(accelerator, sub_accelerators=(accelerator.sub_accelerators[number],))


@pytest.mark.parametrize("spec", ["nasaic-w1", "three-way", "big-little"])
def test_tasks_cost_what_their_layers_cost_alone(spec: str) -> None:
    found = system(spec, "resnet9")
    accelerator = load_spec(spec)
    graph = load_onnx("resnet9", bits=8)
    for number in range(len(accelerator.sub_accelerators)):
        chip = alone(accelerator, number)
        result = simulate(graph, chip, objective="latency", effort="fast", cache=CACHE)
        assert found.instance.duration[:, number].tolist() == [x.cycles for x in result.layers]
        energies = [
            sum(pj for name, pj in layer.energy_by_component.items() if name != "leakage")
            for layer in result.layers
        ]
        assert found.instance.energy[:, number] == pytest.approx(energies)


def test_edges_are_those_of_the_network_in_every_frame() -> None:
    found = system("nasaic-w1", "resnet9", frames=3, period=1000, deadline=5000, priority=2)
    graph = load_onnx("resnet9")
    count = len(graph)
    place = {layer.name: n for n, layer in enumerate(graph.layers)}
    pairs = {(place[a], place[b]) for a, b in graph.dag.edges}
    expected = {(f * count + a, f * count + b) for f in range(3) for a, b in pairs}
    assert {(int(a), int(b)) for a, b in found.instance.edges} == expected
    assert found.instance.tasks == 3 * count
    assert set(found.instance.release.tolist()) == {0, 1000, 2000}
    assert set((found.instance.deadline - found.instance.release).tolist()) == {5000}
    assert set(found.instance.priority.tolist()) == {2}
    assert found.instance.names[count].startswith("resnet9#1: ")


@pytest.mark.parametrize("spec", ["three-way", "big-little", "nasaic-w1"])
def test_what_stays_saves_time_and_energy_and_has_one_reader(spec: str) -> None:
    found = system(spec, "mobilenetv2")
    instance = found.instance
    assert instance.fits.any()
    graph = found.works[0].graph
    for task, machine in zip(*np.nonzero(instance.fits), strict=True):
        producer = int(instance.feeder[task])
        assert (producer, task) in {(int(a), int(b)) for a, b in instance.edges}
        readers = [x for x in graph.layers if graph.layers[producer].output in x.inputs]
        assert readers == [graph.layers[task]]
        assert instance.stay_duration[task, machine] <= instance.duration[task, machine]
        assert instance.stay_energy[task, machine] < instance.energy[task, machine]
    nowhere = ~instance.fits
    np.testing.assert_array_equal(instance.stay_duration[nowhere], instance.duration[nowhere])


def test_a_tensor_that_stays_is_not_fetched() -> None:
    """By hand: of the resident layer all fills of its outermost memory are gone."""
    accelerator = alone(load_spec("three-way"), 2)
    (sub,) = accelerator.sub_accelerators
    layer = load_onnx("resnet9", bits=8).compute_layers[1]
    problem = problem_of(layer, sub, accelerator)
    cost = compute_cost(problem, "edp", "analytic", "fast", CACHE, keeping=True)
    assert cost.resident is not None
    dram, keeper = sub.dram.name, sub.keeper("I")
    assert keeper is not None
    assert cost.traffic[dram, "I", "read"] > 0
    assert cost.resident.traffic[dram, "I", "read"] == 0
    assert cost.resident.traffic[keeper.name, "I", "write"] == 0
    mapped = CACHE.map(problem, "edp", "fast")
    assert cost.cycles == evaluate_plainly(problem, mapped.mapping).cycles
    same = {key for key in cost.traffic if key[1] != "I"}
    assert {k: cost.resident.traffic[k] for k in same} == {k: cost.traffic[k] for k in same}


def test_reserved_bandwidth_is_not_contended_for() -> None:
    assert not system("nasaic-w1", "resnet9").instance.share.any()
    shared = system("three-way", "resnet9").instance.share
    assert 0 < shared.max() <= WHOLE


def test_results_have_every_task_where_and_when_it_runs() -> None:
    found = system("big-little", "resnet9")
    instance = found.instance
    machine = np.argmin(np.where(instance.duration < 0, 1 << 60, instance.duration), axis=1)
    start = np.zeros(instance.tasks, dtype=np.int64)
    clock = 0
    for task in range(instance.tasks):  # one after the other
        start[task] = clock
        clock += int(instance.duration[task, machine[task]])
    schedule = schedule_of(instance, machine, start, "by hand")
    layers = layer_results(found, schedule)
    assert [layer.start_cycle for layer in layers] == sorted(start.tolist())
    energy = sum(layer.energy_pj for layer in layers)
    assert energy + instance.leakage * schedule.makespan == pytest.approx(schedule.energy)
    assert any(layer.stays for layer in layers)
    bits = sum(
        rate * (after - cycle)
        for (cycle, rate), (after, _) in zip(
            dram_use(found, schedule), dram_use(found, schedule)[1:], strict=False
        )
    )
    # What a producer does not write is in the rate of the DRAM still: its cycles are kept, too.
    assert bits >= 8 * sum(layer.dram_bytes for layer in layers) * 0.999


def test_a_layer_that_fits_nowhere_says_so() -> None:
    accelerator = load_spec("nasaic-w1")
    tiny = tuple(
        replace(
            sub,
            memories=tuple(
                replace(m, size_bits=None if m.size_bits is None else 1) for m in sub.memories
            ),
        )
        for sub in accelerator.sub_accelerators
    )
    with pytest.raises(NoMappingError, match="resnet9: layer"):
        system_of([Work(load_onnx("resnet9"))], replace(accelerator, sub_accelerators=tiny))


def test_frames_periods_and_deadlines_are_checked() -> None:
    graph = load_onnx("resnet9")
    for wrong in ({"frames": 0}, {"period": -1}, {"deadline": 0}):
        with pytest.raises(ValueError, match="resnet9: expected at least 1 frame"):
            Work(graph, **wrong)  # type: ignore[arg-type]


SPEC = """
technology: {{node: 28 nm}}
clock: 1 GHz
dram: {{type: LPDDR4, {dram}}}
sub_accelerators:
  - {{name: one, template: nvdla{one}}}
  - {{name: two, template: nvdla{two}}}
"""


def chip(tmp_path: Path, dram: str, one: str, two: str) -> Accelerator:
    path = tmp_path / "chip.yaml"
    path.write_text(SPEC.format(dram=dram, one=one, two=two))
    return load_spec(path)


def test_who_has_no_part_of_the_dram_shares_what_is_left(tmp_path: Path) -> None:
    first, second = chip(
        tmp_path, "bandwidth: 64 GB/s", ", dram_bandwidth: 24 GB/s", ""
    ).sub_accelerators
    assert (first.dram_reserved, second.dram_reserved) == (True, False)
    assert first.dram.read_bandwidth == 24 * 8
    assert second.dram.read_bandwidth == 40 * 8


@pytest.mark.parametrize(
    ("dram", "one", "two", "words"),
    [
        ("bandwidth: 64 GB/s", "40 GB/s", "40 GB/s", "at most 64 GB/s"),
        ("bandwidth: 64 GB/s", "64 GB/s", None, "nothing is left for the others"),
        ("read_bandwidth: 64 GB/s, write_bandwidth: 64 GB/s", "8 GB/s", None, "a part of the DRAM"),
    ],
)
def test_parts_of_the_dram_must_add_up(
    tmp_path: Path, dram: str, one: str, two: str | None, words: str
) -> None:
    parts = [f", dram_bandwidth: {part}" if part else "" for part in (one, two)]
    with pytest.raises(SpecError, match=words):
        chip(tmp_path, dram, *parts)
