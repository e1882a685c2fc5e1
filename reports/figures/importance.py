"""Importance of parameters: a field for each parameter and metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..importance import Importance
from ..units import percent
from .style import figure, labels

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_ROWS: Final = 20


def importance_figure(found: Sequence[Importance], names: Sequence[str]) -> Figure:
    """Shares as colours with their numbers.

    Args:
        names: of the parameters, the most important one first.
    """
    rows = list(names[:MOST_ROWS])[::-1]
    shares = [[one.shares.get(name) for one in found] for name in rows]
    drawn = figure(
        90 + 26 * max(3, len(rows)),
        xaxis={"side": "top", "showgrid": False, "fixedrange": True},
        yaxis={"type": "category", "showgrid": False, "fixedrange": True},
        margin={"l": 8, "r": 12, "t": 48, "b": 8},
    )
    drawn.add_heatmap(
        x=[f"{one.metric}<br>(R² {one.score:.2f})" for one in found],
        y=labels(rows, 30),
        z=shares,
        zmin=0,
        zmax=1,
        # Light to dark, so that it reads in grey as well.
        colorscale=[[0, "#f1f6fb"], [0.25, "#a6cbe6"], [0.6, "#4a94c8"], [1, "#0b3c5d"]],
        text=[["" if share is None else percent(share) for share in row] for row in shares],
        texttemplate="%{text}",
        xgap=2,
        ygap=2,
        hovertemplate="%{y}: %{text} of %{x}<extra></extra>",
        colorbar={"title": {"text": "share"}, "tickformat": ".0%", "thickness": 12},
    )
    return drawn
