"""The page of one simulation."""

from __future__ import annotations

from functools import partial

from ...simulator.result import Result
from ..document import Block, Chart, Column, Fact, Facts, Notes, Page, Quantity, Section, Table
from ..energy import by_part
from ..figures import (
    area,
    energy_parts,
    layer_bars,
    layer_graph,
    roofline,
    schedule,
    traffic,
    utilization,
)
from ..names import layer_names
from ..notes import not_modelled_lines, result_notes
from ..traffic import WAYS, traffic_rows
from ..units import binary, percent, plural, si
from .mapping import mapping_panel
from .resources import device_table, fit_notes

FIDELITIES = {
    "analytic": "analytic model",
    "cycle": "tile programs executed cycle by cycle",
    "roofline": "roofline: a bound that no mapping can beat",
}


def title_of(result: Result) -> str:
    """`resnet50 on eyeriss`."""
    return f"{' + '.join(model.name for model in result.models)} on {result.spec.name}"


def simulation_page(result: Result, key: str = "simulation", title: str = "") -> Page:
    """Everything that a simulation says.

    Args:
        title: another one than `title_of`.
    """
    spec = result.spec
    lead = (
        f"{plural(spec.pes, 'PE')}, {si(spec.clock_hz, 'Hz')}, "
        f"{plural(len(result.layers), 'layer')}; mappings chosen for {result.objective}; "
        f"{FIDELITIES[result.fidelity]}"
    )
    sections = (
        Section("overview", "Overview", (headline(result),)),
        Section("costs", "Cycles and energy", tuple(_costs(result))),
        Section("machine", "Machine", tuple(_machine(result))),
        Section("schedule", "Schedule", tuple(_schedule(result))),
        Section("layers", "Layers and mappings", (layer_table(result), mapping_panel(result))),
        Section("graph", "Layer graph", tuple(_graphs(result))),
        Section("provenance", "What the numbers rest on", tuple(_provenance(result))),
    )
    return Page(key, title or title_of(result), lead, sections, tuple(layer_names(result)))


def headline(result: Result) -> Facts:
    """Totals with units."""
    seconds, joule = result.seconds, result.energy_pj * 1e-12

    def rate(amount: float) -> float | None:
        return amount / seconds if seconds else None

    runs = "inferences" if len(result.models) == 1 else "runs of all networks"
    efficiency = 2 * result.macs / result.energy_pj if result.energy_pj else None
    area_mm2 = result.area_mm2 or None
    return Facts(
        (
            Fact("cycles", "Latency", Quantity(result.cycles, "cycles"), "clock cycles"),
            Fact("seconds", "Time", Quantity(seconds, "s"), "cycles through the clock"),
            Fact("energy", "Energy", Quantity(result.energy_pj, "pJ"), "off-chip memory included"),
            Fact("edp", "Energy-delay product", Quantity(joule * seconds, "J·s")),
            Fact("power", "Mean power", Quantity(rate(joule), "W")),
            Fact("throughput", "Throughput", Quantity(rate(1.0), "1/s"), runs),
            Fact("mac_rate", "Compute rate", Quantity(rate(result.macs), "MAC/s")),
            Fact(
                "efficiency", "Efficiency", Quantity(efficiency, "TOPS/W"), "2 operations per MAC"
            ),
            Fact("macs", "Work", Quantity(result.macs, "MAC"), "multiply-accumulates"),
            Fact(
                "utilization",
                "PE utilization",
                Quantity(result.utilization, "share"),
                "MAC per PE and cycle",
            ),
            Fact(
                "dram_bytes", "DRAM traffic", Quantity(result.dram_bytes, "B"), "read and written"
            ),
            Fact("area", "Area", Quantity(area_mm2, "mm²"), "on chip, without wiring"),
            Fact(
                "coverage",
                "Coverage",
                Quantity(result.coverage, "share"),
                "of output elements are modelled",
            ),
        )
    )


def _costs(result: Result) -> list[Block]:
    note = layer_bars.grouping_note(result)
    hint = "Drag to zoom, double-click to see all. A click chooses a layer. " + note
    return [
        Chart(
            "cycles", "Cycles by layer", lambda: layer_bars.cycles_figure(result), hint, zooms=True
        ),
        Chart(
            "energy", "Energy by layer", lambda: layer_bars.energy_figure(result), note, zooms=True
        ),
        Chart(
            "energy-parts",
            "Energy by part",
            lambda: energy_parts.energy_parts_figure(result),
            "Memories by operand; all else belongs to none.",
            wide=False,
        ),
        _energy_table(result),
    ]


def _energy_table(result: Result) -> Table:
    total = result.energy_pj
    rows = tuple(
        (part, picojoule, picojoule / total if total else None)
        for part, picojoule in by_part(result.energy_by_component).items()
    )
    columns = (Column("part", "part"), Column("energy_pj", "energy", "pJ"))
    return Table("energy-parts", "", (*columns, Column("share", "share", "share")), rows)


