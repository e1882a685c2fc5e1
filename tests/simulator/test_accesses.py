"""Closed-form access counts equal those of the literal interpreter."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.frontend.nest import OperandBits
from chiploom.simulator.accesses import Counter, accesses, point_of
from chiploom.simulator.interpreter import Interpreter

from .problem_strategies import mappings, nests, sub_accelerators

BITS = OperandBits(8, 8, 8)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_counts_equal_the_walked_loop_nest(data: st.DataObject) -> None:
    nest = data.draw(nests(4, sequential=True))
    sub = data.draw(sub_accelerators())
    mapping = data.draw(mappings(nest, sub))
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
