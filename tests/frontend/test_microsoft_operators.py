"""Operators of the ``com.microsoft`` domain: work, products, and their way through an import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from chiploom.frontend.graph import LayerGraph
from chiploom.frontend.lowering import MICROSOFT, CannotLower
from chiploom.frontend.onnx_import import import_model

sys.path.insert(0, str(Path(__file__).parent))
import node_views as n
from node_views import lower, only_vector, products, vectors, view


@pytest.mark.parametrize(
    ("op", "inputs", "simple", "special"),
    [
        ("Gelu", [(4, 6)], 4, 1),
        ("BiasGelu", [(4, 6), (6,)], 5, 1),
        ("FastGelu", [(4, 6)], 7, 1),
        ("FastGelu", [(4, 6), (6,)], 8, 1),
        ("QuickGelu", [(4, 6)], 3, 2),
        ("BiasAdd", [(4, 6), (6,), (4, 6)], 2, 0),
        ("BiasSplitGelu", [(4, 12), (12,)], 7, 1),
        ("SwiGLU", [(4, 6), (4, 6)], 3, 2),
        ("SwiGLU", [(4, 12)], 3, 2),
        ("QuantizeWithOrder", [(4, 6), ()], 4, 0),
        ("ComplexMul", [(4, 6), (4, 6)], 3, 0),
    ],
)
def test_elementwise(op: str, inputs: list[n.Shape], simple: int, special: int) -> None:
    layer = only_vector(view(op, inputs, [(4, 6)], domain=MICROSOFT))
    assert (layer.work.simple_ops, layer.work.special_ops) == (24 * simple, 24 * special)


@pytest.mark.parametrize(
    ("op", "tensors", "simple", "special"),
    [
        ("QLinearAdd", 2, 3 + 3 + 1 + 5, 0),
        ("QLinearMul", 2, 3 + 3 + 1 + 5, 0),
        ("QLinearSigmoid", 1, 3 + 1 + 5, 2),
        ("QLinearLeakyRelu", 1, 3 + 2 + 5, 0),
    ],
)
def test_quantized_elementwise(op: str, tensors: int, simple: int, special: int) -> None:
    triple = [((10,), 8), ((), 32), ((), 8)]
    inputs = [*triple * tensors, *triple[1:]]
    layer = only_vector(view(op, inputs, [((10,), 8)], domain=MICROSOFT))
    assert (layer.work.simple_ops, layer.work.special_ops) == (10 * simple, 10 * special)
    assert layer.read_bits == tensors * (80 + 40) + 40


def test_quantized_concatenation_and_softmax() -> None:
    scale, point = ((), 32), ((), 8)
    parts = [((2, 3), 8), scale, point, ((2, 5), 8), scale, point]
    joined = view("QLinearConcat", [scale, point, *parts], [((2, 8), 8)], domain=MICROSOFT, axis=1)
    assert only_vector(joined).work.simple_ops == 16 * (3 + 5)
    soft = view(
        "QLinearSoftmax",
        [((2, 3, 4), 8), scale, point, scale, point],
        [((2, 3, 4), 8)],
        domain=MICROSOFT,
        axis=1,
        opset=12,
    )
    assert only_vector(soft).work.special_ops == 24 + 8
    assert only_vector(soft).work.simple_ops == 24 * (3 + 4 + 5)


def run(op: str, feeds: dict[str, Any], outputs: int = 1, **attributes: Any) -> LayerGraph:
    """A model of one node, imported: arrays are weights, shapes are inputs; None is absent."""
    names = ["" if value is None else name for name, value in feeds.items()]
    inputs, weights = [], []
    for name, value in feeds.items():
        if isinstance(value, np.ndarray):
            element = helper.np_dtype_to_tensor_dtype(value.dtype)
            weights.append(helper.make_tensor(name, element, value.shape, value.ravel()))
        elif value is not None:
            inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value))
    made = [f"y{position}" for position in range(outputs)]
    node = helper.make_node(op, names, made, "node", domain=MICROSOFT, **attributes)
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in made]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    graph = helper.make_graph([node], "one", inputs, results, initializer=weights)
    return import_model(helper.make_model(graph, opset_imports=opsets))


def zeros(*shape: int, kind: Any = np.float32) -> np.ndarray[Any, Any]:
    return np.zeros(shape, kind)


def test_fused_convolutions() -> None:
    attributes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    feeds = {"x": (1, 8, 14, 14), "w": zeros(16, 8, 3, 3), "b": zeros(16), "z": (1, 16, 7, 7)}
    graph = run("FusedConv", feeds, activation="Relu", **attributes)
    (layer,) = graph.compute_layers
    assert layer.nest.macs == 16 * 8 * 9 * 49
    assert [(work.work.op, work.work.simple_ops, work.read_bits) for work in layer.fused] == [
        ("Add", 784, 784 * 32),
        ("Relu", 784, 0),
    ]
    assert layer.op == "FusedConv"
    assert "z" in layer.inputs
    last = {"x": (1, 14, 14, 8), "w": zeros(16, 8, 3, 3)}
    graph = run("NhwcConv", last, **attributes)
    assert graph.compute_layers[0].nest.sizes == layer.nest.sizes
    assert graph.tensors["y0"].shape == (1, 7, 7, 16)


@pytest.mark.parametrize(
    ("attributes", "left", "right", "shape"),
    [
        ({}, (2, 5, 6), (2, 6, 7), (2, 5, 7)),
        ({"transA": 1}, (2, 6, 5), (2, 6, 7), (2, 5, 7)),
        ({"transB": 1, "alpha": 0.5}, (2, 5, 6), (2, 7, 6), (2, 5, 7)),
        ({"transBatchA": 1, "transBatchB": 1}, (5, 2, 6), (6, 2, 7), (2, 5, 7)),
    ],
)
def test_fused_matmul(
    attributes: dict[str, Any], left: Any, right: Any, shape: tuple[int, ...]
) -> None:
    graph = run("FusedMatMul", {"a": left, "b": right}, **attributes)
    (layer,) = graph.compute_layers
    assert layer.nest.macs == 2 * 5 * 6 * 7
    assert layer.nest["G"] == 2
    assert layer.dynamic_weights
    assert graph.tensors["y0"].shape == shape
    assert len(layer.fused) == int("alpha" in attributes)


def test_fused_gemm() -> None:
    graph = run(
        "FusedGemm", {"a": (5, 6), "b": zeros(7, 6), "c": zeros(7)}, transB=1, activation="Tanh"
    )
    (layer,) = graph.compute_layers
    assert layer.nest.macs == 210
    assert [(work.work.op, work.work.special_ops) for work in layer.fused] == [("Tanh", 35)]
    fast = run("GemmFastGelu", {"a": (5, 6), "b": zeros(6, 7)})
    assert fast.compute_layers[0].fused[0].work.simple_ops == 35 * 7
    with pytest.raises(CannotLower, match="Bogus"):
        lower(view("FusedGemm", [(5, 6), (6, 7)], [(5, 7)], domain=MICROSOFT, activation="Bogus"))


def test_narrow_weights() -> None:
    """64 x 96 weights of 4 bits in blocks of 32, each dequantised once."""
    feeds = {
        "a": (2, 3, 96),
        "b": zeros(64, 3, 16, kind=np.uint8),
        "s": zeros(64 * 3),
        "z": zeros(64 * 2, kind=np.uint8),
    }
    graph = run("MatMulNBits", feeds, K=96, N=64, bits=4, block_size=32)
    (layer,) = graph.compute_layers
    assert layer.nest.sizes == (1, 1, 64, 96, 1, 6, 1, 1)
    assert layer.bits.W == 4
    assert layer.nest.elements("W") * 4 == zeros(64, 3, 16).size * 8
    (work,) = layer.fused
    assert work.work.simple_ops == 64 * 96 * 3
    assert work.read_bits == 192 * 32 + 128 * 8
    with pytest.raises(CannotLower, match="K = 64"):
        lower(view("MatMulNBits", [(2, 96), (4,), (4,)], [(2, 8)], domain=MICROSOFT, K=64, N=8))


def test_dynamically_quantized_product() -> None:
    feeds = {"a": (5, 6), "b": zeros(6, 7, kind=np.int8), "s": zeros(), "p": None, "c": zeros(7)}
    graph = run("DynamicQuantizeMatMul", feeds)
    quantize = vectors(graph.layers)[0]
    assert quantize.write_bits == 30 * 8
    (layer,) = products(graph.layers)
    assert (layer.bits.W, layer.bits.I) == (8, 8)
    assert layer.inputs[0] == quantize.output
    assert layer.fused[0].work.simple_ops == 35 * 4


def test_attention_through_an_import() -> None:
    feeds = {"x": (2, 5, 12), "w": zeros(12, 36), "b": zeros(36)}
    graph = run("Attention", feeds, num_heads=3)
    macs = 10 * 36 * 12 + 2 * (2 * 3 * 5 * 5 * 4)
    assert graph.macs == macs
    assert graph.coverage == 1.0
    assert graph.tensors["y0"].shape == (2, 5, 12)
    assert not graph.compute_layers[0].fused  # the bias is where accumulators start


def test_grouped_attention_through_an_import() -> None:
    cache = (1, 2, 9, 8)
    feeds = {
        "q": (1, 1, 32),
        "k": (1, 1, 16),
        "v": (1, 1, 16),
        "pk": cache,
        "pv": cache,
        "seq": np.array([9], np.int32),
        "total": np.array(10, np.int32),
    }
    graph = run("GroupQueryAttention", feeds, outputs=3, num_heads=4, kv_num_heads=2)
    assert graph.macs == 2 * 4 * 10 * 8
    assert graph.tensors["y1"].shape == (1, 2, 10, 8)


@pytest.mark.parametrize(
    ("op", "feeds", "attributes", "shape"),
    [
        ("MultiHeadAttention", {"q": (2, 5, 12), "k": (2, 7, 12), "v": (2, 7, 24)},
         {"num_heads": 3}, (2, 5, 24)),
        ("SkipLayerNormalization", {"x": (2, 5, 8), "s": (2, 5, 8), "g": zeros(8)}, {}, (2, 5, 8)),
        ("BiasSplitGelu", {"x": (2, 5, 8), "b": zeros(8)}, {}, (2, 5, 4)),
        ("RelativePositionBias",
         {"t": (32, 4), "q": np.array(5, np.int64), "k": np.array(5, np.int64)},
         {"max_distance": 128}, (1, 4, 5, 5)),
        ("GroupNorm", {"x": (2, 8, 8, 6), "g": zeros(6), "b": zeros(6)},
         {"groups": 3, "activation": 1}, (2, 8, 8, 6)),
        ("QuickGelu", {"x": (3, 4)}, {}, (3, 4)),
        ("GatherBlockQuantized",
         {"t": zeros(30, 16, kind=np.uint8), "i": np.array([1, 2, 3], np.int64), "s": (30, 2)},
         {"block_size": 16, "bits": 4}, (3, 32)),
    ],
)  # fmt: skip
def test_shapes_through_an_import(
    op: str, feeds: dict[str, Any], attributes: dict[str, Any], shape: tuple[int, ...]
) -> None:
    graph = run(op, feeds, **attributes)
    assert graph.not_modelled == ()
    assert graph.tensors["y0"].shape == shape
    assert len(graph) >= 1
