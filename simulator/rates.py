"""A mapping's cost on many variants of a sub-accelerator at once.

What a mapping counts (bits per memory, steps, tiles) does not depend on how large or fast the
hardware is, as long as the mapping is legal there. `Counts` are those numbers; `Rates` holds
sizes, bandwidths and energies of variants that have the same `structure`. Together they give what
`cost.Evaluation` gives for each of the variants, by arithmetic on arrays: the cost of a thousand
variants takes about as long as that of one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..dataflows.accelerator import Memory, SubAccelerator
from ..frontend.nest import OPERANDS, Operand
from .accesses import replaced
from .cost import Evaluation
from .mapping import Mapping
from .problem import Problem

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def structure(sub: SubAccelerator) -> Hashable:
    """What variants have to share so that a mapping counts alike on them."""
    memories = tuple(
        (
            memory.name,
            memory.operands,
            memory.shared,
            memory.one_port,
            memory.buffering,
            memory.sliding,
            memory.complete_outputs,
            tuple(sorted((operand, dims) for operand, dims in memory.tiled.items())),
            memory.swaps_with,
            memory.size_bits is None,
            sub.instances(memory) > 1,
        )
        for memory in sub.memories
    )
    axes = tuple((axis.name, axis.dims, axis.most) for axis in sub.axes)
    skew = (sub.skew.per, sub.skew.operand)
    bursts = sub.dram.bursts
    lines = None if bursts is None else (bursts.burst_bits, bursts.layout)
    window = sub.vector.window_bits  # how wide slices are depends on the lanes as well
    vector = (sub.vector.pixels, window, lines, None if window is None else sub.vector.lanes)
    return memories, axes, sub.precision, sub.cycles_per_mac, skew, sub.dram_reserved, vector


@dataclass(frozen=True, eq=False)
class Rates:
    """O variants of a sub-accelerator with M memories and A axes.

    Attributes:
        sub: one of them, which stands for the structure.
        size: (O, M) bits, infinite where unbounded.
        read_bandwidth, write_bandwidth: (O, M) bits per cycle.
        read_energy, write_energy, transfer_energy: (O, M) pJ per bit.
        axes: (O, A) PEs along each axis.
        skew: (O,) cycles to fill and drain the array.
        mac_energy: (O,) pJ. leakage: (O,) pJ per cycle of the sub-accelerator alone.
        area: (O,) mm². pes: (O,).
        lanes, special_cycles: (O,) of the vector unit. simple_energy, special_energy: (O,) pJ.
    """

    sub: SubAccelerator
    size: Reals
    read_bandwidth: Reals
    write_bandwidth: Reals
    read_energy: Reals
    write_energy: Reals
    transfer_energy: Reals
    axes: Integers
    skew: Integers
    mac_energy: Reals
    leakage: Reals
    area: Reals
    pes: Integers
    lanes: Integers
    special_cycles: Integers
    simple_energy: Reals
    special_energy: Reals

    def __len__(self) -> int:
        return len(self.pes)

    @cached_property
    def place(self) -> dict[str, int]:
        """Number of each memory."""
        return {memory.name: n for n, memory in enumerate(self.sub.memories)}

    @staticmethod
    def of(subs: Sequence[SubAccelerator], clock_hz: float) -> Rates:
        """Variants of one `structure`; ValueError where they differ in it."""
        if len({structure(sub) for sub in subs}) != 1:
            raise ValueError("expected sub-accelerators of one structure")

        def reals(name: str) -> Reals:
            return np.array([[getattr(m, name) for m in sub.memories] for sub in subs], np.float64)

        size = [
            [math.inf if m.size_bits is None else m.size_bits for m in sub.memories] for sub in subs
        ]
        return Rates(
            subs[0],
            np.array(size, np.float64),
            reals("read_bandwidth"),
            reals("write_bandwidth"),
            reals("read_energy"),
            reals("write_energy"),
            reals("transfer_energy"),
            np.array([[axis.size for axis in sub.axes] for sub in subs], np.int64),
            np.array([sub.skew.cycles for sub in subs], np.int64),
            np.array([sub.mac_energy for sub in subs]),
            np.array([leakage_of(sub) * 1e9 / clock_hz for sub in subs]),
            np.array([area_of(sub) for sub in subs]),
            np.array([sub.pes for sub in subs], np.int64),
            np.array([sub.vector.lanes for sub in subs], np.int64),
            np.array([sub.vector.special_cycles for sub in subs], np.int64),
            np.array([sub.vector.simple_energy for sub in subs]),
            np.array([sub.vector.special_energy for sub in subs]),
        )

    def with_dram_bandwidth(self, bandwidth: Reals) -> Rates:
        """The same with other parts of the DRAM's bandwidth, (O,) bits per cycle."""
        dram = self.place[self.sub.dram.name]
        read, write = self.read_bandwidth.copy(), self.write_bandwidth.copy()
        read[:, dram] = write[:, dram] = bandwidth
        return replace(self, read_bandwidth=read, write_bandwidth=write)

    def taken(self, rows: npt.NDArray[np.intp]) -> Rates:
        """Some of the variants, or some several times."""
        names = [n for n in self.__dataclass_fields__ if n != "sub"]
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def port_time(self, memory: int, read: Reals | float, written: Reals | float) -> Reals:
        """(O,) cycles that the busier direction of a memory takes."""
        if self.sub.memories[memory].one_port:
            return np.asarray((read + written) / self.read_bandwidth[:, memory])
        return np.maximum(
            read / self.read_bandwidth[:, memory], written / self.write_bandwidth[:, memory]
        )


