"""What must hold of every mapping and of every best mapping, whatever the numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.dataflows.accelerator import Axis, Memory, Precision, SubAccelerator, VectorUnit
from chiploom.frontend.nest import OPERANDS, LoopNest, OperandBits
from chiploom.simulator import NoMappingError, Objective, Problem, evaluate, map_nest, roofline

from .problem_strategies import mappings, nests, sub_accelerators

BITS = OperandBits(8, 8, 16)


def faster(sub: SubAccelerator, factor: float) -> SubAccelerator:
    memories = tuple(
        replace(
            m,
            read_bandwidth=m.read_bandwidth * factor,
            write_bandwidth=m.write_bandwidth * factor,
        )
        for m in sub.memories
    )
    return replace(sub, memories=memories)


def larger(sub: SubAccelerator, factor: int) -> SubAccelerator:
    memories = tuple(
        m if m.size_bits is None else replace(m, size_bits=m.size_bits * factor)
        for m in sub.memories
    )
    return replace(sub, memories=memories)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_more_bandwidth_never_costs_cycles(data: st.DataObject) -> None:
    nest, sub = data.draw(nests(6)), data.draw(sub_accelerators())
    mapping = data.draw(mappings(nest, sub))
    slow = evaluate(Problem(nest, BITS, 24, sub), mapping)
    fast = evaluate(Problem(nest, BITS, 24, faster(sub, 2.5)), mapping)
    assert fast.cycles <= slow.cycles
    assert fast.energy == slow.energy


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_mapping_beats_the_roofline(data: st.DataObject) -> None:
    nest, sub = data.draw(nests(6)), data.draw(sub_accelerators())
    mapping = data.draw(mappings(nest, sub))
    problem = Problem(nest, BITS, 24, sub, leakage=0.5)
    cost, least = evaluate(problem, mapping), roofline(problem)
    assert cost.cycles >= least.cycles >= -(-nest.macs // sub.pes)
    assert cost.energy + nest.macs * sub.mac_energy >= least.energy * (1 - 1e-12)
    for operand in OPERANDS:
        bits = nest.elements(operand) * BITS.of(operand)
        traffic = cost.write_bits if operand == "O" else cost.read_bits
        assert traffic["dram", operand] >= bits


def best(problem: Problem, objective: Objective) -> float | None:
    try:
        return map_nest(problem, objective).value
    except NoMappingError:
        return None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_best_mapping_profits_from_bandwidth_and_size(data: st.DataObject) -> None:
    nest, sub = data.draw(nests(8)), data.draw(sub_accelerators())
    problem = Problem(nest, BITS, 24, sub)
    latency, energy = best(problem, "latency"), best(problem, "energy")
    if latency is None or energy is None:
        return
    wide = best(Problem(nest, BITS, 24, faster(sub, 2.0)), "latency")
    assert wide is not None
    assert wide <= latency
    roomy = best(Problem(nest, BITS, 24, larger(sub, 2)), "energy")
    assert roomy is not None
    assert roomy <= energy * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_mapper_is_deterministic_and_legal(data: st.DataObject) -> None:
    nest, sub = data.draw(nests(8, sequential=True)), data.draw(sub_accelerators())
    objective = data.draw(st.sampled_from(["latency", "energy", "edp"]))
    if best(Problem(nest, BITS, 24, sub), objective) is None:
        with pytest.raises(NoMappingError, match="bytes too small"):
            map_nest(Problem(nest, BITS, 24, sub), objective)
        return
    first = map_nest(Problem(nest, BITS, 24, sub), objective)
    second = map_nest(Problem(nest, BITS, 24, sub), objective)
    assert first == second
    assert first.cost.overflow is None
    assert first.lower_bound <= first.value


def test_a_buffer_too_small_for_one_element_is_named() -> None:
    memories = (
        Memory("tiny", ("W",), 4, ("row",)),
        Memory("dram", OPERANDS, None, ("row",)),
    )
    sub = SubAccelerator(
        "s", "t", (Axis("row", 2, ("K",)),), memories, Precision(8, 8, 8, 24), 1.0, VectorUnit(1)
    )
    nest = LoopNest((1, 1, 4, 4, 1, 1, 1, 1))
    with pytest.raises(NoMappingError, match="memory tiny is 2 bytes too small"):
        map_nest(Problem(nest, OperandBits(8, 8, 8), 24, sub), "edp")
