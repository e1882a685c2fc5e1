"""The layers of a simulation as CSV: one row per layer, plain numbers."""

from __future__ import annotations

import csv
import io

from ..frontend.nest import DIMS
from ..simulator.result import Result

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
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*_COLUMNS, *(f"energy_pj.{component}" for component in components)])
    for layer in result.layers:
        writer.writerow(
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
        )
    return out.getvalue()
