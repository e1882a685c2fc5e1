"""Reports of studies in a real browser: what a click does, and that no name runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chiploom import write_report
from chiploom.reports.study_data import StudyData
from chiploom.search.answers import pareto_front
from chiploom.search.study import Study, open_study

from ..search import tiny_study
from .browser import Page
from .results import ATTACK
from .studies import made_up


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """A real search: enough designs to tell what matters."""
    folder = tmp_path_factory.mktemp("study")
    file = tiny_study.write(folder, trials=6, designs=12, strategy="random")
    study, _ = tiny_study.search(file, folder / "tables", folder / "study.db")
    yield study
    study.close()


@pytest.fixture
def page(driver: Any, searched: Study, tmp_path: Path) -> Page:
    write_report(searched, tmp_path / "r.html")
    return Page(driver, tmp_path / "r.html")


def chosen(page: Page) -> int:
    return int(page.run("return Number(document.querySelector('.choose input').value)"))


def test_every_figure_has_marks_and_nothing_is_asked_for(page: Page, searched: Study) -> None:
    marks = page.draw_all()
    assert set(marks) == {
        "front", "pes", "bandwidth", "parallel", "importance", "progress", "hypervolume",
    }  # fmt: skip
    assert all(marks.values()), marks
    known = [design for design in searched.store.all() if design.accuracy is not None]
    assert marks["front"] >= len(known) > 40
    page.run("for (const one of started) one.drawAll()")
    assert page.run("return document.querySelectorAll('.schedule .point path').length") > 0
    assert page.faults() == []
    best = searched.best
    assert best is not None
    assert chosen(page) == best.number
    assert page.text("[data-fact=accuracy] dd") == f"{best.accuracy:.4f}"


def test_a_click_on_a_point_changes_the_panel(page: Page, searched: Study) -> None:
    from selenium.webdriver import ActionChains

    page.draw_all()
    before, text = chosen(page), page.text(".shown")
    spot = page.run(
        """
        const place = document.querySelector("[data-figure=front]");
        place.scrollIntoView({ block: "center" });
        await new Promise((done) => setTimeout(done, 200));
        const front = place.data.findIndex((trace) => trace.meta?.role === "open");
        const n = place.data[front].customdata.findIndex((item) => item !== arguments[0] - 1);
        const box = place.querySelectorAll(".scatterlayer .trace")[front]
          .querySelectorAll(".point")[n].getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
        """,
        before,
    )
    chain = ActionChains(page.driver)
    chain.w3c_actions.pointer_action.move_to_location(*map(round, spot)).click()
    chain.perform()
    page.run("await new Promise((done) => setTimeout(done, 200))")
    after = chosen(page)
    assert after != before
    assert page.text(".shown") != text
    design = searched.store.get(after)
    assert f"--design {searched.path}:{after}" in page.text(".shown")
    assert page.text(".shown h4").startswith(f"design {design.number}")
    assert page.faults() == []


def test_a_row_without_schedule_says_how_to_get_one(page: Page, searched: Study) -> None:
    shown = {one.item for one in StudyData(searched, schedules=0).shown}
    other = next(item for item in range(searched.store.count()) if item not in shown)
    page.run("choose(pages[0], arguments[0])", other)
    assert "No schedule in this file" in page.text(".shown")
    best = next(iter(shown))
    page.run("choose(pages[0], arguments[0])", best)
    assert "Schedule" in page.text(".shown")


def test_the_reader_chooses_metrics_and_the_front_follows(page: Page, searched: Study) -> None:
    page.draw_all()
    for aims in (["energy", "area"], ["latency", "accuracy"], ["latency", "energy", "area"]):
        found = page.run(
            """
            const selects = [...document.querySelectorAll("[data-axes] select")];
            arguments[0].forEach((key, n) => { selects[n].value = key; });
            selects[2].value = arguments[0][2] ?? "";
            selects[0].dispatchEvent(new Event("change"));
            await new Promise((done) => setTimeout(done, 200));
            const place = document.querySelector("[data-figure=front]");
            const front = place.data.find((trace) => trace.meta?.role === "front");
            const title = place.querySelector(".xtitle").textContent;
            return [front.customdata, title, front.mode];
            """,
            aims,
        )
        items, title, mode = found
        stand = [one for one in searched.store.all() if one.checked_ok is not False]
        expected = {one.number - 1 for one in pareto_front(stand, aims)}
        assert set(items) == expected, aims
        assert title.startswith(aims[0])
        assert mode == ("markers" if len(aims) == 3 else "lines+markers")
    assert page.faults() == []


def test_dark_applies_to_figures_and_schedule(page: Page) -> None:
    page.draw_all()
    page.run("for (const one of started) one.drawAll()")

    def inks() -> list[str]:
        found: list[str] = page.run(
            """
            await new Promise((done) => setTimeout(done, 200));
            const of = (selector) => document.querySelector(`${selector} .xtick text`);
            const ink = (selector) => getComputedStyle(of(selector)).fill;
            return [getComputedStyle(document.body).backgroundColor,
              ink("[data-figure=front]"), ink(".schedule")];
            """
        )
        return found

    light = inks()
    page.theme("dark")
    assert all(a != b for a, b in zip(light, inks(), strict=True))
    page.theme("light")


def test_studies_side_by_side_on_a_phone(
    driver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with made_up(tmp_path) as one, made_up(tmp_path, "other", trials=2) as two:
        write_report([one, two], tmp_path / "r.html", schedules=1)
    page = Page(driver, tmp_path / "r.html")
    page.device(390, 844)
    for key in page.run("return pages.map((page) => page.id)"):
        page.run("open(arguments[0])", key)
        marks = page.draw_all()
        assert all(marks.values()), marks
        assert page.run("return document.documentElement.scrollWidth") <= 390, key
    assert page.faults() == []
    assert "★" in page.text("#compare-table-comparison")


HOSTILE = f"""
description: "{ATTACK}"
source: "{ATTACK}"
networks:
  - name: evil
    model: evil.onnx
    bits: 8
    accuracy: {{constant: 0.5, source: "{ATTACK}"}}
