"""Area by component, largest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...simulator.result import Result
from .style import colours_of, escaped, figure

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def area_figure(result: Result) -> Figure:
    """mm² by component, coloured by sub-accelerator."""
    subs = result.spec.sub_accelerators
    areas = sorted(result.spec.area_by_component.items(), key=lambda item: item[1])
    areas = [(name, area) for name, area in areas if area]  # what is off chip has none
    drawn = figure(
        (80 if len(subs) > 1 else 56) + 26 * max(3, len(areas)),
        barmode="stack",
        bargap=0.3,
        xaxis={"title": {"text": "area (mm²)"}, "nticks": 6},
        yaxis={
            "type": "category",
            "showgrid": False,
            "categoryorder": "array",
            "categoryarray": [_label(name, subs) for name, _ in areas],
        },
        showlegend=len(subs) > 1,
    )
    colours = colours_of(subs)
    for sub in subs:
        own = [(name, area) for name, area in areas if _owner(name, subs) == sub]
        drawn.add_bar(
            orientation="h",
            y=[_label(name, subs) for name, _ in own],
            x=[area for _, area in own],
            name=escaped(sub),
            marker={"color": colours[sub]},
            text=[f"{area:.3g}" for _, area in own],
            textposition="auto",
            textangle=0,
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.3g} mm²<extra></extra>",
        )
    return drawn


def _owner(component: str, subs: tuple[str, ...]) -> str:
    return next((sub for sub in subs if component.startswith(f"{sub}.")), subs[0])


def _label(component: str, subs: tuple[str, ...]) -> str:
    return escaped(component if len(subs) > 1 else component.removeprefix(f"{subs[0]}."))
