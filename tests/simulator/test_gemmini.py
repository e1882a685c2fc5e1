"""The validation suite `gemmini`: its figures, its machine, what its software does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chiploom.dataflows import load_spec
from chiploom.frontend.errors import InputError
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator.accesses import accesses
from chiploom.simulator.cost import evaluate
from chiploom.simulator.layers import deployed
from chiploom.simulator.lowering import lower
from chiploom.simulator.packing import execute
from chiploom.simulator.problem import Problem
from chiploom.simulator.program import Transfer
from chiploom.simulator.sequencer import issues
from chiploom.simulator.validation import gemmini, run
from chiploom.simulator.workload import Workload

HEAD = ",".join(gemmini.COLUMNS)
CALL = "L2[WI] N1 K16X - L1[O] K2 C2 Q4 C16X - L0[W] P8 Q2"


def small(**sizes: int) -> LoopNest:
    """A 3x3 convolution of 32 channels to 32 in one call of 8 x 8 pixels."""
    found = {"C": 32, "K": 32, "P": 8, "Q": 8, "R": 1, "S": 1, **sizes}
    every = {name: 1 for name in (*gemmini.NAMES, "Hstride", "Wstride", "Hdilation", "Wdilation")}
    return gemmini.layer({f"prob.{name}": size for name, size in (every | found).items()})


def problem_of(nest: LoopNest) -> Problem:
    return deployed(nest, OperandBits(8, 8, 8), gemmini.machine(512, 2048), 0.0)


def test_published_runs_are_met() -> None:
    """Goals: rank correlation 0.985, mean error 12 %. The rest holds what was reached."""
    report = run("gemmini")
    found = {summary.quantity: summary for summary in report.summaries()}
    everything = found.pop("cycles")
    assert everything.cases == 66 == sum(summary.cases for summary in found.values())
    assert everything.rank >= 0.997
    assert everything.mean <= 0.07
    assert everything.median <= 0.045
    assert all(summary.mean <= 0.13 for summary in found.values())


def test_the_machine_is_the_shipped_one_on_the_chip() -> None:
    (shipped,) = load_spec("gemmini-16x16").sub_accelerators
    found = gemmini.machine(64 * 1024 * 8 // (2 * 16 * 32), 256 * 1024 * 8 // (2 * 16 * 8))
    assert replace(found, commands=None, memories=found.memories[:-1]) == replace(
        shipped, memories=shipped.memories[:-1]
    )
    assert found.dram.read_bandwidth == shipped.dram.read_bandwidth


def test_a_block_takes_its_commands() -> None:
    """8 commands of 8 pixels: the first as long as weights shift in, two wait, five are issued."""
    nest = small()
    program = lower(problem_of(nest), gemmini.tiled(nest, f"L3[WIO] N1 - {CALL}"))
    blocks, block = 4, 16 + 2 * 8 + 5 * 8.25
    assert execute(program).array_cycles == blocks * block + 30


def test_every_call_loads_its_operands_anew() -> None:
    nest = small(P=16, Q=24, K=64)
    mapping = gemmini.tiled(nest, f"L3[WIO] K2 P2 Q3 - {CALL}")
    problem = problem_of(nest)
    counted = accesses(nest, problem.bits, problem.psum_bits, problem.sub, mapping)
    moved = {a.operand: a.elements for a in counted if a.memory == "DRAM" and a.purpose == "fill"}
    assert moved == {"W": 2 * 3 * nest.elements("W"), "I": 2 * nest.elements("I")}
    assert evaluate(problem, mapping).read_bits["DRAM", "W"] == 8 * moved["W"]


def test_calls_accumulate_in_place() -> None:
    """With a sum over the outermost loop nothing comes back, and outputs are stored once."""
    nest = small(C=64, P=16)
    program = lower(problem_of(nest), gemmini.tiled(nest, f"L3[WIO] C2 P2 - {CALL}"))
    kept = gemmini.accumulated(program)
    assert {i.op for i in program.instructions() if isinstance(i, Transfer)} >= {"refill"}
    assert {i.op for i in kept.instructions() if isinstance(i, Transfer)}.isdisjoint({"refill"})
    work = Workload(kept)
    stores = [
        work.of(issue).busy
        for issue in issues(kept)
        if isinstance(issue.instruction, Transfer) and issue.instruction.op == "store"
    ]
    assert [bool(busy) for busy in stores] == [False, False, True, True]


def row(mapping: str, **changes: int) -> str:
    values = dict.fromkeys(gemmini.COLUMNS[1:], 1) | {
        "arch.mem1_depth": 512, "arch.mem2_depth": 2048, "prob.C": 32, "prob.K": 32, "prob.P": 8,
        "prob.Q": 8,
    } | changes  # fmt: skip
    return ",".join([mapping, *map(str, values.values())])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (row(f"L3[WIO] N1 - {CALL}", **{"prob.P": 16}), "OX: loops cover 8 of 16 steps"),
        (row(f"L3[WIO] N1 - {CALL} X3"), "expected loops such as"),
        (row("K2 P8"), "expected levels L3 to L0"),
        (row(f"L3[WIO] N1 - {CALL}", **{"arch.mem2_depth": 16}), "scratchpad: expected"),
        (row(f"L3[WIO] N1 - {CALL}", **{"prob.K": 1000}), "K: loops cover"),
        (row("L3[WIO] N1 - L2[WI] K32X - L1[O] C32X - L0[W] P8 Q8"), "axis column: 32 PEs"),
    ],
)
def test_a_mapping_that_cannot_run_is_refused(tmp_path: Path, line: str, words: str) -> None:
    table = tmp_path / "rows.csv"
    table.write_text(f"{HEAD}\n{line}\n")
    with pytest.raises(InputError, match=words):
        run("gemmini", table)


def test_more_runs_are_taken_from_a_file(tmp_path: Path) -> None:
    """Also with columns that are not needed."""
    table = tmp_path / "rows.csv"
    table.write_text(f"{HEAD},more\n{row(f'L3[WIO] N1 - {CALL}', rtl_cycle=1500)},x\n")
    cases = run("gemmini", table).cases
    assert [case.quantity for case in cases] == ["cycles", "cycles (1x1)"]
    assert 293 < cases[0].modelled < 1500  # four blocks, and what comes before and after
