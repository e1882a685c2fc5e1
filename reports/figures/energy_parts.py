"""Where the energy goes: every part as a bar, memories split by operand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...simulator.result import Result
from ..energy import by_part
from .style import OPERANDS, escaped, figure, fill

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_WORDS = {"W": "weights", "I": "inputs", "O": "outputs", "": "no operand"}


def energy_parts_figure(result: Result) -> Figure:
    """Energy in J by part, most first, and by operand where it has one."""
    energy = result.energy_by_component
    parts = list(by_part(energy))[::-1]
    split = {operand: dict.fromkeys(parts, 0.0) for operand in OPERANDS}
    for component, picojoule in energy.items():
        part, _, rest = component.partition(".")
        operand = rest.partition(".")[0]
        split[operand if operand in OPERANDS else ""][part] += picojoule * 1e-12
    drawn = figure(
        80 + 30 * max(3, len(parts)),
        barmode="stack",
        bargap=0.3,
        xaxis={"title": {"text": "energy"}, "tickformat": "~s", "ticksuffix": "J", "nticks": 6},
        yaxis={"type": "category", "showgrid": False},
    )
    for number, (operand, values) in enumerate(split.items()):
        if any(values.values()):
            drawn.add_bar(
                orientation="h",
                y=[escaped(part) for part in parts],
                x=list(values.values()),
                name=_WORDS[operand],
                marker=fill(number, OPERANDS[operand]),
                hovertemplate="%{y}, %{fullData.name}: %{x:.3s}J<extra></extra>",
            )
    return drawn
