"""Parallel coordinates: a row per decision and metric, a line per design."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..document import show
from ..study_data import Parameter, StudyData
from ..text import shorten
from .style import COLOURS, GREY, LAYER_HOVER, escaped, figure, labels

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Designs of a kind that are drawn; of more, as many at even distances.
MOST_LINES: Final = 300
#: Values of a decision whose names there is room for.
MOST_NAMED: Final = 6
_ROW: Final = 38  # pixels


def drawn_items(items: Sequence[int]) -> list[int]:
    """Those that have a line."""
    if len(items) <= MOST_LINES:
        return list(items)
    return [items[n * len(items) // MOST_LINES] for n in range(MOST_LINES)]


def parallel_note(data: StudyData) -> str:
    """What is drawn, and what is not."""
    same = [one for one in data.parameters if not one.varies]
    found = (
        "A row is a decision or a metric, its values from left to right; a line is a design, moved "
        "a little so that equal ones do not cover one another. Left of a row: the design has no "
        "such decision. Metrics that span more than a decade are logarithmic. "
    )
    misses = len(data.designs) - len(data.open)
    if max(misses, len(data.open)) > MOST_LINES:
        found += f"Of each kind at most {MOST_LINES} designs are drawn, at even distances. "
    if same:
        listed = ", ".join(f"{one.name} {one.values[0]}" for one in same)
        found += f"The same in all designs: {listed}."
    return found


def parallel_figure(data: StudyData) -> Figure:
    """Decisions above, metrics below."""
    varying = [one for one in data.parameters if one.varies]
    rows = len(varying) + len(data.axes)
    names = labels([*(one.name for one in varying), *(axis.label for axis in data.axes)], 24)
    drawn = figure(
        90 + _ROW * rows,
        margin={"l": 8, "r": 24, "t": 44, "b": 8},
        xaxis={"range": [-0.05, 1.05], "visible": False, "fixedrange": True},
        yaxis={
            "range": [rows - 0.4, -0.7],
            "tickvals": list(range(rows)),
            "ticktext": names,
            "zeroline": False,
        },
    )
    places = [_places(one, len(data.designs)) for one in varying]
    places += [scaled(data.values[axis.key], axis.log) for axis in data.axes]
    front = set(data.front())
    open_ = [item for item in data.open if item not in front]
    misses = sorted(set(range(len(data.designs))) - set(data.open))
    for items, style in (
        (drawn_items(misses), ("misses a spec", GREY, 0.6, 0.2, "")),
        (drawn_items(open_), ("meets the specs", COLOURS[0], 1.0, 0.35, "")),
        (drawn_items(sorted(front)), ("Pareto front", COLOURS[1], 1.4, 0.8, "")),
        ([] if data.best is None else [data.best], ("best", COLOURS[3], 3.5, 1.0, "")),
        ([], ("chosen", COLOURS[4], 3.5, 1.0, "chosen")),
    ):
        _add_lines(drawn, places, items, style)
    _add_values(drawn, data, varying)
    return drawn


def _add_lines(
    drawn: Figure,
    places: Sequence[Sequence[float | None]],
    items: Sequence[int],
    style: tuple[str, str, float, float, str],
) -> None:
    """Lines of one kind, with gaps between them."""
    name, colour, width, opacity, role = style
    x: list[float | None] = []
    y: list[float | None] = []
    owners: list[int] = []
    for item in items:
        x += [*(row[item] for row in places), None]
        y += [*range(len(places)), None]
        owners += [item] * (len(places) + 1)
    drawn.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"color": colour, "width": width},
        opacity=opacity,
        customdata=owners,
        hovertemplate=LAYER_HOVER,
        connectgaps=False,
        meta={"role": role} if role else None,
    )


def _places(one: Parameter, designs: int) -> list[float | None]:
    """Of each design in a decision's row, 0 to 1; what has no value stands left of it."""
    last = max(1, len(one.values) - 1)
    return [
        -0.04 if code < 0 else code / last + shift(item)
        for item, code in zip(range(designs), one.codes, strict=True)
    ]


def shift(item: int) -> float:
    """So little that it belongs to the same value; by the golden ratio, so evenly."""
    return ((item * 0.6180339887) % 1 - 0.5) * 0.02


def scaled(values: Sequence[float | None], log: bool) -> list[float | None]:
    """Between the least and the largest, where these are 0 and 1."""
    on = [None if value is None else math.log(value) if log else value for value in values]
    known = [value for value in on if value is not None]
    low, high = min(known), max(known)
    return [None if value is None else (value - low) / ((high - low) or 1) for value in on]


def _add_values(drawn: Figure, data: StudyData, varying: Sequence[Parameter]) -> None:
    """What a place in a row stands for: ticks with their values above."""
    x: list[float] = []
    y: list[int] = []
    text: list[str] = []

    def add(row: int, place: float, value: str) -> None:
        x.append(place)
        y.append(row)
        text.append(escaped(shorten(value, 14)))

    for row, one in enumerate(varying):
        count = len(one.values)
        named = range(count) if count <= MOST_NAMED else (0, count // 2, count - 1)
        for code in named:
            add(row, code / max(1, count - 1), one.values[code])
    for row, axis in enumerate(data.axes, start=len(varying)):
        known = [value for value in data.values[axis.key] if value is not None]
        for place, value in ((0.0, min(known)), (1.0, max(known))):
            add(row, place, show(value, axis.unit) + (" cycles" if axis.unit == "cycles" else ""))
    drawn.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        text=text,
        textposition="top center",
        textfont={"size": 10},
        marker={"symbol": "line-ns-open", "size": 7, "color": GREY},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )
