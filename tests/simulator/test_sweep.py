"""Layers on variants: every pair as if it were alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import Accelerator, Axis, Memory, SubAccelerator
from chiploom.frontend import load_onnx
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator import (
    MappingCache,
    NoMappingError,
    Objective,
    Sweep,
    evaluate,
    map_nest,
    sweep,
)
from chiploom.simulator.layers import deployed, leakage_per_cycle
from chiploom.simulator.mapper import TOLERANCE, value_of
from chiploom.simulator.mapping import check
from chiploom.simulator.scheduling.costs import Work, system_of
from chiploom.simulator.spatial import unrollings, useful_sizes

from .problem_strategies import nests, sub_accelerators

OBJECTIVES = ("latency", "energy", "edp")
BITS = OperandBits(8, 8, 8)
CONV = LoopNest((1, 1, 16, 8, 8, 8, 3, 3), pad=(1, 1), input_size=(8, 8))


def with_dram(sub: SubAccelerator, **changes: object) -> SubAccelerator:
    dram = replace(sub.dram, **changes)  # type: ignore[arg-type]
    return replace(sub, memories=(*sub.memories[:-1], dram))


@st.composite
def variants(draw: st.DrawFn, sub: SubAccelerator) -> Accelerator:
    """The same template with other sizes, bandwidths, energies, leakage, or axes."""

    def varied(memory: Memory) -> Memory:
        size = memory.size_bits
        return replace(
            memory,
            size_bits=size and size * draw(st.sampled_from([1, 1, 2, 16])),
            read_bandwidth=memory.read_bandwidth * draw(st.sampled_from([1.0, 1.0, 4.0])),
            write_bandwidth=memory.write_bandwidth * draw(st.sampled_from([1.0, 1.0, 64.0])),
            read_energy=memory.read_energy * draw(st.sampled_from([1.0, 1.0, 1.5])),
            leakage_mw=draw(st.sampled_from([0.0, 0.0, 2.0])),
        )

    axes = tuple(replace(a, size=a.size * draw(st.sampled_from([1, 1, 1, 20]))) for a in sub.axes)
    memories = tuple(varied(m) if draw(st.booleans()) else m for m in sub.memories)
    mac = draw(st.sampled_from([sub.mac_energy, 1.0]))
    return Accelerator("a", 1e9, (replace(sub, axes=axes, memories=memories, mac_energy=mac),))


def agrees(found: Sweep, where: tuple[int, int], nest: LoopNest, accelerator: Accelerator) -> None:
    """The pair of a sweep against the mapper's answer to it alone."""
    (sub,) = accelerator.sub_accelerators
    problem = deployed(nest, BITS, sub, leakage_per_cycle(accelerator))
    try:
        alone = map_nest(problem, found.objective)
    except NoMappingError as error:
        why = str(error)
        assert not found.feasible[where]
        assert (found.cycles[where], found.dram_bytes[where], found.chosen[where]) == (-1, -1, -1)
        assert not found.optimal[where]
        assert math.isnan(found.value[where])
        with pytest.raises(NoMappingError, match="sub-accelerator") as raised:
            found.mapping(*where)
        assert str(raised.value) == found.reason(*where) == why
        return
    assert found.feasible[where]
    assert found.reason(*where) == ""
    # Where the mapper proves nothing, another variant's answer may do better.
    assert found.value[where] <= alone.value * (1 + 2 * TOLERANCE)
    assert found.lower_bound[where] >= alone.lower_bound * (1 - 2 * TOLERANCE)
    assert found.optimal[where] >= alone.optimal
    if alone.optimal:
        assert math.isclose(found.value[where], alone.value, rel_tol=2 * TOLERANCE)
    mapping = found.mapping(*where)
    assert check(mapping, nest, sub) == []
    cost = evaluate(problem, mapping)
    assert cost.overflow is None
    assert value_of(problem, cost, found.objective) == found.value[where]
    assert cost.cycles == found.cycles[where]
    assert cost.energy + nest.macs * sub.mac_energy == found.energy_pj[where]
    dram = sub.dram.name
    moved = sum(
        n for side in (cost.read_bits, cost.write_bits) for (m, _), n in side.items() if m == dram
    )
    assert found.dram_bytes[where] == math.ceil(moved / 8)
    assert found.utilization[where] == nest.macs / (cost.cycles * sub.pes)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_pair_is_as_if_it_were_alone(data: st.DataObject) -> None:
    sub = data.draw(sub_accelerators())
    layers = data.draw(st.lists(nests(3, sequential=True), min_size=1, max_size=2))
    accelerators = data.draw(st.lists(variants(sub), min_size=2, max_size=6))
    objective: Objective = data.draw(st.sampled_from(OBJECTIVES))
    pairs = [(nest, BITS) for nest in layers]
    found = sweep(pairs, accelerators, objective)
    for layer, nest in enumerate(layers):
        for number, accelerator in enumerate(accelerators):
            agrees(found, (layer, number), nest, accelerator)


def dram_bandwidths(spec: str, count: int) -> list[Accelerator]:
    accelerator = load_spec(spec)
    (sub,) = accelerator.sub_accelerators
    return [
        replace(
            accelerator,
            sub_accelerators=(
                with_dram(sub, read_bandwidth=float(bits), write_bandwidth=float(bits)),
            ),
        )
        for bits in np.linspace(32, 512, count)
    ]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_bandwidths_of_a_shipped_spec(objective: Objective) -> None:
    accelerators = dram_bandwidths("nvdla-small", 12)
    found = sweep([(CONV, BITS)], accelerators, objective)
    for number, accelerator in enumerate(accelerators):
        agrees(found, (0, number), CONV, accelerator)
    assert found.counts.distinct == 12
    assert found.counts.carried >= 6  # its own DMA is the slower one from some bandwidth on


