"""`chiploom report`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .. import output
from .errors import user_errors
from .options import Quiet


def report_command(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULT", help="JSON files of `simulate`; several are compared."),
    ],
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="The report; - is standard output."),
    ] = None,
    form: Annotated[
        Literal["html", "md", "json", "csv", "parquet"] | None,
        typer.Option("--format", help="By default what the suffix of the report says, or html."),
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write every figure as a PNG file.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a report of a simulation, or compare several."""
    with user_errors():
        from ..frontend.errors import InputError

        output.check_file("--output", target)
        if target is None and png is None:
            raise InputError("report: expected --output PATH or --png DIR, found neither; add one")
        if png is not None and png.exists() and not png.is_dir():
            raise InputError(f"--png {png}: expected a folder, found a file; name another one")
        from ..reports.build import document_of, names_of
        from ..reports.write import format_of, report_bytes
        from ..simulator.reader import read_result

        if target is not None and form is None:
            form = "html" if output.is_stdout(target) else format_of(target)
        found = [read_result(path) for path in results]
        document = document_of(found, names_of(found, results))
        if target is not None and form is not None:
            output.write_bytes(target, report_bytes(document, form))
        if png is not None:
            from ..reports.export import write_pictures

            written = write_pictures(document, png)
            if not quiet and not output.is_stdout(target):
                print(f"{png}: {len(written)} figures")
        if target is not None and not quiet and not output.is_stdout(target):
            print(f"{target}: {document.title}")
