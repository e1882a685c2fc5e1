"""Costs of one layer on many variants of a sub-accelerator: `layers`, by arithmetic on arrays.

A loop nest takes, of a set of mappings, the best one that is legal on each variant. Vector work and
data movement have no mapping; they cost what they do everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..dataflows.accelerator import Memory, SubAccelerator
from ..frontend.graph import ComputeLayer, FusedWork, LayerGraph, MoveLayer, VectorLayer
from .layers import tensor_bits
from .rates import Counts, Flags, Integers, Rates, Reals
from .result import Objective
from .slices import Slices, slices
from .streamed import deployed_bits, shared_buffer

#: Cycles where nothing is legal: more than any schedule takes, and sums of it do not overflow.
NEVER = 1 << 48


@dataclass(frozen=True, eq=False)
class VariantCosts:
    """Of one layer on O variants; all arrays have the shape (O,).

    Attributes:
        feasible: whether a mapping is legal; elsewhere cycles are `NEVER` and energies infinite.
        cycles: from the first fetch to the last write, at least 1.
        energy: pJ without leakage.
        resident: whether the first input can lie on chip already, at these costs:
        resident_cycles, resident_energy: with all that is fused into the layer.
        room_in, room_out: bits that its tiles leave free where its input and output can stay.
        written: bits of the output that go to the DRAM.
    """

    feasible: Flags
    cycles: Integers
    energy: Reals
    resident: Flags
    resident_cycles: Integers
    resident_energy: Reals
    room_in: Reals
    room_out: Reals
    written: Reals


def value(cycles: Integers, energy: Reals, leakage: Reals, objective: Objective) -> Reals:
    """(O,) what mappings are compared by; energy without leakage, pJ; leakage in pJ per cycle."""
    whole: Reals = energy + leakage * cycles
    match objective:
        case "latency":
            return cycles.astype(np.float64)
        case "energy":
            return whole
        case "edp":
            return whole * cycles


def best_of(
    mappings: Sequence[Counts], rates: Rates, objective: Objective
) -> tuple[npt.NDArray[np.intp], Reals]:
    """(O,) number of the best legal mapping for each variant, the first of equals, and its value.

    The value is infinite where none is legal.
    """
    chosen, best = np.zeros(len(rates), np.intp), np.full(len(rates), np.inf)
    for number, counts in enumerate(mappings):
        rows = np.flatnonzero(counts.fits(rates))
        if not len(rows):
            continue
        here = rates if len(rows) == len(rates) else rates.taken(rows)
        found = value(counts.cycles(here), counts.energy(here), here.leakage, objective)
        better = found < best[rows]
        chosen[rows[better]], best[rows[better]] = number, found[better]
    return chosen, best


def nest_costs(
    layer: ComputeLayer, mappings: Sequence[Counts], rates: Rates, objective: Objective
) -> VariantCosts:
    """Of a loop nest with what is fused into it."""
    chosen, best = best_of(mappings, rates, objective)
    feasible = np.isfinite(best)
    costs = _nothing(len(rates), feasible)
    work = _Fused(layer, rates.sub)
    for number in np.unique(chosen[feasible]):
        rows = np.flatnonzero(feasible & (chosen == number))
        here, counts = rates.taken(rows), mappings[number]
        cycles, energy = counts.cycles(here), counts.energy(here)
        costs.written[rows] = counts.dram_written
        for rooms, operand, taken in (
            (costs.room_in, "I", counts.kept[0]),
            (costs.room_out, "O", counts.kept[1]),
        ):
            keeper = here.sub.keeper(operand)  # type: ignore[arg-type]
            if keeper is not None:
                rooms[rows] = here.size[:, here.place[keeper.name]] - taken
        costs.cycles[rows], costs.energy[rows] = work.added(cycles, energy, counts, here)
        if counts.resident is not None:
            there = counts.resident
            staying = np.minimum(cycles, there.cycles(here))
            costs.resident[rows] = True
            costs.resident_cycles[rows], costs.resident_energy[rows] = work.added(
                staying, there.energy(here), there, here
            )
    return costs


def streamed_costs(layer: VectorLayer | MoveLayer, graph: LayerGraph, rates: Rates) -> VariantCosts:
    """Of a layer without a loop nest (`streamed.streamed_cost`)."""
    sub = rates.sub
    read, write = deployed_bits(layer, graph, sub)
    work: tuple[FusedWork, ...] = ()
    if isinstance(layer, VectorLayer):
        read += sum(item.read_bits for item in layer.fused)
        work = (FusedWork(layer.work), *layer.fused)
    first = tensor_bits(graph, layer.inputs[0], sub.precision.I) if layer.inputs else 0
    costs = _nothing(len(rates), np.ones(len(rates), np.bool_))
    sliced = slices(layer, graph, sub)
    costs.cycles[:], costs.energy[:] = _streamed(read, read, write, work, rates, sliced)
    fetched = max(0, read - first)
    costs.resident[:] = True
    costs.resident_cycles[:], costs.resident_energy[:] = _streamed(
        read, fetched, write, work, rates, sliced.with_first_there()
    )
    costs.written[:] = write + sliced.write
    for rooms, operand in ((costs.room_in, "I"), (costs.room_out, "O")):
        keeper = sub.keeper(operand)  # type: ignore[arg-type]
        if keeper is not None:
            rooms[:] = rates.size[:, rates.place[keeper.name]] // 2
    return costs


def _nothing(count: int, feasible: Flags) -> VariantCosts:
    """To be filled in: nothing legal, nothing on chip."""
    return VariantCosts(
        feasible,
        np.full(count, NEVER, np.int64),
        np.full(count, np.inf),
        np.zeros(count, np.bool_),
        np.full(count, NEVER, np.int64),
        np.full(count, np.inf),
        *(np.zeros(count) for _ in range(3)),
    )


class _Fused:
    """Vector work on a loop nest's outputs, done as they leave (`LayerCost.with_fused`)."""

    def __init__(self, layer: ComputeLayer, sub: SubAccelerator) -> None:
        self.work = layer.fused
        scale = min(layer.bits.O, sub.precision.O) / layer.bits.O
        self.extra = math.ceil(sum(work.read_bits for work in layer.fused) * scale)

    def added(
        self, cycles: Integers, energy: Reals, counts: Counts, rates: Rates
    ) -> tuple[Integers, Reals]:
        if not self.work:
            return np.maximum(1, cycles), energy
        dram = rates.place[rates.sub.dram.name]
        energy = energy + _vector_energy(self.work, rates)
        energy = energy + self.extra * rates.read_energy[:, dram]
        read, written = counts.dram_read + self.extra, counts.dram_written
        busy = np.ceil(rates.port_time(dram, read, written)).astype(np.int64)
        longest = np.maximum(np.maximum(cycles, _vector_cycles(self.work, rates)), busy)
        return np.maximum(1, longest), energy


