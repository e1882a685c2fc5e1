"""A schedule as a chart on the terminal: a line per sub-accelerator, and the DRAM below."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from ..simulator.result import LayerResult, Result
from .text import printable
from .units import si

#: Colours of networks, in turn; letters tell them apart where there is no colour.
COLOURS: Final = ("cyan", "yellow", "magenta", "green", "blue", "red")
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LEVELS: Final = " ▁▂▃▄▅▆▇█"
_LEAST_WIDTH: Final = 20


def print_gantt(result: Result, console: Console) -> None:
    """Print who works when. A cell shows the network that takes most of its time."""
    subs = result.spec.sub_accelerators
    models = list(dict.fromkeys(layer.model for layer in result.layers))
    side = max(len(name) for name in (*subs, "DRAM")) + 1
    width = max(_LEAST_WIDTH, console.width - side - 8)
    console.print(Text("\nSchedule", style="bold"))
    for name in subs:
        layers = [layer for layer in result.layers if layer.sub_accelerator == name]
        line = Text(f"{printable(name):{side}}")
        line.append_text(_cells(layers, models, result.cycles, width))
        busy = sum(layer.cycles for layer in layers) / max(1, result.cycles)
        line.append(f" {busy:4.0%}")
        console.print(line, no_wrap=True, crop=True)
    if result.schedule is not None:
        console.print(Text(f"{'DRAM':{side}}" + _levels(result, width)), no_wrap=True, crop=True)
    end = si(result.cycles, "cycles")
    console.print(Text(f"{'':{side}}0{end:>{width - 1}}", style="dim"), no_wrap=True, crop=True)
    legend = Text(" " * side)
    for number, model in enumerate(models):
        legend.append(f"{LETTERS[number % 26]} {printable(model)}  ", style=_colour(number))
    console.print(legend)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _cells(layers: Sequence[LayerResult], models: list[str], cycles: int, width: int) -> Text:
    """One character per slice of time."""
    shares = [[0.0] * len(models) for _ in range(width)]
    slice_ = max(1, cycles) / width
    for layer in layers:
        begin, end = layer.start_cycle / slice_, (layer.start_cycle + layer.cycles) / slice_
        for cell in range(int(begin), min(width, int(end) + 1)):
            part = min(end, cell + 1) - max(begin, cell)
            shares[cell][models.index(layer.model)] += max(0.0, part)
    line = Text()
    for share in shares:
        most = max(range(len(models)), key=share.__getitem__)
        if sum(share) < 0.05:
            line.append("·", style="dim")
        else:
            letter = LETTERS[most % 26]
            line.append(letter if sum(share) >= 0.5 else letter.lower(), style=_colour(most))
    return line


def _levels(result: Result, width: int) -> str:
    """The DRAM's bandwidth in use, the highest that occurs is the full height."""
    assert result.schedule is not None
    use = [*result.schedule.dram, (result.cycles, 0.0)]
    top = max((bits for _, bits in use), default=0.0)
    slice_ = max(1, result.cycles) / width
    means = [0.0] * width
    for (begin, bits), (end, _) in itertools.pairwise(use):
        for cell in range(int(begin / slice_), min(width, int(end / slice_) + 1)):
            part = min(end / slice_, cell + 1) - max(begin / slice_, cell)
            means[cell] += max(0.0, part) * bits
    rise = len(LEVELS) - 1
    return "".join(LEVELS[min(rise, round(mean / top * rise)) if top else 0] for mean in means)
