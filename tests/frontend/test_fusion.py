"""Elementwise work fused into the layers that make its operands."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from chiploom.frontend import VectorLayer
from chiploom.frontend.onnx_import import elaborated, import_model, normalised
from chiploom.frontend.operators.costs import ELEMENT
from chiploom.frontend.passes.fuse import ELEMENTWISE, fuse

sys.path.insert(0, str(Path(__file__).parent))
from onnx_models import BOOL, INT8, constant, fused, kinds, load, model, node, only, value, weight

X = {"x": (1, 4, 8, 8)}
CONV = node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1])
W = weight("w", (4, 4, 3, 3))
BITS = 4 * 8 * 8 * 32  # of x, and of every tensor of its shape


def test_a_residual_addition_is_fused_into_the_later_producer() -> None:
    nodes = [
        CONV,
        node("Conv", ["c", "v"], ["d"], pads=[1, 1, 1, 1]),
        node("Add", ["c", "d"], ["s"]),
        node("Relu", ["s"], ["y"]),
    ]
    network = load(nodes, X, ["y"], [W, weight("v", (4, 4, 3, 3))])
    first, second = network.compute_layers
    assert first.fused == ()
    assert [(e.work.op, e.read_bits) for e in second.fused] == [("Add", BITS), ("Relu", 0)]
    assert second.inputs == ("c", "v")
    assert network.dag.has_edge("c", "d")


@pytest.mark.parametrize("swap", [False, True])
def test_swish_written_as_two_operators(swap: bool) -> None:
    nodes = [
        CONV,
        node("Sigmoid", ["c"], ["s"]),
        node("Mul", ["s", "c"] if swap else ["c", "s"], ["y"]),
    ]
    layer = only(load(nodes, X, ["y"], [W]).layers)
    assert [(entry.work.op, entry.read_bits) for entry in layer.fused] == [
        ("Sigmoid", 0),
        ("Mul", 0),
    ]


def test_gelu_written_out() -> None:
    nodes = [
        CONV,
        node("Div", ["c", "root"], ["a"]),
        node("Erf", ["a"], ["b"]),
        node("Add", ["b", "one"], ["d"]),
        node("Mul", ["c", "d"], ["e"]),
        node("Mul", ["e", "half"], ["y"]),
    ]
    constants = [constant(name, np.float32(1)) for name in ("root", "one", "half")]
    layer = only(load(nodes, X, ["y"], [W, *constants]).layers)
    assert fused(layer) == ["Div", "Erf", "Add", "Mul", "Mul"]


def test_a_region_that_does_not_come_back_to_one_tensor_is_left() -> None:
    nodes = [CONV, node("Sigmoid", ["c"], ["s"]), node("Softmax", ["c"], ["t"]),
             node("Mul", ["s", "t"], ["y"])]  # fmt: skip
    network = load(nodes, X, ["y"], [W])
    assert network.compute_layers[0].fused == ()
    assert kinds(network)[0] == "Conv"
    assert sum(isinstance(layer, VectorLayer) for layer in network) == 2


def test_an_operand_that_is_made_later_is_not_fused() -> None:
    """Squeeze and excite: the gate is computed from the very tensor that it multiplies."""
    nodes = [
        CONV,
        node("GlobalAveragePool", ["c"], ["g"]),
        node("Sigmoid", ["g"], ["s"]),
        node("Mul", ["c", "s"], ["y"]),
    ]
    network = load(nodes, X, ["y"], [W])
    assert kinds(network) == ["Conv", "GlobalAveragePool", "Mul"]
    assert fused(network.layers[1]) == ["Sigmoid"]


def test_fusion_does_not_reach_over_an_output_of_the_network() -> None:
    network = load([CONV, node("Relu", ["c"], ["y"])], X, ["y", "c"], [W])
    assert kinds(network) == ["Conv", "Relu"]


def test_fusion_into_a_vector_layer_writes_the_last_tensor() -> None:
    nodes = [node("Softmax", ["x"], ["s"]), node("Cast", ["s"], ["y"], to=10)]
    (layer,) = load(nodes, X)
    assert isinstance(layer, VectorLayer)
    assert fused(layer) == ["Cast"]
    assert layer.write_bits == BITS // 2


def test_a_broadcast_result_is_not_fused() -> None:
    nodes = [node("GlobalAveragePool", ["x"], ["g"]), node("Add", ["g", "x"], ["y"])]
    assert kinds(load(nodes, X)) == ["GlobalAveragePool", "Add"]


def test_work_is_neither_lost_nor_doubled_by_fusion() -> None:
    made = model([CONV, node("Sigmoid", ["c"], ["s"]), node("Mul", ["c", "s"], ["m"]),
                  node("Add", ["m", "x"], ["y"])], X, ["y"], [W])  # fmt: skip
    program = normalised(elaborated(made, None), None)
    from chiploom.frontend.onnx_import import _tensors
    from chiploom.frontend.passes.lower import lower

    layers = lower(program).layers
    tensors = _tensors(program, layers)

    def work(entries: Any) -> tuple[int, int]:
        items = [e.work for layer in entries for e in getattr(layer, "fused", ())]
        items += [layer.work for layer in entries if isinstance(layer, VectorLayer)]
        return sum(item.simple_ops for item in items), sum(item.special_ops for item in items)

    assert work(fuse(layers, tensors, program.outputs)) == work(layers)
    assert work(layers) == (256 * 3, 256 * 2)


def test_every_operator_with_a_cost_per_element_is_elementwise() -> None:
    assert frozenset(ELEMENT) < ELEMENTWISE


@pytest.mark.parametrize(
    "domain",
    [
        "com.microsoft",
        pytest.param(
            "",
            marks=pytest.mark.skipif(
                onnx.defs.onnx_opset_version() < 28, reason="this onnx does not know SwiGLU"
            ),
        ),
    ],
)
def test_a_gated_unit_is_fused_into_the_later_projection(domain: str) -> None:
    nodes = [
        node("MatMul", ["x", "a"], ["gate"]),
        node("MatMul", ["x", "b"], ["up"]),
        node("SwiGLU", ["gate", "up"], ["y"], domain=domain),
    ]
    weights = [weight("a", (8, 16)), weight("b", (8, 16))]
    network = load(nodes, {"x": (6, 8)}, ["y"], weights, opset=21 if domain else 28)
    assert kinds(network) == ["MatMul", "MatMul"]
    (work,) = network.compute_layers[1].fused
    assert (work.work.op, work.read_bits) == ("SwiGLU", 6 * 16 * 32)


def test_a_gated_unit_of_two_halves_needs_both_and_is_not_fused() -> None:
    nodes = [
        node("MatMul", ["x", "a"], ["both"]),
        node("SwiGLU", ["both"], ["y"], domain="com.microsoft"),
    ]
    assert kinds(load(nodes, {"x": (6, 8)}, ["y"], [weight("a", (8, 32))])) == ["MatMul", "SwiGLU"]


SCALE = ["s", "z"]


@pytest.mark.parametrize(
    ("op", "inputs", "read_elements"),
    [
        ("QLinearAdd", ["c", *SCALE, "r", *SCALE, *SCALE], 256),
        ("QLinearMul", ["c", *SCALE, "r", *SCALE, *SCALE], 256),
        ("QLinearSigmoid", ["c", *SCALE, *SCALE], 0),
        ("QLinearLeakyRelu", ["c", *SCALE, *SCALE], 0),
        ("QLinearWhere", ["mask", "c", *SCALE, "r", *SCALE, *SCALE], 2 * 256),
    ],
)
def test_quantized_elementwise_work_is_fused(
    op: str, inputs: list[str], read_elements: int
) -> None:
    extra = {"alpha": 0.1} if op == "QLinearLeakyRelu" else {}
    nodes = [
        node("QLinearConv", ["x", *SCALE, "w", *SCALE, *SCALE], ["c"]),
        node(op, inputs, ["y"], domain="com.microsoft", **extra),
    ]
    shape = (1, 4, 8, 8)
    values = [value("x", shape, INT8), value("r", shape, INT8), value("mask", shape, BOOL)]
    weights = [weight("w", (4, 4, 1, 1), INT8)]
    weights += [constant("s", np.float32(0.1)), constant("z", np.int8(0))]
    layer = only(load(nodes, values, ["y"], weights).layers)
    _, work = layer.fused  # behind the product's own requantisation
    assert work.work.op == op
    assert work.read_bits == read_elements * 8 + 32 + 8  # and a scale and a zero point
    assert layer.output == "y"


def test_a_chain_fuses_in_time_linear_in_its_length() -> None:
    def seconds(length: int) -> float:
        nodes = [node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(length)]
        made = model(nodes, {"t0": (1, 4)}, [f"t{length}"])
        start = time.process_time()
        (layer,) = import_model(made).layers
        assert len(fused(layer)) == length - 1
        return time.process_time() - start

    seconds(200)
    assert seconds(8000) < 8 * seconds(2000)  # 4 times the nodes; 16 times if quadratic
