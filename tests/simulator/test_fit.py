"""Fitting a template to a device: against brute force, and against published designs."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest

import chiploom
from chiploom.dataflows.accelerator import Accelerator
from chiploom.dataflows.document import Document
from chiploom.dataflows.spec import parse_spec
from chiploom.dataflows.template import find_file
from chiploom.frontend.graph import ComputeLayer, LayerGraph
from chiploom.simulator.cache import MappingCache
from chiploom.simulator.errors import DoesNotFitError
from chiploom.simulator.fabric import expect_fit
from chiploom.simulator.fit import fit, least_cycles, on_device
from chiploom.simulator.layers import problem_of
from chiploom.simulator.reader import result_from_json

FIXED = {"kernel": 11, "stride": 4, "tr": 13, "tc": 13, "vector_lanes": 1}
#: Milliseconds on the board: Zhang et al., FPGA 2015, table 5.
PUBLISHED_MS = 21.61


@pytest.fixture(scope="module")
def convolutions() -> LayerGraph:
    return chiploom.load_onnx("alexnet-convolutions")


def closed_form(layer: ComputeLayer, tm: int, tn: int, depth: int) -> int:
    """Of the paper, with passes over tiles that hold a whole map."""
    n = layer.nest
    passes = n["G"] * math.ceil(n["K"] / tm) * math.ceil(n["C"] / tn)
    return passes * (n["OY"] * n["OX"] * n["FY"] * n["FX"] + depth)


@pytest.mark.parametrize("fidelity", ["analytic", "cycle"])
def test_the_published_design_takes_the_published_time(
    convolutions: LayerGraph, fidelity: str
) -> None:
    accelerator = chiploom.load_spec("fpga15-vc707")
    result = chiploom.simulate(convolutions, accelerator, objective="latency", fidelity=fidelity)  # type: ignore[arg-type]
    assert result.seconds * 1e3 == pytest.approx(PUBLISHED_MS, rel=0.08)


@pytest.mark.parametrize(("tm", "tn"), [(64, 7), (48, 3), (32, 15)])
@pytest.mark.parametrize("kernel", [3, 5, 11])
@pytest.mark.parametrize("fidelity", ["analytic", "cycle"])
def test_cycles_are_those_of_the_closed_form(
    convolutions: LayerGraph, tm: int, tn: int, kernel: int, fidelity: str
) -> None:
    """Where a map and a filter fit the buffers and the DRAM is no limit, but for the first fill
    and the last drain."""
    parameters = {"tm": tm, "tn": tn, "tr": 56, "tc": 56, "kernel": kernel}
    dram = {"type": "DDR3", "bandwidth": "10000 GB/s", "latency": "0 cycles"}
    engine = {"name": "engine", "template": "fpga-tiled", "parameters": parameters}
    data = {"technology": {"node": "28 nm"}, "clock": "100 MHz", "dram": dram,
            "sub_accelerators": [engine]}  # fmt: skip
    accelerator = parse_spec(Document("x", data, {}), "x")
    result = chiploom.simulate(
        convolutions, accelerator, objective="latency", fidelity=fidelity  # type: ignore[arg-type]
    )  # fmt: skip
    for layer, found in zip(convolutions.compute_layers, result.layers, strict=True):
        if layer.nest["FY"] == kernel:
            expected = closed_form(layer, tm, tn, 29)
            # A bank is filled, and drained, a word a cycle.
            ends = layer.nest["FY"] ** 2 + 227 * 227 + layer.nest["OY"] * layer.nest["OX"]
            assert expected <= found.cycles <= expected + ends


def test_the_papers_choice_is_the_best_of_its_space(convolutions: LayerGraph) -> None:
    """Its table 4 has no more than 480 multipliers, of five DSPs each."""
    _, result = fit(
        [convolutions], "fpga-tiled", "xc7vx485t", {"vector_lanes": 1},
        limits={"dsps": 480 * 5 + 5},
    )  # fmt: skip
    assert result.fit is not None
    assert result.fit.optimal
    assert (result.fit.parameters["tm"], result.fit.parameters["tn"]) == (64, 7)


def test_no_design_that_fits_is_faster(convolutions: LayerGraph) -> None:
    """By brute force on a device of few DSPs."""
    cache = MappingCache()
    limits = {"dsps": 65.0}
    _, found = fit([convolutions], "fpga-tiled", "xc7vx485t", FIXED, limits=limits, cache=cache)
    assert found.fit is not None
    assert found.fit.optimal
    least = math.inf
    for tm, tn in itertools.product(range(1, 13), range(1, 13)):
        accelerator = on_device("fpga-tiled", "xc7vx485t", {**FIXED, "tm": tm, "tn": tn})
        if accelerator.resources.dsps <= limits["dsps"]:
            result = chiploom.simulate(convolutions, accelerator, objective="latency", cache=cache)
            least = min(least, result.cycles)
            assert bound(convolutions, accelerator) <= result.cycles
    assert found.cycles == least


def test_a_template_of_ones_own_is_fitted(convolutions: LayerGraph, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_bytes(find_file("templates", "fpga-tiled").read_bytes())
    limits = {"dsps": 30.0}
    _, shipped = fit([convolutions], "fpga-tiled", "xc7vx485t", FIXED, limits=limits)
    _, found = fit([convolutions], str(own), "xc7vx485t", FIXED, limits=limits)
    assert found.fit == shipped.fit


def test_modes_are_fitted_too(convolutions: LayerGraph) -> None:
    """Either tile of the Winograd engine, by brute force."""
    fixed = {**FIXED, "vector_lanes": 1}
    limits, cache = {"dsps": 110.0}, MappingCache()
    _, found = fit([convolutions], "fpga-winograd", "zu9eg", fixed, limits=limits, cache=cache)
    assert found.fit is not None
    assert found.fit.optimal
    least = math.inf
    for tile, tm, tn in itertools.product((2, 4), range(1, 7), range(1, 7)):
        values = {**fixed, "tile": tile, "tm": tm, "tn": tn}
        accelerator = on_device("fpga-winograd", "zu9eg", values)
        if accelerator.resources.dsps <= limits["dsps"]:
            result = chiploom.simulate(convolutions, accelerator, objective="latency", cache=cache)
            least = min(least, result.cycles)
            assert bound(convolutions, accelerator) <= result.cycles
    assert found.cycles == least


def bound(graph: LayerGraph, accelerator: Accelerator) -> int:
    (sub,) = accelerator.sub_accelerators
    return sum(least_cycles(problem_of(one, sub, accelerator)) for one in graph.compute_layers)


def test_more_slices_never_slow_the_fitted_design(convolutions: LayerGraph) -> None:
    cache, cycles = MappingCache(), []
    for dsps in (20, 45, 80, 160):
        _, result = fit(
            [convolutions], "fpga-tiled", "xc7vx485t", FIXED, limits={"dsps": dsps}, cache=cache
        )
        assert result.spec.device is not None
        assert result.spec.device.total["dsps"] <= dsps
        cycles.append(result.cycles)
    assert cycles == sorted(cycles, reverse=True)


def test_what_does_not_fit_is_named(convolutions: LayerGraph) -> None:
    accelerator = on_device("fpga-tiled", "xc7z020", {})
    with pytest.raises(DoesNotFitError) as error:
        expect_fit(accelerator)
    assert "DSPs: 2,245 of 220, 2,025 too many (most by engine.mac: 2,240)" in str(error.value)
    with pytest.raises(DoesNotFitError):
        chiploom.simulate(convolutions, accelerator)
    with pytest.raises(DoesNotFitError, match="nothing fits within the limits"):
        fit([convolutions], "fpga-tiled", "xc7vx485t", limits={"dsps": 1})


@pytest.mark.parametrize(("clock", "code"), [("150 MHz", "more than"), ("600 MHz", "reaches")])
def test_a_clock_that_is_hardly_or_never_reached(
    convolutions: LayerGraph, clock: str, code: str
) -> None:
    engine = {"name": "e", "template": "fpga-tiled"}
    data = {"device": "xc7vx485t", "clock": clock, "sub_accelerators": [engine]}
    accelerator = parse_spec(Document("x", data, {}), "x")
    if code == "reaches":
        with pytest.raises(DoesNotFitError, match="its block RAM reaches 543 MHz"):
            chiploom.simulate(convolutions, accelerator)
    else:
        result = chiploom.simulate(convolutions, accelerator, objective="latency")
        assert any("150 MHz is more than designs reach" in note for note in result.spec.notes)


def test_resources_survive_the_file(convolutions: LayerGraph) -> None:
    _, result = fit([convolutions], "fpga-tiled", "xc7vx485t", FIXED, limits={"dsps": 30})
    again = result_from_json(json.loads(result.json_text()))
    assert again.spec.device == result.spec.device
    assert again.fit == result.fit
    document = result.to_json()["resources"]
    for name, there in document["available"].items():
        assert document["used"][name] + document["left"][name] == there
