"""A network as a pipeline on an FPGA: one engine per layer, the slowest as fast as it can be.

After X. Zhang et al. (DNNBuilder, ICCAD 2018). A stage computes `cpf` x `kpf` products per cycle,
both powers of two; a frame leaves every `interval` cycles, which is what the slowest stage takes,
or the DRAM for all weights. The split is exact: for a number of cycles, the fewest DSPs of every
stage are known, and the least number for which they, and all other resources, fit is searched.
Weights come once for every `rows` rows of a stage's outputs; where the DRAM is the slowest, rows of
the stage that reads most are doubled, as long as its cache fits.

A stage starts when the rows are there that its first ones need, so a frame's latency is the sum of
these delays and the last stage's time. What is no multiply-accumulate nest streams along, and
counts only with the rows that it waits for. Energy is not modelled here.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ..dataflows.accelerator import Accelerator, Axis, SubAccelerator
from ..dataflows.document import Document
from ..dataflows.spec import parse_spec
from ..frontend.errors import InputError
from ..frontend.graph import ComputeLayer, Layer, LayerGraph
from .errors import DoesNotFitError
from .fabric import expect_fit
from .layers import tensor_bits
from .spatial import fewest_steps

TEMPLATE: Final = "fpga-pipeline"
MOST_STAGES: Final = 64


@dataclass(frozen=True, slots=True)
class Stage:
    """One layer's engine.

    Attributes:
        layer: its name.
        cpf, kpf: input and output channels side by side.
        rows: of outputs, for which weights come once.
        cycles: for a frame.
        weight_bits: read from the DRAM for a frame.
        start: cycle of the frame at which it starts, of a pipeline that nothing else is in.
    """

    layer: str
    cpf: int
    kpf: int
    rows: int
    cycles: int
    weight_bits: int
    start: float = 0.0


@dataclass(frozen=True, eq=False)
class Stages:
    """A balanced pipeline.

    Attributes:
        network: its name.
        stages: of the layers with a loop nest, in their order.
        accelerator: one sub-accelerator per stage, of the stage's name.
        spec: the same as a spec file has it.
        interval: cycles from frame to frame.
        latency: cycles of one frame, from its first input row to its last output.
        dram_cycles: per frame, that the DRAM needs for weights, inputs and outputs.
        lower_bound: cycles of the slowest stage; no powers of two whose DSPs fit have fewer.
        limit: what the interval is limited by, in words.
    """

    network: str
    stages: tuple[Stage, ...]
    accelerator: Accelerator
    spec: Mapping[str, Any]
    interval: int
    latency: int
    dram_cycles: int
    lower_bound: int
    limit: str

    @property
    def frames_per_second(self) -> float:
        """Frames per second, once the pipeline is full."""
        return self.accelerator.clock_hz / self.interval

    @property
    def seconds(self) -> float:
        """Latency of a frame."""
        return self.latency / self.accelerator.clock_hz


@dataclass(frozen=True, slots=True)
class _Option:
    cycles: int
    dsps: float
    cpf: int
    kpf: int


def balance(
    graph: LayerGraph,
    device: str,
    *,
    bits: int = 8,
    clock: str | None = None,
    dram: Mapping[str, Any] | None = None,
) -> Stages:
    """The fastest pipeline of a network that fits a device.

    Args:
        bits: of weights and activations.
        clock, dram: in place of the device's, as a spec states them.

    Raises:
        InputError: the network has too many layers, or none.
        DoesNotFitError: even the smallest stages have no room.
        SpecError: there is no such device.
    """
    layers = graph.compute_layers
    if not 1 <= len(layers) <= MOST_STAGES:
        raise InputError(
            f"{graph.name}: expected 1 to {MOST_STAGES} layers with a loop nest, one stage each, "
            f"found {len(layers)}; take a smaller network, or one engine for all (`fpga-tiled`)"
        )
    chip: dict[str, Any] = {"device": device}
    chip |= {key: value for key, value in (("clock", clock), ("dram", dram)) if value is not None}
    design = _Design(graph, tuple(layers), chip, bits)
    rows = [1] * len(layers)
    options = [design.options(layer) for layer in layers]
    targets = sorted({option.cycles for each in options for option in each})
    least = max(min(option.cycles for option in each) for each in options)
    targets = targets[bisect_left(targets, least) :]
    splits = [_fewest(options, cycles) for cycles in targets]
    # More cycles take no more of anything, so the first split that fits is found by halves.
    there = design.dsps_left()
    enough = bisect_left(splits, True, key=lambda split: sum(o.dsps for o in split) <= there)
    at = bisect_left(splits, True, enough, key=lambda split: design.fits(split, rows) is not None)
    if at == len(splits):
        expect_fit(design.built(splits[-1], rows))
    accelerator = design.fits(splits[at], rows)
    assert accelerator is not None
    return design.widened(splits[at], rows, accelerator, targets[enough])


def _fewest(options: list[list[_Option]], cycles: int) -> list[_Option]:
    """Of every stage the option of the fewest DSPs within so many cycles."""
    return [
        min((o for o in each if o.cycles <= cycles), key=lambda o: (o.dsps, o.cycles))
        for each in options
    ]


@dataclass(frozen=True, eq=False)
class _Design:
    graph: LayerGraph
    layers: tuple[ComputeLayer, ...]
    chip: Mapping[str, Any]
    bits: int

    def spec(self, chosen: list[_Option], rows: list[int]) -> dict[str, Any]:
        stages = [
            {
                "name": layer.name,
                "template": TEMPLATE,
                "parameters": self.parameters(layer, option, wide),
            }
            for layer, option, wide in zip(self.layers, chosen, rows, strict=True)
        ]
        return {**self.chip, "sub_accelerators": stages}

    def parameters(self, layer: ComputeLayer, option: _Option, rows: int) -> dict[str, Any]:
        nest, width = layer.nest, f"{self.bits} bit"
        grouped = nest["G"] > 1
        return {
            "cpf": option.cpf,
            "kpf": option.kpf,
            "input_lanes": option.cpf * (option.kpf if grouped else 1),
            "channels": nest["C"] * nest["G"],
            "width": nest.input_size[1],
            "columns": nest["OX"],
            "rows": rows,
            "kernel": (nest["FY"] - 1) * nest.dilation[0] + 1,
            "taps": nest["FY"] * nest["FX"],
            "stride": nest.stride[0],
            "weight_bits": width,
            "input_bits": width,
            "output_bits": width,
        }

    def built(self, chosen: list[_Option], rows: list[int]) -> Accelerator:
        document = Document(f"{self.graph.name} pipeline", self.spec(chosen, rows), {})
        return parse_spec(document, f"{self.graph.name} pipeline")

    def fits(self, chosen: list[_Option], rows: list[int]) -> Accelerator | None:
        accelerator = self.built(chosen, rows)
        try:
            expect_fit(accelerator)
        except DoesNotFitError:
            return None
        return accelerator

    def smallest(self) -> Accelerator:
        """A stage of one multiplier for the first layer."""
        design = replace(self, layers=self.layers[:1])
        return design.built([_Option(0, 0, 1, 1)], [1])

    def dsps_left(self) -> float:
        """Of the device, for multipliers: every stage has a vector lane besides."""
        accelerator = self.smallest()
        (sub,) = accelerator.sub_accelerators
        assert accelerator.device is not None
        others = sum(part.dsps for name, part in sub.resources.items() if name != "mac")
        return accelerator.device.resources.dsps - others * len(self.layers)

    def options(self, layer: ComputeLayer) -> list[_Option]:
        """Powers of two, up to what the layer has."""
        nest = layer.nest
        design = replace(self, layers=(layer,))
        (unit,) = design.built([_Option(0, 0, 2, 2)], [1]).sub_accelerators
        each = unit.resources["mac"].dsps / 4
        found = []
        for cpf in _powers(nest["C"]):
            for kpf in _powers(nest["K"] * nest["G"]):
                cycles = fewest_steps(nest, _sized(unit, cpf, kpf))
                found.append(_Option(cycles, math.ceil(each * cpf * kpf), cpf, kpf))
        return found

    def widened(
        self, chosen: list[_Option], rows: list[int], accelerator: Accelerator, bound: int
    ) -> Stages:
        """Rows raised until the DRAM is no longer the slowest, or nothing more fits."""
        slowest = max(option.cycles for option in chosen)
        while True:
            weights = self.weights(rows)
            needed = self.dram_cycles(sum(weights), accelerator)
            heaviest = max(range(len(rows)), key=lambda n: weights[n] if self.more(n, rows) else -1)
            if needed <= slowest or not self.more(heaviest, rows):
                break
            raised = [*rows]
            raised[heaviest] = min(2 * rows[heaviest], self.layers[heaviest].nest["OY"])
            larger = self.fits(chosen, raised)
            if larger is None:
                break
            rows, accelerator = raised, larger
        interval = max(slowest, needed)
        starts, latency = self.delays(chosen, rows, interval if needed > slowest else 0)
        limit = f"the DRAM, {needed} cycles per frame"
        if needed <= slowest:
            cycles = [option.cycles for option in chosen]
            limit = f"stage {self.layers[cycles.index(slowest)].name}, {slowest} cycles per frame"
        stages = tuple(
            Stage(layer.name, o.cpf, o.kpf, wide, o.cycles, read, starts[layer.name])
            for layer, o, wide, read in zip(self.layers, chosen, rows, weights, strict=True)
        )
        spec = self.spec(chosen, rows)
        return Stages(
            self.graph.name, stages, accelerator, spec, interval, latency, needed, bound, limit
        )

    def more(self, number: int, rows: list[int]) -> bool:
        return rows[number] < self.layers[number].nest["OY"]

    def weights(self, rows: list[int]) -> list[int]:
        """Bits that every stage reads for a frame."""
        return [
            layer.nest.elements("W") * self.bits * layer.nest["B"] * -(-layer.nest["OY"] // wide)
            for layer, wide in zip(self.layers, rows, strict=True)
        ]

    def dram_cycles(self, weights: int, accelerator: Accelerator) -> int:
        """For weights, inputs and outputs of a frame."""
        dram = accelerator.sub_accelerators[0].dram
        read = weights + sum(tensor_bits(self.graph, name, self.bits) for name in self.graph.inputs)
        written = sum(tensor_bits(self.graph, name, self.bits) for name in self.graph.outputs)
        if dram.one_port:
            return math.ceil((read + written) / dram.read_bandwidth)
        return math.ceil(max(read / dram.read_bandwidth, written / dram.write_bandwidth))

    def delays(
        self, chosen: list[_Option], rows: list[int], pace: int
    ) -> tuple[dict[str, float], int]:
        """Start of every layer, and the cycle at which the last one ends.

        Args:
            pace: least cycles of a frame in any stage, of the DRAM.
        """
        takes = {
            layer.name: (option.cycles, wide)
            for layer, option, wide in zip(self.layers, chosen, rows, strict=True)
        }
        start: dict[str, float] = {}
        end: dict[str, float] = {}
        for layer in self.graph.layers:
            cycles, wide = takes.get(layer.name, (0, 1))
            own = float(max(cycles, pace if layer.name in takes else 0))
            needed, steps = self.fraction(layer, wide)
            begins, ends = 0.0, 0.0
            for source in self.graph.sources[layer.name]:
                whole = end[source] - start[source]
                begins = max(begins, start[source] + needed * whole)
                # The last rows come with the producer's end, and are computed after it.
                ends = max(ends, end[source] + own / steps)
            start[layer.name], end[layer.name] = begins, max(begins + own, ends)
        return start, math.ceil(max(end.values()))

    def fraction(self, layer: Layer, rows: int) -> tuple[float, int]:
        """The part of its input that a layer waits for, and in how many steps of rows it works."""
        if isinstance(layer, ComputeLayer):
            nest = layer.nest
            reach = (nest["FY"] - 1) * nest.dilation[0] + 1 + (rows - 1) * nest.stride[0]
            part = min(1.0, max(1, reach - max(0, nest.pad[0])) / nest.input_size[0])
            return part, -(-nest["OY"] // rows)
        shape = self.graph.tensors[layer.output].shape
        height = shape[2] if len(shape) == 4 else 1
        return 1 / height, height


def _powers(most: int) -> list[int]:
    """1, 2, 4, up to the first that is no less."""
    return [2**n for n in range(math.ceil(math.log2(most)) + 1)]


def _sized(sub: SubAccelerator, cpf: int, kpf: int) -> SubAccelerator:
    sizes = (cpf, kpf)
    axes = tuple(Axis(a.name, size, a.dims) for a, size in zip(sub.axes, sizes, strict=True))
    return replace(sub, axes=axes)
