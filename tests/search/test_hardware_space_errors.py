"""What is wrong with a description of a hardware space: where, expected, found."""

from __future__ import annotations

import pytest

from chiploom.dataflows import SpecError
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec
from chiploom.search.hardware.space import Design, parse_space

from .hardware_descriptions import CHIP, refused, refused_sub


class TestErrors:
    def test_all_at_once_with_their_lines(self) -> None:
        found = refused(
            """
sub_accelerators:
  - name: a
    template: nvdla
    parameters:
      cbuf: {from: 8 KiB, to: 4 KiB, factor: 2}
      atomic_c: {any_of: []}
  - name: a
    template: nvdla
  - {name: b, like: d}
totals: {pes: none}
"""
        )
        assert [problem.split(": expected")[0] for problem in found] == [
            "chip.yaml:10: sub_accelerators[0].parameters.cbuf",
            "chip.yaml:11: sub_accelerators[0].parameters.atomic_c.any_of",
            # The first a is none, since its ranges are wrong.
            "chip.yaml:14: sub_accelerators[2].like",
            "chip.yaml:15: totals.pes",
        ]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "chip.yaml:1: expected a spec with `sub_accelerators`, a list"),
            ("sub_accelerators: nvdla", ": expected a spec with `sub_accelerators`"),
            (
                "sub_accelerators: [nvdla]",
                "sub_accelerators[0]: expected a mapping with `name`, found 'nvdla'",
            ),
            (
                "sub_accelerators: [{template: nvdla}]",
                "sub_accelerators[0]: expected a mapping with `name`",
            ),
            (
                "sub_accelerators: [{name: a, template: nvdla}, {name: a, template: nvdla}]",
                "sub_accelerators[1].name: expected every name once, found 'a' again",
            ),
            (
                "sub_accelerators: [{name: a, template: nvdla}]\ntotals: 5",
                "totals: expected `pes`, found 5; the DRAM's `bandwidth` is what its parts may",
            ),
            (
                "sub_accelerators: [{name: a, template: nvdla}]\ntotals: {area: 5}",
                "totals: expected `pes`, found {'area': 5}",
            ),
            (
                "sub_accelerators: [{name: a, template: nvdla}]\ntotals: {pes: 0}",
                "totals.pes: expected a whole number from 1, found 0",
            ),
            (
                "sub_accelerators: [{name: a, template: nvdla}]\ntotals: {pes: true}",
                "totals.pes: expected a whole number from 1, found True",
            ),
            (
                "sub_accelerators: [{name: a, template: nvdla, dram_bandwidth: 8 GB/s},"
                " {name: b, template: nvdla, any_of: [{dram_bandwidth: 8 GB/s}, {}]}]",
                "sub_accelerators[1]: expected `dram_bandwidth`, a part of the DRAM's bandwidth or "
                "a range of it, since there are several sub-accelerators; add it",
            ),
        ],
    )
    def test_of_the_whole(self, text: str, message: str) -> None:
        (problem,) = refused(text, CHIP if text else "a: 1")
        assert message in problem
        assert problem.startswith("chip.yaml:")

    @pytest.mark.parametrize("other", ["c", "b", "[a]", "5"])
    def test_like_needs_one_above(self, other: str) -> None:
        (problem,) = refused(
            f"sub_accelerators: [{{name: a, template: nvdla}}, {{name: b, like: {other}}}]"
        )
        assert "sub_accelerators[1].like: expected the name of a sub-accelerator above" in problem

    def test_like_takes_no_other_keys(self) -> None:
        for more in ("template: nvdla", "any_of: [{template: nvdla}]"):
            (problem,) = refused(
                f"sub_accelerators: [{{name: a, template: nvdla}}, {{name: b, like: a, {more}}}]"
            )
            assert "and nothing else, found 'a'" in problem

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("any_of: []", "sub_accelerators[0].any_of: expected a list of alternatives, found []"),
            ("any_of: nvdla", "expected a list of alternatives, found 'nvdla'"),
            ("any_of: [nvdla]", "expected a list of alternatives, found ['nvdla']"),
            ("template: nvdla, pes: 8", "expected `pes` and `shape` together"),
            ("template: nvdla, shape: [rows, columns]", "expected `pes` and `shape` together"),
            (
                "template: nvdla, pes: 8, shape: [rows]",
                "sub_accelerators[0].shape: expected the names of two parameters, found ['rows']",
            ),
            ("template: nvdla, pes: 8, shape: [1, 2]", "expected the names of two parameters"),
            (
                "template: nvdla, pes: {any_of: [0, 1]}, shape: [rows, columns]",
                "sub_accelerators[0].pes: expected whole numbers from 1",
            ),
            ("template: nvdla, pes: many, shape: [rows, columns]", "expected whole numbers from 1"),
            (
                "any_of: [{template: nvdla}, {pes: {from: 1, to: 0, step: 1}, shape: [a, b]}]",
                "sub_accelerators[0].any_of[1].pes: expected a range that goes up",
            ),
            (
                "x: {from: 1, to: 2000, step: 1}, y: {from: 1, to: 2000, step: 1}",
                "expected at most 1000000 combinations of values, found 4000000",
            ),
        ],
    )
    def test_of_a_sub_accelerator(self, text: str, message: str) -> None:
        assert message in refused_sub(text)

    def test_say_where_in_a_larger_document(self) -> None:
        text = "study:\n  hardware:\n    sub_accelerators: [{name: a, pes: 8}]\n"
        document = parse_document(text, "study.yaml")
        with pytest.raises(SpecError) as caught:
            parse_space(document, document.data["study"]["hardware"], ("study", "hardware"))
        (problem,) = caught.value.problems
        assert problem.startswith(
            "study.yaml:3: study.hardware.sub_accelerators[0]: expected `pes`"
        )


def test_a_description_without_ranges_is_one_design() -> None:
    text = CHIP + "sub_accelerators:\n  - {name: a, template: nvdla}\n"
    document = parse_document(text, "chip.yaml")
    found = parse_space(document, document.data)
    assert (found.size, found.values(Design(0, (0,)))) == (1, {"a": {"template": "nvdla"}})
    assert found.accelerator(Design(0, (0,)), "x") == parse_spec(document, "x")
