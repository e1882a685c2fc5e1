"""Results made by hand, whose figures a test can check by eye, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import chiploom
from chiploom.simulator.result import LayerResult, ModelSummary, Result, SpecSummary

from .browser import BROWSERS, FLAGS

CONV = LayerResult(
    name="conv",
    model="net",
    op="Conv",
    kind="compute",
    dims={"B": 1, "G": 1, "K": 8, "C": 4, "OY": 10, "OX": 10, "FY": 3, "FX": 3},
    sub_accelerator="array",
    start_cycle=0,
    cycles=2000,
    energy_by_component={
        "mac": 100.0,
        "spad.W.read": 50.0,
        "buffer.I.read": 25.0,
        "buffer.O.write": 15.0,
        "network": 10.0,
        "dram.I.read": 700.0,
        "leakage": 100.0,
    },
    macs=28_800,
    dram_bytes=4096,
    utilization=0.9,
    bound="memory:dram",
    traffic={"dram.I.read": 4096 * 8},
    mapping="K 8 on row\nfor OY 10: W buffer",
    optimal=True,
    lower_bound=1e6,
    fused=("BatchNormalization", "Relu"),
)
SOFTMAX = LayerResult(
    name="softmax",
    model="net",
    op="Softmax",
    kind="vector",
    dims={},
    sub_accelerator="array",
    start_cycle=2000,
    cycles=500,
    energy_by_component={"vector": 30.0, "dram.I.read": 60.0, "leakage": 10.0},
    macs=0,
    dram_bytes=512,
    utilization=0.0,
    bound="vector",
    note="an assumption",
)
GAP = {"op": "com.example::Mystery", "count": 2, "reason": "no rule covers it", "share": 0.25}


@pytest.fixture
def result() -> Result:
    """Two layers: 2500 cycles, 1100 pJ, 28,800 MACs on 16 PEs at 1 GHz."""
    return Result(
        models=(ModelSummary("net", 2, 28_800, 0.75, (GAP,), ("batch is bound to 1",)),),
        spec=SpecSummary(
            name="chip",
            clock_hz=1e9,
            pes=16,
            sub_accelerators=("array",),
            area_by_component={"array.pe": 1.5, "array.buffer": 0.5},
            sources={"array.pe": "measured"},
            notes=("DRAM is LPDDR4",),
        ),
        objective="edp",
        fidelity="analytic",
        layers=(CONV, SOFTMAX),
    )


@pytest.fixture
def long_result(result: Result) -> Callable[[int], Result]:
    """A result of so many layers; layer `i` takes `10 * (i + 1)` cycles."""

    def make(layers: int) -> Result:
        made, start = [], 0
        for i in range(layers):
            layer = replace(CONV, name=f"/block{i}/conv", start_cycle=start, cycles=10 * (i + 1))
            made.append(layer)
            start += layer.cycles
        return replace(result, layers=tuple(made))

    return make


@pytest.fixture(scope="session")
def simulated() -> Result:
    """A small network on one array: mappings, edges, fused operators."""
    return chiploom.simulate(
        chiploom.load_onnx("resnet9"), chiploom.load_spec("eyeriss"), effort="fast"
    )


@pytest.fixture(scope="session")
def scheduled() -> Result:
    """Two networks on two arrays, scheduled."""
    graphs = [chiploom.load_onnx(name, bits=8) for name in ("resnet9", "lstm")]
    spec = chiploom.load_spec("nasaic-w1")
    return chiploom.simulate(graphs, spec, effort="fast", schedule="list")


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    chromedriver = shutil.which("chromedriver")
    if browser is None or chromedriver is None:
        pytest.skip("no Chromium with ChromeDriver (Debian: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(chromedriver)
    started = webdriver.Chrome(options=options, service=service)
    yield started
    started.quit()
