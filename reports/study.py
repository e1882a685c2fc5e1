"""The terminal report and the JSON of a co-search."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ..dataflows.resources import LABELS
from ..search.designs import EvaluatedDesign
from ..search.goals import UNITS, Metric
from ..search.origins import origins
from ..search.run import Progress
from ..search.study import Ending, Study
from .grid import Column, Grid, Row
from .notes import note_block
from .text import printable
from .units import energy, plural, si

SCHEMA: Final = "chiploom.study/1"


def progress_line(progress: Progress) -> str:
    """What a search has come to, on one line."""
    trials = f"{progress.trials}" + (f"/{progress.most}" if progress.most else "")
    parts = [
        f"trial {trials}",
        f"{progress.designs} designs, {progress.met} meet the specs",
        f"{progress.rate:.0f}/s",
    ]
    if progress.best is not None:
        parts.append(f"best {_headline(progress.best)}")
        parts.append(f"front {progress.front}")
    if progress.phase:
        parts.insert(0, progress.phase)
    return ", ".join(parts)


def _headline(design: EvaluatedDesign) -> str:
    accuracy = "" if design.accuracy is None else f"{design.accuracy:.4f} at "
    return (
        f"{accuracy}{si(design.cycles)} cycles, {energy(design.energy_pj)}, "
        f"{design.area_mm2:.3g} mm²"
    )


def print_study(study: Study, console: Console, top: int) -> None:
    """Heading, specs, the Pareto front, the best design in full, and notes."""
    file = study.file
    console.print(Text(printable(file.path.stem), style="bold"))
    told = len(study.told())
    console.print(
        Text(
            f"strategy {file.strategy}, seed {file.seed}: {plural(told, 'trial')}, "
            f"{plural(study.store.count(), 'design')}, {study.seconds:.0f} s\n",
            style="dim",
        )
    )
    best = study.best
    if best is not None:
        front = study.front()
        listed = front if any(one.number == best.number for one in front) else [best, *front]
        table, _ = _front_grid(study, listed[:top]).fit(console.width)
        console.print(table)
        console.print()
        for line in _details(study, best):
            console.print(Text(line))
    for note in note_block("Notes", [printable(note) for note in _notes(study)]):
        console.print(note)


def _front_grid(study: Study, designs: list[EvaluatedDesign]) -> Grid:
    fpga = study.file.hardware.device is not None
    columns = (
        Column("design", left=True),
        Column("accuracy"),
        Column("cycles"),
        Column("energy"),
        *([] if fpga else [Column("area")]),
        Column("checked", optional=1),
        Column("hardware", left=True, optional=2, limit=72),
    )
    rows = [
        Row(
            [
                str(design.number),
                "-" if design.accuracy is None else f"{design.accuracy:.4f}",
                si(design.cycles),
                energy(design.energy_pj),
                *([] if fpga else [f"{design.area_mm2:.3g} mm²"]),
                {None: "-", True: "yes", False: "refused"}[design.checked_ok],
                _short_hardware(design),
            ]
        )
        for design in designs
    ]
    return Grid(columns, rows)


def _short_hardware(design: EvaluatedDesign) -> str:
    """Templates and what is free of each sub-accelerator."""
    parts = []
    for value in json.loads(design.hardware).values():
        if isinstance(value, dict):
            rest = " ".join(str(v) for k, v in value.items() if k != "template")
            parts.append(f"{value['template']} {rest}".strip())
        else:
            parts.append(str(value))
    return "; ".join(parts)


def _details(study: Study, best: EvaluatedDesign) -> Iterator[str]:
    """The best design: networks, hardware, and metrics against specs."""
    yield f"Best: design {best.number}" + (", hardware proven best" if best.optimal else "")
    accuracies = json.loads(best.accuracies)
    for name, key in json.loads(best.networks).items():
        accuracy = f" ({accuracies[name]:.4f})" if name in accuracies else ""
        yield f"  {printable(name)}{accuracy}: {printable(key) or 'as given'}"
    for name, value in json.loads(best.hardware).items():
        shown = (
            ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        )
        yield f"  {printable(name)}: {printable(str(shown))}"
    for metric, found, checked in (
        ("latency", best.cycles, best.checked_cycles),
        ("energy", best.energy_pj, best.checked_energy_pj),
        ("area", best.area_mm2, best.checked_area_mm2),
    ):
        spec = study.file.goals.specs.get(_metric(metric))
        limit = "" if spec is None else f", spec {shown_metric(_metric(metric), spec)}"
        again = "" if checked is None else (
            f", {shown_metric(_metric(metric), checked)} when executed cycle by cycle"
        )  # fmt: skip
        if metric != "area" or study.file.hardware.device is None:
            yield f"  {metric} {shown_metric(_metric(metric), found)}{again}{limit}"
    yield from _resources(study, best)


def _resources(study: Study, best: EvaluatedDesign) -> Iterator[str]:
    """Of the FPGA, against the device and the specs."""
    device = study.file.hardware.device
    if device is None:
        return
    used = study.accelerator(best).resources
    for name, label in LABELS.items():
        taken, there = getattr(used, name), getattr(device.resources, name)
        spec = study.file.goals.resources.get(name)
        limit = "" if spec is None else f", spec {spec:,.10g}"
        if taken or spec is not None:
            yield f"  {label} {taken:,.10g} of {there:,.10g} of {device.name}{limit}"


def _metric(name: str) -> Metric:
    assert name in UNITS
    return name


def shown_metric(metric: Metric, value: float) -> str:
    """With its unit."""
    match metric:
        case "latency":
            return f"{value:,.0f} cycles"
        case "energy":
            return energy(value)
        case "area":
            return f"{value:.4g} mm²"


def _notes(study: Study) -> Iterator[str]:
    ending = _ending(study)
    if ending.proven:
        yield "proven: no networks of the study are more accurate within the specs, and no " \
              "hardware is better for these"  # fmt: skip
    yield from ending.notes
    for origin in origins(study):
        proxy = "; a PROXY, measured on small datasets with few epochs" if origin.proxy else ""
        yield f"accuracy of {origin.network}: {origin.source}{proxy}"
    yield (
        "costs of layers come from a catalogue of mappings; what is checked is mapped anew and "
        "executed cycle by cycle"
    )


def _ending(study: Study) -> Ending:
    """Of the run; of a study that was only opened, what it has come to."""
    return study.ending or Ending(study.best is not None)


def refusal(study: Study) -> str:
    """Why there is no design, for the message of a search that found none."""
    ending = _ending(study)
    what = "no design meets the specs" if ending.infeasible else (
        "found no design that meets the specs; none is proven not to exist"
    )  # fmt: skip
    lines = [f"{printable(str(study.file.path))}: {what}"]
    for metric, spec, least in ending.unreachable:
        lines.append(
            f"{metric} is out of reach: at least {shown_metric(metric, least)} within the other "
            f"specs, the spec is {shown_metric(metric, spec)}"
        )
    if not ending.unreachable:
        nearest = min(study.store.all(), key=lambda one: one.penalty, default=None)
        if nearest is not None:
            lines.append(f"nearest: design {nearest.number}, {_headline(nearest)}")
    return "\n".join([*lines, *(note for note in ending.notes if "ran out" in note)])


def study_json(study: Study) -> dict[str, Any]:
    """The versioned form of a study's answers; costs in cycles, pJ, mm²."""
    best, ending = study.best, _ending(study)
    return {
        "schema": SCHEMA,
        "study": str(study.file.path),
        "strategy": study.file.strategy,
        "seed": study.file.seed,
        "trials": len(study.told()),
        "designs": study.store.count(),
        "seconds": study.seconds,
        "specs": dict(study.file.goals.specs),
        "objectives": list(study.file.objectives),
        "reached": ending.reached,
        "infeasible": ending.infeasible,
        "proven": ending.proven,
        "unreachable": [
            {"metric": metric, "spec": spec, "least": least}
            for metric, spec, least in ending.unreachable
        ],
        "notes": list(_notes(study)),
        "best": None if best is None else design_json(best),
        "front": [design_json(design) for design in study.front()],
        "hypervolume": [list(point) for point in study.hypervolume()],
    }


def design_json(design: EvaluatedDesign) -> dict[str, Any]:
    """One design."""
    networks: Mapping[str, str] = json.loads(design.networks)
    return {
        "number": design.number,
        "trial": design.trial,
        "networks": dict(networks),
        "hardware": json.loads(design.hardware),
        "cycles": design.cycles,
        "energy_pj": design.energy_pj,
        "area_mm2": design.area_mm2,
        "accuracy": design.accuracy,
        "accuracies": json.loads(design.accuracies),
        "feasible": design.feasible,
        "optimal": design.optimal,
        "checked": None
        if design.checked_ok is None
        else {
            "ok": design.checked_ok,
            "cycles": design.checked_cycles,
            "energy_pj": design.checked_energy_pj,
            "area_mm2": design.checked_area_mm2,
        },
    }
