"""The cost of one layer: a mapped loop nest with what is fused into it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from ..dataflows.accelerator import Accelerator, Memory, SubAccelerator
from ..frontend.graph import ComputeLayer, FusedWork, Layer, LayerGraph, MoveLayer, VectorLayer
from ..frontend.nest import DIMS, LoopNest, Operand, OperandBits
from .bounds import roofline
from .cache import MappingCache
from .cost import Evaluation
from .lowering import lower as lower_program
from .mapper import EffortName
from .mapping import Mapping
from .packing import execute
from .problem import Hardware, Problem
from .rates import leakage_of
from .result import Fidelity, Kind, LayerResult, Objective, valued
from .summaries import MappedLoops, mapped_loops

Traffic = dict[tuple[str, Operand, str], int]


@dataclass(frozen=True)
class LayerCost:
    """What a layer costs on one sub-accelerator.

    Attributes:
        sub: the sub-accelerator, in the mode that it runs in.
        cycles: from its first fetch to its last write.
        energy: pJ by component.
        traffic: bits by (memory, operand, `read` or `write`).
        bound: `compute`, `vector` or `memory:<level>`.
        room: bits that the layer's tiles leave free where its input and where its output can stay
            on chip (`SubAccelerator.keeper`); only where that was asked for.
        resident: the cost where its first input lies there already, None where it cannot.
        leakage: pJ per cycle; energy holds no leakage yet, `result` adds it.
        Others as of `LayerResult`.
    """

    sub: SubAccelerator
    cycles: int
    energy: dict[str, float]
    traffic: Traffic
    bound: str
    leakage: float
    macs: int = 0
    mapping: str = ""
    optimal: bool = False
    lower_bound: float = 0.0
    note: str = ""
    fused: tuple[str, ...] = field(default=())
    room: tuple[int, int] = (0, 0)
    resident: LayerCost | None = None
    loops: MappedLoops | None = None

    def value(self, objective: Objective) -> float:
        """The layer's share of an objective."""
        energy = sum(self.energy.values()) + self.leakage * self.cycles
        return valued(objective, self.cycles, energy)

    def with_fused(
        self, layer: ComputeLayer, sub: SubAccelerator, accelerator: Accelerator
    ) -> LayerCost:
        """The same with the vector work on the layer's outputs, done as they leave.

        Vector work overlaps with the loop nest; its further operands share the DRAM's port.
        """
        if not layer.fused:
            return self
        scale = min(layer.bits.O, sub.precision.O) / layer.bits.O
        extra = math.ceil(sum(work.read_bits for work in layer.fused) * scale)
        energy, traffic = dict(self.energy), dict(self.traffic)
        cycles = vector_cycles(layer.fused, sub)
        energy["vector"] = energy.get("vector", 0.0) + vector_energy(layer.fused, sub)
        dram = sub.dram
        if extra:
            key = f"{dram.name}.I.read"
            energy[key] = energy.get(key, 0.0) + extra * dram.read_energy
            traffic[dram.name, "I", "read"] = traffic.get((dram.name, "I", "read"), 0) + extra
        busy = dram_cycles(traffic, dram)
        longest, bound = self.cycles, self.bound
        if cycles > longest:
            longest, bound = cycles, "vector"
        if busy > longest:
            longest, bound = busy, f"memory:{dram.name}"
        return replace(
            self,
            cycles=longest,
            energy=energy,
            traffic=traffic,
            bound=bound,
            fused=tuple(work.work.op for work in layer.fused),
            resident=self.resident and self.resident.with_fused(layer, sub, accelerator),
        )

    def result(self, graph: LayerGraph, layer: Layer, start: int) -> LayerResult:
        """As an entry of a result."""
        dims: dict[str, int] = {}
        if isinstance(layer, ComputeLayer):
            dims.update(zip(DIMS, layer.nest.sizes, strict=True))
        energy = dict(self.energy)
        if self.leakage:
            energy["leakage"] = self.leakage * self.cycles
        dram = self.sub.dram.name
        dram_bits = sum(bits for (memory, _, _), bits in self.traffic.items() if memory == dram)
        return LayerResult(
            name=layer.name,
            model=graph.name,
            op=layer.op,
            kind=_kind(layer),
            dims=dims,
            sub_accelerator=self.sub.name,
            start_cycle=start,
            cycles=self.cycles,
            energy_by_component={name: pj for name, pj in energy.items() if pj},
            macs=self.macs,
            dram_bytes=-(-dram_bits // 8),
            utilization=self.macs / (self.cycles * self.sub.pes) if self.cycles else 0.0,
            bound=self.bound,
            traffic={".".join(key): bits for key, bits in self.traffic.items() if bits},
            mapping=self.mapping,
            optimal=self.optimal,
            lower_bound=self.lower_bound,
            fused=self.fused,
            note=self.note,
            mode=self.sub.mode,
            loops=self.loops,
            inputs=graph.sources[layer.name],
        )


def _kind(layer: Layer) -> Kind:
    match layer:
        case ComputeLayer():
            return "compute"
        case VectorLayer():
            return "vector"
        case MoveLayer():
            return "move"


def leakage_per_cycle(accelerator: Accelerator) -> float:
    """pJ that the whole chip leaks in a cycle."""
    milliwatts = sum(leakage_of(sub) for sub in accelerator.sub_accelerators)
    return milliwatts * 1e9 / accelerator.clock_hz


def problem_of(layer: ComputeLayer, sub: SubAccelerator, accelerator: Accelerator) -> Problem:
    """A layer's loop nest at the widths that the datapath takes."""
    return deployed(layer.nest, layer.bits, sub, leakage_per_cycle(accelerator))


def deployed(
    nest: LoopNest,
    widths: OperandBits,
    sub: SubAccelerator,
    leakage: float,
    hardware: Hardware | None = None,
) -> Problem:
    """A loop nest at the widths that the datapath takes; the chip leaks `leakage` pJ a cycle."""
    bits = OperandBits(
        min(widths.W, sub.precision.W),
        min(widths.I, sub.precision.I),
        min(widths.O, sub.precision.O),
    )
    return Problem(nest, bits, max(sub.precision.psum, bits.O), sub, leakage, hardware)


def compute_cost(
    problem: Problem,
    objective: Objective,
    fidelity: Fidelity,
    effort: EffortName,
    cache: MappingCache,
    *,
    keeping: bool = False,
) -> LayerCost:
    """The cost of a loop nest alone; its mapping comes from the cache.

    Args:
        keeping: whether `room` and `resident` are wanted.

    Raises:
        NoMappingError: no mapping is legal.
    """
    sub = problem.sub
    loops: MappedLoops | None = None
    if fidelity == "roofline":
        least = roofline(problem)
        read, written, network = least.read_bits, least.write_bits, 0.0
        bound = f"memory:{sub.dram.name}" if least.memory_bound else "compute"
        cycles, text, optimal, lower = least.cycles, "", False, least.of(objective)
    else:
        found = cache.map(problem, objective, effort)
        cost = found.cost
        read, written, network = cost.read_bits, cost.write_bits, cost.network_energy
        text, optimal, lower = found.mapping.describe(sub), found.optimal, found.lower_bound
        loops = mapped_loops(problem, found.mapping)
        cycles, limit = cost.cycles, cost.bound
        if fidelity == "cycle":
            timing = execute(lower_program(problem, found.mapping))
            cycles, limit = timing.cycles, timing.bound
            # The proof is one of the analytic model; what holds for any machine is the roofline.
            optimal, lower = False, roofline(problem).of(objective)
        bound = f"memory:{limit}" if limit else "compute"
    traffic: Traffic = {(name, operand, "read"): bits for (name, operand), bits in read.items()}
    traffic |= {(name, operand, "write"): bits for (name, operand), bits in written.items()}
    energy = {"mac": problem.nest.macs * sub.mac_energy, "network": network}
    energy |= memory_energy(traffic, sub)
    answer = LayerCost(
        sub,
        cycles,
        energy,
        traffic,
        bound,
        problem.leakage,
        problem.nest.macs,
        text,
        optimal,
        lower,
        loops=loops,
    )
    if not keeping or fidelity == "roofline":
        return answer
    return replace(
        answer,
        room=room_beside(problem, found.mapping),
        resident=_resident(problem, found.mapping, answer, timed=fidelity == "cycle"),
    )


def _resident(
    problem: Problem, mapping: Mapping, cost: LayerCost, *, timed: bool
) -> LayerCost | None:
    """The cost where all inputs lie in their outermost memory on chip, and are not brought there.

    Of an execution (`timed`) the cycles are kept: they are at most those.
    """
    there = Evaluation(problem, mapping).inputs_there()
    if there is None:
        return None
    sub, found = problem.sub, there.cost()
    traffic: Traffic = {(n, o, "read"): bits for (n, o), bits in found.read_bits.items()}
    traffic |= {(n, o, "write"): bits for (n, o), bits in found.write_bits.items()}
    energy = {"mac": cost.energy["mac"], "network": found.network_energy}
    energy |= memory_energy(traffic, sub)
    return replace(
        cost,
        cycles=cost.cycles if timed else min(cost.cycles, found.cycles),
        energy=energy,
        traffic=traffic,
        bound=cost.bound if timed else f"memory:{found.bound}" if found.bound else "compute",
    )


def room_beside(problem: Problem, mapping: Mapping) -> tuple[int, int]:
    """Bits that a mapping's tiles leave free where inputs, and where outputs, can stay."""

    def free(operand: Operand, taken: int) -> int:
        keeper = problem.sub.keeper(operand)
        return 0 if keeper is None or keeper.size_bits is None else keeper.size_bits - taken

    inputs, outputs = Evaluation(problem, mapping).beside()
    return free("I", inputs), free("O", outputs)


def tensor_bits(graph: LayerGraph, name: str, widest: int) -> int:
    """Bits of a tensor as deployed on a datapath of some width."""
    tensor = graph.tensors[name]
    return tensor.elements * min(tensor.bits, widest)


def memory_energy(traffic: Traffic, sub: SubAccelerator) -> dict[str, float]:
    """pJ by memory, operand and direction."""
    by_name = {memory.name: memory for memory in sub.memories}
    energy: dict[str, float] = {}
    for (name, operand, direction), bits in traffic.items():
        memory = by_name[name]
        cost = memory.read_energy if direction == "read" else memory.write_energy
        energy[f"{name}.{operand}.{direction}"] = bits * cost
    return energy


def dram_cycles(traffic: Traffic, dram: Memory) -> int:
    """Cycles that the DRAM takes for its part of the traffic."""
    read = sum(b for (name, _, way), b in traffic.items() if name == dram.name and way == "read")
    written = sum(
        b for (name, _, way), b in traffic.items() if name == dram.name and way == "write"
    )
    if dram.one_port:
        return math.ceil((read + written) / dram.read_bandwidth)
    return math.ceil(max(read / dram.read_bandwidth, written / dram.write_bandwidth))


def vector_cycles(work: tuple[FusedWork, ...], sub: SubAccelerator, share: int = 1) -> int:
    """Cycles of the vector unit where one in `share` of its lanes works."""
    unit = sub.vector
    slots = sum(w.work.simple_ops + w.work.special_ops * unit.special_cycles for w in work)
    return -(-slots // max(1, unit.lanes // share))


def vector_energy(work: tuple[FusedWork, ...], sub: SubAccelerator) -> float:
    """pJ of the vector unit."""
    unit = sub.vector
    return sum(
        w.work.simple_ops * unit.simple_energy + w.work.special_ops * unit.special_energy
        for w in work
    )
