"""The reference for access counts: walk the mapped loop nest and count what happens.

Nothing here is a formula. Every temporal iteration is executed, every PE's indices are listed,
every memory instance is a set of addresses. Slow on purpose: it is what `accesses.py` and the
compiled kernel are held against.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

from ..dataflows.accelerator import Memory, SubAccelerator
from ..frontend.nest import DIMS, RELEVANT, Dim, LoopNest, Operand
from .accesses import PAIRS
from .mapping import Mapping

Index = dict[Dim, int]
Address = tuple[int, ...]
Instance = tuple[int, ...]
#: Executed iterations: loop counters, and the PEs that compute with their index.
Trace = list[tuple[tuple[int, ...], list[tuple[dict[str, int], Index]]]]
#: (memory, operand, "read" or "write", purpose, level) -> elements
Counts = dict[tuple[str, Operand, str, str, int], int]


class Interpreter:
    """Executes one mapping. `counts`, `fullest` and `macs` hold the answer after `run`."""

    def __init__(self, nest: LoopNest, sub: SubAccelerator, mapping: Mapping) -> None:
        self.nest, self.sub, self.mapping = nest, sub, mapping
        self.counts: Counts = defaultdict(int)
        self.macs = 0
        self.cycles = 0
        self.most_held: dict[tuple[str, Operand], int] = defaultdict(int)

    # -- the loops ---------------------------------------------------------------------------
    def iterations(self) -> Iterator[tuple[tuple[int, ...], Index]]:
        """Every executed temporal iteration: loop counters (innermost first) and dim steps."""
        loops = self.mapping.temporal
        ranges = [range(loop.factor) for loop in reversed(loops)]
        for reverse in itertools.product(*ranges):
            counters = tuple(reversed(reverse))
            steps: Index = dict.fromkeys(DIMS, 0)
            inner: Index = dict.fromkeys(DIMS, 1)
            for loop, counter in zip(loops, counters, strict=True):
                steps[loop.dim] += counter * inner[loop.dim]
                inner[loop.dim] *= loop.factor
            if all(steps[dim] < self.mapping.steps(self.nest, dim) for dim in DIMS):
                yield counters, steps

    def pes(self) -> Iterator[tuple[dict[str, int], Index]]:
        """Every PE in use: its coordinate per axis, and the first index of each dim there."""
        unrolls = self.mapping.spatial
        for places in itertools.product(*(range(unroll.factor) for unroll in unrolls)):
            first: Index = dict.fromkeys(DIMS, 0)
            stride: Index = dict.fromkeys(DIMS, 1)
            where: dict[str, int] = defaultdict(int)
            scale: dict[str, int] = defaultdict(lambda: 1)
            for unroll, place in zip(unrolls, places, strict=True):
                first[unroll.dim] += place * stride[unroll.dim]
                stride[unroll.dim] *= unroll.factor
                where[unroll.axis] += place * scale[unroll.axis]
                scale[unroll.axis] *= unroll.factor
            yield dict(where), first

    def work(self, steps: Index) -> Iterator[tuple[dict[str, int], Index]]:
        """The PEs that compute in an iteration, and the index of each."""
        for where, first in self.pes():
            index = {dim: first[dim] + steps[dim] * self.mapping.unrolled(dim) for dim in DIMS}
            if all(index[dim] < self.nest[dim] for dim in DIMS):
                yield where, index

    def address(self, operand: Operand, index: Index) -> Address | None:
        """What an operand's element is called; None for zero padding."""
        if operand != "I":
            return tuple(index[dim] for dim in RELEVANT[operand])
        place = []
        for o, f, axis in PAIRS:
            position = (
                self.nest.stride[axis] * index[o]
                + self.nest.dilation[axis] * index[f]
                - self.nest.pad[axis]
            )
            if not 0 <= position < self.nest.input_size[axis]:
                return None
            place.append(position)
        return (index["B"], index["G"], index["C"], *place)

    def instance(self, memory: Memory, where: dict[str, int]) -> Instance:
        """Which instance of a memory serves a PE: its place along the axes that do not share it."""
        return tuple(
            where.get(axis.name, 0) for axis in self.sub.axes if axis.name not in memory.shared
        )

    # -- running -----------------------------------------------------------------------------
    def run(self) -> Interpreter:
        """Execute every iteration; returns itself, with the answers."""
        trace = [(counters, list(self.work(steps))) for counters, steps in self.iterations()]
        self.cycles = len(trace)
        self.macs = sum(len(active) for _, active in trace)
        for operand in ("W", "I"):
            self._inputs(operand, trace)
        self._outputs(trace)
        return self

    def _tiles(
        self, operand: Operand, level: int, trace: Trace
    ) -> Iterator[tuple[tuple[int, ...], dict[Instance, set[Address]]]]:
        """One after the other: the loop counters of a tile, and what each child instance needs."""
        memory = self.sub.levels(operand)[level]
        inside = self.mapping.hoisted(operand, level)
        for outer, group in itertools.groupby(trace, key=lambda item: item[0][inside:]):
            needed: dict[Instance, set[Address]] = defaultdict(set)
            for _, active in group:
                for where, index in active:
                    address = self.address(operand, index)
                    held = needed[self.instance(memory, where)]
                    if address is not None:
                        held.add(address)
            yield outer, needed

    def _parents(
        self, parent: Memory, child: Memory, needed: dict[Instance, set[Address]]
    ) -> dict[Instance, set[Address]]:
        """The same addresses by parent instance."""
        kept = [
            position
            for position, axis in enumerate(
                [axis for axis in self.sub.axes if axis.name not in child.shared]
            )
            if axis.name not in parent.shared
        ]
        merged: dict[Instance, set[Address]] = defaultdict(set)
        for instance, addresses in needed.items():
            merged[tuple(instance[position] for position in kept)] |= addresses
        return merged

    def _inputs(self, operand: Operand, trace: Trace) -> None:
        levels = self.sub.levels(operand)
        for _, active in trace:
            fed: dict[Instance, set[Address]] = defaultdict(set)
            for where, index in active:
                address = self.address(operand, index)
                if address is not None:
                    fed[self.instance(levels[0], where)].add(address)
            self.counts[levels[0].name, operand, "read", "compute", 0] += sum(
                map(len, fed.values())
            )
        for level, (child, parent) in enumerate(itertools.pairwise(levels)):
            held: dict[Instance, set[Address]] = {}
            last: tuple[int, ...] | None = None
            for outer, needed in self._tiles(operand, level, trace):
                if self._slides(operand, level, last, outer):
                    missing = {i: needed[i] - held.get(i, set()) for i in needed}
                else:
                    missing = needed
                held, last = needed, outer
                for addresses in needed.values():
                    self._hold(child, operand, addresses)
                self.counts[child.name, operand, "write", "fill", level] += sum(
                    map(len, missing.values())
                )
                self.counts[parent.name, operand, "read", "fill", level] += sum(
                    map(len, self._parents(parent, child, missing).values())
                )

    def _slides(
        self, operand: Operand, level: int, last: tuple[int, ...] | None, outer: tuple[int, ...]
    ) -> bool:
        """Whether only the next outer loop has advanced by one, along which the level slides."""
        memory = self.sub.levels(operand)[level]
        inside = self.mapping.hoisted(operand, level)
        if operand != "I" or not memory.sliding or self.mapping.reload or last is None:
            return False
        if last[1:] != outer[1:] or outer[0] != last[0] + 1:
            return False
        feeders = self.mapping.boundaries[1][level + 1 : level + 2]
        if feeders and feeders[0] <= inside:
            return False  # the level that feeds this one changes its whole tile
        dim = self.mapping.temporal[inside].dim
        pair = next((p for p in PAIRS if dim in p), None)
        return pair is not None and not any(
            u.dim in pair and u.factor > 1 and u.axis not in memory.shared
            for u in self.mapping.spatial
        )

    def _outputs(self, trace: Trace) -> None:
        levels = self.sub.levels("O")
        inner = levels[0]
        # Partial sums present in each innermost instance: accumulated onto, or refilled.
        for level, (child, parent) in enumerate(itertools.pairwise(levels)):
            seen: dict[Instance, set[Address]] = defaultdict(set)
            for _, needed in self._tiles("O", level, trace):
                for addresses in needed.values():
                    self._hold(child, "O", addresses)
                self._count(child, "read", "drain", level, needed)
                merged = self._parents(parent, child, needed)
                self._count(parent, "write", "drain", level, merged)
                back = {i: addresses & seen[i] for i, addresses in merged.items()}
                self._count(parent, "read", "refill", level, back)
                self._count(child, "write", "refill", level, back)
                for i, addresses in merged.items():
                    seen[i] |= addresses
        self._accumulate(inner, trace)

    def _accumulate(self, inner: Memory, trace: Trace) -> None:
        """Updates of the innermost level; the first after a fresh start reads nothing."""
        levels = self.sub.levels("O")
        inside = self.mapping.hoisted("O", 0) if len(levels) > 1 else len(self.mapping.temporal)
        seen: set[tuple[Instance, Address]] = set()  # by the parent, in earlier tiles
        for _, group in itertools.groupby(trace, key=lambda item: item[0][inside:]):
            present: set[tuple[Instance, Address]] = set()
            touched: set[tuple[Instance, Address]] = set()
            for _, active in group:
                updates: set[tuple[Instance, Instance, Address]] = set()
                for where, index in active:
                    address = self.address("O", index)
                    assert address is not None
                    parent = self.instance(levels[1], where) if len(levels) > 1 else ()
                    updates.add((self.instance(inner, where), parent, address))
                for child, parent, address in sorted(updates):
                    # A partial sum comes back once, to the first instance that asks for it.
                    if (parent, address) in seen and (parent, address) not in touched:
                        present.add((child, address))
                    touched.add((parent, address))
                    self.counts[inner.name, "O", "write", "compute", 0] += 1
                    if (child, address) in present:
                        self.counts[inner.name, "O", "read", "compute", 0] += 1
                    present.add((child, address))
            seen |= touched

    def _hold(self, memory: Memory, operand: Operand, addresses: set[Address]) -> None:
        held = self.most_held[memory.name, operand]
        self.most_held[memory.name, operand] = max(held, len(addresses))

    def _count(
        self,
        memory: Memory,
        direction: str,
        purpose: str,
        level: int,
        sets: dict[Instance, set[Address]],
    ) -> None:
        self.counts[memory.name, "O", direction, purpose, level] += sum(map(len, sets.values()))
