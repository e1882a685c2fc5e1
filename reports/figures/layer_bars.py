"""Cycles and energy of the layers as bars, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...simulator.result import LayerResult, Result
from ..energy import by_part
from ..names import layer_names
from ..units import energy, plural, si
from .style import COLOURS, GREY, escaped, figure, fill, labels

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: More layers are drawn as groups of neighbours.
MOST_BARS: Final = 120
_HEIGHT: Final = 400
#: Parts of the energy with a fixed colour; memories on chip take the others in turn.
_FIXED: Final = {"mac": COLOURS[0], "leakage": GREY, "vector": COLOURS[4], "network": COLOURS[6]}
_OFF_CHIP: Final = COLOURS[3]


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that share a bar; `first` is the number of the first of them."""

    first: int
    layers: tuple[LayerResult, ...]


def groups_of(layers: Sequence[LayerResult], most: int = MOST_BARS) -> list[Group]:
    """Neighbours together, so that at most so many groups remain."""
    size = max(1, -(-len(layers) // most))
    return [
        Group(first, tuple(layers[first : first + size])) for first in range(0, len(layers), size)
    ]


def grouping_note(result: Result) -> str:
    """What a bar is, where it is not a layer."""
    groups = groups_of(result.layers)
    if len(groups) == len(result.layers):
        return ""
    size = len(groups[0].layers)
    return (
        f"{plural(len(result.layers), 'layer')}: a bar is the sum of {size} neighbours, named by "
        "the first; the table below has every layer."
    )


def cycles_figure(result: Result) -> Figure:
    """Cycles of every layer, by what limits them."""
    groups = groups_of(result.layers)
    axis, hints = _axis(result, groups), _hints(result, groups)
    bounds = sorted({layer.bound for layer in result.layers}, key=_bound_order)
    drawn = figure(
        _HEIGHT,
        barmode="stack",
        bargap=0.15,
        yaxis={"title": {"text": "cycles"}, "tickformat": "~s", "rangemode": "tozero"},
        xaxis=_names_axis(axis),
    )
    for number, bound in enumerate(bounds):
        drawn.add_bar(
            x=axis,
            y=[
                sum(part.cycles for part in group.layers if part.bound == bound) for group in groups
            ],
            name=_bound_words(bound),
            marker=fill(number),
            customdata=[group.first for group in groups],
            hovertext=hints,
            hovertemplate="%{hovertext}<br>%{fullData.name}: %{y:.3s}<extra></extra>",
        )
    return drawn


def energy_figure(result: Result) -> Figure:
    """Energy of every layer in J, by part."""
    groups = groups_of(result.layers)
    axis, hints = _axis(result, groups), _hints(result, groups)
    shares = [[by_part(layer.energy_by_component) for layer in group.layers] for group in groups]
    parts = list(by_part(result.energy_by_component))
    drawn = figure(
        _HEIGHT,
        barmode="stack",
        bargap=0.15,
        yaxis={
            "title": {"text": "energy"},
            "tickformat": "~s",
            "ticksuffix": "J",
            "rangemode": "tozero",
        },
        xaxis=_names_axis(axis),
    )
    colours = part_colours(parts)
    for part in parts:
        heights = [sum(share.get(part, 0.0) for share in group) * 1e-12 for group in shares]
        if any(heights):
            drawn.add_bar(
                x=axis,
                y=heights,
                name=escaped(part),
                marker={"color": colours[part]},
                customdata=[group.first for group in groups],
                hovertext=hints,
                hovertemplate="%{hovertext}<br>%{fullData.name}: %{y:.3s}J<extra></extra>",
            )
    return drawn


def part_colours(parts: Sequence[str]) -> dict[str, str]:
    """A colour for each part of the energy."""
    others = [part for part in parts if part not in _FIXED and part.lower() != "dram"]
    free = (COLOURS[2], COLOURS[1], COLOURS[5], "#7F5F00", "#005F73")
    turn = {part: free[number % len(free)] for number, part in enumerate(others)}
    return {part: turn.get(part, _FIXED.get(part, _OFF_CHIP)) for part in parts}


def _axis(result: Result, groups: Sequence[Group]) -> list[str]:
    names = layer_names(result)
    return labels([names[group.first] for group in groups])


def _hints(result: Result, groups: Sequence[Group]) -> list[str]:
    """What a bar is, its cycles and energy."""
    names = layer_names(result)
    found: list[str] = []
    for group in groups:
        more = (
            f" and {plural(len(group.layers) - 1, 'more layer')}" if len(group.layers) > 1 else ""
        )
        cycles = si(sum(layer.cycles for layer in group.layers), "cycles")
        joule = energy(sum(layer.energy_pj for layer in group.layers))
        found.append(f"<b>{escaped(names[group.first])}</b>{more}<br>{cycles}, {joule}")
    return found


def _names_axis(axis: Sequence[str]) -> dict[str, object]:
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(axis),
        "tickangle": -90 if len(axis) > 12 else -45,
        "tickfont": {"size": 10},
        "showgrid": False,
        "range": [-0.6, max(1, len(axis)) - 0.4],
    }


def _bound_order(bound: str) -> tuple[int, str]:
    order = {"compute": 0, "vector": 2}
    return order.get(bound, 1), bound


def _bound_words(bound: str) -> str:
    return escaped(f"bound by {bound.removeprefix('memory:')}")
