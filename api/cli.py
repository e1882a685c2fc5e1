"""The command line.

Exit codes: 0 good, 1 the answer is "no" (no legal mapping exists), 2 bad input, with one message.
Everything heavy is imported inside the commands: `chiploom --help` must stay quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from .frontend.graph import LayerGraph

NO, BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141

app = typer.Typer(
    name="chiploom",
    help="What a network costs on an accelerator: latency, energy, area.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


Models = Annotated[
    list[str], typer.Argument(metavar="MODEL", help="ONNX files, or names of shipped networks.")
]
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


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """What a network costs on an accelerator: latency, energy, area."""
    if version:
        from . import __version__

        print(f"chiploom {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def inspect(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]",
            help="ONNX files, or names of shipped networks; without any, lists those.",
        ),
    ] = None,
    bits: Bits = None,
    dim: Dims = None,
    strict: Strict = False,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Show a network's layers: loops, multiply-accumulates, bytes, and what is not modelled."""
    with _user_errors():
        _check_targets(json)
        from .reports import network

        show = not quiet and not _is_stdout(json)
        if not models:
            answer = network.zoo_json()
            if show:
                network.print_zoo(answer, _console())
        else:
            graphs = [_load(model, dim, bits, strict) for model in models]
            answer = network.graphs_json(graphs)
            if show:
                network.print_graphs(graphs, _console())
        if json is not None:
            _write(json, _text(answer))


@app.command()
def simulate(
    models: Models,
    on: Annotated[
        str, typer.Option(metavar="SPEC", help="Accelerator: a YAML file, or a shipped spec.")
    ],
    objective: Annotated[
        Literal["latency", "energy", "edp"], typer.Option(help="What mappings are chosen for.")
    ] = "edp",
    fidelity: Annotated[
        Literal["analytic", "roofline"],
        typer.Option(help="Exact access counts and stalls, or a lower bound."),
    ] = "analytic",
    effort: Annotated[
        Literal["fast", "normal", "thorough"],
        typer.Option(help="How fine tile sizes are, and how long to work on a proof."),
    ] = "normal",
    bits: Bits = None,
    dim: Dims = None,
    strict: Strict = False,
    top: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Show the N costliest layers of each network."),
    ] = None,
    dump: Annotated[
        Literal["graph", "mapping"] | None,
        typer.Option(help="Print a stage of the pipeline in place of the table."),
    ] = None,
    cache: Cache = None,
    json: Json = None,
    csv: Csv = None,
    quiet: Quiet = False,
) -> None:
    """Run networks on an accelerator: cycles, energy and area, per layer and in total."""
    with _user_errors():
        _check_targets(json, csv, "dump" if dump else None)
        _check_folder(cache)
        from .dataflows import load_spec

        accelerator = load_spec(on)
        graphs = [_load(model, dim, bits, strict) for model in models]
        from .reports import dump as dumps
        from .reports.progress import layer_progress
        from .simulator.cache import MappingCache
        from .simulator.simulate import simulate as run

        if dump == "graph":
            print("\n".join(dumps.graph_text(graph) for graph in graphs), end="")
        with layer_progress(hidden=quiet) as progress, MappingCache(path=cache) as mappings:
            result = run(
                graphs,
                accelerator,
                objective=objective,
                fidelity=fidelity,
                effort=effort,
                cache=mappings,
                progress=progress,
            )
        if not quiet:
            _remark(mappings.notes)
        if dump == "mapping":
            print(dumps.mapping_text(result), end="")
        if dump is None and not (quiet or _is_stdout(json) or _is_stdout(csv)):
            from .reports.summary import print_result

            print_result(result, _console(), top)
        if csv is not None:
            from .reports.table_csv import csv_text

            _write(csv, csv_text(result))
        if json is not None:
            _write(json, result.json_text())


