"""What no mapping can beat: the roofline of a loop nest on a sub-accelerator."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from ..frontend.nest import OPERANDS, Operand
from .problem import Problem
from .result import Objective, valued


@dataclass(frozen=True, slots=True)
class Roofline:
    """Lower bounds of one nest.

    Attributes:
        cycles: all PEs busy all the time, or the DRAM with every operand once.
        memory_bound: the DRAM is the longer of the two.
        read_bits, write_bits: by (memory, operand), the least traffic: every operand crosses
            every level once, and one access of the innermost level serves all PEs that share it.
        energy: pJ of that traffic, the multiply-accumulates, and the leakage of those cycles.
    """

    cycles: int
    memory_bound: bool
    read_bits: dict[tuple[str, Operand], int]
    write_bits: dict[tuple[str, Operand], int]
    energy: float

    def of(self, objective: Objective) -> float:
        """The bound in the unit of an objective."""
        return valued(objective, self.cycles, self.energy)


def roofline(problem: Problem) -> Roofline:
    """The roofline of a problem (Williams, Waterman and Patterson 2009), on exact least traffic."""
    nest, sub, dram = problem.nest, problem.sub, problem.sub.dram
    bits = {operand: nest.elements(operand) * problem.bits.of(operand) for operand in OPERANDS}
    read: dict[tuple[str, Operand], int] = {}
    written: dict[tuple[str, Operand], int] = {}
    for operand in OPERANDS:
        levels = sub.levels(operand)
        for child, parent in itertools.pairwise(levels):
            source, sink = (child, parent) if operand == "O" else (parent, child)
            read[source.name, operand] = bits[operand]
            written[sink.name, operand] = bits[operand]
        inner = levels[0]
        shared = math.prod(axis.size for axis in sub.axes if axis.name in inner.shared)
        if operand == "W":
            read[inner.name, "W"] = read.get((inner.name, "W"), 0) + (
                nest.macs * problem.bits.W // shared
            )
        elif operand == "O":
            written[inner.name, "O"] = nest.macs * problem.psum_bits // shared
    incoming, outgoing = bits["W"] + bits["I"], bits["O"]
    if dram.one_port:
        transfer = (incoming + outgoing) / dram.read_bandwidth
    else:
        transfer = max(incoming / dram.read_bandwidth, outgoing / dram.write_bandwidth)
    compute = -(-nest.macs * sub.cycles_per_mac // sub.pes)
    cycles = max(compute, math.ceil(transfer))
    by_name = {memory.name: memory for memory in sub.memories}
    energy = nest.macs * sub.mac_energy + problem.leakage * cycles
    energy += sum(by_name[name].read_energy * n for (name, _), n in read.items())
    energy += sum(by_name[name].write_energy * n for (name, _), n in written.items())
    return Roofline(cycles, transfer > compute, read, written, energy)
