"""Reports in a real browser: they show what they should, ask for nothing, and run no name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chiploom import write_report
from chiploom.reports.document import show
from chiploom.simulator.result import Result

from .browser import Page
from .results import ATTACKS, hostile, long

Open = Callable[..., Page]


@pytest.fixture
def opened(driver: Any, tmp_path: Path) -> Open:
    """Writes the report of results and opens it."""

    def open_(*results: Result) -> Page:
        write_report(results, tmp_path / "report.html")
        return Page(driver, tmp_path / "report.html")

    return open_


def test_every_figure_has_marks_and_nothing_is_asked_for(opened: Open, simulated: Result) -> None:
    page = opened(simulated)
    marks = page.draw_all()
    assert set(marks) == {
        "cycles", "energy", "energy-parts", "roofline", "utilization", "traffic", "area",
        "gantt", "graph-1",
    }  # fmt: skip
    assert all(marks.values()), marks
    assert marks["gantt"] >= len(simulated.layers)
    assert page.faults() == []
    assert page.text("[data-fact=energy] dd") == show(simulated.energy_pj, "pJ")


def test_a_schedule_of_several_networks(opened: Open, scheduled: Result) -> None:
    page = opened(scheduled)
    marks = page.draw_all()
    assert all(marks.values()), marks
    lanes = page.run("return document.querySelector('[data-figure=gantt]').data.map((t) => t.name)")
    assert lanes[:2] == ["resnet9", "lstm"] or lanes[:2] == ["lstm", "resnet9"]
    assert page.faults() == []


def test_choosing_a_layer_changes_the_mapping(opened: Open, simulated: Result) -> None:
    page = opened(simulated)
    costly = max(range(len(simulated.layers)), key=lambda n: simulated.layers[n].cycles)
    assert page.run("return Number(document.querySelector('.choose select').value)") == costly
    before = page.text(".shown")
    page.run("document.querySelector('[data-panel] .choose button').click()")
    assert page.run("return Number(document.querySelector('.choose select').value)") == costly - 1
    assert page.text(".shown") != before
    page.run("document.querySelector('tr[data-item=\"0\"]').click()")
    first = simulated.layers[0]
    assert first.loops is not None
    nest = page.text(".nest")
    for loop in first.loops.temporal:
        assert f"for {loop.dim.lower()} in {loop.factor}\n" in nest
    for memory in simulated.spec.arrays[0].memories:
        assert memory.name in nest
    assert page.run("return document.querySelectorAll('.operands svg rect').length") == len(
        first.loops.tiles
    )
    assert page.text("tr.chosen td") == "prep/conv"


def test_a_click_on_a_mark_chooses_its_layer(opened: Open, simulated: Result) -> None:
    from selenium.webdriver import ActionChains

    page = opened(simulated)
    page.draw_all()
    for key, item in (("cycles", 3), ("gantt", 1)):
        page.run("choose(pages[0], 0)")
        spot = page.run(
            """
            const place = document.querySelector(`[data-figure=${arguments[0]}]`);
            place.scrollIntoView({ block: "center" });
            await new Promise((done) => setTimeout(done, 100));
            const middle = arguments[2]
              ? (trace, n) => [trace.base[n] + trace.x[n] / 2, trace.y[n]]
              : (trace, n) => [trace.x[n], trace.y[n] / 2];
            for (const trace of place._fullData) {
              const n = Array.from(trace.customdata ?? []).indexOf(arguments[1]);
              if (n < 0 || !trace.y[n]) continue;
              const [x, y] = middle(trace, n);
              const { xaxis, yaxis } = place._fullLayout;
              const box = place.getBoundingClientRect();
              return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
            }
            """,
            key,
            item,
            key == "gantt",
        )
        chain = ActionChains(page.driver)
        chain.w3c_actions.pointer_action.move_to_location(*map(round, spot))
        chain.w3c_actions.pointer_action.click()
        chain.perform()
        chosen = "return Number(document.querySelector('.choose select').value)"
        until = time.monotonic() + 5
        while page.run(chosen) != item and time.monotonic() < until:
            time.sleep(0.05)
        assert page.run(chosen) == item, key


def test_the_gantt_zooms_and_goes_back(opened: Open, simulated: Result) -> None:
    from selenium.webdriver import ActionChains

    page = opened(simulated)
    page.draw_all()
    box = page.run(
        """
        const place = document.querySelector("[data-figure=gantt]");
        place.scrollIntoView({ block: "center" });
        await new Promise((done) => setTimeout(done, 100));
        const box = place.querySelector(".nsewdrag").getBoundingClientRect();
        return [box.x, box.y, box.width, box.height];
        """
    )

    def range_() -> list[float]:
        script = "return document.querySelector('[data-figure=gantt]').layout.xaxis.range"
        found: list[float] = page.run(script)
        return found

    x, y, width, height = box
    chain = ActionChains(page.driver)
    pointer = chain.w3c_actions.pointer_action
    pointer.move_to_location(round(x + width * 0.25), round(y + height / 2))
    pointer.pointer_down()
    pointer.move_to_location(round(x + width * 0.5), round(y + height / 2))
    pointer.pointer_up()
    chain.perform()
    until = time.monotonic() + 5
    while range_()[0] == 0 and time.monotonic() < until:
        time.sleep(0.05)
    low, high = range_()
    assert low == pytest.approx(simulated.cycles * 0.25, rel=0.05)
    assert high == pytest.approx(simulated.cycles * 0.5, rel=0.05)
    page.run(
        "Plotly.relayout(document.querySelector('[data-figure=gantt]'), {'xaxis.autorange': true})"
    )
    assert range_()[1] >= simulated.cycles


def test_dark_follows_the_system_and_the_button(opened: Open, simulated: Result) -> None:
    page = opened(simulated)
    page.draw_all()

    def looks() -> tuple[str, str]:
        ground, ink = page.run(
            """
            await new Promise((done) => setTimeout(done, 100));
            return [getComputedStyle(document.body).backgroundColor,
                    getComputedStyle(document.querySelector(".xtick text")).fill];
            """
        )
        return ground, ink

    light = looks()
    page.theme("dark")
    dark = looks()
    assert dark[0] != light[0]
    assert dark[1] != light[1]
    page.run("document.getElementById('theme').click()")
    assert looks() == light
    page.theme("light")


def test_names_are_text_and_run_nothing(opened: Open, simulated: Result, scheduled: Result) -> None:
    for result in (hostile(simulated), hostile(scheduled)):
        page = opened(result, result)
        for key in page.run("return pages.map((page) => page.id)"):
            page.run("open(arguments[0])", key)
            assert all(page.draw_all().values())
        page.run("for (let n = 0; n < 4; n++) choose(pages[1], n)")
        assert page.run("return window.hacked") is None
        planted = "img:not([src^=data]), a[href^=javascript], [onload], [onerror], svg a"
        assert page.run("return document.querySelectorAll(arguments[0]).length", planted) == 0
        assert page.faults() == []
        shown = page.run("return document.body.textContent")
        for attack in ATTACKS[:4]:
            assert attack in shown
        # plotly's labels, which take markup
        labels = page.run(
            """
            const labels = [...document.querySelectorAll(".ytick text, .legendtext")];
            return labels.map((label) => label.textContent).join("\\n");
            """
        )
        assert any(attack in labels for attack in ATTACKS[:4])
        hint = page.run(
            """
            const place = pages[1].querySelector("[data-figure=gantt]");
            open(pages[1].id);
            place.scrollIntoView();
            Plotly.Fx.hover(place, [{ curveNumber: 0, pointNumber: 0 }]);
            await new Promise((done) => setTimeout(done, 100));
            return place.querySelector(".hoverlayer").textContent;
            """
        )
        assert any(attack[:20] in hint for attack in ATTACKS)
        assert page.run("return document.querySelectorAll(arguments[0]).length", planted) == 0
        assert page.run("return window.hacked") is None


def test_a_comparison_marks_the_winner(opened: Open, simulated: Result) -> None:
    faster = replace(simulated, spec=replace(simulated.spec, name="fast", clock_hz=4e8))
    page = opened(simulated, faster)
    row = page.run(
        """
        const rows = [...document.querySelectorAll("#compare-table-comparison tr")];
        const time = rows.find((row) => row.cells[0].textContent.trim() === "Time");
        return [...time.cells].map((cell) => cell.textContent.replace(/\\s+/g, " ").trim());
        """
    )
    assert row[1].endswith("1×")
    assert row[2].endswith("★ 0.5×")
    assert all(page.draw_all().values())
    page.run("document.querySelectorAll('.tabs button')[2].click()")
    assert page.run("return pages.map((page) => page.hidden)") == [True, True, False]
    assert all(page.draw_all().values())
    assert page.faults() == []


def test_a_phone_scrolls_in_one_direction(opened: Open, scheduled: Result) -> None:
    page = opened(scheduled, scheduled)
    page.device(390, 844)
    for key in page.run("return pages.map((page) => page.id)"):
        page.run("open(arguments[0])", key)
        page.draw_all()
        assert page.run("return document.documentElement.scrollWidth") <= 390, key


def test_print_shows_all_pages_and_then_goes_back(opened: Open, simulated: Result) -> None:
    page = opened(simulated, simulated)
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    assert page.run("return pages.some((page) => page.hidden)") is False
    widths = page.run(
        "return [...document.querySelectorAll('.main-svg')].map((s) => s.clientWidth)"
    )
    assert len(widths) > 20
    assert max(widths) <= 680
    page.run("window.dispatchEvent(new Event('afterprint'))")
    assert page.run("return pages.map((page) => page.hidden)") == [False, True, True]


def test_thousands_of_layers(opened: Open, simulated: Result, tmp_path: Path) -> None:
    page = opened(long(simulated, 4000))
    assert (tmp_path / "report.html").stat().st_size < 7 * 2**20
    marks = page.draw_all()
    assert marks["cycles"] <= 400
    assert marks["gantt"] >= 4000
    assert marks["graph-1"] >= 4000
    assert page.text(".large .where") == "1 to 25 of 4000"
    page.run(
        """
        const filter = document.querySelector(".large input");
        filter.value = "block399/";
        filter.dispatchEvent(new Event("input"));
        """
    )
    assert page.text(".large .where") == "1 to 10 of 10"
    assert page.faults() == []


NUMBERS = (0, 1, 7.5, 999, 999.6, 1e3, 12_345, 9.996, 1e-9, 0.004, 0.999, 1, 3.3e12, 2.5e-6)


def test_the_page_writes_numbers_as_python_does(opened: Open, result: Result) -> None:
    page = opened(result)
    for unit in ("", "cycles", "pJ", "B", "share", "s", "MAC", "W", "x", "mm²"):
        numbers = [n for n in NUMBERS if unit not in ("x", "mm²") or n > 1e-3]
        shown = page.run("return arguments[0].map((n) => show(n, arguments[1]))", numbers, unit)
        assert shown == [show(number, unit) for number in numbers], unit
