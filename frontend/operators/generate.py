"""Operators that make data: ranges, random numbers, windows and fills."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2

from ..graph import Layer
from ..lowering import MICROSOFT, NodeView, lowers
from .costs import NORMAL, UNIFORM, Cost
from .parts import further_outputs, move_layer, vector_layer


@lowers("Range")
@lowers("Range", domain=MICROSOFT)
def number_range(node: NodeView) -> Sequence[Layer]:
    """start + i delta: mul, add."""
    return [vector_layer(node, Cost(2) * node.output.elements)]


@lowers("EyeLike")
def eye_like(node: NodeView) -> Sequence[Layer]:
    """Row compared with column, one of two values selected; the input lends its shape only."""
    return [vector_layer(node, Cost(2) * node.output.elements, reads=())]


@lowers("RandomUniform", "RandomUniformLike", "RandomNormal", "RandomNormalLike")
def random_numbers(node: NodeView) -> Sequence[Layer]:
    """One number for each element of the output; no tensor is read."""
    cost = NORMAL if "Normal" in node.op else UNIFORM
    return [vector_layer(node, cost * node.output.elements, reads=())]


@lowers("Bernoulli")
def bernoulli(node: NodeView) -> Sequence[Layer]:
    """A uniform number compared with the probability."""
    return [vector_layer(node, (UNIFORM + Cost(1)) * node.output.elements)]


@lowers("Multinomial")
def multinomial(node: NodeView) -> Sequence[Layer]:
    """exp and running sum of each row, then for each sample a number and a binary search."""
    x = node.input(0)
    search = UNIFORM + Cost(1 + ceil(log2(max(x.shape[-1], 2))))  # mul by the sum, compares
    cost = Cost(1, 1) * x.elements + search * node.output.elements
    return [vector_layer(node, cost)]


@lowers("HannWindow", "HammingWindow", "BlackmanWindow")
def window(node: NodeView) -> Sequence[Layer]:
    """a - b cos(c i): mul, cos, mul, sub; Blackman adds d cos(2 c i): mul, cos, mul, add."""
    cosines = 2 if node.op == "BlackmanWindow" else 1
    return [vector_layer(node, Cost(3, 1) * cosines * node.output.elements)]


@lowers("Dropout")
def dropout(node: NodeView) -> Sequence[Layer]:
    """In training: a uniform number compared with the ratio, a product, a select.

    At inference the import drops the node, unless something reads the mask, which is all ones.
    """
    training = node.constants.get(2)
    if training is not None and bool(training.all()):
        cost = (UNIFORM + Cost(3)) * node.output.elements
        return [vector_layer(node, cost, reads=(node.input(0),)), *further_outputs(node)]
    return [move_layer(node, reads=(node.input(0),)), *further_outputs(node)]