def leakage_of(sub: SubAccelerator) -> float:
    """mW that a sub-accelerator leaks."""
    memories = sum(memory.leakage_mw for memory in sub.memories)
    return sub.mac_leakage_mw + sub.vector.leakage_mw + memories


def area_of(sub: SubAccelerator) -> float:
    """mm² of a sub-accelerator."""
    memories = sum(memory.area_mm2 for memory in sub.memories)
    return sub.mac_area_mm2 + sub.vector.area_mm2 + memories


@dataclass(frozen=True, eq=False)
class Counts:
    """What one mapping of one loop nest counts; memories by number.

    Attributes:
        used: (A,) PEs along each axis.
        need: (M,) bits of the tiles in one instance.
        macs: multiply-accumulates. steps, folds: cycles of compute, and of fills of the array.
        read, written, carried: (M,) bits of all instances, and bits over the network to them.
        read_load, write_load: (M,) bits through the fullest instance's port, first tiles left out.
        around: (bits, source, bits, sink) of transfers before and after the steady state.
        stalls: (child, bits, source, bits, sink) of transfers for which what is inside waits.
        dram_read, dram_written: bits.
        kept: bits of tiles where inputs, and where outputs, could stay on chip.
        resident: the same mapping where the inputs are on chip already; None where they cannot be.
    """

    used: Integers
    need: Reals
    macs: int
    steps: int
    folds: int
    read: Reals
    written: Reals
    carried: Reals
    read_load: Reals
    write_load: Reals
    around: tuple[tuple[float, int, float, int], ...]
    stalls: tuple[tuple[int, float, int, float, int], ...]
    dram_read: int
    dram_written: int
    kept: tuple[int, int] = (0, 0)
    resident: Counts | None = None

    def fits(self, rates: Rates) -> Flags:
        """(O,) whether the mapping is legal."""
        fits: Flags = np.all(self.need <= rates.size, axis=1)
        fits &= np.all(self.used <= rates.axes, axis=1)
        return fits

    def cycles(self, rates: Rates) -> Integers:
        """(O,) from the first fetch to the last write."""
        count = len(rates)
        around = np.zeros(count)
        for given, source, taken, sink in self.around:
            around += _transfer(rates, given, source, taken, sink)
        serial = np.zeros((len(rates.sub.memories), count))
        for child, given, source, taken, sink in self.stalls:
            serial[child] += _transfer(rates, given, source, taken, sink)
        time = (self.steps + rates.skew * self.folds).astype(np.float64)
        for memory in range(len(rates.sub.memories)):
            time = time + serial[memory]
            read, written = self.read_load[memory], self.write_load[memory]
            time = np.maximum(time, rates.port_time(memory, read, written))
        return np.ceil(around + time).astype(np.int64)

    def energy(self, rates: Rates) -> Reals:
        """(O,) pJ, multiply-accumulates included, without leakage."""
        found: Reals = self.macs * rates.mac_energy
        return (
            found
            + rates.read_energy @ self.read
            + rates.write_energy @ self.written
            + rates.transfer_energy @ self.carried
        )


