"""Real networks on the shipped accelerators: they run, and their numbers hold together.

By default every network runs on a systolic array, those of the zoo on Eyeriss too, with little
effort; `pytest -m slow` runs every network on every accelerator as the command line does.
"""

from __future__ import annotations

import json
import math
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest

from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import Accelerator
from chiploom.frontend import LayerGraph, load_onnx, zoo
from chiploom.frontend.graph import ComputeLayer
from chiploom.frontend.nest import OPERANDS
from chiploom.simulator import Result, simulate
from chiploom.simulator.mapper import EffortName
from chiploom.simulator.validation.fidelity import lone_specs

sys.path.insert(0, str(Path(__file__).parents[1] / "frontend"))
from mac_counter import count_macs

LIGHT = sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("*.onnx"))
SHARED = ("stream_attention_head", "stream_resnet18", "yunet_s_320_qdq_int8")
NETWORKS = (*zoo.names(), *(file.stem for file in LIGHT), *SHARED)
QUICK = [(name, "gemmini-16x16") for name in NETWORKS]
QUICK += [(name, "eyeriss") for name in zoo.names()]


@cache
def schema() -> dict[str, Any]:
    text = files("chiploom.simulator").joinpath("result.schema.json").read_text()
    document: dict[str, Any] = json.loads(text)
    return document


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Path:
    """The file of a network by its name."""
    name = str(request.param)
    if name in zoo.names():
        return zoo.path(name)
    if name in SHARED:
        folder: Path = request.getfixturevalue("shared")
        return folder / "models" / f"{name}.onnx"
    return next(file for file in LIGHT if file.stem == name)


def simulated(file: Path, spec: str, effort: EffortName) -> None:
    graph, accelerator = load_onnx(file), load_spec(spec)
    assert graph.macs == count_macs(file)
    assert graph.coverage == 1.0
    result = simulate(graph, accelerator, effort=effort)
    assert result.coverage == 1.0
    check_totals(result, graph)
    check_layers(result, graph, accelerator)
    document = json.loads(result.json_text())
    jsonschema.validate(document, schema())
    assert document["total"]["macs"] == graph.macs


def check_totals(result: Result, graph: LayerGraph) -> None:
    """The totals are the sums of the layers, which run one after the other."""
    assert [layer.name for layer in result.layers] == [layer.name for layer in graph]
    assert result.macs == graph.macs == sum(layer.macs for layer in result.layers)
    end = 0
    for layer in result.layers:
        assert layer.start_cycle == end
        end += layer.cycles
    assert result.cycles == end
    assert result.dram_bytes == sum(layer.dram_bytes for layer in result.layers)
    assert math.isclose(result.energy_pj, sum(layer.energy_pj for layer in result.layers))
    assert math.isclose(result.energy_pj, sum(result.energy_by_component.values()))
    assert math.isclose(result.area_mm2, sum(result.spec.area_by_component.values()))


def check_layers(result: Result, graph: LayerGraph, accelerator: Accelerator) -> None:
    subs = {sub.name: sub for sub in accelerator.sub_accelerators}
    for cost, layer in zip(result.layers, graph, strict=True):
        sub = subs[cost.sub_accelerator]
        assert cost.cycles * sub.pes >= cost.macs * sub.cycles_per_mac, cost.name
        assert all(energy > 0 for energy in cost.energy_by_component.values()), cost.name
        if not isinstance(layer, ComputeLayer):
            continue
        assert cost.macs == layer.nest.macs
        assert 0 < cost.utilization <= 1
        assert cost.mapping
        widths = {operand: min(layer.bits.of(operand), getattr(sub.precision, operand))
                  for operand in OPERANDS}  # fmt: skip
        once = sum(layer.nest.elements(operand) * widths[operand] for operand in OPERANDS)
        assert cost.dram_bytes * 8 >= once, cost.name
        if not layer.fused:
            value = cost.cycles * cost.energy_pj
            assert cost.lower_bound <= value * (1 + 1e-9), cost.name
            assert not cost.optimal or cost.lower_bound >= value * (1 - 1e-6), cost.name


@pytest.mark.parametrize(("network", "spec"), QUICK, indirect=["network"])
def test_networks(network: Path, spec: str) -> None:
    simulated(network, spec, "fast")


@pytest.mark.slow
@pytest.mark.parametrize("spec", lone_specs())
@pytest.mark.parametrize("network", NETWORKS, indirect=True)
def test_every_network_on_every_accelerator(network: Path, spec: str) -> None:
    simulated(network, spec, "normal")


def test_the_networks_are_all_there() -> None:
    assert len(LIGHT) == 9
    assert len(zoo.names()) >= 13
