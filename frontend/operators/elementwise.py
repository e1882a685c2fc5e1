"""Elementwise operators: each output element is computed from the elements at its position."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Layer
from ..lowering import CannotLower, NodeView, lowers
from .costs import ELEMENT, GELU_TANH, SIMPLE, Cost, integer_power
from .parts import constant_scalar, is_fixed, vector_layer

#: Operators of the table whose cost depends on more than their name have a rule of their own.
_OWN_RULE = ("Div", "Pow", "Swish", "SwiGLU", "Gelu", "IsInf", "CastLike", "Mod")
PLAIN = tuple(name for name in ELEMENT if name not in _OWN_RULE)


@lowers(*PLAIN)
def plain(node: NodeView) -> Sequence[Layer]:
    """The cost of the table for every output element."""
    cost, _ = ELEMENT[node.op]
    return [vector_layer(node, cost * node.output.elements)]


@lowers("Div")
def division(node: NodeView) -> Sequence[Layer]:
    """By a constant it is a multiplication: the reciprocal is taken at compile time."""
    cost = SIMPLE if is_fixed(node, 1) else ELEMENT["Div"][0]
    return [vector_layer(node, cost * node.output.elements)]


@lowers("Pow")
def power(node: NodeView) -> Sequence[Layer]:
    """Small constant exponents are multiplications and roots, others exp(y log(x))."""
    return [vector_layer(node, power_cost(constant_scalar(node, 1)) * node.output.elements)]


def power_cost(exponent: float | None) -> Cost:
    """One power; None is an exponent that is not known."""
    if exponent is None:
        return ELEMENT["Pow"][0]
    if exponent.is_integer() and abs(exponent) <= 64:
        return integer_power(int(exponent))
    if abs(exponent) == 0.5:
        return Cost(0, 1)  # square root or its reciprocal
    return ELEMENT["Pow"][0]


@lowers("Mod")
def modulo(node: NodeView) -> Sequence[Layer]:
    """By a constant, the division is a multiplication."""
    cost = Cost(4) if is_fixed(node, 1) else ELEMENT["Mod"][0]
    return [vector_layer(node, cost * node.output.elements)]


@lowers("Swish", "SwiGLU")
def swish(node: NodeView) -> Sequence[Layer]:
    """x Sigmoid(alpha x), gated or not: an alpha other than 1 is another product."""
    cost = ELEMENT[node.op][0]
    if float(node.attributes.get("alpha", 1.0)) != 1.0:
        cost += SIMPLE
    return [vector_layer(node, cost * node.output.elements)]


@lowers("Gelu")
def gelu(node: NodeView) -> Sequence[Layer]:
    """By the error function, or by tanh where `approximate` asks for it."""
    approximate = node.attributes.get("approximate", "none")
    cost = GELU_TANH if approximate == "tanh" else ELEMENT["Gelu"][0]
    return [vector_layer(node, cost * node.output.elements)]


@lowers("IsInf")
def is_infinite(node: NodeView) -> Sequence[Layer]:
    """Of one sign only: one compare."""
    signs = [int(node.attributes.get(f"detect_{sign}", 1)) for sign in ("negative", "positive")]
    return [vector_layer(node, Cost(sum(signs)) * node.output.elements)]


@lowers("CastLike")
def cast_like(node: NodeView) -> Sequence[Layer]:
    """The second input lends its type only: it is not read."""
    cost = ELEMENT["CastLike"][0] * node.output.elements
    return [vector_layer(node, cost, reads=(node.input(0),))]


@lowers("Min", "Max", "Sum", "Mean")
def variadic(node: NodeView) -> Sequence[Layer]:
    """n - 1 operations for n inputs; the mean multiplies by 1 / n."""
    inputs = len(node.present_inputs())
    if inputs == 0:
        raise CannotLower("it has no input")
    cost = Cost(inputs - 1 + int(node.op == "Mean" and inputs > 1))
    return [vector_layer(node, cost * node.output.elements)]


@lowers("Clip")
def clip(node: NodeView) -> Sequence[Layer]:
    """One operation for each bound that is there (attributes before opset 11, then inputs)."""
    bounds = sum(
        name in node.attributes or node.optional(position) is not None
        for position, name in ((1, "min"), (2, "max"))
    )
    return [vector_layer(node, SIMPLE * bounds * node.output.elements)]
