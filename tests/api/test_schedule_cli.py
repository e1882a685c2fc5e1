"""Networks on several sub-accelerators, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chiploom import cli

RUN = ["simulate", "resnet9", "--on", "big-little", "--bits", "8", "--effort", "fast"]


def document(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, object]:
    assert cli.main([*RUN, "--json", "-", *more]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("algorithm", ["list", "hap", "exact", "auto"])
def test_every_algorithm_answers_with_a_bound(
    algorithm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys, "--schedule", algorithm, "--objective", "energy", "--time", "5")
    schedule = found["schedule"]
    assert isinstance(schedule, dict)
    assert 0 < schedule["lower_bound"] <= schedule["value"] * (1 + 1e-9)
    layers = found["layers"]
    assert isinstance(layers, list)
    for sub in ("big", "little"):
        ends = 0
        for layer in (entry for entry in layers if entry["sub_accelerator"] == sub):
            assert layer["start_cycle"] >= ends
            ends = layer["start_cycle"] + layer["cycles"]
    totals = found["total"]
    assert isinstance(totals, dict)
    assert totals["cycles"] == max(x["start_cycle"] + x["cycles"] for x in layers)
    energy = sum(x["energy_pj"] for x in layers) + schedule["leakage_pj"]
    assert totals["energy_pj"] == pytest.approx(energy)


def test_a_longer_latency_bound_never_costs_energy(capsys: pytest.CaptureFixture[str]) -> None:
    fastest = document(capsys, "--objective", "latency", "--time", "5")["total"]["cycles"]  # type: ignore[index]
    found = []
    for factor in (1.1, 2.0):
        bound = int(fastest * factor)
        answer = document(
            capsys, "--objective", "latency", "--latency-bound", str(bound), "--time", "5"
        )
        assert answer["total"]["cycles"] <= bound  # type: ignore[index]
        found.append(answer["total"]["energy_pj"])  # type: ignore[index]
    assert found[1] <= found[0] * (1 + 1e-6)


def test_a_bound_that_cannot_be_met_is_an_honest_no(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*RUN, "--latency-bound", "1000"]) == 1
    message = capsys.readouterr().err
    assert "1000" in message.replace(",", "")
    assert "limited by" in message
    assert "Traceback" not in message


def test_the_chart_is_printed_and_the_trace_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "run.json"
    assert cli.main([*RUN, "--schedule", "list", "--trace", str(trace)]) == 0
    printed = capsys.readouterr().out
    assert "Schedule" in printed
    assert "schedule for least edp" in printed
    events = json.loads(trace.read_text())["traceEvents"]
    assert {event["args"]["name"] for event in events if event["name"] == "thread_name"} == {
        "big",
        "little",
    }


def test_frames_and_deadlines_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--schedule", "list", "--frames", "resnet9=2", "--period", "resnet9=1e6")
    found = document(capsys, *more)
    layers = found["layers"]
    assert isinstance(layers, list)
    assert {layer["frame"] for layer in layers} == {0, 1}
    assert all(layer["start_cycle"] >= 1_000_000 for layer in layers if layer["frame"] == 1)
    assert cli.main([*RUN, "--deadline", "resnet9=10", "--time", "2"]) == 1
    assert "resnet9" in capsys.readouterr().err


def test_execution_cycle_by_cycle_is_scheduled_too(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--fidelity", "cycle", "--schedule", "list")
    assert found["fidelity"] == "cycle"
    assert found["schedule"]["executed"] > 0  # type: ignore[index]
