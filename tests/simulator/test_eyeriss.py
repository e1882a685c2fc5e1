"""The Eyeriss chip's published mappings, executed, against what was measured."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from chiploom.frontend.errors import InputError
from chiploom.frontend.nest import OperandBits
from chiploom.simulator import functional
from chiploom.simulator.lowering import lower
from chiploom.simulator.machine import execute_plainly
from chiploom.simulator.mapping import check
from chiploom.simulator.packing import execute
from chiploom.simulator.problem import Problem
from chiploom.simulator.validation import run
from chiploom.simulator.validation.eyeriss import Layer, chip, coded_share, mapping_of

from .program_strategies import data, direct

CONV2 = Layer("CONV2", 2, 128, 48, 5, 1, 31, 27, 4, 64, 1, 27, 16, 2, 1, 1, pad=2)
SMALL = [
    Layer("folded", 1, 8, 3, 3, 1, 18, 16, 2, 4, 1, 16, 2, 2, 1, 2),
    Layer("strips", 2, 5, 4, 3, 2, 11, 5, 2, 4, 2, 2, 2, 1, 2, 2),
    Layer("side by side", 1, 16, 6, 3, 1, 9, 7, 4, 8, 4, 7, 2, 2, 1, 4),
]
HEADER = "layer,G,M,C,R,U,H,F,N,m,n,e,p,q,r,t"


def problem_of(layer: Layer) -> Problem:
    (sub,) = chip().sub_accelerators
    return Problem(layer.nest(padded=True), OperandBits(16, 16, 16), 16, sub)


def test_alexnet_meets_the_measurements() -> None:
    errors = {s.quantity: s for s in run("eyeriss").summaries()}
    latency = errors["latency, ms"]
    assert latency.cases == 5
    assert latency.mean <= 0.04
    assert latency.worst <= 0.08
    assert errors["active PEs"].exact == 5
    assert errors["buffer, MB"].worst <= 0.15
    assert errors["buffer, MB, first psums read"].worst <= 0.005
    assert errors["DRAM, MB, coded"].worst <= 0.15


def test_vgg_is_consistent_with_the_mappings_inferred_for_it() -> None:
    errors = {s.quantity: s for s in run("eyeriss").summaries()}
    latency = errors["latency, ms (inferred mapping)"]
    assert latency.cases == 13
    assert latency.mean <= 0.04
    assert latency.worst <= 0.08
    assert errors["active PEs (inferred mapping)"].exact == 13
    assert errors["buffer, MB (inferred mapping)"].worst <= 0.15


def test_a_folded_set_lies_on_both_axes() -> None:
    problem = problem_of(CONV2)
    mapping = mapping_of(CONV2, problem.sub, doubled=True)
    assert mapping.describe(problem.sub) == (
        "B4 G2 K2 [global-buffer:O] C24 [global-buffer:Ix2] K4 [filter-spad:W] OX27 "
        "[input-spad:Ix2] K16 [psum-spad:Ox2] C2 FX5 | row:FY5 row:OY2 column:OY14"
    )


@pytest.mark.parametrize("layer", SMALL, ids=lambda layer: layer.name)
@pytest.mark.parametrize("doubled", [False, True])
def test_the_mappings_compute_their_layers(layer: Layer, doubled: bool) -> None:
    problem = problem_of(layer)
    mapping = mapping_of(layer, problem.sub, doubled=doubled)
    assert check(mapping, problem.nest, problem.sub) == []
    program = lower(problem, mapping)
    weights, inputs = data(problem.nest)
    outputs = functional.execute(program, weights, inputs)
    assert np.array_equal(outputs, direct(problem.nest, weights, inputs))
    assert execute(program).cycles == execute_plainly(program).cycles


def test_a_pass_is_the_sum_of_its_parts() -> None:
    """By hand, one pass of one image: filters, first window, then the slots of the array."""
    layer = Layer("pass", 1, 32, 6, 3, 1, 15, 13, 1, 32, 1, 13, 16, 3, 2, 2)
    problem = problem_of(layer)
    cycles = execute(lower(problem, mapping_of(layer, problem.sub, doubled=True))).cycles
    filters, window, slots, last = 32 * 6 * 9 // 4, 15 * 3 * 6, 13 * 16 * 3 * 3, 2 * 13 / 4
    assert cycles == math.ceil(filters + window + slots + last)


def test_run_length_coding_gains_nothing_without_zeros() -> None:
    assert coded_share(0.0) == coded_share(0.25) == 1
    assert coded_share(0.625) == pytest.approx(0.5)


def test_further_layers_come_from_a_table(tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text(f"{HEADER},ms\nconv,1,64,3,3,1,226,224,3,16,1,13,4,1,1,4,38.0\n")
    (case,) = run("eyeriss", table).cases
    assert (case.name, case.quantity) == ("conv", "latency, ms")
    assert abs(case.error) < 0.08


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,1,64,3,3,1,15,13,4,16,3,13,4,1,1,4", "x: expected n to divide N"),
        ("x,1,64,3,3,1,15,13,0,16,1,13,4,1,1,4", "x: expected sizes of at least 1"),
        ("x,1,64,8,3,1,15,13,4,16,1,13,4,1,2,4", "axis row: 24 PEs used of 12"),
        ("x,1,96,8,3,1,15,13,4,96,1,13,24,4,1,4", "filter-spad is 1024 bit too small"),
        ("x,1,64,8,3,1,31,29,4,16,1,15,4,1,1,1", "expected strips that fold evenly"),
        ("x,1,64,8,3,1,15,13,4,16,1,13,4,1,1,no", "column t: expected a number"),
    ],
)
def test_what_the_chip_cannot_do_is_refused(tmp_path: Path, row: str, message: str) -> None:
    table = tmp_path / "bad.csv"
    table.write_text(f"{HEADER},ms\n{row},1\n")
    with pytest.raises(InputError, match=message):
        run("eyeriss", table)
