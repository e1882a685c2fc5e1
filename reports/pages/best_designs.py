"""The best designs of a study side by side: metrics, and where their decisions differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..document import Block, Cell, Chart, Column, Compared, Quantity, Table
from ..figures import split
from ..study_data import Shown, StudyData


def best_blocks(data: StudyData) -> Iterator[Block]:
    """The table, and how PEs and bandwidth are split."""
    if not data.shown:
        return
    yield best_table(data.shown, data)
    if any(len(one.arrays) > 1 for one in data.shown):
        clock = next((one.result.spec.clock_hz for one in data.shown if one.result), None)
        yield Chart(
            "pes",
            "Processing elements by sub-accelerator",
            lambda: split.pes_figure(data),
            "Of the designs above, in the same order.",
            wide=False,
        )
        if clock is not None:
            yield Chart(
                "bandwidth",
                "DRAM bandwidth by sub-accelerator",
                lambda: split.bandwidth_figure(data, clock),
                "What each may take of the DRAM's bandwidth.",
                wide=False,
            )


def best_table(shown: Sequence[Shown], data: StudyData) -> Table:
    """Metrics with ratios to the best design, and the decisions, marked where they differ."""
    rows: list[tuple[Cell, ...]] = [("chosen as", *(one.why for one in shown))]
    for axis in data.axes:
        values = [data.values[axis.key][one.item] for one in shown]
        label = axis.title if axis.unit == "cycles" else axis.label
        rows.append((label, *judged(values, axis.unit, axis.maximise)))
    same = []
    for parameter in data.parameters:
        texts = [parameter.text(one.item) for one in shown]
        if len(set(texts)) > 1:
            rows.append((parameter.name, *(Compared(text, text != texts[0]) for text in texts)))
        elif parameter.varies:
            same.append(f"{parameter.name} {texts[0]}")
    columns = (
        Column("figure", ""),
        *(Column(f"design_{one.item + 1}", f"design {one.item + 1}") for one in shown),
    )
    note = (
        "Ratios are to the first design, ★ marks the best of a row; bold decisions differ from it."
    )
    if same:
        note += f" The same in all of them: {', '.join(same)}."
    return Table("best", "", columns, tuple(rows), note)


def judged(values: Sequence[float | None], unit: str, maximise: bool) -> list[Quantity]:
    """With ratios to the first one, and the best marked where they differ."""
    known = [value for value in values if value is not None]
    best = (max(known) if maximise else min(known)) if known else None
    differ = len(set(known)) > 1
    first = values[0] if values else None
    return [
        Quantity(
            value,
            unit,
            value / first if value is not None and first else None,
            differ and value == best,
        )
        for value in values
    ]
