"""From results or studies to a document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..frontend.errors import InputError
from ..simulator.result import Result
from .document import Document, Page
from .pages.comparison import comparison_page, distinct
from .pages.simulation import simulation_page, title_of
from .records import layer_records

if TYPE_CHECKING:  # Optuna takes a second to import, which a simulation need not wait for
    from ..search.study import Study

#: Of the best designs of a study, so many are simulated again unless told otherwise.
SCHEDULES: Final = 4


def names_of(results: Sequence[Result | Study], files: Sequence[Path]) -> list[str]:
    """Names of what was read from files: what ran on what, or the study file's; or the files where
    that is the same."""
    titles = [_title(one) for one in results]
    if len(set(titles)) == len(titles):
        return titles
    stems = [path.stem for path in files]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in files]


def _title(one: Result | Study) -> str:
    return title_of(one) if isinstance(one, Result) else one.file.path.stem


def document_of(
    given: Sequence[Result | Study],
    names: Sequence[str] | None = None,
    title: str = "",
    *,
    schedules: int = SCHEDULES,
) -> Document:
    """A page for each result or study, and one that compares them where there are several.

    Args:
        given: results alone, or studies alone.
        names: of them; by default networks and accelerator, or the study file's name.
        title: of the document.
        schedules: designs of each study that are simulated again.

    Raises:
        InputError: there are results and studies.
    """
    called = distinct([_title(one) for one in given] if names is None else list(names))
    results = [one for one in given if isinstance(one, Result)]
    studies = [one for one in given if not isinstance(one, Result)]
    if results and studies:
        raise InputError(
            f"report: expected results or studies, found {len(results)} and {len(studies)}; write "
            "a report of each kind (`chiploom simulate --design STUDY.db:N --json` makes a result "
            "of a design)"
        )
    if studies:
        from .study_build import document_of_studies

        return document_of_studies(list(zip(called, studies, strict=True)), title, schedules)
    return _of_results(list(zip(called, results, strict=True)), title)


def _of_results(named: Sequence[tuple[str, Result]], title: str) -> Document:
    pages: list[Page] = []
    if len(named) > 1:
        pages.append(comparison_page(named))
    for number, (name, result) in enumerate(named, start=1):
        key = "simulation" if len(named) == 1 else f"simulation-{number}"
        pages.append(simulation_page(result, key, "" if len(named) == 1 else name))
    words = title or (title_of(named[0][1]) if len(named) == 1 else "Comparison of simulations")
    return Document(words, tuple(pages), lambda: layer_records(named))
