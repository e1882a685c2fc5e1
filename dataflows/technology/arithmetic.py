"""Multiply-accumulate units, registers and vector operations by bit width and node.

**aladdin**: at every node the source's integer units are exactly `m * w * i + a * p` for operands
of `w` and `i` bits and a `p` bit accumulator, in energy as in area and leakage; `m` and `a` are
solved from two of them, the others check it (in the tests). Between nodes `m` and `a` are
interpolated with both axes logarithmic.

**horowitz**: multiplier and adder at 45 nm, interpolated over the width with both axes logarithmic
(a multiplier of `w x i` bits as a square one of `sqrt(w * i)`), brought to other nodes by the
factors of aladdin. Leakage is aladdin's.

The sources differ: an 8-bit multiply-accumulate at 45 nm costs 1.03 pJ (16-bit accumulator) in one
and 0.23 pJ (8-bit adder) in the other. The spec chooses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from .interpolation import log_log, outside, read_table

Source = Literal["aladdin", "horowitz"]
Number = Literal["int", "float"]
Column = Literal["energy_pj", "area_um2", "leakage_mw"]

HOROWITZ_NODE: Final = 45.0
_CITE: Final = {
    "aladdin": "Aladdin-based library of hwcomponents",
    "horowitz": "Horowitz, ISSCC 2014 (45 nm)",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """An arithmetic unit: pJ per operation, mm2, mW."""

    energy_pj: float
    area_mm2: float
    leakage_mw: float
    source: str


@dataclass(frozen=True, slots=True)
class Register:
    """Registers: pJ per bit read or written, mm2 per bit."""

    energy: float
    area_mm2: float
    source: str


@lru_cache(maxsize=8)
def _mac_terms(column: Column) -> tuple[tuple[float, float, float], ...]:
    """(node, m, a) of `m * w * i + a * p`, by rising node."""
    values = {
        (float(row["node_nm"]), int(row["width_bits"]), int(row["accumulator_bits"])): float(
            row[column]
        )
        for row in read_table("aladdin")
        if row["component"] == "mac"
    }
    terms = []
    for node in sorted({node for node, _, _ in values}):
        per_accumulator_bit = (values[node, 8, 32] - values[node, 8, 16]) / 16
        terms.append((node, (values[node, 8, 16] - 16 * per_accumulator_bit) / 64,
                      per_accumulator_bit))  # fmt: skip
    return tuple(terms)


@lru_cache(maxsize=512)
def _aladdin(column: Column, node_nm: float, w: int, i: int, psum: int) -> float:
    points = [(node, m * w * i + a * psum) for node, m, a in _mac_terms(column)]
    return log_log(points, node_nm)


def node_factor(column: Column, node_nm: float) -> float:
    """A figure at a node over the same at 45 nm, after aladdin's 8-bit unit."""
    return _aladdin(column, node_nm, 8, 8, 16) / _aladdin(column, HOROWITZ_NODE, 8, 8, 16)


@lru_cache(maxsize=512)
def horowitz(
    operation: Literal["add", "multiply"],
    number: Number,
    column: Literal["energy_pj", "area_um2"],
    bits: float,
    node_nm: float,
) -> float:
    """Energy (pJ) or area (um2) of an adder or multiplier."""
    points = sorted(
        (float(row["width_bits"]), float(row[column]))
        for row in read_table("horowitz")
        if row["operation"] == operation and row["type"] == number
    )
    return log_log(points, bits) * node_factor(column, node_nm)


@lru_cache(maxsize=512)
def mac(
    node_nm: float, w: int, i: int, psum: int, source: Source = "aladdin", number: Number = "int"
) -> Unit:
    """A multiply-accumulate unit for operands of `w` and `i` bits with a `psum` bit accumulator.

    Floating point units come from horowitz whatever the source: aladdin's library has none here.
    """
    used: Source = "horowitz" if number == "float" else source
    leakage = _aladdin("leakage_mw", node_nm, w, i, psum)
    if used == "aladdin":
        energy = _aladdin("energy_pj", node_nm, w, i, psum)
        area = _aladdin("area_um2", node_nm, w, i, psum)
    else:
        width = math.sqrt(w * i)
        energy, area = (
            horowitz("multiply", number, column, width, node_nm)
            + horowitz("add", number, column, psum, node_nm)
            for column in ("energy_pj", "area_um2")
        )
    text = f"{_CITE[used]}, {number} {w}x{i}+{psum} bit at {node_nm:g} nm"
    if used == "horowitz" and node_nm != HOROWITZ_NODE:
        text += ", scaled by Aladdin's node factors"
    if outside([(node, m) for node, m, _ in _mac_terms("energy_pj")], node_nm):
        text += f", extrapolated to {node_nm:g} nm"
    return Unit(energy, area * 1e-6, leakage, text)


@lru_cache(maxsize=64)
def register(node_nm: float) -> Register:
    """A register bit. The source gives one energy per access and no leakage."""
    rows = [row for row in read_table("aladdin") if row["component"] == "register"]
    energy, area = (
        sorted((float(row["node_nm"]), float(row[column]) / int(row["width_bits"])) for row in rows)
        for column in ("energy_pj", "area_um2")
    )
    text = f"{_CITE['aladdin']}, register at {node_nm:g} nm"
    if outside(energy, node_nm):
        text += f", extrapolated to {node_nm:g} nm"
    return Register(log_log(energy, node_nm), log_log(area, node_nm) * 1e-6, text)


@lru_cache(maxsize=128)
def vector_lane(node_nm: float, bits: int, special_cycles: int) -> tuple[Unit, float]:
    """One lane of a vector unit, and pJ per special operation.

    A lane is an integer multiplier and an adder. A simple operation is half the time the one, half
    the time the other; a special operation (division, root, exponential) keeps multiplier and
    adder busy for all of its cycles, as Newton's or a polynomial's iterations do.
    """
    add, multiply = (
        horowitz(operation, "int", "energy_pj", bits, node_nm) for operation in ("add", "multiply")
    )
    area = sum(
        horowitz(operation, "int", "area_um2", bits, node_nm) for operation in ("add", "multiply")
    )
    unit = mac(node_nm, bits, bits, bits)
    text = f"{_CITE['horowitz']}, {bits} bit multiplier and adder at {node_nm:g} nm"
    if node_nm != HOROWITZ_NODE:
        text += ", scaled by Aladdin's node factors"
    lane = Unit((add + multiply) / 2, area * 1e-6, unit.leakage_mw, text)
    return lane, (add + multiply) * special_cycles
