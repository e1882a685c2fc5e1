"""Tile programs executed in time: the machine, its twin, and what repeats."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import Bursts, Cache, Commands, Skew, SubAccelerator
from chiploom.frontend.errors import InputError
from chiploom.frontend.nest import DIMS, LoopNest, OperandBits
from chiploom.simulator.accesses import accesses
from chiploom.simulator.layers import deployed
from chiploom.simulator.lines import footprint, requests, stored, surviving
from chiploom.simulator.lowering import lower
from chiploom.simulator.machine import Timing, execute_plainly
from chiploom.simulator.mapper import map_nest
from chiploom.simulator.mapping import Loop, Mapping, Unroll
from chiploom.simulator.packing import execute
from chiploom.simulator.problem import Problem
from chiploom.simulator.program import Program, Transfer
from chiploom.simulator.sequencer import issues
from chiploom.simulator.validation.scalesim import array
from chiploom.simulator.workload import Workload

from .problem_strategies import mappings, nests, sub_accelerators
from .program_strategies import cases, in_turn


@st.composite
def machines(draw: st.DrawFn) -> SubAccelerator:
    """A random array with latencies, skew, and a DRAM with rows."""
    sub = draw(sub_accelerators())
    memories = [
        replace(
            memory,
            latency=float(draw(st.sampled_from([0, 0, 1, 7]))),
            size_bits=draw(st.sampled_from([None, 1 << 14])),
            transfer_bandwidth=draw(st.sampled_from([math.inf, 4.0, 48.0])),
        )
        for memory in sub.memories[:-1]
    ]
    bursts = None
    if draw(st.booleans()):
        layout = draw(st.sampled_from(["tiles", "rows", "channels-last"]))
        sizes = draw(st.sampled_from([(), (256,), (128, 512)]))
        caches = tuple(Cache(size, 32.0 / (n + 1)) for n, size in enumerate(sizes))
        bursts = Bursts(
            64, 512, float(draw(st.sampled_from([0, 3]))), layout, caches, 5.0, 3.0, 0.5
        )
    dram = replace(
        sub.dram,
        latency=float(draw(st.sampled_from([0, 5.5, 40]))),
        one_port=draw(st.booleans()),
        bursts=bursts,
    )
    per = draw(st.sampled_from(["layer", "fold"]))
    skew = Skew(draw(st.sampled_from([0, 3])), per, draw(st.sampled_from(["W", "I", "O"])))
    cycles = draw(st.integers(1, 2))
    commands = None
    if draw(st.booleans()):
        dim, length, interval = draw(
            st.tuples(st.sampled_from(DIMS), st.integers(1, 3), st.sampled_from([0.0, 2.3]))
        )
        fold, ahead, least = draw(st.tuples(*(st.integers(0, most) for most in (4, 2, 3))))
        commands = Commands(dim, length, interval, fold, ahead, least)
    sub = replace(
        sub, memories=(*memories, dram), skew=skew, cycles_per_mac=cycles, commands=commands
    )
    return draw(in_turn(sub))


@st.composite
def programs(draw: st.DrawFn, largest: int = 4, macs: int = 1500) -> Program:
    nest = draw(nests(largest, sequential=True))
    assume(nest.macs <= macs)
    sub = draw(machines())
    mapping = replace(draw(mappings(nest, sub)), reload=draw(st.booleans()))
    return lower(Problem(nest, OperandBits(8, 8, 8), 24, sub), mapping)


def same(one: Timing, other: Timing) -> bool:
    """Equal but for what was skipped."""
    return replace(one, skipped=0) == replace(other, skipped=0)


@settings(max_examples=150, deadline=None)
@given(programs())
def test_the_machine_does_what_its_twin_does(program: Program) -> None:
    assert same(execute(program, skipping=False), execute_plainly(program))


@settings(max_examples=200, deadline=None)
@given(programs(largest=20, macs=60_000))
def test_skipping_what_repeats_changes_nothing(program: Program) -> None:
    assert same(execute(program), execute(program, skipping=False))


@pytest.mark.parametrize("name", ["gemmini-16x16", "eyeriss", "nvdla-small", "shidiannao"])
@pytest.mark.parametrize("pad", [0, 1])
def test_skipping_is_exact_on_real_layers(name: str, pad: int) -> None:
    (sub,) = load_spec(name).sub_accelerators
    nest = LoopNest((1, 1, 64, 64, 28, 28, 3, 3), pad=(pad, pad), input_size=(30 - 2 * pad,) * 2)
    problem = deployed(nest, OperandBits(8, 8, 8), sub, 0.0)
    program = lower(problem, map_nest(problem, "edp", "fast").mapping)
    fast, full = execute(program), execute(program, skipping=False)
    assert same(fast, full)
    assert fast.skipped or full.executed < 4000  # most of a long program is not gone through


def test_a_long_program_is_mostly_skipped() -> None:
    (sub,) = load_spec("shidiannao").sub_accelerators
    nest = LoopNest((1, 1, 64, 512, 7, 7, 1, 1), input_size=(7, 7))
    problem = deployed(nest, OperandBits(8, 8, 8), sub, 0.0)
    timing = execute(lower(problem, map_nest(problem, "latency", "fast").mapping))
    assert timing.skipped > timing.executed / 2


@settings(max_examples=100, deadline=None)
@given(cases())
def test_ports_carry_what_the_counts_say(case: tuple[Problem, Mapping]) -> None:
    """Summed over a program, the work of the fullest instance is that of the analytic model."""
    program = lower(*case)
    workload = Workload(program)
    carried: Counter[tuple[str, str]] = Counter()
    rate = {
        (memory.name, way): memory.read_bandwidth if way == "read" else memory.write_bandwidth
        for memory in program.problem.sub.memories
        for way in ("read", "write")
    }
    for memory in program.problem.sub.memories:
        if memory.one_port:
            rate[memory.name, "write"] = memory.read_bandwidth
    split = replace(
        program.problem.sub,
        memories=tuple(replace(m, one_port=False) for m in program.problem.sub.memories),
    )
    program = lower(replace(program.problem, sub=split), case[1])
    workload = Workload(program)
    for issue in issues(program):
        if hasattr(issue.instruction, "waits"):
            for (name, way), cycles in workload.of(issue).busy.items():
                memory = workload.memories[name]
                bits = memory.read_bandwidth if way == "read" else memory.write_bandwidth
                carried[name, way] += round(cycles * bits)
    problem, mapping = program.problem, case[1]
    counted: Counter[tuple[str, str]] = Counter()
    for access in accesses(problem.nest, problem.bits, problem.psum_bits, problem.sub, mapping):
        way = "write" if access.write else "read"
        counted[access.memory, way] += access.bits * access.fullest
    assert +carried == +counted


def test_every_run_and_thread_gives_the_same() -> None:
    (sub,) = load_spec("eyeriss").sub_accelerators
    nest = LoopNest((1, 1, 32, 16, 14, 14, 3, 3), pad=(1, 1), input_size=(14, 14))
    problem = deployed(nest, OperandBits(8, 8, 8), sub, 0.0)
    program = lower(problem, map_nest(problem, "edp", "fast").mapping)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: execute(program), range(8)))
    assert len({repr(timing) for timing in found}) == 1


# -- what is known in closed form ------------------------------------------------------------
def matrix_product(m: int, n: int, k: int) -> LoopNest:
    """M x K times K x N."""
    return LoopNest((1, 1, n, k, 1, m, 1, 1), input_size=(1, m))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["ws", "is", "os"]),
    st.sampled_from([(4, 4), (8, 4), (4, 16), (16, 16)]),
    st.integers(1, 200),
    st.integers(1, 70),
    st.integers(1, 70),
)
def test_a_systolic_array_takes_its_closed_form(
    dataflow: str, shape: tuple[int, int], m: int, n: int, k: int
) -> None:
    """Kung: a fold takes R cycles to load, T streamed, R + C - 2 of fill and drain."""
    rows, columns = shape
    sub = array(rows, columns, dataflow)
    problem = deployed(matrix_product(m, n, k), OperandBits(8, 8, 8), sub, 0.0)
    mapped = map_nest(problem, "latency", "normal")
    across, down, streamed = {"ws": (k, n, m), "is": (k, m, n), "os": (m, n, k)}[dataflow]
    folds = math.ceil(across / rows) * math.ceil(down / columns)
    expected = folds * (2 * rows + columns + streamed - 2)
    assert execute(lower(problem, mapped.mapping)).cycles == expected


def test_a_stream_waits_for_what_is_needed_first() -> None:
    """Two operands share a port: the one that the array waits for comes first."""
    (sub,) = load_spec("gemmini-16x16").sub_accelerators
    dram = replace(sub.dram, bursts=None)  # nothing that the analytic model does not count
    sub = replace(sub, memories=(*sub.memories[:-1], dram), commands=None)
    problem = deployed(matrix_product(49, 64, 32), OperandBits(8, 8, 8), sub, 0.0)
    mapped = map_nest(problem, "latency", "normal")
    timing = execute(lower(problem, mapped.mapping))
    assert timing.cycles < mapped.cost.cycles * 1.25


def test_latency_is_paid_once_where_requests_run_ahead() -> None:
    """A longer latency delays the first tile, not every one."""
    (sub,) = load_spec("gemmini-16x16").sub_accelerators
    problem = deployed(matrix_product(784, 128, 256), OperandBits(8, 8, 8), sub, 0.0)
    mapping = map_nest(problem, "latency", "normal").mapping
    found = []
    for latency in (1.0, 101.0):
        memories = (*sub.memories[:-1], replace(sub.dram, latency=latency))
        slow = replace(problem, sub=replace(sub, memories=memories), hardware=None)
        found.append(execute(lower(slow, mapping)).cycles)
    assert 0 <= found[1] - found[0] <= 300


def test_one_slot_serialises_loading_and_computing() -> None:
    """By hand: each of 4 tiles is loaded in 8 cycles, then used for 8."""
    found = {}
    for twice in (False, True):
        sub = one_level("double" if twice else "single")
        nest = LoopNest((1, 1, 4, 1, 1, 8, 1, 1), input_size=(1, 8))
        problem = Problem(nest, OperandBits(8, 8, 8), 8, sub)
        mapping = Mapping((), (Loop("OX", 8), Loop("K", 4)), ((1,), (1,), (2,)), ((twice,),) * 3)
        program = lower(problem, mapping)
        assert [i.op for i in program.instructions() if isinstance(i, Transfer)]
        found[twice] = execute(program).cycles
    # inputs 64 bit / 8 = 8 cycles once, weights 1 cycle a tile, 8 of compute, 32 outputs at last
    assert found == {False: 8 + 4 * (1 + 8) + 32, True: 8 + 1 + 4 * 8 + 32}


def test_a_network_carries_every_tile_and_what_leaves() -> None:
    """As above at half the speed: 16 cycles of inputs, 2 a tile of weights, 64 of outputs."""
    sub = one_level("single")
    slow = replace(sub.memories[0], transfer_bandwidth=4.0)
    nest = LoopNest((1, 1, 4, 1, 1, 8, 1, 1), input_size=(1, 8))
    problem = Problem(nest, OperandBits(8, 8, 8), 8, replace(sub, memories=(slow, sub.dram)))
    mapping = Mapping((), (Loop("OX", 8), Loop("K", 4)), ((1,), (1,), (2,)), ((False,),) * 3)
    timing = execute(lower(problem, mapping))
    assert timing.cycles == 16 + 4 * (2 + 8) + 64
    assert timing.port_cycles["buffer", "in"] == 16 + 4 * 2
    assert timing.port_cycles["buffer", "out"] == 64


def test_a_multicast_takes_the_network_once() -> None:
    """Four PEs get the same 8 inputs of 8 bit over 8 bit per cycle, and their own weights."""
    sub = one_level("single")
    each = replace(sub.memories[0], shared=(), transfer_bandwidth=8.0)
    axes = (replace(sub.axes[0], size=4),)
    sub = replace(sub, axes=axes, memories=(each, replace(sub.dram, read_bandwidth=math.inf)))
    nest = LoopNest((1, 1, 4, 1, 1, 8, 1, 1), input_size=(1, 8))
    problem = Problem(nest, OperandBits(8, 8, 8), 8, sub)
    mapping = Mapping((Unroll("row", "K", 4),), (Loop("OX", 8),), ((1,),) * 3, ((False,),) * 3)
    timing = execute(lower(problem, mapping))
    assert timing.port_cycles["buffer", "in"] == 8 + 4
    assert timing.port_cycles["buffer", "out"] == 4 * 8


@pytest.mark.parametrize(("after", "cycles"), [(None, 4 * (8 + 8)), ("weights", 4 * (1 + 8 + 8))])
def test_a_memory_fills_after_another(after: str | None, cycles: int) -> None:
    """By hand: 4 times a weight (1 cycle) and 8 inputs (8 cycles), side by side or in turn."""
    from chiploom.dataflows.accelerator import Memory

    memories = (
        Memory("weights", ("W",), None, ("row",), buffering="single", transfer_bandwidth=8.0),
        Memory(
            "inputs",
            ("I",),
            None,
            ("row",),
            buffering="single",
            transfer_bandwidth=8.0,
            fills_after=after,
        ),
        Memory("outputs", ("O",), None, ("row",), buffering="single"),
        Memory("dram", ("W", "I", "O"), None, ("row",)),
    )
    sub = replace(one_level("single"), memories=memories)
    nest = LoopNest((1, 1, 1, 4, 1, 8, 1, 1), input_size=(1, 8))
    problem = Problem(nest, OperandBits(8, 8, 8), 8, sub)
    mapping = Mapping((), (Loop("OX", 8), Loop("C", 4)), ((1,), (1,), (2,)), ((False,),) * 3)
    program = lower(problem, mapping)
    assert execute(program).cycles == execute_plainly(program).cycles == cycles


def test_tiles_that_slide_share_a_memory() -> None:
    """A window of 3 inputs, one of them new: 8 places hold two whole ones and two new ones."""
    from chiploom.dataflows.accelerator import Memory

    memories = (
        Memory("window", ("I",), 64, ("row",), sliding=True),
        Memory("dram", ("W", "I", "O"), None, ("row",)),
    )
    sub = replace(one_level("double"), memories=memories)
    nest = LoopNest((2, 1, 1, 1, 1, 8, 1, 3), input_size=(1, 10))
    problem = Problem(nest, OperandBits(8, 8, 8), 8, sub)
    loops = (Loop("FX", 3), Loop("OX", 8), Loop("B", 2))
    (buffer,) = lower(problem, Mapping((), loops, ((), (1,), ()), ((), (True,), ()))).buffers
    assert (buffer.slots, buffer.elements, buffer.new, buffer.run) == (4, 3, 1, 8)
    assert buffer.bits == 8 * (3 + 3 + 1 + 1)


def test_the_mapper_refuses_a_network_that_it_does_not_know() -> None:
    sub = one_level("double")
    slow = replace(sub, memories=(replace(sub.memories[0], transfer_bandwidth=4.0), sub.dram))
    nest = LoopNest((1, 1, 4, 1, 1, 8, 1, 1), input_size=(1, 8))
    with pytest.raises(InputError, match="sub: buffer: `transfer_bandwidth`"):
        map_nest(Problem(nest, OperandBits(8, 8, 8), 8, slow), "edp", "fast")


def one_level(buffering: str) -> SubAccelerator:
    from chiploom.dataflows.accelerator import Axis, Memory, Precision, VectorUnit

    operands = ("W", "I", "O")
    buffer = Memory("buffer", operands, None, ("row",), buffering=buffering)  # type: ignore[arg-type]
    dram = Memory("dram", operands, None, ("row",), 8.0, 8.0)
    return SubAccelerator(
        "sub",
        "",
        (Axis("row", 1, DIMS),),
        (buffer, dram),
        Precision(8, 8, 8, 8),
        0.2,
        VectorUnit(1),
    )


def test_unrolled_dims_do_not_change_the_order() -> None:
    """All of K side by side: one tile, no loop over it."""
    nest = LoopNest((1, 1, 4, 1, 1, 8, 1, 1), input_size=(1, 8))
    sub = replace(one_level("double"), axes=(replace(one_level("double").axes[0], size=4),))
    mapping = Mapping(
        (Unroll("row", "K", 4),), (Loop("OX", 8),), ((0,), (1,), (1,)), ((True,),) * 3
    )
    timing = execute(lower(Problem(nest, OperandBits(8, 8, 8), 8, sub), mapping))
    assert timing.array_cycles == 8


# -- DRAM ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("extents", "moved", "rows"),
    [
        ((1, 1, 4, 8, 8), 2048, 4),  # everything: one run of 2,048 bit, 4 rows of 512
        ((1, 1, 1, 8, 8), 512, 1),  # one channel
        ((1, 1, 1, 1, 1), 64, 1),  # one element takes a burst
        ((1, 1, 1, 4, 2), 4 * 64, 1),  # four short runs within one row
        ((1, 1, 4, 1, 8), 4 * 64, 4),  # a line of every channel: 64 bit each, 512 bit apart
        ((1, 1, 1, 0, 8), 0, 0),  # nothing but padding
    ],
)
def test_runs_take_whole_bursts_and_open_rows(
    extents: tuple[int, ...], moved: int, rows: int
) -> None:
    bursts = Bursts(burst_bits=64, row_bits=512, activate=2.0, layout="rows")
    assert footprint(bursts, extents, (1, 1, 4, 8, 8), 8) == (moved, rows)


def test_a_channels_last_layout_keeps_channels_together() -> None:
    bursts = Bursts(64, 512, 0.0, "channels-last")
    assert [stored(bursts, operand) for operand in ("W", "I", "O")] == [
        (0, 3, 4, 2, 1),  # g, fy, fx, c, k
        (0, 3, 4, 1, 2),  # b, iy, ix, g, c
        (0, 3, 4, 1, 2),
    ]


@pytest.mark.parametrize(
    ("elements", "rows", "lines"),
    [
        (8, 10, 10),  # a line each
        (4, 10, 10),  # half of one
        (16, 10, 20),
        (12, 10, 20),  # one and a half, from a line's start or its middle: two
        (5, 8, 12),  # 40 bit from any byte: one line and at times the next
        (0, 10, 0),
    ],
)
def test_runs_are_asked_for_line_by_line(elements: int, rows: int, lines: int) -> None:
    assert requests(Bursts(64, 512, 0.0), (1, 1, 1, rows, elements), 8) == lines


def test_what_no_cache_holds_comes_from_the_device() -> None:
    bursts = Bursts(64, 512, 1.0, "tiles", (Cache(100, 8.0), Cache(200, 4.0)), 2.0, 1.0)
    assert [bursts.level(bits) for bits in (100, 101, 200, 201)] == [0, 1, 1, 2]
    assert [bursts.bandwidth(level, write=False) for level in range(3)] == [8.0, 4.0, 2.0]
    # A write to a line that is not in the nearest cache fetches it before and evicts it later.
    assert [bursts.bandwidth(level, write=True) for level in range(3)] == [8.0, 2.0, 1.0]


@pytest.mark.parametrize(("size", "again"), [(100, 4), (12, 32)])
def test_a_cache_keeps_what_the_next_iteration_asks_for(size: int, again: int) -> None:
    """By hand: for each of 4 channels, 8 outputs ask for the same 4 weights of 32 bit together.

    One iteration touches 32 bit of weights, 8 of inputs and 32 of outputs. 1 bit per cycle comes
    from the device, 8 from the cache.
    """
    plain = one_level("double")
    bursts = Bursts(8, 512, 0.0, "tiles", (Cache(size, 8.0),), 1.0)
    dram = replace(plain.dram, bursts=bursts)
    sub = replace(plain, memories=(*plain.memories[:-1], dram))
    nest = LoopNest((1, 1, 4, 4, 1, 8, 1, 1), input_size=(1, 8))
    loops = (Loop("K", 4), Loop("OX", 8), Loop("C", 4))
    mapping = Mapping((), loops, ((1,), (1,), (3,)), ((True,),) * 3, reload=True)
    timing = execute(lower(Problem(nest, OperandBits(8, 8, 8), 8, sub), mapping))
    weights = 4 * (32 + 7 * again)
    inputs = 4 * 8 * 8
    assert timing.port_cycles["dram", "read"] == weights + inputs


def test_lines_outlive_the_misses_in_between() -> None:
    """What fits stays; of more, `h = exp(-load (1 - h))`, and little of three times as much."""
    assert surviving(0.5) == surviving(1.0) == 1.0
    share = surviving(1.25)
    assert share == pytest.approx(math.exp(-1.25 * (1 - share)))
    assert 1 > share > surviving(1.5) > surviving(3.0)
    assert surviving(3.0) < 0.06
