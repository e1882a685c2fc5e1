"""Interpolation: resize, and sampling at positions that are data."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

from ..graph import Layer
from ..lowering import CannotLower, NodeView, lowers
from .costs import Cost, separable_interpolation
from .parts import move_layer, vector_layer

#: Input positions that one output needs along an axis.
_TAPS = {"nearest": 1, "linear": 2, "bilinear": 2, "cubic": 4}


@lowers("Resize", "Upsample")
def resize(node: NodeView) -> Sequence[Layer]:
    """Nearest: data that moves. Linear and cubic: interpolated axis by axis.

    An axis whose size stays is not interpolated. Positions and weights depend on shapes alone
    and come from compile time. With `antialias` the filter widens by the factor of reduction.
    """
    x, y = node.input(0), node.output
    mode = str(node.attributes.get("mode", "nearest"))
    if mode not in _TAPS:
        raise CannotLower(f"interpolation mode {mode!r} is not known")
    if mode == "nearest":
        read = min(x.elements, y.elements) * x.bits
        return [move_layer(node, reads=(x,), read_bits=read)]
    antialias = bool(int(node.attributes.get("antialias", 0)))
    taps = []
    for before, after in zip(x.shape, y.shape, strict=True):
        if before != after:
            widen = before / after if antialias and after < before else 1.0
            taps.append(ceil(_TAPS[mode] * widen))
    cost = separable_interpolation(tuple(taps)) * y.elements
    return [vector_layer(node, cost, reads=(x,))]


#: Weights of one position along an axis, beside its scaling (mul, add) and the check or reflection
#: at the border (2): linear floor and fraction; cubic also four polynomials of degree 3.
_POSITION = {"nearest": Cost(5), "linear": Cost(6), "cubic": Cost(6 + 4 * 6)}


@lowers("GridSample")
def grid_sample(node: NodeView) -> Sequence[Layer]:
    """Positions for every location, shared by all channels; then interpolation.

    The whole input is taken as read once: which part the grid needs is data.
    """
    x, y = node.input(0), node.output
    mode = str(node.attributes.get("mode", "linear"))
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    if mode not in _POSITION:
        raise CannotLower(f"interpolation mode {mode!r} is not known")
    axes = len(x.shape) - 2
    locations = y.shape[0] * prod(y.shape[2:])
    cost = _POSITION[mode] * axes * locations
    if mode != "nearest":
        cost += separable_interpolation((_TAPS[mode],) * axes) * y.elements
    return [vector_layer(node, cost)]


@lowers("AffineGrid")
def affine_grid(node: NodeView) -> Sequence[Layer]:
    """Each coordinate is a row of theta times the position: d products, d additions."""
    dims = node.output.shape[-1]
    cost = Cost(2 * dims) * node.output.elements
    return [vector_layer(node, cost, reads=(node.input(0),))]
