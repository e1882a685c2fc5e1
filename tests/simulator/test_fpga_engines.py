"""Engines side by side on an FPGA: who takes which layer, and what that gains."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chiploom.dataflows import Accelerator
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.resources import total
from chiploom.dataflows.spec import parse_spec
from chiploom.frontend import load_onnx
from chiploom.frontend.graph import LayerGraph
from chiploom.frontend.zoo import path
from chiploom.simulator.result import Result
from chiploom.simulator.simulate import simulate

DOCS = Path(__file__).parents[2] / "docs" / "fpga.md"


def spec(text: str) -> Accelerator:
    return parse_spec(parse_document(text, "spec.yaml"), "spec")


def run(accelerator: Accelerator, graph: LayerGraph) -> Result:
    return simulate(graph, accelerator, objective="latency", effort="fast", schedule="list")


PAIR = next(text for text in re.findall(r"```yaml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
            if "fpga-depthwise" in text)  # fmt: skip


def test_depthwise_layers_run_on_their_engine() -> None:
    graph = load_onnx(path("mobilenetv2"))
    pair = spec(PAIR)
    result = run(pair, graph)
    compute = [layer for layer in result.layers if layer.kind == "compute"]
    depthwise = [layer for layer in compute if layer.dims["G"] > 1]
    assert len(depthwise) == 17
    assert {layer.sub_accelerator for layer in depthwise} == {"depthwise"}
    pointwise = [layer for layer in compute if layer.dims["C"] * layer.dims["K"] > 64**2]
    assert {layer.sub_accelerator for layer in pointwise} == {"pointwise"}

    # one tiled engine of at least as many DSPs
    alone = PAIR[: PAIR.index("  - {name: depthwise")].replace("tn: 16", "tn: 33")
    single = spec(alone)
    assert single.resources.dsps >= pair.resources.dsps
    assert run(single, graph).cycles > 10 * result.cycles


def test_resources_add_up() -> None:
    pair = spec(PAIR)
    assert pair.resources == total(
        part for sub in pair.sub_accelerators for part in sub.resources.values()
    )
    assert pair.device is not None
    assert not pair.device.over(pair.resources)


@pytest.mark.parametrize("columns", [1, 2])
def test_columns_share_a_slice(columns: int) -> None:
    """Two products of a weight in a DSP48E2; one column has nothing to share it with."""
    text = "device: zu9eg\nsub_accelerators:\n  - {name: e, template: fpga-depthwise, parameters: "
    (sub,) = spec(f"{text}{{channels: 4, columns: {columns}}}}}\n").sub_accelerators
    assert sub.resources["mac"].dsps == 4 * 9
