"""The terminal report of a network: layers, loops, multiply-accumulates, bytes, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ..frontend import zoo
from ..frontend.graph import ComputeLayer, Layer, LayerGraph, MoveLayer
from ..frontend.nest import DIMS, OPERANDS
from .grid import Column, Grid, Row, listing
from .notes import not_modelled_lines, note_block
from .text import compact_names, printable
from .units import NONE, binary, count, percent, plural

SCHEMA = "chiploom.graph/1"
ZOO_SCHEMA = "chiploom.zoo/1"

_COLUMNS = (
    Column("layer", left=True),
    Column("op", left=True, limit=14),
    Column("dims", left=True, optional=2),
    Column("bits", left=True, optional=3),
    Column("MACs"),
    Column("vector ops", optional=1),
    Column("weights"),
    Column("input"),
    Column("output"),
    Column("fused", left=True, optional=4, limit=40),
)


def zoo_json() -> dict[str, Any]:
    """The networks that ship with the program."""
    networks = [{"name": name, "description": zoo.describe(name)} for name in zoo.names()]
    return {"schema": ZOO_SCHEMA, "networks": networks}


def print_zoo(answer: dict[str, Any], console: Console) -> None:
    """Print a `zoo_json`."""
    rows = [(entry["name"], entry["description"]) for entry in answer["networks"]]
    console.print(listing(("network", ""), rows))
    console.print(Text("\nchiploom inspect NAME shows one.", style="dim"))


def print_graphs(graphs: Sequence[LayerGraph], console: Console) -> None:
    """Print one report after the other."""
    for i, graph in enumerate(graphs):
        if i:
            console.print("\n")
        print_graph(graph, console)


def print_graph(graph: LayerGraph, console: Console) -> None:
    """Print the report, as wide as the console."""
    console.print(Text(printable(graph.name), style="bold"))
    names = compact_names([(layer.name, layer.op) for layer in graph])
    rows = [Row(_cells(name, layer)) for name, layer in zip(names, graph, strict=True)]
    if rows:
        rows[-1] = Row(rows[-1].cells, section=True)
    table, dropped = Grid(_COLUMNS, [*rows, Row(_total(graph), style="bold")]).fit(console.width)
    console.print(table)
    if any(layer.dynamic_weights for layer in graph.compute_layers):
        console.print(Text("\n* computed by the network, not stored weights", style="dim"))
    if dropped:
        hint = f"\nNo room for: {', '.join(dropped)}; widen the terminal, or see --json."
        console.print(Text(hint, style="dim"))
    console.print(
        Text(
            f"\n{plural(len(graph), 'layer')}, {len(graph.compute_layers)} of them with"
            f" multiply-accumulates; {count(graph.macs)} MACs;"
            f" {percent(graph.coverage)} of output elements modelled"
        )
    )
    for line in note_block("Notes", graph.notes):
        console.print(line)
    gaps = not_modelled_lines([(graph.name, not_modelled_json(graph))])
    for line in note_block("Not modelled (will cost nothing)", gaps):
        console.print(line)


def layer_bits(layer: Layer) -> dict[str, int]:
    """Bits of each operand that exist in memory once: W, I and O.

    A vector or move layer has no W: what it reads is its I. Further operands of fused work
    (the other side of a residual addition) belong to I.
    """
    if not isinstance(layer, ComputeLayer):
        extra = 0 if isinstance(layer, MoveLayer) else sum(fused.read_bits for fused in layer.fused)
        return {"W": 0, "I": layer.read_bits + extra, "O": layer.write_bits}
    bits: dict[str, int] = {
        name: layer.nest.elements(name) * layer.bits.of(name) for name in OPERANDS
    }
    bits["I"] += sum(fused.read_bits for fused in layer.fused)
    return bits


def vector_ops(layer: Layer) -> tuple[int, int]:
    """Simple and special operations, those of fused work included."""
    if isinstance(layer, MoveLayer):
        return 0, 0
    works = [fused.work for fused in layer.fused]
    if not isinstance(layer, ComputeLayer):
        works.append(layer.work)
    return sum(work.simple_ops for work in works), sum(work.special_ops for work in works)


def not_modelled_json(graph: LayerGraph) -> list[dict[str, Any]]:
    """Operators that are not covered, with their share of all output elements."""
    total = graph.modelled_elements + sum(entry.elements for entry in graph.not_modelled)
    return [
        {
            "op": entry.op,
            "count": entry.count,
            "reason": entry.reason,
            "share": entry.elements / total if total else 0.0,
            "nodes": list(entry.nodes),
        }
        for entry in graph.not_modelled
    ]


def graphs_json(graphs: Sequence[LayerGraph]) -> dict[str, Any]:
    """Networks as JSON: the figures of `print_graph`, exact."""
    return {"schema": SCHEMA, "models": [_graph_json(graph) for graph in graphs]}


def _graph_json(graph: LayerGraph) -> dict[str, Any]:
    return {
        "name": graph.name,
        "macs": graph.macs,
        "coverage": graph.coverage,
        "notes": list(graph.notes),
        "not_modelled": not_modelled_json(graph),
        "layers": [layer_json(layer) for layer in graph],
    }


def layer_json(layer: Layer) -> dict[str, Any]:
    """One layer: its loops, operations and bits."""
    compute = layer if isinstance(layer, ComputeLayer) else None
    simple, special = vector_ops(layer)
    return {
        "name": layer.name,
        "op": layer.op,
        "dims": {dim: compute.nest[dim] for dim in DIMS} if compute else {},
        "bits": {name: compute.bits.of(name) for name in OPERANDS} if compute else {},
        "macs": compute.nest.macs if compute else 0,
        "simple_ops": simple,
        "special_ops": special,
        "operand_bits": layer_bits(layer),
        "fused": [] if isinstance(layer, MoveLayer) else [f.work.op for f in layer.fused],
        "inputs": list(layer.inputs),
        "output": layer.output,
    }


def _cells(name: str, layer: Layer) -> list[str]:
    dims = bits = fused = ""
    macs = 0
    if isinstance(layer, ComputeLayer):
        nest = layer.nest
        dims = " ".join(f"{dim}{nest[dim]}" for dim in DIMS if nest[dim] > 1)
        bits = "/".join(str(layer.bits.of(name)) for name in OPERANDS)
        macs = nest.macs
    if not isinstance(layer, MoveLayer):
        fused = " ".join(work.work.op for work in layer.fused)
    dynamic = isinstance(layer, ComputeLayer) and layer.dynamic_weights
    marked = zip(("*" if dynamic else "", "", ""), layer_bits(layer).values(), strict=True)
    return [
        name,
        layer.op,
        dims,
        bits,
        count(macs) if macs else NONE,
        count(sum(vector_ops(layer))) if sum(vector_ops(layer)) else NONE,
        *(binary(size / 8) + mark if size else NONE for mark, size in marked),
        fused,
    ]


def _total(graph: LayerGraph) -> list[str]:
    """MACs, operations and weights add up; activations are read and written, so they do not."""
    weights = sum(
        layer_bits(layer)["W"] for layer in graph.compute_layers if not layer.dynamic_weights
    )
    operations = sum(sum(vector_ops(layer)) for layer in graph)
    return [
        *("total", "", "", "", count(graph.macs), count(operations), binary(weights / 8)),
        *("", "", ""),
    ]
