"""What ships with the program: dataflow templates and accelerators, listed or explained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ..dataflows import (
    Accelerator,
    Memory,
    SubAccelerator,
    Template,
    is_template,
    load_spec,
    load_template,
    spec_names,
    template_names,
)
from ..dataflows.device import device_names, load_device
from ..dataflows.resources import LABELS
from ..frontend.errors import InputError
from .grid import listing
from .text import printable
from .units import binary, plural, si

SCHEMA: Final = "chiploom.dataflows/1"
PARALLEL: Final = " x "


def print_catalogue(console: Console) -> None:
    """Print the templates, and the accelerators with their size and clock."""
    answer = catalogue_json()
    templates = [(entry["name"], entry["title"]) for entry in answer["templates"]]
    specs = [
        (
            entry["name"],
            ", ".join(entry["templates"]),
            str(entry["pes"]),
            si(entry["clock_hz"], "Hz"),
            entry["description"],
        )
        for entry in answer["specs"]
    ]
    console.print(Text("Dataflow templates", style="bold"))
    console.print(listing(("template", ""), templates))
    console.print(Text("\nShipped accelerators, for --on", style="bold"))
    console.print(listing(("spec", "template", "PEs", "clock", ""), specs))
    console.print(Text("\nShipped FPGAs, for --device", style="bold"))
    devices = [
        (
            entry["name"],
            *(str(entry["resources"].get(each, 0)) for each in LABELS),
            si(entry["clock_hz"], "Hz"),
            entry["title"],
        )
        for entry in answer["devices"]
    ]
    console.print(listing(("device", *LABELS.values(), "clock", ""), devices))
    console.print(
        Text("\nchiploom dataflows NAME explains a template or an accelerator.", style="dim")
    )


def catalogue_json() -> dict[str, Any]:
    """Templates and shipped accelerators by name, each in a line."""
    specs = [load_spec(name) for name in spec_names()]
    templates = [load_template(name) for name in template_names()]
    return {
        "schema": SCHEMA,
        "templates": [{"name": each.name, "title": each.title} for each in templates],
        "specs": [
            {
                "name": spec.name,
                "templates": sorted({sub.template for sub in spec.sub_accelerators}),
                "pes": sum(sub.pes for sub in spec.sub_accelerators),
                "clock_hz": spec.clock_hz,
                "description": _one_line(spec.description),
            }
            for spec in specs
        ],
        "devices": [
            {
                "name": device.name,
                "title": device.title,
                "part": device.part,
                "resources": device.resources.to_json(),
                "clock_hz": device.clock_hz,
                "source": device.source,
            }
            for device in map(load_device, device_names())
        ],
    }


def explained(name: str) -> tuple[Template | None, Accelerator | None]:
    """The template and the accelerator of a name (some share it), or the one in a YAML file.

    Raises InputError where there is neither.
    """
    specs, templates = spec_names(), template_names()
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return (load_template(name), None) if is_template(name) else (None, load_spec(name))
    spec = load_spec(name) if name in specs else None
    if name in templates:
        return load_template(name), spec
    if spec is None:
        known = sorted({*templates, *specs})
        close = get_close_matches(name, known, n=1)
        guess = f"did you mean {close[0]}? " if close else ""
        raise InputError(
            f"{name}: no template, no shipped accelerator and no YAML file has this name; {guess}"
            f"there are {', '.join(known)}"
        )
    return None, spec


def print_explained(template: Template | None, spec: Accelerator | None, console: Console) -> None:
    """Print what `explained` found."""
    parts = [*(_template_parts(template) if template else ()), *(_spec_parts(spec) if spec else ())]
    for part in parts:
        console.print(part, crop=False)


def explained_json(template: Template | None, spec: Accelerator | None) -> dict[str, Any]:
    """What `explained` found, as JSON. Bandwidths without limit and unbounded sizes are null."""
    return {
        "schema": SCHEMA,
        "template": _template_json(template) if template else None,
        "spec": _spec_json(spec) if spec else None,
    }


def _template_parts(template: Template) -> Iterator[RenderableType]:
    yield Text(f"template {template.name}: {template.title}\n", style="bold")
    yield Text(_one_line(template.description) + "\n")
    yield Text(template.picture.rstrip() + "\n", no_wrap=True, overflow="ignore")
    rows = [
        (entry["name"], entry["default"], entry["legal"], entry["doc"])
        for entry in _template_json(template)["parameters"]
    ]
    if rows:
        yield listing(("parameter", "default", "legal", ""), rows, wrap=(1, 2))
    yield Text(f"\nSource: {_one_line(template.source)}\n", style="dim")


def _template_json(template: Template) -> dict[str, Any]:
    return {
        "name": template.name,
        "title": template.title,
        "description": _one_line(template.description),
        "picture": template.picture,
        "source": _one_line(template.source),
        "parameters": [
            {
                "name": parameter.name,
                "default": _default(parameter.default),
                "legal": parameter.legal(),
                "doc": _one_line(parameter.doc),
            }
            for parameter in template.parameters
        ],
    }


def _default(written: object) -> str:
    """`2 * rows` of `${2 * rows}`."""
    text = str(written)
    return text[2:-1] if text.startswith("${") and text.endswith("}") else text


def _spec_parts(spec: Accelerator) -> Iterator[RenderableType]:
    node = f", {spec.node_nm:g} nm" if spec.node_nm else ""
    yield Text(printable(f"spec {spec.name}: {si(spec.clock_hz, 'Hz')}{node}"), style="bold")
    for line in (spec.description, spec.source):
        if line:
            yield Text(_one_line(line))
    for sub in spec.sub_accelerators:
        yield Text(f"\n{printable(sub.name)}: {_array(sub)}")
        yield _memory_table(sub)


def _array(sub: SubAccelerator) -> str:
    axes = PARALLEL.join(f"{axis.size} {axis.name}" for axis in sub.axes)
    unrolls = "; ".join(f"{axis.name} unrolls {', '.join(axis.dims)}" for axis in sub.axes)
    bits = sub.precision
    template = "" if sub.template == "inline" else f"template {sub.template}, "
    return (
        f"{template}{plural(sub.pes, 'PE')} ({axes}); {unrolls}; bits W {bits.W}, I {bits.I},"
        f" O {bits.O}, partial sums {bits.psum}; {sub.mac_energy:.3g} pJ per MAC;"
        f" vector unit of {plural(sub.vector.lanes, 'lane')}\n"
    )


def _memory_table(sub: SubAccelerator) -> Table:
    """Memories, innermost first; bandwidths of one instance."""
    headers = ("memory", "holds", "size", "bit/cycle in, out", "pJ/bit in, out")
    rows = []
    for memory in sub.memories:
        speeds = f"{_speed(memory.write_bandwidth)}, {_speed(memory.read_bandwidth)}"
        rows.append(
            (
                memory.name,
                "/".join(memory.operands),
                _size(sub, memory),
                speeds + " (one port)" * memory.one_port,
                f"{memory.write_energy:.3g}, {memory.read_energy:.3g}",
            )
        )
    return listing(headers, rows)


def _size(sub: SubAccelerator, memory: Memory) -> str:
    if memory.size_bits is None:
        return "unbounded"
    number = sub.instances(memory)
    return (f"{number}{PARALLEL}" if number > 1 else "") + binary(memory.size_bits / 8)


def _speed(bits_per_cycle: float) -> str:
    return f"{bits_per_cycle:g}" if math.isfinite(bits_per_cycle) else "any"


def _spec_json(spec: Accelerator) -> dict[str, Any]:
    return {
        "name": spec.name,
        "description": _one_line(spec.description),
        "source": _one_line(spec.source),
        "clock_hz": spec.clock_hz,
        "node_nm": spec.node_nm,
        "sub_accelerators": [
            {
                "name": sub.name,
                "template": sub.template,
                "parameters": dict(sub.parameters),
                "axes": [
                    {"name": axis.name, "size": axis.size, "dims": list(axis.dims)}
                    for axis in sub.axes
                ],
                "mac_energy_pj": sub.mac_energy,
                "vector_lanes": sub.vector.lanes,
                "memories": [_memory_json(sub, memory) for memory in sub.memories],
            }
            for sub in spec.sub_accelerators
        ],
    }


def _memory_json(sub: SubAccelerator, memory: Memory) -> dict[str, Any]:
    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "name": memory.name,
        "operands": list(memory.operands),
        "instances": sub.instances(memory),
        "size_bits": memory.size_bits,
        "read_bits_per_cycle": finite(memory.read_bandwidth),
        "write_bits_per_cycle": finite(memory.write_bandwidth),
        "read_pj_per_bit": memory.read_energy,
        "write_pj_per_bit": memory.write_energy,
        "area_mm2": memory.area_mm2,
        "source": memory.source,
    }


def _one_line(text: str) -> str:
    return " ".join(printable(text.replace("\n", " ")).split())
