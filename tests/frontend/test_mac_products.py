"""Matrix products and contractions: every output is the sum that numpy's einsum takes."""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.frontend import ComputeLayer, OperandBits, VectorLayer

sys.path.insert(0, str(Path(__file__).parent))
from onnx_models import INT8, UINT8, constant, fused, load, node, only, value, weight


def dims(layer: ComputeLayer) -> tuple[int, int, int, int, int]:
    """B, G, K, C, OX; the other dims are 1."""
    b, g, k, c, oy, ox, fy, fx = layer.nest.sizes
    assert (oy, fy, fx) == (1, 1, 1)
    assert layer.nest.input_size == (1, ox)
    return b, g, k, c, ox


def matmul(a: tuple[int, ...], b: tuple[int, ...], static: str = "b") -> ComputeLayer:
    shapes = {"a": a, "b": b}
    weights = [weight(name, shape) for name, shape in shapes.items() if name in static]
    inputs = {name: shape for name, shape in shapes.items() if name not in static}
    return only(load([node("MatMul", ["a", "b"], ["y"])], inputs, ["y"], weights).layers)


@pytest.mark.parametrize(
    ("a", "b", "static", "expected"),
    [
        ((5, 7), (7, 3), "b", (1, 1, 3, 7, 5)),
        ((5, 7), (7, 3), "a", (1, 1, 5, 7, 3)),
        ((5, 7), (7, 3), "", (1, 1, 3, 7, 5)),
        ((2, 4, 5, 7), (7, 3), "b", (8, 1, 3, 7, 5)),
        ((2, 4, 5, 7), (2, 4, 7, 3), "", (1, 8, 3, 7, 5)),
        ((2, 4, 5, 7), (2, 1, 7, 3), "", (4, 2, 3, 7, 5)),
        ((2, 1, 5, 7), (2, 4, 7, 3), "", (1, 2, 12, 7, 5)),
        ((5, 7), (4, 7, 3), "", (1, 1, 12, 7, 5)),
        ((5, 7), (4, 7, 3), "a", (4, 1, 5, 7, 3)),
        ((7,), (7, 3), "b", (1, 1, 3, 7, 1)),
        ((5, 7), (7,), "b", (1, 1, 1, 7, 5)),
        ((7,), (7,), "", (1, 1, 1, 7, 1)),
        ((1, 1, 7), (1, 7, 1), "", (1, 1, 1, 7, 1)),
    ],
)
def test_matmul(
    a: tuple[int, ...], b: tuple[int, ...], static: str, expected: tuple[int, ...]
) -> None:
    layer = matmul(a, b, static)
    assert dims(layer) == expected
    assert layer.nest.macs == np.matmul(np.ones(a), np.ones(b)).size * a[-1]
    assert layer.dynamic_weights == (static == "")


@given(
    batch=st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["both", "a", "b"])), max_size=3),
    rows=st.integers(1, 4),
    inner=st.integers(1, 4),
    columns=st.integers(1, 4),
    static=st.sampled_from(["", "a", "b"]),
)
def test_matmul_counts_every_product_once(
    batch: list[tuple[int, str]], rows: int, inner: int, columns: int, static: str
) -> None:
    a = (*tuple(size if where in ("both", "a") else 1 for size, where in batch), rows, inner)
    b = (*tuple(size if where in ("both", "b") else 1 for size, where in batch), inner, columns)
    layer = matmul(a, b, static)
    output = (*np.broadcast_shapes(a[:-2], b[:-2]), rows, columns)
    assert layer.nest.macs == prod(output) * inner
    w, x = (a, b) if static == "a" else (b, a)
    assert layer.nest.elements("W") == prod(w)
    assert layer.nest.elements("I") == prod(x)
    assert layer.nest.elements("O") == prod(output)


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
def test_gemm(trans_a: int, trans_b: int) -> None:
    a, b = (5, 7)[:: 1 - 2 * trans_a], (7, 3)[:: 1 - 2 * trans_b]
    nodes = [node("Gemm", ["a", "b", "c"], ["y"], transA=trans_a, transB=trans_b)]
    layer = only(load(nodes, {"a": a}, ["y"], [weight("b", b), weight("c", (3,))]).layers)
    assert dims(layer) == (1, 1, 3, 7, 5)
    assert layer.fused == ()


