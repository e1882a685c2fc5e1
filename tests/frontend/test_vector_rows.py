"""Softmax, normalisation, reductions and losses: work against formulas that are run and counted."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiploom.frontend.lowering import MICROSOFT

sys.path.insert(0, str(Path(__file__).parent))
import node_views as n
from node_views import Number, lower, moves, only_vector, vectors, view

ROW = [0.3, -1.2, 2.0, 0.7]


def numbers() -> list[Number]:
    Number.reset()
    return [Number(value) for value in ROW]


def total(values: list[Number]) -> Number:
    result = Number(0.0)
    for value in values:
        result = result + value
    return result


def top(values: list[Number]) -> Number:
    result = Number(-math.inf)
    for value in values:
        result = n.largest(value, result)
    return result


def softmax(x: list[Number]) -> list[Number]:
    largest = top(x)
    powers = [n.exp(value - largest) for value in x]
    factor = n.reciprocal(total(powers))
    return [power * factor for power in powers]


def log_softmax(x: list[Number]) -> list[Number]:
    largest = top(x)
    shifted = [value - largest for value in x]
    log_sum = n.log(total([n.exp(value) for value in shifted]))
    return [value - log_sum for value in shifted]


def normalized(x: list[Number]) -> list[Number]:
    mean = total(x) * (1 / len(x))
    centred = [value - mean for value in x]
    variance = total([value * value for value in centred]) * (1 / len(x))
    factor = n.inverse_root(variance + 1e-5)
    return [value * factor for value in centred]


def layer_normalization(x: list[Number]) -> list[Number]:
    return [value * 2.0 + 0.5 for value in normalized(x)]


def rms_normalization(x: list[Number]) -> list[Number]:
    factor = n.inverse_root(total([value * value for value in x]) * (1 / len(x)) + 1e-5)
    return [value * factor * 2.0 for value in x]


SCALE = {"scale": np.full(4, 2.0, np.float32)}
SCALE_SHIFT = {**SCALE, "shift": np.full(4, 0.5, np.float32)}
ROWS: dict[str, tuple[Any, dict[str, Any]]] = {
    "Softmax": (softmax, {}),
    "LogSoftmax": (log_softmax, {}),
    "LayerNormalization": (layer_normalization, SCALE_SHIFT),
    "RMSNormalization": (rms_normalization, SCALE),
}


@pytest.mark.parametrize("op", ROWS)
def test_work_of_a_row_is_that_of_the_formula(op: str) -> None:
    formula, parameters = ROWS[op]
    computed = [value.value for value in formula(numbers())]
    simple, special = Number.counts()
    feeds = {"x": np.array([ROW], np.float32), **parameters}
    (expected,) = n.reference(op, feeds)
    np.testing.assert_allclose(computed, expected[0], rtol=1e-5)

    shapes = [(3, 5, 4), *((4,) for _ in parameters)]
    layer = only_vector(view(op, shapes, [(3, 5, 4)]))
    assert (layer.work.simple_ops, layer.work.special_ops) == (15 * simple, 15 * special)
    assert layer.read_bits == (60 + 4 * len(parameters)) * 32
    assert layer.write_bits == 60 * 32


def test_rows_of_softmax_before_opset_13_span_all_further_axes() -> None:
    old = only_vector(view("Softmax", [(2, 3, 4)], [(2, 3, 4)], opset=11))
    assert old.work.special_ops == 24 + 2
    new = only_vector(view("Softmax", [(2, 3, 4)], [(2, 3, 4)], opset=13, axis=1))
    assert new.work.special_ops == 24 + 8


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "rows"),
    [
        ("InstanceNormalization", [(2, 6, 4, 4), (6,), (6,)], {}, 12),
        ("GroupNormalization", [(2, 6, 4, 4), (6,), (6,)], {"num_groups": 3}, 6),
        ("LayerNormalization", [(2, 6, 4, 4), (4, 4), (4, 4)], {"axis": 2}, 12),
    ],
)
def test_rows_of_normalizations(
    op: str, inputs: list[n.Shape], attributes: dict[str, Any], rows: int
) -> None:
    layer = only_vector(view(op, inputs, [(2, 6, 4, 4)], **attributes))
    assert (layer.work.simple_ops, layer.work.special_ops) == (192 * 7 + 3 * rows, rows)


def test_mean_variance_normalization() -> None:
    layer = only_vector(view("MeanVarianceNormalization", [(2, 6, 4, 4)], [(2, 6, 4, 4)]))
    assert (layer.work.simple_ops, layer.work.special_ops) == (192 * 5 + 18, 6)


def test_statistics_are_written_beside() -> None:
    outputs = [(3, 5, 4), (3, 5, 1), (3, 5, 1)]
    layers = lower(view("LayerNormalization", [(3, 5, 4), (4,), (4,)], outputs))
    assert [move.write_bits for move in moves(layers)] == [15 * 32, 15 * 32]
    assert sum(layer.write_bits for layer in vectors(layers)) == 60 * 32


def test_batch_normalization() -> None:
    inputs = [(2, 6, 4, 4), (6,), (6,), (6,), (6,)]
    folded = only_vector(view("BatchNormalization", inputs, [(2, 6, 4, 4)], static=(1, 2, 3, 4)))
    assert (folded.work.simple_ops, folded.work.special_ops) == (384, 0)
    assert folded.read_bits == (192 + 12) * 32
    dynamic = only_vector(view("BatchNormalization", inputs, [(2, 6, 4, 4)]))
    assert (dynamic.work.simple_ops, dynamic.work.special_ops) == (384 + 4 * 6, 6)
    assert dynamic.read_bits == (192 + 24) * 32


def test_local_response_normalization() -> None:
    """Per element: square, 4 additions for 5 squares, mul, add, power (mul, log, exp), mul."""
    layer = only_vector(view("LRN", [(1, 8, 2, 2)], [(1, 8, 2, 2)], size=5))
    assert (layer.work.simple_ops, layer.work.special_ops) == (32 * 9, 32 * 2)


def test_lp_normalization() -> None:
    layer = only_vector(view("LpNormalization", [(3, 5)], [(3, 5)], axis=1))
    assert (layer.work.simple_ops, layer.work.special_ops) == (45, 3)


REDUCTIONS: dict[str, Any] = {
    "ReduceSum": total,
    "ReduceMean": lambda x: total(x) * (1 / len(x)),
    "ReduceMax": top,
    "ReduceL1": lambda x: total([abs(value) for value in x]),
    "ReduceL2": lambda x: n.sqrt(total([value * value for value in x])),
    "ReduceSumSquare": lambda x: total([value * value for value in x]),
    "ReduceLogSum": lambda x: n.log(total(x)),
    "ReduceLogSumExp": lambda x: (lambda m: n.log(total([n.exp(value - m) for value in x])) + m)(
        top(x)
    ),
}


@pytest.mark.parametrize("op", REDUCTIONS)
def test_reductions(op: str) -> None:
    value = REDUCTIONS[op](numbers())
    simple, special = Number.counts()
    feeds = {"x": np.array(ROW, np.float32), "axes": np.array([0], np.int64)}
    (expected,) = n.reference(op, feeds, keepdims=0)
    assert value.value == pytest.approx(float(expected), rel=1e-5)
    layer = only_vector(view(op, [(3, 4), ((1,), 64)], [(3, 1)]))
    assert (layer.work.simple_ops, layer.work.special_ops) == (3 * simple, 3 * special)
    assert layer.read_bits == 12 * 32  # the axes are known at compile time
    assert layer.inputs == ("in0",)


@pytest.mark.parametrize(
    ("op", "output", "simple"),
    [("ArgMax", (3, 1), 2), ("ArgMin", (3, 1), 2), ("CumSum", (3, 4), 1), ("CumProd", (3, 4), 1)],
)
def test_indices_and_running_sums(op: str, output: tuple[int, ...], simple: int) -> None:
    layer = only_vector(view(op, [(3, 4)], [(output, 64)]))
    assert layer.work.simple_ops == 12 * simple
    assert layer.write_bits == math.prod(output) * 64


def test_cross_entropy_loss() -> None:
    """Log softmax of 6 rows of 10 classes, then negate, add, and divide once."""
    inputs = [(6, 10), ((6,), 64)]
    layer = only_vector(view("SoftmaxCrossEntropyLoss", inputs, [()]))
    assert (layer.work.simple_ops, layer.work.special_ops) == (60 * 4 + 12, 60 + 6 + 1)
    likelihood = only_vector(view("NegativeLogLikelihoodLoss", inputs, [()]))
    assert (likelihood.work.simple_ops, likelihood.work.special_ops) == (12, 1)
    assert likelihood.read_bits == 6 * 64 + 6 * 32


@pytest.mark.parametrize(
    ("op", "inputs", "simple"),
    [
        ("SkipLayerNormalization", [(2, 3, 8), (2, 3, 8), (8,), (8,), (8,)], 7 + 2),
        ("SkipLayerNormalization", [(2, 3, 8), (2, 3, 8), (8,)], 6 + 1),
        ("SkipSimplifiedLayerNormalization", [(2, 3, 8), (2, 3, 8), (8,)], 4 + 1),
    ],
)
def test_skip_normalizations(op: str, inputs: list[n.Shape], simple: int) -> None:
    outputs = [(2, 3, 8), None, None, (2, 3, 8)]
    layers = lower(view(op, inputs, outputs, domain=MICROSOFT))
    (layer,) = vectors(layers)
    per_row = 2 if "Simplified" in op else 3
    assert (layer.work.simple_ops, layer.work.special_ops) == (48 * simple + 6 * per_row, 6)
    assert [move.output for move in moves(layers)] == ["out3"]
    assert layer.read_bits == (96 + 8 * (len(inputs) - 2)) * 32


def test_embedding_normalization_reads_only_what_it_looks_up() -> None:
    ids = ((2, 5), 32)
    node = view(
        "EmbedLayerNormalization",
        [ids, ids, (30000, 8), (512, 8), (2, 8), (8,), (8,), ids],
        [(2, 5, 8), ((2,), 32)],
        domain=MICROSOFT,
    )
    (layer,) = vectors(lower(node))
    assert layer.read_bits == (3 * 10 * 8 + 3 * 10 + 16) * 32
    assert layer.work.simple_ops == 80 * 7 + 3 * 10 + 2 * 80 + 10