def _transfer(rates: Rates, given: float, source: int, taken: float, sink: int) -> Reals:
    return np.maximum(
        given / rates.read_bandwidth[:, source], taken / rates.write_bandwidth[:, sink]
    )


def counts_of(problem: Problem, mapping: Mapping) -> Counts:
    """What a mapping counts."""
    evaluation = _Counting(problem, mapping)
    there = evaluation.inputs_there()
    resident = None if there is None else there.counts()
    return replace(evaluation.counts(), kept=evaluation.beside(), resident=resident)


class _Counting(Evaluation):
    """Takes an evaluation apart: bits in place of cycles and pJ."""

    def counts(self) -> Counts:
        memories = self.sub.memories
        self.number = {memory.name: n for n, memory in enumerate(memories)}
        self.loads: dict[bool, Reals] = {
            way: np.array([float(self.load(m, write=way)) for m in memories])
            for way in (False, True)
        }
        self.firsts: list[tuple[float, int, float, int]] = []
        self.waits: list[tuple[int, float, int, float, int]] = []
        for operand, level, child, parent in self.links:
            if replaced(self.counter, operand, level) and not self._doubled(operand, level):
                self._note_stall(operand, level, child, parent)
            elif operand == "O":
                self._note_first(*self._last_ends(level, child, parent), child, parent)
            else:
                self._note_first(*self._first_ends(operand, level, child, parent), parent, child)
        read, written, carried = self._bits()
        dram = self.number[self.sub.dram.name]
        return Counts(
            self._used(),
            self._need(),
            self.problem.nest.macs,
            self.compute_cycles(),
            self._folds(),
            read,
            written,
            carried,
            self.loads[False],
            self.loads[True],
            tuple(self.firsts),
            tuple(self.waits),
            int(read[dram]),
            int(written[dram]),
        )

    def _used(self) -> Integers:
        used = {axis.name: 1 for axis in self.sub.axes}
        for unroll in self.mapping.spatial:
            used[unroll.axis] *= unroll.factor
        return np.array(list(used.values()), np.int64)

    def _need(self) -> Reals:
        need = np.zeros(len(self.sub.memories))
        for operand in OPERANDS:
            for level, memory in enumerate(self.sub.levels(operand)[:-1]):
                need[self.number[memory.name]] += self.tile_bits(operand, level, memory)
        return need

    def _bits(self) -> tuple[Reals, Reals, Reals]:
        read, written, carried = (np.zeros(len(self.sub.memories)) for _ in range(3))
        children = {(operand, level): child.name for operand, level, child, _ in self.links}
        for access in self.accesses:
            bits = access.bits * access.elements
            (written if access.write else read)[self.number[access.memory]] += bits
            at_child = access.write == (access.purpose in ("fill", "refill"))
            if access.purpose != "compute" and at_child:
                child = children.get((access.operand, access.level))
                if child is not None:
                    carried[self.number[child]] += bits
        return read, written, carried

    def _note_first(self, given: float, taken: float, source: Memory, sink: Memory) -> None:
        """What moves before or after the steady state leaves the ports' load."""
        start, end = self.number[source.name], self.number[sink.name]
        self.firsts.append((given, start, taken, end))
        self.loads[False][start] -= given
        self.loads[True][end] -= taken

    def _note_stall(self, operand: Operand, level: int, child: Memory, parent: Memory) -> None:
        ways = [("drain", child, parent), ("refill", parent, child)]
        if operand != "O":
            ways = [("fill", parent, child)]
        for purpose, source, sink in ways:
            given = self.transfer(operand, level, purpose, write=False)
            taken = self.transfer(operand, level, purpose, write=True)
            ends = self.number[source.name], self.number[sink.name]
            self.waits.append((self.number[child.name], given, ends[0], taken, ends[1]))
