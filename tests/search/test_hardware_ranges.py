"""Ranges in descriptions of hardware: their values, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.dataflows.document import Where, parse_document
from chiploom.search.hardware.ranges import MOST, Free, find_ranges, is_range


class TestRanges:
    @pytest.mark.parametrize(
        ("written", "values"),
        [
            ("{from: 8, to: 64, step: 8}", (8, 16, 24, 32, 40, 48, 56, 64)),
            ("{from: 8, to: 30, step: 8}", (8, 16, 24)),
            ("{from: 5, to: 5, step: 2}", (5,)),
            ("{from: 0.1, to: 0.3, step: 0.1}", (0.1, 0.2, 0.3)),
            ("{from: 0.5, to: 2, step: 0.5}", (0.5, 1, 1.5, 2)),
            ("{from: 1, to: 1000, factor: 10}", (1, 10, 100, 1000)),
            ("{from: 3, to: 13, factor: 2}", (3, 6, 12)),
            ("{from: 1, to: 2, factor: 1.5}", (1, 1.5)),
            ("{from: 8 KiB, to: 64 KiB, factor: 2}", ("8 KiB", "16 KiB", "32 KiB", "64 KiB")),
            ("{from: 8 GB/s, to: 24 GB/s, step: 8 GB/s}", ("8 GB/s", "16 GB/s", "24 GB/s")),
            ("{from: 0.5 MiB, to: 1 MiB, step: 0.25 MiB}", ("0.5 MiB", "0.75 MiB", "1 MiB")),
            ("{any_of: [8, 3, 64]}", (8, 3, 64)),
            ("{any_of: [W I, I]}", ("W I", "I")),
        ],
    )
    def test_values(self, written: str, values: tuple[Any, ...]) -> None:
        data = parse_document(f"a: {{b: [1, {written}]}}", "x.yaml").data
        problems: list[str] = []
        (free,) = find_ranges(data, lambda where, message: problems.append(message))
        assert not problems
        assert (free.where, free.name) == (("a", "b", 1), "a.b.1")
        assert free.values == values
        assert [type(value) for value in free.values] == [type(value) for value in values]

    @given(st.integers(1, 500), st.integers(1, 40), st.integers(0, 60))
    def test_steps_reach_their_end(self, low: int, step: int, count: int) -> None:
        """In tenths: 0.1 has no exact number."""
        written = {"from": low / 10, "to": (low + step * count) / 10, "step": step / 10}
        (free,) = find_ranges(written, lambda *_: None)
        assert free.values == pytest.approx([(low + step * n) / 10 for n in range(count + 1)])

    @given(st.integers(1, 9), st.sampled_from([1.1, 1.5, 2, 3, 10]), st.integers(0, 12))
    def test_factors_reach_their_end(self, low: int, factor: float, count: int) -> None:
        written = {"from": low, "to": low * factor**count, "factor": factor}
        (free,) = find_ranges(written, lambda *_: None)
        assert len(free.values) == count + 1
        assert free.values[-1] == pytest.approx(low * factor**count)

    def test_in_the_descriptions_order(self) -> None:
        text = "{a: {any_of: [1]}, b: [{c: {any_of: [2]}}, 3], d: {from: 1, to: 1, step: 1}}"
        data = parse_document(text, "x.yaml").data
        found = list(find_ranges(data, lambda *_: None))
        assert found == [
            Free(("a",), (1,)),
            Free(("b", 0, "c"), (2,)),
            Free(("d",), (1,)),
        ]

    @pytest.mark.parametrize(
        "value", [{}, {"from": 1}, {"from": 1, "to": 2, "name": 3}, {"any_of": [1], "x": 1}, 5, "a"]
    )
    def test_other_mappings_are_none(self, value: object) -> None:
        assert not is_range(value)

    @pytest.mark.parametrize(
        ("written", "place", "message"),
        [
            ("{any_of: []}", ("x", "any_of"), "expected a list of distinct values, found []"),
            ("{any_of: [1, 2, 1]}", ("x", "any_of"), "expected a list of distinct values"),
            ("{any_of: [[1], 2]}", ("x", "any_of"), "expected a list of distinct values"),
            ("{any_of: 3}", ("x", "any_of"), "expected a list of distinct values, found 3"),
            ("{from: a, to: 4, step: 1}", ("x", "from"), "expected a number, found 'a'"),
            ("{from: true, to: 4, step: 1}", ("x", "from"), "expected a number, found True"),
            ("{from: 1.2.3, to: 4, step: 1}", ("x", "from"), "expected a number, found '1.2.3'"),
            ("{from: 1, to: [4], step: 1}", ("x", "to"), "expected a number, found [4]"),
            ("{from: 1, to: 4}", ("x",), "expected `from` and `to`, with `step` (of one unit"),
            ("{from: 1, to: 4, step: 1, factor: 2}", ("x",), "expected `from` and `to`, with"),
            ("{from: 1 KiB, to: 4 KB, step: 1 KiB}", ("x",), "expected `from` and `to`, with"),
            ("{from: 1 KiB, to: 4 KiB, step: 1}", ("x",), "expected `from` and `to`, with"),
            ("{from: 4, to: 1, step: 1}", ("x",), f"goes up, of at most {MOST} values, found"),
            ("{from: 1, to: 4, step: 0}", ("x",), "expected a range that goes up"),
            ("{from: 1, to: 4, step: -1}", ("x",), "expected a range that goes up"),
            ("{from: 1, to: 4, factor: 1}", ("x",), "expected a range that goes up"),
            ("{from: 0, to: 4, factor: 2}", ("x",), "expected a range that goes up"),
            ("{from: 4, to: 1, factor: 2}", ("x",), "expected a range that goes up"),
            ("{from: 0, to: 200000, step: 1}", ("x",), "expected a range that goes up"),
        ],
    )
    def test_what_is_wrong(self, written: str, place: Where, message: str) -> None:
        data = parse_document(f"x: {written}", "x.yaml").data
        problems: list[tuple[Where, str]] = []
        assert not list(find_ranges(data, lambda *problem: problems.append(problem)))
        ((where, found),) = problems
        assert where == place
        assert message in found
