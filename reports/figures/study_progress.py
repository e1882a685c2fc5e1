"""A study over its evaluations: what it found, and how much of the objectives it covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...search.answers import METRICS, hypervolume_over_time
from ..study_data import StudyData
from .study_front import axis_layout
from .style import COLOURS, DASHES, GREY, LAYER_HOVER, escaped, figure

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def progress_figure(data: StudyData) -> Figure:
    """The first objective of every design, and the best value so far that meets the specs."""
    aim = data.aims[0]
    axis = next(one for one in data.axes if one.key == aim)
    drawn = figure(380, xaxis=_evaluations(), yaxis=axis_layout(axis))
    values = data.values[aim]
    open_ = set(data.open)
    for name, items, colour, opacity in (
        ("misses a spec", sorted(set(range(len(values))) - open_), GREY, 0.3),
        ("meets the specs", data.open, COLOURS[0], 0.7),
    ):
        known = [(item, value) for item in items if (value := values[item]) is not None]
        drawn.add_scatter(
            x=[item + 1 for item, _ in known],
            y=[value * axis.factor for _, value in known],
            mode="markers",
            name=name,
            marker={"color": colour, "size": 5, "opacity": opacity},
            customdata=[item for item, _ in known],
            hovertemplate=LAYER_HOVER,
        )
    x, y = best_so_far(data, aim)
    drawn.add_scatter(
        x=x,
        y=[value * axis.factor for value in y],
        mode="lines",
        name="best so far",
        line={"shape": "hv", "color": COLOURS[3], "width": 2.5},
        hovertemplate="best after %{x} designs: %{y}<extra></extra>",
    )
    return drawn


def best_so_far(data: StudyData, aim: str) -> tuple[list[int], list[float]]:
    """Evaluations after which a better design that meets the specs was known, and its value; the
    last value holds to the end."""
    x: list[int] = []
    y: list[float] = []
    sign = -1.0 if METRICS[aim].maximise else 1.0
    for item in data.open:
        value = data.values[aim][item]
        if value is not None and (not y or sign * value < sign * y[-1]):
            x.append(item + 1)
            y.append(value)
    if x and x[-1] < len(data.designs):
        x.append(len(data.designs))
        y.append(y[-1])
    return x, y


Curve = Sequence[tuple[int, float, float]]


def hypervolumes(studies: Sequence[StudyData], aims: Sequence[str]) -> list[Curve]:
    """Of each study over its evaluations, in the same measure: best and worst of all of them."""
    rows = [[data.values[aim][item] for aim in aims] for data in studies for item in data.open]
    known = [[value for value in row if value is not None] for row in rows if None not in row]
    if not known or not aims:
        return [[] for _ in studies]
    columns = list(zip(*known, strict=True))
    ends = [
        (max(c), min(c)) if METRICS[aim].maximise else (min(c), max(c))
        for aim, c in zip(aims, columns, strict=True)
    ]
    # What no two designs differ in has no extent; any will do.
    reference = [
        worst if worst != best else worst + (-1.0 if METRICS[aim].maximise else 1.0)
        for aim, (best, worst) in zip(aims, ends, strict=True)
    ]
    return [
        hypervolume_over_time(
            [data.designs[item] for item in data.open],
            list(aims),
            reference,
            [best for best, _ in ends],
        )
        for data in studies
    ]


def hypervolume_figure(studies: Sequence[StudyData], curves: Sequence[Curve]) -> Figure:
    """A line for each study."""
    drawn = figure(
        380,
        xaxis=_evaluations(),
        yaxis={
            "title": {"text": "hypervolume (1 = all that could be)"},
            "rangemode": "tozero",
            "tickformat": ".2~f",
        },
        showlegend=len(studies) > 1,
    )
    for number, (data, curve) in enumerate(zip(studies, curves, strict=True)):
        x = [design for design, _, _ in curve]
        y = [volume for _, _, volume in curve]
        if x:
            x, y = [x[0], *x, len(data.designs)], [0.0, *y, y[-1]]
        drawn.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name=escaped(data.name),
            line={
                "shape": "hv",
                "color": COLOURS[number % len(COLOURS)],
                "width": 2.5,
                "dash": DASHES[number % len(DASHES)],
            },
            hovertemplate="after %{x} designs: %{y:.3f}<extra>%{fullData.name}</extra>",
        )
    return drawn


def _evaluations() -> dict[str, object]:
    return {"title": {"text": "designs evaluated"}, "rangemode": "tozero", "tickformat": "~s"}
