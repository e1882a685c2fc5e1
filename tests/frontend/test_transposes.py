"""Transposes: which have to be executed, and which their readers make needless."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiploom.frontend import LayerGraph, MoveLayer, load_onnx

sys.path.insert(0, str(Path(__file__).parent))
from onnx_models import constant, fused, kinds, load, moved_bits, node, only, value, weight

X = {"x": (1, 4, 8, 8)}
BITS = 4 * 8 * 8 * 32
TURN = node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1])
V = weight("v", (4, 16))


def transposes(network: LayerGraph) -> list[MoveLayer]:
    return [layer for layer in network if isinstance(layer, MoveLayer) and layer.op == "Transpose"]


@pytest.mark.parametrize(
    "reader",
    [
        node("MatMul", ["t", "v"], ["y"]),
        node("Einsum", ["t", "v"], ["y"], equation="nhwc,ck->nhwk"),
        node("Conv", ["t", "w"], ["y"]),
        node("QLinearMatMul", ["t", "s", "z", "v", "s", "z", "s", "z"], ["y"]),
    ],
    ids=lambda reader: str(reader.op_type),
)
def test_a_product_reads_it_from_where_it_lies(reader: Any) -> None:
    integer = reader.op_type == "QLinearMatMul"
    inputs = [value("x", X["x"], 3 if integer else 1)]
    weights = [weight("v", (4, 16), 3 if integer else 1), weight("w", (16, 8, 1, 1))]
    weights += [constant("s", np.float32(1)), constant("z", np.int8(0))]
    network = load([TURN, reader], inputs, ["y"], weights)
    assert only(network.layers).inputs[0] == "x"
    assert only(network.layers).nest.macs == 4 * 8 * 8 * 16
    assert set(network.tensors) >= {"x", "y"}
    assert "t" not in network.tensors


def test_views_and_further_transposes_may_lie_between() -> None:
    """Heads split off a projection and joined again."""
    nodes = [
        node("MatMul", ["x", "p"], ["q"]),
        node("Reshape", ["q", "heads"], ["h"]),
        node("Transpose", ["h"], ["t"], perm=[0, 2, 1, 3]),
        node("Transpose", ["t"], ["u"], perm=[0, 1, 3, 2]),
        node("MatMul", ["t", "u"], ["s"]),
    ]
    shape = constant("heads", np.array([1, 6, 2, 4]))
    network = load(nodes, {"x": (1, 6, 8)}, ["s"], [weight("p", (8, 8)), shape])
    assert kinds(network) == ["MatMul", "MatMul"]
    assert network.layers[1].inputs == ("q",)
    assert network.macs == 6 * 8 * 8 + 2 * 6 * 6 * 4
    assert network.dag.has_edge("q", "s")


@pytest.mark.parametrize(
    ("reader", "outputs"),
    [
        (node("Softmax", ["t"], ["y"]), ["y"]),
        (node("Add", ["t", "b"], ["y"]), ["y"]),  # another number for every column
        (node("MatMul", ["t", "v"], ["y"]), ["y", "t"]),  # it leaves the network
        (node("Relu", ["t"], ["y"]), ["y"]),  # nor may what comes of it be in another order
    ],
    ids=["softmax", "bias", "output", "end"],
)
def test_others_move(reader: Any, outputs: list[str]) -> None:
    network = load([TURN, reader], X, outputs, [V, weight("b", (4,))])
    assert len(transposes(network)) == 1
    assert moved_bits(network) == BITS


def test_one_reader_that_needs_the_order_is_enough() -> None:
    nodes = [TURN, node("MatMul", ["t", "v"], ["y"]), node("Softmax", ["t"], ["z"])]
    network = load(nodes, X, ["y", "z"], [V])
    assert len(transposes(network)) == 1
    assert [layer.inputs[0] for layer in network.layers[1:]] == ["t", "t"]


def test_a_single_factor_on_the_way_changes_nothing() -> None:
    """Queries are often scaled behind the transpose that splits the heads."""
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]),
        node("Mul", ["t", "half"], ["m"]),
        node("MatMul", ["m", "v"], ["y"]),
    ]
    weights = [weight("w", (4, 4, 1, 1)), V, constant("half", np.float32(0.5))]
    network = load(nodes, X, ["y"], weights)
    assert kinds(network) == ["Conv", "MatMul"]
    assert fused(network.layers[0]) == ["Mul"]
    assert network.layers[1].inputs == ("m", "v")


def test_a_permutation_by_einsum_is_one_too() -> None:
    turn = node("Einsum", ["x"], ["t"], equation="nchw->nhwc")
    assert kinds(load([turn, node("MatMul", ["t", "v"], ["y"])], X, ["y"], [V])) == ["MatMul"]
    assert kinds(load([turn, node("Softmax", ["t"], ["y"])], X)) == ["Einsum", "Softmax"]


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("bert-base", 0),  # 12 x (queries, keys, values, K^T is part of the keys', result)
        ("vit-b16", 1),  # the patches, which a position is added to
        ("llama-decoder-prefill", 4),  # rotated queries and keys; keys and values leave as cache
        ("llama-decoder-decode", 0),
    ],
)
def test_transposes_of_the_zoo(name: str, left: int) -> None:
    assert len(transposes(load_onnx(name))) == left
