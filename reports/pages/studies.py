"""The page of several studies side by side."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from ..document import Axes, Block, Cell, Chart, Column, Notes, Page, Quantity, Section, Table
from ..figures import study_front, study_progress
from ..study_data import StudyData, axis_of
from .best_designs import judged
from .study import proxy_notice


def studies_page(studies: Sequence[StudyData]) -> Page:
    """Two or more studies; ratios are to the first."""
    lead = f"{len(studies)} studies; every ratio is to {studies[0].name}"
    starts = list(itertools.accumulate((len(one.designs) for one in studies[:-1]), initial=0))
    aims = common_aims(studies)
    curves = study_progress.hypervolumes(studies, aims)
    blocks: list[Block] = [_totals(studies, aims, curves)]
    axes = _axes(studies, aims)
    blocks.append(
        Chart(
            "hypervolumes",
            "Hypervolume over evaluations",
            lambda: study_progress.hypervolume_figure(studies, curves),
            f"Over {', '.join(aims)}, in one measure for all: 0 is the worst and 1 the best value "
            "of all designs that meet the specs of their study.",
            wide=len(studies) > 2,
        )
    )
    if len(axes.choices) > 1:
        blocks.append(
            Chart(
                "fronts",
                "Pareto fronts",
                lambda: study_front.fronts_figure(studies, axes, starts),
                "Of the designs that meet all specs of their study; behind them all such designs. "
                "Specs are drawn where the studies have the same.",
                zooms=True,
                axes=axes,
            )
        )
    sections = [Section("totals", "Side by side", tuple(blocks))]
    notes = (*_notes(studies), *_proxies(studies))
    if notes:
        caution = Notes("differences", "", notes)
        sections.append(Section("caution", "What to keep in mind", (caution,)))
    names = tuple(
        f"{data.name}: design {design.number}" for data in studies for design in data.designs
    )
    return Page("compare", "Comparison", lead, tuple(sections), names)


def common_aims(studies: Sequence[StudyData]) -> list[str]:
    """Metrics of the first study's front that the designs of all studies have."""
    keys = [{axis.key for axis in data.axes} for data in studies]
    return [aim for aim in studies[0].aims if all(aim in known for known in keys)]


def _axes(studies: Sequence[StudyData], aims: Sequence[str]) -> Axes:
    keys = [
        axis.key
        for axis in studies[0].axes
        if all(axis.key in {other.key for other in data.axes} for data in studies)
    ]
    first = [*aims, *(key for key in keys if key not in aims)][:2]
    same = len({tuple(data.file.goals.specs.items()) for data in studies}) == 1
    specs = {axis.key: axis.spec for axis in studies[0].axes} if same else {}
    values = {key: [v for data in studies for v in data.values[key]] for key in keys}
    open_ = {
        key: [data.values[key][item] for data in studies for item in data.open] for key in keys
    }
    return Axes(
        tuple(axis_of(key, specs.get(key), open_[key]) for key in keys),
        (first[-1], first[0], "") if first else ("", "", ""),
        values,
        colour=False,
    )


def _totals(
    studies: Sequence[StudyData], aims: Sequence[str], curves: Sequence[study_progress.Curve]
) -> Table:
    """A row for each figure, with ratios and the winner."""
    rows: list[tuple[Cell, ...]] = [
        ("strategy", *(data.file.strategy for data in studies)),
        ("seed", *(str(data.file.seed) for data in studies)),
    ]
    comparable = not list(_notes(studies))

    def row(
        label: str, of: Callable[[StudyData], float | None], unit: str = "", better: str = ""
    ) -> None:
        values = [of(data) for data in studies]
        cells = judged(values, unit, better == "more")
        if not better or not comparable:
            cells = [Quantity(q.value, q.unit, q.ratio) for q in cells]
        rows.append((label, *cells))

    row("trials", lambda data: data.trials, "#")
    row("designs evaluated", lambda data: len(data.designs), "#")
    row("designs that meet the specs", lambda data: len(data.open), "#")
    row("time", lambda data: data.study.seconds, "s")
    for axis in studies[0].axes:
        if all(axis.key in {other.key for other in data.axes} for data in studies):
            key, label = axis.key, axis.label + (" (cycles)" if axis.unit == "cycles" else "")
            better = "more" if axis.maximise else "less"
            row(f"best design: {label}", _of_best(key), axis.unit,
                better if key == studies[0].file.objectives[0] else "")  # fmt: skip
            row(f"any design: {label}", _of_any(key, axis.maximise), axis.unit, better)
    volumes = {
        data.name: curve[-1][2] if curve else 0.0
        for data, curve in zip(studies, curves, strict=True)
    }
    row("hypervolume", lambda data: volumes[data.name], "ratio", "more")
    row("evaluations to its best design", _to_best, "#")
    row("time to its best design", _seconds_to_best, "s")
    columns = (
        Column("figure", ""),
        *(Column(f"study_{n + 1}", data.name) for n, data in enumerate(studies)),
    )
    note = (
        "★ marks the best of a row; best design: by the study's first objective; any design: the "
        f"best that one which meets the specs has; hypervolume: over {', '.join(aims)}."
    )
    if not comparable:
        note += " There are no winners: the studies differ in what they ask (see below)."
    return Table("comparison", "", columns, tuple(rows), note)


def _of_best(key: str) -> Callable[[StudyData], float | None]:
    return lambda data: None if data.best is None else data.values[key][data.best]


def _of_any(key: str, maximise: bool) -> Callable[[StudyData], float | None]:
    def of(data: StudyData) -> float | None:
        known = [v for item in data.open if (v := data.values[key][item]) is not None]
        return (max(known) if maximise else min(known)) if known else None

    return of


def _to_best(data: StudyData) -> float | None:
    return None if data.best is None else data.best + 1


def _seconds_to_best(data: StudyData) -> float | None:
    return None if data.best is None else data.designs[data.best].seconds


def _notes(studies: Sequence[StudyData]) -> Iterator[str]:
    """What makes studies differ besides how they search."""
    checks: tuple[tuple[str, Callable[[StudyData], object]], ...] = (
        ("specs", lambda data: _listed(data.file.goals.specs)),
        ("objectives", lambda data: ", ".join(data.file.objectives)),
        (
            "networks",
            lambda data: ", ".join(
                f"{network.name} from {network.space.size} of {network.space.name}"
                for network in data.file.networks
            ),
        ),
        ("sizes of the hardware space", lambda data: data.file.hardware.size),
        ("sources of accuracy", lambda data: "; ".join(one.source for one in data.origins)),
    )
    for what, of in checks:
        values = [str(of(data)) for data in studies]
        if len(set(values)) > 1:
            pairs = ", ".join(
                f"{d.name}: {v or 'none'}" for d, v in zip(studies, values, strict=True)
            )
            yield f"the {what} differ: {pairs}"


def _listed(specs: object) -> str:
    return ", ".join(f"{k} {v:g}" for k, v in sorted(dict(specs).items()))  # type: ignore[call-overload]


def _proxies(studies: Sequence[StudyData]) -> list[str]:
    """Said once for studies of the same networks."""
    return list(dict.fromkeys(filter(None, map(proxy_notice, studies))))
