"""`chiploom validate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import output
from . import completion
from .errors import user_errors
from .options import Json, Quiet


def validate(
    suite: Annotated[
        str | None,
        typer.Argument(
            metavar="[SUITE]",
            help="One of them; without, all are rerun.",
            autocompletion=completion.suites,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Other cases of this suite, in its table's form."),
    ] = None,
    top: Annotated[
        int, typer.Option(min=0, metavar="N", help="Show the N cases that are furthest off.")
    ] = 5,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Rerun published comparisons: errors and rank correlation per suite."""
    with user_errors():
        from ..frontend.errors import InputError

        output.check_targets(json)
        if data is not None and suite is None:
            raise InputError("--data: expected the SUITE that the file is for; name it")
        from ..reports.validation import print_report
        from ..simulator import validation
        from ..simulator.validation.report import SCHEMA

        reports = []
        for name in validation.names() if suite is None else (suite,):
            reports.append(validation.run(name, data))
            if not (quiet or output.is_stdout(json)):
                print_report(reports[-1], output.console(), top)
        if json is not None:
            document = {"schema": SCHEMA, "reports": [report.to_json() for report in reports]}
            output.write(json, output.json_text(document))
