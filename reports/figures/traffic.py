"""Traffic of every memory level, by operand and direction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...simulator.result import Result
from ..traffic import WAYS, traffic_rows
from ..units import binary
from .style import escaped, figure

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def traffic_figure(result: Result) -> Figure:
    """A field per memory, operand and direction; the darker, the more bytes (logarithmic)."""
    rows = traffic_rows(result)[::-1]
    several = len(result.spec.sub_accelerators) > 1
    names = [escaped(f"{sub}.{memory}" if several else memory) for sub, memory, _ in rows]
    drawn = figure(
        90 + 32 * max(2, len(rows)),
        margin={"l": 8, "r": 8, "t": 48, "b": 8},
        xaxis={
            "side": "top",
            "type": "category",
            "fixedrange": True,
            "showgrid": False,
            "tickangle": 0,
        },
        yaxis={"type": "category", "fixedrange": True, "showgrid": False},
    )
    drawn.add_heatmap(
        x=[f"{operand}<br>{way}" for operand, way in WAYS],
        y=names,
        z=[[math.log10(size) if size else None for size in sizes] for _, _, sizes in rows],
        text=[[binary(size) if size else "" for size in sizes] for _, _, sizes in rows],
        texttemplate="%{text}",
        textfont={"size": 11},
        colorscale=[[0, "#dceaf5"], [0.5, "#56a5d6"], [1, "#003f68"]],
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )
    return drawn
