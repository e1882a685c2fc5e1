"""The page of several simulations side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Literal

from ...simulator.result import LayerResult, Result
from ..document import Block, Cell, Chart, Column, Notes, Page, Quantity, Section, Table
from ..figures import comparison
from ..names import layer_names
from ..units import plural, si
from .simulation import FIDELITIES, headline

Named = tuple[str, Result]

Better = Literal["less", "more"]

#: Which way is better, by the key of the headline's fact; the others are not judged.
BETTER: Final[dict[str, Better]] = {
    "mac_rate": "more",
    "efficiency": "more",
    "utilization": "more",
    "area": "less",
}
#: Those that say nothing where the networks differ.
BETTER_OF_EQUAL_WORK: Final[dict[str, Better]] = {
    "seconds": "less",
    "energy": "less",
    "edp": "less",
    "throughput": "more",
    "dram_bytes": "less",
}
#: What is drawn, of the same keys.
DRAWN: Final = ("seconds", "energy", "edp", "dram_bytes", "area")


def comparison_page(results: Sequence[Named]) -> Page:
    """Two or more results; ratios are to the first."""
    names = [name for name, _ in results]
    lead = f"{plural(len(results), 'result')}; every ratio is to {names[0]}"
    blocks: list[Block] = [
        totals(results),
        Chart(
            "ratios",
            "Ratios",
            lambda: comparison.ratio_figure(names, ratios(results)),
            f"Of {names[0]}, logarithmic; less is better in all of them.",
            wide=False,
        ),
        Chart(
            "energy-groups",
            "Energy by group",
            lambda: comparison.energy_figure(results),
            "On chip: registers, buffers and the network between them.",
            wide=False,
        ),
    ]
    sections = [Section("totals", "Side by side", tuple(blocks))]
    notes = tuple(_notes(results))
    matched = matching_layers(results)
    if matched.rows:
        sections.append(Section("by-layer", "Layer by layer", (matched,)))
    if notes:
        sections.append(
            Section("caution", "What to keep in mind", (Notes("differences", "", notes),))
        )
    return Page("compare", "Comparison", lead, tuple(sections))


def totals(results: Sequence[Named]) -> Table:
    """A row for each figure of the headline, with ratios and the winner."""
    facts = [headline(result).facts for _, result in results]
    rows: list[tuple[Cell, ...]] = [
        ("accelerator", *(result.spec.name for _, result in results)),
        ("networks", *(" + ".join(m.name for m in result.models) for _, result in results)),
    ]
    rules = dict(BETTER)
    equal_work = len({_work(result) for _, result in results}) == 1
    if equal_work:
        rules |= BETTER_OF_EQUAL_WORK
    if equal_work and len({result.spec.clock_hz for _, result in results}) == 1:
        rules["cycles"] = "less"
    for row in zip(*facts, strict=True):
        better = rules.get(row[0].key)
        cells = _judged([fact.quantity for fact in row], better)
        rows.append((row[0].label, *cells))
    columns = (
        Column("figure", ""),
        *(Column(f"result_{n + 1}", name) for n, (name, _) in enumerate(results)),
    )
    note = "★ marks the best of a row."
    if not equal_work:
        note += " The networks differ, so what depends on their work has no winner."
    if len({result.spec.clock_hz for _, result in results}) > 1:
        note += " Latency counts cycles of each accelerator's own clock."
    return Table("comparison", "", columns, tuple(rows), note)


def _work(result: Result) -> tuple[tuple[str, int], ...]:
    """What ran: the networks, and the multiply-accumulates of all frames."""
    return (*((model.name, model.macs) for model in result.models), ("", result.macs))


def _judged(quantities: Sequence[Quantity], better: Better | None) -> list[Quantity]:
    """The same with ratios to the first, and the best marked where they differ."""
    values = [quantity.value for quantity in quantities]
    known = [value for value in values if value is not None]
    if better is None:
        return [Quantity(q.value, q.unit, _ratio(q.value, values[0])) for q in quantities]
    if not known:
        return list(quantities)
    best = min(known) if better == "less" else max(known)
    differ = len(set(known)) > 1 and len(known) == len(values)
    return [
        Quantity(q.value, q.unit, _ratio(q.value, values[0]), differ and q.value == best)
        for q in quantities
    ]


def _ratio(value: float | None, first: float | None) -> float | None:
    return value / first if value is not None and first else None


def ratios(results: Sequence[Named]) -> dict[str, list[float | None]]:
    """Of the drawn figures, by label: the ratio of each result to the first."""
    facts = [{fact.key: fact for fact in headline(result).facts} for _, result in results]
    return {
        facts[0][key].label: [
            _ratio(own[key].quantity.value, facts[0][key].quantity.value) for own in facts
        ]
        for key in DRAWN
    }


def matching_layers(results: Sequence[Named]) -> Table:
    """Layers that all results have, with their cycles and energy and the ratios."""
    tables = [_by_name(result) for _, result in results]
    first = results[0][1]
    common = [
        (name, key)
        for name, key in zip(layer_names(first), map(_key, first.layers), strict=True)
        if all(key in table for table in tables)
    ]
    columns = [Column("layer", "layer")]
    for n, (name, _) in enumerate(results):
        columns += [
            Column(f"seconds_{n + 1}", f"time, {name}", "s"),
            Column(f"energy_pj_{n + 1}", f"energy, {name}", "pJ"),
        ]
        if n:
            columns += [
                Column(f"time_ratio_{n + 1}", "ratio of time", "x"),
                Column(f"energy_ratio_{n + 1}", "ratio of energy", "x"),
            ]
    rows: list[tuple[Cell, ...]] = []
    for name, key in common:
        cells: list[Cell] = [name]
        start: tuple[float, float] | None = None
        for table, (_, result) in zip(tables, results, strict=True):
            layer = table[key]
            now = (layer.cycles / result.spec.clock_hz, layer.energy_pj)
            cells += now
            if start is None:
                start = now
            else:
                cells += [_ratio(now[0], start[0]), _ratio(now[1], start[1])]
        rows.append(tuple(cells))
    note = (
        f"{plural(len(rows), 'layer')} that all results have; ratios are to {results[0][0]}. "
        "Where a chip leaks as a whole, a layer's energy is without it."
    )
    return Table(
        "matched-layers", "", tuple(columns), tuple(rows), note, large=True, order="seconds_1"
    )


def _key(layer: LayerResult) -> tuple[str, str, int]:
    return layer.model, layer.name, layer.frame


def _by_name(result: Result) -> dict[tuple[str, str, int], LayerResult]:
    return {_key(layer): layer for layer in result.layers}


def _notes(results: Sequence[Named]) -> list[str]:
    """What makes results differ besides the accelerator."""
    found: list[str] = []
    checks: tuple[tuple[str, Callable[[Result], object]], ...] = (
        ("networks", lambda r: ", ".join(sorted(m.name for m in r.models))),
        ("amounts of work", lambda r: si(r.macs, "MAC")),
        ("fidelities", lambda r: FIDELITIES[r.fidelity]),
        ("objectives of the mapper", lambda r: r.objective),
        ("coverage", lambda r: f"{r.coverage:.1%} of output elements"),
    )
    for what, of in checks:
        values = [str(of(result)) for _, result in results]
        if len(set(values)) > 1:
            pairs = ", ".join(f"{name}: {v}" for (name, _), v in zip(results, values, strict=True))
            found.append(f"the {what} differ: {pairs}")
    for name, result in results:
        gaps = sum(entry["count"] for model in result.models for entry in model.not_modelled)
        if gaps:
            found.append(f"{name}: {plural(gaps, 'operator')} not modelled, which cost nothing")
    return found


def distinct(names: Sequence[str]) -> list[str]:
    """Names with a number behind those that occur twice."""
    times, seen = Counter(names), Counter[str]()
    found: list[str] = []
    for name in names:
        seen[name] += 1
        found.append(f"{name} ({seen[name]})" if times[name] > 1 else name)
    return found
