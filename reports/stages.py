"""The terminal report and the JSON of a pipeline on an FPGA."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ..simulator.fabric import device_summary
from ..simulator.stages import Stages
from .grid import Column, Grid, Row
from .summary import resources_table
from .text import printable
from .units import count, plural, si

SCHEMA: Final = "chiploom.pipeline/1"


def print_stages(found: Stages, console: Console) -> None:
    """Stages, throughput and latency, resources."""
    device = device_summary(found.accelerator)
    assert device is not None
    console.print(Text(f"{printable(found.network)} on {printable(device.name)}", style="bold"))
    clock = si(found.accelerator.clock_hz, "Hz")
    console.print(
        Text(f"a pipeline of {plural(len(found.stages), 'engine')}, {clock}\n", style="dim")
    )
    columns = (
        Column("stage", left=True),
        Column("inputs"),
        Column("outputs"),
        Column("rows", optional=1),
        Column("cycles"),
        Column("busy"),
        Column("starts at", optional=2),
    )
    rows = [
        Row(
            [
                printable(stage.layer),
                str(stage.cpf),
                str(stage.kpf),
                str(stage.rows),
                si(stage.cycles),
                f"{stage.cycles / found.interval:.0%}",
                si(stage.start),
            ]
        )
        for stage in found.stages
    ]
    table, _ = Grid(columns, rows).fit(console.width)
    console.print(table)
    console.print()
    hint = "inputs, outputs: channels side by side. rows: of outputs, for which weights come once."
    console.print(Text(hint, style="dim"))
    console.print()
    console.print(
        f"throughput    {si(found.frames_per_second)} frames/s, one every "
        f"{count(found.interval)} cycles: {found.limit}"
    )
    console.print(
        f"latency       {si(found.seconds, 's')}, {count(found.latency)} cycles from a frame's "
        "first row to its last output"
    )
    console.print()
    console.print(resources_table(device))
    console.print()
    console.print(Text("Energy and what is no multiply-accumulate nest are not modelled here."))


def stages_json(found: Stages) -> dict[str, Any]:
    """The versioned form; `spec` is that of the engines."""
    device = device_summary(found.accelerator)
    assert device is not None
    return {
        "schema": SCHEMA,
        "network": found.network,
        "clock_hz": found.accelerator.clock_hz,
        "frames_per_second": found.frames_per_second,
        "interval": found.interval,
        "lower_bound": found.lower_bound,
        "latency": found.latency,
        "seconds": found.seconds,
        "dram_cycles": found.dram_cycles,
        "limit": found.limit,
        "stages": [asdict(stage) for stage in found.stages],
        "resources": device.to_json(),
        "spec": dict(found.spec),
    }
