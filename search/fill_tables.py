"""Costs of many layers at once, on several processes that share a folder of cost tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..frontend.graph import ComputeLayer, Layer, LayerGraph
from .context import Context
from .workers import Workers, worker_context

#: The place of a network in the study, the key of its choice, one of its layers, and its graph.
Wanted = tuple[int, str, Layer, LayerGraph]


def fill_tables(
    context: Context,
    wanted: Sequence[Wanted],
    folder: Path,
    workers: int,
    say: Callable[[str], None],
) -> tuple[str, ...]:
    """Cost layers on every option, those whose costs the folder has not.

    Args:
        context: of the study.
        workers: processes.
        say: told how far it is.

    Returns:
        What the user should know.
    """
    jobs = _jobs(context, wanted)
    if not jobs:
        return ()
    remarks: dict[str, None] = {}
    with Workers(context.study, folder, workers) as pool:
        for done, found in enumerate(pool.map(_cost_layer, jobs), start=1):
            remarks.update(dict.fromkeys(found))
            if done % 8 == 0 or done == len(jobs):
                say(f"costs of layers: {done} of {len(jobs)}")
        return (*remarks, *pool.notes)


@dataclass(frozen=True, slots=True)
class _Job:
    """One layer on one group of options."""

    place: int
    key: str
    layer: str
    chip: int
    sub: int
    group: int


def _jobs(context: Context, wanted: Sequence[Wanted]) -> list[_Job]:
    """Each layer that costs something of its own, on each group of options, once."""
    jobs: list[_Job] = []
    seen: set[tuple[int, int, int, str]] = set()
    for chip in range(context.study.hardware.chips):
        tables = context.tables(chip)
        for number, table in enumerate(tables):
            if table in tables[:number]:
                continue
            for place, key, layer, graph in wanted:
                if not isinstance(layer, ComputeLayer):
                    continue
                for group in table.absent(layer, graph):
                    mark = (chip, number, group, table.mark(layer, graph))
                    if mark not in seen:
                        seen.add(mark)
                        jobs.append(_Job(place, key, layer.name, chip, number, group))
    return jobs


def _cost_layer(job: _Job) -> tuple[str, ...]:
    """What the user should know of this process."""
    context = worker_context()
    space = context.study.networks[job.place].space
    graph = space.build(space.decode(job.key))
    layer = next(layer for layer in graph.layers if layer.name == job.layer)
    context.tables(job.chip)[job.sub].group_costs(job.group, layer, graph)
    return context.remarks()
