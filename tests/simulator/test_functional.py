"""Tile programs executed on data compute their layer, and move what the counts say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chiploom.dataflows.accelerator import Axis, Memory, Precision, SubAccelerator, VectorUnit
from chiploom.frontend.nest import DIMS, LoopNest, OperandBits
from chiploom.simulator.accesses import accesses
from chiploom.simulator.cost import evaluate_plainly
from chiploom.simulator.errors import NoMappingError
from chiploom.simulator.functional import ExecutionError, execute, trace
from chiploom.simulator.lowering import lower
from chiploom.simulator.mapper import map_nest
from chiploom.simulator.mapping import Loop, Mapping, Unroll, check
from chiploom.simulator.problem import Problem
from chiploom.simulator.program import (
    Buffer,
    Compute,
    Instruction,
    Program,
    TileLoop,
    Transfer,
    Wait,
)

from .problem_strategies import nests, sub_accelerators
from .program_strategies import cases, data, direct


def counted(problem: Problem, mapping: Mapping) -> dict[tuple[str, str, str, str, int, int], int]:
    """Access counts in the form of `Execution.moved`."""
    found: Counter[tuple[str, str, str, str, int, int]] = Counter()
    for a in accesses(problem.nest, problem.bits, problem.psum_bits, problem.sub, mapping):
        way = "write" if a.write else "read"
        found[a.memory, a.operand, way, a.purpose, a.level, a.bits] += a.elements
    return {key: count for key, count in found.items() if count}


def proven(problem: Problem, mapping: Mapping, seed: int | None = None) -> Program:
    """Execute a mapping, and compare results and traffic."""
    program = lower(problem, mapping)
    weights, inputs = data(problem.nest)
    done = trace(program, weights, inputs, seed=seed)
    np.testing.assert_array_equal(done.outputs, direct(problem.nest, weights, inputs))
    assert {k: v for k, v in done.moved.items() if v} == counted(problem, mapping)
    return program


@settings(max_examples=70, deadline=None)
@given(cases(), st.one_of(st.none(), st.integers(0, 9)))
def test_random_mappings_compute_their_layer_and_move_what_is_counted(
    case: tuple[Problem, Mapping], seed: int | None
) -> None:
    proven(*case, seed)


@settings(max_examples=30, deadline=None)
@given(nests(4, sequential=True), sub_accelerators())
def test_chosen_mappings_compute_their_layer_within_the_memories(
    nest: LoopNest, sub: SubAccelerator
) -> None:
    assume(nest.macs <= 3000)
    problem = Problem(nest, OperandBits(8, 8, 8), 24, sub)
    try:
        mapping = map_nest(problem, "edp", "fast").mapping
    except NoMappingError:
        return
    proven(problem, mapping)


# -- faults ------------------------------------------------------------------------------------
DRAM = Memory("dram", ("W", "I", "O"), None, ("row",))


def array(*memories: Memory, rows: int = 2) -> SubAccelerator:
    axes = (Axis("row", rows, DIMS),)
    return SubAccelerator(
        "sub", "own", axes, (*memories, DRAM), Precision(8, 8, 8, 24), 0.2, VectorUnit(4)
    )


def example() -> tuple[Problem, Mapping]:
    """A convolution with a spad and a buffer per operand; partial sums return from both."""
    nest = LoopNest((1, 1, 4, 4, 3, 3, 3, 1), (2, 1), (1, 1), (1, 0), (5, 3))
    spad = Memory("spad", ("W", "I", "O"), 2048, (), sliding=True)
    glb = Memory("glb", ("W", "I", "O"), 4096, ("row",))
    loops = [("FY", 3), ("OX", 3), ("C", 2), ("OY", 3), ("K", 2), ("C", 2)]
    mapping = Mapping(
        (Unroll("row", "K", 2),),
        tuple(Loop(dim, factor) for dim, factor in loops),  # type: ignore[arg-type]
        ((1, 4), (0, 3), (1, 4)),
        ((True, True), (True, False), (True, True)),
    )
    sub = array(spad, replace(glb, buffering="auto"))
    assert check(mapping, nest, sub) == []
    return Problem(nest, OperandBits(8, 8, 8), 24, sub), mapping


def edited(program: Program, drop: Callable[[Instruction, Wait], bool]) -> Program:
    """The program without the waits that `drop` names."""

    def body(items: tuple[Instruction | TileLoop, ...]) -> tuple[Instruction | TileLoop, ...]:
        found: list[Instruction | TileLoop] = []
        for item in items:
            if isinstance(item, TileLoop):
                item = replace(item, body=body(item.body))
            elif isinstance(item, (Transfer, Compute)):
                item = replace(item, waits=tuple(w for w in item.waits if not drop(item, w)))
            found.append(item)
        return tuple(found)

    changed = replace(program, body=body(program.body))
    assert changed != program
    return changed


def fails(program: Program, *words: str) -> None:
    """Whether some order of the engines shows the fault, in these words."""
    weights, inputs = data(program.problem.nest)
    message = "executed without an error"
    for seed in (None, *range(10)):
        try:
            execute(program, weights, inputs, seed=seed)
        except ExecutionError as error:
            message = str(error)
            break
    assert [word for word in words if word not in message] == [], message


def test_the_example_for_faults_has_none() -> None:
    assert evaluate_plainly(*example()).overflow is None
    program = proven(*example())
    assert {item.op for item in program.instructions() if isinstance(item, Transfer)} == {
        "load",
        "refill",
        "drain",
        "store",
    }
    for seed in range(5):
        proven(*example(), seed)


@pytest.mark.parametrize(
    ("op", "event", "words"),
    [
        ("load", "free", ("overwrites tile", "which is still used, at ")),
        ("load", "full", ("load", "expected tile")),
        ("refill", "free", ("refill O", "overwrites tile")),
        ("refill", "full", ("refill O glb -> spad", "glb")),
        ("drain", "used", ("drain O spad -> glb", "spad")),
        ("store", "used", ("store O glb -> dram", "glb: O[", "was never written")),
        ("compute", "full", ("compute", "expected tile")),
    ],
)
def test_a_missing_event_is_noticed(op: str, event: str, words: tuple[str, ...]) -> None:
    def drop(item: Instruction, wait: Wait) -> bool:
        return _op(item) == op and wait.event == event

    fails(edited(lower(*example()), drop), *words)


def test_partial_sums_wait_for_those_of_the_tile_before_where_it_is_the_same() -> None:
    nest = LoopNest((1, 1, 3, 2, 1, 1, 1, 1))
    spad = Memory("spad", ("O",), 48, (), buffering="double")
    loops = (Loop("K", 2), Loop("C", 2), Loop("K", 2))
    mapping = Mapping((), loops, ((), (), (0,)), ((), (), (True,)))
    problem = Problem(nest, OperandBits(8, 8, 8), 24, array(spad))
    program = proven(problem, mapping)
    fails(
        edited(program, lambda _, wait: wait.when == "repeat"),
        "refill O dram -> spad at K2 C1: dram: O[0, 0, 2, 0, 0] was never written",
    )


def test_a_slot_too_few_or_too_small_is_noticed() -> None:
    program = lower(*example())
    for number, buffer in enumerate(program.buffers):

        def with_buffer(changed: Buffer, number: int = number) -> Program:
            buffers = list(program.buffers)
            buffers[number] = changed
            return replace(program, buffers=tuple(buffers))

        fails(with_buffer(replace(buffer, elements=buffer.elements - 1)), buffer.name, "no room")
        if buffer.slots > 1:
            fails(with_buffer(replace(buffer, slots=1)), buffer.name)


def test_a_memory_too_small_is_noticed() -> None:
    problem, mapping = example()
    sub = problem.sub
    small = replace(sub, memories=(replace(sub.memories[0], size_bits=64), *sub.memories[1:]))
    fails(lower(replace(problem, sub=small), mapping), "spad: its buffers need", "it has 64")


def test_tiles_of_another_boundary_are_noticed() -> None:
    """The loops of one mapping, the tiles of another."""
    problem, mapping = example()
    bounds = mapping.boundaries
    other = lower(problem, replace(mapping, boundaries=((0, 4), *bounds[1:])))
    program = lower(problem, mapping)
    tiles = {
        (item.op, item.buffer): item.tile
        for item in other.instructions()
        if isinstance(item, Transfer)
    }

    def swapped(items: tuple[Instruction | TileLoop, ...]) -> tuple[Instruction | TileLoop, ...]:
        return tuple(
            replace(item, body=swapped(item.body))
            if isinstance(item, TileLoop)
            else replace(item, tile=tiles[item.op, item.buffer])
            if isinstance(item, Transfer)
            else item
            for item in items
        )

    fails(replace(program, body=swapped(program.body)), "compute", "spad: W[", "is not there")


def test_too_few_and_too_many_multiplications_are_noticed() -> None:
    program = lower(*example())

    def loops(
        items: tuple[Instruction | TileLoop, ...], change: Callable[[TileLoop], TileLoop]
    ) -> tuple[Instruction | TileLoop, ...]:
        return tuple(
            replace(change(item), body=loops(item.body, change))
            if isinstance(item, TileLoop)
            else item
            for item in items
        )

    def fewer(loop: TileLoop) -> TileLoop:
        return replace(loop, factor=1) if loop.dim == "K" else loop

    def overlapping(loop: TileLoop) -> TileLoop:
        return replace(loop, span=0) if loop.dim == "OX" else loop

    fails(replace(program, body=loops(program.body, fewer)), "was never executed")
    fails(replace(program, body=loops(program.body, overlapping)), "comes again")


def test_data_of_another_shape_is_refused() -> None:
    program = lower(*example())
    weights, inputs = data(program.problem.nest)
    with pytest.raises(ValueError, match=r"I: expected shape \(1, 1, 4, 5, 3\), got \(4, 5, 3\)"):
        execute(program, weights, inputs[0, 0])


def test_outputs_wait_for_their_place_outside() -> None:
    """Of one slot: the next tile may not drain into it before the tile before has been stored."""
    problem, mapping = example()
    doubled = (*mapping.doubled[:2], (True, False))
    program = proven(problem, replace(mapping, doubled=doubled))
    fails(
        edited(program, lambda item, wait: _op(item) == "drain" and wait.event == "full"),
        "drain O spad -> glb",
        "glb.O: expected tile",
    )


def _op(item: Instruction) -> str:
    return item.op if isinstance(item, Transfer) else type(item).__name__.lower()
