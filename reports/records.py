"""Layers of one or more results as flat records, for files that are one table."""

from __future__ import annotations

from collections.abc import Sequence

from ..frontend.nest import DIMS
from ..simulator.result import Result
from .document import Value


def layer_records(results: Sequence[tuple[str, Result]]) -> list[dict[str, Value]]:
    """A record per layer of every (name, result), all with the same keys in the same order.

    Units are in the keys: `energy_pj.<component>`, `traffic_bits.<memory>.<operand>.<way>`.
    """
    parts = dict.fromkeys(c for _, result in results for c in result.energy_by_component)
    ways = dict.fromkeys(
        key for _, result in results for one in result.layers for key in one.traffic
    )
    return [
        {
            "result": name,
            "spec": result.spec.name,
            "model": layer.model,
            "frame": layer.frame,
            "layer": layer.name,
            "op": layer.op,
            "kind": layer.kind,
            "fused": "+".join(layer.fused),
            "sub_accelerator": layer.sub_accelerator,
            **{dim: layer.dims.get(dim) for dim in DIMS},
            "macs": layer.macs,
            "start_cycle": layer.start_cycle,
            "cycles": layer.cycles,
            "utilization": layer.utilization,
            "bound": layer.bound,
            "dram_bytes": layer.dram_bytes,
            "energy_pj": layer.energy_pj,
            "optimal": layer.optimal,
            "lower_bound": layer.lower_bound,
            "mapping": layer.mapping,
            "note": layer.note,
            **{f"energy_pj.{part}": layer.energy_by_component.get(part, 0.0) for part in parts},
            **{f"traffic_bits.{way}": layer.traffic.get(way, 0) for way in ways},
        }
        for name, result in results
        for layer in result.layers
    ]
