"""The page of one co-search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from shlex import quote

from ..document import (
    Block,
    Cell,
    Chart,
    Column,
    Fact,
    Facts,
    Listing,
    Notes,
    Page,
    Quantity,
    Section,
    Table,
    show,
)
from ..figures import importance as importance_figures
from ..figures import parallel, study_front, study_progress
from ..importance import LEAST, Importance, importances
from ..study_data import Parameter, StudyData
from ..text import shorten
from ..units import plural
from .best_designs import best_blocks
from .design import design_panel
from .resources import study_table

PROXY = (
    "Accuracies of {networks} are PROXIES: they rest on a table that comes with chiploom, measured "
    "on small datasets, with small images and few epochs. They order networks; they are not the "
    "accuracies of the published task."
)


def study_page(data: StudyData, key: str = "study", title: str = "") -> Page:
    """Everything that a study says."""
    file = data.file
    lead = (
        f"Strategy {file.strategy}, seed {file.seed}; {plural(data.trials, 'trial')}, "
        f"{plural(len(data.designs), 'design')} of {plural(len(file.networks), 'network')} on "
        f"{plural(len(file.hardware.subs), 'sub-accelerator')}"
    )
    sections = [
        Section("overview", "Overview", tuple(_overview(data))),
        Section("front", "Pareto front", tuple(_front(data))),
        Section("designs", "Designs", (design_table(data), design_panel(data))),
        Section("best", "Best designs side by side", (*best_blocks(data), *_resources(data))),
        Section("decisions", "Decisions", tuple(_decisions(data))),
        Section("progress", "Progress", tuple(_progress(data))),
        Section("again", "How to get it again", tuple(_again(data))),
        Section("provenance", "What the numbers rest on", (provenance(data),)),
    ]
    names = tuple(f"design {design.number}" for design in data.designs)
    first = data.best
    if first is None:
        first = data.ranks.index(1) if data.ranks else -1
    filled = tuple(section for section in sections if section.blocks)
    return Page(key, title or f"Study {data.name}", lead, filled, names, first)


# -- overview --------------------------------------------------------------------------------
def _resources(data: StudyData) -> Iterator[Block]:
    found = study_table(data)
    if found is not None:
        yield found


def _overview(data: StudyData) -> Iterator[Block]:
    yield headline(data)
    yield specs_table(data)
    notice = proxy_notice(data)
    if notice:
        yield Notes("proxies", "Accuracies are proxies", (notice,))
    if data.best is None:
        yield Notes(
            "none",
            "No design meets the specs",
            ("None that was looked at does; the one that is chosen below misses them least.",),
        )


def headline(data: StudyData) -> Facts:
    """What the study found, and what it took."""
    study = data.study
    facts = [
        Fact("designs", "Designs", Quantity(len(data.designs), "#"), "evaluated"),
        Fact("met", "Meet all specs", Quantity(len(data.open), "#"), "and were not refused"),
        Fact(
            "front",
            "Pareto front",
            Quantity(len(data.front()), "#"),
            f"over {', '.join(data.aims)}",
        ),
        Fact("trials", "Trials", Quantity(data.trials, "#"), "networks that were tried"),
        Fact("seconds", "Time", Quantity(study.seconds, "s"), "of wall time, over all runs"),
    ]
    if data.best is not None:
        best = data.best
        for axis in data.axes:
            hint = f"design {best + 1}, the best" + (", in cycles" if axis.key == "latency" else "")
            value = data.values[axis.key][best]
            facts.append(Fact(axis.key, axis.label.capitalize(), Quantity(value, axis.unit), hint))
    return Facts(tuple(facts))


def specs_table(data: StudyData) -> Table:
    """Every metric's spec, and what the best design has of it."""
    rows: list[tuple[Cell, ...]] = []
    best = None if data.best is None else data.designs[data.best]
    checked = (
        {}
        if best is None or best.checked_ok is None
        else {
            "latency": best.checked_cycles,
            "energy": best.checked_energy_pj,
            "area": best.checked_area_mm2,
        }
    )
    for axis in data.axes:
        found = None if data.best is None else data.values[axis.key][data.best]
        share = found / axis.spec if found is not None and axis.spec else None
        rows.append(
            (
                axis.title if axis.unit == "cycles" else axis.label,
                Quantity(axis.spec, axis.unit),
                Quantity(found, axis.unit),
                Quantity(share, "share"),
                Quantity(checked.get(axis.key), axis.unit),
            )
        )
    columns = (
        Column("metric", "metric"),
        Column("spec", "spec, at most"),
        Column("best", "best design"),
        Column("share", "of the spec", "share"),
        Column("checked", "executed cycle by cycle"),
    )
    return Table("specs", "Specs and the best design", columns, tuple(rows))


