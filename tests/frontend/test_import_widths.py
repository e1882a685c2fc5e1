"""Operand widths: from the types, from quantization around operators, or imposed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiploom.frontend import ComputeLayer, LayerGraph, OperandBits, load_onnx

sys.path.insert(0, str(Path(__file__).parent))
from node_views import vectors
from onnx_models import (
    BOOL,
    INT64,
    constant,
    fused,
    kinds,
    load,
    moved_bits,
    node,
    only,
    value,
    weight,
)

X = {"x": (1, 4, 8, 8)}


# --- quantization ----------------------------------------------------------------------------


def qdq(op: str = "Conv", after: list[Any] | None = None, last: bool = True) -> LayerGraph:
    """Input, quantized; a product of dequantized operands; its result quantized."""
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        node("DequantizeLinear", ["wq", "s", "zw"], ["wd"]),
        node(op, ["xd", "wd"], ["c"]),
        *(after or []),
    ]
    end = nodes[-1].output[0]
    if last:
        nodes += [node("QuantizeLinear", [end, "s2", "z"], ["yq"]),
                  node("DequantizeLinear", ["yq", "s2", "z"], ["y"])]  # fmt: skip
    weights = [weight("wq", (4, 4, 3, 3) if op == "Conv" else (8, 8), 3),
               constant("s", np.float32(0.1)), constant("s2", np.float32(0.2)),
               constant("z", np.uint8(0)), constant("zw", np.int8(0))]  # fmt: skip
    return load(nodes, X, ["y" if last else end], weights)


def test_operands_of_a_quantized_convolution_have_the_stored_widths() -> None:
    network = qdq()
    border, layer = network.layers
    assert border.op == "QuantizeLinear"
    assert isinstance(layer, ComputeLayer)
    assert layer.bits == OperandBits(8, 8, 32)
    assert layer.inputs[:2] == ("xq", "wq")
    # its sums are quantized; at the network's border they become real numbers again
    assert fused(layer) == ["QuantizeLinear", "DequantizeLinear"]


def test_a_relu_between_product_and_quantization() -> None:
    layer = qdq(after=[node("Relu", ["c"], ["r"])]).compute_layers[0]
    assert fused(layer) == ["Relu", "QuantizeLinear", "DequantizeLinear"]


def test_sums_that_nothing_quantizes_are_scaled_back() -> None:
    layer = qdq(last=False).compute_layers[0]
    assert layer.bits == OperandBits(8, 8, 32)
    assert [(e.work.op, e.work.simple_ops) for e in layer.fused] == [("DequantizeLinear", 2 * 144)]


def test_weights_alone_may_be_quantized() -> None:
    nodes = [
        node("DequantizeLinear", ["wq", "s"], ["wd"], axis=0, block_size=16),
        node("MatMul", ["x", "wd"], ["y"]),
    ]
    network = load(nodes, {"x": (2, 64)}, ["y"], [weight("wq", (64, 32), 22), weight("s", (4, 32))])
    layer = only(network.layers)
    assert layer.bits == OperandBits(4, 32, 32)
    # four blocks of 16 along the summed axis: four scalings of every sum
    assert [entry.work.simple_ops for entry in layer.fused] == [4 * 2 * 64]


def test_moves_between_equal_scales_run_on_integers() -> None:
    nodes = [
        node("DequantizeLinear", ["x", "s", "z"], ["d"]),
        node("Transpose", ["d"], ["t"], perm=[0, 2, 3, 1]),
        node("QuantizeLinear", ["t", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["e"]),
        node("MaxPool", ["e"], ["m"], kernel_shape=[2, 2]),
        node("QuantizeLinear", ["m", "s", "z"], ["y"]),
    ]
    weights = [constant("s", np.float32(0.1)), constant("z", np.uint8(0))]
    network = load(nodes, [value("x", (1, 4, 8, 8), 2)], ["y"], weights)
    assert kinds(network) == ["Transpose", "MaxPool"]
    assert moved_bits(network) == 256 * 8
    assert network.tensors[network.outputs[0]].bits == 8


def test_another_scale_behind_a_move_is_work() -> None:
    nodes = [
        node("DequantizeLinear", ["x", "s", "z"], ["d"]),
        node("Transpose", ["d"], ["t"], perm=[0, 2, 3, 1]),
        node("QuantizeLinear", ["t", "s2", "z"], ["y"]),
    ]
    weights = [constant("s", np.float32(0.1)), constant("s2", np.float32(0.3)),
               constant("z", np.uint8(0))]  # fmt: skip
    network = load(nodes, [value("x", (1, 4, 8, 8), 2)], ["y"], weights)
    assert "QuantizeLinear" in kinds(network)


def test_operators_in_real_numbers_keep_their_dequantization() -> None:
    nodes = [node("DequantizeLinear", ["x", "s", "z"], ["d"]), node("Softmax", ["d"], ["y"])]
    weights = [constant("s", np.float32(0.1)), constant("z", np.uint8(0))]
    network = load(nodes, [value("x", (1, 4, 8, 8), 2)], ["y"], weights)
    assert kinds(network) == ["DequantizeLinear", "Softmax"]


def test_yunet_runs_on_eight_bits_throughout(shared: Path) -> None:
    network = load_onnx(shared / "models" / "yunet_s_320_qdq_int8.onnx")
    assert len(network.compute_layers) == 53
    assert {(layer.bits.W, layer.bits.I) for layer in network.compute_layers} == {(8, 8)}
    assert not network.not_modelled


# --- widths ----------------------------------------------------------------------------------


def test_an_imposed_width_scales_everything_but_indices_and_masks() -> None:
    nodes = [
        node("Gather", ["table", "i"], ["e"]),
        node("MatMul", ["e", "w"], ["c"]),
        node("Where", ["mask", "c", "c2"], ["y"]),
        node("Softmax", ["x"], ["c2"]),
    ]
    inputs = [value("i", (5,), INT64), value("mask", (5, 6), BOOL), value("x", (5, 6))]
    weights = [weight("table", (100, 8)), weight("w", (8, 6))]
    wide, narrow = (load(nodes, inputs, ["y"], weights, bits=bits) for bits in (None, 8))
    assert narrow.compute_layers[0].bits == OperandBits(8, 8, 8)
    assert narrow.tensors["i"].bits == 64
    assert narrow.tensors["mask"].bits == 8
    assert narrow.macs == wide.macs
    assert "8 bits" in narrow.notes[-1]
    softmax = [vectors(network)[0] for network in (wide, narrow)]
    assert softmax[0].write_bits == 4 * softmax[1].write_bits


@pytest.mark.parametrize(
    ("element", "bits"),
    [(1, 32), (10, 16), (16, 16), (17, 8), (11, 64), (7, 64), (3, 8), (22, 4), (9, 8)],
)
def test_widths_of_element_types(element: int, bits: int) -> None:
    nodes = [node("Reshape", ["x", "s"], ["y"])]
    network = load(nodes, [value("x", (4,), element)], ["y"], [constant("s", np.array([2, 2]))])
    assert network.tensors["x"].bits == bits
