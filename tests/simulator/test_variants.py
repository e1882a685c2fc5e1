"""Costs of layers on many variants against the cost of each layer on each variant."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import Accelerator
from chiploom.frontend import LayerGraph, load_onnx
from chiploom.frontend.graph import ComputeLayer, Layer
from chiploom.simulator import NoMappingError, Objective, evaluate, map_nest
from chiploom.simulator.layers import (
    LayerCost,
    compute_cost,
    leakage_per_cycle,
    problem_of,
)
from chiploom.simulator.mapper import value_of
from chiploom.simulator.mapping import Mapping
from chiploom.simulator.rates import Rates, counts_of
from chiploom.simulator.streamed import streamed_cost
from chiploom.simulator.variants import (
    NEVER,
    VariantCosts,
    best_of,
    nest_costs,
    streamed_costs,
    value,
)

from .template_variants import Given, Parameters, chip, is_legal

_EIGHT: Parameters = {"weight_bits": "8 bit", "input_bits": "8 bit", "output_bits": "8 bit"}

#: Two large arrays of each, and one on which some mappings of the others are not legal.
VARIANTS: dict[str, list[Parameters]] = {
    "nvdla": [
        {"atomic_c": 16, "atomic_k": 16, "cbuf": "256 KiB"},
        {"atomic_c": 32, "atomic_k": 8, "cbuf": "1 MiB", "vector_lanes": 1},
        {"atomic_c": 16, "atomic_k": 16, "cbuf": "24 KiB", "dma_bandwidth": "16 bit/cycle"},
    ],
    "shidiannao": [
        {**_EIGHT, "psum_bits": "24 bit", "nbin": "512 KiB", "nbout": "512 KiB"},
        {**_EIGHT, "psum_bits": "24 bit", "rows": 16, "nbin": "256 KiB", "nbout": "128 KiB"},
        {**_EIGHT, "psum_bits": "24 bit", "rows": 4, "nbin": "8 KiB", "vector_lanes": 2},
    ],
    "row-stationary": [
        {**_EIGHT, "psum_bits": "24 bit", "glb": "1 MiB", "vector_lanes": 16},
        {**_EIGHT, "psum_bits": "24 bit", "rows": 24, "glb": "256 KiB"},
        {**_EIGHT, "psum_bits": "24 bit", "columns": 8, "glb": "16 KiB"},
    ],
}
CASES = list(itertools.product(VARIANTS, ["resnet9", "unet"]))


@cache
def chips(template: str) -> list[Accelerator]:
    return [
        chip(template, parameters, bandwidth)
        for parameters in VARIANTS[template]
        for bandwidth in ("32 bit/cycle", "160 bit/cycle")
    ]


@cache
def rates(template: str) -> Rates:
    found = chips(template)
    return Rates.of([one.sub_accelerators[0] for one in found], found[0].clock_hz)


@cache
def network(name: str) -> LayerGraph:
    return load_onnx(name, bits=8)


@cache
def mapped(template: str, name: str) -> dict[str, Mapping]:
    """A mapping of every loop nest, found on one variant or another."""
    found: dict[str, Mapping] = {}
    for number, layer in enumerate(network(name).compute_layers):
        accelerator = chips(template)[number % 4]
        problem = problem_of(layer, accelerator.sub_accelerators[0], accelerator)
        found[layer.name] = map_nest(problem, "latency", "fast").mapping
    return found


def assert_row(found: VariantCosts, row: int, cost: LayerCost) -> None:
    """A row is a layer's cost."""
    dram = cost.sub.dram.name
    assert found.feasible[row]
    assert found.cycles[row] == cost.cycles
    assert found.energy[row] == pytest.approx(sum(cost.energy.values()), rel=1e-12)
    assert found.resident[row] == (cost.resident is not None)
    if cost.resident is not None:
        assert found.resident_cycles[row] == cost.resident.cycles
        energy = sum(cost.resident.energy.values())
        assert found.resident_energy[row] == pytest.approx(energy, rel=1e-12)
    assert (found.room_in[row], found.room_out[row]) == cost.room
    written = sum(b for (n, o, w), b in cost.traffic.items() if (n, o, w) == (dram, "O", "write"))
    assert found.written[row] == written


@pytest.mark.parametrize(("template", "name"), CASES)
def test_loop_nests_with_what_is_fused_into_them(template: str, name: str) -> None:
    seen = {"legal": 0, "not": 0, "fused": 0, "resident": 0}
    for layer in network(name).compute_layers:
        mapping = mapped(template, name)[layer.name]
        first = chips(template)[0]
        counts = counts_of(problem_of(layer, first.sub_accelerators[0], first), mapping)
        found = nest_costs(layer, [counts], rates(template), "latency")
        for row, accelerator in enumerate(chips(template)):
            (sub,) = accelerator.sub_accelerators
            problem = problem_of(layer, sub, accelerator)
            if not is_legal(problem, mapping):
                assert_nothing(found, row)
                seen["not"] += 1
                continue
            given = Given(mapping).cache
            cost = compute_cost(problem, "latency", "analytic", "fast", given, keeping=True)
            assert_row(found, row, cost.with_fused(layer, sub, accelerator))
            seen["legal"] += 1
            seen["fused"] += bool(layer.fused)
            seen["resident"] += cost.resident is not None
    # NVDLA has no memory for inputs and outputs.
    assert bool(seen.pop("resident")) == (template != "nvdla")
    assert all(seen.values()), seen


