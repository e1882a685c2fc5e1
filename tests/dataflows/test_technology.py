"""The interpolation equals its tables at their points; its error between them is stated."""

from __future__ import annotations

import csv
import os
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.dataflows.technology import (
    dram_types,
    mac,
    node_factor,
    register,
    sram,
    vector_lane,
    wire_energy,
)
from chiploom.dataflows.technology.interpolation import log_log, read_table
from chiploom.dataflows.technology.sram import (
    BANK_KIB,
    FIGURES,
    Figure,
    Interpolation,
    interpolation,
    table,
)

NODES = (45, 32, 28, 22, 16, 7)


# -- SRAM ------------------------------------------------------------------------------------------


def test_sram_equals_the_table_at_its_points() -> None:
    for bank in table():
        for figure in FIGURES:
            found = interpolation().figure(figure, bank.node_nm, bank.kib, bank.width_bits)
            assert found == pytest.approx(bank.figure(figure), rel=1e-12)
        macro = sram(bank.node_nm, round(bank.kib * 8192), round(bank.width_bits))
        assert macro.read_energy == pytest.approx(bank.read_pj / bank.width_bits)
        assert macro.area_mm2 == pytest.approx(bank.area_um2 * 1e-6)
        assert "extrapolated" not in macro.source
        assert "banks" not in macro.source


def leave_one_out(figure: Figure, node: float) -> list[float]:
    """Relative errors of the interpolation at points that it was not given, ends excluded."""
    errors = []
    for bank in table():
        if bank.node_nm == node and bank.kib not in (0.5, BANK_KIB):
            rest = Interpolation(other for other in table() if other is not bank)
            guess = rest.figure(figure, node, bank.kib, bank.width_bits)
            errors.append(abs(guess / bank.figure(figure) - 1))
    return errors


#: Mean and worst error per node, as docs/technology.md states them.
STATED: dict[Figure, dict[int, tuple[float, float]]] = {
    "read_pj": {45: (0.150, 0.285), 32: (0.119, 0.204), 28: (0.118, 0.197), 22: (0.116, 0.183),
                16: (0.116, 0.183), 7: (0.116, 0.183)},
    "write_pj": {45: (0.094, 0.195), 32: (0.060, 0.177), 28: (0.058, 0.177), 22: (0.065, 0.179),
                 16: (0.065, 0.179), 7: (0.065, 0.179)},
    "area_um2": {45: (0.067, 0.157), 32: (0.092, 0.178), 28: (0.088, 0.178), 22: (0.090, 0.177),
                 16: (0.090, 0.177), 7: (0.090, 0.177)},
    "leakage_mw": {45: (0.046, 0.079), 32: (0.064, 0.087), 28: (0.075, 0.109), 22: (0.080, 0.122),
                   16: (0.080, 0.122), 7: (0.080, 0.122)},
}  # fmt: skip


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("figure", sorted(STATED))
def test_leave_one_out_error_is_as_stated(figure: Figure, node: int) -> None:
    errors = leave_one_out(figure, node)
    assert len(errors) == 6
    assert (mean(errors), max(errors)) == pytest.approx(STATED[figure][node], abs=6e-4)


def test_the_document_states_the_same_errors() -> None:
    text = (Path(__file__).parents[2] / "docs" / "technology.md").read_text(encoding="utf-8")
    for node in NODES:
        cells = [f"{100 * x:.1f} / {100 * y:.1f}" for x, y in (STATED[f][node] for f in STATED)]
        assert f"| {node} | " + " | ".join(cells) + " |" in text


@given(
    st.integers(min_value=64, max_value=2**31),
    st.integers(min_value=1, max_value=4096),
    st.floats(min_value=5, max_value=130),
)
def test_sram_is_positive_everywhere(size: int, width: int, node: float) -> None:
    macro = sram(node, size, min(width, size))
    for value in (macro.read_energy, macro.write_energy, macro.area_mm2, macro.leakage_mw):
        assert 0 < value < float("inf")


@given(st.sampled_from(NODES), st.integers(min_value=12, max_value=30))
def test_a_larger_sram_costs_more(node: int, power: int) -> None:
    small, large = sram(node, 2**power, 64), sram(node, 2 ** (power + 1), 64)
    assert large.area_mm2 > small.area_mm2
    assert large.leakage_mw > small.leakage_mw
    assert large.read_energy > small.read_energy


def test_large_and_wide_srams_are_banks() -> None:
    wide = sram(28, 64 * 8192, 512)
    assert (wide.wide, wide.deep) == (4, 1)
    assert wide.read_energy == pytest.approx(sram(28, 16 * 8192, 128).read_energy)
    deep = sram(28, 4 * 2**20 * 8, 128)
    assert (deep.wide, deep.deep) == (1, 4)
    one = sram(28, 2**20 * 8, 128)
    assert deep.area_mm2 == pytest.approx(4 * one.area_mm2)
    assert deep.read_energy - one.read_energy == pytest.approx(
        wire_energy(28) * deep.area_mm2**0.5 / 2
    )
    assert deep.source.endswith("4 banks")


def test_extrapolation_is_marked() -> None:
    assert "extrapolated to 65 nm" in sram(65, 2**20, 64).source
    assert "to 0.25 KiB" in sram(28, 2048, 64).source
    assert "to 16 bit words" in sram(28, 2**20, 16).source
    assert "extrapolated to 90 nm" in mac(90, 8, 8, 32).source
    assert "extrapolated to 5 nm" in register(5).source


