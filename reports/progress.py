"""Progress of a simulation and of a search, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..search.run import Progress

Report = Callable[[int, int, str], None]


@contextmanager
def layer_progress(hidden: bool) -> Iterator[Report | None]:
    """Yield `report(done, total, layer name)`; None where nobody looks: hidden, or no terminal."""
    if hidden or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    from .text import printable, shorten

    bar = Bar(
        TextColumn("mapping"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None)

        def report(done: int, total: int, layer: str) -> None:
            words = escape(shorten(printable(layer), 40))
            bar.update(task, completed=done, total=total, description=words)

        yield report


@contextmanager
def search_progress(hidden: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Yield what a search calls after every round: a live line on a terminal, else one line about
    every ten seconds; None where nobody looks."""
    if hidden:
        yield None
        return
    from .study import progress_line

    if not sys.stderr.isatty():
        last = [-10.0]

        def line(progress: Progress) -> None:
            if progress.seconds - last[0] >= 10:
                last[0] = progress.seconds
                print(f"{progress.seconds:6.0f} s  {progress_line(progress)}", file=sys.stderr)

        yield line
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("starting") as status:
        yield lambda progress: status.update(escape(progress_line(progress)))
