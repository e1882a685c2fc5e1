"""Cycles and energy of a mapping: the analytic model, in the form to read.

**Time.** Compute takes one step per temporal iteration. From the innermost memory outward, a
tile with a second buffer hides its transfers behind what is inside it, so the time so far is
raised to the busiest of the memory's ports; a tile with one buffer stalls what is inside while it
is filled, so the time of its fills is added. Before that, the first tiles come in, one after the
other; after it, the last outputs leave. A port's load is that of its fullest instance.

**Energy.** Every bit read or written costs what its memory says, every bit that travels between
two levels what the network says; leakage runs as long as the mapping does.

The compiled kernel (`ext/_mapspace`) does the same arithmetic in the same order; tests hold both
equal to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from ..dataflows.accelerator import Memory
from ..frontend.nest import DIMS, OPERANDS, Dim, Operand
from .accesses import Counter, accesses, holds_partial_sums, point_of, replaced, whole
from .mapping import Mapping
from .problem import Problem


@dataclass(frozen=True, slots=True)
class Cost:
    """What a mapping costs.

    Attributes:
        cycles: from the first fetch to the last write.
        energy: pJ, without that of the multiply-accumulates; leakage included.
        compute_cycles: temporal iterations x cycles of one multiply-accumulate.
        bound: memory that limits the cycles, None where compute does.
        overflow: memory whose tiles do not fit, or that would have to give up partial sums.
        short_bits: how much larger it had to be.
        network_energy: pJ, part of `energy`.
        read_bits, write_bits: by (memory, operand).
    """

    cycles: int
    energy: float
    compute_cycles: int
    bound: str | None
    overflow: str | None
    short_bits: int
    network_energy: float
    read_bits: dict[tuple[str, Operand], int]
    write_bits: dict[tuple[str, Operand], int]


def evaluate(problem: Problem, mapping: Mapping) -> Cost:
    """The cost of one mapping, by the compiled kernel, or by plain Python where it reloads.

    A mapping whose tiles do not fit has a cost too, which says so: `overflow` and `short_bits`.
    """
    if mapping.reload:
        return Evaluation(problem, mapping).cost()
    names = [memory.name for memory in problem.sub.memories]
    found = problem.kernel.evaluate(*problem.arrays(mapping))
    cycles, energy, compute, bound, overflow, short, network, read, written = found
    keys = [
        (row, column, (memory.name, operand))
        for row, memory in enumerate(problem.sub.memories)
        for column, operand in enumerate(OPERANDS)
        if operand in memory.operands
    ]
    return Cost(
        cycles,
        energy,
        compute,
        names[bound] if bound >= 0 else None,
        names[overflow] if overflow >= 0 else None,
        short,
        network,
        {key: int(read[row, column]) for row, column, key in keys},
        {key: int(written[row, column]) for row, column, key in keys},
    )


class Evaluation:
    """The same by plain Python, step by step."""

    def __init__(self, problem: Problem, mapping: Mapping) -> None:
        self.problem, self.mapping, self.sub = problem, mapping, problem.sub
        self.counter = Counter(problem.nest, problem.sub, mapping)
        self.accesses = accesses(
            problem.nest, problem.bits, problem.psum_bits, problem.sub, mapping
        )
        self.links = [
            (operand, level, child, parent)
            for operand in OPERANDS
            for level, (child, parent) in enumerate(
                zip(self.sub.levels(operand), self.sub.levels(operand)[1:], strict=False)
            )
        ]

    def cost(self) -> Cost:
        """The whole cost: cycles, pJ, and bits read and written."""
        overflow, short = self.capacity()
        cycles, bound = self.time()
        read, written, network = self.traffic()
        energy = network
        for memory in self.sub.memories:
            for operand in OPERANDS:
                if operand in memory.operands:
                    energy += memory.read_energy * read[memory.name, operand]
                    energy += memory.write_energy * written[memory.name, operand]
        energy += self.problem.leakage * cycles
        return Cost(
            cycles, energy, self.compute_cycles(), bound, overflow, short, network, read, written
        )

    def inputs_there(self) -> Self | None:
        """The same where all inputs lie in their outermost memory on chip, and are not brought
        there; None where they cannot lie there."""
        levels = self.sub.levels("I")
        if len(levels) < 2 or self.sub.keeper("I") is not levels[-2]:
            return None
        outermost = len(levels) - 2
        there = type(self)(self.problem, self.mapping)
        there.links = [link for link in there.links if link[:2] != ("I", outermost)]
        there.accesses = [
            access
            for access in there.accesses
            if (access.operand, access.level, access.purpose) != ("I", outermost, "fill")
        ]
        return there

    def compute_cycles(self) -> int:
        """Cycles of the array alone: temporal steps times the cycles of a multiply-accumulate."""
        steps = math.prod(self.mapping.steps(self.problem.nest, dim) for dim in DIMS)
        return steps * self.sub.cycles_per_mac

    # -- energy ------------------------------------------------------------------------------
    def traffic(
        self,
    ) -> tuple[dict[tuple[str, Operand], int], dict[tuple[str, Operand], int], float]:
        """Bits read and written, and the energy of the network (fills, drains, refills)."""
        keys = [(m.name, o) for m in self.sub.memories for o in OPERANDS if o in m.operands]
        read: dict[tuple[str, Operand], int] = dict.fromkeys(keys, 0)
        written: dict[tuple[str, Operand], int] = dict.fromkeys(keys, 0)
        carried: dict[tuple[Operand, int, str], int] = {}
        for access in self.accesses:
            bits = access.bits * access.elements
            side = written if access.write else read
            side[access.memory, access.operand] += bits
            at_child = access.write == (access.purpose in ("fill", "refill"))
            if access.purpose != "compute" and at_child:
                key = (access.operand, access.level, access.purpose)
                carried[key] = carried.get(key, 0) + bits
        network = 0.0
        for operand, level, child, _ in self.links:
            for purpose in ("fill", "drain", "refill"):
                bits = carried.get((operand, level, purpose), 0)
                network += child.transfer_energy * bits
        return read, written, network

    # -- capacity ----------------------------------------------------------------------------
    def tile_bits(self, operand: Operand, level: int, memory: Memory) -> int:
        """Bits of the operand's tile in one instance of a level, second buffer included."""
        width = self.problem.bits.of(operand)
        if operand == "O" and holds_partial_sums(self.counter, level):
            width = self.problem.psum_bits
        footprint = self.counter.footprint(operand, memory, self._point(operand, level))
        twice = self._doubled(operand, level) and replaced(self.counter, operand, level)
        return width * footprint * (1 + twice)

    def beside(self) -> tuple[int, int]:
        """Bits of tiles in the memories where inputs, and where outputs, can stay; 0 where none."""

        def taken(operand: Operand) -> int:
            keeper = self.sub.keeper(operand)
            if keeper is None:
                return 0
            return sum(
                self.tile_bits(other, level, memory)
                for other in keeper.operands
                for level, memory in enumerate(self.sub.levels(other))
                if memory.name == keeper.name
            )

        return taken("I"), taken("O")

    def _point(self, operand: Operand, level: int) -> dict[Dim, int]:
        return point_of(self.problem.nest, self.sub, self.mapping, operand, level).tile

    def _doubled(self, operand: Operand, level: int) -> bool:
        return self.mapping.doubled[OPERANDS.index(operand)][level]

    def capacity(self) -> tuple[str | None, int]:
        """The first memory that is too small, and by how many bits."""
        overflow, short = None, 0
        for memory in self.sub.memories[:-1]:
            need = sum(
                self.tile_bits(operand, level, child)
                for operand, level, child, _ in self.links
                if child.name == memory.name
            )
            if memory.size_bits is not None and need > memory.size_bits and overflow is None:
                overflow, short = memory.name, need - memory.size_bits
        for operand, level, child, _ in self.links:
            if operand == "O" and child.complete_outputs:
                tile = self._point("O", level)
                if self.counter.first_visits("O", child, tile) > 1:
                    overflow, short = child.name, 0
        return overflow, short

    # -- time --------------------------------------------------------------------------------
    def load(self, memory: Memory, *, write: bool) -> int:
        """Bits through one direction of the fullest instance."""
        return sum(
            access.bits * access.fullest
            for access in self.accesses
            if access.memory == memory.name and access.write == write
        )

    def transfer(self, operand: Operand, level: int, purpose: str, *, write: bool) -> int:
        """Bits of one kind of transfer at the fullest instance of one end."""
        return sum(
            access.bits * access.fullest
            for access in self.accesses
            if (access.operand, access.level, access.purpose, access.write)
            == (operand, level, purpose, write)
        )

    def time(self) -> tuple[int, str | None]:
        """Cycles, and the memory that limits them."""
        self.read = {m.name: float(self.load(m, write=False)) for m in self.sub.memories}
        self.written = {m.name: float(self.load(m, write=True)) for m in self.sub.memories}
        self.serial = dict.fromkeys(self.read, 0.0)
        self.around = 0.0
        for operand, level, child, parent in self.links:
            if replaced(self.counter, operand, level) and not self._doubled(operand, level):
                self._stall(operand, level, child, parent)
            elif operand == "O":
                self._last_tile(level, child, parent)
            else:
                self._first_tile(operand, level, child, parent)
        array = float(self.compute_cycles() + self.sub.skew.cycles * self._folds())
        time, bound = array, None
        for memory in self.sub.memories:
            time += self.serial[memory.name]
            if self.serial[memory.name] > array:
                bound = memory.name
            busy = port_time(memory, self.read[memory.name], self.written[memory.name])
            if busy > time:
                time, bound = busy, memory.name
        return math.ceil(self.around + time), bound

    def _folds(self) -> int:
        """How often the array is filled and drained."""
        skew = self.sub.skew
        if skew.per == "layer" or len(self.sub.levels(skew.operand)) < 2:
            return 1
        tile = self._point(skew.operand, 0)
        return math.prod(
            -(-self.mapping.steps(self.problem.nest, dim) // tile[dim]) for dim in DIMS
        )

    def _stall(self, operand: Operand, level: int, child: Memory, parent: Memory) -> None:
        """Everything inside waits while the tile is exchanged."""
        ways = [("drain", child, parent), ("refill", parent, child)]
        if operand != "O":
            ways = [("fill", parent, child)]
        self.serial[child.name] += sum(
            max(
                self.transfer(operand, level, purpose, write=False) / source.read_bandwidth,
                self.transfer(operand, level, purpose, write=True) / sink.write_bandwidth,
            )
            for purpose, source, sink in ways
        )

    def _first_tile(self, operand: Operand, level: int, child: Memory, parent: Memory) -> None:
        """The first tile comes in before the steady state, and leaves the ports' load."""
        taken, given = self._first_ends(operand, level, child, parent)
        self.around += max(taken / parent.read_bandwidth, given / child.write_bandwidth)
        self.read[parent.name] -= taken
        self.written[child.name] -= given

    def _first_ends(
        self, operand: Operand, level: int, child: Memory, parent: Memory
    ) -> tuple[int, int]:
        """Bits of the first tile as they leave the outer level and as they reach the inner one."""
        tile, width = self._point(operand, level), self.problem.bits.of(operand)
        taken = width * self.counter.footprint(operand, parent, tile)
        return taken, width * self.counter.footprint(operand, child, tile)

    def _last_tile(self, level: int, child: Memory, parent: Memory) -> None:
        """The last outputs leave after the steady state."""
        taken, given = self._last_ends(level, child, parent)
        self.around += max(taken / child.read_bandwidth, given / parent.write_bandwidth)
        self.read[child.name] -= taken
        self.written[parent.name] -= given

    def _last_ends(self, level: int, child: Memory, parent: Memory) -> tuple[int, int]:
        """Bits of the last outputs as they leave the inner level and as they reach the outer."""
        tile = self._point("O", level)
        everything = whole(self.counter)
        final, partial = self.problem.bits.O, self.problem.psum_bits
        ready = level > 0 and self.counter.visits("O", child, everything) == 1
        taken = (final if ready else partial) * self.counter.footprint("O", child, tile)
        ready = self.counter.visits("O", parent, everything) == 1
        return taken, (final if ready else partial) * self.counter.footprint("O", parent, tile)


def port_time(memory: Memory, read: float, written: float) -> float:
    """Cycles that the busier direction of a memory takes."""
    if memory.one_port:
        return (read + written) / memory.read_bandwidth
    return max(read / memory.read_bandwidth, written / memory.write_bandwidth)


def evaluate_plainly(problem: Problem, mapping: Mapping) -> Cost:
    """The cost of one mapping, by plain Python: the kernel's twin."""
    return Evaluation(problem, mapping).cost()
