"""`chiploom inspect`"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .. import output
from . import completion
from .errors import user_errors
from .options import Bits, Csv, Dims, Json, Quiet, Strict, load


def inspect(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]",
            help="ONNX files, or names of shipped networks; without any, lists those.",
            autocompletion=completion.networks,
        ),
    ] = None,
    bits: Bits = None,
    dim: Dims = None,
    strict: Strict = False,
    dump: Annotated[
        Literal["graph"] | None, typer.Option(help="Print every layer in full, not the table.")
    ] = None,
    json: Json = None,
    csv: Csv = None,
    quiet: Quiet = False,
) -> None:
    """Show a network's layers: loops, multiply-accumulates, bytes, and what is not modelled."""
    with user_errors():
        from ..frontend.errors import InputError

        output.check_targets(json, csv, dump)
        if not models and (csv or dump):
            raise InputError("--csv and --dump: expected a MODEL, found none; name one")
        from ..reports import dump as dumps
        from ..reports import network

        show = not (quiet or dump or output.is_stdout(json) or output.is_stdout(csv))
        if not models:
            answer = network.zoo_json()
            if show:
                network.print_zoo(answer, output.console())
        else:
            graphs = [load(model, dim, bits, strict) for model in models]
            answer = network.graphs_json(graphs)
            if show:
                network.print_graphs(graphs, output.console())
            if dump == "graph":
                print(dumps.graphs_text(graphs), end="")
            if csv is not None:
                from ..reports.table_csv import network_csv

                output.write(csv, network_csv(graphs))
        if json is not None:
            output.write(json, output.json_text(answer))
