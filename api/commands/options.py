"""Options that several commands have, and reading what they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..frontend.graph import LayerGraph

Bits = Annotated[
    int | None,
    typer.Option(min=1, max=64, metavar="N", help="Width of all operands, instead of the file's."),
]
Dims = Annotated[
    list[str] | None,
    typer.Option("--dim", metavar="NAME=N", help="Size of a symbolic dim; may be repeated."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse what is not modelled.")]
Json = Annotated[
    Path | None, typer.Option("--json", metavar="PATH", help="Write JSON; - is standard output.")
]
Csv = Annotated[
    Path | None,
    typer.Option("--csv", metavar="PATH", help="Write one row per layer; - is standard output."),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar="CHIPLOOM_CACHE",
        help="Folder that keeps mappings for later runs; it is made where it does not exist.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress bar.")]


def load(model: str, dims: Sequence[str] | None, bits: int | None, strict: bool) -> LayerGraph:
    """The layer graph of a file, or of a network of the zoo."""
    from ..frontend import load_onnx

    return load_onnx(model, dims=bindings(dims), bits=bits, strict=strict)


def bindings(dims: Sequence[str] | None) -> dict[str, int]:
    """`["batch=1"]` as a mapping."""
    from ..frontend.errors import InputError

    bound: dict[str, int] = {}
    for text in dims or ():
        name, _, size = text.rpartition("=")
        if not name or not size.isdecimal() or int(size) < 1:
            raise InputError(f"--dim {text}: expected NAME=N with N at least 1, as in batch=1")
        if bound.setdefault(name, int(size)) != int(size):
            raise InputError(f"--dim {text}: {name} is bound to {bound[name]} already")
    return bound
