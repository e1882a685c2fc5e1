"""The terminal report of a simulation: heading, layers, totals, notes, what is not modelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..dataflows.resources import LABELS
from ..simulator.fabric import DeviceSummary, FitSummary
from ..simulator.result import Result
from .energy import by_part
from .gantt import print_gantt
from .layers import LEGEND, LEGEND_SPLIT, SHOW_ALL, layer_grid
from .notes import not_modelled_lines, note_block, result_notes
from .text import printable
from .units import NONE, binary, count, energy, percent, plural, si

_FIDELITY = {
    "analytic": "analytic model",
    "cycle": "tile programs executed cycle by cycle",
    "roofline": "roofline: a bound that no mapping can beat",
}


def print_result(result: Result, console: Console, top: int | None = None) -> None:
    """Print the report, as wide as the console. `top` as of `layer_grid`."""
    names = " + ".join(printable(model.name) for model in result.models)
    spec = result.spec
    console.print(Text(f"{names} on {printable(spec.name)}", style="bold"))
    console.print(
        Text(
            f"{plural(spec.pes, 'PE')}, {si(spec.clock_hz, 'Hz')}; mappings chosen for"
            f" {result.objective}; {_FIDELITY[result.fidelity]}\n",
            style="dim",
        )
    )
    table, dropped = layer_grid(result, top).fit(console.width)
    console.print(table)
    hints = [LEGEND if "MAC%" in dropped else LEGEND + LEGEND_SPLIT]
    if dropped:
        hints.append(f"No room for: {', '.join(dropped)}; widen the terminal, or see --csv.")
    if top is None and len(result.layers) > SHOW_ALL:
        hints.append(f"Most cycles first; --top {len(result.layers)} shows all layers.")
    console.print()
    for hint in hints:
        console.print(Text(hint, style="dim"))
    console.print()
    console.print(_totals(result))
    if result.schedule is not None:
        print_gantt(result, console)
    console.print()
    console.print(_breakdown(result))
    if result.spec.device is not None:
        console.print()
        console.print(resources_table(result.spec.device))
    if result.fit is not None:
        console.print()
        console.print(Text(fit_line(result.fit)))
    for line in note_block("Notes", result_notes(result)):
        console.print(line)
    for line in note_block(
        "Not modelled (costs nothing above)",
        not_modelled_lines([(model.name, model.not_modelled) for model in result.models]),
    ):
        console.print(line)


def fit_line(fit: FitSummary) -> str:
    """What was fitted, and what is proven of it."""
    chosen = ", ".join(f"{name} {value}" for name, value in fit.parameters.items())
    proven = (
        "no parameters that fit take fewer cycles, proven"
        if fit.optimal
        else f"none that fit take fewer than {count(fit.lower_bound)} cycles"
    )
    return f"fitted: {chosen}\n{proven} ({plural(fit.arrays, 'array')}, {fit.simulated} mapped)"


def resources_table(device: DeviceSummary) -> Table:
    """What the design takes of its FPGA."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in (f"resources of {printable(device.name)}", "used", "there", "share"):
        table.add_column(heading, justify="left" if heading.startswith("res") else "right")
    for name, used in device.total.items():
        there = device.available[name]
        if used or there:
            share = percent(used / there) if there else NONE
            table.add_row(LABELS[name], count(round(used)), count(round(there)), share)
    return table


def _totals(result: Result) -> Table:
    """Two columns of figures."""
    seconds, joule = result.seconds, result.energy_pj * 1e-12
    runs = "inferences/s" if len(result.models) == 1 else "runs of all networks/s"
    left = [
        ("cycles", f"{count(result.cycles)}"),
        ("time", si(seconds, "s")),
        ("throughput", f"{_rate(1.0, seconds, '')} {runs}"),
        ("", _rate(result.macs, seconds, "MAC/s")),
        ("utilization", percent(result.utilization)),
        ("DRAM traffic", binary(result.dram_bytes)),
    ]
    right = [
        ("energy", energy(result.energy_pj)),
        ("EDP", si(joule * seconds, "J·s")),
        ("power", _rate(joule, seconds, "W")),
        ("efficiency", _tops_per_watt(result)),
        ("area", f"{result.area_mm2:.3g} mm²" if result.area_mm2 else "not known"),
        ("coverage", f"{percent(result.coverage)} of output elements"),
    ]
    table = Table.grid(padding=(0, 2))
    for style in ("dim", "bold", "dim", "bold"):
        table.add_column(style=style, no_wrap=True)
    for pair in zip(left, right, strict=True):
        table.add_row(*(Text(cell) for item in pair for cell in item))
    return table


def _rate(amount: float, seconds: float, unit: str) -> str:
    return si(amount / seconds, unit) if seconds else NONE


def _tops_per_watt(result: Result) -> str:
    """Two operations per multiply-accumulate; operations per pJ are Tera-operations per J."""
    if not result.energy_pj:
        return NONE
    return f"{2 * result.macs / result.energy_pj:.3g} TOPS/W"


def _breakdown(result: Result) -> RenderableType:
    """Energy and area by part, side by side where there is room."""
    areas = dict(sorted(result.spec.area_by_component.items(), key=lambda item: -item[1]))
    if len(result.spec.sub_accelerators) == 1:
        areas = {name.split(".", 1)[-1]: area for name, area in areas.items()}
    blocks = [_bars("Energy by part", by_part(result.energy_by_component), energy)]
    if any(areas.values()):
        blocks.append(_bars("Area by part", areas, lambda mm2: f"{mm2:.3g} mm²"))
    return Columns(blocks, padding=(1, 4))


def _bars(title: str, values: Mapping[str, float], show: Callable[[float], str]) -> Group:
    """Name, value, share and a bar of each part."""
    total = sum(values.values())
    table = Table.grid(padding=(0, 1))
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    for name, value in values.items():
        if not value:  # DRAM is off chip: no area of ours
            continue
        share = value / total if total else 0.0
        bar = "█" * round(share * 20)
        table.add_row(Text(printable(name)), Text(show(value)), percent(share), Text(bar, "cyan"))
    return Group(Text(title, style="bold"), table)
