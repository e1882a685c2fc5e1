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
    dram,
    dram_types,
    mac,
    node_factor,
    register,
    sram,
    vector_lane,
    wire_energy,
    wire_source,
)
from chiploom.dataflows.technology.arithmetic import significand
from chiploom.dataflows.technology.interpolation import log_log, read_table
from chiploom.dataflows.technology.sram import (
    BANK_KIB,
    FIGURES,
    Figure,
    Interpolation,
    interpolation,
    table,
)

NODES = (65, 45, 32, 28, 22, 16, 7)


# -- SRAM ------------------------------------------------------------------------------------------


def test_sram_equals_the_table_at_its_points() -> None:
    for bank in table():
        for figure in FIGURES:
            found = interpolation().figure(figure, bank.node_nm, bank.kib, bank.width_bits)
            assert found == pytest.approx(bank.figure(figure), rel=1e-12)
        macro = sram(bank.node_nm, round(bank.kib * 8192), round(bank.width_bits))
        assert macro.read_energy == pytest.approx(bank.read_pj / bank.width_bits)
        assert macro.area_mm2 == pytest.approx(bank.area_um2 * 1e-6)
        assert macro.access_ns == pytest.approx(bank.access_ns)
        assert "extrapolated" not in macro.source
        assert "banks" not in macro.source


def test_the_table_is_a_grid() -> None:
    """Every node has the same banks: 16 to 128 bit, up to 1 MiB in steps of 2."""
    grids = {
        node: {(bank.width_bits, bank.kib) for bank in table() if bank.node_nm == node}
        for node in NODES
    }
    assert len(table()) == 371 == 7 * len(grids[45])
    assert all(grid == grids[45] for grid in grids.values())
    for width in (16, 32, 64, 128):
        sizes = sorted(kib for bits, kib in grids[45] if bits == width)
        assert sizes[-1] == BANK_KIB
        assert all(high == 2 * low for low, high in pairwise(sizes))


def leave_one_out(figure: Figure, node: float) -> list[float]:
    """Relative errors of the interpolation at points that it was not given, ends excluded."""
    errors = []
    for bank in table():
        sizes = [b.kib for b in table() if (b.node_nm, b.width_bits) == (node, bank.width_bits)]
        if bank.node_nm == node and bank.kib not in (min(sizes), max(sizes)):
            rest = Interpolation(other for other in table() if other is not bank)
            guess = rest.figure(figure, node, bank.kib, bank.width_bits)
            errors.append(abs(guess / bank.figure(figure) - 1))
    return errors


#: Mean and worst error per node in percent, as docs/technology.md states them.
STATED: dict[Figure, dict[int, tuple[float, float]]] = {
    "read_pj": {65: (10.4, 24.6), 45: (9.9, 23.8), 32: (9.8, 23.3), 28: (8.8, 18.7),
                22: (9.7, 23.9), 16: (9.7, 23.9), 7: (9.7, 23.9)},
    "write_pj": {65: (5.8, 17.5), 45: (6.5, 18.2), 32: (5.0, 15.1), 28: (4.3, 15.3),
                 22: (5.4, 16.1), 16: (5.4, 16.1), 7: (5.4, 16.1)},
    "area_um2": {65: (3.7, 11.6), 45: (5.0, 11.9), 32: (5.7, 13.0), 28: (4.5, 11.9),
                 22: (5.6, 16.1), 16: (5.6, 16.1), 7: (5.6, 16.1)},
    "leakage_mw": {65: (5.0, 16.7), 45: (3.6, 15.1), 32: (4.4, 16.4), 28: (5.2, 17.6),
                   22: (5.6, 18.0), 16: (5.6, 18.0), 7: (5.6, 18.0)},
    "access_ns": {65: (4.9, 12.2), 45: (4.7, 11.6), 32: (4.4, 9.8), 28: (3.9, 9.2),
                  22: (4.7, 10.2), 16: (4.7, 10.2), 7: (4.7, 10.2)},
}  # fmt: skip


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("figure", sorted(STATED))
def test_leave_one_out_error_is_as_stated(figure: Figure, node: int) -> None:
    errors = [100 * error for error in leave_one_out(figure, node)]
    assert len(errors) == 45
    assert (mean(errors), max(errors)) == pytest.approx(STATED[figure][node], abs=0.06)


