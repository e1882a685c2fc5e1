"""The roofline: throughput over operational intensity, every layer a point, a roof per array."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...simulator.result import LayerResult, Result
from ...simulator.summaries import ArraySummary
from ..units import plural
from .style import LAYER_HOVER, SYMBOLS, colours_of, escaped, figure

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def placed(result: Result) -> list[tuple[int, LayerResult]]:
    """The layers that have a point, with their numbers."""
    return [
        (number, layer)
        for number, layer in enumerate(result.layers)
        if layer.macs and layer.cycles and layer.dram_bytes
    ]


def roofline_note(result: Result) -> str:
    """What has no point, or no roof."""
    missing = len(result.layers) - len(placed(result))
    words = (
        f"{plural(missing, 'layer')} without multiply-accumulates or without DRAM traffic "
        f"{'has' if missing == 1 else 'have'} no point. "
        if missing
        else ""
    )
    if not result.spec.arrays:
        words += "The file tells neither peak nor bandwidth of the arrays, so there is no roof. "
    return words + "The larger a point, the more cycles its layer takes."


def roofline_figure(result: Result) -> Figure:
    """MAC/s over MAC per byte of DRAM traffic, both logarithmic."""
    clock, subs = result.spec.clock_hz, result.spec.sub_accelerators
    points = placed(result)
    colours = colours_of(subs)
    drawn = figure(
        430,
        xaxis={
            "type": "log",
            "title": {"text": "operational intensity (MAC per DRAM byte)"},
            "tickformat": "~s",
            "dtick": 1,
        },
        yaxis={
            "type": "log",
            "title": {"text": "throughput (MAC/s)"},
            "tickformat": "~s",
            "dtick": 1,
        },
    )
    reach = [layer.macs / layer.dram_bytes for _, layer in points] or [1.0]
    for array in result.spec.arrays:
        x, y = _roof(array, clock, min(reach) / 2, max(reach) * 2)
        drawn.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name=f"roof of {escaped(array.name)}",
            line={"color": colours.get(array.name), "width": 2},
            hovertemplate="%{x:.3s} MAC/B, at most %{y:.3s}MAC/s<extra></extra>",
        )
    most = max((layer.cycles for _, layer in points), default=1)
    for number, sub in enumerate(subs):
        own = [(n, layer) for n, layer in points if layer.sub_accelerator == sub]
        drawn.add_scatter(
            x=[layer.macs / layer.dram_bytes for _, layer in own],
            y=[layer.macs / layer.cycles * clock for _, layer in own],
            mode="markers",
            name=f"layers on {escaped(sub)}",
            marker={
                "color": colours[sub],
                "symbol": SYMBOLS[number % len(SYMBOLS)],
                "size": [6 + 14 * math.sqrt(layer.cycles / most) for _, layer in own],
                "opacity": 0.7,
                "line": {"width": 1, "color": "rgba(255,255,255,0.7)"},
            },
            customdata=[n for n, _ in own],
            hovertemplate=LAYER_HOVER,
        )
    return drawn


def _roof(
    array: ArraySummary, clock: float, least: float, most: float
) -> tuple[list[float], list[float]]:
    """Corners of an array's roof from intensity `least` to `most` (MAC per byte), in MAC/s."""
    peak, bandwidth = array.macs_per_cycle * clock, array.dram.bandwidth / 8 * clock
    if math.isinf(bandwidth):
        return [least, most], [peak, peak]
    ridge = peak / bandwidth
    x = sorted({least, ridge, max(most, 2 * ridge)}) if ridge > least else [least, most]
    return x, [min(peak, bandwidth * value) for value in x]
