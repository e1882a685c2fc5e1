"""Reports as files: golden Markdown and JSON, flat tables, what is embedded in HTML."""

from __future__ import annotations

import builtins
import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chiploom import InputError, write_report
from chiploom.reports.build import document_of, names_of
from chiploom.reports.document import Chart, Document, Facts, Quantity, Table
from chiploom.reports.figures.layer_graph import lay_out
from chiploom.reports.figures.style import escaped, labels
from chiploom.reports.html.page import html_text, json_in_html
from chiploom.reports.pages.comparison import comparison_page
from chiploom.reports.write import format_of, report_bytes
from chiploom.simulator.result import LayerResult, Result

from .results import ATTACK, hostile, long

Golden = Callable[[str, str], None]


def written(document: Document, form: Any) -> str:
    return report_bytes(document, form).decode()


@pytest.mark.parametrize("form", ["md", "json"])
def test_a_simulation(result: Result, golden: Golden, form: str) -> None:
    golden(f"simulation.{form}", written(document_of([result]), form))


@pytest.mark.parametrize("form", ["md", "json"])
def test_a_comparison(result: Result, golden: Golden, form: str) -> None:
    spec = replace(result.spec, name="other", clock_hz=5e8)
    layers = tuple(replace(layer, cycles=layer.cycles // 4) for layer in result.layers)
    other = replace(result, spec=spec, layers=layers)
    golden(f"comparison.{form}", written(document_of([result, other]), form))


def test_flat_tables_have_a_row_per_layer_of_every_result(result: Result) -> None:
    document = document_of([result, result], ["a", "b"])
    rows = list(csv.DictReader(io.StringIO(written(document, "csv"))))
    assert [row["result"] for row in rows] == ["a", "a", "b", "b"]
    assert rows[0]["energy_pj.dram.I.read"] == "700.0"
    assert rows[1]["K"] == ""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(report_bytes(document, "parquet")))
    assert table.num_rows == 4
    assert table.column("cycles").to_pylist() == [int(row["cycles"]) for row in rows]


def test_equal_input_gives_equal_files(simulated: Result) -> None:
    long_one = long(simulated, 2000)
    assert html_text(document_of([long_one])) == html_text(document_of([long_one]))


def test_json_in_html_stays_json_and_ends_no_script() -> None:
    text = json.dumps({"name": ATTACK, "line": "\u2028\u2029&"}, ensure_ascii=False)
    safe = json_in_html(text)
    assert not set("<>&\u2028\u2029") & set(safe)
    assert json.loads(safe) == json.loads(text)


def test_no_name_gets_into_the_markup(simulated: Result) -> None:
    text = html_text(document_of([hostile(simulated)]))
    before_plotly = text[: text.index("plotly.js v")]
    assert "<img" not in before_plotly
    assert "<svg" not in before_plotly
    assert 'href="javascript' not in before_plotly


def test_half_a_character_can_be_written(result: Result, tmp_path: Path) -> None:
    layer = replace(result.layers[0], name="half \ud800", note="half \udfff")
    for form in ("html", "md", "json", "csv"):
        file = tmp_path / f"report.{form}"
        write_report(replace(result, layers=(layer,)), file)
        assert "half " in file.read_text("utf-8")


def test_a_network_of_nothing_has_a_report(result: Result) -> None:
    for form in ("html", "md", "json", "csv"):
        assert written(document_of([replace(result, layers=())]), form)


def test_labels_are_escaped_and_different() -> None:
    assert escaped("<a & b>") == "&lt;a &amp; b&gt;"
    assert labels(["x", "x (2)", "x", "<"]) == ["x", "x (2)", "x (3)", "&lt;"]


def test_winners_only_where_the_work_is_the_same(result: Result) -> None:
    faster = replace(result, spec=replace(result.spec, name="fast", clock_hz=2e9))

    def row(label: str, *results: Result) -> list[Quantity]:
        page = comparison_page([(str(n), one) for n, one in enumerate(results)])
        table = next(block for block in page.blocks() if isinstance(block, Table))
        cells = next(row for row in table.rows if row[0] == label)[1:]
        return [cell for cell in cells if isinstance(cell, Quantity)]

    assert [cell.best for cell in row("Time", result, faster)] == [False, True]
    assert [cell.ratio for cell in row("Time", result, faster)] == [1.0, 0.5]
    assert [cell.best for cell in row("Energy", result, faster)] == [False, False]  # a draw
    other = replace(faster, models=(replace(faster.models[0], name="other"),))
    assert not any(cell.best for cell in row("Time", result, other))


def node(name: str, *inputs: str) -> LayerResult:
    return LayerResult(name, "n", "Op", "move", {}, "s", 0, 1, {}, 0, 0, 0, "vector", inputs=inputs)


def test_the_graph_gives_every_tensor_a_lane_while_it_is_needed() -> None:
    drawing = lay_out([node("a"), node("b", "a"), node("c", "b"), node("add", "c", "a")])
    assert drawing.nodes == (0, 1, 1, 0)
    assert drawing.lanes == 2
    assert len(drawing.lines) == 4
    assert lay_out([node("a", "later", "a"), node("later")]).lines == ()


def test_every_chart_of_a_page_can_be_drawn(scheduled: Result, result: Result) -> None:
    for page in document_of([scheduled, result]).pages:
        for block in page.blocks():
            if isinstance(block, Chart):
                assert block.draw().data or not result.spec.arrays, block.key


def test_the_headline_has_units(simulated: Result) -> None:
    facts = next(b for b in document_of([simulated]).pages[0].blocks() if isinstance(b, Facts))
    assert all(fact.quantity.unit for fact in facts.facts)


def test_results_are_called_by_what_ran_or_by_their_files(result: Result) -> None:
    other = replace(result, spec=replace(result.spec, name="other"))
    files = [Path("a.json"), Path("b.json")]
    assert names_of([result, other], files) == ["net on chip", "net on other"]
    assert names_of([result, result], files) == ["a", "b"]
    assert names_of([result, result], [Path("x/a.json"), Path("y/a.json")]) == [
        "x/a.json",
        "y/a.json",
    ]


def test_bad_calls_say_what_was_expected(result: Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one result"):
        write_report([], tmp_path / "r.html")
    with pytest.raises(InputError, match="expected 1 names, found 2"):
        write_report(result, tmp_path / "r.html", names=["a", "b"])
    with pytest.raises(InputError, match=r"expected one of \.html.*found \.pdf"):
        format_of(Path("r.pdf"))
    with pytest.raises(InputError, match=r"nowhere.*cannot be written"):
        write_report(result, tmp_path / "nowhere" / "r.html")


@pytest.mark.parametrize(("form", "package"), [("parquet", "pyarrow"), ("png", "kaleido")])
def test_a_missing_package_is_named(
    result: Result, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str, package: str
) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    from chiploom.reports.export import write_pictures

    document = document_of([result])
    message = rf"{package}.*pip install 'chiploom\[{form}\]'"
    write = {"png": lambda: write_pictures(document, tmp_path)}
    with pytest.raises(InputError, match=message):
        write.get(form, lambda: report_bytes(document, "parquet"))()


def test_a_notebook_shows_a_small_table(simulated: Result) -> None:
    html = hostile(simulated)._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert len(html) < 20_000
    assert "Energy" in html