def test_the_document_states_the_same_errors() -> None:
    text = (Path(__file__).parents[2] / "docs" / "technology.md").read_text(encoding="utf-8")
    for node in NODES:
        cells = [f"{x:.1f} / {y:.1f}" for x, y in (STATED[f][node] for f in STATED)]
        assert f"| {node} | " + " | ".join(cells) + " |" in text


#: Mean and worst error in percent against CACTI itself at sizes and widths between the table's.
AGAINST_CACTI: dict[Figure, tuple[float, float]] = {
    "read_pj": (7.1, 22.1), "write_pj": (3.7, 18.0), "area_um2": (3.3, 11.1),
    "leakage_mw": (4.4, 20.7), "access_ns": (4.1, 11.7),
}  # fmt: skip


@pytest.mark.parametrize("figure", FIGURES)
def test_against_cacti_between_the_points(figure: Figure) -> None:
    text = (Path(__file__).parent / "cacti_points.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    assert len(rows) == 48
    errors = []
    for row in rows:
        at = (float(row["node_nm"]), float(row["kib"]), float(row["width_bits"]))
        assert at not in {(bank.node_nm, bank.kib, bank.width_bits) for bank in table()}
        errors.append(100 * abs(interpolation().figure(figure, *at) / float(row[figure]) - 1))
    assert (mean(errors), max(errors)) == pytest.approx(AGAINST_CACTI[figure], abs=0.06)
    document = (Path(__file__).parents[2] / "docs" / "technology.md").read_text(encoding="utf-8")
    average, worst = AGAINST_CACTI[figure]
    assert f"{average:.1f} / {worst:.1f}" in document


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
    assert "4 MiB x 128 bit at 28 nm, 4 banks" in deep.source
    odd = sram(28, 64 * 8192, 200)
    assert odd.wide == 2
    assert odd.read_energy * 200 == pytest.approx(2 * 100 * sram(28, 32 * 8192, 100).read_energy)


def test_what_is_not_cactis_own_is_marked() -> None:
    assert "extrapolated" not in sram(65, 2**20, 64).source
    assert "extrapolated to 90 nm" in sram(90, 2**20, 64).source
    assert "extrapolated to 5 nm" in sram(5, 2**20, 64).source
    assert "to 0.0625 KiB" in sram(22, 512, 16).source
    assert "to 0.25 KiB" in sram(22, 2048, 128).source  # 0.25 KiB is there, but not at 128 bit
    assert "to 8 bit words" in sram(22, 2**20, 8).source
    assert "scaled from 22 nm" in sram(7, 2**20, 64).source
    assert "scaled from 22 nm" in sram(14, 2**20, 64).source
    assert "interpolated between 22 and 32 nm" in sram(28, 2**20, 64).source
    assert "interpolated between 32 and 45 nm" in sram(40, 2**20, 64).source
    assert "interpolated" not in sram(22, 2**20, 64).source
    assert "extrapolated to 90 nm" in mac(90, 8, 8, 32).source
    assert "extrapolated to 5 nm" in register(5).source
    assert "extrapolated to 65 nm" in wire_source(65, 1)
    assert "extrapolated" not in wire_source(28, 1)


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
            assert bit.read_energy * 16 == pytest.approx(float(row["energy_pj"]))
            assert bit.write_energy == bit.read_energy
            assert bit.area_mm2 * 16e6 == pytest.approx(float(row["area_um2"]))
            assert bit.leakage_mw * 16 == pytest.approx(float(row["leakage_mw"]))


def test_registers_leak_as_aladdins_do() -> None:
    assert register(40).leakage_mw == pytest.approx(7.395312e-05)
    for node in (65, 28, 7):
        factor = mac(node, 8, 8, 16).leakage_mw / mac(40, 8, 8, 16).leakage_mw
        assert register(node).leakage_mw / register(40).leakage_mw == pytest.approx(factor)


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
    assert "extrapolated" not in half.source
    assert mac(45, 32, 32, 32, "horowitz", "float").energy_pj == pytest.approx(3.7 + 0.9)
    assert mac(45, 16, 16, 16, number="float").energy_pj == pytest.approx(1.1 + 0.4)


def test_formats_of_floating_point() -> None:
    assert [significand("float", bits) for bits in (8, 16, 32, 64)] == [4, 11, 24, 53]
    assert [significand("bfloat", bits) for bits in (16, 19, 32)] == [8, 11, 24]  # bf16, tf32, fp32
    assert significand("int", 8) == 8
    fp8, bf16, fp16, fp32 = (
        mac(45, bits, bits, 32, number=number)
        for number, bits in (("float", 8), ("bfloat", 16), ("float", 16), ("float", 32))
    )
    for small, large in pairwise((fp8, bf16, fp16, fp32)):
        assert small.energy_pj < large.energy_pj
        assert small.area_mm2 < large.area_mm2
        assert small.leakage_mw < large.leakage_mw
    assert "extrapolated to 8x8 bit" in fp8.source
    assert "extrapolated to 16x16 bit" in bf16.source
    assert mac(45, 32, 32, 32, number="bfloat").energy_pj == pytest.approx(fp32.energy_pj)
    tf32 = mac(45, 19, 19, 32, number="bfloat")
    assert tf32.energy_pj == pytest.approx(fp16.energy_pj)


def test_integers_of_any_width() -> None:
    four, eight, sixteen, wide = (mac(45, w, w, 32, "horowitz") for w in (4, 8, 16, 32))
    assert four.energy_pj < eight.energy_pj < sixteen.energy_pj < wide.energy_pj
    assert "extrapolated to 4x4 bit" in four.source
    assert "extrapolated" not in sixteen.source
    assert "extrapolated to 34 bit sums" in mac(45, 8, 8, 34, "horowitz").source
    mixed = mac(45, 4, 8, 32)
    assert mac(45, 4, 4, 32).energy_pj < mixed.energy_pj < mac(45, 8, 8, 32).energy_pj
    for node in (65, 28, 16, 7):
        assert mac(node, 4, 4, 16, "horowitz").leakage_mw > 0


def test_node_factors() -> None:
    assert node_factor("energy_pj", 45) == 1
    factors = [node_factor("energy_pj", node) for node in (65, 45, 40, 28, 16, 7)]
    assert all(newer < older for older, newer in pairwise(factors))


def test_vector_lane() -> None:
    lane, special = vector_lane(45, 32, 4)
    assert lane.energy_pj == pytest.approx((0.1 + 3.1) / 2)
    assert special == pytest.approx(4 * 3.2)
    assert lane.area_mm2 == pytest.approx((137 + 3495) * 1e-6)
    floating, _ = vector_lane(45, 32, 4, "float")
    assert floating.energy_pj == pytest.approx((0.9 + 3.7) / 2)


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
    assert dram("HBM2")[:2] == (6.25, 6.25)
    assert "hwcomponents' DRAM library" in dram("HBM2")[2]
    assert wire_energy(40) == pytest.approx(310 / 256 / 10)
    assert wire_energy(10) == pytest.approx(200 / 256 / 10)
    assert wire_energy(10) < wire_energy(28) < wire_energy(40) < wire_energy(65)


def test_log_log() -> None:
    points = [(1.0, 1.0), (10.0, 100.0), (100.0, 200.0)]
    assert log_log(points, 3.0) == pytest.approx(9)
    assert log_log(points, 0.1) == pytest.approx(0.01)
    assert log_log(points, 0.1, beyond=(0.0, 1.0)) == pytest.approx(0.1)
    assert log_log(points, 1000.0, beyond=(1.0, 2.0)) == pytest.approx(2000)
    assert log_log(points, 30.0, beyond=(5.0, 6.0)) == log_log(points, 30.0)
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
    assert len(rows) == 60
    banks = {(bank.node_nm, bank.kib, bank.width_bits): bank for bank in table()}
    for row in rows:
        bank = banks[float(row["node_nm"]), float(row["kb"]), float(row["width"])]
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
    known = {name: float(row["energy_pj_per_bit"]) for name, row in theirs.items()}
    # theirs has no DDR4: DDR3 scaled by the square of the supplies, 1.2 V over 1.5 V
    assert dram_types() == known | {"DDR4": pytest.approx(known["DDR3"] * (1.2 / 1.5) ** 2)}
    registers = [row for row in rows if row["component"] == "Register"]
    for row in registers:
        found = register(float(row["node_nm"])).read_energy * 16
        assert found == pytest.approx(float(row["energy_pj"]), rel=1e-9)
