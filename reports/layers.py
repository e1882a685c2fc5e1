"""The layers of a simulation as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from ..simulator.result import LayerResult, Result
from .energy import GROUPS, by_group
from .grid import Column, Grid, Row
from .text import compact_names
from .units import NONE, binary, count, energy, percent, plural

#: A network with more layers is shown by its costliest ones.
SHOW_ALL = 60
SHOW_TOP = 40

_COLUMNS = (
    Column("layer", left=True),
    Column("op", left=True, limit=12),
    Column("on", left=True, optional=3, limit=12),
    Column("dims", left=True, optional=6),
    Column("MACs"),
    Column("cycles"),
    Column("share", optional=5),
    Column("util"),
    Column("bound by", left=True, optional=1, limit=14),
    Column("DRAM", optional=2),
    Column("energy"),
    *(Column(heading, optional=4) for heading in ("MAC%", "chip%", "DRAM%", "vec%", "leak%")),
)

#: What the table does not say by itself.
LEGEND = (
    "+N: operators fused into the layer. util: multiply-accumulates per PE and cycle."
    " DRAM: bytes read and written."
)
LEGEND_SPLIT = (
    " MAC% to leak%: split of the energy; chip% is registers, buffers and the network between them."
)


def layer_grid(result: Result, top: int | None = None) -> Grid:
    """One row per layer, those of one network together, and the total at the end.

    Args:
        top: show this many layers of each network, most cycles first, and the others as a sum.
            None shows all up to `SHOW_ALL` layers, and `SHOW_TOP` of more.
    """
    if top is None and len(result.layers) > SHOW_ALL:
        top = SHOW_TOP
    rows: list[Row] = []
    order = {model.name: number for number, model in enumerate(result.models)}
    together = sorted(result.layers, key=lambda layer: order.get(layer.model, 0))  # stable
    for model, group in groupby(together, key=lambda layer: layer.model):
        layers = tuple(group)
        if len(result.models) > 1:
            rows.append(Row([model, *[""] * (len(_COLUMNS) - 1)], style="bold"))
        rows += _rows(layers, result.cycles, top)
        rows[-1] = replace(rows[-1], section=True)
    total = _sum_cells("total", result.layers, result.cycles, percent(result.utilization))
    if result.schedule is not None:  # layers run side by side, and the chip leaks once
        headers = [column.header for column in _COLUMNS]
        total[headers.index("cycles")] = count(result.cycles)
        total[headers.index("energy")] = energy(result.energy_pj)
    rows.append(Row(total, style="bold"))
    grid = Grid(_COLUMNS, rows)
    return grid if len(result.spec.sub_accelerators) > 1 else grid.without("on")


def _rows(layers: Sequence[LayerResult], cycles: int, top: int | None) -> Iterator[Row]:
    names = compact_names([(layer.name, layer.op) for layer in layers])
    shown, hidden = list(zip(names, layers, strict=True)), []
    if top is not None and top < len(layers):
        shown.sort(key=lambda item: -item[1].cycles)
        shown, hidden = shown[:top], shown[top:]
    for name, layer in shown:
        yield Row(_layer_cells(name, layer, cycles))
    if hidden:
        label = f"… {plural(len(hidden), 'more layer')}"
        rest = [layer for _, layer in hidden]
        yield Row(_sum_cells(label, rest, cycles), style="dim")


def _layer_cells(name: str, layer: LayerResult, total_cycles: int) -> list[str]:
    return [
        name,
        layer.op + (f" +{len(layer.fused)}" if layer.fused else ""),
        layer.sub_accelerator,
        _dims(layer.dims),
        *_costs(
            (layer,),
            total_cycles,
            utilization=percent(layer.utilization) if layer.macs else NONE,
            bound=layer.bound.removeprefix("memory:"),
        ),
    ]


def _sum_cells(
    label: str, layers: Sequence[LayerResult], total_cycles: int, utilization: str = ""
) -> list[str]:
    return [label, "", "", "", *_costs(layers, total_cycles, utilization, bound="")]


def _costs(
    layers: Sequence[LayerResult], total_cycles: int, utilization: str, bound: str
) -> list[str]:
    """The cells from `MACs` on: one layer, or several as a sum."""
    macs = sum(layer.macs for layer in layers)
    cycles = sum(layer.cycles for layer in layers)
    pj = sum(layer.energy_pj for layer in layers)
    parts = [by_group(layer.energy_by_component) for layer in layers]
    return [
        count(macs) if macs else NONE,
        count(cycles),
        percent(cycles / total_cycles) if total_cycles else NONE,
        utilization,
        bound,
        binary(sum(layer.dram_bytes for layer in layers)),
        energy(pj),
        *(
            percent(sum(part[group] for part in parts) / pj).rstrip("%") if pj else NONE
            for group in GROUPS
        ),
    ]


def _dims(dims: Mapping[str, int]) -> str:
    """Dims larger than 1: `K64 C3 OY112 OX112 FY7 FX7`."""
    return " ".join(f"{dim}{size}" for dim, size in dims.items() if size > 1)