def assert_nothing(found: VariantCosts, row: int) -> None:
    assert not found.feasible[row]
    assert not found.resident[row]
    assert found.cycles[row] == found.resident_cycles[row] == NEVER
    assert np.isinf(found.energy[row])
    assert np.isinf(found.resident_energy[row])


@pytest.mark.parametrize(("template", "name"), CASES)
def test_layers_without_a_loop_nest(template: str, name: str) -> None:
    graph = network(name)
    layers = [layer for layer in graph if not isinstance(layer, ComputeLayer)]
    assert layers
    for layer in layers:
        found = streamed_costs(layer, graph, rates(template))
        for row, accelerator in enumerate(chips(template)):
            (sub,) = accelerator.sub_accelerators
            assert_row(found, row, streamed_cost(layer, graph, sub, accelerator))


def test_whole_maps_in_slices() -> None:
    """Of squeeze-and-excitation, on vector units with a window and without."""
    graph = load_onnx("efficientnet-b0", bits=8)
    engine = load_spec("dpu-b4096").sub_accelerators[0]
    memories = engine.memories
    for window in (None, 1 << 18, 1 << 21):
        chips = []
        for bandwidth in (64.0, 256.0):
            dram = replace(memories[-1], read_bandwidth=bandwidth)
            vector = replace(engine.vector, window_bits=window)
            sub = replace(engine, memories=(*memories[:-1], dram), vector=vector)
            chips.append(Accelerator("a", 1e9, (sub,)))
        variants = Rates.of([one.sub_accelerators[0] for one in chips], 1e9)
        for layer in (layer for layer in graph if not isinstance(layer, ComputeLayer)):
            found = streamed_costs(layer, graph, variants)
            for row, one in enumerate(chips):
                assert_row(found, row, streamed_cost(layer, graph, one.sub_accelerators[0], one))


def test_leakage_of_a_chip_of_one_array_is_the_arrays() -> None:
    for row, accelerator in enumerate(chips("nvdla")):
        assert rates("nvdla").leakage[row] == pytest.approx(leakage_per_cycle(accelerator))


@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
@pytest.mark.parametrize("template", sorted(VARIANTS))
def test_takes_the_best_legal_mapping(template: str, objective: Objective) -> None:
    layers: list[Layer] = list(network("resnet9").compute_layers)
    layer = layers[3]
    assert isinstance(layer, ComputeLayer)
    mappings, counts = [], []
    for accelerator in chips(template):
        problem = problem_of(layer, accelerator.sub_accelerators[0], accelerator)
        for each in ("latency", "energy"):
            try:
                mapping = map_nest(problem, each, "fast").mapping  # type: ignore[arg-type]
            except NoMappingError:
                continue
            mappings.append(mapping)
            counts.append(counts_of(problem, mapping))
    chosen, values = best_of(counts, rates(template), objective)
    whole = nest_costs(layer, counts, rates(template), objective)
    for row, accelerator in enumerate(chips(template)):
        problem = problem_of(layer, accelerator.sub_accelerators[0], accelerator)
        by_hand = [
            value_of(problem, evaluate(problem, mapping), objective)
            if is_legal(problem, mapping)
            else np.inf
            for mapping in mappings
        ]
        assert values[row] == pytest.approx(min(by_hand), rel=1e-12)
        assert by_hand[chosen[row]] == pytest.approx(min(by_hand), rel=1e-12)
        alone = nest_costs(layer, [counts[chosen[row]]], rates(template), objective)
        assert whole.cycles[row] == alone.cycles[row]
        assert whole.energy[row] == pytest.approx(alone.energy[row], rel=1e-12)
        assert whole.room_in[row] == alone.room_in[row]
    assert len(set(chosen.tolist())) > 1


def test_the_first_of_equals_is_chosen() -> None:
    layer = network("resnet9").compute_layers[0]
    first = chips("nvdla")[0]
    mapping = mapped("nvdla", "resnet9")[layer.name]
    counts = counts_of(problem_of(layer, first.sub_accelerators[0], first), mapping)
    chosen, _ = best_of([counts, counts], rates("nvdla"), "edp")
    assert not chosen.any()


def test_without_mappings_nothing_is_feasible() -> None:
    layer = network("resnet9").compute_layers[0]
    found = nest_costs(layer, [], rates("nvdla"), "edp")
    for row in range(len(rates("nvdla"))):
        assert_nothing(found, row)
    _, values = best_of([], rates("nvdla"), "edp")
    assert np.isinf(values).all()


def test_values() -> None:
    cycles, energy, leakage = np.array([10, 20]), np.array([5.0, 6.0]), np.array([0.5, 0.0])
    assert value(cycles, energy, leakage, "latency").tolist() == [10, 20]
    assert value(cycles, energy, leakage, "energy").tolist() == [10, 6]
    assert value(cycles, energy, leakage, "edp").tolist() == [100, 120]
