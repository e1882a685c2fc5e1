"""The Pareto front: designs over two metrics, and a third one as colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ..document import Axes, Axis
from ..study_data import StudyData
from .style import COLOURS, DASHES, GREY, LAYER_HOVER, SYMBOLS, escaped, figure

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_BEST: Final = COLOURS[3]


def front_axes(data: StudyData) -> Axes:
    """What may be along an axis, and what is at first."""
    keys = [axis.key for axis in data.axes]
    first = [key for key in data.aims if key in keys][:2]
    first += [key for key in keys if key not in first][: 2 - len(first)]
    return Axes(data.axes, (first[1], first[0], ""), {key: data.values[key] for key in keys})


def front_figure(data: StudyData) -> Figure:
    """All designs; those that miss a spec are dim, those on the front are joined."""
    axes = front_axes(data)
    across, up = (axis(axes, key) for key in axes.shown[:2])
    open_ = set(data.open)
    drawn = _empty(across, up)
    others = [item for item in range(len(data.designs)) if item not in open_]
    dim = {"color": GREY, "size": 5, "opacity": 0.28, "symbol": "x-thin", "line": {"width": 1}}
    dim["line"] = {"width": 1, "color": GREY}
    _add(drawn, axes, others, name="misses a spec", marker=dim, meta={"role": "other"})
    good = {"color": COLOURS[0], "size": 6, "opacity": 0.75}
    _add(drawn, axes, data.open, name="meets the specs", marker=good, meta={"role": "open"})
    front = data.front((up.key, across.key))
    front.sort(key=lambda item: _value(axes, across, item) or 0.0)
    edge = {"color": COLOURS[1], "size": 9, "line": {"width": 1.5, "color": "#7a5200"}}
    line = {"shape": "linear", "color": COLOURS[1], "width": 2}
    _add(drawn, axes, front, name="Pareto front", marker=edge, line=line, mode="lines+markers",
         meta={"role": "front", "group": 0})  # fmt: skip
    if data.best is not None:
        star = {"color": _BEST, "size": 16, "symbol": "star", "line": {"width": 1, "color": "#fff"}}
        _add(drawn, axes, [data.best], name="best", marker=star, meta={"role": "best"})
    chosen = {"color": "rgba(0,0,0,0)", "size": 18, "symbol": "circle",
              "line": {"width": 3, "color": COLOURS[4]}}  # fmt: skip
    _add(drawn, axes, [], name="chosen", marker=chosen, meta={"role": "chosen"})
    add_specs(drawn, across, up)
    return drawn


def fronts_figure(studies: Sequence[StudyData], axes: Axes, starts: Sequence[int]) -> Figure:
    """The fronts of several studies; behind them the designs that meet the specs.

    Args:
        starts: item of each study's first design.
    """
    across, up = (axis(axes, key) for key in axes.shown[:2])
    drawn = _empty(across, up)
    for group, (data, start) in enumerate(zip(studies, starts, strict=True)):
        colour, symbol = COLOURS[group % len(COLOURS)], SYMBOLS[group % len(SYMBOLS)]
        _add(
            drawn, axes, [start + item for item in data.open], name=escaped(data.name),
            marker={"color": colour, "size": 5, "opacity": 0.3, "symbol": symbol},
            meta={"role": "open", "group": group}, legendgroup=str(group), showlegend=False,
        )  # fmt: skip
        front = [start + item for item in data.front((up.key, across.key))]
        front.sort(key=lambda item: _value(axes, across, item) or 0.0)
        _add(
            drawn, axes, front, name=escaped(data.name), mode="lines+markers",
            marker={"color": colour, "size": 9, "symbol": symbol},
            line={"color": colour, "width": 2, "dash": DASHES[group % len(DASHES)]},
            meta={"role": "front", "group": group}, legendgroup=str(group),
        )  # fmt: skip
    if len({tuple(data.file.goals.specs.items()) for data in studies}) == 1:
        add_specs(drawn, across, up)
    return drawn


def axis(axes: Axes, key: str) -> Axis:
    """One of the choices."""
    return next(one for one in axes.choices if one.key == key)


def add_specs(drawn: Figure, across: Axis, up: Axis) -> None:
    """Specs as lines over the whole figure."""
    for one, turned in ((across, False), (up, True)):
        place = None if one.spec is None else one.spec * one.factor
        ends, at = ([0, 1], [place, place])
        drawn.add_scatter(
            x=ends if turned else at,
            y=at if turned else ends,
            xaxis="x2" if turned else "x",
            yaxis="y" if turned else "y2",
            mode="lines",
            name=f"spec: {one.label}",
            line={"color": COLOURS[3], "width": 2, "dash": "dot" if turned else "dash"},
            hovertemplate="%{fullData.name}<extra></extra>",
            meta={"role": "spec", "axis": 1 if turned else 0},
            visible=place is not None,
        )


def _empty(across: Axis, up: Axis) -> Figure:
    hidden = {"range": [0, 1], "visible": False, "fixedrange": True}
    return figure(
        480,
        margin={"l": 8, "r": 12, "t": 60, "b": 8},
        xaxis=axis_layout(across),
        yaxis=axis_layout(up),
        xaxis2=hidden | {"overlaying": "x"},  # a spec's line runs over the whole height or width
        yaxis2=hidden | {"overlaying": "y"},
    )


def axis_layout(one: Axis) -> dict[str, Any]:
    """The layout of an axis."""
    plain = one.key == "accuracy" or one.unit == "mm²"
    return {
        "type": "log" if one.log else "linear",
        "title": {"text": one.title},
        "tickformat": "~r" if plain else "~s",
        "ticksuffix": one.scaled if one.unit == "pJ" else "",  # after the prefix: 200 µJ
        "nticks": 8,
    }


def _value(axes: Axes, one: Axis, item: int) -> float | None:
    value = axes.values[one.key][item]
    return None if value is None else value * one.factor


def _add(drawn: Figure, axes: Axes, items: Sequence[int], **trace: Any) -> None:
    across, up = (axis(axes, key) for key in axes.shown[:2])
    drawn.add_scatter(
        x=[_value(axes, across, item) for item in items],
        y=[_value(axes, up, item) for item in items],
        customdata=list(items),
        hovertemplate=LAYER_HOVER,
        **{"mode": "markers"} | trace,
    )
