"""From studies to a document."""

from __future__ import annotations

from collections.abc import Sequence

from ..search.answers import table
from ..search.study import Study
from .document import Document, Page, Value
from .pages.studies import studies_page
from .pages.study import study_page
from .study_data import StudyData


def document_of_studies(named: Sequence[tuple[str, Study]], title: str, schedules: int) -> Document:
    """A page for each study, and one that compares them where there are several.

    Args:
        named: studies with names that differ.
        title: of the document, "" for one that says what is in it.
        schedules: designs of each study that are simulated again.
    """
    data = [StudyData(study, name, schedules) for name, study in named]
    pages: list[Page] = []
    if len(data) > 1:
        pages.append(studies_page(data))
    for number, one in enumerate(data, start=1):
        key = "study" if len(data) == 1 else f"study-{number}"
        pages.append(study_page(one, key, "" if len(data) == 1 else one.name))
    words = title or (f"Study {data[0].name}" if len(data) == 1 else "Comparison of studies")
    return Document(words, tuple(pages), lambda: design_records(data))


def design_records(studies: Sequence[StudyData]) -> list[dict[str, Value]]:
    """A record per design, as `Study.export` has it, all with the same keys; null where a study
    has no such network or parameter."""
    tables = [(data.name, *table(data.designs, data.study.path)) for data in studies]
    keys = dict.fromkeys(key for _, head, _ in tables for key in head)
    return [
        {"study": name, **{key: row.get(key) for key in keys}}
        for name, _, rows in tables
        for row in rows
    ]
