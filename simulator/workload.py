"""What each instruction of a tile program asks of the hardware: bits at every port.

Counts are those of the first instance of a memory, which is never idle, as in the analytic model
(`accesses.Access.fullest`): summed over a program they are equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ..dataflows.accelerator import Bursts, Commands, Direction, Memory
from ..frontend.nest import DIMS, OPERANDS, RELEVANT, Dim, Operand
from .accesses import HALO, PAIRS, Counter, positions
from .addresses import operand_shape
from .lines import Shares, footprint, kept, requests, stored, up
from .program import Compute, Program, Transfer
from .sequencer import Issue

TICKS: Final = 1 << 10  # per cycle

#: (memory, direction); of a memory with one port both directions are `read`. `in` and `out` is the
#: network between the memory and its next outer one.
Port = tuple[str, Literal["read", "write", "in", "out"]]


@dataclass(frozen=True, slots=True)
class Work:
    """What one execution of an instruction needs.

    Attributes:
        cycles: that it takes in any case (of the array).
        busy: cycles of each port that it uses, more than one access on a port added up.
    """

    cycles: float
    busy: dict[Port, float]


@dataclass(frozen=True, slots=True)
class Return:
    """A loop that comes back to lines, which a cache may hold since its last iteration.

    Attributes:
        depth: of the loop, 0 is the outermost.
        every: slices of a line that the loop goes through: all but the first find it; 0, all
            iterations but the first do.
        shares: of its lines that each level of the memory side holds (`Bursts.level`).
    """

    depth: int
    every: int
    shares: Shares


class Workload:
    """Looks up the work of every issue of a program, tile by tile, index by index."""

    def __init__(self, program: Program) -> None:
        self.program, self.problem = program, program.problem
        self.sub, self.nest = self.problem.sub, self.problem.nest
        self.counter = Counter(self.nest, self.sub, program.mapping)
        self.memories = {memory.name: memory for memory in self.sub.memories}
        self._returns: dict[int, tuple[Return, ...]] = {}

    def of(self, issue: Issue) -> Work:
        """Work of a transfer or of a block of compute."""
        if isinstance(issue.instruction, Compute):
            return self._compute(issue.instruction, issue)
        assert isinstance(issue.instruction, Transfer)
        return self._transfer(issue.instruction, issue)

    def _transfer(self, item: Transfer, issue: Issue) -> Work:
        if item.op == "zero" or (item.op == "refill" and not issue.revisit):
            return Work(0.0, {})
        slid = item.slides if issue.slid else None
        widths = item.last_widths if issue.last else item.widths
        busy: dict[Port, float] = {}
        ends: tuple[tuple[str, Direction], ...] = (
            (item.source, "read"),
            (item.destination, "write"),
        )
        for (name, direction), width in zip(ends, widths, strict=True):
            memory = self.memories[name]
            extents = self.extents(item.operand, memory, item.tile.steps, issue.starts, slid)
            shares = self._found(item, issue)
            cycles = self._port_cycles(memory, direction, item.operand, extents, width, shares)
            _add(busy, memory, direction, cycles)
            inner, way = network(item)
            if memory.name != inner:  # what several instances get alike is carried once
                rate = self.memories[inner].transfer_bandwidth
                busy[inner, way] = width * math.prod(extents) / rate
        return Work(0.0, {port: cycles for port, cycles in busy.items() if cycles})

    def _port_cycles(
        self,
        memory: Memory,
        direction: Direction,
        operand: Operand,
        extents: tuple[int, ...],
        width: int,
        shares: Shares,
    ) -> float:
        """Cycles that a tile occupies a port."""
        bits = width * math.prod(extents)
        rate, activate = self.speed(memory, direction, shares)
        bursts = memory.bursts
        if bursts is None:
            return bits / rate
        order = stored(bursts, operand)
        if order is None:
            # One tile after the other: bursts and rows are shared with the neighbours.
            return max(bits / rate, bits * activate / bursts.row_bits)
        shape = operand_shape(self.nest, operand)
        extents = tuple(extents[n] for n in order)
        moved, rows = footprint(bursts, extents, tuple(shape[n] for n in order), width)
        asked = requests(bursts, extents, width) * bursts.request
        return max(moved / rate, rows * activate, asked)

    def speed(self, memory: Memory, direction: Direction, shares: Shares) -> tuple[float, float]:
        """Bits per cycle of a port, and cycles between opening two rows behind it.

        Args:
            shares: where the lines are found. Rows count where all are the device's.
        """
        rate = memory.read_bandwidth if direction == "read" else memory.write_bandwidth
        bursts = memory.bursts
        if bursts is None:
            return rate, 0.0
        write = direction == "write"
        cycles = sum(
            share / min(rate, bursts.bandwidth(level, write=write))
            for level, share in enumerate(shares)
        )
        return (1 / cycles if cycles else math.inf), bursts.activate if shares[-1] == 1 else 0.0

    # -- caches ------------------------------------------------------------------------------
    def _found(self, item: Transfer, issue: Issue) -> Shares:
        """Where a tile's lines are found."""
        iterations = issue.path[1::2]
        for found in self.returns(item):
            iteration = iterations[found.depth]
            if iteration % found.every if found.every else iteration:
                return found.shares
        return self.cold(item.operand)

    def cold(self, operand: Operand) -> Shares:
        """Where an operand lies before the layer begins: in the first cache that all of it fits."""
        bursts = self.sub.dram.bursts
        if bursts is None:
            return (1.0,)
        level = bursts.level(self.problem.bits.of(operand) * self.nest.elements(operand))
        return tuple(float(n == level) for n in range(len(bursts.caches) + 1))

    def returns(self, item: Transfer) -> tuple[Return, ...]:
        """Loops outside a tile that find its lines nearer than they lay before, innermost first."""
        if item.buffer not in self._returns:
            self._returns[item.buffer] = tuple(self._find_returns(item))
        return self._returns[item.buffer]

    def _find_returns(self, item: Transfer) -> Iterator[Return]:
        bursts, mapping = self.sub.dram.bursts, self.program.mapping
        if bursts is None or not bursts.caches:
            return
        before = self.cold(item.operand)
        for inside in range(self.program.buffers[item.buffer].point, len(mapping.temporal)):
            every = self._comes_back(item.operand, inside, bursts)
            if every is not None:
                tile = mapping.tile(self.nest, inside)
                lines = {other: self._lines(other, tile, bursts) for other in OPERANDS}
                held = max(lines[item.operand][1], sum(touched for touched, _ in lines.values()))
                shares = kept(bursts, held, before, nearest=every > 0)
                if shares is not None:
                    yield Return(len(mapping.temporal) - 1 - inside, every, shares)

    def _comes_back(self, operand: Operand, inside: int, bursts: Bursts) -> int | None:
        """`Return.every` of a loop, None where it goes on to other lines.

        Filter taps move a tile of inputs by little; its overlap stands for all of it.
        """
        loop = self.program.mapping.temporal[inside]
        if loop.dim not in RELEVANT[operand] or (operand == "I" and loop.dim in ("FY", "FX")):
            return 0
        if bursts.layout != "channels-last" or loop.dim != ("C" if operand == "I" else "K"):
            return None
        steps = self.program.mapping.tile(self.nest, inside)[loop.dim]
        slice_bits = steps * self.program.mapping.unrolled(loop.dim) * self.problem.bits.of(operand)
        slices = bursts.burst_bits // slice_bits
        return slices if slices > 1 else None

    def _lines(self, operand: Operand, tile: dict[Dim, int], bursts: Bursts) -> tuple[int, int]:
        """Bits of the lines that a tile lies in, and of a cache with room for them."""
        steps, start = tuple(tile[dim] for dim in DIMS), (0,) * len(DIMS)
        extents = self.extents(operand, self.sub.dram, steps, start, None)
        order, width = stored(bursts, operand), self.problem.bits.of(operand)
        if order is None:
            bits = width * math.prod(extents)
            return bits, bits
        extents = tuple(extents[n] for n in order)
        shape = operand_shape(self.nest, operand)
        moved, _ = footprint(bursts, extents, tuple(shape[n] for n in order), width)
        # Runs at a distance of many lines, a power of two, all lie in the same few sets.
        if not moved:
            return 0, 0
        distance = width * shape[order[-1]]
        run = up(width * extents[-1], bursts.burst_bits) * bursts.burst_bits
        return moved, moved * max(1, (distance & -distance) // run)

    def _compute(self, item: Compute, issue: Issue) -> Work:
        steps = [
            min(count, self.program.mapping.steps(self.nest, dim) - start)
            for dim, count, start in zip(DIMS, item.steps, issue.starts, strict=True)
        ]
        busy: dict[Port, float] = {}
        for operand in ("W", "I"):
            memory = self.sub.levels(operand)[0]
            bits = self.problem.bits.of(operand) * self._fed(operand, memory, steps, issue.starts)
            _add(busy, memory, "read", bits / memory.read_bandwidth)
        memory = self.sub.levels("O")[0]
        updates = self._fed("O", memory, steps, issue.starts)
        fresh = 0
        if not any(issue.starts[row] for row, dim in enumerate(DIMS) if dim not in RELEVANT["O"]):
            once = [n if dim in RELEVANT["O"] else 1 for n, dim in zip(steps, DIMS, strict=True)]
            fresh = self._fed("O", memory, once, issue.starts)
        psum = self.problem.psum_bits
        _add(busy, memory, "write", psum * updates / memory.write_bandwidth)
        _add(busy, memory, "read", psum * (updates - fresh) / memory.read_bandwidth)
        return Work(self._array_cycles(item, steps), busy)

    def _array_cycles(self, item: Compute, steps: list[int]) -> float:
        """Cycles of a block: those of its steps, and of the commands that they come in."""
        cycles, commands = math.prod(steps) * self.sub.cycles_per_mac, self.sub.commands
        if commands is None:
            return float(cycles)
        along = steps[DIMS.index(commands.dim)]
        rows = math.prod(steps) // along
        full, rest = divmod(along, commands.length)
        issue = command_ticks(commands) / TICKS
        whole = max(commands.length * self.sub.cycles_per_mac, commands.least)
        short = max(rest * self.sub.cycles_per_mac, commands.least) if rest else 0
        late = max(float(short), issue) if rest else 0.0
        if full:
            waits = commands.ahead > 0 and issue <= whole
            row = full * max(float(whole), issue) + (short if waits else late)
            return rows * row + max(0, item.first_command - whole)
        quick = min(rows - 1, commands.ahead)
        return max(short, item.first_command) + quick * short + (rows - 1 - quick) * late

    def _fed(
        self, operand: Operand, memory: Memory, steps: list[int], starts: tuple[int, ...]
    ) -> int:
        """Elements that pass in a block, step by step."""
        at = dict(zip(DIMS, starts, strict=True))
        span = dict(zip(DIMS, steps, strict=True))
        count = 1
        for dim in DIMS:
            if dim not in RELEVANT[operand]:
                count *= span[dim]
            elif operand != "I" or dim not in HALO:
                count *= len(self.indices(memory, dim, at[dim], span[dim]))
        if operand == "I":
            clip = self.sub.instances(memory) == 1
            for outputs, taps, axis in PAIRS:
                count *= sum(
                    len(
                        positions(
                            self.nest,
                            axis,
                            self.indices(memory, outputs, at[outputs] + o, 1),
                            self.indices(memory, taps, at[taps] + f, 1),
                            clip=clip,
                        )
                    )
                    for o in range(span[outputs])
                    for f in range(span[taps])
                )
        return count

    def indices(self, memory: Memory, dim: Dim, start: int, steps: int) -> tuple[int, ...]:
        """Indices of a dim that the first instance has in some steps."""
        seen = self.counter.splits[memory.name][dim]
        return tuple(
            index
            for step in range(start, start + steps)
            for offset in seen.within
            if (index := offset + seen.unrolled * step) < seen.size
        )

    def extents(
        self,
        operand: Operand,
        memory: Memory,
        steps: tuple[int, ...],
        starts: tuple[int, ...],
        slid: Dim | None,
    ) -> tuple[int, ...]:
        """Elements along each dim of the operand's array that move."""
        at = dict(zip(DIMS, starts, strict=True))
        span = dict(zip(DIMS, steps, strict=True))
        found = [
            len(self.indices(memory, dim, at[dim], span[dim]))
            for dim in RELEVANT[operand]
            if operand != "I" or dim not in HALO
        ]
        if operand == "I":
            clip = self.sub.instances(memory) == 1
            for outputs, taps, axis in PAIRS:
                needed = self._touched(memory, outputs, taps, axis, at, span, clip)
                if slid in (outputs, taps) and slid is not None:
                    before = {**at, slid: at[slid] - span[slid]}
                    needed -= self._touched(memory, outputs, taps, axis, before, span, clip)
                found.append(len(needed))
        return tuple(found)

    def _touched(
        self,
        memory: Memory,
        outputs: Dim,
        taps: Dim,
        axis: int,
        at: dict[Dim, int],
        span: dict[Dim, int],
        clip: bool,
    ) -> set[int]:
        return positions(
            self.nest,
            axis,
            self.indices(memory, outputs, at[outputs], span[outputs]),
            self.indices(memory, taps, at[taps], span[taps]),
            clip=clip,
        )


def command_ticks(commands: Commands) -> int:
    """Time between two commands."""
    return round(commands.interval * TICKS)


def _add(busy: dict[Port, float], memory: Memory, direction: Direction, cycles: float) -> None:
    """Add cycles to a port, where it limits anything."""
    if cycles:
        port: Port = (memory.name, "read" if memory.one_port else direction)
        busy[port] = busy.get(port, 0.0) + cycles


def network(item: Transfer) -> tuple[str, Literal["in", "out"]]:
    """The network that a transfer goes over, as a port of the inner memory."""
    if item.op in ("drain", "store"):
        return item.source, "out"
    return item.destination, "in"
