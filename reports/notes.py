"""Assumptions and gaps behind the numbers, each said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..simulator.result import LayerResult, Result, ScheduleSummary
from .text import printable
from .units import energy, percent, plural


def note_block(title: str, lines: Iterable[str]) -> Iterator[RenderableType]:
    """A heading and a list under it; nothing where there are no lines."""
    table = Table.grid(padding=(0, 1))
    for line in dict.fromkeys(lines):
        table.add_row(Text("-"), Text(printable(line)))
    if table.rows:
        yield Text(f"\n{title}", style="bold")
        yield table


def result_notes(result: Result) -> Iterator[str]:
    """Notes of the networks, the accelerator and the layers."""
    yield from model_notes([(model.name, model.notes) for model in result.models])
    for note in result.spec.notes:  # of a sub-accelerator, which may have another name
        yield note if note.startswith(f"{result.spec.name}:") else f"{result.spec.name}, {note}"
    if result.schedule is not None:
        yield _schedule_note(result.schedule)
    yield from _layer_notes(result.layers)
    if result.fidelity == "analytic":
        yield from _optimality(result.layers)
    if result.fidelity == "cycle":
        yield (
            "mappings are the analytic model's choice; vector and move layers, and work fused into "
            "others, are costed as there"
        )


def _schedule_note(schedule: ScheduleSummary) -> str:
    """How the schedule was found and what is proven."""
    gap = schedule.value / schedule.lower_bound - 1 if schedule.lower_bound > 0 else float("inf")
    proof = f"at most {gap:.2%} above the best" if gap < 10 else "no useful bound"
    goal = (
        schedule.goal
        if schedule.latency_bound is None
        else (f"energy within {schedule.latency_bound:,} cycles")
    )
    return (
        f"schedule for least {goal} by `{schedule.algorithm}`, "
        f"{'proven best' if schedule.optimal else proof}; leakage of the whole chip, "
        f"{energy(schedule.leakage_pj)}, is in the totals and in no layer"
    )


def model_notes(models: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Notes with the names of the networks that they hold for, where there are several."""
    owners: dict[str, list[str]] = {}
    for name, notes in models:
        for note in notes:
            owners.setdefault(note, []).append(name)
    for note, names in owners.items():
        everywhere = len(names) == len(models)
        yield note if everywhere else f"{', '.join(dict.fromkeys(names))}: {note}"


def not_modelled_lines(models: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Iterator[str]:
    """One line per operator: `Foo, 3 nodes, 12% of output elements: reason`."""
    for name, entries in models:
        for entry in entries:
            share = entry.get("share")
            of = f", {percent(share)} of output elements" if share is not None else ""
            reason = f": {entry['reason']}" if entry.get("reason") else ""
            head = f"{name}: " if len(models) > 1 else ""
            yield f"{head}{entry['op']}, {plural(entry['count'], 'node')}{of}{reason}"


def _layer_notes(layers: Sequence[LayerResult]) -> Iterator[str]:
    owners: dict[str, list[str]] = {}
    for layer in layers:
        if layer.note:
            owners.setdefault(layer.note, []).append(layer.name)
    for note, names in owners.items():
        others = f" and {plural(len(names) - 1, 'more layer')}" if len(names) > 1 else ""
        yield f"{names[0]}{others}: {note}"


def _optimality(layers: Sequence[LayerResult]) -> Iterator[str]:
    mapped = [layer for layer in layers if layer.kind == "compute"]
    proven = sum(layer.optimal for layer in mapped)
    if proven < len(mapped):
        yield (
            f"{len(mapped) - proven} of {plural(len(mapped), 'mapping')} are the best found,"
            " not proven best"
        )
    elif mapped:
        yield f"{plural(proven, 'mapping')}, proven best in the mapspace"
