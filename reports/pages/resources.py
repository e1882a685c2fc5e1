"""What designs take of their FPGA, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...dataflows.resources import LABELS
from ...simulator.fabric import DeviceSummary, FitSummary
from ..document import Cell, Column, Notes, Quantity, Table
from ..summary import fit_line

if TYPE_CHECKING:
    from ..study_data import StudyData

_NAMES = tuple(LABELS)


def device_table(device: DeviceSummary) -> Table:
    """Every component's part of each resource, all together, and what there is."""
    total = device.total
    rows: list[tuple[Cell, ...]] = [
        (name, *(Quantity(part.get(each, 0.0)) for each in _NAMES))
        for name, part in device.used.items()
    ]
    rows.append(("all together", *(Quantity(total[each]) for each in _NAMES)))
    rows.append((f"of {device.part}", *(Quantity(device.available[each]) for each in _NAMES)))
    rows.append(("share", *(_share(total[each], device.available[each]) for each in _NAMES)))
    return Table("resources", "Resources of the FPGA", _columns("component"), tuple(rows))


def fit_notes(fit: FitSummary) -> Notes:
    """How the parameters were chosen."""
    return Notes("fit", "Fitted parameters", tuple(fit_line(fit).split("\n")))


def study_table(data: StudyData) -> Table | None:
    """The designs that are shown side by side, the device and the specs; None without a device."""
    device, limits = data.file.hardware.device, data.file.goals.resources
    if device is None:
        return None
    rows: list[tuple[Cell, ...]] = []
    for item in (shown.item for shown in data.shown):
        used = data.study.accelerator(data.designs[item]).resources
        rows.append(
            (f"design {item + 1}", *(Quantity(float(getattr(used, each))) for each in _NAMES))
        )
    there = device.resources
    rows.append((f"of {device.part}", *(Quantity(float(getattr(there, each))) for each in _NAMES)))
    if limits:
        rows.append(("spec, at most", *(Quantity(limits.get(each)) for each in _NAMES)))
    return Table("resources", "Resources of the FPGA", _columns("design"), tuple(rows))


def _columns(first: str) -> tuple[Column, ...]:
    return (Column(first, first), *(Column(name, label) for name, label in LABELS.items()))


def _share(used: float, there: float) -> Quantity:
    return Quantity(used / there if there else None, "share")
