"""What ships with the program: dataflow templates and accelerators, listed or explained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ..dataflows import describe_template, load_spec, spec_names, template_names
from ..dataflows.accelerator import Accelerator, Memory, SubAccelerator
from .grid import listing
from .text import printable
from .units import binary, plural, si

SCHEMA: Final = "chiploom.dataflows/1"


def catalogue() -> dict[str, Any]:
    """Templates by name, and accelerators with their size, clock and templates."""
    specs = {name: load_spec(name) for name in spec_names()}
    return {
        "schema": SCHEMA,
        "templates": [{"name": name, "summary": _summary(name)} for name in template_names()],
        "specs": [
            {
                "name": name,
                "templates": sorted({sub.template for sub in spec.sub_accelerators}),
                "pes": sum(sub.pes for sub in spec.sub_accelerators),
                "clock_hz": spec.clock_hz,
                "description": " ".join(spec.description.split()),
            }
            for name, spec in specs.items()
        ],
    }


def explain(name: str) -> dict[str, Any]:
    """A template, a shipped accelerator, or both where they share the name."""
    texts = []
    is_spec = name in spec_names()
    if name in template_names() or not is_spec:
        texts.append(_description(name))
    if is_spec:
        texts.append(spec_text(load_spec(name)))
    return {"schema": SCHEMA, "name": name, "text": "\n\n".join(texts)}


def print_answer(answer: dict[str, Any], console: Console) -> None:
    """Print a `catalogue` as two tables, or an explanation as it is."""
    if "text" in answer:
        console.print(Text(answer["text"]))
        return
    templates = [(entry["name"], entry["summary"]) for entry in answer["templates"]]
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
    console.print(listing(("spec", "templates", "PEs", "clock", ""), specs))
    console.print(Text("\nchiploom dataflows NAME explains one.", style="dim"))


def spec_text(spec: Accelerator) -> str:
    """An accelerator with every parameter resolved, for a person."""
    node = f", {spec.node_nm:g} nm" if spec.node_nm else ""
    lines = [f"spec {spec.name}: {si(spec.clock_hz, 'Hz')}{node}"]
    lines += [line for line in (spec.description.strip(), spec.source.strip()) if line]
    for sub in spec.sub_accelerators:
        lines += ["", *_sub_lines(sub)]
    return "\n".join(map(printable, "\n".join(lines).splitlines()))


def _sub_lines(sub: SubAccelerator) -> Iterator[str]:
    shape = " x ".join(f"{axis.size} {axis.name}" for axis in sub.axes)
    bits = sub.precision
    yield f"{sub.name}: template {sub.template}, {plural(sub.pes, 'PE')} ({shape})"
    for axis in sub.axes:
        yield f"  {axis.name} unrolls {', '.join(axis.dims)}"
    yield f"  bits W {bits.W}, I {bits.I}, O {bits.O}, partial sums {bits.psum}"
    yield f"  MAC {sub.mac_energy:.3g} pJ; vector unit of {plural(sub.vector.lanes, 'lane')}"
    yield "  memories, innermost first:"
    for memory in sub.memories:
        yield f"    {_memory_line(sub, memory)}"


def _memory_line(sub: SubAccelerator, memory: Memory) -> str:
    if memory.size_bits is None:
        size = "unbounded"
    else:
        number = sub.instances(memory)
        size = f"{number} x " * (number > 1) + binary(memory.size_bits / 8)
    speeds = (memory.read_bandwidth, memory.write_bandwidth)
    read, write = (f"{speed:g}" if math.isfinite(speed) else "any" for speed in speeds)
    return (
        f"{memory.name} ({'/'.join(memory.operands)}): {size};"
        f" read {read}, write {write} bit/cycle;"
        f" {memory.read_energy:.3g} and {memory.write_energy:.3g} pJ/bit"
    )


def _description(name: str) -> str:
    return describe_template(name).strip()


def _summary(name: str) -> str:
    """The first line of a template's description."""
    return _description(name).splitlines()[0]
