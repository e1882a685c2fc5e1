"""`chiploom report`"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from .. import output
from .errors import user_errors
from .options import Quiet

if TYPE_CHECKING:
    from ..reports.write import Format
    from ..search.study import Study
    from ..simulator.result import Result

#: What an SQLite file begins with.
_SQLITE: Final = b"SQLite format 3\x00"


def report_command(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="RESULT|STUDY.db",
            help="JSON files of `simulate`, or databases of `search`; several are compared.",
        ),
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
    schedules: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Simulate a study's N best designs again, for their schedules; 4 without.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a report of a simulation or of a study, or compare several."""
    with user_errors():
        from ..frontend.errors import InputError

        output.check_file("--output", target)
        if target is None and png is None:
            raise InputError("report: expected --output PATH or --png DIR, found neither; add one")
        if png is not None and os.path.exists(png) and not os.path.isdir(png):
            raise InputError(f"--png {png}: expected a folder, found a file; name another one")
        from ..reports.build import SCHEDULES, document_of, names_of
        from ..reports.write import format_of, report_bytes

        if target is not None and form is None:
            form = "html" if output.is_stdout(target) else format_of(target)
        with ExitStack() as opened:
            found = [_read(name, opened) for name in results]
            names = names_of(found, [Path(name) for name in results])
            most = SCHEDULES if schedules is None else schedules
            document = document_of(found, names, schedules=most)
            if target is not None and form is not None:
                output.write_bytes(target, report_bytes(document, form))
            if png is not None:
                from ..reports.export import write_pictures

                written = write_pictures(document, png)
                if not quiet and not output.is_stdout(target):
                    print(f"{png}: {len(written)} figures")
        if target is not None and not quiet and not output.is_stdout(target):
            from ..reports.text import printable

            print(printable(f"{target}: {document.title}"))


def _read(name: str, opened: ExitStack) -> Result | Study:
    """What is in a file: a study where it is a database, or another storage's URL; else a result.

    Args:
        opened: closes the study in the end.
    """
    if "://" in name or _is_database(Path(name)):
        from ..search.study import open_study

        return opened.enter_context(open_study(name))
    from ..simulator.reader import read_result

    return read_result(name)


def _is_database(path: Path) -> bool:
    """By its first bytes; what cannot be read is left to whoever reads it next."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def check_report(target: Path | None) -> Format | None:
    """Refuse a `--report` that cannot be written, before the work and not after; what its suffix
    says.

    Raises:
        InputError: there is no such folder, the suffix is not known, or a package is missing.
    """
    from ..frontend.errors import InputError

    if target is None:
        return None
    from ..reports.write import format_of

    output.check_file("--report", target)
    if output.is_stdout(target):
        raise InputError("--report -: expected a file; `chiploom report -o -` prints one")
    form = format_of(target)
    if form == "parquet":
        from ..reports.export import expect_parquet

        expect_parquet()
    return form
