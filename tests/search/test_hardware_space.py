"""Hardware spaces: what a description spans, and that its options are the designs' arrays."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.dataflows import SpecError
from chiploom.search.hardware.options import Options, build_options
from chiploom.search.hardware.space import Design, HardwareSpace, squarest
from chiploom.simulator.rates import area_of, leakage_of

from .hardware_descriptions import CHIP, TWO, one, space


class TestShapes:
    @pytest.mark.parametrize(
        ("count", "shape"),
        [(1, (1, 1)), (2, (1, 2)), (12, (3, 4)), (36, (6, 6)), (37, (1, 37)), (4088, (56, 73))],
    )
    def test_squarest(self, count: int, shape: tuple[int, int]) -> None:
        assert squarest(count) == shape

    @given(st.integers(1, 5000))
    def test_no_other_factors_are_closer(self, count: int) -> None:
        small, large = squarest(count)
        assert small * large == count
        assert small <= large
        assert not any(count % n == 0 for n in range(small + 1, large) if n * n <= count)

    def test_the_array_has_the_shape_and_no_other_key(self) -> None:
        found = one("template: nvdla, pes: {any_of: [24, 7]}, shape: [atomic_k, atomic_c]")
        (alternative,) = found.subs[0].alternatives
        assert alternative.pes == ("atomic_k", "atomic_c")
        expected = {"template": "nvdla", "parameters": {"atomic_k": 4, "atomic_c": 6}}
        assert alternative.spec(0) == expected
        assert alternative.spec(1)["parameters"] == {"atomic_k": 1, "atomic_c": 7}
        (sub,) = found.accelerator(Design(0, (0,))).sub_accelerators
        assert [(axis.name, axis.size) for axis in sub.axes] == [("c", 6), ("k", 4)]

    def test_one_count_has_a_shape_too(self) -> None:
        found = one("template: nvdla, pes: 24, shape: [atomic_c, atomic_k]")
        assert found.size == 1
        parameters = {"atomic_c": 4, "atomic_k": 6}
        assert found.subs[0].alternatives[0].spec(0)["parameters"] == parameters


class TestOptions:
    def test_are_numbered_alternative_by_alternative(self) -> None:
        first = space(TWO).subs[0]
        assert [len(each) for each in first.alternatives] == [27, 9]
        assert (len(first), first.starts) == (36, (0, 27))
        assert first.place(26) == (first.alternatives[0], 26)
        assert first.place(27) == (first.alternatives[1], 0)
        places = [(each, number) for each in first.alternatives for number in range(len(each))]
        assert [first.place(option) for option in range(36)] == places

    def test_the_drams_part_changes_fastest(self) -> None:
        first = space(TWO).subs[0]
        names = [free.name for free in first.alternatives[0].free]
        assert names == ["pes", "parameters.cbuf", "dram_bandwidth"]
        assert first.values(0) == {
            "template": "nvdla", "pes": 16, "parameters.cbuf": "8 KiB", "dram_bandwidth": "8 GB/s",
        }  # fmt: skip
        assert [first.values(n)["dram_bandwidth"] for n in range(4)] == [
            "8 GB/s", "16 GB/s", "24 GB/s", "8 GB/s",
        ]  # fmt: skip
        assert first.values(3)["parameters.cbuf"] == "16 KiB"
        assert first.values(9)["pes"] == 32
        assert first.values(35) == {
            "template": "shidiannao", "pes": 48, "dram_bandwidth": "24 GB/s",
        }  # fmt: skip

    def test_alternatives_add_to_what_they_have_in_common(self) -> None:
        first, second = space(TWO).subs[0].alternatives
        assert first.spec(0)["parameters"] == {
            "psum_bits": "24 bit", "cbuf": "8 KiB", "atomic_c": 4, "atomic_k": 4,
        }  # fmt: skip
        assert second.spec(0)["parameters"] == {
            "psum_bits": "24 bit", "weight_bits": "8 bit", "input_bits": "8 bit",
            "output_bits": "8 bit", "rows": 4, "columns": 4,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("own", "values"),
        [
            ("pes: 64", (64,)),
            ("pes: {any_of: [9, 5]}", (9, 5)),
            ("pes: {from: 1, to: 3, step: 1}", (1, 2, 3)),
        ],
    )
    def test_alternatives_replace_ranges_that_they_have_in_common(
        self, own: str, values: tuple[int, ...]
    ) -> None:
        found = one(
            "template: nvdla, shape: [atomic_c, atomic_k], pes: {from: 8, to: 16, step: 8}, "
            f"any_of: [{{}}, {{{own}}}]"
        )
        first, second = found.subs[0].alternatives
        assert len(first) == 2
        sizes = [second.spec(n)["parameters"] for n in range(len(second))]
        assert [one["atomic_c"] * one["atomic_k"] for one in sizes] == list(values)

    def test_parameters_replace_a_range_of_the_common_ones(self) -> None:
        found = one(
            "template: nvdla, parameters: {cbuf: {any_of: [1 KiB, 2 KiB]}, atomic_c: 4}, "
            "any_of: [{parameters: {cbuf: 8 KiB}}, {parameters: {atomic_c: {any_of: [2, 3]}}}]"
        )
        first, second = found.subs[0].alternatives
        assert first.spec(0)["parameters"] == {"cbuf": "8 KiB", "atomic_c": 4}
        assert [second.spec(n)["parameters"] for n in range(4)] == [
            {"cbuf": cbuf, "atomic_c": c} for cbuf in ("1 KiB", "2 KiB") for c in (2, 3)
        ]

    def test_like_is_the_same(self) -> None:
        found = space(TWO)
        assert [sub.name for sub in found.subs] == ["a", "b", "c"]
        assert found.subs[1].alternatives is found.subs[0].alternatives

    def test_inline_architectures_have_options_too(self) -> None:
        memory = "{name: buffer, operands: W I O, size: {any_of: [1 KiB, 4 KiB]}, shared: all}"
        found = one(
            "axes: [{name: x, size: {any_of: [2, 3, 4]}, dims: K}], "
            f"memories: [{memory}], precision: {{W: 8 bit, I: 8 bit, O: 8 bit, psum: 16 bit}}, "
            "vector: {lanes: 4}"
        )
        assert found.subs[0].values(5) == {
            "template": "inline", "axes.0.size": 4, "memories.0.size": "4 KiB",
        }  # fmt: skip
        (sub,) = found.accelerator(Design(0, (4,))).sub_accelerators
        assert (sub.pes, sub.memories[0].size_bits) == (4, 8192)


class TestDesigns:
    def test_size_counts_all(self) -> None:
        found = space(TWO, CHIP.replace("500 MHz", "{any_of: [500 MHz, 1 GHz]}"))
        assert (found.chips, found.size, found.pes_total) == (2, 2 * 36 * 36 * 3, 100)

    def test_come_back_from_their_values(self) -> None:
        found = space(TWO, CHIP.replace("64 GB/s", "{from: 48 GB/s, to: 64 GB/s, step: 8 GB/s}"))
        for chip, a, b, c in itertools.product(range(3), (0, 5, 26, 27, 35), (1, 30), range(3)):
            design = Design(chip, (a, b, c))
            assert found.design(found.values(design)) == design

    def test_values_tell_alternatives_of_one_template_apart(self) -> None:
        found = one(
            "template: nvdla, shape: [atomic_c, atomic_k], "
            "any_of: [{pes: {any_of: [4, 8]}}, {pes: {any_of: [64, 32]}}]"
        )
        for option in range(4):
            design = Design(0, (option,))
            assert found.design(found.values(design)) == design

    def test_values_of_the_chip(self) -> None:
        text = CHIP.replace("500 MHz", "{any_of: [500 MHz, 1 GHz]}")
        found = space(TWO, text.replace("64 GB/s", "{any_of: [48 GB/s, 64 GB/s]}"))
        assert [free.name for free in found.free] == ["clock", "dram.bandwidth"]
        assert found.chip_values(2) == {"clock": "1 GHz", "dram.bandwidth": "48 GB/s"}
        assert found.values(Design(2, (0, 0, 1)))["clock"] == "1 GHz"
        assert found.values(Design(2, (0, 0, 1)))["c"] == {
            "template": "systolic-os", "parameters.rows": 16,
        }  # fmt: skip
        built = found.accelerator(Design(2, (0, 0, 1)), "chosen")
        assert (built.name, built.clock_hz) == ("chosen", 1e9)
        assert [sub.dram.read_bandwidth for sub in built.sub_accelerators] == [64, 64, 128]

    @pytest.mark.parametrize(
        "values",
        [
            {"a": {"template": "nvdla", "pes": 7}},
            {"a": {"template": "shidiannao", "pes": 8}},
            {"a": {"template": "nvdla"}},
            {"a": {"template": "nvdla", "pes": 8, "parameters.cbuf": 5}},
        ],
    )
    def test_values_that_there_are_not(self, values: dict[str, Any]) -> None:
        found = one("template: nvdla, shape: [atomic_c, atomic_k], pes: {any_of: [8, 16]}")
        assert found.design({"a": {"template": "nvdla", "pes": 16}}) == Design(0, (1,))
        with pytest.raises(ValueError, match="a: no alternative has"):
            found.design(values)

    def test_are_specs_of_their_own(self) -> None:
        found = space(TWO)
        design = Design(0, (4, 30, 2))
        spec = found.spec(design)
        assert set(spec) == {"technology", "clock", "dram", "sub_accelerators"}
        assert [sub["name"] for sub in spec["sub_accelerators"]] == ["a", "b", "c"]
        spec["sub_accelerators"][0]["parameters"]["cbuf"] = "changed"
        spec["dram"]["type"] = "changed"
        assert found.spec(design)["sub_accelerators"][0]["parameters"]["cbuf"] == "16 KiB"
        assert found.chip_spec(0)["dram"]["type"] == "LPDDR4"


def assert_options_are_designs(found: HardwareSpace, number: int, chip: int = 0) -> Options:
    """All that is known of options, against accelerators that are built one by one."""
    options = build_options(found, number, chip)
    sub = found.subs[number]
    places: dict[int, tuple[int, int]] = {}
    for which, group in enumerate(options.groups):
        assert len(group.rates) == len(group.options)
        places |= {int(option): (which, row) for row, option in enumerate(group.options)}
    assert sorted(places) == np.flatnonzero(options.legal).tolist()
    # With other sub-accelerators as small as they come, as parts of the DRAM go.
    rest = [min(range(len(s)), key=lambda o, s=s: _part(s.values(o))) for s in found.subs]
    for option in range(len(sub)):
        design = Design(chip, (*rest[:number], option, *rest[number + 1 :]))
        if option not in places:
            with pytest.raises(SpecError):
                found.accelerator(design)
            columns = (options.pes, options.bandwidth, options.area, options.leakage)
            assert [column[option] for column in columns] == [0, 0, 0, 0]
            continue
        built = found.accelerator(design)
        which, row = places[option]
        mine, rates = built.sub_accelerators[number], options.groups[which].rates
        assert options.groups[which].sub(row) == mine
        assert options.clock_hz == built.clock_hz
        for place, memory in enumerate(mine.memories):
            size = np.inf if memory.size_bits is None else memory.size_bits
            assert rates.size[row, place] == size
            for name in (
                "read_bandwidth", "write_bandwidth", "read_energy", "write_energy",
                "transfer_energy",
            ):  # fmt: skip
                assert getattr(rates, name)[row, place] == getattr(memory, name)
        assert rates.axes[row].tolist() == [axis.size for axis in mine.axes]
        assert rates.skew[row] == mine.skew.cycles
        assert rates.mac_energy[row] == mine.mac_energy
        vector = mine.vector
        assert (rates.lanes[row], rates.special_cycles[row]) == (
            vector.lanes,
            vector.special_cycles,
        )
        assert (rates.simple_energy[row], rates.special_energy[row]) == (
            vector.simple_energy, vector.special_energy,
        )  # fmt: skip
        assert options.pes[option] == rates.pes[row] == mine.pes
        assert options.area[option] == rates.area[row] == area_of(mine)
        leakage = leakage_of(mine) * 1e9 / built.clock_hz
        assert options.leakage[option] == rates.leakage[row] == leakage
        assert options.bandwidth[option] == mine.dram.read_bandwidth
        assert rates.sub.dram_reserved == mine.dram_reserved
        assert rates.sub.dram.one_port == mine.dram.one_port
    return options


def _part(values: dict[str, Any]) -> float:
    return float(str(values.get("dram_bandwidth", "0")).split()[0])


class TestBuiltOptions:
    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_are_the_designs_arrays(self, number: int) -> None:
        options = assert_options_are_designs(space(TWO), number)
        assert options.legal.all()
        assert options.refused == ""
        assert len(options.groups) == (1 if number == 2 else 2)
        assert options.dram_bandwidth == 64e9 * 8 / 500e6

    def test_of_every_chip(self) -> None:
        text = CHIP.replace("500 MHz", "{any_of: [500 MHz, 1 GHz]}")
        found = space(TWO, text.replace("LPDDR4", "{any_of: [LPDDR4, HBM2]}"))
        seen = set()
        for chip in range(4):
            options = assert_options_are_designs(found, 0, chip)
            seen.add((options.clock_hz, options.groups[0].rates.read_energy[0, -1]))
        assert len(seen) == 4

    def test_of_one_array_with_all_of_the_dram(self) -> None:
        found = one("template: row-stationary, parameters: {rows: {any_of: [1, 4]}, columns: 1}")
        options = assert_options_are_designs(found, 0)
        assert options.bandwidth.tolist() == [1024, 1024]
        assert not options.groups[0].rates.sub.dram_reserved
        # One PE shares nothing: another structure.
        assert len(options.groups) == 2

    def test_of_a_dram_with_a_port_each_way(self) -> None:
        chip = CHIP.replace("bandwidth: 64 GB/s", "read_bandwidth: 8 GB/s, write_bandwidth: 4 GB/s")
        options = assert_options_are_designs(one("template: nvdla", chip), 0)
        assert np.isinf(options.dram_bandwidth)

    def test_parts_that_are_not_a_range(self) -> None:
        found = one(
            "template: nvdla, dram_bandwidth: 8 GB/s, parameters: {cbuf: {any_of: [8 KiB]}}"
        )
        assert assert_options_are_designs(found, 0).bandwidth.tolist() == [128]

    def test_illegal_ones_are_left_out_and_one_reason_is_kept(self) -> None:
        found = one("template: nvdla, parameters: {atomic_c: {any_of: [0, 8, 2000, 16]}}")
        options = assert_options_are_designs(found, 0)
        assert options.legal.tolist() == [False, True, False, True]
        assert "parameters.atomic_c: expected" in options.refused
        assert "found 0" in options.refused

    def test_parts_beyond_the_dram_are_left_out(self) -> None:
        found = one(
            "template: nvdla, "
            "dram_bandwidth: {any_of: [100 GB/s, 8 GB/s, 64 GB/s, 0 GB/s]}, "
            "parameters: {atomic_c: {any_of: [4, 8]}}"
        )
        options = assert_options_are_designs(found, 0)
        assert options.legal.tolist() == [False, True, True, False] * 2
        assert options.refused == (
            "a: expected a `dram_bandwidth` above 0 and of at most 64 GB/s, all of the DRAM, "
            "found 1600 bit/cycle; change it"
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("template: nvdla, parameters: {atomic_c: {any_of: [0, -1]}}", "atomic_c: expected"),
            ("template: nvdla, dram_bandwidth: {any_of: [70 GB/s]}", "of at most 64 GB/s"),
            ("template: nvdla, dram_bandwidth: 70 GB/s", "at most 64 GB/s of the DRAM together"),
            ("template: nvidia", "expected a shipped template"),
            ("template: nvdla, dram_bandwidth: {any_of: [8 GB/s, much]}", "found 'much'"),
        ],
    )
    def test_not_one_is_legal(self, text: str, message: str) -> None:
        with pytest.raises(SpecError, match=message):
            build_options(one(text), 0)