hardware:
  technology: {{node: 28 nm}}
  clock: 1 GHz
  dram: {{type: LPDDR4, bandwidth: 6 GB/s}}
  sub_accelerators:
    - {{name: "a", template: nvdla, pes: {{any_of: [16, 36]}}, shape: [atomic_c, atomic_k],
       parameters: {{cbuf: 16 KiB}}}}
strategy: random
objectives: [latency, energy]
budget: {{trials: 1, designs: 2}}
"""


def test_names_are_text_and_run_nothing(driver: Any, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    shapes = (("data", (1, 4, 8, 8)), ("out", (1, 8, 6, 6)))
    data, out = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes
    )
    zeros = helper.make_tensor("w", TensorProto.FLOAT, (8, 4, 3, 3), [0.0] * 288)
    node = helper.make_node("Conv", ["data", "w"], ["out"], name=ATTACK)
    graph = helper.make_graph([node], "evil", [data], [out], [zeros])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]),
              tmp_path / "evil.onnx")  # fmt: skip
    file = tmp_path / "<img src=x onerror=window.hacked=1>.yaml"
    file.write_text(HOSTILE)
    study, _ = tiny_study.search(file, tmp_path / "tables", tmp_path / "<b>study.db")
    with study:
        write_report(study, tmp_path / "r.html")
        write_report([study, study], tmp_path / "two.html", schedules=0)
    for name in ("r.html", "two.html"):
        page = Page(driver, tmp_path / name)
        for key in page.run("return pages.map((page) => page.id)"):
            page.run("open(arguments[0])", key)
            page.draw_all()
        page.run("for (const one of started) one.drawAll(); choose(pages.at(-1), 1)")
        page.run("await new Promise((done) => setTimeout(done, 200))")
        planted = "img:not([src^=data]), [onload], [onerror], main b"
        assert page.run("return document.querySelectorAll(arguments[0]).length", planted) == 0
        assert page.run("return window.hacked") is None
        assert page.faults() == []
        assert ATTACK in page.run("return document.body.textContent")


def test_opened_again_it_is_the_same(searched: Study, tmp_path: Path) -> None:
    write_report(searched, tmp_path / "a.html")
    with open_study(searched.path) as again:
        write_report(again, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
