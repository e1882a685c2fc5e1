"""A tile program in packed form, for the compiled machine.

Layout (numbers as in `DIMS`, `OPERANDS`, `EVENTS`; -1 is none; loops outermost first):

    integers: loops · buffers · engines · ports · engine of the array · cycles per MAC
              skew cycles · skew per fold
              of commands: dim · length · ticks of issuing one · least cycles of the first · ahead
                           least cycles of each
              per dim (8 each): steps · first interior step · end of the interior · reduced
              per loop: dim · factor · span · steps
              per port: of the DRAM
              per buffer: depth (loops outside its point)
              per engine: kind · depth · event raised · buffer · rank in the text · latency, ticks
                          repeat matters · waits · posts · ends
                          tiles until what is drained is needed
                          steps of its tile (8) · dims of its operand (8)
                          per wait: event · buffer · behind · when
                          per post: depth · fill and drain · event · buffer
                          per end: port · width · width at last · burst · row · by rows · operand
                                   loops that come back: their number, depth · slices of each
                                   per extent (5): dim · tile · other dim · its tile · its tiles
                                                   table · table of what is new · size of the array
    reals:    per end: bits per cycle · cycles between opening two rows · of a request
                       bits per cycle, for each loop that comes back
    tables:   elements of tiles, tile by tile

In the *interior* of a dim all tiles of a size are alike: no index is missing at the end, and
along an input axis no tile touches padding.
"""

from __future__ import annotations

import math
from typing import Final, get_args

import numpy as np
import numpy.typing as npt

from ..dataflows.accelerator import Direction, Memory
from ..ext._machine import Machine
from ..frontend.nest import DIMS, OPERANDS, RELEVANT, Dim, Operand
from .accesses import HALO, PAIRS, positions
from .addresses import operand_shape
from .lines import stored
from .machine import Timing
from .program import (
    ARRAY,
    REDUCED,
    Compute,
    EventKind,
    Instruction,
    Program,
    Release,
    TileLoop,
    Transfer,
    When,
)
from .workload import TICKS, Port, Return, Workload, command_ticks, network

EVENTS: Final[tuple[EventKind, ...]] = get_args(EventKind)
WHEN: Final[tuple[When, ...]] = get_args(When)
NONE: Final = -1


