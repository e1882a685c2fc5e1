"""What all figures share: colours that colour-blind readers tell apart, templates, safe labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..text import printable, shorten_all

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: M. Okabe, K. Ito: Color Universal Design, 2008; without black, the yellow last.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442")
GREY: Final = "#8C8C8C"
#: Shapes of markers, so that colour is never alone.
SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "cross", "star", "x")
#: Of lines, likewise.
DASHES: Final = ("solid", "dash", "dot", "dashdot")
_PATTERNS: Final = ("", "/", "x", ".", "-", "\\", "+")
OPERANDS: Final = {"W": COLOURS[1], "I": COLOURS[5], "O": COLOURS[2], "": GREY}

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

#: (text, lines of the grid, axis lines, background) of each theme.
_INK: Final = {
    "light": ("#1f2328", "#e3e6ea", "#8b949e", "#ffffff"),
    "dark": ("#e6edf3", "#30363d", "#7d8590", "#161b22"),
}


def template(theme: str) -> dict[str, Any]:
    """The plotly template of a theme, `light` or `dark`."""
    text, grid, line, background = _INK[theme]
    axis = {
        "gridcolor": grid,
        "linecolor": line,
        "zerolinecolor": line,
        "tickcolor": line,
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 12}},
    }
    return {
        "layout": {
            "font": {"family": FONT, "size": 12, "color": text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(COLOURS),
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {
                "bgcolor": background,
                "bordercolor": line,
                "align": "left",
                "font": {"family": FONT, "color": text},
            },
            "legend": {"bgcolor": "rgba(0,0,0,0)"},
            "modebar": {
                "orientation": "v",
                "bgcolor": background,
                "color": line,
                "activecolor": text,
            },
        }
    }


def figure(height: int, **layout: Any) -> Figure:
    """An empty figure of so many pixels, its legend above it."""
    from plotly.graph_objects import Figure

    base: dict[str, Any] = {
        "template": "none",  # not the default one, which is long
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 36, "b": 8},
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "x": 0,
            "y": 1,
            "xanchor": "left",
            "yanchor": "bottom",
        },
        "hovermode": "closest",
        "barcornerradius": 0,
    }
    drawn = Figure(layout=base | layout)
    drawn.layout.template = None  # whoever shows it knows the theme
    return drawn


#: How marks of a layer show; the page puts in the text, which all its figures share.
LAYER_HOVER: Final = "%{hovertext}<extra></extra>"


def escaped(name: str) -> str:
    """A name as plotly shows it: without what it would take for markup."""
    text = printable(name)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def labels(names: Sequence[str], width: int = 28) -> list[str]:
    """Names as escaped labels of an axis, shortened and different from one another."""
    found: dict[str, None] = {}
    times: dict[str, int] = {}
    for name in shorten_all([printable(name) for name in names], width):
        label = name
        while label in found:
            times[name] = times.get(name, 1) + 1
            label = f"{name} ({times[name]})"
        found[label] = None
    return [escaped(label) for label in found]


def fill(number: int, colour: str = "") -> dict[str, Any]:
    """The marker of the bars of one kind among several: a colour, and a hatching above it."""
    return {
        "color": colour or COLOURS[number % len(COLOURS)],
        "pattern": {
            "shape": _PATTERNS[number % len(_PATTERNS)],
            "fillmode": "overlay",
            "fgcolor": "rgba(0,0,0,0.35)",
            "size": 7,
            "solidity": 0.25,
        },
    }


def colours_of(names: Sequence[str]) -> Mapping[str, str]:
    """A colour for each name, in their order."""
    return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
