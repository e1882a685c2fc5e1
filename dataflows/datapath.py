"""Multiply-accumulate and vector units as a spec states them: pJ, mm², mW, and their sources."""

from __future__ import annotations

from dataclasses import dataclass

from .accelerator import Precision, VectorUnit
from .schema import Architecture, MacModel, TechnologyModel
from .stated import GIVEN, NOT_GIVEN, derived_by, either_source, given_sources, sources_of
from .technology import horowitz, mac, register, vector_lane


@dataclass(frozen=True, slots=True)
class MacUnit:
    """pJ per multiply-accumulate; mm² and mW of one unit; where they come from."""

    energy: float
    area: float
    leakage: float
    source: str


def mac_unit(stated: MacModel, precision: Precision, technology: TechnologyModel | None) -> MacUnit:
    """pJ, mm² and mW of one multiply-accumulate unit with the registers around it."""
    if technology is None:
        return MacUnit(
            stated.energy or 0.0,
            stated.area or 0.0,
            stated.leakage or 0.0,
            given_sources(stated),
        )
    if None not in (stated.energy, stated.area, stated.leakage):
        source = GIVEN
        energy = area = leakage = 0.0
    else:
        energy, area, leakage, source = _derived_mac(stated, precision, technology)
    return MacUnit(
        energy if stated.energy is None else stated.energy,
        area if stated.area is None else stated.area,
        leakage if stated.leakage is None else stated.leakage,
        sources_of(stated.source, [
            ("energy", source if stated.energy is None else GIVEN),
            ("area", source if stated.area is None else GIVEN),
            ("leakage", source if stated.leakage is None else GIVEN),
        ]),
    )  # fmt: skip


def _derived_mac(
    stated: MacModel, precision: Precision, technology: TechnologyModel
) -> tuple[float, float, float, str]:
    """(pJ, mm², mW) of the unit and its pipeline registers, and their source."""
    derive = derived_by(None, technology)
    source = stated.derive or technology.mac_source
    if source is None:
        source = "hwcomponents" if derive == "hwcomponents" else "aladdin"
    w, i = stated.factors.get("W", precision.W), stated.factors.get("I", precision.I)
    unit = mac(technology.node, w, i, precision.psum, source, stated.type)
    energy, area, leakage, text = unit.energy_pj, unit.area_mm2, unit.leakage_mw, unit.source
    if stated.registers:
        bit = register(technology.node, "hwcomponents" if source == "hwcomponents" else derive)
        energy += bit.write_energy * stated.registers
        area += bit.area_mm2 * stated.registers
        leakage += bit.leakage_mw * stated.registers
        text += f" + {stated.registers} bit written to pipeline registers ({bit.source})"
    energy *= stated.products
    if stated.products != 1:
        text += f", {stated.products:g} per multiply-accumulate of a layer"
    if stated.adds:
        adder, beyond = horowitz("add", stated.type, (precision.psum,), technology.node)
        energy += stated.adds * adder.energy_pj
        text += f" + {stated.adds:g} adders of {precision.psum} bit ({adder.source}"
        text += ", extrapolated)" if beyond else ")"
    return energy, area, leakage, text


def vector_unit(architecture: Architecture, technology: TechnologyModel | None) -> VectorUnit:
    """The vector unit: pJ per operation, mm² and mW of all lanes; its source says where neither
    spec nor technology gives a figure, which then is 0."""
    stated = architecture.vector
    simple, special = stated.simple_energy, stated.special_energy
    area, leakage, source = stated.area, stated.leakage, NOT_GIVEN
    if technology is not None and None in (simple, special, area, leakage):
        lane, special_pj = vector_lane(
            technology.node, architecture.precision.psum, stated.special_cycles,
            architecture.mac.type, derived_by(stated.derive, technology),
        )  # fmt: skip
        source = lane.source
        simple = lane.energy_pj if simple is None else simple
        special = special_pj if special is None else special
        area = lane.area_mm2 * stated.lanes if area is None else area
        leakage = lane.leakage_mw * stated.lanes if leakage is None else leakage
    return VectorUnit(
        lanes=stated.lanes,
        special_cycles=stated.special_cycles,
        simple_energy=simple or 0.0,
        special_energy=special or 0.0,
        area_mm2=area or 0.0,
        leakage_mw=leakage or 0.0,
        source=sources_of(stated.source, [
            ("energy", either_source(stated.simple_energy, stated.special_energy, source)),
            ("area", GIVEN if stated.area is not None else source),
            ("leakage", GIVEN if stated.leakage is not None else source),
        ]),
        pixels=stated.pixels,
        window_bits=stated.window,
    )  # fmt: skip
