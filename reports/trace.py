"""A schedule in the Chrome trace event format, which ui.perfetto.dev and chrome://tracing open."""

from __future__ import annotations

import json
from typing import Any

from ..simulator.result import LayerResult, Result

#: One process holds all tracks.
PROCESS = 1


def trace_events(result: Result) -> list[dict[str, Any]]:
    """One track per sub-accelerator, and the DRAM's bandwidth as a counter.

    Times are in microseconds, as the format has them.
    """
    scale = 1e6 / result.spec.clock_hz
    tracks = {name: number for number, name in enumerate(result.spec.sub_accelerators, start=1)}
    events: list[dict[str, Any]] = [_named("process_name", result.spec.name, 0)]
    events += [_named("thread_name", name, number) for name, number in tracks.items()]
    events += [_layer(layer, tracks, scale) for layer in result.layers]
    for cycle, bits in dram_levels(result):
        events.append(
            {
                "name": "DRAM GB/s",
                "ph": "C",
                "ts": cycle * scale,
                "pid": PROCESS,
                "args": {"GB/s": bits * result.spec.clock_hz / 8e9},
            }
        )
    return events


def _named(kind: str, name: str, track: int) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": PROCESS, "tid": track, "args": {"name": name}}


def _layer(layer: LayerResult, tracks: dict[str, int], scale: float) -> dict[str, Any]:
    return {
        "name": layer.name,
        "cat": layer.model,
        "ph": "X",
        "ts": layer.start_cycle * scale,
        "dur": layer.cycles * scale,
        "pid": PROCESS,
        "tid": tracks[layer.sub_accelerator],
        "args": {
            "network": layer.model,
            "frame": layer.frame,
            "op": layer.op,
            "cycles": layer.cycles,
            "MACs": layer.macs,
            "energy pJ": layer.energy_pj,
            "DRAM bytes": layer.dram_bytes,
            "bound": layer.bound,
            "input stays on chip": layer.stays,
        },
    }


def dram_levels(result: Result) -> list[tuple[int, float]]:
    """(cycle, bits per cycle from there on); without a schedule, the mean of each layer."""
    if result.schedule is not None:
        return list(result.schedule.dram)
    found = [
        (layer.start_cycle, 8 * layer.dram_bytes / max(1, layer.cycles)) for layer in result.layers
    ]
    return [*found, (result.cycles, 0.0)]


def trace_text(result: Result) -> str:
    """The trace as the text of a file."""
    document = {"traceEvents": trace_events(result), "displayTimeUnit": "ns"}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
