"""The analytic model against the execution of its own mappings: zoo x shipped accelerators."""

from __future__ import annotations

from pathlib import Path

from ...dataflows import load_spec, spec_names
from ...frontend import load_onnx
from ...frontend.errors import InputError
from ...frontend.zoo import names as zoo_names
from ..cache import MappingCache
from ..simulate import simulate
from .report import Case, Report


def run(path: Path | None = None) -> Report:
    """Both fidelities on every distinct compute layer of the zoo, by mappings of effort `fast`.

    Raises:
        InputError: a file is given: nothing here is read.
    """
    if path is not None:
        raise InputError("fidelity: expected no --data, the suite compares two models of its own")
    return Report(
        "fidelity",
        "cycles of the analytic model (published) and of its mappings executed (modelled)",
        "this project: both columns are its own",
        tuple(case for spec in lone_specs() for case in compare(spec, zoo_names())),
        ("every distinct loop nest of a network counts once",),
    )


def lone_specs() -> list[str]:
    """Shipped accelerators with one sub-accelerator: nothing is chosen between."""
    return [name for name in spec_names() if len(load_spec(name).sub_accelerators) == 1]


def compare(spec: str, networks: tuple[str, ...]) -> list[Case]:
    """One accelerator."""
    accelerator, cache = load_spec(spec), MappingCache(entries=100_000)
    found: dict[tuple[object, ...], Case] = {}
    for name in networks:
        graph = load_onnx(name)
        analytic = simulate(graph, accelerator, cache=cache, effort="fast")
        executed = simulate(graph, accelerator, fidelity="cycle", cache=cache, effort="fast")
        for one, other in zip(analytic.layers, executed.layers, strict=True):
            if one.kind == "compute":
                key = (*one.dims.values(), one.cycles, other.cycles)
                found.setdefault(
                    key,
                    Case(f"{name}: {one.name}", spec, float(one.cycles), float(other.cycles)),
                )
    return list(found.values())
