"""Softmax, its kin, and the losses built on it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..graph import Layer, Tensor
from ..lowering import NodeView, lowers
from .costs import LOG_SOFTMAX, SIMPLE, SOFTMAX, Cost
from .parts import bits_of, further_outputs, positive_axis, vector_layer


def rows_of(node: NodeView, tensor: Tensor) -> int:
    """Rows that are normalised: along `axis`; before opset 13 over all axes from it on."""
    recent = node.opset >= 13
    axis = int(node.attributes.get("axis", -1 if recent else 1))
    if axis == len(tensor.shape):  # legal before opset 13: rows of one element
        return tensor.elements
    axis = positive_axis(axis, len(tensor.shape))
    length = tensor.shape[axis] if recent else prod(tensor.shape[axis:])
    return tensor.elements // length if length else 0


@lowers("Softmax", "LogSoftmax")
def softmax(node: NodeView) -> Sequence[Layer]:
    """Along one axis: per element and per row as `SOFTMAX` and `LOG_SOFTMAX` list."""
    element, row = SOFTMAX if node.op == "Softmax" else LOG_SOFTMAX
    output = node.output
    return [vector_layer(node, element * output.elements + row * rows_of(node, output))]


@lowers("Hardmax")
def hardmax(node: NodeView) -> Sequence[Layer]:
    """Largest element of the row with its index (compare, select), then compare with the index."""
    return [vector_layer(node, Cost(3) * node.output.elements)]


@lowers("NegativeLogLikelihoodLoss")
def negative_log_likelihood(node: NodeView) -> Sequence[Layer]:
    """Of each row the target's entry is read, weighted if asked, negated and reduced."""
    scores, target = node.input(0), node.input(1)
    weight = node.optional(2)
    cost = _loss(node, target.elements)
    read = bits_of((target, weight)) + target.elements * scores.bits
    return [vector_layer(node, cost, read_bits=read)]


@lowers("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(node: NodeView) -> Sequence[Layer]:
    """LogSoftmax over the class axis (1), then the negative log likelihood."""
    scores, target = node.input(0), node.input(1)
    element, row = LOG_SOFTMAX
    cost = element * scores.elements + row * target.elements + _loss(node, target.elements)
    return [vector_layer(node, cost), *further_outputs(node)]


def _loss(node: NodeView, targets: int) -> Cost:
    """Negate; weight (mul); reduce (add, and with weights the sum of them); one division."""
    weighted = node.optional(2) is not None
    ignores = "ignore_index" in node.attributes
    cost = SIMPLE * (1 + int(weighted) + 2 * int(ignores)) * targets
    reduction = node.attributes.get("reduction", "mean")
    if reduction == "none":
        return cost
    cost += SIMPLE * targets
    if reduction == "mean":
        cost += SIMPLE * targets * int(weighted) + Cost(0, 1)
    return cost
