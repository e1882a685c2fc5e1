"""Reading and writing at positions that are data.

Of the data only what is gathered is read. What scatters returns a changed copy of its data.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Layer
from ..lowering import MICROSOFT, NodeView, lowers
from .costs import DEQUANTIZE, Cost
from .parts import move_layer, vector_layer


@lowers("Gather", "GatherElements", "GatherND")
@lowers("GatherND", domain=MICROSOFT)
def gather(node: NodeView) -> Sequence[Layer]:
    """Covers embeddings: the rows that are looked up, and the indices."""
    read = node.output.elements * node.input(0).bits + node.input(1).total_bits
    return [move_layer(node, read_bits=read)]


@lowers("GatherBlockQuantized", domain=MICROSOFT)
def gather_block_quantized(node: NodeView) -> Sequence[Layer]:
    """Rows of a table quantised in blocks, dequantised; inputs table, indices, scales, zeros.

    The table's type may pack several entries into one element: attribute `bits` says their width.
    """
    elements = node.output.elements
    block = int(node.attributes.get("block_size", 128))
    read = elements * int(node.attributes.get("bits", 4)) + node.input(1).total_bits
    read += -(-elements // block) * node.input(2).bits
    zeros = node.optional(3)
    if zeros is not None:
        read += -(-elements // block) * zeros.bits
    cost = DEQUANTIZE if zeros is not None else Cost(DEQUANTIZE.simple - 1)
    return [vector_layer(node, cost * elements, read_bits=read)]


@lowers("Scatter", "ScatterElements", "ScatterND")
def scatter(node: NodeView) -> Sequence[Layer]:
    """Inputs data, indices, updates. With a reduction, one operation for each update."""
    if node.attributes.get("reduction", "none") == "none":
        return [move_layer(node)]
    return [vector_layer(node, Cost(1) * node.input(2).elements)]


@lowers("TensorScatter")
def tensor_scatter(node: NodeView) -> Sequence[Layer]:
    """Writes the update into a cache, in place: this operator is there for caches."""
    cache, update, indices = node.input(0), node.input(1), node.optional(2)
    read = update.total_bits + (indices.total_bits if indices else 0)
    written = update.elements * cache.bits
    return [move_layer(node, read_bits=read, write_bits=written)]


@lowers("OneHot")
def one_hot(node: NodeView) -> Sequence[Layer]:
    """Each output: index compared with its position, one of two values selected."""
    reads = (node.input(0), node.optional(2))
    return [vector_layer(node, Cost(2) * node.output.elements, reads=reads)]
