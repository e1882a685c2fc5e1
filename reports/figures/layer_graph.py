"""The layer graph: a row per layer, and beside it the tensors that pass by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...simulator.result import LayerResult, Result
from ..names import layer_names
from ..text import printable, shorten
from ..units import count
from .style import COLOURS, GREY, LAYER_HOVER, SYMBOLS, escaped, figure

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_ROW: Final = 20  # pixels
_KINDS: Final = ("compute", "vector", "move")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph laid out: row and lane of every node, and the lines between them.

    Attributes:
        nodes: lane of each layer, a row each.
        lines: corners (lane, row) of every edge.
        lanes: how many there are.
    """

    nodes: tuple[int, ...]
    lines: tuple[tuple[tuple[float, float], ...], ...]
    lanes: int


def lay_out(layers: Sequence[LayerResult]) -> Drawing:
    """A lane for each tensor from the layer that writes it to the last one that reads it.

    Args:
        layers: of one network and frame; one that reads another's output comes after it.
    """
    row = {layer.name: n for n, layer in enumerate(layers)}
    readers: dict[int, list[int]] = {}
    for n, layer in enumerate(layers):
        for source in layer.inputs:
            if row.get(source, n) < n:
                readers.setdefault(row[source], []).append(n)
    busy: list[int] = []  # by lane, the last row that its tensor is read in
    nodes: list[int] = []
    for n in range(len(layers)):
        free = next((lane for lane, last in enumerate(busy) if last <= n), len(busy))
        if free == len(busy):
            busy.append(n)
        busy[free] = max(readers.get(n, [n]))
        nodes.append(free)
    lines = tuple(
        _edge(nodes[source], source, nodes[reader], reader)
        for source, found in readers.items()
        for reader in found
    )
    return Drawing(tuple(nodes), lines, len(busy))


def _edge(lane: int, row: int, end: int, last: int) -> tuple[tuple[float, float], ...]:
    """Down its lane, and across just before the row of its reader."""
    if lane == end:
        return ((lane, row), (end, last))
    return ((lane, row), (lane, last - 0.7), (end, last))


def graph_layers(result: Result, model: str) -> list[int]:
    """Numbers of the layers of one network's first frame, each after those that it reads."""
    own = [n for n, layer in enumerate(result.layers) if layer.model == model and layer.frame == 0]
    place = {result.layers[n].name: n for n in own}
    done: set[int] = set()
    order: list[int] = []
    for first in own:  # the order of their starts may differ by layers of no cycles
        stack = [first]
        while stack:
            n = stack[-1]
            sources = (place.get(name) for name in result.layers[n].inputs)
            wanted = [s for s in sources if s is not None and s not in done and s not in stack]
            if wanted:
                stack.append(wanted[0])
                continue
            stack.pop()
            if n not in done:
                done.add(n)
                order.append(n)
    return order


def layer_graph_figure(result: Result, model: str) -> Figure:
    """Layers from the first to the last, lines where one reads what another wrote."""
    order = graph_layers(result, model)
    layers, names = [result.layers[n] for n in order], layer_names(result, heads=False)
    drawing = lay_out(layers)
    drawn = figure(
        48 + _ROW * len(layers),
        margin={"l": 4, "r": 4, "t": 36, "b": 4},
        xaxis={"visible": False, "range": [-0.8, max(22, 3 * drawing.lanes)], "fixedrange": True},
        yaxis={"visible": False, "range": [len(layers) - 0.3, -0.7], "fixedrange": True},
    )
    x: list[float | None] = []
    y: list[float | None] = []
    for line in drawing.lines:
        x += [*(corner[0] for corner in line), None]
        y += [*(corner[1] for corner in line), None]
    drawn.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": GREY, "width": 1.5},
        hoverinfo="skip",
        showlegend=False,
    )
    for number, kind in enumerate(_KINDS):
        own = [row for row, layer in enumerate(layers) if layer.kind == kind]
        if own:
            drawn.add_scatter(
                x=[drawing.nodes[row] for row in own],
                y=own,
                mode="markers",
                name=kind,
                marker={"color": COLOURS[number], "symbol": SYMBOLS[number], "size": 10},
                customdata=[order[row] for row in own],
                hovertemplate=LAYER_HOVER,
            )
    drawn.add_scatter(
        x=[drawing.lanes] * len(layers),
        y=list(range(len(layers))),
        mode="text",
        text=[_words(names[n], result.layers[n]) for n in order],
        textposition="middle right",
        textfont={"size": 11},
        customdata=order,
        hovertemplate=LAYER_HOVER,
        showlegend=False,
    )
    return drawn


def _words(name: str, layer: LayerResult) -> str:
    fused = f" +{len(layer.fused)}" if layer.fused else ""
    label = escaped(shorten(printable(name), 36))
    return f"{label} · {escaped(layer.op)}{fused} · {count(layer.cycles)} cycles"
