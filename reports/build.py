"""From results to a document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..simulator.result import Result
from .document import Document, Page
from .pages.comparison import comparison_page, distinct
from .pages.simulation import simulation_page, title_of
from .records import layer_records


def names_of(results: Sequence[Result], files: Sequence[Path]) -> list[str]:
    """Names of results that were read from files: what ran on what, or the files where that is
    the same."""
    titles = [title_of(result) for result in results]
    if len(set(titles)) == len(titles):
        return titles
    stems = [path.stem for path in files]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in files]


def document_of(
    results: Sequence[Result], names: Sequence[str] | None = None, title: str = ""
) -> Document:
    """A page for each result, and one that compares them where there are several.

    Args:
        names: of the results; by default networks and accelerator.
        title: of the document.
    """
    called = distinct([title_of(result) for result in results] if names is None else list(names))
    named = list(zip(called, results, strict=True))
    pages: list[Page] = []
    if len(named) > 1:
        pages.append(comparison_page(named))
    for number, (name, result) in enumerate(named, start=1):
        key = "simulation" if len(named) == 1 else f"simulation-{number}"
        pages.append(simulation_page(result, key, "" if len(named) == 1 else name))
    words = title or (title_of(results[0]) if len(named) == 1 else "Comparison of simulations")
    return Document(words, tuple(pages), lambda: layer_records(named))
