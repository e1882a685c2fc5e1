"""A progress bar over the layers of a simulation, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int, str], None]


@contextmanager
def layer_progress(hidden: bool) -> Iterator[Report | None]:
    """Yield `report(done, total, layer name)`; None where nobody looks: hidden, or no terminal."""
    if hidden or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from .text import printable, shorten

    bar = Progress(
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