def proxy_notice(data: StudyData) -> str:
    """Said at the top where accuracies are not of the task itself."""
    names = ", ".join(one.network for one in data.origins if one.proxy)
    return PROXY.format(networks=names) if names else ""


def provenance(data: StudyData) -> Notes:
    """Where accuracies and costs come from."""
    lines = [f"accuracy of {one.network}: {one.source}" for one in data.origins]
    lines += [notice] if (notice := proxy_notice(data)) else []
    if not lines:
        lines.append("no accuracies: the study compares costs alone")
    simulated = sum(one.result is not None for one in data.shown)
    lines += [
        "costs of the search come from a catalogue of mappings and list schedules",
        "designs that are reported as best are mapped anew and executed cycle by cycle; one that "
        "misses the specs there is refused",
        f"{plural(simulated, 'design')} simulated again for this report, with the analytic model: "
        "mapper and scheduler choose anew, for least energy within the latency spec where there is "
        "one, so that figures differ from the search's",
    ]
    source = " ".join(data.file.source.split())
    if source:
        lines.append(f"study: {source}")
    return Notes("provenance", "", tuple(lines))


# -- designs ---------------------------------------------------------------------------------
def _front(data: StudyData) -> Iterator[Block]:
    if len(data.axes) < 2:
        return
    yield Chart(
        "front",
        "Designs and their Pareto front",
        lambda: study_front.front_figure(data),
        "Choose metrics above. Dashed lines are specs; crosses miss one of the specs. The front is "
        "of designs that meet all of them, over the metrics that are chosen. A design has no "
        "place where a metric of it was not evaluated: accuracies are, of designs that meet the "
        "specs. A click chooses a design.",
        zooms=True,
        axes=study_front.front_axes(data),
    )


def design_table(data: StudyData) -> Table:
    """Every design with its metrics."""
    columns = (
        Column("design", "design", "#"),
        Column("rank", "rank", "#"),
        *(Column(a.key, a.title if a.unit == "cycles" else a.label, a.unit) for a in data.axes),
        Column("feasible", "meets the specs"),
        Column("checked", "confirmed"),
        Column("trial", "trial", "#"),
        Column("hardware", "hardware"),
    )
    brief = {text: hardware_words(text) for text in {one.hardware for one in data.designs}}
    rows = tuple(
        (
            design.number,
            data.ranks[item],
            *(data.values[axis.key][item] for axis in data.axes),
            design.feasible,
            design.checked_ok,
            design.trial,
            brief[design.hardware],
        )
        for item, design in enumerate(data.designs)
    )
    note = (
        "rank: designs that meet the specs, best first; then the others, nearest first. confirmed: "
        "by the check that maps anew and executes cycle by cycle; - is not checked."
    )
    return Table("designs", "Designs", columns, rows, note, large=True, order="rank", rises=True)


def hardware_words(text: str) -> str:
    """`a: nvdla 768 32 GB/s; b: …` of a design's hardware."""
    words = []
    for name, value in json.loads(text).items():
        if isinstance(value, dict):
            rest = " ".join(str(v) for k, v in sorted(value.items()) if k != "template")
            words.append(f"{name}: {value.get('template', '')} {rest}".strip())
        else:
            words.append(f"{name} {value}")
    return "; ".join(words)


# -- decisions -------------------------------------------------------------------------------
def _decisions(data: StudyData) -> Iterator[Block]:
    varying = [one for one in data.parameters if one.varies]
    if varying and data.axes:
        yield Chart(
            "parallel",
            "Decisions and metrics of designs",
            lambda: parallel.parallel_figure(data),
            parallel.parallel_note(data),
            least=560,
        )
    found = importances(data)
    if not found:
        yield Notes(
            "importance",
            "Importance of decisions",
            (f"Fewer than {LEAST} designs are known: too few to tell which decision matters.",),
        )
        return
    names = by_importance(found, varying)
    yield Chart(
        "importance",
        "Importance of decisions",
        lambda: importance_figures.importance_figure(found, names),
        importance_note(found, data),
        least=520,
    )
    columns = (
        Column("parameter", "decision"),
        *(Column(one.metric, one.metric, "share") for one in found),
    )
    rows: list[tuple[Cell, ...]] = [
        (name, *(one.shares.get(name) for one in found)) for name in names
    ]
    rows += [("R² of the model", *(Quantity(one.score, "ratio") for one in found))]
    rows += [("designs it is of", *(Quantity(one.designs, "#") for one in found))]
    yield Table("importance", "Importance as numbers", columns, tuple(rows), drawn=True)


