"""The search over temporal mappings equals exhaustive enumeration."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chiploom.frontend.nest import DIMS, LoopNest, OperandBits
from chiploom.simulator.cost import Cost, evaluate
from chiploom.simulator.exhaustive import loop_orders, mappings
from chiploom.simulator.mapper import mapping_of, tile_candidates
from chiploom.simulator.mapping import Mapping, check
from chiploom.simulator.problem import Problem
from chiploom.simulator.spatial import unrollings

from .problem_strategies import sub_accelerators

Weights = tuple[list[float], list[float], list[float]]


@st.composite
def small_nests(draw: st.DrawFn) -> LoopNest:
    """Two or three dims larger than 1."""
    sizes = [1] * 8
    for dim in draw(st.permutations(range(8)))[:3]:
        sizes[dim] = draw(st.sampled_from([1, 2, 3, 4, 5, 6]))
    stride, pad = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    extent = [max(1, stride * (sizes[4 + a] - 1) + sizes[6 + a] - 2 * pad) for a in range(2)]
    sequential = ("B",) if draw(st.booleans()) else ()
    return LoopNest(
        tuple(sizes),  # type: ignore[arg-type]
        (stride, stride),
        (1, 1),
        (pad, pad),
        (extent[0], extent[1]),
        sequential,  # type: ignore[arg-type]
    )


def weighted(problem: Problem, cost: Cost, weights: Weights) -> float:
    total = 0.0
    for number, memory in enumerate(problem.sub.memories):
        for operand in memory.operands:
            total += weights[0][number] * cost.read_bits[memory.name, operand]
            total += weights[1][number] * cost.write_bits[memory.name, operand]
    return total


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_search_equals_enumeration(data: st.DataObject) -> None:
    nest, sub = data.draw(small_nests()), data.draw(sub_accelerators())
    problem = Problem(nest, OperandBits(8, 8, 8), 24, sub)
    spatial = data.draw(st.sampled_from(unrollings(nest, sub)))
    probe = Mapping(spatial, (), ((), (), ()))
    sizes = [tile_candidates(probe.steps(nest, dim), 16) for dim in DIMS]
    orders = sum(1 for _ in loop_orders(problem, spatial, sizes))
    links = [len(sub.levels(operand)) - 1 for operand in ("W", "I", "O")]
    assume(orders * math.prod(math.comb(4 + n, n) for n in links) < 4000)
    weight = st.sampled_from([0.0, 0.25, 1.0, 8.0])
    weights = ([], [], [])  # type: ignore[var-annotated]
    for _ in sub.memories:
        weights[0].append(data.draw(weight))
        weights[1].append(data.draw(weight))
        weights[2].append(0.0)
    values = [
        weighted(problem, cost, weights)
        for mapping in mappings(problem, spatial, sizes)
        if (cost := evaluate(problem, mapping)).overflow is None
    ]
    ((loops, bounds, _, exact),) = problem.kernel.best_temporal(
        problem.arrays(probe)[0],
        [np.array(s, dtype=np.int64) for s in sizes],
        [tuple(np.array(w) for w in weights)],
        10_000,
    )
    assert exact
    if loops is None:
        assert not values
        return
    found = mapping_of(problem, spatial, loops, bounds)
    assert check(found, nest, sub) == []
    cost = evaluate(problem, found)
    assert cost.overflow is None
    assert math.isclose(weighted(problem, cost, weights), min(values), rel_tol=1e-9, abs_tol=1e-6)
