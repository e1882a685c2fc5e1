"""The compiled kernel equals its plain-Python twin to the last bit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.frontend.nest import OperandBits
from chiploom.simulator.cost import evaluate, evaluate_plainly
from chiploom.simulator.problem import Problem

from .problem_strategies import mappings, nests, sub_accelerators


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_kernel_equals_its_twin(data: st.DataObject) -> None:
    nest = data.draw(nests(6, sequential=True))
    sub = data.draw(sub_accelerators())
    mapping = data.draw(mappings(nest, sub))
    bits = OperandBits(8, data.draw(st.sampled_from([4, 8])), data.draw(st.sampled_from([8, 16])))
    problem = Problem(nest, bits, 24, sub, leakage=data.draw(st.sampled_from([0.0, 0.125])))
    assert evaluate(problem, mapping) == evaluate_plainly(problem, mapping)
