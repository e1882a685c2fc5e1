"""Pooling over windows of one to three dimensions, and over whole feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ..graph import Layer
from ..lowering import MICROSOFT, CannotLower, NodeView, lowers
from ..nest import check_residues, positions_inside
from .costs import QUANTIZE, Cost
from .elementwise import power_cost
from .parts import further_outputs, integers, vector_layer


@dataclass(frozen=True, slots=True)
class Window:
    """Pooling windows over the spatial axes.

    Attributes:
        taps: positions of one window; those on padding count, as they do for convolutions.
        outputs: windows of the whole tensor.
        touched: input elements that some window covers.
    """

    taps: int
    outputs: int
    touched: int


def window_of(node: NodeView, channels_last: bool = False) -> Window:
    """The windows of a pooling node; the output's shape is the one that inference found."""
    x, y = node.input(0), node.output
    spatial = slice(1, -1) if channels_last else slice(2, None)
    sizes, outputs = x.shape[spatial], y.shape[spatial]
    kernel = integers(node.attributes, "kernel_shape", ())
    if len(kernel) != len(sizes):
        raise CannotLower(f"kernel_shape {list(kernel)} does not fit a tensor of {x.shape}")
    ones = (1,) * len(sizes)
    strides = integers(node.attributes, "strides", ones) or ones
    dilations = integers(node.attributes, "dilations", ones) or ones
    begins = _begins(node, sizes, outputs, kernel, strides, dilations)
    touched = prod(
        _touched(size, outputs[axis], kernel[axis], strides[axis], dilations[axis], begins[axis])
        for axis, size in enumerate(sizes)
    )
    lines = x.elements // max(prod(sizes), 1)
    return Window(prod(kernel), y.elements, lines * touched)


def _touched(size: int, outputs: int, taps: int, stride: int, dilation: int, begin: int) -> int:
    """Positions along an axis that some window covers."""
    if dilation == 1 and stride <= taps:  # one contiguous run, the common case
        last = stride * (outputs - 1) + taps - 1 - begin
        return max(0, min(last, size - 1) - max(-begin, 0) + 1)
    check_residues(stride, dilation, taps)
    return positions_inside(stride, dilation, outputs, taps, begin, begin + size - 1)


def _begins(
    node: NodeView,
    sizes: tuple[int, ...],
    outputs: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[int, ...]:
    """Padding before each spatial axis."""
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        pads = integers(node.attributes, "pads", ())
        return pads[: len(sizes)] or (0,) * len(sizes)
    totals = [
        max((out - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
        for size, out, taps, stride, dilation in zip(
            sizes, outputs, kernel, strides, dilations, strict=True
        )
    ]
    return tuple(total // 2 if mode == "SAME_UPPER" else total - total // 2 for total in totals)


def lp_cost(p: int) -> tuple[Cost, Cost]:
    """One tap, and one output, of a sum of p-th powers with its p-th root."""
    if p == 1:
        return Cost(2), Cost()  # abs, add
    if p == 2:
        return Cost(2), Cost(0, 1)  # mul, add; square root
    return Cost(2) + power_cost(float(p)), power_cost(None)  # abs, power, add; general root


@lowers("MaxPool")
@lowers("NhwcMaxPool", domain=MICROSOFT)
def max_pool(node: NodeView) -> Sequence[Layer]:
    """A maximum for each tap; where indices are asked for, a select with it."""
    window = window_of(node, channels_last=node.op.startswith("Nhwc"))
    indices = len(node.outputs) > 1 and node.outputs[1] is not None
    cost = Cost(1 + int(indices)) * window.taps * window.outputs
    read = window.touched * node.input(0).bits
    return [vector_layer(node, cost, read_bits=read), *further_outputs(node)]


@lowers("AveragePool")
def average_pool(node: NodeView) -> Sequence[Layer]:
    """An addition for each tap, and the product with the reciprocal of their number."""
    window = window_of(node)
    cost = Cost(window.taps + 1) * window.outputs
    return [vector_layer(node, cost, read_bits=window.touched * node.input(0).bits)]


@lowers("LpPool")
def lp_pool(node: NodeView) -> Sequence[Layer]:
    """The p-norm of every window: `lp_cost` for each tap and each output."""
    window = window_of(node)
    tap, output = lp_cost(int(node.attributes.get("p", 2)))
    cost = (tap * window.taps + output) * window.outputs
    return [vector_layer(node, cost, read_bits=window.touched * node.input(0).bits)]


@lowers("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool")
def global_pool(node: NodeView) -> Sequence[Layer]:
    """One window for each feature map."""
    x, y = node.input(0), node.output
    if node.op == "GlobalLpPool":
        tap, output = lp_cost(int(node.attributes.get("p", 2)))
    else:
        tap, output = Cost(1), Cost(int(node.op == "GlobalAveragePool"))
    return [vector_layer(node, tap * x.elements + output * y.elements)]


@lowers("QLinearAveragePool", domain=MICROSOFT)
def quantized_average_pool(node: NodeView) -> Sequence[Layer]:
    """Integer sums; the zero point is taken off each sum, which is then scaled and quantised."""
    window = window_of(node, channels_last=bool(int(node.attributes.get("channels_last", 0))))
    cost = (Cost(window.taps + 2) + QUANTIZE) * window.outputs
    others = sum(tensor.total_bits for tensor in node.present_inputs()[1:])
    read = window.touched * node.input(0).bits + others
    return [vector_layer(node, cost, read_bits=read)]


@lowers("QLinearGlobalAveragePool", domain=MICROSOFT)
def quantized_global_average_pool(node: NodeView) -> Sequence[Layer]:
    """Integer sums; each sum loses the zero point, is scaled and quantised."""
    x, y = node.input(0), node.output
    return [vector_layer(node, Cost(1) * x.elements + (Cost(2) + QUANTIZE) * y.elements)]


@lowers("MaxUnpool")
def max_unpool(node: NodeView) -> Sequence[Layer]:
    """Each value goes to its index, all other positions become 0: one select for each output."""
    reads = (node.input(0), node.input(1))
    return [vector_layer(node, Cost(1) * node.output.elements, reads=reads)]
