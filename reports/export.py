"""A document as JSON, CSV, Parquet and pictures."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ..frontend.errors import InputError
from .document import (
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
)
from .figures.style import template

SCHEMA: Final = "chiploom.report/1"


def json_text(document: Document) -> str:
    """Everything with its unit; `records` holds the rows of the flat table."""
    plain = {
        "schema": SCHEMA,
        "title": document.title,
        "pages": [_page(page) for page in document.pages],
        "records": document.records(),
    }
    return json.dumps(plain, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _page(page: Page) -> dict[str, Any]:
    blocks = [plain for block in page.blocks() if (plain := _block(block)) is not None]
    return {"key": page.key, "title": page.title, "lead": page.lead, "blocks": blocks}


def _block(block: Block) -> dict[str, Any] | None:
    """Figures and panels show what tables and records say already."""
    match block:
        case Facts():
            facts = [
                {"key": fact.key, "label": fact.label, **_quantity(fact.quantity)}
                for fact in block.facts
            ]
            return {"kind": "facts", "facts": facts}
        case Table():
            return {
                "kind": "table",
                "key": block.key,
                "title": block.title,
                "columns": [
                    {"key": column.key, "label": column.label, "unit": column.unit}
                    for column in block.columns
                ],
                "rows": [[_cell(cell) for cell in row] for row in block.rows],
                "note": block.note,
            }
        case Notes():
            notes = list(block.lines)
            return {"kind": "notes", "key": block.key, "title": block.title, "lines": notes}
        case Listing():
            return {
                "kind": "listing",
                "key": block.key,
                "title": block.title,
                "text": block.text,
            }
        case Chart() | Panel():
            return None


def _cell(cell: Cell) -> Any:
    if isinstance(cell, Compared):
        return cell.text
    return _quantity(cell) if isinstance(cell, Quantity) else cell


def _quantity(quantity: Quantity) -> dict[str, Any]:
    plain: dict[str, Any] = {"value": quantity.value, "unit": quantity.unit}
    if quantity.ratio is not None:
        plain |= {"ratio": quantity.ratio, "best": quantity.best}
    return plain


def csv_text(document: Document) -> str:
    """The flat table, RFC 4180 with a heading."""
    records = document.records()
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]) if records else [])
    writer.writeheader()
    writer.writerows(
        {key: int(value) if isinstance(value, bool) else value for key, value in record.items()}
        for record in records
    )
    return out.getvalue()


def parquet_bytes(document: Document) -> bytes:
    """The flat table as Apache Parquet.

    Raises:
        InputError: pyarrow is not installed.
    """
    expect_parquet()
    import pyarrow
    import pyarrow.parquet

    out = io.BytesIO()
    table = pyarrow.Table.from_pylist(document.records())
    pyarrow.parquet.write_table(table, out)
    return out.getvalue()


def expect_parquet() -> None:
    """Raises InputError where pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise InputError(
            "Parquet: expected the package pyarrow, it is not installed; "
            "`pip install 'chiploom[parquet]'` brings it, and `--format csv` needs nothing"
        ) from None


def write_pictures(document: Document, folder: Path) -> list[Path]:
    """Every figure as a PNG file `<page>-<figure>.png`, in a folder that is made if need be.

    Raises:
        InputError: kaleido or a browser for it is missing, or the folder cannot be written.
    """
    try:
        import kaleido  # noqa: F401
    except ImportError:
        raise InputError(
            "--png: expected the package kaleido, it is not installed; "
            "`pip install 'chiploom[png]'` brings it, and it needs Chrome or Chromium"
        ) from None
    import plotly.io

    figures, paths = [], []
    for page in document.pages:
        for block in page.blocks():
            if isinstance(block, Chart):
                drawn = block.draw()
                drawn.update_layout(template=template("light"), paper_bgcolor="white")
                drawn.layout.margin.t = 64
                figures.append(drawn.update_layout(title={"text": block.title}))
                paths.append(folder / f"{page.key}-{block.key}.png")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(
            dir=folder, prefix="."
        ) as made:  # each is there whole or not at all
            drawn_to = [Path(made) / path.name for path in paths]
            plotly.io.write_images(figures, list(map(os.fspath, drawn_to)), width=1100, scale=2)
            for source, path in zip(drawn_to, paths, strict=True):
                os.replace(source, path)
    except OSError as error:
        raise InputError(f"--png {folder}: cannot be written: {error.strerror or error}") from None
    except RuntimeError as error:
        raise InputError(
            f"--png {folder}: the browser that draws failed ({_first_line(error)}); kaleido needs "
            "Chrome or Chromium: install one, or name it in the variable BROWSER_PATH"
        ) from None
    return paths


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason")
