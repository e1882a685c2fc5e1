"""Layers as CSV, of a network and of a simulation: one row per layer, plain numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from ..frontend.graph import LayerGraph
from ..frontend.nest import DIMS, OPERANDS
from ..simulator.result import Result
from .network import layer_json

_COLUMNS = (
    "model",
    "name",
    "op",
    "kind",
    "fused",
    "sub_accelerator",
    *DIMS,
    "macs",
    "start_cycle",
    "cycles",
    "utilization",
    "bound",
    "dram_bytes",
    "energy_pj",
    "optimal",
    "lower_bound",
    "note",
)


def csv_text(result: Result) -> str:
    """RFC 4180 with a heading. After the fixed columns, `energy_pj.<component>` for each."""
    components = list(result.energy_by_component)
    rows = (
        [
            layer.model,
            layer.name,
            layer.op,
            layer.kind,
            "+".join(layer.fused),
            layer.sub_accelerator,
            *(layer.dims.get(dim, "") for dim in DIMS),
            layer.macs,
            layer.start_cycle,
            layer.cycles,
            layer.utilization,
            layer.bound,
            layer.dram_bytes,
            layer.energy_pj,
            int(layer.optimal),
            layer.lower_bound,
            layer.note,
            *(layer.energy_by_component.get(component, 0.0) for component in components),
        ]
        for layer in result.layers
    )
    return _table([*_COLUMNS, *(f"energy_pj.{component}" for component in components)], rows)


def network_csv(graphs: Sequence[LayerGraph]) -> str:
    """RFC 4180 with a heading: loops, operations, and the bits of each operand in memory."""
    widths = [f"{operand} width" for operand in OPERANDS]
    sizes = [f"{operand} bits" for operand in OPERANDS]
    head = ["model", "name", "op", "fused", *DIMS, *widths, "macs", "simple_ops", "special_ops"]
    rows = (
        [
            graph.name,
            row["name"],
            row["op"],
            "+".join(row["fused"]),
            *(row["dims"].get(dim, "") for dim in DIMS),
            *(row["bits"].get(operand, "") for operand in OPERANDS),
            row["macs"],
            row["simple_ops"],
            row["special_ops"],
            *(row["operand_bits"][operand] for operand in OPERANDS),
        ]
        for graph in graphs
        for row in map(layer_json, graph)
    )
    return _table([*head, *sizes], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()
