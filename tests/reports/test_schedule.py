"""Schedules on the terminal and as a trace."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from chiploom.reports.gantt import print_gantt
from chiploom.reports.summary import print_result
from chiploom.reports.trace import trace_events, trace_text
from chiploom.simulator.result import (
    LayerResult,
    ModelSummary,
    Result,
    ScheduleSummary,
    SpecSummary,
)


def layer(name: str, model: str, sub: str, start: int, cycles: int) -> LayerResult:
    return LayerResult(
        name,
        model,
        "Conv",
        "compute",
        {},
        sub,
        start,
        cycles,
        {"mac": 5.0},
        100,
        64,
        0.5,
        "compute",
    )


def scheduled() -> Result:
    """Two networks on two arrays: 0-40 and 40-100 on one, 0-70 on the other."""
    summary = ScheduleSummary(
        "exact", "makespan", 100.0, 100.0, True, None, 100, 50.0,
        {"one": 1.0, "two": 0.7}, ((0, 24.0), (40, 16.0), (70, 8.0), (100, 0.0)), ("a remark",),
    )  # fmt: skip
    spec = SpecSummary("pair", 1e9, 8, ("one", "two"), {}, {})
    models = (ModelSummary("net", 2, 200, 1.0), ModelSummary("<other>", 1, 100, 1.0))
    layers = (
        layer("a", "net", "one", 0, 40),
        layer("b", "<other>", "two", 0, 70),
        layer("c", "net", "one", 40, 60),
    )
    return Result(models, spec, "latency", "analytic", layers, summary)


def printed(result: Result, width: int = 60) -> str:
    text = io.StringIO()
    print_gantt(result, Console(file=text, width=width))
    return text.getvalue()


def test_a_line_per_array_shows_who_works_when() -> None:
    one, two = (
        next(line for line in printed(scheduled()).splitlines() if line.startswith(name))
        for name in ("one", "two")
    )
    assert set(one.split()[1]) == {"A"}
    assert one.endswith("100%")
    cells = two.split()[1]
    assert cells.count("B") / len(cells) == pytest.approx(0.7, abs=0.03)
    assert cells.rstrip("·").endswith("B")
    assert two.endswith("70%")


def test_the_dram_falls_as_less_runs() -> None:
    line = next(line for line in printed(scheduled()).splitlines() if line.startswith("DRAM"))
    levels = line[5:].rstrip()
    assert levels[0] == "█"
    assert levels[-1] in "▂▃"
    assert [*levels] == sorted(levels, reverse=True)


def test_the_chart_fits_its_terminal_and_names_stay_text() -> None:
    for width in (40, 60, 200):
        text = printed(scheduled(), width)
        assert max(map(len, text.splitlines())) <= width
        assert "<other>" in text


def test_the_report_has_the_chart_and_what_is_proven() -> None:
    text = io.StringIO()
    print_result(scheduled(), Console(file=text, width=100))
    assert "Schedule" in text.getvalue()
    assert "proven best" in text.getvalue()
    result = scheduled()
    assert result.schedule is not None
    open_ = replace(result, schedule=replace(result.schedule, optimal=False, lower_bound=80.0))
    text = io.StringIO()
    print_result(open_, Console(file=text, width=100))
    assert "at most 25.00% above the best" in text.getvalue().replace("\n", " ").replace("  ", " ")


def test_leakage_is_in_the_totals_once() -> None:
    result = scheduled()
    assert result.energy_by_component == {"leakage": 50.0, "mac": 15.0}
    assert result.energy_pj == 65.0
    assert result.to_json()["schedule"]["leakage_pj"] == 50.0


def test_a_trace_has_a_track_per_array_and_a_counter() -> None:
    events = trace_events(scheduled())
    named = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    spans = {e["name"]: e for e in events if e["ph"] == "X"}
    assert named == {1: "one", 2: "two"}
    assert spans["c"]["tid"] == 1
    assert spans["c"]["ts"] == pytest.approx(0.04)  # microseconds at 1 GHz
    assert spans["c"]["dur"] == pytest.approx(0.06)
    assert spans["b"]["cat"] == "<other>"
    counter = [(e["ts"], e["args"]["GB/s"]) for e in events if e["ph"] == "C"]
    assert counter[0] == (0.0, pytest.approx(3.0))
    assert counter[-1] == (pytest.approx(0.1), 0.0)
    for track in named:
        ends = 0.0
        for event in sorted(
            (e for e in spans.values() if e["tid"] == track), key=lambda e: e["ts"]
        ):
            assert event["ts"] >= ends - 1e-12
            ends = event["ts"] + event["dur"]


def test_a_trace_is_a_file_that_json_reads() -> None:
    document = json.loads(trace_text(scheduled()))
    assert document["displayTimeUnit"] == "ns"
    assert {event["ph"] for event in document["traceEvents"]} == {"M", "X", "C"}


def test_without_a_schedule_the_counter_has_the_mean_of_each_layer() -> None:
    result = replace(scheduled(), schedule=None)
    counter = [e for e in trace_events(result) if e["ph"] == "C"]
    assert counter[0]["args"]["GB/s"] == pytest.approx(64 / 40)  # bytes per cycle at 1 GHz
    assert counter[-1]["args"]["GB/s"] == 0.0
