"""Stages of the pipeline as text: the layer graph, the mapping and the program of every layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..dataflows.accelerator import Accelerator
from ..frontend.graph import ComputeLayer, FusedWork, Layer, LayerGraph, MoveLayer, Tensor
from ..frontend.nest import DIMS
from ..simulator.cache import MappingCache
from ..simulator.layers import problem_of
from ..simulator.lowering import lower
from ..simulator.mapper import EffortName
from ..simulator.result import LayerResult, Result
from .text import printable
from .units import count, energy, plural, shape


def graphs_text(graphs: Sequence[LayerGraph]) -> str:
    """One `graph_text` after the other."""
    return "\n".join(map(graph_text, graphs))


def graph_text(graph: LayerGraph) -> str:
    """Every layer with its loops, bits, fused work and edges.

    conv1 = Conv(data)
      loops  K64 C3 OY112 OX112 FY7 FX7, stride 2x2, pad 3,3 of 224x224
      bits   W 8, I 8, O 8
      fused  Relu: 802816 simple
      out    y: 1x64x112x112, 8 bit -> pool1
    """
    lines = [f"graph {graph.name}: {plural(len(graph), 'layer')}, {count(graph.macs)} MACs"]
    lines += [f"  input   {_tensor(graph, name)}" for name in graph.inputs]
    lines += [f"  output  {_tensor(graph, name)}" for name in graph.outputs]
    for layer in graph:
        lines += ["", f"{layer.name} = {layer.op}({', '.join(layer.inputs)})"]
        lines += [f"  {line}" for line in _details(layer)]
        readers = ", ".join(graph.dag.successors(layer.name)) or "(end)"
        lines.append(f"  out    {_tensor(graph, layer.output)} -> {readers}")
    return "\n".join(map(printable, lines)) + "\n"


def mapping_text(result: Result) -> str:
    """The mapping of every layer, with what it costs."""
    lines: list[str] = []
    for layer in result.layers:
        lines.append(
            f"{_title(layer)}, {layer.cycles} cycles, {energy(layer.energy_pj)},"
            f" bound by {layer.bound}"
        )
        words = layer.mapping or _no_nest(layer)
        lines += [f"  {line}".rstrip() for line in words.splitlines()]
        lines.append("")
    return "\n".join(map(printable, lines))


def programs_text(
    graphs: Sequence[LayerGraph],
    accelerator: Accelerator,
    result: Result,
    effort: EffortName,
    cache: MappingCache,
) -> str:
    """The tile program of every layer with a loop nest, where the result says that it runs.

    Args:
        result: of these graphs on this accelerator, with mappings.
        effort, cache: of that run, so that no layer is mapped again.
    """
    lines: list[str] = []
    subs = {sub.name: sub for sub in accelerator.sub_accelerators}
    layers = [layer for graph in graphs for layer in graph]
    for layer, done in zip(layers, result.layers, strict=True):
        lines.append(f"{_title(done)}, {done.cycles} cycles by the {result.fidelity} model")
        if isinstance(layer, ComputeLayer):
            sub = subs[done.sub_accelerator]
            way = next(way for way in sub.ways(layer.nest) if way.mode == done.mode)
            problem = problem_of(layer, way, accelerator)
            mapping = cache.map(problem, result.objective, effort).mapping
            lines += [f"  {line}" for line in lower(problem, mapping).describe().splitlines()]
        else:
            lines.append(f"  {_no_nest(done)}")
        lines.append("")
    return "\n".join(map(printable, lines))


def _title(layer: LayerResult) -> str:
    return f"{layer.model} / {layer.name}: {layer.op} on {layer.sub_accelerator}{_mode(layer)}"


def _mode(layer: LayerResult) -> str:
    return f" ({layer.mode})" if layer.mode else ""


def _no_nest(layer: LayerResult) -> str:
    return f"(no loop nest to map: a {layer.kind} layer)"


def _details(layer: Layer) -> Iterator[str]:
    if isinstance(layer, MoveLayer):
        yield f"moves  {layer.read_bits} bit read, {layer.write_bits} bit written"
        return
    if isinstance(layer, ComputeLayer):
        yield f"loops  {loops(layer)}"
        weights = " (an activation)" if layer.dynamic_weights else ""
        yield f"bits   W {layer.bits.W}{weights}, I {layer.bits.I}, O {layer.bits.O}"
    else:
        yield f"work   {_work(layer.work.simple_ops, layer.work.special_ops)}"
        yield f"moves  {layer.read_bits} bit read, {layer.write_bits} bit written"
    for fused in layer.fused:
        yield f"fused  {_fused(fused)}"


def loops(layer: ComputeLayer) -> str:
    """Loop sizes larger than 1, and the window where it is not the plain one."""
    nest = layer.nest
    sizes = (f"{dim}{nest[dim]}" for dim in DIMS if nest[dim] > 1)
    words = [" ".join(sizes) or "one multiply-accumulate"]
    if nest.stride != (1, 1):
        words.append(f"stride {shape(nest.stride)}")
    if nest.dilation != (1, 1):
        words.append(f"dilation {shape(nest.dilation)}")
    if nest.pad != (0, 0):
        words.append(f"pad {nest.pad[0]},{nest.pad[1]}")
    if nest["FY"] * nest["FX"] > 1 or nest.stride != (1, 1):
        words.append(f"input {shape(nest.input_size)}")
    if nest.sequential:
        words.append(f"{', '.join(nest.sequential)} in sequence")
    return ", ".join(words)


def _fused(fused: FusedWork) -> str:
    words = f"{fused.work.op}: {_work(fused.work.simple_ops, fused.work.special_ops)}"
    return f"{words}, {fused.read_bits} bit read" if fused.read_bits else words


def _work(simple: int, special: int) -> str:
    parts = [
        f"{number} {kind}" for number, kind in ((simple, "simple"), (special, "special")) if number
    ]
    return " and ".join(parts) + " operations" if parts else "no operations"


def _tensor(graph: LayerGraph, name: str) -> str:
    tensor: Tensor | None = graph.tensors.get(name)
    return f"{name}: {shape(tensor.shape)}, {tensor.bits} bit" if tensor else name