def execute(program: Program, *, skipping: bool = True) -> Timing:
    """How long a program takes.

    Args:
        skipping: of what repeats, all but the first times is skipped. The result is the same.

    Raises:
        RuntimeError: the program waits for itself.
        ValueError: it has more loops, buffers or ports than the machine takes.
    """
    packed = Packed(program)
    ticks, array, ports, executed, skipped = Machine(*packed.arrays()).run(skipping)
    return Timing(
        -(-ticks // TICKS),
        array / TICKS,
        {port: ports[n] / TICKS for port, n in packed.ports.items() if ports[n]},
        executed,
        skipped,
    )


class Packed:
    """Arrays of one program."""

    def __init__(self, program: Program) -> None:
        self.program, self.problem = program, program.problem
        self.nest, self.sub = self.problem.nest, self.problem.sub
        self.work = Workload(program)
        self.ports: dict[Port, int] = {}
        self.tables: list[npt.NDArray[np.int64]] = []
        self.size = 0
        self.reals: list[float] = []
        self.known: dict[object, int] = {}
        self.loops: list[TileLoop] = []
        self.main: dict[str, tuple[int, int, Transfer | Compute]] = {}
        self.posts: dict[str, list[tuple[int, Release]]] = {}
        self._walk(program.body, 0)

    def _walk(self, body: tuple[Instruction | TileLoop, ...], rank: int) -> int:
        """Collect the loops, and of every engine what it executes at which depth."""
        depth = len(self.loops)
        for item in body:
            rank += 1
            if isinstance(item, TileLoop):
                self.loops.append(item)
                rank = self._walk(item.body, rank)
            elif isinstance(item, Release):
                self.posts.setdefault(item.engine, []).append((depth, item))
            else:
                self.main[item.engine] = (depth, rank, item)
        return rank

    def arrays(
        self,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """(integers, reals, tables)."""
        steps = [self.program.mapping.steps(self.nest, dim) for dim in DIMS]
        interior = [self._interior(dim) for dim in DIMS]
        engines = list(self.main)
        packed = [number for engine in engines for number in self._engine(engine)]
        body = [
            *steps,
            *(begin for begin, _ in interior),
            *(end for _, end in interior),
            *(int(dim in REDUCED) for dim in DIMS),
            *(
                number
                for loop in self.loops
                for number in (DIMS.index(loop.dim), loop.factor, loop.span, loop.steps)
            ),
            *(int(name == self.sub.dram.name) for name, _ in self.ports),
            *(len(self.program.mapping.temporal) - buffer.point for buffer in self.program.buffers),
            *packed,
        ]
        skew = self.sub.skew
        head = [
            len(self.loops),
            len(self.program.buffers),
            len(engines),
            len(self.ports),
            engines.index(ARRAY),
            self.sub.cycles_per_mac,
            skew.cycles,
            int(self._folds()),
            *self._commands(),
        ]
        tables = np.concatenate(self.tables) if self.tables else np.zeros(1, np.int64)
        return (
            np.array([*head, *body], dtype=np.int64),
            np.array([*self.reals, 0.0], dtype=np.float64),
            tables,
        )

    def _folds(self) -> bool:
        skew = self.sub.skew
        return skew.per == "fold" and len(self.sub.levels(skew.operand)) > 1

    def _commands(self) -> tuple[int, ...]:
        commands = self.sub.commands
        if commands is None:
            return NONE, 1, 0, 0, 0, 0
        compute = next(i for i in self.program.instructions() if isinstance(i, Compute))
        dim = DIMS.index(commands.dim)
        ticks = command_ticks(commands)
        return dim, commands.length, ticks, compute.first_command, commands.ahead, commands.least

    # -- what is alike -----------------------------------------------------------------------
    def _interior(self, dim: Dim) -> tuple[int, int]:
        """First and end of the steps of a dim whose tiles are all alike."""
        mapping, unrolled = self.program.mapping, self.program.mapping.unrolled(dim)
        end = mapping.steps(self.nest, dim) - bool(self.nest[dim] % unrolled)
        if dim not in HALO:
            return 0, end
        outputs, taps, axis = next(pair for pair in PAIRS if dim in pair)
        stride, reach = self.nest.stride[axis], self.nest.dilation[axis] * (self.nest[taps] - 1)
        before = -(-self.nest.pad[axis] // stride)  # outputs that touch padding
        after = (self.nest.input_size[axis] - 1 + self.nest.pad[axis] - reach) // stride + 1
        clear = before == 0 and after >= self.nest[outputs]
        if dim == taps:  # where there is padding, each tap touches it elsewhere
            return (0, end) if clear else (end, end)
        unrolled = mapping.unrolled(outputs)
        return -(-before // unrolled), max(0, min(end, after // unrolled))

    # -- engines -----------------------------------------------------------------------------
    def _engine(self, name: str) -> list[int]:
        depth, rank, item = self.main[name]
        posts = self._posts(name)
        waits = [
            (EVENTS.index(w.event), w.buffer, w.behind, WHEN.index(w.when)) for w in item.waits
        ]
        if isinstance(item, Compute):
            ends = self._feeds(item)
            kind, event, buffer, latency, repeat, grace = 0, 0, 0, 0, False, 0
            tile, relevant = item.steps, (0,) * len(DIMS)
        else:
            ends = self._ends(item)
            kind = {"zero": 2, "refill": 3}.get(item.op, 1)
            event, buffer = EVENTS.index(item.raises), item.buffer
            latency = 0
            if item.op in ("load", "refill"):
                latency = round(self.work.memories[item.source].latency * TICKS)
            grace = 0
            if item.op in ("drain", "store"):
                grace = self.program.buffers[item.buffer].slots
            repeat = any(wait.when == "repeat" for wait in item.waits)
            tile = item.tile.steps
            relevant = tuple(int(dim in RELEVANT[item.operand]) for dim in DIMS)
        return [
            *(kind, depth, event, buffer, rank, latency, int(repeat)),
            *(len(waits), len(posts), len(ends), grace),
            *tile,
            *relevant,
            *(number for wait in waits for number in wait),
            *(number for post in posts for number in post),
            *(number for end in ends for number in end),
        ]

    def _posts(self, name: str) -> list[tuple[int, int, int, int]]:
        """What an engine does after the body at some depth, the deepest first."""
        found: list[tuple[int, int, int, int]] = []
        for depth, item in self.posts.get(name, []):
            buffer = self.program.buffers[item.buffer]
            stationary = (buffer.operand, buffer.level) == (self.sub.skew.operand, 0)
            if name == ARRAY and self._folds() and stationary:
                found.append((depth, 1, 0, 0))
            found += [(depth, 0, EVENTS.index(kind), item.buffer) for kind in item.raises]
        return sorted(found, key=lambda post: -post[0])

    # -- ends --------------------------------------------------------------------------------
    def _ends(self, item: Transfer) -> list[list[int]]:
        """What a transfer asks of its two ports."""
        if item.op == "zero":
            return []
        sides: tuple[tuple[str, Direction], ...] = (
            (item.source, "read"),
            (item.destination, "write"),
        )
        ends: list[list[int]] = []
        inner, direction = network(item)
        for (name, way), width, last in zip(sides, item.widths, item.last_widths, strict=True):
            end = self._end(
                name, way, item.operand, width, last, item.tile.steps, item.slides, transfer=item
            )
            ends.append(end)
            rate = self.work.memories[inner].transfer_bandwidth
            if name != inner and rate < math.inf:  # of a DRAM behind it the network knows nothing
                extents = end[8 + 2 * end[7] :]
                port = self._port((inner, direction))
                ends.append([port, *end[1:3], 0, 0, 0, end[6], 0, *extents])
                self.reals += (rate, 0.0, 0.0)
        return ends

    def _port(self, port: Port) -> int:
        return self.ports.setdefault(port, len(self.ports))

    def _feeds(self, item: Compute) -> list[list[int]]:
        """What the array asks of its innermost memories: W, I, O written, O read."""
        bits, psum = self.problem.bits, self.problem.psum_bits
        asked: tuple[tuple[Operand, Direction, int], ...] = (
            ("W", "read", bits.W),
            ("I", "read", bits.I),
            ("O", "write", psum),
            ("O", "read", psum),
        )
        return [
            self._end(
                self.sub.levels(operand)[0].name, way, operand, width, width, item.steps, None, True
            )
            for operand, way, width in asked
        ]

    def _end(
        self,
        name: str,
        way: Direction,
        operand: Operand,
        width: int,
        last_width: int,
        tile: tuple[int, ...],
        slides: Dim | None,
        stepwise: bool = False,
        transfer: Transfer | None = None,
    ) -> list[int]:
        memory = self.work.memories[name]
        number = self._port((name, "read" if memory.one_port else way))
        bursts = memory.bursts
        returns: tuple[Return, ...] = ()
        if transfer is None or bursts is None:
            rate = memory.read_bandwidth if way == "read" else memory.write_bandwidth
            self.reals += (rate, 0.0, 0.0)
        else:
            returns = self.work.returns(transfer)
            self.reals += (
                *self.work.speed(memory, way, self.work.cold(operand)),
                bursts.request,
                *(self.work.speed(memory, way, found.shares)[0] for found in returns),
            )
        order = None if bursts is None else stored(bursts, operand)
        entry = [number, width, last_width, bursts.burst_bits if bursts else 0]
        entry += [bursts.row_bits if bursts else 0, int(order is not None), OPERANDS.index(operand)]
        entry += [len(returns), *(n for found in returns for n in (found.depth, found.every))]
        extents = self._extents(memory, operand, tile, slides, stepwise)
        for place in order or range(len(extents)):
            entry += extents[place]
        return entry

    def _extents(
        self,
        memory: Memory,
        operand: Operand,
        tile: tuple[int, ...],
        slides: Dim | None,
        stepwise: bool,
    ) -> list[list[int]]:
        """Of every dim of an operand's array, where its elements by tile are."""
        found: list[list[int]] = []
        shape = operand_shape(self.nest, operand)
        span = dict(zip(DIMS, tile, strict=True))
        plain = [d for d in RELEVANT[operand] if operand != "I" or d not in HALO]
        for dim, size in zip(plain, shape, strict=False):
            table = self._plain(memory, dim, span[dim])
            found.append([DIMS.index(dim), span[dim], NONE, 1, 1, table, NONE, size])
        if operand == "I":
            for outputs, taps, axis in PAIRS:
                table_of = self._axis(memory, axis, span[outputs], span[taps], slides, stepwise)
                found.append([*table_of, shape[3 + axis]])
        return found

    def _keep(self, key: object, values: list[int]) -> int:
        """Where a table begins."""
        self.known[key] = self.size
        self.tables.append(np.array(values, dtype=np.int64))
        self.size += len(values)
        return self.known[key]

    def _plain(self, memory: Memory, dim: Dim, tile: int) -> int:
        """Elements along a dim, tile by tile."""
        key = (memory.name, dim, tile)
        if key in self.known:
            return self.known[key]
        steps = self.program.mapping.steps(self.nest, dim)
        starts = range(0, steps, tile)
        return self._keep(key, [len(self.work.indices(memory, dim, at, tile)) for at in starts])

    def _axis(
        self, memory: Memory, axis: int, o: int, f: int, slides: Dim | None, stepwise: bool
    ) -> list[int]:
        """An input axis: elements by tile of outputs and tile of taps."""
        outputs, taps, _ = PAIRS[axis]
        key = (memory.name, axis, o, f, stepwise)
        counts = _Axis(self.work, memory, axis)
        if key not in self.known:
            self._keep(key, counts.steps(o, f) if stepwise else counts.tiles(o, f))
        slid = NONE
        if slides in (outputs, taps):
            new = (memory.name, axis, o, f, slides)
            slid = (
                self.known[new]
                if new in self.known
                else self._keep(new, counts.news(o, f, slides == outputs))
            )
        others = -(-self.program.mapping.steps(self.nest, taps) // f)
        return [DIMS.index(outputs), o, DIMS.index(taps), f, others, self.known[key], slid]


class _Axis:
    """Input positions along one axis as one memory sees them."""

    def __init__(self, work: Workload, memory: Memory, axis: int) -> None:
        self.work, self.memory, self.axis = work, memory, axis
        self.outputs, self.taps, _ = PAIRS[axis]
        mapping = work.program.mapping
        self.spans = tuple(mapping.steps(work.nest, dim) for dim in (self.outputs, self.taps))
        self.clip = work.sub.instances(memory) == 1
        self.alike: dict[tuple[int, int, int], int] = {}

    def tiles(self, o: int, f: int) -> list[int]:
        """Positions of every tile."""
        return [self._count(a, b) for a in self._cut(0, o) for b in self._cut(1, f)]

    def news(self, o: int, f: int, along_outputs: bool) -> list[int]:
        """Positions of every tile that the one before it, along outputs or taps, lacks."""
        found: list[int] = []
        rows, columns = self._cut(0, o), self._cut(1, f)
        for i, a in enumerate(rows):
            for j, b in enumerate(columns):
                before = (rows[i - 1], b) if along_outputs else (a, columns[j - 1])
                first = i == 0 if along_outputs else j == 0
                together = () if first else self._touched(*before)
                found.append(len(self._touched(a, b).difference(together)))
        return found

    def steps(self, o: int, f: int) -> list[int]:
        """Positions of every step, summed over a tile."""
        taps = self._cut(1, 1)
        single = np.array([[self._count(a, b) for b in taps] for a in self._cut(0, 1)])
        rows = np.add.reduceat(single, range(0, len(single), o), axis=0)
        table = np.add.reduceat(rows, range(0, len(taps), f), axis=1)
        return [int(count) for count in table.ravel()]

    def _cut(self, which: int, tile: int) -> list[tuple[int, ...]]:
        dim = (self.outputs, self.taps)[which]
        starts = range(0, self.spans[which], tile)
        return [self.work.indices(self.memory, dim, at, tile) for at in starts]

    def _touched(self, a: tuple[int, ...], b: tuple[int, ...]) -> set[int]:
        return positions(self.work.nest, self.axis, a, b, clip=self.clip)

    def _count(self, a: tuple[int, ...], b: tuple[int, ...]) -> int:
        """Positions of a tile; those away from the borders are counted once for each size."""
        nest = self.work.nest
        stride, dilation = nest.stride[self.axis], nest.dilation[self.axis]
        low = stride * a[0] + dilation * b[0] - nest.pad[self.axis] if a and b else 0
        high = stride * a[-1] + dilation * b[-1] - nest.pad[self.axis] if a and b else -1
        if self.clip and (low < 0 or high >= nest.input_size[self.axis]):
            return len(self._touched(a, b))
        # Neighbouring tiles of one size hold indices at the same distances.
        key = (len(a), len(b), high - low)
        if key not in self.alike:
            self.alike[key] = len(self._touched(a, b))
        return self.alike[key]