def _machine(result: Result) -> list[Block]:
    several = len(result.spec.sub_accelerators) > 1
    return [
        Chart(
            "roofline",
            "Roofline",
            lambda: roofline.roofline_figure(result),
            roofline.roofline_note(result),
            wide=False,
            zooms=True,
        ),
        Chart(
            "utilization",
            "Utilization over time",
            lambda: utilization.utilization_figure(result),
            "Multiply-accumulates per PE and cycle"
            + (", of each sub-accelerator's own PEs; " if several else "; ")
            + f"{percent(result.utilization)} over the whole run.",
            wide=False,
            zooms=True,
        ),
        Chart(
            "traffic",
            "Memory traffic",
            lambda: traffic.traffic_figure(result),
            "Bytes over the whole run, of all instances of a memory; the outermost on top. "
            "W weights, I inputs, O outputs and partial sums.",
            wide=False,
            least=500,
        ),
        *_space(result),
        *_memories(result),
    ]


def _space(result: Result) -> list[Block]:
    """What the design takes: of an FPGA its resources, else area."""
    device = result.spec.device
    if device is not None:
        fitted = [] if result.fit is None else [fit_notes(result.fit)]
        return [device_table(device), *fitted]
    return [
        Chart(
            "area",
            "Area by component",
            lambda: area.area_figure(result),
            "What is off chip has no area here." if result.area_mm2 else "No area is known.",
            wide=False,
        )
    ]


def _memories(result: Result) -> list[Block]:
    """The memories and their traffic as numbers."""
    known = {
        (array.name, memory.name): memory
        for array in result.spec.arrays
        for memory in array.memories
    }
    rows = []
    for sub, name, sizes in traffic_rows(result):
        memory = known.get((sub, name))
        rows.append(
            (
                f"{sub}.{name}",
                "" if memory is None else _size(memory.size_bits),
                None if memory is None else memory.instances,
                *(size or None for size in sizes),
            )
        )
    columns = (
        Column("memory", "memory"),
        Column("size", "size of one"),
        Column("instances", "instances"),
        *(Column(f"{operand}_{way}", f"{operand} {way}", "B") for operand, way in WAYS),
    )
    return [Table("memories", "Memories", columns, tuple(rows))]


def _size(bits: int | None) -> str:
    return "no bound" if bits is None else binary(bits / 8)


def _schedule(result: Result) -> list[Block]:
    blocks: list[Block] = [
        Chart(
            "gantt",
            "Who works when",
            lambda: schedule.schedule_figure(result),
            "Drag to zoom, double-click to see all; a click chooses a layer. Below: traffic of the "
            "DRAM" + (", the mean of each layer." if result.schedule is None else "."),
            zooms=True,
        )
    ]
    if result.schedule is not None:
        blocks.append(
            Table(
                "arrays",
                "",
                (Column("array", "sub-accelerator"), Column("busy", "busy", "share")),
                tuple(result.schedule.utilization.items()),
            )
        )
    return blocks


def layer_table(result: Result) -> Table:
    """Every layer with its costs."""
    columns = (
        Column("layer", "layer"),
        Column("op", "op"),
        Column("sub_accelerator", "on"),
        Column("dims", "dims"),
        Column("macs", "MACs"),
        Column("cycles", "cycles"),
        Column("share", "share", "share"),
        Column("utilization", "util", "share"),
        Column("bound", "bound by"),
        Column("dram_bytes", "DRAM", "B"),
        Column("energy_pj", "energy", "pJ"),
        Column("optimal", "proven best"),
    )
    total = result.cycles
    rows = tuple(
        (
            name,
            layer.op + "".join(f" + {op}" for op in layer.fused),
            layer.sub_accelerator,
            " ".join(f"{dim}{size}" for dim, size in layer.dims.items() if size > 1),
            layer.macs or None,
            layer.cycles,
            layer.cycles / total if total else None,
            layer.utilization if layer.macs else None,
            layer.bound.removeprefix("memory:"),
            layer.dram_bytes,
            layer.energy_pj,
            layer.optimal if layer.kind == "compute" else None,
        )
        for name, layer in zip(layer_names(result), result.layers, strict=True)
    )
    note = "share: of the cycles of the run. util: multiply-accumulates per PE and cycle."
    return Table("layers", "Layers", columns, rows, note, large=True, order="cycles")


def _graphs(result: Result) -> list[Block]:
    found: list[Block] = []
    for number, model in enumerate(result.models):
        order = layer_graph.graph_layers(result, model.name)
        known = any(result.layers[n].inputs for n in order)
        caption = f"{plural(len(order), 'layer')}, a row each; +N: operators fused into it."
        if not known:
            caption += " The file does not say which layer reads which."
        found.append(
            Chart(
                f"graph-{number + 1}",
                model.name,
                partial(layer_graph.layer_graph_figure, result, model.name),
                caption,
                wide=len(result.models) == 1,
                scrolled=True,
            )
        )
    return found


def _provenance(result: Result) -> list[Block]:
    gaps = tuple(
        not_modelled_lines([(model.name, model.not_modelled) for model in result.models])
    ) or ("Every operator of the network is modelled.",)
    sources = tuple(result.spec.sources.items()) or (("all", "the result names no source"),)
    return [
        Notes("not-modelled", "Not modelled (costs nothing above)", gaps),
        Notes("notes", "Assumptions and notes", tuple(dict.fromkeys(result_notes(result)))),
        Table(
            "sources",
            "Where energy and area come from",
            (Column("component", "component"), Column("source", "source")),
            sources,
        ),
    ]
