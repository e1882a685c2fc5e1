"""The best mapping and its bound, against exhaustive enumeration."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from chiploom.frontend.nest import DIMS, OperandBits
from chiploom.simulator import NoMappingError, Objective, Problem, evaluate, map_nest
from chiploom.simulator.exhaustive import loop_orders, mappings
from chiploom.simulator.mapper import TOLERANCE, survey, tile_candidates, value_of
from chiploom.simulator.mapping import Mapping, check
from chiploom.simulator.spatial import unrollings

from .problem_strategies import nests, small_nests, sub_accelerators


def exhaustively(problem: Problem, objective: Objective, most: int) -> float | None:
    """The least value over all mappings, None where none is legal."""
    best: float | None = None
    looked_at = 0
    for spatial in unrollings(problem.nest, problem.sub):
        probe = Mapping.in_space(spatial)
        sizes = [tile_candidates(probe.steps(problem.nest, dim), 40) for dim in DIMS]
        orders = sum(1 for _ in loop_orders(problem, spatial, sizes))
        links = [len(problem.sub.levels(operand)) - 1 for operand in ("W", "I", "O")]
        looked_at += orders * math.prod(2**n * math.comb(4 + n, n) for n in links)
        assume(looked_at < most)
        for mapping in mappings(problem, spatial, sizes):
            cost = evaluate(problem, mapping)
            if cost.overflow is None:
                value = value_of(problem, cost, objective)
                best = value if best is None else min(best, value)
    return best


def compare(problem: Problem, objective: Objective, most: int) -> None:
    least = exhaustively(problem, objective, most)
    if least is None:
        with pytest.raises(NoMappingError):
            map_nest(problem, objective, "thorough")
        return
    found = map_nest(problem, objective, "thorough")
    assert check(found.mapping, problem.nest, problem.sub) == []
    assert found.cost.overflow is None
    event(f"optimal: {found.optimal}")
    assert found.lower_bound <= least * (1 + TOLERANCE)
    assert found.optimal
    assert math.isclose(found.value, least, rel_tol=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_optimum_equals_enumeration_on_random_accelerators(data: st.DataObject) -> None:
    nest, sub = data.draw(small_nests()), data.draw(sub_accelerators())
    leakage = data.draw(st.sampled_from([0.0, 3.0]))
    objective = data.draw(st.sampled_from(["latency", "energy", "edp"]))
    compare(Problem(nest, OperandBits(8, 8, 8), 24, sub, leakage), objective, 8000)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_mapping_is_below_the_floor_of_its_spatial_part(data: st.DataObject) -> None:
    nest, sub = data.draw(nests(2, sequential=True)), data.draw(sub_accelerators())
    problem = Problem(nest, OperandBits(8, 8, 8), 24, sub)
    surveyed = survey(problem)
    place = data.draw(st.integers(0, len(surveyed.spatials) - 1))
    spatial = surveyed.spatials[place]
    probe = Mapping.in_space(spatial)
    sizes = [tile_candidates(probe.steps(nest, dim), 40) for dim in DIMS]
    row = surveyed.floors[place : place + 1]
    cycles, energy = (problem.kernel.bounds(row, number, 0.0)[0][0] for number in (0, 1))
    surveyed.look(problem, place, "edp")
    looked = surveyed.raised[place, 0]
    assert looked >= energy
    for mapping in itertools.islice(mappings(problem, spatial, sizes), 2000):
        cost = evaluate(problem, mapping)
        assert cost.cycles >= cycles
        assert cost.energy >= energy * (1 - TOLERANCE)
        assert cost.overflow is not None or cost.energy >= looked * (1 - TOLERANCE)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_shared_survey_changes_nothing(data: st.DataObject) -> None:
    """Problems that differ in bandwidths use what the ones before them looked at."""
    nest, sub = data.draw(nests(4)), data.draw(sub_accelerators())
    objective = data.draw(st.sampled_from(["energy", "edp"]))
    surveyed = None
    for factor in data.draw(
        st.lists(st.sampled_from([0.25, 0.5, 1.0, 3.0]), min_size=2, max_size=4)
    ):
        memories = tuple(replace(m, read_bandwidth=m.read_bandwidth * factor) for m in sub.memories)
        problem = Problem(nest, OperandBits(8, 8, 8), 24, replace(sub, memories=memories), 2.0)
        surveyed = surveyed or survey(problem)
        try:
            alone = map_nest(problem, objective)
        except NoMappingError:
            return
        assert map_nest(problem, objective, surveyed=surveyed) == alone
