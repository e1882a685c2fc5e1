"""Conversion between real and quantised numbers, and operators that do it on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from ..graph import Layer, Tensor
from ..lowering import MICROSOFT, NodeView, lowers
from .costs import DEQUANTIZE, ELEMENT, QUANTIZE, SIMPLE, SOFTMAX, Cost, quantized
from .parts import further_outputs, inner_tensor, positive_axis, vector_layer


@lowers("QuantizeLinear")
@lowers("QuantizeLinear", domain=MICROSOFT)
def quantize(node: NodeView) -> Sequence[Layer]:
    """Without a zero point one addition less."""
    cost = QUANTIZE if node.optional(2) is not None else Cost(QUANTIZE.simple - 1)
    return [vector_layer(node, cost * node.output.elements)]


@lowers("DequantizeLinear")
@lowers("DequantizeLinear", domain=MICROSOFT)
def dequantize(node: NodeView) -> Sequence[Layer]:
    """Without a zero point one subtraction less."""
    cost = DEQUANTIZE if node.optional(2) is not None else Cost(DEQUANTIZE.simple - 1)
    return [vector_layer(node, cost * node.output.elements)]


#: Width of what is quantised as the network runs.
DYNAMIC_BITS: Final = 8

#: Scale and zero point from the extremes: two selects to include 0, sub, mul by 1 / 255, and
#: min / scale, round, sub, two selects; reciprocal of the scale.
_DYNAMIC_SCALE = Cost(9, 1)


def dynamic_quantize_cost(elements: int) -> Cost:
    """Smallest and largest value of a tensor, scale and zero point, then its quantisation."""
    return (Cost(2) + QUANTIZE) * elements + _DYNAMIC_SCALE


@lowers("DynamicQuantizeLinear")
def dynamic_quantize(node: NodeView) -> Sequence[Layer]:
    """Outputs the tensor in 8 bits, its scale and its zero point, all found as the network runs."""
    cost = dynamic_quantize_cost(node.input(0).elements)
    return [vector_layer(node, cost), *further_outputs(node)]


def quantized_as_it_runs(node: NodeView, x: Tensor) -> tuple[Tensor, Layer]:
    """An input of an operator that quantises it first, with a scale found from its values."""
    narrow = inner_tensor(node, "quantize", x.shape, DYNAMIC_BITS)
    layer = vector_layer(
        node,
        dynamic_quantize_cost(x.elements),
        reads=(x,),
        output=narrow,
        op="DynamicQuantizeLinear",
        part="quantize",
    )
    return narrow, layer


@lowers("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def quantized_binary(node: NodeView) -> Sequence[Layer]:
    """Both sides dequantised, added or multiplied, quantised."""
    return [vector_layer(node, quantized(SIMPLE, inputs=2) * node.output.elements)]


@lowers("QLinearSigmoid", "QLinearLeakyRelu", domain=MICROSOFT)
def quantized_activation(node: NodeView) -> Sequence[Layer]:
    """Dequantise, the activation, quantise: for every element."""
    cost, _ = ELEMENT[node.op.removeprefix("QLinear")]
    return [vector_layer(node, quantized(cost) * node.output.elements)]


@lowers("QLinearWhere", domain=MICROSOFT)
def quantized_where(node: NodeView) -> Sequence[Layer]:
    """Both sides brought to the output's scale, then selected."""
    return [vector_layer(node, quantized(SIMPLE, inputs=2) * node.output.elements)]


@lowers("QLinearSoftmax", domain=MICROSOFT)
def quantized_softmax(node: NodeView) -> Sequence[Layer]:
    """Rows as of Softmax: along one axis, before opset 13 over all axes from it on."""
    shape = node.output.shape
    axis = positive_axis(int(node.attributes.get("axis", -1)), len(shape))
    one_axis = int(node.attributes.get("opset", 13)) >= 13
    length = shape[axis] if one_axis else prod(shape[axis:])
    element, row = SOFTMAX
    elements = node.output.elements
    return [vector_layer(node, quantized(element) * elements + row * (elements // length))]


@lowers("QLinearConcat", domain=MICROSOFT)
def quantized_concat(node: NodeView) -> Sequence[Layer]:
    """Every input is brought to the output's scale and zero point."""
    return [vector_layer(node, quantized(Cost()) * node.output.elements)]


@lowers("QLinearReduceMean", domain=MICROSOFT)
def quantized_mean(node: NodeView) -> Sequence[Layer]:
    """Inputs less their zero point summed up; each sum multiplied and quantised."""
    per_input, per_output = Cost(3), SIMPLE + QUANTIZE  # convert, sub, add; mul
    cost = per_input * node.input(0).elements + per_output * node.output.elements
    return [vector_layer(node, cost)]
