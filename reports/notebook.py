"""A result or a study in a notebook (Jupyter, marimo): small tables with no script, whatever the
theme."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from ..simulator.result import Result
from .document import show
from .energy import GROUPS, by_group
from .names import layer_names
from .pages.simulation import headline, title_of
from .text import printable
from .units import count, energy, percent

if TYPE_CHECKING:
    from ..search.study import Study

_TOP = 5
_CELL = "padding:2px 12px 2px 0;text-align:left;border:0"


def result_html(result: Result) -> str:
    """Totals, the split of the energy, and the layers that take most cycles."""
    totals = [
        (fact.label, show(fact.quantity), fact.hint)
        for fact in headline(result).facts
        if fact.key in ("seconds", "energy", "edp", "utilization", "dram_bytes", "area")
    ]
    split = [
        (group, energy(picojoule), percent(picojoule / result.energy_pj))
        for group, picojoule in by_group(result.energy_by_component).items()
        if picojoule
    ]
    costly = sorted(
        zip(layer_names(result), result.layers, strict=True), key=lambda item: -item[1].cycles
    )[:_TOP]
    layers = [
        (name, f"{count(layer.cycles)} cycles", f"bound by {layer.bound.removeprefix('memory:')}")
        for name, layer in costly
    ]
    missing = sum(entry["count"] for model in result.models for entry in model.not_modelled)
    gaps = (
        f"<div>Not modelled: {missing} operators, which cost nothing here.</div>" if missing else ""
    )
    return (
        f"<div><strong>{_text(title_of(result))}</strong>"
        f'<div style="display:flex;flex-wrap:wrap;gap:0 32px">'
        f"{_table('', totals)}{_table('Energy', split)}{_table('Most cycles', layers)}</div>"
        f"{gaps}<div><small>chiploom.write_report(result, 'report.html') writes everything; "
        f"groups: {_text('; '.join(f'{name}: {what}' for name, what in GROUPS.items()))}"
        "</small></div></div>"
    )


def study_html(study: Study) -> str:
    """What the study found, its best design, and where its accuracies come from."""
    from .pages.best_designs import best_table
    from .pages.study import headline as study_headline
    from .pages.study import proxy_notice
    from .study_data import StudyData

    data = StudyData(study, schedules=0)  # a notebook does not wait for simulations
    facts = [(one.label, show(one.quantity), one.hint) for one in study_headline(data).facts]
    tables = [_table("", facts)]
    if data.shown:
        table = best_table(data.shown[:3], data)
        heads = tuple(column.label for column in table.columns)
        rows = [tuple(show(cell) for cell in row) for row in table.rows]
        tables.append(_table("Best designs", [heads, *rows], columns=len(heads)))
    notice = proxy_notice(data)
    return (
        f"<div><strong>Study {_text(data.name)}</strong>"
        f'<div style="display:flex;flex-wrap:wrap;gap:0 32px">{"".join(tables)}</div>'
        + (f"<div>{_text(notice)}</div>" if notice else "")
        + "<div><small>chiploom.write_report(study, 'report.html') writes everything"
        "</small></div></div>"
    )


def _table(title: str, rows: Iterable[tuple[str, ...]], columns: int = 3) -> str:
    head = f'<tr><th colspan="{columns}" style="{_CELL}">{_text(title)}</th></tr>' if title else ""
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{_text(cell)}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return f'<table style="border-collapse:collapse">{head}{body}</table>'


def _text(name: str) -> str:
    return escape(printable(name))
