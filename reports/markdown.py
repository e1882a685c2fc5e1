"""A document as Markdown: the tables of every page; figures are in the other formats."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .document import (
    Block,
    Cell,
    Chart,
    Compared,
    Document,
    Facts,
    Listing,
    Notes,
    Panel,
    Quantity,
    Table,
    show,
)
from .text import printable
from .units import plural


def markdown_text(document: Document) -> str:
    """One heading per page and section, a table for each block that has numbers."""
    lines = [f"# {_escaped(document.title)}"]
    for page in document.pages:
        if len(document.pages) > 1:
            lines += ["", f"## {_escaped(page.title)}"]
        lines += ["", _escaped(page.lead)]
        level = "###" if len(document.pages) > 1 else "##"
        for section in page.sections:
            body = [line for block in section.blocks for line in _block(block)]
            if body:
                lines += ["", f"{level} {section.title}", *body]
    return "\n".join(lines) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Facts():
            facts = [(fact.label, fact.quantity, fact.hint) for fact in block.facts]
            yield from _table(("", "", ""), facts, ("", "", ""))
        case Table():
            yield from _titled(block.title)
            rows, more = _shortened(block)
            units = [column.unit for column in block.columns]
            yield from _table([column.label for column in block.columns], rows, units)
            notes = [more, block.note]
            if any(notes):
                yield ""
                yield " ".join(_escaped(note) for note in notes if note)
        case Notes():
            yield from _titled(block.title)
            yield ""
            yield from (f"- {_escaped(line)}" for line in block.lines)
        case Listing():
            yield from _titled(block.title)
            fence = "`" * max(3, 1 + _longest_run(block.text))
            yield ""
            yield fence
            yield from (printable(line) for line in block.text.split("\n"))
            yield fence
        case Panel():
            if block.text:
                yield ""
                yield block.text
        case Chart():
            return


def _longest_run(text: str) -> int:
    """Of backticks: a fence has more."""
    return max(map(len, re.findall("`+", text)), default=0)


def _titled(title: str) -> Iterator[str]:
    if title:
        yield ""
        yield f"**{_escaped(title)}**"


def _shortened(table: Table) -> tuple[Sequence[tuple[Cell, ...]], str]:
    """The rows to show, and what is said of the others."""
    if not table.large or len(table.rows) <= table.most:
        return table.rows, ""
    by = next(n for n, column in enumerate(table.columns) if column.key == table.order)
    sign = 1 if table.rises else -1
    rows = sorted(table.rows, key=lambda row: sign * _number(row[by]))[: table.most]
    return rows, f"The first {len(rows)} of {plural(len(table.rows), 'row')} by {table.order}."


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def _table(
    head: Sequence[str], rows: Sequence[Sequence[Cell]], units: Sequence[str]
) -> Iterator[str]:
    if not rows:
        return
    text = [all(isinstance(row[n], str | Compared) for row in rows) for n in range(len(head))]
    yield ""
    yield "| " + " | ".join(map(_escaped, head)) + " |"
    yield "|" + "|".join(" --- " if left else " ---: " for left in text) + "|"
    for row in rows:
        cells = [_cell(cell, unit) for cell, unit in zip(row, units, strict=True)]
        yield "| " + " | ".join(cells) + " |"


def _cell(cell: Cell, unit: str) -> str:
    text = _escaped(show(cell, unit))
    if isinstance(cell, Compared):
        return f"**{text}**" if cell.differs and text.strip() else text
    if isinstance(cell, Quantity):
        text = f"**{text}** ★" if cell.best else text
        text += f" ({show(cell.ratio, 'x')})" if cell.ratio is not None else ""
    return text


def _escaped(name: str) -> str:
    """A name as text: nothing in it is markup or HTML."""
    text = printable(name).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{char}" if char in "\\`*_[]|#~!" else char for char in text)