def test_gemm_with_constant_left_operand() -> None:
    nodes = [node("Gemm", ["a", "b"], ["y"], transB=1)]
    layer = only(load(nodes, {"b": (3, 7)}, ["y"], [weight("a", (5, 7))]).layers)
    assert dims(layer) == (1, 1, 5, 7, 3)
    assert not layer.dynamic_weights


def test_gemm_fetches_an_addend_that_is_not_a_bias() -> None:
    nodes = [node("Gemm", ["a", "b", "c"], ["y"], beta=0.5, alpha=2.0)]
    layer = only(load(nodes, {"a": (5, 7), "b": (7, 3), "c": (5, 3)}, ["y"]).layers)
    assert [(e.work.op, e.work.simple_ops, e.read_bits) for e in layer.fused] == [
        ("Mul", 15, 0),
        ("Add", 30, 480),
    ]


def test_quantized_product() -> None:
    names = ["a", "s", "z", "b", "s", "zb", "s", "z"]
    layer = only(
        load(
            [node("QLinearMatMul", names, ["y"])],
            [value("a", (4, 6), UINT8)],
            ["y"],
            [
                weight("b", (6, 5), INT8),
                constant("s", np.float32(0.1)),
                constant("z", np.uint8(1)),
                constant("zb", np.int8(0)),
            ],
        ).layers
    )
    assert dims(layer) == (1, 1, 5, 6, 4)
    assert layer.bits == OperandBits(8, 8, 8)
    assert layer.inputs == ("a", "b")
    assert fused(layer) == ["QuantizeLinear"]


def test_integer_product_writes_int32() -> None:
    inputs = [value("a", (2, 4, 6), UINT8), value("b", (2, 6, 5), INT8)]
    layer = only(load([node("MatMulInteger", ["a", "b"], ["y"])], inputs).layers)
    assert dims(layer) == (1, 2, 5, 6, 4)
    assert layer.bits == OperandBits(8, 8, 32)
    assert layer.dynamic_weights


def einsum(equation: str, *shapes: tuple[int, ...], static: str = "") -> list[object]:
    names = "abcd"[: len(shapes)]
    inputs = {name: shape for name, shape in zip(names, shapes, strict=True) if name not in static}
    weights = [weight(name, shapes["abcd".index(name)]) for name in static]
    nodes = [node("Einsum", list(names), ["y"], equation=equation)]
    network = load(nodes, inputs, ["y"], weights)
    assert not network.not_modelled
    return list(network)


@pytest.mark.parametrize(
    ("equation", "shapes", "expected"),
    [
        ("ij,jk->ik", [(5, 7), (7, 3)], (1, 1, 3, 7, 5)),
        ("ij,jk", [(5, 7), (7, 3)], (1, 1, 3, 7, 5)),
        ("bhqd,bhkd->bhqk", [(2, 4, 5, 8), (2, 4, 6, 8)], (1, 8, 6, 8, 5)),
        ("bqhd,bkhd->bhqk", [(2, 5, 4, 8), (2, 6, 4, 8)], (1, 8, 6, 8, 5)),
        ("...ij,...jk->...ik", [(2, 3, 5, 7), (2, 3, 7, 4)], (1, 6, 4, 7, 5)),
        ("...ij,jk->...ik", [(2, 3, 5, 7), (7, 4)], (6, 1, 4, 7, 5)),
        ("bsd,dhk->bshk", [(2, 5, 8), (8, 3, 4)], (2, 1, 12, 8, 5)),
        ("i,j->ij", [(5,), (7,)], (1, 1, 7, 1, 5)),
        ("ij,ij->", [(5, 7), (5, 7)], (1, 1, 1, 35, 1)),
    ],
)
def test_einsum(equation: str, shapes: list[tuple[int, ...]], expected: tuple[int, ...]) -> None:
    (layer,) = einsum(equation, *shapes)
    assert isinstance(layer, ComputeLayer)
    assert dims(layer) == expected
    assert layer.dynamic_weights