def test_energies_do_not_matter_for_latency_nor_bandwidths_for_dynamic_energy() -> None:
    (sub,) = load_spec("nvdla-small").sub_accelerators
    energies = [with_dram(sub, read_energy=float(pj)) for pj in range(1, 9)]
    assert sweep([(CONV, BITS)], energies, "latency").counts.carried == 7
    bandwidths = [with_dram(sub, read_bandwidth=float(bits)) for bits in range(1, 9)]
    assert sweep([(CONV, BITS)], bandwidths, "energy").counts.carried == 7


def test_a_size_that_is_never_used_does_not_matter() -> None:
    (sub,) = load_spec("nvdla-small").sub_accelerators
    sizes = [
        replace(
            sub,
            memories=tuple(
                replace(m, size_bits=(1 << 24) + n) if m.name == "cbuf" else m for m in sub.memories
            ),
        )
        for n in range(8)
    ]
    found = sweep([(CONV, BITS)], sizes)
    assert found.counts.carried >= 6
    assert len(set(found.value[0].tolist())) == 1
    assert found.optimal.all()


def equal(one: Sweep, two: Sweep) -> bool:
    names = ("cycles", "energy_pj", "value", "lower_bound", "dram_bytes", "utilization")
    flags = all(
        np.array_equal(getattr(one, n), getattr(two, n)) for n in ("feasible", "optimal", "chosen")
    )
    return flags and all(
        np.array_equal(getattr(one, n), getattr(two, n), equal_nan=True) for n in names
    )


def test_neither_threads_nor_the_cache_change_an_answer() -> None:
    layers = load_onnx("resnet9", bits=8).compute_layers
    accelerators = dram_bandwidths("nvdla-small", 8)
    alone = sweep(layers, accelerators, threads=1)
    cache = MappingCache()
    sweep(layers[:3], accelerators[::3], "edp", cache=cache)
    warm = sweep(layers, accelerators, threads=3, cache=cache)
    assert cache.counts.hits > 0
    for other in (warm, sweep(layers, accelerators, threads=4)):
        assert equal(alone, other)
        assert alone.mapping(2, 5) == other.mapping(2, 5)
        assert alone.counts == other.counts


def test_equal_layers_and_accelerators_are_one_problem() -> None:
    accelerators = dram_bandwidths("nvdla-small", 2)
    renamed = replace(accelerators[0], name="another")
    found = sweep([(CONV, BITS)] * 3, [*accelerators, renamed])
    assert found.counts.pairs == 9
    assert found.counts.distinct == 2
    assert (found.value[:, 0] == found.value[:, 2]).all()


def test_agrees_with_the_layers_of_a_network_and_takes_the_better_sub_accelerator() -> None:
    pair = load_spec("nvdla-small")
    (sub,) = pair.sub_accelerators
    small = replace(sub, name="small", axes=tuple(replace(a, size=2) for a in sub.axes))
    both = replace(pair, sub_accelerators=(small, sub))
    graph = load_onnx("resnet9", bits=8)
    found = sweep(graph.compute_layers, [both], "latency")
    system = system_of([Work(graph)], both, objective="latency")
    leakage = system.instance.leakage
    costs = dict(zip((layer.name for layer in graph), system.costs[0], strict=True))
    compared = 0
    for number, layer in enumerate(graph.compute_layers):
        answer = min(filter(None, costs[layer.name]), key=lambda cost: cost.cycles)
        assert both.sub_accelerators[found.chosen[number, 0]].name == answer.sub.name
        if not layer.fused:
            compared += 1
            assert found.cycles[number, 0] == answer.cycles
            energy = sum(answer.energy.values()) + leakage * answer.cycles
            assert math.isclose(found.energy_pj[number, 0], energy)
            result = answer.result(graph, layer, 0)
            assert found.dram_bytes[number, 0] == result.dram_bytes
            assert found.utilization[number, 0] == result.utilization
    assert compared


def test_shapes_and_progress() -> None:
    seen: list[tuple[int, int, str]] = []
    accelerators = dram_bandwidths("nvdla-small", 3)
    found = sweep([(CONV, BITS)], accelerators, progress=lambda *step: seen.append(step))
    assert found.cycles.shape == found.optimal.shape == (1, 3)
    assert found.cycles.dtype == found.dram_bytes.dtype == np.int64
    assert seen[-1] == (3, 3, "layer 0")
    with pytest.raises(ValueError, match="read-only"):
        found.cycles[0, 0] = 1
    assert sweep([], accelerators).value.shape == (0, 3)
    assert sweep([(CONV, BITS)], []).value.shape == (1, 0)


@settings(max_examples=150, deadline=None)
@given(nests(7, sequential=True), sub_accelerators(), st.integers(1, 40), st.integers(1, 40))
def test_axes_beyond_the_useful_sizes_change_nothing(
    nest: LoopNest, sub: SubAccelerator, rows: int, columns: int
) -> None:
    sizes = (rows, columns)
    axes = tuple(Axis(a.name, n, a.dims) for a, n in zip(sub.axes, sizes, strict=False))
    large = replace(sub, axes=axes)
    useful = useful_sizes(nest, large)
    assert all(n <= a.size for n, a in zip(useful, axes, strict=True))
    tight = tuple(replace(a, size=n) for a, n in zip(axes, useful, strict=True))
    assert unrollings(nest, replace(sub, axes=tight)) == unrollings(nest, large)
