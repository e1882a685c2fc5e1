"""Elementwise operators: the cost table against formulas that are run and counted."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.frontend.operators.costs import ELEMENT, Cost
from chiploom.frontend.operators.elementwise import power_cost

sys.path.insert(0, str(Path(__file__).parent))
import node_views as n
from node_views import Number, only_vector, select, sigmoid, view

ALPHA = 0.7


def softplus(x: Number) -> Number:
    return n.log(n.exp(x) + 1.0)


def elu(x: Number) -> Number:
    negative = (n.exp(x) - 1.0) * ALPHA
    return select(x > 0, x, negative)


def gelu_tanh(x: Number) -> Number:
    c = math.sqrt(2 / math.pi)
    argument = x * (x * x * (0.044715 * c) + c)
    return (n.tanh(argument) + 1.0) * (x * 0.5)


def celu(x: Number) -> Number:
    negative = n.smallest((n.exp(x * (1 / ALPHA)) - 1.0) * ALPHA, 0.0)
    return n.largest(x, 0.0) + negative


def shrink(x: Number) -> Number:
    low, high = x + 0.1, x - 0.1
    return select(x > 0.5, high, select(x < -0.5, low, 0.0))


def exponential_pair(x: Number) -> tuple[Number, Number]:
    e = n.exp(x)
    return e, n.reciprocal(e)


def asin(x: Number) -> Number:
    return n.atan(x / n.sqrt(1.0 - x * x))


def hard_sigmoid(x: Number) -> Number:
    return n.largest(n.smallest(x * 0.2 + 0.5, 1.0), 0.0)


#: Operator -> formula, attributes. The formula is run on counting numbers.
UNARY: dict[str, tuple[Callable[[Number], Number], dict[str, object]]] = {
    "Relu": (lambda x: n.largest(x, 0.0), {}),
    "LeakyRelu": (lambda x: n.largest(x * ALPHA, x), {"alpha": ALPHA}),
    "ThresholdedRelu": (lambda x: select(x > ALPHA, x, 0.0), {"alpha": ALPHA}),
    "Elu": (elu, {"alpha": ALPHA}),
    "Selu": (lambda x: elu(x) * 1.5, {"alpha": ALPHA, "gamma": 1.5}),
    "Celu": (celu, {"alpha": ALPHA}),
    "Sigmoid": (sigmoid, {}),
    "HardSigmoid": (hard_sigmoid, {}),
    "HardSwish": (
        lambda x: x * n.largest(n.smallest(x * (1 / 6) + 0.5, 1.0), 0.0),
        {},
    ),
    "Swish": (lambda x: x * sigmoid(x), {}),
    "Softplus": (softplus, {}),
    "Softsign": (lambda x: x / (abs(x) + 1.0), {}),
    "Mish": (lambda x: x * n.tanh(softplus(x)), {}),
    "Gelu": (lambda x: (n.erf(x * math.sqrt(0.5)) + 1.0) * (x * 0.5), {}),
    "Shrink": (shrink, {"lambd": 0.5, "bias": 0.1}),
    "Tan": (lambda x: n.sin(x) / n.cos(x), {}),
    "Asin": (asin, {}),
    "Acos": (lambda x: math.pi / 2 - asin(x), {}),
    "Sinh": (lambda x: (lambda p: (p[0] - p[1]) * 0.5)(exponential_pair(x)), {}),
    "Cosh": (lambda x: (lambda p: (p[0] + p[1]) * 0.5)(exponential_pair(x)), {}),
    "Asinh": (lambda x: n.log(x + n.sqrt(x * x + 1.0)), {}),
    "Atanh": (lambda x: n.log((x + 1.0) / (1.0 - x)) * 0.5, {}),
    "Tanh": (n.tanh, {}),
    "Erf": (n.erf, {}),
    "Abs": (abs, {}),
}


@pytest.mark.parametrize("op", UNARY)
def test_cost_is_that_of_the_formula(op: str) -> None:
    formula, attributes = UNARY[op]
    values = np.array([0.3, -0.4, 0.9, -0.8], np.float32)
    Number.reset()
    computed = [formula(Number(float(value))).value for value in values]
    simple, special = Number.counts()

    (expected,) = n.reference(op, {"x": values}, **attributes)
    np.testing.assert_allclose(computed, expected, rtol=1e-5, atol=1e-6)

    layer = only_vector(view(op, [(2, 2)], [(2, 2)], opset=24, **attributes))
    assert (layer.work.simple_ops, layer.work.special_ops) == (simple, special)
    assert layer.work.op == layer.op == op


def test_tanh_approximation_of_gelu() -> None:
    Number.reset()
    value = gelu_tanh(Number(0.6)).value
    (expected,) = n.reference("Gelu", {"x": np.array([0.6], np.float32)}, approximate="tanh")
    assert value == pytest.approx(float(expected[0]), rel=1e-6)
    layer = only_vector(view("Gelu", [(1,)], [(1,)], approximate="tanh"))
    assert (layer.work.simple_ops, layer.work.special_ops) == Number.counts() == (7, 1)


@pytest.mark.parametrize(
    ("op", "simple", "special"),
    [
        ("Add", 1, 0),
        ("Sub", 1, 0),
        ("Mul", 1, 0),
        ("Div", 0, 1),
        ("Pow", 1, 2),
        ("Mod", 3, 1),
        ("PRelu", 3, 0),
        ("Equal", 1, 0),
        ("LessOrEqual", 1, 0),
        ("BitwiseXor", 1, 0),
    ],
)
def test_binary_operators_broadcast(op: str, simple: int, special: int) -> None:
    layer = only_vector(view(op, [(4, 1, 3), (5, 1)], [(4, 5, 3)], bits=16))
    assert layer.work.simple_ops == 60 * simple
    assert layer.work.special_ops == 60 * special
    assert layer.read_bits == (12 + 5) * 16
    assert layer.write_bits == 60 * 16
    assert layer.inputs == ("in0", "in1")
    assert (layer.name, layer.output, layer.nodes) == ("node", "out0", ("node",))


def test_an_operand_used_twice_is_read_once() -> None:
    node = view("Mul", [(8,), (8,)], [(8,)])
    same = type(node)("node", "Mul", "", 21, (node.inputs[0], node.inputs[0]), node.outputs)
    layer = only_vector(same)
    assert layer.read_bits == 8 * 32
    assert layer.inputs == ("in0",)


@pytest.mark.parametrize("static", [True, False])
def test_division_by_a_constant_multiplies(static: bool) -> None:
    layer = only_vector(view("Div", [(6,), (1,)], [(6,)], static=(1,) if static else ()))
    assert (layer.work.simple_ops, layer.work.special_ops) == ((6, 0) if static else (0, 6))


@given(st.integers(-64, 64))
def test_integer_powers_by_repeated_squaring(exponent: int) -> None:
    """The cost is that of an algorithm run on counting numbers, which finds the power."""
    Number.reset()
    base = Number(1.01)
    result, square, rest = None, base, abs(exponent)
    while rest:
        if rest & 1:
            result = square if result is None else result * square
        rest >>= 1
        if rest:
            square = square * square
    if exponent < 0:
        assert result is not None
        result = n.reciprocal(result)
    cost = power_cost(float(exponent))
    if exponent in (0, 1):
        assert cost == Cost(1, 0)  # written all the same
    else:
        assert result is not None
        assert result.value == pytest.approx(1.01**exponent)
        assert (cost.simple, cost.special) == Number.counts()


@pytest.mark.parametrize(
    ("exponent", "simple", "special"),
    [(2.0, 1, 0), (3.0, 2, 0), (0.5, 0, 1), (-0.5, 0, 1), (-1.0, 0, 1), (1.7, 1, 2), (1e9, 1, 2)],
)
def test_constant_powers(exponent: float, simple: int, special: int) -> None:
    layer = only_vector(view("Pow", [(3,), ()], [(3,)], constants={1: exponent}))
    assert (layer.work.simple_ops, layer.work.special_ops) == (3 * simple, 3 * special)


def test_infinite_power_is_a_general_one() -> None:
    assert power_cost(math.inf) == power_cost(None)


@pytest.mark.parametrize(("op", "simple"), [("Sum", 3), ("Max", 3), ("Min", 3), ("Mean", 4)])
def test_variadic(op: str, simple: int) -> None:
    layer = only_vector(view(op, [(2, 5)] * 4, [(2, 5)]))
    assert layer.work.simple_ops == 10 * simple
    assert layer.read_bits == 40 * 32


@pytest.mark.parametrize(
    ("inputs", "attributes", "opset", "bounds"),
    [
        ([(9,), (), ()], {}, 13, 2),
        ([(9,), None, ()], {}, 13, 1),
        ([(9,)], {}, 13, 0),
        ([(9,)], {"min": 0.0, "max": 6.0}, 6, 2),
        ([(9,)], {"max": 6.0}, 6, 1),
    ],
)
def test_clip_counts_its_bounds(
    inputs: list[n.Shape], attributes: dict[str, float], opset: int, bounds: int
) -> None:
    layer = only_vector(view("Clip", inputs, [(9,)], opset=opset, **attributes))
    assert layer.work.simple_ops == 9 * bounds


def test_swish_with_alpha_and_gated() -> None:
    assert only_vector(view("Swish", [(4,)], [(4,)], alpha=1.5)).work.simple_ops == 4 * 3
    gated = only_vector(view("SwiGLU", [(4,), (4,)], [(4,)]))
    assert (gated.work.simple_ops, gated.work.special_ops) == (12, 8)


def test_infinity_of_one_sign_is_one_compare() -> None:
    assert only_vector(view("IsInf", [(4,)], [((4,), 8)])).work.simple_ops == 8
    one = view("IsInf", [(4,)], [((4,), 8)], detect_negative=0)
    assert only_vector(one).work.simple_ops == 4


def test_cast_like_reads_no_example() -> None:
    layer = only_vector(view("CastLike", [(4,), (1000,)], [((4,), 16)]))
    assert (layer.read_bits, layer.write_bits) == (128, 64)
    assert layer.inputs == ("in0",)


def test_select_reads_condition_and_both_sides() -> None:
    layer = only_vector(view("Where", [((4,), 8), (4,), ()], [(4,)]))
    assert layer.read_bits == 4 * 8 + 4 * 32 + 32
    assert layer.work.simple_ops == 4


@pytest.mark.parametrize("zero_point", [True, False])
def test_quantization(zero_point: bool) -> None:
    point = ((), 8) if zero_point else None
    quantize = only_vector(view("QuantizeLinear", [(10,), (), point], [((10,), 8)]))
    dequantize = only_vector(view("DequantizeLinear", [((10,), 8), (), point], [(10,)]))
    assert quantize.work.simple_ops == 10 * (5 if zero_point else 4)
    assert dequantize.work.simple_ops == 10 * (3 if zero_point else 2)
    assert quantize.read_bits == 320 + 32 + 8 * zero_point
    assert (quantize.write_bits, dequantize.write_bits) == (80, 320)


def test_dynamic_quantization_writes_scale_and_zero_point() -> None:
    layers = n.lower(view("DynamicQuantizeLinear", [(10,)], [((10,), 8), (), ((), 8)]))
    assert n.vectors(layers)[0].work.simple_ops == 10 * (2 + 5) + 9
    assert n.vectors(layers)[0].work.special_ops == 1
    assert [(move.read_bits, move.write_bits) for move in n.moves(layers)] == [(0, 32), (0, 8)]
    assert all(move.inputs == ("out0",) for move in n.moves(layers))


def test_every_entry_of_the_table_costs_something_and_says_why() -> None:
    for op, (cost, derivation) in ELEMENT.items():
        assert cost.simple + cost.special > 0, op
        assert derivation, op
