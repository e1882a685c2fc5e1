"""Sorting and selection by value."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2

from ..graph import Layer
from ..lowering import NodeView, lowers
from .costs import Cost
from .parts import further_outputs, positive_axis, vector_layer


def sort_cost(count: int, kept: int) -> Cost:
    """The `kept` largest of `count` values, in order, through a heap of `kept` entries.

    Each value passes ceil(log2(kept)) levels, at least one; a level is a compare and an exchange
    of value and index. With all kept this is the n log2 n of a sort.
    """
    levels = max(1, ceil(log2(kept))) if kept > 0 else 0
    return Cost(2 * count * levels)


@lowers("TopK")
def top_k(node: NodeView) -> Sequence[Layer]:
    """The number that is kept is the output's size along the axis."""
    x, y = node.input(0), node.output
    axis = positive_axis(int(node.attributes.get("axis", -1)), len(x.shape))
    count, kept = x.shape[axis], y.shape[axis]
    cost = sort_cost(count, kept) * (x.elements // max(count, 1))
    return [vector_layer(node, cost, reads=(x,)), *further_outputs(node)]


@lowers("Unique")
def unique_values(node: NodeView) -> Sequence[Layer]:
    """A sort of the slices along the axis (of all elements without one), then neighbours compared.

    Upper bound: two slices are compared over their whole length.
    """
    x = node.input(0)
    axis = node.attributes.get("axis")
    count = x.elements if axis is None else x.shape[positive_axis(int(axis), len(x.shape))]
    length = x.elements // max(count, 1)
    cost = sort_cost(count, count) * length + Cost(1) * x.elements
    return [vector_layer(node, cost), *further_outputs(node)]


@lowers("NonZero")
def non_zero(node: NodeView) -> Sequence[Layer]:
    """Each element compared with 0 and its position counted up."""
    return [vector_layer(node, Cost(2) * node.input(0).elements)]


@lowers("Compress")
def compress(node: NodeView) -> Sequence[Layer]:
    """The condition is read and counted; of the data only what is kept."""
    condition = node.input(1)
    read = condition.total_bits + node.output.elements * node.input(0).bits
    return [vector_layer(node, Cost(1) * condition.elements, read_bits=read)]
