"""Reports of studies as files: golden Markdown and JSON, flat tables, what they compare."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiploom import InputError, open_study, write_report
from chiploom.reports.build import document_of
from chiploom.reports.document import Chart, Document, Quantity, Table
from chiploom.reports.html.page import html_text
from chiploom.reports.importance import importances
from chiploom.reports.pages.study import PROXY
from chiploom.reports.study_data import StudyData
from chiploom.reports.write import report_bytes
from chiploom.search.study import Study
from chiploom.simulator.result import Result

from .studies import made_up

Golden = Callable[[str, str], None]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    """12 designs of 4 trials; the file's folder is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("chiploom.reports.pages.study._version", lambda: "0")  # of golden files
    with made_up(tmp_path) as made:
        yield made


def written(document: Document, form: Any) -> str:
    return report_bytes(document, form).decode()


def table(document: Document, key: str, page: int = 0) -> Table:
    blocks = document.pages[page].blocks()
    return next(b for b in blocks if isinstance(b, Table) and b.key == key)


@pytest.mark.parametrize("form", ["md", "json"])
def test_a_study(study: Study, golden: Golden, form: str) -> None:
    golden(f"study.{form}", written(document_of([study], schedules=1), form))


def test_flat_tables_have_a_row_per_design_of_every_study(study: Study, tmp_path: Path) -> None:
    with made_up(tmp_path, "other", trials=2) as other:
        document = document_of([study, other])
        rows = list(csv.DictReader(io.StringIO(written(document, "csv"))))
        assert [row["study"] for row in rows] == ["study"] * 12 + ["other"] * 6
        assert [int(row["number"]) for row in rows[:12]] == list(range(1, 13))
        assert {row["hardware.a.template"] for row in rows} <= {"nvdla", "shidiannao"}
        parquet = pytest.importorskip("pyarrow.parquet")
        read = parquet.read_table(io.BytesIO(report_bytes(document, "parquet")))
        assert read.column("cycles").to_pylist() == [int(row["cycles"]) for row in rows]
        assert json.loads(written(document, "json"))["records"][0]["study"] == "study"


def test_to_look_at_a_study_leaves_it_as_it_was(study: Study, tmp_path: Path) -> None:
    study.close()
    with open_study("study.db") as opened:
        first = html_text(document_of([opened]))
    with open_study("study.db") as opened:
        assert html_text(document_of([opened])) == first


def test_a_study_opens_without_its_file(study: Study, tmp_path: Path) -> None:
    study.close()
    (tmp_path / "study.yaml").unlink()
    with open_study("study.db") as opened:
        assert "networks:" in written(document_of([opened]), "md")


def test_the_table_orders_designs_as_the_study_does(study: Study) -> None:
    data = StudyData(study, schedules=0)
    assert data.best is not None
    assert data.ranks[data.best] == 1
    assert sorted(data.ranks) == list(range(1, 13))
    worst_open = max(data.ranks[item] for item in data.open)
    assert worst_open == len(data.open)


def test_decisions_are_told_apart_where_they_differ(study: Study) -> None:
    data = StudyData(study, schedules=0)
    for parameter in data.parameters:
        for item, design in enumerate(data.designs):
            owner, _, name = parameter.name.partition(".")
            hardware, networks = json.loads(design.hardware), json.loads(design.networks)
            if owner in networks:
                key = dict(part.split("=") for part in networks[owner].split(","))
                assert parameter.text(item) == key.get(name, "-")
            else:
                assert parameter.text(item) == str(hardware[owner].get(name, "-"))


def test_every_chart_can_be_drawn_and_best_designs_have_schedules(study: Study) -> None:
    document = document_of([study], schedules=6)
    charts = [b for b in document.pages[0].blocks() if isinstance(b, Chart)]
    assert [chart.key for chart in charts] == [
        "front", "pes", "bandwidth", "parallel", "progress", "hypervolume",
    ]  # fmt: skip
    assert all(chart.draw().data for chart in charts)
    panel = document.pages[0].sections[2].blocks[1]
    assert len(panel.data["schedules"]) == len(panel.data["why"]) > 1  # type: ignore[union-attr]
    none = document_of([study], schedules=0).pages[0].sections[2].blocks[1]
    assert none.data["schedules"] == {}  # type: ignore[union-attr]