def by_importance(found: tuple[Importance, ...], varying: list[Parameter]) -> list[str]:
    """Names, the most important one for any metric first."""
    most = {one.name: max(f.shares.get(one.name, 0.0) for f in found) for one in varying}
    return sorted(most, key=lambda name: (-most[name], name))


def importance_note(found: tuple[Importance, ...], data: StudyData) -> str:
    """What the shares mean, and how far they can be trusted."""
    words = (
        "Permutation importance of a LightGBM model: what its error on unseen designs grows by "
        "when a decision's values are shuffled, as a share of all decisions. Decisions that go "
        "together share their importance. R² says how well the model tells unseen designs (1 is "
        "perfectly); where it is low, the shares mean little. It speaks of the designs that were "
        "looked at, which a search does not draw evenly."
    )
    weak = [one.metric for one in found if one.score < 0.5]
    if weak:
        words += f" Little to be trusted here: {', '.join(weak)}."
    known = {one.metric for one in found}
    if "accuracy" not in known and any(axis.key == "accuracy" for axis in data.axes):
        words += f" Of fewer than {LEAST} different networks is the accuracy known: it is left out."
    return words


# -- progress --------------------------------------------------------------------------------
def _progress(data: StudyData) -> Iterator[Block]:
    if not data.designs:
        return
    aim = data.aims[0]
    yield Chart(
        "progress",
        f"{aim.capitalize()} over evaluations",
        lambda: study_progress.progress_figure(data),
        f"Designs whose {aim} is known, in the order in which they were evaluated, and the best "
        "one so far that meets the specs.",
        wide=False,
        zooms=True,
    )
    curves = study_progress.hypervolumes([data], data.aims)
    yield Chart(
        "hypervolume",
        "Hypervolume over evaluations",
        lambda: study_progress.hypervolume_figure([data], curves),
        f"Over {', '.join(data.aims)}: the share of the box between the best and the worst values "
        "of designs that meet the specs which the front so far dominates.",
        wide=False,
    )
    x, y = study_progress.best_so_far(data, aim)
    unit = next((axis.unit for axis in data.axes if axis.key == aim), "")
    # The last place repeats the value before it, up to which it holds.
    found = zip(x, y, [None, *y], strict=False)
    rows = tuple(
        (item, value, data.designs[item - 1].trial, data.designs[item - 1].seconds)
        for item, value, before in found
        if value != before
    )
    columns = (
        Column("design", "design", "#"),
        Column(aim, f"best {aim} so far", unit),
        Column("trial", "trial", "#"),
        Column("seconds", "time", "s"),
    )
    if rows:
        yield Table(
            "improvements", "Improvements", columns, rows, "Among designs that meet the specs."
        )


# -- again -----------------------------------------------------------------------------------
def _again(data: StudyData) -> Iterator[Block]:
    file = data.file
    facts = [
        ("strategy", file.strategy),
        ("options", json.dumps(dict(file.options), default=str) if file.options else "none"),
        ("seed", str(file.seed)),
        ("proposals made at once", str(file.batch)),
        ("hardware designs per trial, at most", str(file.designs)),
        ("objectives", ", ".join(file.objectives)),
        ("specs", _specs_words(data)),
        ("mapping", f"for {file.settings.objective}, effort {file.settings.effort}"),
        ("chiploom", _version()),
    ]
    columns = (Column("what", "setting"), Column("value", "value"))
    yield Table("setting", "", columns, tuple(facts), "Equal seeds give equal studies, for any "
                "number of workers, where trials and not time end them.")  # fmt: skip
    yield Listing("command", "Command", search_command(data))
    yield Listing("file", f"Study file {shorten(file.path.name, 60)}", file.text.rstrip())


def search_command(data: StudyData) -> str:
    """The command that runs the study again: as many trials, whatever ended it."""
    return (
        f"chiploom search {quote(str(data.file.path))} --db again.db --trials {max(1, data.trials)}"
    )


def _specs_words(data: StudyData) -> str:
    found = [
        f"{axis.label} {show(axis.spec, axis.unit)}{' cycles' if axis.unit == 'cycles' else ''}"
        for axis in data.axes
        if axis.spec is not None
    ]
    return ", ".join(found) or "none"


def _version() -> str:
    from importlib.metadata import version

    return version("chiploom")
