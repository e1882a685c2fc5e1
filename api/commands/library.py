"""`chiploom dataflows`"""

from __future__ import annotations

from typing import Annotated

import typer

from .. import output
from . import completion
from .errors import user_errors
from .options import Json, Quiet


def dataflows(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Explain this one.", autocompletion=completion.explained
        ),
    ] = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """List the dataflow templates and the shipped accelerators, or explain a template."""
    with user_errors():
        output.check_targets(json)
        from ..reports import library

        show = not quiet and not output.is_stdout(json)
        if name is None:
            if show:
                library.print_catalogue(output.console())
            if json is not None:
                output.write(json, output.json_text(library.catalogue_json()))
        else:
            found = library.explained(name)
            if show:
                library.print_explained(*found, output.console())
            if json is not None:
                output.write(json, output.json_text(library.explained_json(*found)))
