"""Figures of several results side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...simulator.result import Result
from ..energy import GROUPS, by_group
from .style import COLOURS, GREY, figure, fill, labels

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_GROUPS = dict(zip(GROUPS, (COLOURS[0], COLOURS[2], COLOURS[3], COLOURS[4], GREY), strict=True))


def ratio_figure(names: Sequence[str], ratios: Mapping[str, Sequence[float | None]]) -> Figure:
    """A group of bars for each figure, its ratio to the first result's."""
    drawn = figure(
        100 + 24 * len(ratios) * len(names),
        barmode="group",
        bargap=0.25,
        xaxis={"type": "log", "title": {"text": "ratio to the first"}, "ticksuffix": "×"},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
    )
    for number, label in enumerate(labels(names)):
        values = [row[number] for row in ratios.values()]
        drawn.add_bar(
            orientation="h",
            y=list(ratios),
            base=1,  # bars start where nothing differs
            x=[value - 1 if value else None for value in values],
            name=label,
            marker=fill(number),
            text=["" if not value else f"{value:.3g}×" for value in values],
            textposition="auto",
            hovertemplate="%{y}: %{text}<extra>%{fullData.name}</extra>",
        )
    return drawn


def energy_figure(results: Sequence[tuple[str, Result]]) -> Figure:
    """Energy in J of every result, by group."""
    names = labels([name for name, _ in results])
    groups = [by_group(result.energy_by_component) for _, result in results]
    drawn = figure(
        110 + 44 * max(2, len(results)),
        barmode="stack",
        bargap=0.3,
        xaxis={"title": {"text": "energy"}, "tickformat": "~s", "ticksuffix": "J", "nticks": 6},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
    )
    for number, (group, colour) in enumerate(_GROUPS.items()):
        drawn.add_bar(
            orientation="h",
            y=names,
            x=[energy[group] * 1e-12 for energy in groups],
            name=group,
            marker=fill(number, colour),
            hovertemplate="%{y}, %{fullData.name}: %{x:.3s}J<extra></extra>",
        )
    return drawn
