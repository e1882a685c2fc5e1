"""How busy the PEs are over the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...simulator.result import Result
from .style import colours_of, escaped, figure

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def utilization_figure(result: Result) -> Figure:
    """Multiply-accumulates per PE and cycle over time, a row per sub-accelerator."""
    subs = result.spec.sub_accelerators
    colours = colours_of(subs)
    drawn = figure(
        max(430, 90 + 130 * len(subs)),
        xaxis={
            "title": {"text": "cycle"},
            "tickformat": "~s",
            "range": [0, result.cycles or 1],
            "anchor": f"y{len(subs)}",
        },
    )
    for number, sub in enumerate(subs, start=1):
        cycles, levels = _steps(result, sub)
        drawn.add_scatter(
            x=cycles,
            y=levels,
            yaxis=f"y{number}",
            mode="lines",
            name=escaped(sub),
            line={"shape": "hv", "color": colours[sub], "width": 1.5},
            fill="tozeroy",
            hovertemplate="from cycle %{x:.3s}: %{y:.0%}",
        )
        axis = "yaxis" if number == 1 else f"yaxis{number}"
        drawn.layout[axis] = {
            "title": {"text": "MAC per PE and cycle" if len(subs) == 1 else escaped(sub)},
            "tickformat": ".0%",
            "range": [0, 1.02],
            "domain": [1 - (number - 0.1) / len(subs), 1 - (number - 1) / len(subs)],
            "fixedrange": True,
            "nticks": 6,
        }
    drawn.update_layout(showlegend=False)
    return drawn


def _steps(result: Result, sub: str) -> tuple[list[int], list[float]]:
    """(cycles, utilization from there on) of a sub-accelerator; nothing runs is 0."""
    cycles: list[int] = [0]
    levels: list[float] = [0.0]
    for layer in result.layers:
        if layer.sub_accelerator != sub or not layer.cycles:
            continue
        if cycles[-1] == layer.start_cycle:
            levels[-1] = layer.utilization
        else:
            cycles.append(layer.start_cycle)
            levels.append(layer.utilization)
        cycles.append(layer.start_cycle + layer.cycles)
        levels.append(0.0)
    return cycles, levels
