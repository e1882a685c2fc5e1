"""The command line.

Exit codes: 0 good, 1 the answer is "no" (no legal mapping exists), 2 bad input, with one message.
Everything heavy is imported inside the commands: `chiploom --help` must stay quick.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from . import output

if TYPE_CHECKING:
    from .dataflows.accelerator import Accelerator
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
    dump: Annotated[
        Literal["graph"] | None, typer.Option(help="Print every layer in full, not the table.")
    ] = None,
    json: Json = None,
    csv: Csv = None,
    quiet: Quiet = False,
) -> None:
    """Show a network's layers: loops, multiply-accumulates, bytes, and what is not modelled."""
    with _user_errors():
        from .frontend.errors import InputError

        output.check_targets(json, csv, dump)
        if not models and (csv or dump):
            raise InputError("--csv and --dump: expected a MODEL, found none; name one")
        from .reports import dump as dumps
        from .reports import network

        show = not (quiet or dump or output.is_stdout(json) or output.is_stdout(csv))
        if not models:
            answer = network.zoo_json()
            if show:
                network.print_zoo(answer, output.console())
        else:
            graphs = [_load(model, dim, bits, strict) for model in models]
            answer = network.graphs_json(graphs)
            if show:
                network.print_graphs(graphs, output.console())
            if dump == "graph":
                print(dumps.graphs_text(graphs), end="")
            if csv is not None:
                from .reports.table_csv import network_csv

                output.write(csv, network_csv(graphs))
        if json is not None:
            output.write(json, output.json_text(answer))


@app.command()
def simulate(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="ONNX files, or names of shipped networks."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Accelerator: a YAML file, or a shipped spec."),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            metavar="STUDY.db:N", help="Networks and accelerator of a study's design, instead."
        ),
    ] = None,
    objective: Annotated[
        Literal["latency", "energy", "edp"], typer.Option(help="What mappings are chosen for.")
    ] = "edp",
    fidelity: Annotated[
        Literal["analytic", "cycle", "roofline"],
        typer.Option(help="Exact counts and stalls, the tile program executed, or a lower bound."),
    ] = "analytic",
    effort: Annotated[
        Literal["fast", "normal", "thorough"],
        typer.Option(help="How fine tile sizes are, and how long to work on a proof."),
    ] = "normal",
    schedule: Annotated[
        Literal["list", "hap", "exact", "auto"] | None,
        typer.Option(help="How layers are assigned to several sub-accelerators."),
    ] = None,
    latency_bound: Annotated[
        float | None,
        typer.Option(min=1, metavar="CYCLES", help="Least energy that ends in so many cycles."),
    ] = None,
    time: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="That the scheduler may take.")
    ] = 20.0,
    frames: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK=N", help="Run a network N times; may be repeated."),
    ] = None,
    period: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK=CYCLES", help="From one frame's release to the next one's."),
    ] = None,
    deadline: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK=CYCLES", help="From a frame's release to its last end."),
    ] = None,
    priority: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK=N", help="Larger goes first where there is a choice."),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write a Chrome trace, for ui.perfetto.dev."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write a report, HTML or what the suffix says."),
    ] = None,
    bits: Bits = None,
    dim: Dims = None,
    strict: Strict = False,
    top: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Show the N costliest layers of each network."),
    ] = None,
    dump: Annotated[
        Literal["graph", "mapping", "program"] | None,
        typer.Option(help="Print a stage of the pipeline in place of the table."),
    ] = None,
    cache: Cache = None,
    json: Json = None,
    csv: Csv = None,
    quiet: Quiet = False,
) -> None:
    """Run networks on an accelerator: cycles, energy and area, per layer and in total."""
    with _user_errors():
        output.check_targets(json, csv, dump)
        output.check_file("--trace", trace)
        output.check_file("--report", report)
        if report is not None:
            from .frontend.errors import InputError
            from .reports.write import format_of

            if output.is_stdout(report):
                raise InputError("--report -: expected a file; `chiploom report -o -` prints one")
            format_of(report)
        output.check_folder(cache)
        if dump == "program" and fidelity == "roofline":
            from .frontend.errors import InputError

            raise InputError("--dump program: the roofline has no mapping; leave out --fidelity")
        if design is not None:
            graphs, accelerator = _design(design, models, on, bits, dim)
        else:
            graphs, accelerator = _pair(models, on, dim, bits, strict)
        from .works import works_of

        works = works_of(graphs, frames, period, deadline, priority)
        from .reports import dump as dumps
        from .reports.progress import layer_progress
        from .simulator.cache import MappingCache
        from .simulator.simulate import simulate as run

        if dump == "graph":
            print(dumps.graphs_text(graphs), end="")
            if json is None and csv is None:
                return
        with layer_progress(hidden=quiet) as progress, MappingCache(path=cache) as mappings:
            result = run(
                works,
                accelerator,
                objective=objective,
                fidelity=fidelity,
                effort=effort,
                schedule=schedule,
                latency_bound=None if latency_bound is None else int(latency_bound),
                seconds=time,
                cache=mappings,
                progress=progress,
            )
            programs = ""
            if dump == "program":
                programs = dumps.programs_text(graphs, accelerator, result, effort, mappings)
        if not quiet:
            output.remark(mappings.notes)
        if dump == "mapping":
            print(dumps.mapping_text(result), end="")
        if dump == "program":
            print(programs, end="")
        if dump is None and not (quiet or output.is_stdout(json) or output.is_stdout(csv)):
            from .reports.summary import print_result

            print_result(result, output.console(), top)
        if csv is not None:
            from .reports.table_csv import csv_text

            output.write(csv, csv_text(result))
        if trace is not None:
            from .reports.trace import trace_text

            output.write(trace, trace_text(result))
        if json is not None:
            output.write(json, result.json_text())
        if report is not None:
            from .reports.write import write_report

            write_report(result, report)


