"""How the best designs split PEs and bandwidth between their sub-accelerators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...simulator.summaries import ArraySummary
from ..study_data import StudyData
from .style import colours_of, escaped, figure, fill, labels

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def pes_figure(data: StudyData) -> Figure:
    """PEs of every sub-accelerator."""
    axis = {"title": {"text": "processing elements (PEs)"}, "tickformat": "~s", "nticks": 6}
    return _stacked(data, pes_of, axis, "%{x} PEs")


def bandwidth_figure(data: StudyData, clock_hz: float) -> Figure:
    """What every sub-accelerator has of the DRAM's bandwidth, B/s."""
    axis = {
        "title": {"text": "DRAM bandwidth"}, "tickformat": "~s", "ticksuffix": "B/s", "nticks": 5,
    }  # fmt: skip
    return _stacked(data, lambda array: bandwidth_of(array, clock_hz) or 0, axis, "%{x:.3s}B/s")


def pes_of(array: ArraySummary) -> int:
    """Processing elements of a sub-accelerator."""
    count = 1
    for size in array.axes.values():
        count *= size
    return count


def bandwidth_of(array: ArraySummary, clock_hz: float) -> float | None:
    """Bytes per second; None without a limit."""
    rate = array.dram.bandwidth * clock_hz / 8
    return rate if rate < float("inf") else None


def _stacked(
    data: StudyData, amount: Callable[[ArraySummary], float], axis: dict[str, Any], hint: str
) -> Figure:
    names = labels([f"design {shown.item + 1}" for shown in data.shown], 28)
    subs = list(dict.fromkeys(array.name for one in data.shown for array in one.arrays))
    colours = colours_of(subs)
    drawn = figure(
        96 + 34 * max(2, len(names)),
        barmode="stack",
        bargap=0.3,
        xaxis=axis,
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
    )
    for number, sub in enumerate(subs):
        own = [next((a for a in one.arrays if a.name == sub), None) for one in data.shown]
        drawn.add_bar(
            orientation="h",
            y=names,
            x=[0 if array is None else amount(array) for array in own],
            name=escaped(sub),
            marker=fill(number, colours[sub]),
            text=["" if array is None else escaped(array.template) for array in own],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            customdata=[one.item for one in data.shown],
            hovertemplate=f"%{{y}}, {escaped(sub)}: {hint}, %{{text}}<extra></extra>",
        )
    return drawn
