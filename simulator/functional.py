"""A tile program executed on data: the proof that a mapping computes what its layer should.

Every memory is explicit. A slot of a buffer holds the addresses that were brought in, in each of
the memory's instances, and no others; reading an address that is not there, overwriting a tile
that is still used or partial sums that were not read back, exceeding a slot or a memory,
multiplying twice or not at all: each raises `ExecutionError`.

Engines run ahead of one another as far as the program's events let them, so a missing event shows
as an error and not as luck. Any such order gives the same result.

Addresses are positions in the operand's array, flat:

    W[g, k, c, fy, fx]    I[b, g, c, iy, ix]    O[b, g, k, oy, ox]
"""

from __future__ import annotations

import math
import random
from collections import Counter as Tally
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..dataflows.accelerator import Memory
from ..frontend.nest import DIMS, LoopNest, Operand
from .addresses import Addresses, Keys, operand_shape
from .program import Buffer, Compute, Program, Release, Transfer
from .sequencer import Issue, issues

Array = npt.NDArray[Any]
#: (memory, operand, `read` or `write`, purpose, level, bits of an element) -> elements
Moved = Tally[tuple[str, Operand, str, str, int, int]]

#: Instructions that wait at the engines at once.
LOOKAHEAD: Final = 512
#: Multiply-accumulates executed in one go.
BLOCK: Final = 1 << 20


class ExecutionError(Exception):
    """A tile program does what hardware must not; names instruction, memory and address."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What came out of a program.

    Attributes:
        outputs: O[b, g, k, oy, ox].
        moved: elements that every memory read and wrote.
        instructions: executed.
    """

    outputs: Array
    moved: Moved
    instructions: int


@dataclass(slots=True)
class _Slot:
    """Contents: sorted keys (instance and address), a value each, and whether it is there."""

    tile: int = -1
    live: bool = False
    keys: Keys = field(default_factory=lambda: np.empty(0, np.int64))
    values: Array = field(default_factory=lambda: np.empty(0, np.int64))
    present: Array = field(default_factory=lambda: np.empty(0, np.bool_))


def execute(program: Program, weights: Array, inputs: Array, *, seed: int | None = None) -> Array:
    """The outputs O[b, g, k, oy, ox] of a program, of shape as in the module's description.

    Args:
        weights, inputs: integers of any width, or exactly representable floats.
        seed: of a rank of the engines: of those that could go on, the first in rank does. None
            lets each in turn go on as far as it can.

    Raises:
        ExecutionError: the program is wrong.
        ValueError: the shape of `weights` or `inputs` is not the nest's.
    """
    return trace(program, weights, inputs, seed=seed).outputs


def trace(program: Program, weights: Array, inputs: Array, *, seed: int | None = None) -> Execution:
    """As `execute`, with counts of what moved."""
    nest = program.problem.nest
    given: tuple[tuple[Operand, Array], ...] = (("W", weights), ("I", inputs))
    for operand, array in given:
        if array.shape != operand_shape(nest, operand):
            raise ValueError(
                f"{operand}: expected shape {operand_shape(nest, operand)}, got {array.shape}"
            )
    return _Machine(program, weights, inputs).run(None if seed is None else random.Random(seed))


