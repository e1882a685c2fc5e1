"""The cost of a layer without a loop nest: vector work and moves, whose data streams through."""

from __future__ import annotations

import math
from dataclasses import replace

from ..dataflows.accelerator import Accelerator, Memory, SubAccelerator
from ..frontend.graph import FusedWork, LayerGraph, MoveLayer, VectorLayer
from ..frontend.nest import Operand
from .layers import (
    LayerCost,
    Traffic,
    dram_cycles,
    leakage_per_cycle,
    memory_energy,
    tensor_bits,
    vector_cycles,
    vector_energy,
)
from .slices import Slices, slices


def room_while_streaming(sub: SubAccelerator) -> tuple[int, int]:
    """The same for a layer without a loop nest: half of the memory, the rest streams."""

    def free(operand: Operand) -> int:
        keeper = sub.keeper(operand)
        return 0 if keeper is None else (keeper.size_bits or 0) // 2

    return free("I"), free("O")


def streamed_cost(
    layer: VectorLayer | MoveLayer, graph: LayerGraph, sub: SubAccelerator, accelerator: Accelerator
) -> LayerCost:
    """The cost of a layer without a loop nest.

    Its data comes from DRAM, passes the outermost on-chip memories that all PEs share (written
    and read once each way) and the vector unit, and returns; all of it overlaps.
    """
    read, write = deployed_bits(layer, graph, sub)
    fused = layer.fused if isinstance(layer, VectorLayer) else ()
    work: tuple[FusedWork, ...] = fused
    if isinstance(layer, VectorLayer):
        work = (FusedWork(layer.work), *fused)
        read += sum(item.read_bits for item in fused)
    first = tensor_bits(graph, layer.inputs[0], sub.precision.I) if layer.inputs else 0
    sliced = slices(layer, graph, sub)
    leakage = leakage_per_cycle(accelerator)
    cost = _streamed(read, read, write, work, sub, leakage, sliced)
    return replace(
        cost,
        fused=tuple(item.work.op for item in fused),
        room=room_while_streaming(sub),
        resident=_streamed(
            read, max(0, read - first), write, work, sub, leakage, sliced.with_first_there()
        ),
    )


def _streamed(
    read: int,
    fetched: int,
    write: int,
    work: tuple[FusedWork, ...],
    sub: SubAccelerator,
    leakage: float,
    sliced: Slices,
) -> LayerCost:
    """Bits read on chip, of them fetched from the DRAM, and bits written."""
    traffic: Traffic = {
        (sub.dram.name, "I", "read"): fetched + sliced.read,
        (sub.dram.name, "O", "write"): write + sliced.write,
    }
    passages: tuple[tuple[Operand, int, int], ...] = (("I", fetched, read), ("O", write, write))
    for operand, brought, taken in passages:
        buffer = shared_buffer(sub, operand)
        if buffer is not None:
            traffic[buffer.name, operand, "write"] = brought
            traffic[buffer.name, operand, "read"] = taken
    energy = memory_energy(traffic, sub)
    busy = dram_cycles(traffic, sub.dram)
    cycles = vector_cycles(work, sub, sliced.share)
    longest = max(busy, cycles)
    if sliced.turns:
        reads = {key: bits for key, bits in traffic.items() if key[2] == "read"}
        writes = {key: bits for key, bits in traffic.items() if key[2] == "write"}
        longest = cycles + dram_cycles(reads, sub.dram) + dram_cycles(writes, sub.dram)
    if work:
        energy["vector"] = vector_energy(work, sub)
    bound = "vector" if cycles > busy else f"memory:{sub.dram.name}"
    return LayerCost(sub, longest, energy, traffic, bound, leakage)


def deployed_bits(
    layer: VectorLayer | MoveLayer, graph: LayerGraph, sub: SubAccelerator
) -> tuple[int, int]:
    """Bits read and written at the widths that the datapath keeps activations in."""

    def scale(names: tuple[str, ...], limit: int) -> float:
        widths = [graph.tensors[name].bits for name in names if name in graph.tensors]
        return min(1.0, limit / max(widths)) if widths else 1.0

    return (
        math.ceil(layer.read_bits * scale(layer.inputs, sub.precision.I)),
        math.ceil(layer.write_bits * scale((layer.output,), sub.precision.O)),
    )


def shared_buffer(sub: SubAccelerator, operand: Operand) -> Memory | None:
    """The outermost on-chip memory of an operand, if all PEs share it."""
    for memory in reversed(sub.levels(operand)[:-1]):
        if sub.instances(memory) == 1:
            return memory
    return None
