"""A document as one HTML file: markup by Jinja, data as JSON beside it, scripts and styles inside.

Everything that comes from a network or a file is text: Jinja escapes markup, `json_in_html` data,
`figures.style.escaped` labels, and scripts of the page set `textContent`. A content security policy
lets nothing run but the scripts that the file came with, and no connection be made.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from ..document import (
    Axes,
    Block,
    Cell,
    Chart,
    Compared,
    Document,
    Facts,
    Listing,
    Notes,
    Page,
    Panel,
    Quantity,
    Table,
    show,
)
from ..figures.style import FONT, template
from ..text import printable

if TYPE_CHECKING:
    from markupsafe import Markup

#: Characters of JSON; longer ones are compressed.
LONG: Final = 1_000_000
SCRIPTS: Final = (
    "format.js", "figures.js", "axes.js", "table.js", "mapping.js", "design.js", "page.js",
)  # fmt: skip
STYLES: Final = ("style.css",)


def html_text(document: Document) -> str:
    """The whole file."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "kind": _kind,
        "shown": _shown,
        "aligned": _aligned,
        "printable": printable,
        "lines": _lines,
    }
    plotly, script = _plotly(), "\n".join(map(_asset, SCRIPTS))
    themes = {theme: template(theme) for theme in ("light", "dark")}
    text: str = environment.get_template("report.html.j2").render(
        document=document,
        policy=_policy(plotly, script),
        font=Markup(FONT),
        style=Markup("\n".join(map(_asset, STYLES))),
        plotly=Markup(plotly),
        script=Markup(script),
        themes=Markup(json_in_html(json.dumps(themes))),
        data={page.key: _embedded(_page_data(page)) for page in document.pages},
    )
    # A name may hold half of a pair of surrogates, which no file can.
    return text.encode("utf-8", "replace").decode("utf-8")


def json_in_html(text: str) -> str:
    """JSON that may stand in a script element: no character in it can end the element."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _embedded(text: str) -> tuple[str, Markup]:
    """A page's data and how it is packed: as it is, or where that is long compressed."""
    from markupsafe import Markup

    if len(text) <= LONG:
        return "", Markup(json_in_html(text))
    packed = gzip.compress(text.encode("utf-8", "replace"), mtime=0)  # equal input, equal file
    return "gzip", Markup(base64.b64encode(packed).decode())


def _page_data(page: Page) -> str:
    """What the page's scripts need, as JSON."""
    figures: list[str] = []
    tables: dict[str, Any] = {}
    panels: dict[str, Any] = {}
    axes: dict[str, Any] = {}
    for block in page.blocks():
        match block:
            case Chart():
                figures.append(f"{json.dumps(block.key)}:{block.draw().to_json()}")
                if block.axes is not None:
                    axes[block.key] = _axes_data(block.axes)
            case Table() if block.large:
                tables[block.key] = _table_data(block)
            case Panel():
                panels[block.kind] = block.data
    rest = json.dumps(
        {
            "items": [printable(item) for item in page.items],
            "first": page.first,
            "tables": tables,
            "panels": panels,
            "axes": axes,
        },
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
    )
    return f'{{"figures":{{{",".join(figures)}}},{rest[1:]}'


def _axes_data(axes: Axes) -> dict[str, Any]:
    """What may be chosen, and the values of all items."""
    return {
        "choices": [
            {
                "key": axis.key,
                "title": axis.title,
                "label": axis.label,
                "unit": axis.unit,
                "maximise": axis.maximise,
                "spec": axis.spec,
                "factor": axis.factor,
                "log": axis.log,
            }
            for axis in axes.choices
        ],
        "shown": list(axes.shown),
        "values": axes.values,
        "colour": axes.colour,
    }


def _table_data(table: Table) -> dict[str, Any]:
    """A large table by column, its cells as plain values."""
    return {
        "columns": [
            {"key": column.key, "label": printable(column.label), "unit": column.unit}
            for column in table.columns
        ],
        "values": [list(map(_plain, column)) for column in zip(*table.rows, strict=True)],
        "order": table.order,
        "rises": table.rises,
    }


def _plain(cell: Cell) -> Any:
    if isinstance(cell, Quantity):
        return cell.value
    if isinstance(cell, Compared):
        return printable(cell.text)
    return printable(cell) if isinstance(cell, str) else cell


def _kind(block: Block) -> str:
    """The name of the macro that writes a block."""
    match block:
        case Facts():
            return "facts"
        case Table():
            return "drawn" if block.drawn else "large" if block.large else "table"
        case Chart():
            return "chart"
        case Notes():
            return "notes"
        case Listing():
            return "listing"
        case Panel():
            return "panel"


def _shown(cell: Cell, unit: str = "") -> dict[str, str | bool]:
    """A cell for the templates."""
    compared = isinstance(cell, Quantity) and cell.ratio is not None
    return {
        "text": printable(show(cell, unit)),
        "best": isinstance(cell, Quantity) and cell.best,
        "ratio": show(cell.ratio, "x") if compared and isinstance(cell, Quantity) else "",
        "differs": isinstance(cell, Compared) and cell.differs,
    }


def _lines(text: str) -> str:
    """Text of several lines, each fit to be shown."""
    return "\n".join(map(printable, text.split("\n")))


def _aligned(table: Table, column: int) -> str:
    """The class of a column: of text, or of numbers."""
    cells = [row[column] for row in table.rows]
    return "text" if all(isinstance(cell, str | Compared) for cell in cells) else "number"


def _policy(*scripts: str) -> str:
    """The content security policy: these scripts and no others, and no request at all."""
    allowed = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


@cache
def _plotly() -> str:
    """plotly's own script, from its package."""
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    return text


def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
