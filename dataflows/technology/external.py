"""Figures asked of the optional package `hwcomponents` (extra `chiploom[hwcomponents]`).

It and its model packages (CACTI, the Aladdin-based library) are imported on first use. Their units
are metres, joules, watts, square metres; ours pJ, um2, mW.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module, metadata
from typing import Any, Final

EXTRA: Final = "chiploom[hwcomponents]"
#: The oldest Python that hwcomponents runs on.
NEEDS: Final = (3, 12)


class Unavailable(Exception):
    """The package is not installed; the message says what to install."""


class Refused(Exception):
    """The package has no figures for a component; the message says which, and its reason."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Figures of a component in the order that the function's docstring gives."""

    figures: tuple[float, ...]
    source: str


@lru_cache(maxsize=1)
def find_package() -> Any:
    """The package.

    Raises:
        Unavailable: it cannot be imported.
    """
    try:
        return import_module("hwcomponents")
    except ImportError as error:
        old = "" if sys.version_info >= NEEDS else " with Python 3.12 or newer, which it needs"
        raise Unavailable(
            "expected the package `hwcomponents`, which is not installed; "
            f"`pip install '{EXTRA}'`{old}, or derive from `tables`"
        ) from error


@lru_cache(maxsize=4096)
def sram(node_nm: float, kib: float, width_bits: float) -> Answer:
    """pJ read, pJ written (per word), um2, mW, ns of access of one bank."""
    model = _model("SRAM", tech_node=node_nm * 1e-9, width=round(width_bits),
                   size=round(kib * 8192))  # fmt: skip
    read, write = _cost(model, "read"), _cost(model, "write")
    return Answer(
        (read.energy * 1e12, write.energy * 1e12, model.area * 1e12, model.leak_power * 1e3,
         read.latency * 1e9),
        _cite(model),
    )  # fmt: skip


@lru_cache(maxsize=64)
def register(node_nm: float) -> Answer:
    """pJ read, pJ written, um2, mW of one bit."""
    model = _model("Register", tech_node=node_nm * 1e-9, width=1)
    return Answer(
        (_cost(model, "read").energy * 1e12, _cost(model, "write").energy * 1e12,
         model.area * 1e12, model.leak_power * 1e3),
        _cite(model),
    )  # fmt: skip


@lru_cache(maxsize=512)
def multiplier(node_nm: float, w: int, i: int) -> Answer:
    """pJ, um2, mW of an integer multiplier."""
    return _operator("Multiplier", node_nm, width_a=w, width_b=i)


@lru_cache(maxsize=512)
def adder(node_nm: float, bits: int) -> Answer:
    """pJ, um2, mW of an integer adder."""
    return _operator("Adder", node_nm, width=bits)


@lru_cache(maxsize=16)
def dram(name: str, width_bits: int) -> Answer:
    """pJ per bit read and written of a memory of a type."""
    model = _model(name, width=width_bits)
    energies = (_cost(model, action).energy * 1e12 / width_bits for action in ("read", "write"))
    return Answer(tuple(energies), _cite(model))


def _operator(name: str, node_nm: float, **widths: int) -> Answer:
    model = _model(name, tech_node=node_nm * 1e-9, **widths)
    return Answer(
        (_cost(model, "read").energy * 1e12, model.area * 1e12, model.leak_power * 1e3),
        _cite(model),
    )


def _model(name: str, **attributes: float) -> Any:
    """The package's best model of a component."""
    known = find_package()
    try:
        return known.get_model(name, attributes, ["read"])
    except Exception as error:  # its models raise anything, Exception itself included
        said = ", ".join(f"{key} {value:g}" for key, value in attributes.items())
        raise Refused(
            f"hwcomponents has no figures for {name} ({said}): {_reason(error)}; give the numbers "
            "in the spec, or derive from `tables`"
        ) from error


def _cost(model: Any, action: str) -> Any:
    try:
        return getattr(model, action)()
    except Exception as error:  # as above
        raise Refused(
            f"hwcomponents failed to {action} {type(model).__name__}: {_reason(error)}; give the "
            "numbers in the spec, or derive from `tables`"
        ) from error


def _reason(error: Exception) -> str:
    """The line of a message that names an error, or its last one."""
    lines = [line.strip(" |\t") for line in str(error).splitlines() if line.strip(" |\t")]
    if not lines:
        return type(error).__name__
    return next((line for line in lines if "Error:" in line or "Exception:" in line), lines[-1])


def _cite(model: Any) -> str:
    """`hwcomponents 1.0.114 (hwcomponents_cacti.SRAM)`."""
    try:
        version = f" {metadata.version('hwcomponents')}"
    except metadata.PackageNotFoundError:
        version = ""
    module = type(model).__module__.split(".")[0]
    return f"hwcomponents{version} ({module}.{type(model).__name__})"
