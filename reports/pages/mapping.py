"""The mapping of a chosen layer: the loops, and the tiles in each memory."""

from __future__ import annotations

from typing import Any

from ...simulator.result import Result
from ...simulator.summaries import MappedLoops
from ..document import Panel


def mapping_panel(result: Result) -> Panel:
    """What the panel's script needs. Equal mappings are there once."""
    pool: dict[str, int] = {}
    mappings: list[dict[str, Any]] = []
    layers: list[dict[str, Any]] = []
    for layer in result.layers:
        entry: dict[str, Any] = {"on": layer.sub_accelerator}
        if layer.note:
            entry["note"] = layer.note
        if layer.loops is not None:
            plain = _plain(layer.loops)
            number = pool.setdefault(repr(plain), len(mappings))
            if number == len(mappings):
                mappings.append(plain)
            entry["m"] = number
        elif layer.mapping:
            entry["words"] = layer.mapping
        else:
            entry["kind"] = layer.kind
        layers.append(entry)
    memories = {
        array.name: [
            {"name": memory.name, "bits": memory.size_bits, "instances": memory.instances}
            for memory in reversed(array.memories)
        ]
        for array in result.spec.arrays
    }
    text = "Every layer's mapping in words is in the JSON of this report and of the simulation."
    data = {"layers": layers, "mappings": mappings, "memories": memories}
    return Panel("mapping", "Mapping of a layer", data, text)


def _plain(loops: MappedLoops) -> dict[str, Any]:
    """Lists of numbers and names, short: a large result has thousands of them."""
    return {
        "space": [[unroll.axis, unroll.dim, unroll.factor] for unroll in loops.spatial],
        "time": [[loop.dim, loop.factor] for loop in loops.temporal],
        "tiles": [
            [t.memory, t.operand, t.inside, t.bits, int(t.doubled), dict(t.sizes)]
            for t in loops.tiles
        ],
        "reload": loops.reload,
    }
