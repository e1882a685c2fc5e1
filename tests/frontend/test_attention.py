"""Attention operators: nests, softmax work, caches; rotary embedding and linear attention."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.frontend.lowering import MICROSOFT, CannotLower

sys.path.insert(0, str(Path(__file__).parent))
import node_views as n
from node_views import Number, lower, moves, only_vector, products, vectors, view


def direct_attention(q: Any, k: Any, v: Any) -> tuple[np.ndarray[Any, Any], int]:
    """Attention by its loops, query heads sharing key heads: the result, and its products."""
    batch, heads, length, size = q.shape
    shared, total, value_size = k.shape[1], k.shape[2], v.shape[-1]
    macs, result = 0, np.zeros((batch, heads, length, value_size))
    for b in range(batch):
        for h in range(heads):
            g = h // (heads // shared)
            for s in range(length):
                scores = np.zeros(total)
                for t in range(total):
                    scores[t] = q[b, h, s] @ k[b, g, t] / np.sqrt(size)
                    macs += size
                weights = np.exp(scores - scores.max())
                result[b, h, s] = (weights / weights.sum()) @ v[b, g]
                macs += total * value_size
    return result, macs


@given(
    batch=st.integers(1, 2),
    shared=st.integers(1, 2),
    per=st.integers(1, 3),
    length=st.integers(1, 4),
    total=st.integers(1, 5),
    size=st.sampled_from([1, 2, 4]),
    value_size=st.sampled_from([1, 3]),
)
def test_products_of_grouped_queries(
    batch: int, shared: int, per: int, length: int, total: int, size: int, value_size: int
) -> None:
    generator = np.random.default_rng(0)
    q = generator.normal(size=(batch, shared * per, length, size)).astype(np.float32)
    k = generator.normal(size=(batch, shared, total, size)).astype(np.float32)
    v = generator.normal(size=(batch, shared, total, value_size)).astype(np.float32)
    result, macs = direct_attention(q, k, v)
    (expected,) = n.reference("Attention", {"Q": q, "K": k, "V": v})
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-5)

    layers = lower(view("Attention", [q.shape, k.shape, v.shape], [result.shape]))
    scores, context = products(layers)
    assert scores.nest.sizes == (1, batch * shared, total, size, 1, per * length, 1, 1)
    assert context.nest.sizes == (1, batch * shared, value_size, total, 1, per * length, 1, 1)
    assert scores.nest.macs + context.nest.macs == macs
    # operands are the tensors, each element once: shared keys are not repeated
    assert scores.nest.elements("W") == k.size
    assert scores.nest.elements("I") == q.size
    assert context.nest.elements("W") == v.size
    assert context.nest.elements("O") == result.size
    assert scores.dynamic_weights
    assert context.dynamic_weights


def softmax_row(values: list[Number], mask: list[float]) -> list[Number]:
    scaled = [value * 0.5 + shift for value, shift in zip(values, mask, strict=True)]
    top = Number(-1e30)
    for value in scaled:
        top = n.largest(value, top)
    powers = [n.exp(value - top) for value in scaled]
    total = Number(0.0)
    for power in powers:
        total = total + power
    factor = n.reciprocal(total)
    return [power * factor for power in powers]


def test_softmax_work_is_that_of_the_formula() -> None:
    Number.reset()
    row = softmax_row([Number(0.1), Number(2.0), Number(-1.0)], [0.0, -1.0, 0.0])
    weights = np.exp([0.05, 0.0, -0.5])
    np.testing.assert_allclose([entry.value for entry in row], weights / weights.sum())
    simple, special = Number.counts()
    layers = lower(
        view("Attention", [(1, 2, 5, 4), (1, 2, 3, 4), (1, 2, 3, 4), (5, 3)], [(1, 2, 5, 4)])
    )
    (softmax,) = vectors(layers)
    rows = 2 * 5
    assert (softmax.work.simple_ops, softmax.work.special_ops) == (rows * simple, rows * special)
    assert softmax.work.op == "Softmax"
    assert softmax.read_bits == (rows * 3 + 15) * 32
    assert softmax.write_bits == rows * 3 * 32


def test_packed_heads_causal_and_soft_cap() -> None:
    shapes = [(2, 6, 32), (2, 6, 16), (2, 6, 16)]
    layers = lower(
        view(
            "Attention",
            shapes,
            [(2, 6, 32)],
            q_num_heads=4,
            kv_num_heads=2,
            is_causal=1,
            softcap=50.0,
        )
    )
    scores, _ = products(layers)
    assert scores.nest.sizes == (1, 4, 6, 8, 1, 12, 1, 1)
    count = 2 * 4 * 6 * 6  # the whole square, causal or not
    assert vectors(layers)[0].work.simple_ops == count * (4 + 1 + 1 + 2)
    assert vectors(layers)[0].work.special_ops == count * (1 + 1) + 2 * 4 * 6
    with pytest.raises(CannotLower, match="heads"):
        lower(view("Attention", shapes, [(2, 6, 32)]))
    with pytest.raises(CannotLower, match="do not share"):
        lower(view("Attention", shapes, [(2, 6, 32)], q_num_heads=4, kv_num_heads=16))


def test_cache_takes_only_new_keys() -> None:
    """Decoding one position after 9: new keys are written, 10 are read."""
    node = view(
        "Attention",
        [(1, 4, 1, 8), (1, 2, 1, 8), (1, 2, 1, 8), None, (1, 2, 9, 8), (1, 2, 9, 8)],
        [(1, 4, 1, 8), (1, 2, 10, 8), (1, 2, 10, 8)],
        bits=16,
    )
    layers = lower(node)
    written = moves(layers)
    assert [(move.output, move.read_bits, move.write_bits) for move in written] == [
        ("out1", 2 * 8 * 16, 2 * 8 * 16),
        ("out2", 2 * 8 * 16, 2 * 8 * 16),
    ]
    scores, context = products(layers)
    assert scores.nest.sizes == (1, 2, 10, 8, 1, 2, 1, 1)
    assert scores.inputs == ("in0", "out1")
    assert context.inputs[1] == "out2"


def test_attention_that_projects() -> None:
    """batch 2, 5 positions, 12 inputs, 3 heads of 4."""
    node = view(
        "Attention",
        [(2, 5, 12), (12, 36), (36,), ((2, 5), 32)],
        [(2, 5, 12)],
        domain=MICROSOFT,
        num_heads=3,
        unidirectional=1,
    )
    layers = lower(node)
    projection, scores, context = products(layers)
    assert projection.nest.sizes == (1, 1, 36, 12, 1, 10, 1, 1)
    assert not projection.dynamic_weights
    assert projection.inputs == ("in0", "in1", "in2")
    assert [(work.work.op, work.work.simple_ops, work.read_bits) for work in projection.fused] == [
        ("Add", 360, 36 * 32)
    ]
    assert scores.nest.sizes == (1, 6, 5, 4, 1, 5, 1, 1)
    assert context.nest.sizes == (1, 6, 4, 5, 1, 5, 1, 1)
    assert scores.inputs == context.inputs[1:] == (projection.output,)
    elements = 2 * 3 * 5 * 5  # scaled, masked, causal
    assert vectors(layers)[0].work.simple_ops == elements * (4 + 1 + 1 + 1)


def test_projecting_attention_with_a_cache() -> None:
    past, present = (2, 1, 3, 7, 4), (2, 1, 3, 8, 4)
    node = view(
        "Attention",
        [(1, 1, 12), (12, 36), (36,), None, past],
        [(1, 1, 12), present],
        domain=MICROSOFT,
        num_heads=3,
    )
    layers = lower(node)
    assert products(layers)[1].nest.sizes == (1, 3, 8, 4, 1, 1, 1, 1)
    (cache,) = moves(layers)
    assert cache.write_bits == 2 * 12 * 32
    assert products(layers)[1].inputs[1] == "out1"


def test_quantized_attention() -> None:
    eight, real = ((12, 36), 8), (1,)
    node = view(
        "QAttention",
        [((1, 5, 12), 8), eight, (36,), real, real, None, ((1,), 8), ((1,), 8)],
        [(1, 5, 12)],
        domain=MICROSOFT,
        num_heads=3,
    )
    projection, *_ = products(lower(node))
    assert (projection.bits.W, projection.bits.I, projection.bits.O) == (8, 8, 32)
    assert [work.work.op for work in projection.fused] == ["DequantizeLinear", "Add"]
    assert projection.fused[0].read_bits == 32 + 32 + 8 + 8


@pytest.mark.parametrize(
    ("inputs", "expected_layers"),
    [
        ([(2, 5, 12), (2, 7, 12), (2, 7, 24)], []),
        ([(2, 5, 12), (2, 3, 7, 4), (2, 3, 7, 8)], []),
        ([(2, 5, 12), (2, 7, 12), (2, 7, 24), (48,)], [(120, 12), (168, 12), (336, 24)]),
    ],
)
def test_multi_head_attention(
    inputs: list[n.Shape], expected_layers: list[tuple[int, int]]
) -> None:
    node = view("MultiHeadAttention", inputs, [(2, 5, 24)], domain=MICROSOFT, num_heads=3)
    layers = lower(node)
    scores, context = products(layers)
    assert scores.nest.sizes == (1, 6, 7, 4, 1, 5, 1, 1)
    assert context.nest.sizes == (1, 6, 8, 7, 1, 5, 1, 1)
    biases = vectors(layers)[:-1]
    assert [(layer.work.simple_ops, layer.read_bits // 32) for layer in biases] == [
        (count, count + channels) for count, channels in expected_layers
    ]


def test_multi_head_attention_packed() -> None:
    packed = view(
        "MultiHeadAttention", [(2, 5, 3, 3, 4)], [(2, 5, 12)], domain=MICROSOFT, num_heads=3
    )
    scores, context = products(lower(packed))
    assert scores.nest.sizes == (*context.nest.sizes[:2], 5, 4, 1, 5, 1, 1)
    assert scores.inputs == ("in0",)
    halves = view(
        "MultiHeadAttention",
        [(2, 5, 12), (2, 7, 3, 2, 4)],
        [(2, 5, 12)],
        domain=MICROSOFT,
        num_heads=3,
    )
    assert products(lower(halves))[0].nest["K"] == 7


def grouped(**changes: Any) -> n.NodeView:
    inputs = changes.pop("inputs", [(1, 1, 32), (1, 1, 16), (1, 1, 16)])
    cache, grown = (1, 2, 9, 8), (1, 2, 10, 8)
    return view(
        "GroupQueryAttention",
        [*inputs, cache, cache, ((1,), 32), ((1,), 32), (64, 4), (64, 4)],
        [(1, 1, 32), grown, grown],
        domain=MICROSOFT,
        num_heads=4,
        kv_num_heads=2,
        **changes,
    )


def test_group_query_attention() -> None:
    layers = lower(grouped())
    scores, context = products(layers)
    assert scores.nest.sizes == (1, 2, 10, 8, 1, 2, 1, 1)
    assert context.nest.sizes == (1, 2, 8, 10, 1, 2, 1, 1)
    assert [move.write_bits for move in moves(layers)] == [16 * 32] * 2
    assert len(vectors(layers)) == 1


def test_group_query_attention_rotates() -> None:
    query, key, _ = vectors(lower(grouped(do_rotary=1)))
    assert (query.work.simple_ops, key.work.simple_ops) == (3 * 32, 3 * 16)
    assert query.read_bits == (32 + 2 * 4) * 32  # the rows of one position of both tables
    packed = lower(grouped(inputs=[(1, 1, 64), None, None], do_rotary=1))
    assert vectors(packed)[0].work.simple_ops == 3 * 48
    assert products(packed)[0].inputs == ("node/query", "out1")


def test_group_query_attention_with_a_known_length() -> None:
    node = grouped(constants={6: 4})
    assert products(lower(node))[0].nest["K"] == 4


def test_rotary_embedding() -> None:
    """4 products and 2 sums for each pair; of the tables the rows of 6 positions."""
    node = view(
        "RotaryEmbedding",
        [(2, 3, 6, 8), (50, 4), (50, 4), ((2, 6), 64)],
        [(2, 3, 6, 8)],
    )
    layer = only_vector(node)
    assert layer.work.simple_ops == (2 * 3 * 6 * 4) * 6
    assert layer.read_bits == 288 * 32 + 12 * 64 + 2 * 6 * 4 * 2 * 32
    partial = view(
        "RotaryEmbedding",
        [(2, 6, 24), (2, 6, 2), (2, 6, 2)],
        [(2, 6, 24)],
        num_heads=3,
        rotary_embedding_dim=4,
    )
    layer = only_vector(partial)
    assert layer.work.simple_ops == (2 * 3 * 6 * 2) * 6
    assert layer.read_bits == (288 + 2 * 24) * 32
    microsoft = view(
        "RotaryEmbedding",
        [(2, 6, 24), ((1,), 64), (50, 4), (50, 4)],
        [(2, 6, 24)],
        domain=MICROSOFT,
    )
    layer = only_vector(microsoft)
    assert layer.work.simple_ops == 288 * 3
    assert layer.read_bits == 288 * 32 + 64 + 6 * 4 * 2 * 32


@pytest.mark.parametrize(
    ("rule", "retrieves", "per_cell"),
    [("linear", False, 2), ("gated", False, 3), ("delta", True, 2), ("gated_delta", True, 3)],
)
def test_linear_attention(rule: str, retrieves: bool, per_cell: int) -> None:
    """batch 2, 5 steps, 4 query heads on 2 key heads, keys of 3, values of 6."""
    node = view(
        "LinearAttention",
        [(2, 5, 12), (2, 5, 6), (2, 5, 12), None, (2, 5, 2), (2, 5, 2)],
        [(2, 5, 24), (2, 2, 3, 6)],
        q_num_heads=4,
        kv_num_heads=2,
        update_rule=rule,
        opset=27,
    )
    layers = lower(node)
    nests = [layer.nest for layer in products(layers)]
    assert nests[-1].sizes == (5, 4, 6, 3, 1, 2, 1, 1)
    assert nests[-1].sequential == ("B",)
    assert len(nests) == 1 + retrieves
    if retrieves:
        assert nests[0].macs == 5 * 4 * 6 * 3
    (update,) = vectors(layers)
    extra = 2 * 5 * 4 * 6 if retrieves else 0
    assert update.work.simple_ops == per_cell * 5 * 4 * 18 + extra
    assert update.work.special_ops == (20 if "gated" in rule else 0)


@pytest.mark.parametrize("past", [True, False])
def test_causal_convolution_with_state(past: bool) -> None:
    node = view(
        "CausalConvWithState",
        [(2, 6, 9), (6, 1, 4), (6,), (2, 6, 3) if past else None],
        [(2, 6, 9), (2, 6, 3)],
        activation="silu",
    )
    layers = lower(node)
    (product,) = products(layers)
    assert product.nest.macs == 2 * 6 * 9 * 4
    # every stored position is needed: with a past state three more than the input has
    assert product.nest.elements("I") == 2 * 6 * (9 + (3 if past else 0))
    assert [work.work.op for work in product.fused] == ["Add", "Swish"]
    assert moves(layers)[0].write_bits == 2 * 6 * 3 * 32
