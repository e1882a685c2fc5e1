"""`chiploom search`"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from .. import output
from .errors import INTERRUPTED, NO, user_errors
from .options import Json, Quiet
from .report import check_report

if TYPE_CHECKING:
    from ..search.study import Study


def search(
    study: Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a study that was stopped.")
    ] = False,
    db: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL",
            help="SQLite file of the trials, or an Optuna storage; STUDY.db here without.",
        ),
    ] = None,
    designs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of all designs; beside the trials without."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes; one for every core without."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Instead of the study's budget.")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Instead of the study's budget: 90 s, 10 min, 1 h."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Evaluate on a Ray cluster; `local` starts one."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of cost tables that several studies share."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write every design: .csv, .json or .parquet."),
    ] = None,
    top: Annotated[
        int, typer.Option(min=1, metavar="N", help="Show the N best designs of the front.")
    ] = 10,
    report: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write a report, HTML or what the suffix says."),
    ] = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Search networks and hardware together, under design specs."""
    with user_errors():
        from ..frontend.errors import InputError

        output.check_targets(json)
        output.check_folder(cache)
        check_report(report)
        from ..reports import study as tables
        from ..reports.progress import search_progress
        from ..search.answers import expect_ending
        from ..search.run import co_search
        from ..search.study_schema import span
        from ..simulator.threads import usable_cores

        if export is not None:
            output.check_targets(export)
            expect_ending(export)
        try:
            seconds = None if time is None else span(time)
        except ValueError as error:
            raise InputError(f"--time {time}: {error}") from None
        with search_progress(hidden=quiet) as progress:
            found = co_search(
                study,
                db=db,
                designs=designs,
                resume=resume,
                workers=workers if workers is not None else usable_cores(),
                trials=trials,
                seconds=seconds,
                ray=ray,
                cache=cache,
                report=progress,
            )
        with found:
            ending = found.ending
            assert ending is not None
            if export is not None:
                found.export(export)
            if json is not None:
                output.write(json, output.json_text(tables.study_json(found)))
            if not (quiet or output.is_stdout(json)):
                tables.print_study(found, output.console(), top)
            if report is not None:
                _write_report(found, report)
            refusal = "" if ending.reached else tables.refusal(found)
        if ending.interrupted:
            output.complain("interrupted; --resume goes on")
            raise typer.Exit(INTERRUPTED)
        if refusal:
            output.complain(refusal)
            raise typer.Exit(NO)


def _write_report(study: Study, target: Path) -> None:
    """The last answer: where it cannot be written, the others are there, and so is the study."""
    from ..frontend.errors import InputError
    from ..reports.write import write_report

    try:
        write_report(study, target)
    except InputError as error:
        raise InputError(
            f"{error}\nthe search is complete and kept; write its report again with "
            f"`chiploom report {quote(study.path)} -o PATH`"
        ) from None
