"""Elementwise operators of the ``com.microsoft`` domain, as graph optimisers leave them."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Layer
from ..lowering import MICROSOFT, NodeView, lowers
from .costs import (
    DEQUANTIZE,
    ELEMENT,
    GELU_QUICK,
    GELU_TANH,
    QUANTIZE,
    SIGMOID,
    SIMPLE,
    SOFTMAX,
    Cost,
)
from .parts import further_outputs, positive_axis, vector_layer

_GELU = ELEMENT["Gelu"][0]


@lowers("Gelu", domain=MICROSOFT)
def gelu(node: NodeView) -> Sequence[Layer]:
    """By the error function, as ONNX's Gelu without an approximation."""
    return [vector_layer(node, _GELU * node.output.elements)]


@lowers("BiasGelu", domain=MICROSOFT)
def bias_gelu(node: NodeView) -> Sequence[Layer]:
    """Add the bias, then Gelu by the error function."""
    return [vector_layer(node, (_GELU + SIMPLE) * node.output.elements)]


@lowers("FastGelu", domain=MICROSOFT)
def fast_gelu(node: NodeView) -> Sequence[Layer]:
    """The tanh approximation, after an optional bias."""
    cost = GELU_TANH + Cost(int(node.optional(1) is not None))
    return [vector_layer(node, cost * node.output.elements)]


@lowers("QuickGelu", domain=MICROSOFT)
def quick_gelu(node: NodeView) -> Sequence[Layer]:
    """x Sigmoid(alpha x)."""
    return [vector_layer(node, GELU_QUICK * node.output.elements)]


@lowers("ScaledSiLU", domain=MICROSOFT)
def scaled_silu(node: NodeView) -> Sequence[Layer]:
    """x Sigmoid(alpha x), times a scale where there is one."""
    cost = GELU_QUICK + Cost(int(node.optional(1) is not None))
    return [vector_layer(node, cost * node.output.elements)]


@lowers("BiasAdd", domain=MICROSOFT)
def bias_add(node: NodeView) -> Sequence[Layer]:
    """X + bias + skip."""
    return [vector_layer(node, Cost(2) * node.output.elements)]


@lowers("BiasSplitGelu", domain=MICROSOFT)
def bias_split_gelu(node: NodeView) -> Sequence[Layer]:
    """X + bias split in halves: left Gelu(right). Two additions, Gelu and a product per output."""
    return [vector_layer(node, (_GELU + Cost(3)) * node.output.elements)]


@lowers("SwiGLU", domain=MICROSOFT)
def swiglu(node: NodeView) -> Sequence[Layer]:
    """gate Sigmoid(alpha gate) (up + beta); with a limit a min, and a min and max, before it.

    Gate and up are two tensors, or one that holds both.
    """
    cost = SIGMOID + Cost(2)
    cost += Cost(int(float(node.attributes.get("activation_alpha", 1.0)) != 1.0))
    cost += Cost(int(float(node.attributes.get("activation_beta", 0.0)) != 0.0))
    cost += Cost(3 if "limit" in node.attributes else 0)
    return [vector_layer(node, cost * node.output.elements)]


@lowers("BiasSoftmax", domain=MICROSOFT)
def bias_softmax(node: NodeView) -> Sequence[Layer]:
    """Softmax of data + bias over all axes from `axis` on."""
    shape = node.output.shape
    rows = 1
    for size in shape[: positive_axis(int(node.attributes.get("axis", 1)), len(shape))]:
        rows *= size
    element, row = SOFTMAX
    return [vector_layer(node, (element + SIMPLE) * node.output.elements + row * rows)]


@lowers("ComplexMul", "ComplexMulConj", domain=MICROSOFT)
def complex_product(node: NodeView) -> Sequence[Layer]:
    """Real and imaginary part of each output: two products and one sum each."""
    return [vector_layer(node, Cost(3) * node.output.elements)]


@lowers("QuantizeWithOrder", domain=MICROSOFT)
def quantize_with_order(node: NodeView) -> Sequence[Layer]:
    """Symmetric: no zero point. The change of layout happens on the way out."""
    return [vector_layer(node, Cost(QUANTIZE.simple - 1) * node.output.elements)]


@lowers("DequantizeWithOrder", domain=MICROSOFT)
def dequantize_with_order(node: NodeView) -> Sequence[Layer]:
    """Symmetric: as dequantisation, without a zero point to subtract."""
    return [vector_layer(node, Cost(DEQUANTIZE.simple - 1) * node.output.elements)]


@lowers("QOrderedGelu", domain=MICROSOFT)
def quantized_gelu(node: NodeView) -> Sequence[Layer]:
    """Symmetric on both sides."""
    cost = Cost(DEQUANTIZE.simple - 1 + QUANTIZE.simple - 1) + _GELU
    return [vector_layer(node, cost * node.output.elements)]


@lowers("ReduceSumInteger", domain=MICROSOFT)
def integer_sum(node: NodeView) -> Sequence[Layer]:
    """An addition for each input element, in 32 bits."""
    return [vector_layer(node, SIMPLE * node.input(0).elements), *further_outputs(node)]


@lowers("RelativePositionBias", domain=MICROSOFT)
def relative_position_bias(node: NodeView) -> Sequence[Layer]:
    """A bucket for each pair of positions, shared by all heads, and its entry for each head.

    Bucket (T5): sub, abs, log, mul, round, compare, select, add the sign's half; min. The output
    is ``1 x heads x queries x keys``; as many entries of the table are read.
    """
    output, table = node.output, node.input(0)
    pairs = output.shape[-2] * output.shape[-1]
    read = output.elements * table.bits
    return [vector_layer(node, Cost(8, 1) * pairs, reads=(table,), read_bits=read)]
