"""The design that the reader has chosen: metrics, decisions, schedule where there is one."""

from __future__ import annotations

import json
from typing import Any

from ...simulator.result import Result
from ..document import Panel, show
from ..energy import by_group
from ..figures.schedule import schedule_figure
from ..figures.style import LAYER_HOVER, escaped
from ..names import layer_names
from ..study_data import StudyData
from ..text import printable
from ..units import energy, plural, si


def design_panel(data: StudyData) -> Panel:
    """What the panel's script needs; decisions of all designs as places in lists of values."""
    schedules = {
        str(one.item): _schedule(one.result) for one in data.shown if one.result is not None
    }
    networks = list(json.loads(data.designs[0].networks)) if data.designs else []
    content = {
        "axes": [
            {"key": a.key, "label": a.label, "unit": a.unit, "spec": a.spec, "log": a.log}
            for a in data.axes
        ],
        "values": {axis.key: data.values[axis.key] for axis in data.axes},
        "checked": _checked(data),
        "networks": networks,
        "accuracies": _accuracies(data, networks),
        "parameters": [
            {
                "name": printable(one.name),
                "values": list(map(printable, one.values)),
                "codes": list(one.codes),
                "varies": one.varies,
            }
            for one in data.parameters
        ],
        "why": {str(one.item): one.why for one in data.shown},
        "faults": {str(one.item): printable(one.fault) for one in data.shown if one.fault},
        "notes": {
            str(item): printable(one.note) for item, one in enumerate(data.designs) if one.note
        },
        "command": data.command(0).rsplit("1", 1),
        "schedules": schedules,
    }
    called = ", ".join(f"design {int(item) + 1}" for item in schedules) or "no design"
    text = f"Schedules are in the HTML report, of {called}; `{_command_words(data)}` shows others."
    return Panel("design", "The chosen design", content, text)


def _command_words(data: StudyData) -> str:
    """The command for any design."""
    return "N".join(data.command(0).rsplit("1", 1)).replace("`", "'")


def _checked(data: StudyData) -> dict[str, list[Any]]:
    """By item, what the check found: whether it stands, and cycles, pJ, mm²."""
    return {
        str(item): [
            design.checked_ok,
            design.checked_cycles,
            design.checked_energy_pj,
            design.checked_area_mm2,
        ]
        for item, design in enumerate(data.designs)
        if design.checked_ok is not None
    }


def _accuracies(data: StudyData, networks: list[str]) -> list[list[float | None]]:
    """Of each network, by item."""
    opened = {text: json.loads(text) for text in {one.accuracies for one in data.designs}}
    return [[opened[one.accuracies].get(name) for one in data.designs] for name in networks]


def _schedule(result: Result) -> dict[str, Any]:
    """Its figure with hints, and what it costs."""
    drawn = schedule_figure(result)
    names = layer_names(result)
    for trace in drawn.data:
        if trace.hovertemplate == LAYER_HOVER:
            trace.hovertext = [_hint(result, names, n) for n in trace.customdata]
            trace.customdata = None  # layers are no items of this page
    split = {group: value for group, value in by_group(result.energy_by_component).items() if value}
    rows = [[sub, *_of_array(result, sub)] for sub in result.spec.sub_accelerators]
    return {
        "figure": json.loads(drawn.to_json()),
        "facts": [
            ["latency", f"{si(result.cycles)} cycles, {si(result.seconds, 's')}"],
            ["energy", energy(result.energy_pj)],
            ["area", show(result.area_mm2, "mm²")],
            ["PE utilization", show(result.utilization, "share")],
            ["DRAM traffic", show(result.dram_bytes, "B")],
            *([f"energy, {group}", energy(value)] for group, value in split.items()),
        ],
        "arrays": [list(map(printable, row)) for row in rows],
    }


def _hint(result: Result, names: list[str], n: int) -> str:
    layer = result.layers[n]
    return (
        f"<b>{escaped(names[n])}</b><br>{escaped(layer.op)} on {escaped(layer.sub_accelerator)}"
        f"<br>from cycle {layer.start_cycle:,}, {si(layer.cycles)} cycles"
        f"<br>{energy(layer.energy_pj)}, bound by {escaped(layer.bound.removeprefix('memory:'))}"
    )


def _of_array(result: Result, sub: str) -> list[str]:
    """Layers, busy cycles and energy of a sub-accelerator."""
    own = [layer for layer in result.layers if layer.sub_accelerator == sub]
    busy = sum(layer.cycles for layer in own) / result.cycles if result.cycles else 0.0
    return [
        plural(len(own), "layer"),
        f"{show(min(1.0, busy), 'share')} busy",
        energy(sum(layer.energy_pj for layer in own)),
    ]
