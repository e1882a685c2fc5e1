"""Transforms of signals, and the determinant."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2, prod

from ..graph import Layer
from ..lowering import CannotLower, NodeView, lowers
from .costs import Cost
from .parts import bits_of, constant_scalar, positive_axis, vector_layer


def fourier_cost(points: int, real: bool) -> Cost:
    """A fast Fourier transform of so many points: 5 N log2 N operations, half of it for real input.

    The usual count of the radix-2 algorithm: N / 2 log2 N butterflies of a complex product
    (4 mul, 2 add) and two complex additions (4 add). Lengths that are no power of two count by
    the same formula. Twiddle factors come from compile time.
    """
    if points < 2:
        return Cost()
    full = ceil(5 * points * log2(points))
    return Cost(ceil(full / 2) if real else full)


@lowers("DFT")
def fourier_transform(node: NodeView) -> Sequence[Layer]:
    """Inputs signal (last axis: real, or real and imaginary), length, axis."""
    x, y = node.input(0), node.output
    axis = _transform_axis(node, len(x.shape))
    length = constant_scalar(node, 1)
    inverse = bool(int(node.attributes.get("inverse", 0)))
    onesided = bool(int(node.attributes.get("onesided", 0)))
    points = int(length) if length is not None else x.shape[axis]
    real = x.shape[-1] == 1 or (inverse and onesided)
    transforms = prod(x.shape[:-1]) // max(x.shape[axis], 1)
    cost = fourier_cost(points, real) * transforms
    if inverse:
        cost += Cost(1) * y.elements  # the factor 1 / N
    return [vector_layer(node, cost, reads=(x,))]


def _transform_axis(node: NodeView, rank: int) -> int:
    """The axis: an attribute before opset 20, then an input, which must be known."""
    if node.opset < 20:
        return positive_axis(int(node.attributes.get("axis", 1)), rank)
    if node.optional(2) is None:
        return rank - 2
    axis = constant_scalar(node, 2)
    if axis is None:
        raise CannotLower("the axis is computed in the network")
    return positive_axis(int(axis), rank)


@lowers("STFT")
def short_time_fourier_transform(node: NodeView) -> Sequence[Layer]:
    """A window and a transform for each frame; overlapping frames are read from memory once."""
    x, y = node.input(0), node.output
    window = node.optional(2)
    length = constant_scalar(node, 3)
    if length is not None:
        points = int(length)
    elif window is not None:
        points = window.shape[0]
    else:
        raise CannotLower("the length of a frame is computed in the network")
    real = len(x.shape) == 2 or x.shape[-1] == 1
    parts = 1 if real else 2
    frames = y.shape[0] * y.shape[1]
    cost = fourier_cost(points, real) * frames
    if window is not None:
        cost += Cost(points * parts) * frames
    return [vector_layer(node, cost, read_bits=bits_of((x, window)))]


@lowers("MelWeightMatrix")
def mel_weight_matrix(node: NodeView) -> Sequence[Layer]:
    """Per bin an edge: mul, add, exp, mul (mel to hertz), mul, round; two edges more than bins.

    Per entry two slopes: two sub, two mul, min, max; and once per bin two reciprocals.
    """
    bins = node.output.shape[-1]
    cost = Cost(5, 1) * (bins + 2) + Cost(0, 2) * bins + Cost(6) * node.output.elements
    return [vector_layer(node, cost)]


@lowers("Det")
def determinant(node: NodeView) -> Sequence[Layer]:
    """Gaussian elimination with row pivots, then the product of the diagonal.

    At step k: n - k compares for the pivot, one reciprocal, n - k factors and (n - k)^2 products
    and subtractions.
    """
    x = node.input(0)
    size = x.shape[-1]
    simple = size - 1 + size * (size - 1) + size * (size - 1) * (2 * size - 1) // 3
    cost = Cost(simple, size - 1) * (x.elements // (size * size))
    return [vector_layer(node, cost)]
