"""Counts of a mapping on many variants against the evaluation of each variant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from chiploom.dataflows import template_names
from chiploom.dataflows.accelerator import SubAccelerator
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator import NoMappingError, evaluate, map_nest
from chiploom.simulator.layers import compute_cost, deployed, room_beside
from chiploom.simulator.mapping import Mapping
from chiploom.simulator.problem import Problem
from chiploom.simulator.rates import Counts, Rates, area_of, counts_of, leakage_of, structure

from .problem_strategies import mappings, nests, sub_accelerators
from .template_variants import FAMILIES, Given, families, family, is_legal

CLOCK = 1e9
BITS = OperandBits(8, 8, 8)

#: A nest of each kind that networks have.
NESTS = {
    "padded convolution": LoopNest((1, 1, 6, 5, 7, 7, 3, 3), (1, 1), (1, 1), (1, 1), (7, 7)),
    "strided": LoopNest((2, 1, 5, 3, 5, 4, 3, 3), (2, 3), (1, 1), (1, 0), (10, 12)),
    "dilated": LoopNest((1, 1, 4, 6, 5, 5, 3, 2), (1, 1), (2, 3), (2, 1), (5, 6)),
    "grouped": LoopNest((1, 3, 4, 2, 6, 6, 3, 3), (1, 1), (1, 1), (1, 1), (6, 6)),
    "depthwise": LoopNest((1, 9, 1, 1, 8, 8, 3, 3), (2, 2), (1, 1), (1, 1), (16, 16)),
    "cropped": LoopNest((1, 1, 3, 4, 6, 6, 2, 2), (1, 1), (1, 1), (-1, 0), (9, 7)),
    "matrix product": LoopNest((1, 2, 12, 20, 9, 1, 1, 1), (1, 1), (1, 1), (0, 0), (9, 1)),
    "vector times matrix": LoopNest((1, 1, 30, 24, 1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
    "recurrent": LoopNest((6, 1, 8, 10, 1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1), ("B",)),
}


def problem_on(nest: LoopNest, sub: SubAccelerator, widths: OperandBits = BITS) -> Problem:
    return deployed(nest, widths, sub, 0.0)


def found_on(nest: LoopNest, sub: SubAccelerator, number: int) -> Mapping | None:
    objective = ("edp", "latency", "energy")[number % 3]
    try:
        return map_nest(problem_on(nest, sub), objective, "fast").mapping  # type: ignore[arg-type]
    except NoMappingError:
        return None


def assert_alike(
    counts: Counts, rates: Rates, mapping: Mapping, problems: Sequence[Problem]
) -> int:
    """Counts give what the evaluation of every variant gives; returns how many are legal."""
    legal = [is_legal(problem, mapping) for problem in problems]
    assert counts.fits(rates).tolist() == legal
    costs = [evaluate(problem, mapping) for problem in problems]
    assert counts.cycles(rates).tolist() == [cost.cycles for cost in costs]
    macs = [problem.nest.macs * problem.sub.mac_energy for problem in problems]
    whole = [cost.energy + mac for cost, mac in zip(costs, macs, strict=True)]
    np.testing.assert_allclose(counts.energy(rates), whole, rtol=1e-12)
    dram = problems[0].sub.dram.name
    for cost in costs:
        assert counts.dram_read == sum(b for (n, _), b in cost.read_bits.items() if n == dram)
        assert counts.dram_written == sum(b for (n, _), b in cost.write_bits.items() if n == dram)
    return sum(legal)


def assert_stays_alike(
    counts: Counts, rates: Rates, mapping: Mapping, problems: Sequence[Problem]
) -> None:
    """What stays on chip, and what is left free beside the tiles."""
    for row, problem in enumerate(problems):
        cache = Given(mapping).cache
        cost = compute_cost(problem, "edp", "analytic", "fast", cache, keeping=True)
        assert (counts.resident is None) == (cost.resident is None)
        if counts.resident is not None and cost.resident is not None:
            here = rates.taken(np.array([row]))
            cycles = min(counts.cycles(here)[0], counts.resident.cycles(here)[0])
            assert cycles == cost.resident.cycles
            energy = sum(cost.resident.energy.values())
            assert counts.resident.energy(here)[0] == pytest.approx(energy, rel=1e-12)
        room = room_beside(problem, mapping)
        assert cost.room == room
        for operand, taken, free in zip("IO", counts.kept, room, strict=True):
            keeper = problem.sub.keeper(operand)  # type: ignore[arg-type]
            if keeper is None or keeper.size_bits is None:
                assert free == 0
            else:
                assert rates.size[row, rates.place[keeper.name]] - taken == free


def test_families_are_those_of_the_shipped_templates() -> None:
    assert set(FAMILIES) == set(template_names())


@pytest.mark.parametrize(("template", "number"), families())
def test_of_a_mapping_of_one_variant_on_all_variants(template: str, number: int) -> None:
    subs = [chip.sub_accelerators[0] for chip in family(template, number)]
    rates = Rates.of(subs, CLOCK)
    legal = asked = 0
    for place, (kind, nest) in enumerate(NESTS.items()):
        problems = [problem_on(nest, sub) for sub in subs]
        mapping = found_on(nest, subs[place % len(subs)], place)
        assert mapping is not None, kind
        counts = counts_of(problems[place % len(subs)], mapping)
        legal += assert_alike(counts, rates, mapping, problems)
        assert_stays_alike(counts, rates, mapping, problems)
        asked += len(subs)
    assert len(NESTS) <= legal < asked  # some do not fit: that, too, was compared


@pytest.mark.parametrize("template", sorted(FAMILIES))
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_of_random_nests_on_templates(template: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(FAMILIES[template]) - 1))
    subs = [chip.sub_accelerators[0] for chip in family(template, number)]
    nest = data.draw(nests(sequential=True))
    origin = data.draw(st.integers(0, len(subs) - 1))
    mapping = found_on(nest, subs[origin], data.draw(st.integers(0, 2)))
    if mapping is None:
        event("no mapping")
        return
    widths = data.draw(st.sampled_from([BITS, OperandBits(4, 8, 16)]))
    problems = [problem_on(nest, sub, widths) for sub in subs]
    counts = counts_of(problems[origin], mapping)
    rates = Rates.of(subs, CLOCK)
    assert_alike(counts, rates, mapping, problems)
    assert_stays_alike(counts, rates, mapping, problems)


@st.composite
def variants(draw: st.DrawFn, sub: SubAccelerator) -> SubAccelerator:
    """The same structure in other sizes, with other bandwidths and energies."""
    axes = tuple(
        replace(axis, size=max(1, axis.size + draw(st.integers(-1, 2)))) for axis in sub.axes
    )
    memories = tuple(
        replace(
            memory,
            size_bits=None if memory.size_bits is None else draw(st.sampled_from([64, 512, 4096])),
            read_bandwidth=draw(st.sampled_from([3.0, 16.0, math.inf])),
            write_bandwidth=draw(st.sampled_from([5.0, 64.0, math.inf])),
            read_energy=draw(st.sampled_from([0.3, 2.0])),
            write_energy=draw(st.sampled_from([0.7, 3.0])),
            transfer_energy=draw(st.sampled_from([0.0, 0.11])),
        )
        for memory in sub.memories
    )
    changed = replace(
        sub, axes=axes, memories=memories, mac_energy=draw(st.sampled_from([0.1, 0.4]))
    )
    return changed if structure(changed) == structure(sub) else sub


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_of_random_mappings_on_random_structures(data: st.DataObject) -> None:
    """Single buffers, bypassed and replicated levels, uneven tiles, ports of all kinds."""
    nest, sub = data.draw(nests()), data.draw(sub_accelerators())
    mapping = data.draw(mappings(nest, sub))
    subs = [sub, *(data.draw(variants(sub)) for _ in range(4))]
    problems = [problem_on(nest, one) for one in subs]
    counts = counts_of(problems[0], mapping)
    rates = Rates.of(subs, CLOCK)
    event(f"legal on {assert_alike(counts, rates, mapping, problems)}")
    assert_stays_alike(counts, rates, mapping, problems)


def test_parts_of_the_dram_are_a_column() -> None:
    subs = [chip.sub_accelerators[0] for chip in family("nvdla", 0, ("8 bit/cycle",))]
    widths = np.array([4.0, 20.0, 64.0, 7.5])
    rates = Rates.of(subs, CLOCK).with_dram_bandwidth(widths)
    nest = NESTS["strided"]
    mapping = found_on(nest, subs[0], 0)
    assert mapping is not None
    problems = [
        problem_on(
            nest,
            replace(
                sub,
                memories=(
                    *sub.memories[:-1],
                    replace(sub.dram, read_bandwidth=width, write_bandwidth=width),
                ),
            ),
        )
        for sub, width in zip(subs, widths, strict=True)
    ]
    counts = counts_of(problems[0], mapping)
    assert_alike(counts, rates, mapping, problems)
    assert len(set(counts.cycles(rates).tolist())) > 1


def test_rows_can_be_taken_again() -> None:
    subs = [chip.sub_accelerators[0] for chip in family("systolic-ws", 0)]
    rates = Rates.of(subs, CLOCK)
    again = rates.taken(np.array([3, 0, 3]))
    mapping = found_on(NESTS["grouped"], subs[0], 0)
    assert mapping is not None
    counts = counts_of(problem_on(NESTS["grouped"], subs[0]), mapping)
    assert len(again) == 3
    assert counts.cycles(again).tolist() == counts.cycles(rates)[[3, 0, 3]].tolist()
    assert counts.energy(again).tolist() == counts.energy(rates)[[3, 0, 3]].tolist()


def test_other_columns_are_those_of_the_variants() -> None:
    chips = family("shidiannao", 0)
    subs = [chip.sub_accelerators[0] for chip in chips]
    rates = Rates.of(subs, 500e6)
    assert len(rates) == len(subs)
    for row, sub in enumerate(subs):
        memories = sum(memory.leakage_mw for memory in sub.memories)
        whole = sub.mac_leakage_mw + sub.vector.leakage_mw + memories
        assert leakage_of(sub) == pytest.approx(whole)
        # 1 mW is 1e9 pJ a second.
        assert rates.leakage[row] == pytest.approx(whole * 1e9 / 500e6)
        area = sum(memory.area_mm2 for memory in sub.memories) + sub.mac_area_mm2
        assert rates.area[row] == pytest.approx(area + sub.vector.area_mm2)
        assert area_of(sub) == rates.area[row]
        assert rates.pes[row] == math.prod(axis.size for axis in sub.axes)
        vector = (rates.lanes[row], rates.special_cycles[row], rates.simple_energy[row])
        assert vector == (sub.vector.lanes, sub.vector.special_cycles, sub.vector.simple_energy)


@pytest.mark.parametrize(
    ("first", "second"),
    [(("nvdla", 0), ("shidiannao", 0)), (("systolic-ws", 0), ("systolic-ws", 1))],
)
def test_variants_of_other_structure_are_refused(
    first: tuple[str, int], second: tuple[str, int]
) -> None:
    subs = [family(*which)[0].sub_accelerators[0] for which in (first, second)]
    assert structure(subs[0]) != structure(subs[1])
    with pytest.raises(ValueError, match="expected sub-accelerators of one structure"):
        Rates.of(subs, CLOCK)


def test_a_reserved_dram_is_another_structure() -> None:
    sub = family("nvdla", 0)[0].sub_accelerators[0]
    assert sub.dram_reserved
    assert structure(sub) != structure(replace(sub, dram_reserved=False))
