"""Engines side by side on an FPGA: who takes which layer, and what that gains."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiploom.dataflows import Accelerator, load_spec, load_template
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.resources import total
from chiploom.dataflows.spec import parse_spec
from chiploom.dataflows.template import find_file
from chiploom.frontend import load_onnx
from chiploom.frontend.graph import LayerGraph
from chiploom.frontend.nest import LoopNest
from chiploom.frontend.zoo import path
from chiploom.simulator.cache import MappingCache
from chiploom.simulator.result import Result
from chiploom.simulator.simulate import simulate

from .problem_strategies import nests
from .test_winograd import convolution

CACHE = MappingCache()


def spec(text: str) -> Accelerator:
    return parse_spec(parse_document(text, "spec.yaml"), "spec")


def run(accelerator: Accelerator, graph: LayerGraph) -> Result:
    return simulate(graph, accelerator, objective="latency", effort="fast", schedule="list")


PAIR = "fpga-mobile"


def test_depthwise_layers_run_on_their_engine() -> None:
    graph = load_onnx(path("mobilenetv2"))
    pair = load_spec(PAIR)
    result = run(pair, graph)
    compute = [layer for layer in result.layers if layer.kind == "compute"]
    depthwise = [layer for layer in compute if layer.dims["G"] > 1]
    assert len(depthwise) == 17
    assert {layer.sub_accelerator for layer in depthwise} == {"depthwise"}
    pointwise = [layer for layer in compute if layer.dims["C"] * layer.dims["K"] > 64**2]
    assert {layer.sub_accelerator for layer in pointwise} == {"pointwise"}

    # one tiled engine of at least as many DSPs
    alone = find_file("specs", PAIR).read_text("utf-8")
    single = spec(alone[: alone.index("  - name: depthwise")].replace("tn: 16", "tn: 33"))
    assert single.resources.dsps >= pair.resources.dsps
    assert run(single, graph).cycles > 10 * result.cycles


def test_resources_add_up() -> None:
    pair = load_spec(PAIR)
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


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["fpga-winograd", "fpga-depthwise"]),
    nest=nests(12),
    lanes=st.tuples(st.integers(1, 6), st.integers(1, 4)),
    more=st.tuples(st.integers(0, 6), st.integers(0, 4)),
)
def test_more_multipliers_never_slow_the_best_design(
    name: str, nest: LoopNest, lanes: tuple[int, int], more: tuple[int, int]
) -> None:
    """Nor does the larger of two designs that have the smaller one's lanes and more."""

    def cycles(first: int, second: int) -> int:
        names = [parameter.name for parameter in load_template(name).parameters[:2]]
        text = (
            "device: xcu250\ndram: {bandwidth: unlimited}\nsub_accelerators:\n"
            f"  - {{name: e, template: {name}, parameters: {{{names[0]}: {first}, "
            f"{names[1]}: {second}, kernel: 7}}}}\n"
        )
        found = simulate(convolution(nest), spec(text), objective="latency", cache=CACHE)
        return found.cycles

    (first, second), (a, b) = lanes, more
    assert cycles(first + a, second + b) <= cycles(first, second)
