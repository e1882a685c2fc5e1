"""Rotary position embedding."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Layer, Tensor
from ..lowering import MICROSOFT, CannotLower, NodeView, lowers
from .attention import split_heads
from .costs import Cost
from .parts import bits_of, vector_layer

#: x cos - y sin, x sin + y cos for each pair: two products and one sum for each element.
ROTARY = Cost(3)


@lowers("RotaryEmbedding")
def rotary_embedding(node: NodeView) -> Sequence[Layer]:
    """Inputs X (3-D or 4-D), cosines, sines, position ids."""
    x = node.input(0)
    batch, heads, length, size = split_heads(x, int(node.attributes.get("num_heads", 0)))
    rotated = int(node.attributes.get("rotary_embedding_dim", 0)) or size
    tables = (node.input(1), node.input(2))
    return [_rotary(node, tables, node.optional(3), batch, length, heads, rotated)]


@lowers("RotaryEmbedding", domain=MICROSOFT)
def rotary_embedding_microsoft(node: NodeView) -> Sequence[Layer]:
    """Inputs X, position ids, cosines, sines. Heads may be known from the tables' width only."""
    x, tables = node.input(0), (node.input(2), node.input(3))
    size = 2 * tables[0].shape[-1]
    heads = int(node.attributes.get("num_heads", 0))
    if not heads and len(x.shape) == 3:
        if x.shape[-1] % size:
            raise CannotLower(f"{x.shape[-1]} channels do not divide into heads of {size}")
        heads = x.shape[-1] // size
    batch, heads, length, _ = split_heads(x, heads)
    rotated = int(node.attributes.get("rotary_embedding_dim", 0)) or size
    return [_rotary(node, tables, node.input(1), batch, length, heads, rotated)]


def _rotary(
    node: NodeView,
    tables: tuple[Tensor, Tensor],
    positions: Tensor | None,
    batch: int,
    length: int,
    heads: int,
    rotated: int,
) -> Layer:
    """Of the tables the rows of the positions are read; one id stands for a run from there on.

    `rotated` channels of each head turn; the others are only copied.
    """
    x = node.input(0)
    if positions is None:
        read = bits_of((x, *tables))
    else:
        rows = batch * length if positions.elements > 1 else length
        read = bits_of((x, positions)) + rows * (rotated // 2) * sum(t.bits for t in tables)
    return vector_layer(node, ROTARY * (batch * length * heads * rotated), read_bits=read)
