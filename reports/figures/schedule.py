"""The schedule: who works when, and the bandwidth of the DRAM below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...simulator.result import LayerResult, Result
from ..names import layer_names
from ..trace import dram_levels
from .style import COLOURS, GREY, LAYER_HOVER, escaped, figure, fill

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: More layers have neither names nor borders: there is no room, and names take time to lay out.
MOST_NAMES: Final = 400


def schedule_figure(result: Result) -> Figure:
    """Layers as bars from their start to their end; below, GB/s of the DRAM."""
    subs = result.spec.sub_accelerators
    height = 64 * len(subs) + 290
    top = 180 / (height - 110)  # the DRAM's share of what margins leave
    drawn = figure(
        height,
        barmode="overlay",
        bargap=0.2,
        margin={"l": 8, "r": 12, "t": 56, "b": 44},
        uniformtext={"minsize": 9, "mode": "hide"},
        xaxis={
            "title": {"text": "cycle"},
            "tickformat": "~s",
            "range": [0, result.cycles or 1],
            "anchor": "y2",
        },
        yaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [escaped(sub) for sub in reversed(subs)],
            "range": [-0.5, len(subs) - 0.5],
            "domain": [top, 1],
            "fixedrange": True,
            "showgrid": False,
        },
        yaxis2={
            "title": {"text": "DRAM"},
            "tickformat": "~s",
            "ticksuffix": "B/s",
            "rangemode": "tozero",
            "domain": [0, top - 0.08],
            "fixedrange": True,
            "nticks": 5,
        },
    )
    _add_layers(drawn, result)
    _add_dram(drawn, result)
    return drawn


def _add_layers(drawn: Figure, result: Result) -> None:
    names = layer_names(result)
    kinds = _kinds(result)
    few = len(names) <= MOST_NAMES
    border = {"width": 0.5 if few else 0, "color": "rgba(128,128,128,0.9)"}
    for number, kind in enumerate(dict.fromkeys(kinds)):
        own = [n for n, of in enumerate(kinds) if of == kind]
        layers = [result.layers[n] for n in own]
        drawn.add_bar(
            orientation="h",
            y=[escaped(layer.sub_accelerator) for layer in layers],
            x=[layer.cycles for layer in layers],
            base=[layer.start_cycle for layer in layers],
            name=escaped(kind),
            marker=fill(number) | {"line": border},
            text=[escaped(names[n]) for n in own] if few else None,
            textposition="inside" if few else "none",
            insidetextanchor="middle",
            textangle=0,
            customdata=own,
            hovertemplate=LAYER_HOVER,
        )


def _kinds(result: Result) -> list[str]:
    """What colours the layers: their network; of a single one, what limits them."""

    def bound(layer: LayerResult) -> str:
        return f"bound by {layer.bound.removeprefix('memory:')}"

    if len(result.models) > 1:
        return [layer.model for layer in result.layers]
    return [bound(layer) for layer in result.layers]


def _add_dram(drawn: Figure, result: Result) -> None:
    scale = result.spec.clock_hz / 8
    levels = dram_levels(result)
    drawn.add_scatter(
        x=[cycle for cycle, _ in levels],
        y=[bits * scale for _, bits in levels],
        yaxis="y2",
        mode="lines",
        line={"shape": "hv", "color": COLOURS[3], "width": 1.5},
        fill="tozeroy",
        name="DRAM traffic",
        hovertemplate="from cycle %{x:.3s}: %{y:.3s}B/s<extra></extra>",
    )
    peak = result.spec.dram_bandwidth * scale
    if 0 < peak < float("inf"):
        drawn.add_scatter(
            x=[0, result.cycles or 1],
            y=[peak, peak],
            yaxis="y2",
            mode="lines",
            line={"dash": "dash", "color": GREY, "width": 1.5},
            name="DRAM bandwidth",
            hovertemplate="bandwidth: %{y:.3s}B/s<extra></extra>",
        )
