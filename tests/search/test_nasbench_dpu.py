"""The networks of Accel-NASBench on the spec `dpu-b4096`, and the benchmark that ranks them."""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from chiploom.dataflows import load_spec
from chiploom.simulator import MappingCache, simulate

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "benchmarks" / "nasbench_dpu.py"

#: Rows of the data set (github.com/afzalxo/Accel-NASBench, anb_dataset, Apache-2.0).
ROWS = [
    {"e": "6466611", "k": "3535533", "l": "1233222", "se": "0000000",
     "macs_m": "415.361", "params_m": "2.50116", "latency_zcu102": "5.0234"},
    {"e": "6461414", "k": "5533535", "l": "1333132", "se": "1000000",
     "macs_m": "450.257", "params_m": "3.25204", "latency_zcu102": "13.6409"},
    {"e": "6116464", "k": "3333555", "l": "2332123", "se": "0000000",
     "macs_m": "459.217", "params_m": "4.734704", "latency_zcu102": "5.3195"},
    {"e": "1416611", "k": "3555333", "l": "2221233", "se": "1101100",
     "macs_m": "193.922", "params_m": "2.4506", "latency_zcu102": "4.8383"},
]  # fmt: skip


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chiploom_benchmarks_nasbench_dpu", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["e"])
def test_networks_have_the_published_parameters(script: ModuleType, row: dict[str, str]) -> None:
    choice = script.accel_nasbench_choice("row", row)
    graph = script.deployed_space().build(choice)
    assert script.parameters(graph) == round(float(row["params_m"]) * 1e6)
    assert graph.coverage == 1
    # What the data set calls multiply-accumulates counts 4 operations for every normalised element,
    # and one for every element that goes into a mean, and one for the mean.
    counted = graph.macs + 1280 * 50
    squeezed = {layer.name for layer in graph.compute_layers if "/se/reduce" in layer.name}
    for layer in graph.compute_layers:
        if layer.op == "Conv" and "/se/" not in layer.name:
            counted += 4 * layer.nest.elements("O")
        if layer.name.replace("depthwise/conv", "se/reduce") in squeezed - {layer.name}:
            counted += layer.nest["G"] * (layer.nest["OY"] * layer.nest["OX"] + 1)
    assert counted / 1e6 == pytest.approx(float(row["macs_m"]), abs=0.0006)


def test_layers_land_on_their_engines(script: ModuleType) -> None:
    """Depthwise ones at 64 multiply-accumulates a cycle; nothing else does better there."""
    graph = script.deployed_space().build(script.accel_nasbench_choice("row", ROWS[3]))
    accelerator = load_spec("dpu-b4096")
    result = simulate(graph, accelerator, objective="latency", effort="fast", schedule="list",
                      cache=MappingCache())  # fmt: skip
    for layer in result.layers:
        if "depthwise" in layer.name:
            assert layer.sub_accelerator == "depthwise"
        elif layer.macs:
            assert layer.sub_accelerator == "convolution"
    assert [sub.pes for sub in accelerator.sub_accelerators] == [2048, 64]
    # 3x3 on 96 channels of 28 x 28, as AMD's guide says: 16 channels, 4 pixels of a column.
    (third,) = (x for x in result.layers if "stage3.1/depthwise" in x.name)
    groups, positions = third.dims["G"] // 16 + (third.dims["G"] % 16 > 0), third.dims["OX"]
    ideal = groups * positions * -(-third.dims["OY"] // 4) * third.dims["FY"] * third.dims["FX"]
    assert ideal <= third.cycles < 1.1 * ideal


def test_the_benchmark_ranks_rows(tmp_path: Path) -> None:
    rows = [{**row, "latency_zcu102": str(n + 1.5)} for n, row in enumerate(ROWS)]
    data, out = written(tmp_path / "data.csv", rows), tmp_path / "out.json"
    ran = run("--data", str(data), "--count", "3", "--seed", "4", "--json", str(out))
    assert ran.returncode == 0, ran.stderr
    assert "parameters as published in 3" in ran.stdout
    found = json.loads(out.read_text())
    assert (found["seed"], found["summary"]["rows"]) == (4, 3)
    assert all(row["modelled"] > 0 for row in found["rows"])


def test_another_network_than_the_row_says(tmp_path: Path) -> None:
    rows = [{**row, "latency_zcu102": "2", "params_m": "2.5"} for row in ROWS]
    ran = run("--data", str(written(tmp_path / "data.csv", rows)), "--count", "4")
    assert ran.returncode == 1
    assert "parameters as published in 0" in ran.stdout


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (None, (), "expected Accel-NASBench as CSV, but [Errno 2]"),
        ({"top1": "3"}, (), "params_m, latency_zcu102 missing"),
        ({**ROWS[0]}, ("--count", "5"), "expected at least 5 rows with a latency, found 3"),
        ({**ROWS[0], "e": "12"}, ("--count", "3"), "expected 7 digits below 10, found '12'"),
        ({**ROWS[0], "latency_zcu102": "fast"}, ("--count", "3"),
         "row 1: latency_zcu102: expected a positive number, found 'fast'"),
        ({**ROWS[0], "e": "9999999"}, ("--count", "3"), "'e1': expected one of 1, 4, 6, found 9"),
    ],
)  # fmt: skip
def test_no_such_file_or_another(
    tmp_path: Path, change: dict[str, str] | None, arguments: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "data.csv"
    if change is not None:
        written(path, [change] * 3)
    ran = run("--data", str(path), *arguments)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_ranks_the_measured_networks(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    data = str(shared / "data" / "accel_nasbench_imagenet.csv")
    assert run("--data", data, "--count", "100", "--json", str(out)).returncode == 0
    assert json.loads(out.read_text())["summary"]["spearman"] > 0.93