def test_a_comparison_marks_the_winner_where_studies_ask_the_same(
    study: Study, tmp_path: Path
) -> None:
    with made_up(tmp_path, "other", trials=2) as other:
        document = document_of([study, other], schedules=0)
        rows = {row[0]: row[1:] for row in table(document, "comparison").rows}
        mine, theirs = rows["best design: accuracy"]
        assert isinstance(mine, Quantity)
        assert isinstance(theirs, Quantity)
        assert mine.best != theirs.best or mine.value == theirs.value
        assert theirs.ratio == pytest.approx(theirs.value / mine.value)  # type: ignore[operator]
        volumes = [cell.value for cell in rows["hypervolume"]]  # type: ignore[union-attr]
        assert 0 <= volumes[1] <= volumes[0] <= 1  # type: ignore[operator]
        goals = replace(other.file.goals, specs={**other.file.goals.specs, "area": 0.3})
        other.file = replace(other.file, goals=goals)
        differing = document_of([study, other], schedules=0)
        cells = [cell for row in table(differing, "comparison").rows for cell in row]
        assert not any(isinstance(cell, Quantity) and cell.best for cell in cells)
        assert "the specs differ" in written(differing, "md")


def test_a_study_of_nothing_has_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with made_up(tmp_path, trials=0) as empty, made_up(tmp_path, "other") as other:
        for form in ("html", "md", "json", "csv"):
            assert written(document_of([empty]), form)
            assert written(document_of([empty, other], schedules=0), form)


def test_importance_finds_the_decision_that_matters(study: Study) -> None:
    data = StudyData(study, schedules=0)
    assert importances(data) == ()  # too few
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (2, 400))
    first = replace(data.parameters[0], name="a.pes", codes=tuple(map(int, codes[0])))
    second = replace(data.parameters[0], name="a.template", codes=tuple(map(int, codes[1])))
    data.parameters = (first, second)
    cost = [float(1000 * 2 ** int(code)) for code in codes[0]]
    data.values = {"accuracy": [None] * 400, "latency": cost, "energy": cost, "area": [1.0] * 400}
    found = importances(data)
    assert [one.metric for one in found] == ["latency", "energy"]
    assert found[0].shares["a.pes"] > 0.98
    assert found[0].score > 0.98
    assert importances(data) == found


def test_proxies_are_said_where_a_shipped_table_is_used(study: Study, tmp_path: Path) -> None:
    text = written(document_of([study], schedules=0), "md")
    assert "accuracy of classify: classify.csv" in text
    assert "PROXIES" not in text
    shipped = """
networks:
  - name: segment
    space: unet
    options: {size: 128, bits: 8}
    accuracy: {predictor: {table: unet-nuclei, rounds: 5}}
hardware: {spec: eyeriss}
strategy: random
"""
    from chiploom.search.study import create_study
    from chiploom.search.study_file import parse_study

    with create_study(parse_study(shipped, "p.yaml", tmp_path), "p.db") as proxy:
        text = written(document_of([proxy], schedules=0), "md")
        assert PROXY.format(networks="segment") in text
        assert "rows of unet-nuclei" in text


def test_results_and_studies_are_not_mixed(study: Study, result: Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected results or studies, found 1 and 1"):
        write_report([study, result], tmp_path / "r.html")  # type: ignore[list-item]


def test_a_notebook_shows_a_study(study: Study) -> None:
    html = study._repr_html_()
    assert "<script" not in html
    assert len(html) < 20_000
    assert "Best designs" in html


def test_figures_of_a_study_as_pictures(study: Study, tmp_path: Path) -> None:
    pytest.importorskip("kaleido")
    if not any(map(shutil.which, ("chromium", "google-chrome", "chrome"))):
        pytest.skip("no browser that draws")
    from chiploom.reports.export import write_pictures

    paths = write_pictures(document_of([study], schedules=1), tmp_path / "figures")
    assert {path.name for path in paths} >= {"study-front.png", "study-parallel.png"}
    for path in paths:
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert path.stat().st_size > 10_000