def test_the_constant_operand_is_w() -> None:
    (layer,) = einsum("ij,jk->ik", (5, 7), (7, 3), static="a")
    assert isinstance(layer, ComputeLayer)
    assert dims(layer) == (1, 1, 5, 7, 3)
    assert not layer.dynamic_weights


def test_einsum_of_three_is_a_chain() -> None:
    first, second = einsum("ij,jk,kl->il", (5, 7), (7, 3), (3, 2))
    assert isinstance(first, ComputeLayer)
    assert isinstance(second, ComputeLayer)
    assert dims(first) == (1, 1, 3, 7, 5)
    assert dims(second) == (1, 1, 2, 3, 5)
    assert first.output in second.inputs
    assert second.output == "y"


def test_an_index_of_one_operand_alone_is_summed_before() -> None:
    total, product = einsum("ijx,jk->ik", (5, 7, 4), (7, 3))
    assert isinstance(total, VectorLayer)
    assert isinstance(product, ComputeLayer)
    assert total.work.simple_ops == 5 * 7 * 4
    assert total.write_bits == 5 * 7 * 32
    assert dims(product) == (1, 1, 3, 7, 5)
    assert total.output in product.inputs


def test_elementwise_einsum_is_no_contraction() -> None:
    (layer,) = einsum("ij,ij->ij", (5, 7), (5, 7))
    assert isinstance(layer, VectorLayer)
    assert layer.work.simple_ops == 35


def test_einsum_of_one_operand() -> None:
    (moved,) = einsum("ij->ji", (5, 7))
    assert getattr(moved, "write_bits", 0) == 35 * 32
    (total,) = einsum("ij->i", (5, 7))
    assert isinstance(total, VectorLayer)
    assert total.work.simple_ops == 35


def test_a_diagonal_is_reported() -> None:
    nodes = [node("Einsum", ["a"], ["d"], equation="ii->i"), node("Relu", ["a"], ["y"])]
    network = load(nodes, {"a": (4, 4)}, ["y", "d"])
    (entry,) = network.not_modelled
    assert entry.op == "Einsum"
    assert "diagonal" in entry.reason
    assert entry.elements == 4
    assert network.coverage == 16 / 20


letters = st.sampled_from("abcdef")


@given(
    left=st.lists(letters, min_size=1, max_size=4, unique=True),
    right=st.lists(letters, min_size=1, max_size=4, unique=True),
    data=st.data(),
)
def test_einsum_counts_what_the_indices_span(
    left: list[str], right: list[str], data: st.DataObject
) -> None:
    used = sorted({*left, *right})
    sizes = {label: data.draw(st.integers(2, 4)) for label in used}
    output = data.draw(st.lists(st.sampled_from(used), unique=True, max_size=4))
    shapes = [tuple(sizes[label] for label in term) for term in (left, right)]
    layers = einsum(f"{''.join(left)},{''.join(right)}->{''.join(output)}", *shapes)
    last = layers[-1]
    # an index of one operand alone that is not wanted is summed before the product
    alone = {x for x in used if (x in left) != (x in right) and x not in output}
    span = prod(size for label, size in sizes.items() if label not in alone)
    if isinstance(last, ComputeLayer):
        assert last.nest.macs == span
        assert last.nest.elements("O") == prod(sizes[label] for label in output)
    else:
        assert isinstance(last, VectorLayer)
        assert last.work.simple_ops == span
