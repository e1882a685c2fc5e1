"""Multiply-accumulate units, registers and vector operations by bit width and node.

**aladdin**: at every node the source's integer units are exactly `m * w * i + a * p` for operands
of `w` and `i` bits and a `p` bit accumulator, in energy as in area and leakage; `m` and `a` are
solved from two of them, the others check it (in the tests). Between nodes the unit is interpolated
with both axes logarithmic.

**horowitz**: multiplier and adder at 45 nm, interpolated with both axes logarithmic over the width
(integers) or the width of the significand (floating point); a multiplier of `w x i` bits as a
square one of `sqrt(w * i)`. Other nodes by the factors of aladdin, leakage by area as aladdin's.

The sources differ: an 8-bit multiply-accumulate at 45 nm costs 1.03 pJ (16-bit accumulator) in one
and 0.23 pJ (8-bit adder) in the other. The spec chooses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from . import external
from .interpolation import log_log, outside, read_table

Source = Literal["aladdin", "horowitz", "hwcomponents"]
#: `float`: IEEE 754 binary16, 32 and 64, FP8 E4M3; `bfloat`: an exponent of 8 bits (bfloat16,
#: TF32, binary32).
Number = Literal["int", "float", "bfloat"]
Column = Literal["energy_pj", "area_um2", "leakage_mw"]
Operation = Literal["add", "multiply"]

HOROWITZ_NODE: Final = 45.0
ALADDIN: Final = "Aladdin-based library of hwcomponents"
HOROWITZ: Final = "Horowitz, ISSCC 2014 (45 nm)"
#: (bits, bits of the significand with the hidden one): E4M3, binary16, 32, 64.
SIGNIFICANDS: Final = ((8.0, 4.0), (16.0, 11.0), (32.0, 24.0), (64.0, 53.0))
#: Least width of a `bfloat`: sign, exponent and one bit of fraction.
LEAST_BFLOAT: Final = 10


@dataclass(frozen=True, slots=True)
class Unit:
    """An arithmetic unit: pJ per operation, mm², mW."""

    energy_pj: float
    area_mm2: float
    leakage_mw: float
    source: str


@dataclass(frozen=True, slots=True)
class Register:
    """Registers: pJ per bit read and written, mm² and mW per bit."""

    read_energy: float
    write_energy: float
    area_mm2: float
    leakage_mw: float
    source: str


# -- aladdin ---------------------------------------------------------------------------------------


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


def _node_note(node_nm: float) -> str:
    beyond = outside([node for node, _, _ in _mac_terms("energy_pj")], node_nm)
    return f", extrapolated to {node_nm:g} nm" if beyond else ""


# -- horowitz --------------------------------------------------------------------------------------


def significand(number: Number, bits: float) -> float:
    """Bits of the significand, the hidden one included; of an integer all bits."""
    if number == "int":
        return bits
    return bits - 8 if number == "bfloat" else log_log(SIGNIFICANDS, bits)


@lru_cache(maxsize=16)
def _horowitz_points(
    operation: Operation, number: Number, column: Column
) -> tuple[tuple[float, float], ...]:
    """(significand, figure at 45 nm)."""
    kind: Number = "int" if number == "int" else "float"
    return tuple(sorted(
        (significand(kind, float(row["width_bits"])), float(row[column]))
        for row in read_table("horowitz")
        if row["operation"] == operation and row["type"] == kind
    ))  # fmt: skip


@lru_cache(maxsize=512)
def horowitz(
    operation: Operation, number: Number, bits: tuple[int, ...], node_nm: float
) -> tuple[Unit, bool]:
    """An adder or multiplier, and whether its width is outside the source's.

    Args:
        bits: of the operands; their significands count with the geometric mean.
    """
    width = math.prod(significand(number, each) for each in bits) ** (1 / len(bits))
    energy = log_log(_horowitz_points(operation, number, "energy_pj"), width)
    points = _horowitz_points(operation, number, "area_um2")
    area = log_log(points, width) * node_factor("area_um2", node_nm)
    density = _aladdin("leakage_mw", node_nm, 8, 8, 16) / _aladdin("area_um2", node_nm, 8, 8, 16)
    unit = Unit(energy * node_factor("energy_pj", node_nm), area * 1e-6, area * density, HOROWITZ)
    return unit, outside([x for x, _ in points], round(width, 9))


def _horowitz_note(node_nm: float, beyond: dict[str, bool]) -> str:
    text = "" if node_nm == HOROWITZ_NODE else ", scaled by Aladdin's node factors"
    widths = [name for name, outside_source in beyond.items() if outside_source]
    if widths:
        text += f", extrapolated to {' and '.join(widths)}"
    return text + _node_note(node_nm)


# -- units -----------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def mac(
    node_nm: float, w: int, i: int, psum: int, source: Source = "aladdin", number: Number = "int"
) -> Unit:
    """A multiply-accumulate unit for operands of `w` and `i` bits with a `psum` bit accumulator.

    Floating point units come from horowitz whatever the source: the others have none.

    Raises:
        external.Unavailable, external.Refused: the source is hwcomponents, and has no answer.
    """
    widths = f"{number} {w}x{i}+{psum} bit at {node_nm:g} nm"
    if number != "int" or source == "horowitz":
        multiplier, beyond_w = horowitz("multiply", number, (w, i), node_nm)
        adder, beyond_psum = horowitz("add", number, (psum,), node_nm)
        note = _horowitz_note(node_nm, {f"{w}x{i} bit": beyond_w, f"{psum} bit sums": beyond_psum})
        return _both(multiplier, adder, f"{HOROWITZ}, {widths}{note}")
    if source == "hwcomponents":
        product, total = external.multiplier(node_nm, w, i), external.adder(node_nm, psum)
        return _both(_unit(product), _unit(total), f"{product.source}, {widths}")
    return Unit(
        _aladdin("energy_pj", node_nm, w, i, psum),
        _aladdin("area_um2", node_nm, w, i, psum) * 1e-6,
        _aladdin("leakage_mw", node_nm, w, i, psum),
        f"{ALADDIN}, {widths}{_node_note(node_nm)}",
    )


def _unit(of: external.Answer) -> Unit:
    energy, area, leakage = of.figures
    return Unit(energy, area * 1e-6, leakage, of.source)


def _both(multiplier: Unit, adder: Unit, source: str) -> Unit:
    return Unit(
        multiplier.energy_pj + adder.energy_pj,
        multiplier.area_mm2 + adder.area_mm2,
        multiplier.leakage_mw + adder.leakage_mw,
        source,
    )


@lru_cache(maxsize=64)
def register(node_nm: float, derive: Literal["tables", "hwcomponents"] = "tables") -> Register:
    """A register bit.

    Raises:
        external.Unavailable, external.Refused: `derive` is hwcomponents, and it has no answer.
    """
    if derive == "hwcomponents":
        of = external.register(node_nm)
        read, write, area, leakage = of.figures
        text = f"{of.source} at {node_nm:g} nm{'' if leakage else ', without leakage'}"
        return Register(read, write, area * 1e-6, leakage, text)
    rows = [row for row in read_table("aladdin") if row["component"] == "register"]
    energy, area, leakage = (
        log_log(sorted((float(row["node_nm"]), float(row[column]) / int(row["width_bits"]))
                       for row in rows), node_nm)
        for column in ("energy_pj", "area_um2", "leakage_mw")
    )  # fmt: skip
    text = f"{ALADDIN}, register at {node_nm:g} nm{_node_note(node_nm)}"
    return Register(energy, energy, area * 1e-6, leakage, text)


@lru_cache(maxsize=128)
def vector_lane(
    node_nm: float,
    bits: int,
    special_cycles: int,
    number: Number = "int",
    derive: Literal["tables", "hwcomponents"] = "tables",
) -> tuple[Unit, float]:
    """One lane of a vector unit, and pJ per special operation.

    A lane is a multiplier and an adder. A simple operation is half the time the one, half the time
    the other; a special operation (division, root, exponential) keeps multiplier and adder busy
    for all of its cycles, as Newton's or a polynomial's iterations do.

    Raises:
        external.Unavailable, external.Refused: `derive` is hwcomponents, and it has no answer.
    """
    text = f"{number} {bits} bit multiplier and adder at {node_nm:g} nm"
    if derive == "hwcomponents" and number == "int":
        product, total = external.multiplier(node_nm, bits, bits), external.adder(node_nm, bits)
        multiplier, adder = _unit(product), _unit(total)
        text = f"{product.source}, {text}"
    else:
        multiplier, beyond_w = horowitz("multiply", number, (bits, bits), node_nm)
        adder, beyond_a = horowitz("add", number, (bits,), node_nm)
        note = _horowitz_note(node_nm, {f"{bits} bit": beyond_w or beyond_a})
        text = f"{HOROWITZ}, {text}{note}"
    both = _both(multiplier, adder, text)
    lane = Unit(both.energy_pj / 2, both.area_mm2, both.leakage_mw, text)
    return lane, both.energy_pj * special_cycles
