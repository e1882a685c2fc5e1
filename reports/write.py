"""Writing a report to a file, in any of its formats."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from ..frontend.errors import InputError
from ..simulator.files import write_bytes
from ..simulator.result import Result
from . import export, markdown
from .build import SCHEDULES, document_of
from .document import Document

if TYPE_CHECKING:
    from ..search.study import Study

Format = Literal["html", "md", "json", "csv", "parquet"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_SUFFIXES: Final[dict[str, Format]] = {
    ".html": "html",
    ".htm": "html",
    ".md": "md",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
}


def write_report(
    results: Result | Study | Sequence[Result] | Sequence[Study],
    path: str | os.PathLike[str],
    *,
    format: Format | None = None,
    names: Sequence[str] | None = None,
    schedules: int = SCHEDULES,
) -> None:
    """Write the report of a simulation or of a study, or one that compares several.

    Args:
        results: one, or several to compare: results alone, or studies alone; ratios are to the
            first.
        path: the file, written whole or not at all.
        format: by default what the file's suffix says, and HTML where it has none.
        names: of the results, where there are several.
        schedules: of each study so many of the best designs are simulated again, for their
            schedules; each takes about half a second.

    Raises:
        InputError: there is no result, there are results and studies, the names do not fit, the
            file cannot be written, or a package that the format needs is not installed.
    """
    given: list[Result | Study] = [*results] if isinstance(results, Sequence) else [results]
    if not given:
        raise InputError("report: expected at least one result or study, found none")
    if names is not None and len(names) != len(given):
        raise InputError(f"report: expected {len(given)} names, found {len(names)}")
    target = Path(path)
    form = format or format_of(target)
    content = report_bytes(document_of(given, names, schedules=schedules), form)
    try:
        write_bytes(target, content)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}") from None


def format_of(path: Path) -> Format:
    """What a file's suffix says; HTML where it has none.

    Raises:
        InputError: it is none that we know.
    """
    if not path.suffix:
        return "html"
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(
            f"{path}: expected one of {', '.join(_SUFFIXES)}, found {path.suffix}; "
            "name the file so, or name the format"
        )
    return _SUFFIXES[path.suffix.lower()]


def report_bytes(document: Document, format: Format) -> bytes:
    """The content of the file.

    Raises:
        InputError: the format is not known, or its package is not installed.
    """
    if format == "parquet":
        return export.parquet_bytes(document)
    writers: dict[str, Callable[[Document], str]] = {
        "html": _html,
        "md": markdown.markdown_text,
        "json": export.json_text,
        "csv": export.csv_text,
    }
    if format not in writers:
        raise InputError(f"format: expected one of {', '.join(FORMATS)}, found {format!r}")
    return writers[format](document).encode("utf-8", "replace")


def _html(document: Document) -> str:
    from .html.page import html_text

    return html_text(document)
