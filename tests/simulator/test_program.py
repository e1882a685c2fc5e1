"""Tile programs as text, and their static parts against the mapping's counts."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from chiploom.dataflows.accelerator import Axis, Memory, Precision, SubAccelerator, VectorUnit
from chiploom.frontend.nest import DIMS, LoopNest, OperandBits
from chiploom.simulator.accesses import replaced
from chiploom.simulator.cost import Evaluation
from chiploom.simulator.lowering import lower
from chiploom.simulator.mapping import Loop, Mapping, Unroll
from chiploom.simulator.problem import Problem
from chiploom.simulator.program import Compute, Program, Release, Transfer
from chiploom.simulator.sequencer import Issue, issues

from .program_strategies import cases

EXPECTED = """\
buffer spad.W: 4 x 1 elements x 8 bit
buffer glb.W: 1 x 48 elements x 8 bit
buffer spad.I: 1 x 1 elements x 8 bit
buffer glb.I: 1 x 12 elements x 8 bit
buffer spad.O: 2 x 2 elements x 24 bit
buffer glb.O: 1 x 40 elements x 8 bit
zero O glb.O K8 OX5 = 320 bit by glb.O.in after free glb.O[n-1]
load W dram -> glb.W K8 C6 = 384 bit by glb.W.in after free glb.W[n-1]
for OX in 3 x 2 of 5:
  load I dram -> glb.I C6 IX2 = 96 bit by glb.I.in after free glb.I[n-1]
  for K in 4 x 1:
    zero O spad.O[n%2] OX2 = 48 bit by spad.O.in after free spad.O[n-2]
    for C in 6 x 1:
      load W glb -> spad.W[n%4] 1 = 8 bit by spad.W.in after free spad.W[n-4], full glb.W
      for OX in 2 x 1:
        load I glb -> spad.I 1 = 8 bit by spad.I.in after free spad.I[n-1], full glb.I
        compute one step, 1 cycle after full spad.W, full spad.I, full spad.O
        release spad.I by array
      release spad.W[n%4] by array
    release spad.O[n%2] by array
    drain O spad.O[n%2] -> glb OX2 = 48 bit by spad.O.out after used spad.O, full glb.O
  release glb.I by spad.I.in
release glb.W by spad.W.in
release glb.O by spad.O.out
store O glb.O -> dram K8 OX5 = 320 bit by glb.O.out after used glb.O
"""


def memory(name: str, *shared: str) -> Memory:
    return Memory(name, ("W", "I", "O"), 65536, shared)


def matrix_program() -> Program:
    """A product of 8 x 6 by 6 x 5 on two PEs: partial sums return to the spad only."""
    sub = SubAccelerator(
        "sub",
        "own",
        (Axis("row", 2, DIMS),),
        (memory("spad"), memory("glb", "row"), memory("dram", "row")),
        Precision(8, 8, 8, 24),
        0.2,
        VectorUnit(4),
    )
    mapping = Mapping(
        (Unroll("row", "K", 2),),
        (Loop("OX", 2), Loop("C", 6), Loop("K", 4), Loop("OX", 3)),
        ((0, 3), (0, 3), (1, 4)),
        ((True, False), (False, False), (True, True)),
    )
    nest = LoopNest((1, 1, 8, 6, 1, 5, 1, 1), input_size=(1, 5))
    return lower(Problem(nest, OperandBits(8, 8, 8), 24, sub), mapping)


def test_a_program_reads_like_the_loops_it_runs() -> None:
    assert matrix_program().describe() == EXPECTED


@settings(max_examples=60, deadline=None)
@given(cases(400))
def test_programs_are_what_the_model_counts(case: tuple[Problem, Mapping]) -> None:
    """Compute steps, room for tiles, and one release for every tile that comes."""
    problem, mapping = case
    program, evaluation = lower(problem, mapping), Evaluation(problem, mapping)
    for buffer in program.buffers:
        inner = problem.sub.levels(buffer.operand)[buffer.level]
        assert buffer.bits == evaluation.tile_bits(buffer.operand, buffer.level, inner)
        assert buffer.slots == 1 or replaced(evaluation.counter, buffer.operand, buffer.level)
    steps, comes, released = 0, Counter[int](), Counter[int]()
    for issue in issues(program):
        item = issue.instruction
        if isinstance(item, Compute):
            steps += compute_steps(problem, mapping, issue, item)
        elif isinstance(item, Release):
            released[item.buffer] += 1
        elif item.op in ("load", "refill", "zero"):
            assert issue.tiles[item.buffer] == comes[item.buffer]
            comes[item.buffer] += 1
    assert steps * problem.sub.cycles_per_mac == evaluation.compute_cycles()
    assert comes == released
    assert set(comes) == set(range(len(program.buffers)))


def compute_steps(problem: Problem, mapping: Mapping, issue: Issue, item: Compute) -> int:
    count = 1
    for dim, start, span in zip(DIMS, issue.starts, item.steps, strict=True):
        count *= min(span, mapping.steps(problem.nest, dim) - start)
    return count


@settings(max_examples=60, deadline=None)
@given(cases(400))
def test_every_wait_is_for_an_event_that_something_raises(case: tuple[Problem, Mapping]) -> None:
    program = lower(*case)
    raised: set[tuple[str, int]] = set()
    for item in program.instructions():
        if isinstance(item, Transfer):
            raised.add((item.raises, item.buffer))
        elif isinstance(item, Release):
            raised |= {(event, item.buffer) for event in item.raises}
    waits = {
        (wait.event, wait.buffer)
        for item in program.instructions()
        if not isinstance(item, Release)
        for wait in item.waits
    }
    assert waits <= raised
    assert lower(*case) == program


def test_a_program_stays_small_however_often_it_runs() -> None:
    program = matrix_program()
    assert len(list(program.instructions())) == 15
    assert sum(1 for _ in issues(program)) == 551
