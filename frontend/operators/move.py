"""Operators that only move data: read, and written elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Layer
from ..lowering import MICROSOFT, NodeView, lowers
from .costs import Cost
from .parts import move_layer, vector_layer


@lowers("Transpose", "DepthToSpace", "SpaceToDepth")
@lowers("DepthToSpace", "SpaceToDepth", domain=MICROSOFT)
def permutation(node: NodeView) -> Sequence[Layer]:
    """Every element read once and written once."""
    return [move_layer(node, reads=(node.input(0),))]


@lowers("ReverseSequence")
def reverse_sequence(node: NodeView) -> Sequence[Layer]:
    """A permutation whose length is data."""
    return [move_layer(node)]


@lowers("Pad", "CenterCropPad", "Tile")
@lowers("Pad", domain=MICROSOFT)
def extension(node: NodeView) -> Sequence[Layer]:
    """The input read once, or as much of it as the output keeps; the output written whole."""
    x, y = node.input(0), node.output
    read = min(x.elements, y.elements) * x.bits
    return [move_layer(node, reads=(x,), read_bits=read)]


@lowers("Trilu")
@lowers("Trilu", domain=MICROSOFT)
def triangle(node: NodeView) -> Sequence[Layer]:
    """One select between the element and 0."""
    return [vector_layer(node, Cost(1) * node.output.elements, reads=(node.input(0),))]


@lowers("Col2Im")
def columns_to_image(node: NodeView) -> Sequence[Layer]:
    """Overlapping blocks add up: one addition for each input element."""
    x = node.input(0)
    return [vector_layer(node, Cost(1) * x.elements, reads=(x,))]
