"""Deformable convolution."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import ComputeLayer, Layer
from ..lowering import CannotLower, NodeView, lowers
from ..nest import LoopNest, OperandBits
from .conv import added_bias
from .costs import SIMPLE, Cost
from .parts import inner_tensor, names_of, part_name, vector_layer
from .region import BILINEAR, SAMPLE_POSITION


@lowers("DeformConv")
def deformable_convolution(node: NodeView) -> Sequence[Layer]:
    """Inputs X, W, offsets, bias, mask. Two layers: sampling, then the product.

    Every tap of every output has a position of its own: sampled bilinearly (and masked), shared
    by the channels of an offset group. The samples are written as columns, C times the taps for
    each output, which the product reads: neighbouring windows share nothing.
    """
    x, w, offsets = node.input(0), node.input(1), node.input(2)
    bias, mask, y = node.optional(3), node.optional(4), node.output
    if len(x.shape) != 4:
        raise CannotLower(f"deformable convolution is covered in two dims, got {x.shape}")
    group = int(node.attributes.get("group", 1))
    batch, channels, _, _ = x.shape
    filters, group_channels, kernel_rows, kernel_columns = w.shape
    rows, columns = y.shape[2:]
    taps = kernel_rows * kernel_columns
    positions = offsets.elements // 2
    sampled = inner_tensor(node, "samples", (batch, channels * taps, rows, columns), x.bits)
    cost = (SAMPLE_POSITION + Cost(2)) * positions + BILINEAR * sampled.elements
    if mask is not None:
        cost += SIMPLE * sampled.elements
    return [
        vector_layer(node, cost, reads=(x, offsets, mask), output=sampled, part="samples"),
        ComputeLayer(
            name=part_name(node, "product"),
            op=node.op,
            nest=LoopNest(
                (batch, group, filters // group, group_channels * taps, rows, columns, 1, 1),
                input_size=(rows, columns),
            ),
            bits=OperandBits(w.bits, sampled.bits, y.bits),
            inputs=names_of((sampled, w, bias)),
            output=y.name,
            fused=added_bias(node, bias, 3),
            nodes=(node.name,),
        ),
    ]
