"""A report as data: pages of facts, tables, figures and notes, from which every format is written.

A page is built once (`pages/`) and written as HTML (`html/`), Markdown or JSON (`export`). Values
stay numbers with a unit until they are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .units import NONE, binary, energy, percent, plain, si

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit (a key of `SHOWN`).

    Attributes:
        value: None where it is not known, or makes no sense.
        ratio: to the first one that it is compared with, None where it is not compared.
        best: no other one that it is compared with is better.
    """

    value: float | None
    unit: str = ""
    ratio: float | None = None
    best: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """A text beside others; `differs` from the first one of its row."""

    text: str
    differs: bool


Cell = Value | Quantity | Compared


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure of the headline. `hint` says what it means."""

    key: str
    label: str
    quantity: Quantity
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """The headline."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; its numbers are in `unit`."""

    key: str
    label: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns.

    Attributes:
        key: its name in files.
        note: below it.
        large: HTML shows it page by page, sorted and filtered at will; a click on row `i` chooses
            item `i` of the page. Markdown shows the `most` rows with the largest value in the
            column `order`.
        rises: the first rows are those with the smallest value there.
        drawn: a figure beside it shows its numbers, so that HTML leaves it out.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    large: bool = False
    order: str = ""
    most: int = 40
    rises: bool = False
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """A metric that a figure may have along an axis.

    Attributes:
        unit: of its values, a key of `SHOWN`.
        maximise: more is better.
        spec: what designs should not exceed, in `unit`; None where it is free.
        scaled: unit of the axis, whose numbers are values times `factor`.
        log: it is logarithmic, since the values span more than a decade.
    """

    key: str
    label: str
    unit: str
    maximise: bool
    spec: float | None
    scaled: str
    factor: float
    log: bool = False

    @property
    def title(self) -> str:
        """`latency (cycles)`."""
        return f"{self.label} ({self.scaled})" if self.scaled else self.label


@dataclass(frozen=True, slots=True)
class Axes:
    """Axes of a chart that the reader of HTML chooses.

    The chart's traces say in their `meta` which `role` their marks have: `open` ones compete for
    the `front` of their `group`; `other` ones do not; `best` is one mark; `spec` is a line.

    Attributes:
        choices: that there are, at least two.
        shown: keys of those of the drawn figure: across, up, and as colour ("" for none).
        values: by key, of every item of the page, in the axis' unit.
        colour: a third one may be chosen.
    """

    choices: tuple[Axis, ...]
    shown: tuple[str, str, str]
    values: dict[str, list[float | None]]
    colour: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure, drawn when it is needed.

    Attributes:
        key: its name in files.
        draw: makes the plotly figure. The first number of a mark's `customdata` is an item of the
            page (a layer), which a click chooses.
        caption: what it shows, and what it does not.
        wide: it takes the whole width.
        zooms: a part of it can be chosen and looked at.
        scrolled: it may be higher than a screen, and scrolls in a frame.
        least: pixels that its width needs; a narrower screen scrolls.
        axes: that can be chosen.
    """

    key: str
    title: str
    draw: Callable[[], Figure]
    caption: str = ""
    wide: bool = True
    zooms: bool = False
    scrolled: bool = False
    least: int = 0
    axes: Axes | None = None


@dataclass(frozen=True, slots=True)
class Notes:
    """A list of sentences."""

    key: str
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Text as it stands in a file, or is typed."""

    key: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What HTML alone shows, by a script of its own.

    Attributes:
        kind: which script; `data` is given to it.
        text: what the other formats say instead.
    """

    kind: str
    title: str
    data: dict[str, Any]
    text: str = ""


Block = Facts | Table | Chart | Notes | Listing | Panel


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading; `key` is its address in the page."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the report.

    Attributes:
        key: its address and its name in files, unique in the document.
        lead: what it is about, in a sentence.
        items: names of what a click chooses (layers, designs), for the page's figures.
        first: the item that is chosen when the page opens; -1: the largest of the first table.
    """

    key: str
    title: str
    lead: str
    sections: tuple[Section, ...]
    items: tuple[str, ...] = ()
    first: int = -1

    def blocks(self) -> tuple[Block, ...]:
        """Of all sections."""
        return tuple(block for section in self.sections for block in section.blocks)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report; `records` are its rows where a file is one flat table (CSV, Parquet)."""

    title: str
    pages: tuple[Page, ...]
    records: Callable[[], list[dict[str, Value]]] = field(default=list)


#: How a number of each unit is shown. Bytes have binary prefixes, all else three digits and SI's.
SHOWN: dict[str, Callable[[float], str]] = {
    "": si,
    "cycles": si,
    "MAC": lambda value: si(value, "MAC"),
    "MAC/s": lambda value: si(value, "MAC/s"),
    "1/s": lambda value: f"{si(value) if value >= 1 else plain(value)}/s",
    "s": lambda value: si(value, "s"),
    "W": lambda value: si(value, "W"),
    "pJ": energy,
    "J·s": lambda value: si(value, "J·s"),
    "pJ·cycles": lambda value: si(value * 1e-12, "J·cycles"),
    "accuracy": lambda value: f"{value:.4f}",
    "#": lambda value: f"{value:.0f}",
    "ratio": lambda value: f"{value:.3f}",
    "B": binary,
    "B/s": lambda value: si(value, "B/s"),
    "mm²": lambda value: f"{plain(value)} mm²",
    "TOPS/W": lambda value: f"{plain(value)} TOPS/W",
    "share": percent,
    "x": lambda value: f"{plain(value)}×",
}


def show(cell: Cell, unit: str = "") -> str:
    """A cell as people read it; `unit` is that of its column."""
    if isinstance(cell, Quantity):
        return show(cell.value, cell.unit)
    if isinstance(cell, Compared):
        return cell.text
    if cell is None:
        return NONE
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    return SHOWN[unit](cell)