# -- arithmetic ------------------------------------------------------------------------------------


def test_mac_equals_the_table_at_every_point() -> None:
    rows = [row for row in read_table("aladdin") if row["component"] == "mac"]
    assert len(rows) == 24
    for row in rows:
        width, psum = int(row["width_bits"]), int(row["accumulator_bits"])
        unit = mac(float(row["node_nm"]), width, width, psum)
        assert unit.energy_pj == pytest.approx(float(row["energy_pj"]), rel=1e-6)
        assert unit.area_mm2 == pytest.approx(float(row["area_um2"]) * 1e-6, rel=1e-6)
        assert unit.leakage_mw == pytest.approx(float(row["leakage_mw"]), rel=1e-6)


def test_register_equals_the_table() -> None:
    for row in read_table("aladdin"):
        if row["component"] == "register":
            bit = register(float(row["node_nm"]))
            assert bit.energy * 16 == pytest.approx(float(row["energy_pj"]))
            assert bit.area_mm2 * 16e6 == pytest.approx(float(row["area_um2"]))


def test_the_sources_differ_as_documented() -> None:
    assert mac(45, 8, 8, 16, "aladdin").energy_pj == pytest.approx(1.033, abs=1e-3)
    assert mac(45, 8, 8, 8, "horowitz").energy_pj == pytest.approx(0.23)
    assert mac(45, 32, 32, 32, "horowitz").energy_pj == pytest.approx(3.2)
    assert "Horowitz" in mac(45, 8, 8, 8, "horowitz").source


def test_floating_point() -> None:
    half = mac(45, 16, 16, 32, number="float")
    assert half.energy_pj == pytest.approx(1.1 + 0.9)
    assert half.area_mm2 == pytest.approx((1640 + 4184) * 1e-6)
    assert "Horowitz" in half.source
    assert mac(45, 32, 32, 32, "horowitz", "float").energy_pj == pytest.approx(3.7 + 0.9)


def test_node_factors() -> None:
    assert node_factor("energy_pj", 45) == 1
    factors = [node_factor("energy_pj", node) for node in (65, 45, 40, 28, 16, 7)]
    assert all(newer < older for older, newer in pairwise(factors))


def test_vector_lane() -> None:
    lane, special = vector_lane(45, 32, 4)
    assert lane.energy_pj == pytest.approx((0.1 + 3.1) / 2)
    assert special == pytest.approx(4 * 3.2)
    assert lane.area_mm2 == pytest.approx((137 + 3495) * 1e-6)


@given(
    st.sampled_from([4, 8, 12, 16, 24, 32]),
    st.sampled_from([4, 8, 12, 16, 24, 32]),
    st.sampled_from(["aladdin", "horowitz"]),
    st.floats(min_value=7, max_value=65),
)
def test_wider_macs_cost_more(narrow: int, other: int, source: str, node: float) -> None:
    low, high = sorted((narrow, other))
    small, large = (mac(node, w, w, 32, source) for w in (low, high))  # type: ignore[arg-type]
    assert small.energy_pj <= large.energy_pj
    assert small.area_mm2 <= large.area_mm2


def test_other_tables() -> None:
    assert dram_types()["LPDDR4"] == 8
    assert dram_types()["DDR3"] == 70
    assert wire_energy(40) == pytest.approx(310 / 256 / 10)


def test_log_log() -> None:
    points = [(1.0, 1.0), (10.0, 100.0), (100.0, 200.0)]
    assert log_log(points, 3.0) == pytest.approx(9)
    assert log_log(points, 0.1) == pytest.approx(0.01)
    assert log_log(points, 0.1, most=1.0) == pytest.approx(0.1)
    assert log_log(points, 100.0) == 200
    assert log_log(points[:1], 55.0) == 1


# -- the tables themselves -------------------------------------------------------------------------


def shared(name: str) -> list[dict[str, str]]:
    folder = Path(os.environ.get("CHIPLOOM_SHARED", Path(__file__).parents[3] / "shared"))
    path = folder / "references" / name
    if not path.is_file():
        pytest.skip(f"needs the reference figures in {path}")
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_shipped_sram_figures_equal_the_reference() -> None:
    rows = shared("cacti_sram.csv")
    assert len(rows) == len(table())
    for row, bank in zip(rows, table(), strict=True):
        assert (bank.node_nm, bank.kib, bank.width_bits) == (
            float(row["node_nm"]),
            float(row["kb"]),
            float(row["width"]),
        )
        for ours, theirs in (
            ("read_pj", "read_pj"),
            ("write_pj", "write_pj"),
            ("area_um2", "area_um2"),
            ("leakage_mw", "leak_mw"),
            ("access_ns", "access_ns"),
        ):
            assert getattr(bank, ours) == pytest.approx(float(row[theirs]), rel=1e-9)


def test_shipped_components_equal_the_reference() -> None:
    rows = shared("components.csv")
    theirs = {row["component"]: row for row in rows if row["energy_pj_per_bit"]}
    assert dram_types() == {name: float(row["energy_pj_per_bit"]) for name, row in theirs.items()}
    registers = [row for row in rows if row["component"] == "Register"]
    for row in registers:
        found = register(float(row["node_nm"])).energy * 16
        assert found == pytest.approx(float(row["energy_pj"]), rel=1e-9)
