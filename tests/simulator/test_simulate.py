"""Whole networks: what the parts add up to."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import Accelerator
from chiploom.frontend import load_onnx
from chiploom.frontend.graph import (
    ComputeLayer,
    FusedWork,
    LayerGraph,
    MoveLayer,
    Tensor,
    VectorLayer,
    VectorWork,
)
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator import NoMappingError, Result, simulate
from chiploom.simulator.validation.fidelity import lone_specs


def small_network(fused: tuple[FusedWork, ...] = ()) -> LayerGraph:
    """A convolution, a softmax and a transpose, 8 bit."""
    nest = LoopNest((1, 1, 8, 4, 6, 6, 3, 3), pad=(1, 1), input_size=(6, 6))
    conv = ComputeLayer("conv", "Conv", nest, OperandBits(8, 8, 8), ("x",), "y", fused=fused)
    work = VectorWork("Softmax", 4 * 288, 288)
    softmax = VectorLayer("soft", "Softmax", work, 288 * 8, 288 * 8, ("y",), "z")
    move = MoveLayer("move", "Transpose", 288 * 8, 288 * 8, ("z",), "t")
    tensors = {n: Tensor(n, (1, 8, 6, 6), 8) for n in "yzt"} | {"x": Tensor("x", (1, 4, 6, 6), 8)}
    return LayerGraph(
        "small", (conv, softmax, move), tensors, ("x",), ("t",), modelled_elements=864
    )


@pytest.fixture(scope="module")
def eyeriss() -> Accelerator:
    return load_spec("eyeriss")


@pytest.mark.parametrize("spec", lone_specs())
@pytest.mark.parametrize("fidelity", ["analytic", "roofline", "cycle"])
def test_totals_are_the_sums_of_the_layers(spec: str, fidelity: str) -> None:
    result = simulate(small_network(), load_spec(spec), fidelity=fidelity)  # type: ignore[arg-type]
    assert result.cycles == sum(layer.cycles for layer in result.layers)
    assert math.isclose(result.energy_pj, sum(layer.energy_pj for layer in result.layers))
    assert result.macs == 8 * 4 * 36 * 9
    area = sum(result.to_json()["area_by_component"].values())
    assert math.isclose(area, result.to_json()["total"]["area_mm2"])
    starts = [layer.start_cycle for layer in result.layers]
    assert starts == [0, result.layers[0].cycles, starts[1] + result.layers[1].cycles]
    soft, move = result.layers[1:]
    assert soft.dram_bytes == move.dram_bytes == 576
    assert "vector" in soft.energy_by_component
    assert "vector" not in move.energy_by_component


def test_the_roofline_is_below_the_analytic_cost() -> None:
    for spec in lone_specs():
        accelerator = load_spec(spec)
        least = simulate(small_network(), accelerator, fidelity="roofline")
        real = simulate(small_network(), accelerator)
        assert least.cycles <= real.cycles
        assert least.energy_pj <= real.energy_pj * (1 + 1e-12)


def test_fused_work_costs_vector_energy_and_its_operands(eyeriss: Accelerator) -> None:
    plain = simulate(small_network(), eyeriss).layers[0]
    residual = FusedWork(VectorWork("Add", 288), read_bits=288 * 8)
    fused = simulate(small_network((residual,)), eyeriss).layers[0]
    assert fused.dram_bytes == plain.dram_bytes + 288
    unit = eyeriss.sub_accelerators[0].vector
    assert math.isclose(fused.energy_by_component["vector"], 288 * unit.simple_energy)
    assert fused.cycles >= plain.cycles
    assert fused.fused == ("Add",)


def test_equal_input_gives_equal_output() -> None:
    graph, accelerator = load_onnx("resnet9"), load_spec("nvdla-small")
    first, second = (simulate(graph, accelerator).to_json() for _ in range(2))
    assert first == second


def test_several_networks_run_one_after_the_other(eyeriss: Accelerator) -> None:
    one = simulate(small_network(), eyeriss)
    two = simulate([small_network(), small_network()], eyeriss)
    assert two.cycles == 2 * one.cycles
    assert math.isclose(two.energy_pj, 2 * one.energy_pj)


def test_a_layer_takes_the_better_of_two_sub_accelerators(eyeriss: Accelerator) -> None:
    other = load_spec("shidiannao").sub_accelerators[0]
    pair = replace(eyeriss, sub_accelerators=(*eyeriss.sub_accelerators, other))
    results: list[Result] = [
        simulate(small_network(), replace(pair, sub_accelerators=(sub,)), objective="latency")
        for sub in pair.sub_accelerators
    ]
    both = simulate(small_network(), pair, objective="latency")
    best = min(result.layers[0].cycles for result in results)
    assert both.layers[0].cycles == best


def test_a_layer_that_fits_nowhere_is_named(eyeriss: Accelerator) -> None:
    sub = eyeriss.sub_accelerators[0]
    tiny = tuple(replace(m, size_bits=4) if m.name == "filter-spad" else m for m in sub.memories)
    broken = replace(eyeriss, sub_accelerators=(replace(sub, memories=tiny),))
    with pytest.raises(NoMappingError, match=r"small: layer conv: .*filter-spad"):
        simulate(small_network(), broken)


def test_wider_types_are_deployed_at_the_datapath(eyeriss: Accelerator) -> None:
    note = simulate(load_onnx("resnet9"), eyeriss).spec.notes[0]
    assert "W 32 -> 16 bit" in note


def test_progress_counts_distinct_layers(eyeriss: Accelerator) -> None:
    seen: list[tuple[int, int]] = []
    simulate(
        [small_network(), small_network()],
        eyeriss,
        progress=lambda done, total, _: seen.append((done, total)),
    )
    assert seen == [(1, 1)]