class _Machine:
    def __init__(self, program: Program, weights: Array, inputs: Array) -> None:
        self.program, self.problem = program, program.problem
        self.nest: LoopNest = self.problem.nest
        self.addresses = Addresses(self.problem, program.mapping)
        kind = np.result_type(weights, inputs)
        self.kind = np.dtype(np.int64) if np.issubdtype(kind, np.integer) else kind
        outputs = math.prod(operand_shape(self.nest, "O"))
        self.dram: dict[Operand, _Slot] = {
            "W": _dram(weights.astype(self.kind)),
            "I": _dram(inputs.astype(self.kind)),
            "O": _dram(np.zeros(outputs, self.kind)),
        }
        self.dram["O"].present[:] = False
        self.slots = [[_Slot() for _ in range(buffer.slots)] for buffer in program.buffers]
        self.events: Tally[tuple[str, int]] = Tally()
        self.done = np.zeros(self.nest.macs, np.bool_)
        self.moved: Moved = Tally()
        self._fits()

    def _fits(self) -> None:
        """Whether the buffers have room in their memories."""
        for memory in self.problem.sub.memories:
            need = sum(b.bits for b in self.program.buffers if b.memory == memory.name)
            if memory.size_bits is not None and need > memory.size_bits:
                raise ExecutionError(
                    f"{memory.name}: its buffers need {need} bit, it has {memory.size_bits}"
                )

    # -- order -------------------------------------------------------------------------------
    def run(self, chance: random.Random | None) -> Execution:
        """Engines take turns; each executes its next instruction once its waits are over."""
        source, count, waiting = issues(self.program), 0, 0
        engines = {engine: deque[Issue]() for engine in self.program.engines}
        order = list(engines)
        if chance is not None:
            chance.shuffle(order)
        more = True
        while more or waiting:
            while more and waiting < LOOKAHEAD:
                issue = next(source, None)
                more = issue is not None
                if issue is not None:
                    engines[issue.instruction.engine].append(issue)
                    waiting += 1
            before = waiting
            for engine in order:
                queue = engines[engine]
                while queue and self._ready(queue[0]):
                    self._execute(queue.popleft())
                    waiting, count = waiting - 1, count + 1
                    if chance is not None:
                        break
                if chance is not None and waiting < before:
                    break  # back to the first in rank: the last ones fall as far behind as can be
            if waiting == before and waiting:
                stuck = next(queue[0] for queue in engines.values() if queue)
                raise ExecutionError(f"{_what(stuck)}: waits for an event that never comes")
        self._complete()
        outputs = self.dram["O"].values.reshape(operand_shape(self.nest, "O"))
        return Execution(outputs, self.moved, count)

    def _ready(self, issue: Issue) -> bool:
        if isinstance(issue.instruction, Release):
            return True
        return all(
            self.events[wait.event, wait.buffer] > issue.tiles[wait.buffer] - wait.behind
            for wait in issue.instruction.waits
            if issue.applies(wait)
        )

    def _complete(self) -> None:
        if not self.done.all():
            index = np.unravel_index(int(np.argmin(self.done)), self.nest.sizes)
            raise ExecutionError(f"the multiply-accumulate at {_named(index)} was never executed")
        if not self.dram["O"].present.all():
            place = int(np.argmin(self.dram["O"].present))
            raise ExecutionError(f"{self.problem.sub.dram.name}: {self._at('O', place)} is missing")

    # -- instructions ------------------------------------------------------------------------
    def _execute(self, issue: Issue) -> None:
        item = issue.instruction
        if isinstance(item, Compute):
            self._compute(issue, item)
        elif isinstance(item, Release):
            if self.program.buffers[item.buffer].operand != "O":
                self._slot(issue, item.buffer).live = False
            for event in item.raises:
                self.events[event, item.buffer] += 1
        else:
            match item.op:
                case "load":
                    self._load(issue, item)
                case "refill" | "zero":
                    self._refill(issue, item)
                case "drain" | "store":
                    self._drain(issue, item)
            self.events[item.raises, item.buffer] += 1

    def _slot(self, issue: Issue, number: int) -> _Slot:
        """The slot of the current tile, which must be there."""
        tile = issue.tiles[number]
        slot = self.slots[number][tile % len(self.slots[number])]
        if slot.tile != tile or not slot.live:
            name = self.program.buffers[number].name
            found = f"tile {slot.tile}" if slot.tile >= 0 else "nothing"
            raise ExecutionError(f"{_what(issue)}: {name}: expected tile {tile}, found {found}")
        return slot

    def _parent(self, issue: Issue, buffer: Buffer) -> _Slot:
        if buffer.parent is None:
            return self.dram[buffer.operand]
        return self._slot(issue, buffer.parent)

    def _outer(self, buffer: Buffer) -> Memory:
        return self.problem.sub.levels(buffer.operand)[buffer.level + 1]

    def _taken(self, issue: Issue, item: Transfer, keys: Keys) -> _Slot:
        """The slot for a tile that comes, empty."""
        buffer, tile = self.program.buffers[item.buffer], issue.tiles[item.buffer]
        slot = self.slots[item.buffer][tile % len(self.slots[item.buffer])]
        if slot.live:
            at = self._at(buffer.operand, int(slot.keys[0])) if len(slot.keys) else "no address"
            raise ExecutionError(
                f"{_what(issue)}: {buffer.name}: tile {tile} overwrites tile {slot.tile}, which is"
                f" still used, at {at}"
            )
        held = np.bincount(keys // self.addresses.size(buffer.operand)) if len(keys) else [0]
        if max(held) > buffer.elements:
            raise ExecutionError(
                f"{_what(issue)}: {buffer.name}: {max(held)} elements in a slot of"
                f" {buffer.elements}, no room from {self._at(buffer.operand, int(keys[-1]))}"
            )
        slot.tile, slot.live, slot.keys = tile, True, keys
        slot.values = np.zeros(len(keys), self.kind)
        slot.present = np.zeros(len(keys), np.bool_)
        return slot

    def _load(self, issue: Issue, item: Transfer) -> None:
        buffer = self.program.buffers[item.buffer]
        keys = self.addresses.tile(buffer.memory, item.operand, item.tile.steps, issue.starts)
        stays, kept = np.empty(0, np.int64), np.empty(0, self.kind)
        if item.slides is not None and issue.slid:
            slots = self.slots[item.buffer]
            old = slots[(issue.tiles[item.buffer] - 1) % len(slots)]
            stays = np.intersect1d(keys, old.keys, assume_unique=True)
            kept = self._read(issue, old, stays, buffer.memory, item.operand)
        slot = self._taken(issue, item, keys)
        if len(stays):
            self._write(slot, stays, kept)
        new = np.setdiff1d(keys, stays, assume_unique=True)
        outer = self._outer(buffer)
        above = self.addresses.outward(new, item.operand, buffer.memory, outer.name)
        values = self._read(issue, self._parent(issue, buffer), above, outer.name, item.operand)
        self._write(slot, new, values)
        self._count(outer, item, "read", "fill", len(np.unique(above)), item.widths[0])
        self._count_inner(item, "write", "fill", len(new), item.widths[1])

    def _refill(self, issue: Issue, item: Transfer) -> None:
        """Partial sums come back, each to the first instance that asks; others start from zero."""
        buffer = self.program.buffers[item.buffer]
        keys = self.addresses.tile(buffer.memory, "O", item.tile.steps, issue.starts)
        slot = self._taken(issue, item, keys)
        if not issue.revisit:
            return
        outer = self._outer(buffer)
        above = self.addresses.outward(keys, "O", buffer.memory, outer.name)
        back, first = np.unique(above, return_index=True)
        parent = self._parent(issue, buffer)
        slot.values[first] = self._read(issue, parent, back, outer.name, "O")
        slot.present[first] = True
        if buffer.level > 0:  # what is inside will ask for its partial sums, zero or not
            slot.present[:] = True
        parent.present[np.searchsorted(parent.keys, back)] = False
        self._count(outer, item, "read", "refill", len(back), item.widths[0])
        self._count_inner(item, "write", "refill", len(back), item.widths[1])

    def _drain(self, issue: Issue, item: Transfer) -> None:
        """Outputs leave; those of several instances that share the outer one are added."""
        buffer, outer = (b := self.program.buffers[item.buffer]), self._outer(b)
        slot, parent = self._slot(issue, item.buffer), self._parent(issue, buffer)
        values = self._read(issue, slot, slot.keys, buffer.memory, "O")
        above = self.addresses.outward(slot.keys, "O", buffer.memory, outer.name)
        merged, inverse = np.unique(above, return_inverse=True)
        places = self._find(issue, parent, merged, outer.name, "O")
        if (lost := parent.present[places]).any():
            where = self._at("O", int(merged[np.argmax(lost)]))
            raise ExecutionError(
                f"{_what(issue)}: {outer.name}: overwrites the partial sum at {where}, which was"
                " not read back"
            )
        sums = np.zeros(len(merged), self.kind)
        np.add.at(sums, inverse, values)
        parent.values[places], parent.present[places] = sums, True
        slot.live = False
        widths = item.last_widths if issue.last else item.widths
        self._count_inner(item, "read", "drain", len(values), widths[0])
        self._count(outer, item, "write", "drain", len(merged), widths[1])

    # -- multiply-accumulate -----------------------------------------------------------------
    def _compute(self, issue: Issue, item: Compute) -> None:
        for block in self.addresses.blocks(item.steps, issue.starts, BLOCK):
            if (again := self.done[block.macs]).any():
                index = np.unravel_index(int(block.macs[np.argmax(again)]), self.nest.sizes)
                raise ExecutionError(
                    f"{_what(issue)}: the multiply-accumulate at {_named(index)} comes again"
                )
            self.done[block.macs] = True
            product = self._operand(issue, "W", block.keys["W"], block.step)
            product = product * self._operand(issue, "I", block.keys["I"], block.step)
            self._accumulate(issue, product, block.keys["O"], block.step)

    def _innermost(self, issue: Issue, operand: Operand) -> tuple[_Slot, Memory]:
        memory = self.problem.sub.levels(operand)[0]
        for number, buffer in enumerate(self.program.buffers):
            if buffer.operand == operand and buffer.level == 0:
                return self._slot(issue, number), memory
        return self.dram[operand], memory

    def _operand(self, issue: Issue, operand: Operand, keys: Keys, step: Keys) -> Array:
        """The values at keys; -1 is zero padding."""
        slot, memory = self._innermost(issue, operand)
        values = np.zeros(len(keys), self.kind)
        real = keys >= 0
        values[real] = self._read(issue, slot, keys[real], memory.name, operand)
        reads = self.addresses.distinct(operand, memory.name, keys[real], step[real])
        width = self.problem.bits.of(operand)
        self.moved[memory.name, operand, "read", "compute", 0, width] += reads
        return values

    def _accumulate(self, issue: Issue, product: Array, keys: Keys, step: Keys) -> None:
        slot, memory = self._innermost(issue, "O")
        touched, inverse = np.unique(keys, return_inverse=True)
        places = self._find(issue, slot, touched, memory.name, "O")
        fresh = int((~slot.present[places]).sum())
        sums = np.where(slot.present[places], slot.values[places], 0)
        np.add.at(sums, inverse, product)
        slot.values[places], slot.present[places] = sums, True
        updates = self.addresses.distinct("O", memory.name, keys, step)
        width = self.problem.psum_bits
        self.moved[memory.name, "O", "write", "compute", 0, width] += updates
        self.moved[memory.name, "O", "read", "compute", 0, width] += updates - fresh

    # -- memories ----------------------------------------------------------------------------
    def _find(
        self, issue: Issue, slot: _Slot, keys: Keys, memory: str, operand: Operand
    ) -> npt.NDArray[np.intp]:
        """Where keys are in a slot."""
        places = np.minimum(np.searchsorted(slot.keys, keys), max(len(slot.keys) - 1, 0))
        absent = slot.keys[places] != keys if len(slot.keys) else np.ones(len(keys), np.bool_)
        if absent.any():
            where = self._at(operand, int(keys[np.argmax(absent)]))
            raise ExecutionError(f"{_what(issue)}: {memory}: {where} is not there")
        return places

    def _read(self, issue: Issue, slot: _Slot, keys: Keys, memory: str, operand: Operand) -> Array:
        places = self._find(issue, slot, keys, memory, operand)
        if not (there := slot.present[places]).all():
            where = self._at(operand, int(keys[np.argmin(there)]))
            raise ExecutionError(f"{_what(issue)}: {memory}: {where} was never written")
        found: Array = slot.values[places]
        return found

    @staticmethod
    def _write(slot: _Slot, keys: Keys, values: Array) -> None:
        places = np.searchsorted(slot.keys, keys)
        slot.values[places], slot.present[places] = values, True

    def _count(
        self, memory: Memory, item: Transfer, way: str, purpose: str, elements: int, bits: int
    ) -> None:
        level = self.program.buffers[item.buffer].level
        self.moved[memory.name, item.operand, way, purpose, level, bits] += elements

    def _count_inner(
        self, item: Transfer, way: str, purpose: str, elements: int, bits: int
    ) -> None:
        buffer = self.program.buffers[item.buffer]
        inner = self.problem.sub.levels(item.operand)[buffer.level]
        self._count(inner, item, way, purpose, elements, bits)

    def _at(self, operand: Operand, key: int) -> str:
        """An address in words: its instance, and its position in the operand's array."""
        instance, address = divmod(key, self.addresses.size(operand))
        index = np.unravel_index(address, operand_shape(self.nest, operand))
        place = ", ".join(str(int(i)) for i in index)
        return f"{operand}[{place}]" + (f" of instance {instance}" if instance else "")


def _dram(values: Array) -> _Slot:
    flat = values.reshape(-1)
    return _Slot(0, True, np.arange(len(flat)), flat, np.ones(len(flat), np.bool_))


def _what(issue: Issue) -> str:
    """An execution of an instruction, in words."""
    item = issue.instruction
    at = " ".join(f"{d}{s}" for d, s in zip(DIMS, issue.starts, strict=True) if s) or "the start"
    name = "compute"
    if isinstance(item, Transfer):
        name = f"{item.op} {item.operand} {item.source} -> {item.destination}"
    elif isinstance(item, Release):
        name = f"release by {item.engine}"
    return f"{name} at {at}"


def _named(index: tuple[Any, ...]) -> str:
    return " ".join(f"{dim}{int(i)}" for dim, i in zip(DIMS, index, strict=True))
