"""Convolutions as loop nests: 1-D, 2-D and 3-D, grouped, depthwise, dilated, quantised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ..graph import ComputeLayer, FusedWork, Layer, Tensor
from ..lowering import CannotLower, NodeView, lowers
from ..nest import LoopNest, OperandBits
from .costs import QUANTIZE, SIMPLE
from .parts import names_of
from .window import convolution_window

#: What the user is told of three spatial axes.
FOLDED_DEPTH = (
    "convolutions with three spatial axes fold output depth into the batch and filter depth into "
    "the input channels: multiply-accumulates are exact, reuse along depth is not credited"
)


@lowers("Conv")
def convolution(node: NodeView) -> Sequence[Layer]:
    """Inputs X ``N x C x spatial``, W ``M x C/group x kernel`` and a bias ``M``."""
    return [lower_convolution(node, node.input(0), node.input(1), node.optional(2), weights=1)]


@lowers("ConvInteger")
def integer_convolution(node: NodeView) -> Sequence[Layer]:
    """Inputs X, W and their zero points, whose products are corrected at compile time."""
    return [lower_convolution(node, node.input(0), node.input(1), None, weights=1)]


@lowers("QLinearConv")
def quantized_convolution(node: NodeView) -> Sequence[Layer]:
    """Inputs X, W and Y's scale and zero point, each (value, scale, zero point), and a bias."""
    layer = lower_convolution(node, node.input(0), node.input(3), node.optional(8), 3, bias_at=8)
    return [with_requantisation(layer, node)]


def lower_convolution(
    node: NodeView, x: Tensor, w: Tensor, bias: Tensor | None, weights: int, bias_at: int = 2
) -> ComputeLayer:
    """The layer of a convolution; `weights` and `bias_at` are positions of W and the bias."""
    y = node.output
    group = int(node.attributes.get("group", 1))
    rank = len(x.shape) - 2
    if rank not in (1, 2, 3) or len(w.shape) != rank + 2 or len(y.shape) != rank + 2:
        raise CannotLower(f"a convolution of {x.shape} with {w.shape} is not covered")
    filters, channels = w.shape[:2]
    if group < 1 or filters % group or channels * group != x.shape[1]:
        raise CannotLower(f"{group} groups do not divide {x.shape[1]} and {filters} channels")
    inputs, outputs, kernel = x.shape[2:], y.shape[2:], w.shape[2:]
    window = convolution_window(node, kernel, inputs, outputs).lifted()
    if rank == 1:
        inputs, outputs = (1, *inputs), (1, *outputs)
    depth_out, depth_taps = prod(outputs[:-2]), prod(window.kernel[:-2])
    if rank == 3:
        node.notes.append(FOLDED_DEPTH)
    rows, columns = outputs[-2:]
    taps_y, taps_x = window.kernel[-2:]
    nest = LoopNest(
        (
            y.shape[0] * depth_out,
            group,
            filters // group,
            channels * depth_taps,
            rows,
            columns,
            taps_y,
            taps_x,
        ),
        stride=(window.stride[-2], window.stride[-1]),
        dilation=(window.dilation[-2], window.dilation[-1]),
        pad=(window.pad[-2], window.pad[-1]),
        input_size=(inputs[-2], inputs[-1]),
    )
    return ComputeLayer(
        name=node.name,
        op=node.op,
        nest=nest,
        bits=OperandBits(w.bits, x.bits, y.bits),
        inputs=names_of((x, w, bias)),
        output=y.name,
        dynamic_weights=weights not in node.static,
        fused=added_bias(node, bias, bias_at),
        nodes=(node.name,),
    )


def added_bias(node: NodeView, bias: Tensor | None, position: int) -> tuple[FusedWork, ...]:
    """A constant bias is where accumulators start; one computed at run time is an addition."""
    if bias is None or position in node.static:
        return ()
    return (FusedWork((SIMPLE * node.output.elements).as_work("Add"), bias.total_bits, node.name),)


def with_requantisation(layer: ComputeLayer, node: NodeView) -> ComputeLayer:
    """The layer with its sums scaled to the output's integers, which the operator includes."""
    work = (QUANTIZE * node.output.elements).as_work("QuantizeLinear")
    return replace(layer, fused=(*layer.fused, FusedWork(work, node=node.name)))
