"""Closed-form access counts equal those of the literal interpreter."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.dataflows.accelerator import SubAccelerator
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator import Problem, evaluate
from chiploom.simulator.accesses import Counter, accesses, point_of
from chiploom.simulator.cost import evaluate_plainly
from chiploom.simulator.interpreter import Interpreter

from .problem_strategies import mappings, nests, sub_accelerators

BITS = OperandBits(8, 8, 8)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_counts_equal_the_walked_loop_nest(data: st.DataObject) -> None:
    nest = data.draw(nests(4, sequential=True))
    sub = data.draw(sub_accelerators())
    mapping = replace(data.draw(mappings(nest, sub)), reload=data.draw(st.booleans()))
    walked = Interpreter(nest, sub, mapping).run()
    counted: dict[tuple[str, str, str, str, int], int] = defaultdict(int)
    for a in accesses(nest, BITS, 24, sub, mapping):
        counted[a.memory, a.operand, "write" if a.write else "read", a.purpose, a.level] += (
            a.elements
        )
    assert {k: v for k, v in counted.items() if v} == {k: v for k, v in walked.counts.items() if v}
    assert walked.macs == nest.macs
    counter = Counter(nest, sub, mapping)
    for operand in ("W", "I", "O"):
        for level, memory in enumerate(sub.levels(operand)[:-1]):
            tile = point_of(nest, sub, mapping, operand, level).tile
            reserved = counter.footprint(operand, memory, tile)
            assert walked.most_held[memory.name, operand] <= reserved


@st.composite
def long_nests(draw: st.DrawFn) -> LoopNest:
    """One long input axis: many tiles along outputs or filter taps, padding over some of them."""
    sizes = [1] * 8
    axis = draw(st.integers(0, 1))
    outputs, taps = draw(st.sampled_from([(90, 7), (40, 20), (7, 60)]))
    sizes[4 + axis], sizes[6 + axis] = draw(st.integers(1, outputs)), draw(st.integers(1, taps))
    sizes[draw(st.integers(0, 3))] = draw(st.integers(1, 3))
    stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    pad = draw(st.integers(-4, 12))
    reach = stride * (sizes[4 + axis] - 1) + dilation * (sizes[6 + axis] - 1) + 1
    held = max(1, reach - pad - draw(st.integers(-3, 12)))

    def along(value: int, other: int) -> tuple[int, int]:
        return (value, other) if axis == 0 else (other, value)

    return LoopNest(
        tuple(sizes),  # type: ignore[arg-type]
        along(stride, 1),
        along(dilation, 1),
        along(pad, 0),
        along(held, 1),
    )


@st.composite
def sliding_accelerators(draw: st.DrawFn) -> SubAccelerator:
    """As random ones, but every level slides that may."""
    sub = draw(sub_accelerators())
    memories = (*(replace(memory, sliding=True) for memory in sub.memories[:-1]), sub.dram)
    return replace(sub, memories=memories)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_closed_form_of_the_halo_equals_the_walk(data: st.DataObject) -> None:
    """The kernel counts tiles that are alike once; its twin builds the set of every tile."""
    nest = data.draw(long_nests())
    sub = data.draw(st.one_of(sub_accelerators(), sliding_accelerators()))
    mapping = data.draw(mappings(nest, sub))
    problem = Problem(nest, BITS, 24, sub)
    assert evaluate(problem, mapping) == evaluate_plainly(problem, mapping)
