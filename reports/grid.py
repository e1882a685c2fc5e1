"""A table that fits its terminal: names give way first, then the columns that matter least."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.table import Table
from rich.text import Text

from .text import printable, shorten, shorten_all

_GAP = 2  # blanks between columns
_MIN_NAME = 18
_MAX_NAME = 56


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        header: its heading.
        left: text is aligned left, numbers right.
        optional: 0 always stays; of the others, the highest goes first where room is short.
        limit: longest cell, longer ones are shortened in the middle.
    """

    header: str
    left: bool = False
    optional: int = 0
    limit: int = 60


@dataclass(frozen=True, slots=True)
class Row:
    """Cells by column. `style` is rich's; `section` draws a line below."""

    cells: Sequence[str]
    style: str = ""
    section: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows under columns; the first column holds names and takes what room is left."""

    columns: tuple[Column, ...]
    rows: Sequence[Row]

    def without(self, header: str) -> Grid:
        """The same grid, one column less."""
        gone = [column.header for column in self.columns].index(header)
        rows = [
            replace(row, cells=[*row.cells[:gone], *row.cells[gone + 1 :]]) for row in self.rows
        ]
        return Grid((*self.columns[:gone], *self.columns[gone + 1 :]), rows)

    def fit(self, width: int) -> tuple[Table, list[str]]:
        """The table for a terminal of `width`, and the headings that found no room."""
        rows = [
            Row([printable(cell) for cell in row.cells], row.style, row.section)
            for row in self.rows
        ]
        widths = [
            max([len(column.header), *(min(len(row.cells[i]), column.limit) for row in rows)])
            for i, column in enumerate(self.columns)
        ]
        kept = self._keep(widths, width)
        name = width - sum(widths[i] + _GAP for i in kept[1:])
        widths[0] = max(_MIN_NAME, min(name, widths[0], _MAX_NAME))
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for i in kept:
            column = self.columns[i]
            table.add_column(
                Text(column.header), justify="left" if column.left else "right", no_wrap=True
            )
        names = shorten_all([row.cells[0] for row in rows], widths[0])
        for row, label in zip(rows, names, strict=True):
            cells = [label, *(shorten(row.cells[i], widths[i]) for i in kept[1:])]
            table.add_row(*map(Text, cells), style=row.style, end_section=row.section)
        dropped = [
            column.header
            for i, column in enumerate(self.columns)
            if i not in kept and self._used(i)
        ]
        return table, dropped

    def _used(self, position: int) -> bool:
        return any(row.cells[position] for row in self.rows)

    def _keep(self, widths: Sequence[int], width: int) -> list[int]:
        """Positions of the columns that stay."""
        wanted = min(widths[0], _MIN_NAME + 2)
        kept = [i for i in range(len(widths)) if i == 0 or self._used(i)]
        while sum(widths[i] + _GAP for i in kept[1:]) + wanted > width:
            spare = max((self.columns[i].optional for i in kept), default=0)
            if spare == 0:
                break
            kept = [i for i in kept if self.columns[i].optional != spare]
        return kept


def listing(
    headers: Sequence[str], rows: Sequence[Sequence[str]], wrap: Collection[int] = ()
) -> Table:
    """Short columns as they are; the last one, and those at the positions in `wrap`, are prose."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for position, header in enumerate(headers):
        prose = position in wrap or position == len(headers) - 1
        table.add_column(Text(header), no_wrap=not prose)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