@app.command()
def dataflows(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Explain this one.")] = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """List the dataflow templates and the shipped accelerators, or explain a template."""
    with _user_errors():
        _check_targets(json)
        from .reports import library

        show = not quiet and not _is_stdout(json)
        if name is None:
            if show:
                library.print_catalogue(_console())
            if json is not None:
                _write(json, _text(library.catalogue_json()))
        else:
            found = library.explained(name)
            if show:
                library.print_explained(*found, _console())
            if json is not None:
                _write(json, _text(library.explained_json(*found)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: the process's) and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name from a network may not fit the locale
            stream.reconfigure(errors="replace")
    try:
        args = None if arguments is None else list(arguments)
        code = app(args, prog_name="chiploom", standalone_mode=False) or 0
        sys.stdout.flush()
    except typer.TyperException as error:
        return _complain(_usage_message(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _abandon_output()
    return int(code)


@contextmanager
def _user_errors() -> Iterator[None]:
    """Turn what the user got wrong into one message and an exit code."""
    from .frontend.errors import InputError
    from .simulator.errors import NoMappingError

    try:
        yield
    except NoMappingError as error:
        raise typer.Exit(_complain(str(error), NO)) from None
    except InputError as error:
        raise typer.Exit(_complain(str(error), BAD_INPUT)) from None
    except BrokenPipeError:
        raise typer.Exit(_abandon_output()) from None


def _complain(message: str, code: int) -> int:
    from .reports.text import printable

    head, *more = message.splitlines() or [""]
    lines = [f"chiploom: {head}", *(f"          {line}" for line in more)]
    print("\n".join(map(printable, lines)), file=sys.stderr)
    return code


def _remark(notes: Sequence[str]) -> None:
    """What the user should know, though the answer stands."""
    from .reports.text import printable

    for note in notes:
        print(f"chiploom: note: {printable(note)}", file=sys.stderr)


def _abandon_output() -> int:
    """The reader has gone, which is its right: `chiploom … | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _usage_message(error: typer.TyperException) -> str:
    """Of a command line that does not parse: what is wrong, and where help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "chiploom"
    return f"{error.format_message().rstrip('.')} (see `{command} --help`)"


def _load(model: str, dims: Sequence[str] | None, bits: int | None, strict: bool) -> LayerGraph:
    """The layer graph of a file, or of a network of the zoo."""
    from .frontend import load_onnx

    return load_onnx(model, dims=_bindings(dims), bits=bits, strict=strict)


def _bindings(dims: Sequence[str] | None) -> dict[str, int]:
    """`["batch=1"]` as a mapping."""
    from .frontend.errors import InputError

    bound: dict[str, int] = {}
    for text in dims or ():
        name, _, size = text.rpartition("=")
        if not name or not size.isdecimal() or int(size) < 1:
            raise InputError(f"--dim {text}: expected NAME=N with N at least 1, as in batch=1")
        if bound.setdefault(name, int(size)) != int(size):
            raise InputError(f"--dim {text}: {name} is bound to {bound[name]} already")
    return bound


def _is_stdout(target: Path | None) -> bool:
    return target is not None and str(target) == "-"


def _check_targets(json: Path | None, csv: Path | None = None, dump: str | None = None) -> None:
    """Refuse files that cannot be written before the work is done, not after."""
    from .frontend.errors import InputError

    if sum((_is_stdout(json), _is_stdout(csv), dump is not None)) > 1:
        raise InputError("only one of --json -, --csv - and --dump can go to standard output")
    for option, target in (("--json", json), ("--csv", csv)):
        if target is None or _is_stdout(target):
            continue
        if target.is_dir():
            raise InputError(f"{option} {target}: expected a file, found a directory")
        if not target.parent.is_dir():
            raise InputError(f"{option} {target}: no directory {target.parent}; create it first")
        if not os.access(target if target.exists() else target.parent, os.W_OK):
            raise InputError(f"{option} {target}: no permission to write there")


def _check_folder(folder: Path | None) -> None:
    """Refuse a cache that is no folder."""
    from .frontend.errors import InputError

    if folder is not None and folder.exists() and not folder.is_dir():
        raise InputError(f"--cache {folder}: expected a folder, found a file; name another one")


def _write(target: Path, text: str) -> None:
    """To a file, whole or not at all, or to standard output."""
    from .frontend.errors import InputError
    from .simulator.files import write_text

    if _is_stdout(target):
        print(text, end="")
        return
    try:
        write_text(target, text)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None


def _text(document: dict[str, Any]) -> str:
    from json import dumps

    return dumps(document, indent=1, allow_nan=False) + "\n"


def _console() -> Console:
    """Standard output. What is not a terminal gets room for every column."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:  # rich would exit with 1
            raise BrokenPipeError

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 180
    return Output(width=wide, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
