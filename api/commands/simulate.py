"""`chiploom simulate`"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .. import output
from . import completion
from .errors import user_errors
from .options import Bits, Cache, Csv, Dims, Json, Quiet, Strict, load
from .report import check_report

if TYPE_CHECKING:
    from ..dataflows.accelerator import Accelerator
    from ..frontend.graph import LayerGraph


def simulate(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="ONNX files, or names of shipped networks.",
            autocompletion=completion.networks,
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Accelerator: a YAML file, or a shipped spec.",
            autocompletion=completion.hardware,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE",
            help="FPGA to build a template (--on) on: a YAML file, or a shipped one.",
            autocompletion=completion.devices,
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the template."),
    ] = None,
    fit: Annotated[
        bool,
        typer.Option("--fit", help="Find the fastest parameters that fit; mapped for latency."),
    ] = False,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="RESOURCE=N", help="That --fit may take at most, as dsps=2400."),
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
    with user_errors():
        output.check_targets(json, csv, dump)
        output.check_file("--trace", trace)
        check_report(report)
        output.check_folder(cache)
        _check_fit(fit, device, limit, objective)
        if dump == "program" and fidelity == "roofline":
            from ..frontend.errors import InputError

            raise InputError("--dump program: the roofline has no mapping; leave out --fidelity")
        if design is not None:
            graphs, accelerator = _design(design, models, on or device, bits, dim)
        else:
            graphs, accelerator = _pair(models, on, device, parameters, dim, bits, strict)
        from ..works import works_of

        if fit and _is_pipeline(on):
            from .fpga import pipeline

            _expect_none(
                {
                    "--report": report,
                    "--csv": csv,
                    "--trace": trace,
                    "--dump": dump,
                    "--schedule": schedule,
                    "--latency-bound": latency_bound,
                    "--frames": frames,
                    "--period": period,
                    "--deadline": deadline,
                    "--priority": priority,
                }
            )
            pipeline(graphs, str(device), parameters, limit, json, quiet)
            return
        works = works_of(graphs, frames, period, deadline, priority)
        from ..reports import dump as dumps
        from ..reports.progress import layer_progress
        from ..simulator.cache import MappingCache
        from ..simulator.simulate import simulate as run

        if dump == "graph":
            print(dumps.graphs_text(graphs), end="")
            if json is None and csv is None:
                return
        with layer_progress(hidden=quiet) as progress, MappingCache(path=cache) as mappings:
            summary = None
            if fit:
                from .fpga import fitted

                accelerator, summary = fitted(
                    graphs, on, device, parameters, limit, effort, mappings, progress
                )
            result = run(
                works,
                accelerator,
                objective="latency" if fit else objective,
                fidelity=fidelity,
                effort=effort,
                schedule=schedule,
                latency_bound=None if latency_bound is None else int(latency_bound),
                seconds=time,
                cache=mappings,
                progress=progress,
            )
            if summary is not None:
                result = replace(result, fit=summary)
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
            from ..reports.summary import print_result

            print_result(result, output.console(), top)
        if csv is not None:
            from ..reports.table_csv import csv_text

            output.write(csv, csv_text(result))
        if trace is not None:
            from ..reports.trace import trace_text

            output.write(trace, trace_text(result))
        if json is not None:
            output.write(json, result.json_text())
        if report is not None:
            from ..reports.write import write_report

            write_report(result, report)


def _is_pipeline(on: str | None) -> bool:
    from ..simulator.stages import TEMPLATE

    return on == TEMPLATE


def _expect_none(given: Mapping[str, object]) -> None:
    """Refuse what a pipeline has no answer to."""
    from ..frontend.errors import InputError

    found = [name for name, value in given.items() if value is not None and value != []]
    if found:
        raise InputError(
            f"{', '.join(found)}: a pipeline's answer is its table and --json; leave it out"
        )


def _check_fit(fit: bool, device: str | None, limit: Sequence[str] | None, objective: str) -> None:
    from ..frontend.errors import InputError

    if fit and objective == "energy":
        raise InputError("--fit: it finds the fastest design; expected --objective latency")

    if fit and device is None:
        raise InputError("--fit: expected --on TEMPLATE and --device DEVICE with it")
    if limit and not fit:
        raise InputError("--limit: expected --fit with it")


def _pair(
    models: Sequence[str] | None,
    on: str | None,
    device: str | None,
    parameters: Sequence[str] | None,
    dims: Sequence[str] | None,
    bits: int | None,
    strict: bool,
) -> tuple[list[LayerGraph], Accelerator]:
    """Networks and the accelerator that they run on."""
    from ..dataflows import load_spec
    from ..frontend.errors import InputError

    if not models or on is None:
        raise InputError(
            "expected MODEL and --on SPEC, or --design STUDY.db:N (see `chiploom simulate --help`)"
        )
    if device is not None:
        from .fpga import built

        accelerator = built(on, device, parameters)
    elif parameters:
        raise InputError("--set: expected --device DEVICE with it; a spec has its own parameters")
    else:
        accelerator = load_spec(on)
    return [load(model, dims, bits, strict) for model in models], accelerator


def _design(
    text: str, models: Sequence[str] | None, on: str | None, bits: int | None, dims: object
) -> tuple[list[LayerGraph], Accelerator]:
    """Networks and accelerator of `STUDY.db:N`."""
    from ..frontend.errors import InputError
    from ..search.study import open_study

    if models or on is not None or bits is not None or dims:
        raise InputError(
            "--design: the study gives networks and accelerator; leave out MODEL, --on, --device, "
            "--bits and --dim"
        )
    path, _, number = text.rpartition(":")
    if not path or not number.isdecimal():
        raise InputError(f"--design {text}: expected STUDY.db:N, as in study.db:17")
    with open_study(path) as study:
        chosen = study.store.get(int(number))
        return study.graphs(chosen), study.accelerator(chosen)