def _streamed(
    read: int, fetched: int, write: int, work: tuple[FusedWork, ...], rates: Rates, sliced: Slices
) -> tuple[Integers, Reals]:
    """(O,) cycles and pJ: bits read on chip, of them fetched from the DRAM, and bits written."""
    sub, dram = rates.sub, rates.place[rates.sub.dram.name]
    moved, stored = fetched + sliced.read, write + sliced.write
    energy = moved * rates.read_energy[:, dram] + stored * rates.write_energy[:, dram]
    for operand, brought, taken in (("I", fetched, read), ("O", write, write)):
        buffer: Memory | None = shared_buffer(sub, operand)  # type: ignore[arg-type]
        if buffer is not None:
            place = rates.place[buffer.name]
            energy = energy + brought * rates.write_energy[:, place]
            energy = energy + taken * rates.read_energy[:, place]
    busy = np.ceil(rates.port_time(dram, moved, stored)).astype(np.int64)
    if not work:
        return np.maximum(1, busy), energy
    working = _vector_cycles(work, rates, sliced.share)
    cycles = np.maximum(busy, working)
    if sliced.turns:
        ways = (rates.port_time(dram, moved, 0), rates.port_time(dram, 0, stored))
        cycles = working + sum(np.ceil(way).astype(np.int64) for way in ways)
    return np.maximum(1, cycles), energy + _vector_energy(work, rates)


def _vector_cycles(work: tuple[FusedWork, ...], rates: Rates, share: int = 1) -> Integers:
    simple = sum(item.work.simple_ops for item in work)
    special = sum(item.work.special_ops for item in work)
    lanes = np.maximum(1, rates.lanes // share)
    cycles: Integers = -(-(simple + special * rates.special_cycles) // lanes)
    return cycles


def _vector_energy(work: tuple[FusedWork, ...], rates: Rates) -> Reals:
    simple = sum(item.work.simple_ops for item in work)
    special = sum(item.work.special_ops for item in work)
    energy: Reals = simple * rates.simple_energy + special * rates.special_energy
    return energy