@app.command("report")
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
    with _user_errors():
        from .frontend.errors import InputError

        output.check_file("--output", target)
        if target is None and png is None:
            raise InputError("report: expected --output PATH or --png DIR, found neither; add one")
        if png is not None and png.exists() and not png.is_dir():
            raise InputError(f"--png {png}: expected a folder, found a file; name another one")
        from .reports.build import document_of, names_of
        from .reports.write import format_of, report_bytes
        from .simulator.reader import read_result

        if target is not None and form is None:
            form = "html" if output.is_stdout(target) else format_of(target)
        found = [read_result(path) for path in results]
        document = document_of(found, names_of(found, results))
        if target is not None and form is not None:
            output.write_bytes(target, report_bytes(document, form))
        if png is not None:
            from .reports.export import write_pictures

            written = write_pictures(document, png)
            if not quiet and not output.is_stdout(target):
                print(f"{png}: {len(written)} figures")
        if target is not None and not quiet and not output.is_stdout(target):
            print(f"{target}: {document.title}")


@app.command()
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
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Search networks and hardware together, under design specs."""
    with _user_errors():
        from .frontend.errors import InputError

        output.check_targets(json)
        output.check_folder(cache)
        from .reports import study as tables
        from .reports.progress import search_progress
        from .search.answers import expect_ending
        from .search.run import co_search
        from .search.study_schema import span
        from .simulator.threads import usable_cores

        if export is not None:
            output.check_targets(export)
            expect_ending(export)
        try:
            seconds = None if time is None else span(time)
        except ValueError as error:
            raise InputError(f"--time {time}: {error}") from None
        with search_progress(hidden=quiet) as report:
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
                report=report,
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
            refusal = "" if ending.reached else tables.refusal(found)
        if ending.interrupted:
            output.complain("interrupted; --resume goes on")
            raise typer.Exit(INTERRUPTED)
        if refusal:
            output.complain(refusal)
            raise typer.Exit(NO)


@app.command()
def dataflows(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Explain this one.")] = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """List the dataflow templates and the shipped accelerators, or explain a template."""
    with _user_errors():
        output.check_targets(json)
        from .reports import library

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


@app.command()
def validate(
    suite: Annotated[
        str | None,
        typer.Argument(metavar="[SUITE]", help="One of them; without, all are rerun."),
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
    with _user_errors():
        from .frontend.errors import InputError

        output.check_targets(json)
        if data is not None and suite is None:
            raise InputError("--data: expected the SUITE that the file is for; name it")
        from .reports.validation import print_report
        from .simulator import validation
        from .simulator.validation.report import SCHEMA

        reports = []
        for name in validation.names() if suite is None else (suite,):
            reports.append(validation.run(name, data))
            if not (quiet or output.is_stdout(json)):
                print_report(reports[-1], output.console(), top)
        if json is not None:
            document = {"schema": SCHEMA, "reports": [report.to_json() for report in reports]}
            output.write(json, output.json_text(document))


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
        output.complain(_usage_message(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        output.complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        output.abandon()
        return BROKEN_PIPE
    except OSError as error:
        if error.filename is not None:  # a file, not a stream of ours: a defect
            raise
        output.abandon()
        output.complain(f"standard output cannot be written: {error.strerror}")
        return BAD_INPUT
    return int(code)


@contextmanager
def _user_errors() -> Iterator[None]:
    """Turn what the user got wrong into one message and an exit code."""
    from .frontend.errors import InputError
    from .simulator.errors import InfeasibleError, NoMappingError, OutOfTimeError

    try:
        yield
    except (NoMappingError, InfeasibleError, OutOfTimeError) as error:
        output.complain(str(error))
        raise typer.Exit(NO) from None
    except InputError as error:
        output.complain(str(error))
        raise typer.Exit(BAD_INPUT) from None


def _usage_message(error: typer.TyperException) -> str:
    """Of a command line that does not parse: what is wrong, and where help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "chiploom"
    return f"{error.format_message().rstrip('.')} (see `{command} --help`)"


def _load(model: str, dims: Sequence[str] | None, bits: int | None, strict: bool) -> LayerGraph:
    """The layer graph of a file, or of a network of the zoo."""
    from .frontend import load_onnx

    return load_onnx(model, dims=_bindings(dims), bits=bits, strict=strict)


def _pair(
    models: Sequence[str] | None,
    on: str | None,
    dims: Sequence[str] | None,
    bits: int | None,
    strict: bool,
) -> tuple[list[LayerGraph], Accelerator]:
    """Networks and the accelerator that they run on."""
    from .dataflows import load_spec
    from .frontend.errors import InputError

    if not models or on is None:
        raise InputError(
            "expected MODEL and --on SPEC, or --design STUDY.db:N (see `chiploom simulate --help`)"
        )
    accelerator = load_spec(on)
    return [_load(model, dims, bits, strict) for model in models], accelerator


def _design(
    text: str, models: Sequence[str] | None, on: str | None, bits: int | None, dims: object
) -> tuple[list[LayerGraph], Accelerator]:
    """Networks and accelerator of `STUDY.db:N`."""
    from .frontend.errors import InputError
    from .search.study import open_study

    if models or on is not None or bits is not None or dims:
        raise InputError(
            "--design: the study gives networks and accelerator; leave out MODEL, --on, --bits and "
            "--dim"
        )
    path, _, number = text.rpartition(":")
    if not path or not number.isdecimal():
        raise InputError(f"--design {text}: expected STUDY.db:N, as in study.db:17")
    with open_study(path) as study:
        chosen = study.store.get(int(number))
        return study.graphs(chosen), study.accelerator(chosen)


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


if __name__ == "__main__":
    sys.exit(main())
