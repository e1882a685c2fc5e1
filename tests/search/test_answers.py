"""Pareto fronts, hypervolume and tables of designs."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.frontend import InputError
from chiploom.search.answers import METRICS, export, hypervolume_over_time, pareto_front
from chiploom.search.designs import EvaluatedDesign, canonical_json


def design(
    number: int,
    accuracy: float | None = 0.5,
    cycles: int = 100,
    energy: float = 10.0,
    area: float = 1.0,
    **changes: object,
) -> EvaluatedDesign:
    plain = EvaluatedDesign(
        number=number,
        trial=0,
        networks="{}",
        hardware="{}",
        cycles=cycles,
        energy_pj=energy,
        area_mm2=area,
        accuracy=accuracy,
        accuracies="{}",
        penalty=0.0,
        feasible=True,
        optimal=False,
        seconds=number / 2,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


#: Few values, so that many are equal.
DESIGNS = st.lists(
    st.builds(
        design,
        number=st.just(0),
        accuracy=st.sampled_from([None, 0.0, 0.25, 0.5, 1.0]),
        cycles=st.integers(1, 5),
        energy=st.integers(1, 5).map(float),
        area=st.integers(1, 5).map(float),
        feasible=st.booleans(),
    ),
    max_size=30,
).map(lambda made: [replace(each, number=i, seconds=i / 2) for i, each in enumerate(made, start=1)])
OBJECTIVES = st.lists(st.sampled_from(list(METRICS)), min_size=1, max_size=5, unique=True)


def costs(each: EvaluatedDesign, objectives: Sequence[str]) -> tuple[float, ...] | None:
    """Values to minimise, without `METRICS`."""
    known = {
        "accuracy": None if each.accuracy is None else -each.accuracy,
        "latency": each.cycles,
        "energy": each.energy_pj,
        "area": each.area_mm2,
        "edp": each.cycles * each.energy_pj,
    }
    values = [value for name in objectives if (value := known[name]) is not None]
    return tuple(values) if len(values) == len(objectives) else None


class TestParetoFront:
    @given(designs=DESIGNS, objectives=OBJECTIVES, feasible_only=st.booleans())
    def test_equals_brute_force(
        self, designs: list[EvaluatedDesign], objectives: list[str], feasible_only: bool
    ) -> None:
        points: dict[tuple[float, ...], EvaluatedDesign] = {}
        for each in designs:
            point = costs(each, objectives)
            if point is not None and (each.feasible or not feasible_only):
                points.setdefault(point, each)
        front = [
            point
            for point in points
            if not any(
                other != point and all(a <= b for a, b in zip(other, point, strict=True))
                for other in points
            )
        ]
        expected = [points[point] for point in sorted(front)]
        assert pareto_front(designs, objectives, feasible_only=feasible_only) == expected
        shuffled = designs[::-1]  # the answer is of the designs, not of their order
        assert pareto_front(shuffled, objectives, feasible_only=feasible_only) == expected

    def test_the_best_first(self) -> None:
        designs = [design(1, 0.7, 10), design(2, 0.9, 30), design(3, 0.8, 20), design(4, 0.7, 20)]
        by_accuracy = pareto_front(designs, ["accuracy", "latency"])
        assert [each.number for each in by_accuracy] == [2, 3, 1]
        by_latency = pareto_front(designs, ["latency", "accuracy"])
        assert [each.number for each in by_latency] == [1, 3, 2]

    def test_equals_in_the_first_objective_go_by_the_next(self) -> None:
        designs = [design(1, 0.5, 30, 1.0), design(2, 0.5, 10, 3.0), design(3, 0.5, 20, 2.0)]
        front = pareto_front(designs, ["accuracy", "latency", "energy"])
        assert [each.number for each in front] == [2, 3, 1]

    def test_one_objective_has_one_best(self) -> None:
        designs = [design(1, cycles=20), design(2, cycles=10), design(3, cycles=10)]
        assert pareto_front(designs, ["latency"]) == [designs[1]]

    def test_designs_without_a_number_keep_their_order(self) -> None:
        designs = [design(0, note="first"), design(0, note="second")]
        assert [each.note for each in pareto_front(designs, ["area"])] == ["first"]

    @pytest.mark.parametrize("answer", [pareto_front, hypervolume_over_time])
    @pytest.mark.parametrize(
        ("objectives", "found"),
        [
            (["latency", "speed"], "found 'speed'"),
            ([], "each once, found none"),
            (["area", "area"], "each once, found area, area"),
        ],
    )
    def test_objectives_that_are_none(self, answer: Any, objectives: list[str], found: str) -> None:
        known = "objectives: expected some of accuracy, latency, energy, area, edp"
        with pytest.raises(InputError, match=f"^{known}.*{found}"):
            answer([], objectives)


class TestHypervolume:
    def test_of_two_objectives_by_hand(self) -> None:
        designs = [
            design(1, 0.50, 110),  # the slowest and the least accurate: the reference
            design(2, 0.75, 60),  # half of both: 1/2 x 1/2
            design(3, 0.60, 100, feasible=False),
            design(4, None, 1),
            design(5, 0.60, 80),  # worse than number 2 in both
            design(6, 1.00, 85),  # 1 x 1/4, of which 1/2 x 1/4 is new
            design(7, 0.75, 60),  # as number 2
            design(8, 0.60, 10),  # 1/5 x 1, of which 1/5 x 1/2 is new
        ]
        expected = [(2, 1.0, 0.25), (6, 3.0, 0.375), (8, 4.0, 0.475)]
        for given_order in (designs, designs[::-1]):
            grown = hypervolume_over_time(given_order, ["accuracy", "latency"])
            assert [(number, seconds) for number, seconds, _ in grown] == [
                (number, seconds) for number, seconds, _ in expected
            ]
            assert [volume for *_, volume in grown] == pytest.approx([v for *_, v in expected])

    def test_with_a_reference(self) -> None:
        beyond = design(4, 0.05, 900)  # worse than the reference in both
        designs = [design(1, 0.5, 100), design(2, 0.9, 300), design(3, 0.7, 200), beyond]
        grown = hypervolume_over_time(designs, ["accuracy", "latency"], [0.1, 300])
        # The best are 0.9 and 100; number 2 is no faster than the reference.
        assert grown == [(1, 0.5, pytest.approx(0.5)), (3, 1.5, pytest.approx(0.625))]
        assert hypervolume_over_time(designs, ["accuracy", "latency"], [0.9, 300]) == []
        assert hypervolume_over_time(designs, ["latency"], [50]) == []

    def test_beyond_the_reference_nothing_is_dominated(self) -> None:
        designs = [design(1, 0.05, 900), design(2, 0.04, 950), design(3, 0.5, 100)]
        grown = hypervolume_over_time(designs, ["accuracy", "latency"], [0.1, 300])
        assert grown == [(3, 1.5, 1.0)]

    def test_an_objective_in_which_all_are_equal_does_not_count(self) -> None:
        designs = [design(i, cycles=cycles) for i, cycles in enumerate((30, 20, 10), start=1)]
        assert hypervolume_over_time(designs, ["latency", "area"]) == hypervolume_over_time(
            designs, ["latency"]
        )
        assert hypervolume_over_time(designs[:1], ["latency"]) == [(1, 0.5, 1.0)]

    @given(designs=DESIGNS, objectives=OBJECTIVES.filter(lambda names: len(names) <= 4))
    def test_equals_the_whole_computed_anew(
        self, designs: list[EvaluatedDesign], objectives: list[str]
    ) -> None:
        grown = hypervolume_over_time(designs, objectives)
        kept = [
            (each, point)
            for each in designs
            if each.feasible and (point := costs(each, objectives)) is not None
        ]
        points = np.array([point for _, point in kept]).reshape(-1, len(objectives))
        if kept:
            span = np.ptp(points, axis=0)
            points = (points - points.min(axis=0)) / np.where(span > 0, span, 1)
        expected, last = [], 0.0
        for i, (each, _) in enumerate(kept, start=1):
            volume = moocore.hypervolume(points[:i], ref=1.0)
            if volume > last + 1e-9:
                expected.append((each.number, each.seconds, pytest.approx(volume)))
                last = volume
        assert grown == expected
        assert all(before[2] < after[2] for before, after in pairwise(grown))
        assert all(0 < volume <= 1 + 1e-9 for *_, volume in grown)

    def test_units_do_not_matter(self) -> None:
        random = np.random.default_rng(3)
        values = random.integers(1, 1000, (40, 2)).tolist()
        small = [design(i, cycles=c, energy=e) for i, (c, e) in enumerate(values)]
        large = [design(i, cycles=c * 1000, energy=e * 1e9) for i, (c, e) in enumerate(values)]
        first, second = (
            hypervolume_over_time(each, ["latency", "energy"]) for each in (small, large)
        )
        assert len(first) > 3
        assert [volume for *_, volume in first] == pytest.approx([v for *_, v in second])

    def test_a_reference_that_does_not_fit(self) -> None:
        with pytest.raises(InputError, match="one number for each of area, edp, found 1"):
            hypervolume_over_time([design(1)], ["area", "edp"], [1])
        with pytest.raises(InputError, match="one number for each of area, found nan"):
            hypervolume_over_time([], ["area"], [float("nan")])


class TestExport:
    DESIGNS = (
        design(
            1,
            accuracy=0.1,
            networks=canonical_json({"classify": "stem=8,kernel=3", "segment": "size=64"}),
            hardware=canonical_json({"big": {"template": "nvdla", "pes": 512}, "dram_gbps": 16}),
            accuracies=canonical_json({"classify": 0.25}),
            note='a "note",\nof two lines',
            checked_cycles=101,
            checked_ok=False,
        ),
        design(
            2,
            accuracy=None,
            networks=canonical_json({"classify": "stem=16"}),
            hardware=canonical_json({"big": {"pes": 0.5, "array": [8, 4]}, "dram_gbps": "fast"}),
        ),
    )
    NESTED = ("networks", "hardware", "accuracies")
    EXPECTED = (
        {"network.classify": "stem=8,kernel=3", "network.segment": "size=64"}
        | {"hardware.big.template": "nvdla", "hardware.big.pes": 512, "hardware.dram_gbps": 16}
        | {"accuracy.classify": 0.25, "hardware.big.array": None, "edp": 1000.0},
        {"network.classify": "stem=16", "network.segment": None}
        | {"hardware.big.template": None, "hardware.big.pes": 0.5, "hardware.dram_gbps": "fast"}
        | {"accuracy.classify": None, "hardware.big.array": "[8, 4]", "edp": 1000.0},
    )

    def rows(self) -> list[dict[str, Any]]:
        fixed = [field.name for field in fields(EvaluatedDesign) if field.name not in self.NESTED]
        return [
            {name: getattr(each, name) for name in fixed} | expected
            for each, expected in zip(self.DESIGNS, self.EXPECTED, strict=True)
        ]

    def test_json(self, tmp_path: Path) -> None:
        export(self.DESIGNS, tmp_path / "designs.json")
        assert json.loads((tmp_path / "designs.json").read_text()) == self.rows()

    def test_csv(self, tmp_path: Path) -> None:
        export(self.DESIGNS, str(tmp_path / "designs.csv"))
        with (tmp_path / "designs.csv").open(newline="") as file:
            found = list(csv.DictReader(file))

        def text(value: object) -> str:
            return "" if value is None else str(int(value) if isinstance(value, bool) else value)

        assert found == [{name: text(value) for name, value in row.items()} for row in self.rows()]
        assert list(found[0])[:2] == ["number", "trial"]

    def test_parquet(self, tmp_path: Path) -> None:
        parquet = pytest.importorskip("pyarrow.parquet")
        export(self.DESIGNS, tmp_path / "designs.parquet")
        table = parquet.read_table(tmp_path / "designs.parquet")
        expected = self.rows()
        expected[0]["hardware.dram_gbps"] = "16"  # a column has one type
        assert table.to_pylist() == expected
        types = {field.name: str(field.type) for field in table.schema}
        assert types["hardware.big.pes"] == "double"
        # One type for a column in all files, whether they have a value for it or not.
        assert types["checked_energy_pj"] == "double"
        export([], tmp_path / "empty.parquet")
        empty = parquet.read_table(tmp_path / "empty.parquet")
        assert {field.name: str(field.type) for field in empty.schema}.items() <= types.items()
        assert empty.num_rows == 0

    def test_numpys_numbers(self, tmp_path: Path) -> None:
        odd = design(1, cycles=np.int64(7), energy=np.float32(0.5))  # type: ignore[arg-type]
        export([odd, design(2)], tmp_path / "designs.json")
        row = json.loads((tmp_path / "designs.json").read_text())[0]
        assert (row["cycles"], row["energy_pj"], row["edp"]) == (7, 0.5, 3.5)

    def test_no_designs_are_a_heading(self, tmp_path: Path) -> None:
        export([], tmp_path / "designs.csv")
        assert (tmp_path / "designs.csv").read_text().startswith("number,trial,cycles,energy_pj")

    @pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
    def test_whole_or_not_at_all(
        self, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if suffix == ".parquet":
            pytest.importorskip("pyarrow")
        file = tmp_path / f"designs{suffix}"
        file.write_text("before")
        file.chmod(0o640)

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full)
            patch.setattr(Path, "replace", full)
            with pytest.raises(InputError, match=f"designs{suffix}: cannot be written: No space"):
                export(self.DESIGNS, file)
        assert file.read_text() == "before"
        assert list(tmp_path.iterdir()) == [file]
        export(self.DESIGNS, file)
        assert file.read_bytes() != b"before"
        assert file.stat().st_mode & 0o777 == 0o640
        assert list(tmp_path.iterdir()) == [file]

    def test_another_ending(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"expected \.csv, \.json or \.parquet, found '\.xls'"):
            export([], tmp_path / "designs.xls")

    def test_parquet_without_pyarrow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(InputError, match=r"Parquet needs pyarrow; install it, or write \.csv"):
            export([], tmp_path / "designs.parquet")
        assert list(tmp_path.iterdir()) == []

    def test_two_values_for_a_column(self, tmp_path: Path) -> None:
        twice = design(3, hardware=canonical_json({"a.b": 1, "a": {"b": 2}}))
        with pytest.raises(InputError, match=r"found two for hardware\.a\.b in design 3; name"):
            export([twice], tmp_path / "designs.csv")
