"""The mapper against exhaustive enumeration, on every shipped template and for every objective.

Arrays and layers are small, and buffers so small that their capacity binds. One enumeration
serves the three objectives. The kernel evaluates the enumerated mappings; of every hundredth, and
of each optimum, the plain-Python twin must say the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import get_args

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from chiploom.dataflows import SubAccelerator, load_template, template_names
from chiploom.dataflows.accelerator import Memory
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec
from chiploom.frontend.nest import DIMS, OperandBits
from chiploom.simulator import NoMappingError, Objective, Problem, evaluate, map_nest
from chiploom.simulator.cost import evaluate_plainly
from chiploom.simulator.exhaustive import loop_orders, mappings
from chiploom.simulator.mapper import TOLERANCE, tile_candidates, value_of
from chiploom.simulator.mapping import Mapping, check
from chiploom.simulator.spatial import unrollings

from .problem_strategies import small_nests

OBJECTIVES: tuple[Objective, ...] = get_args(Objective)

#: Parameters of a template that the samples vary beside its array.
CHOICES = {
    "systolic-ws": [
        {"weight_registers": 1, "buffering": "double"},
        {"weight_registers": 2, "buffering": "auto"},
        {"weight_registers": 2, "buffering": "single", "weight_fifo": "128 bit"},
        {"weight_registers": 1, "buffering": "auto", "scratchpad_holds": "W I O"},
        {"weight_registers": 1, "buffering": "auto", "scratchpad_holds": "I O"},
    ],
    "systolic-is": [
        {"input_registers": 1, "buffering": "auto"},
        {"input_registers": 2, "buffering": "double"},
    ],
    "fpga-winograd": [{"tile": 2}],
    "fpga-depthwise": [{"taps": 1}, {"taps": 3}],
    "fpga-pipeline": [{"kernel": 1}, {"kernel": 3}],
    "systolic-os": [{"buffering": "auto"}, {"buffering": "single"}, {"buffering": "double"}],
}

#: The largest memory in bits, by operands that share it: some tiles of the samples do not fit.
SIZES = [32, 64, 128, 256, 512, 1024, 8192]


@st.composite
def samples(draw: st.DrawFn, name: str) -> Problem:
    """A small layer on a small array of a template, with small buffers."""
    axes = [draw(st.integers(1, 3)) for _ in range(2)]
    names = [parameter.name for parameter in load_template(name).parameters[:2]]
    parameters: dict[str, int | str] = dict(zip(names, axes, strict=True))
    parameters |= draw(st.sampled_from(CHOICES.get(name, [{}])))
    plain = instance(name, parameters)
    sub = draw(st.sampled_from((plain, *plain.modes)))
    memories = tuple(draw(resized(memory)) for memory in sub.memories[:-1])
    bandwidth = draw(st.sampled_from([4.0, 16.0, 64.0]))
    dram = replace(sub.dram, read_bandwidth=bandwidth, write_bandwidth=bandwidth)
    sub = replace(sub, memories=(*memories, dram))
    widths = OperandBits(
        *(min(8, most) for most in (sub.precision.W, sub.precision.I, sub.precision.O))
    )
    leakage = draw(st.sampled_from([0.0, 2.0]))
    return Problem(draw(small_nests(7)), widths, sub.precision.psum, sub, leakage)


def instance(name: str, parameters: dict[str, int | str]) -> SubAccelerator:
    """The template as a sub-accelerator; its buffers are shrunk afterwards."""
    chosen = ", ".join(f"{key}: {value}" for key, value in parameters.items())
    text = (
        "technology: {node: 45 nm}\nclock: 1 GHz\ndram: {bandwidth: 16 bit/cycle, type: LPDDR4}\n"
        f"sub_accelerators:\n  - {{name: a, template: {name}, parameters: {{{chosen}}}}}\n"
    )
    (sub,) = parse_spec(parse_document(text, "test.yaml"), "test").sub_accelerators
    return sub


@st.composite
def resized(draw: st.DrawFn, memory: Memory) -> Memory:
    """Registers as they are, what is larger shrunk to what the samples can fill."""
    if memory.size_bits is None or memory.size_bits <= 2 * 64:
        return memory
    return replace(memory, size_bits=draw(st.sampled_from(SIZES)))


@dataclass
class Enumerated:
    """Least value of each objective over all legal mappings, and how many mappings there were."""

    least: dict[Objective, float]
    count: int = 0


def enumerate_all(problem: Problem, most: int) -> Enumerated:
    """Evaluate the whole mapspace; reject the sample where it has more than `most` mappings."""
    found = Enumerated(dict.fromkeys(OBJECTIVES, math.inf))
    spaces, upper = [], 0
    held = [problem.sub.levels(operand)[:-1] for operand in ("W", "I", "O")]
    buffers = math.prod(1 + (m.buffering == "auto") for levels in held for m in levels)
    for spatial in unrollings(problem.nest, problem.sub):
        probe = Mapping.in_space(spatial)
        sizes = [tile_candidates(probe.steps(problem.nest, dim), 40) for dim in DIMS]
        spaces.append((spatial, sizes))
        for loops in loop_orders(problem, spatial, sizes):
            upper += buffers * math.prod(math.comb(len(loops) + len(n), len(n)) for n in held)
            assume(upper <= most)
    for spatial, sizes in spaces:
        for mapping in mappings(problem, spatial, sizes):
            cost = evaluate(problem, mapping)
            if found.count % 100 == 0:
                assert cost.cycles == evaluate_plainly(problem, mapping).cycles
            found.count += 1
            if cost.overflow is None:
                for objective in OBJECTIVES:
                    value = value_of(problem, cost, objective)
                    found.least[objective] = min(found.least[objective], value)
    return found


def compare(problem: Problem, most: int) -> None:
    """Every objective's optimum against the enumeration."""
    enumerated = enumerate_all(problem, most)
    for objective, least in enumerated.least.items():
        if least == math.inf:
            event("no mapping is legal")
            with pytest.raises(NoMappingError):
                map_nest(problem, objective, "thorough")
            continue
        found = map_nest(problem, objective, "thorough")
        assert check(found.mapping, problem.nest, problem.sub) == []
        assert found.cost.overflow is None
        plain = evaluate_plainly(problem, found.mapping)
        assert plain.cycles == found.cost.cycles
        assert math.isclose(plain.energy, found.cost.energy, rel_tol=1e-12)
        assert found.lower_bound <= least * (1 + TOLERANCE)
        assert math.isclose(found.value, least, rel_tol=TOLERANCE)
        assert found.optimal
    event(f"mappings: 10^{len(str(enumerated.count)) - 1}")


FILTERS = [HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.parametrize("name", template_names())
@settings(max_examples=16, suppress_health_check=FILTERS)
@given(data=st.data())
def test_optimum_equals_enumeration(name: str, data: st.DataObject) -> None:
    compare(data.draw(samples(name)), 4_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", template_names())
@settings(max_examples=350, suppress_health_check=FILTERS)
@given(data=st.data())
def test_optimum_equals_enumeration_on_many(name: str, data: st.DataObject) -> None:
    compare(data.draw(samples(name)), 60_000)
