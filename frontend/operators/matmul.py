"""Products of matrices: Gemm, MatMul of any rank with broadcasting, and their integer forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ..graph import ComputeLayer, FusedWork, Layer, Tensor
from ..lowering import CannotLower, NodeView, lowers
from ..nest import OperandBits
from .contraction import contraction_layer
from .conv import with_requantisation
from .costs import SIMPLE
from .parts import names_of


@lowers("MatMul", "MatMulInteger")
def matrix_product(node: NodeView) -> Sequence[Layer]:
    """Inputs A ``… x M x C`` and B ``… x C x K``; zero points are corrected at compile time."""
    return [lower_product(node, 0, 1)]


@lowers("QLinearMatMul")
def quantized_matrix_product(node: NodeView) -> Sequence[Layer]:
    """Inputs A, B and Y's scale and zero point, each (value, scale, zero point)."""
    return [with_requantisation(lower_product(node, 0, 3), node)]


@lowers("Gemm")
def general_matrix_product(node: NodeView) -> Sequence[Layer]:
    """``alpha A' B' + beta C`` with A and B optionally transposed, C broadcast."""
    a, b, c, y = node.input(0), node.input(1), node.optional(2), node.output
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise CannotLower(f"a Gemm of {a.shape} with {b.shape} is not covered")
    rows, depth = a.shape[::-1] if node.attributes.get("transA", 0) else a.shape
    columns = b.shape[0] if node.attributes.get("transB", 0) else b.shape[1]
    weights_first = 0 in node.static and 1 not in node.static
    w, x = (a, b) if weights_first else (b, a)
    layer = contraction_layer(
        node.name,
        node.op,
        groups=1,
        rows=columns if weights_first else rows,
        batch=1,
        k=rows if weights_first else columns,
        c=depth,
        bits=OperandBits(w.bits, x.bits, y.bits),
        inputs=names_of((x, w, c)),
        output=y.name,
        dynamic_weights=0 not in node.static and 1 not in node.static,
    )
    return [replace(layer, fused=_alpha(node, layer) + _addend(node, c))]


def _alpha(node: NodeView, layer: ComputeLayer) -> tuple[FusedWork, ...]:
    """Constant weights take the factor in at compile time."""
    if float(node.attributes.get("alpha", 1.0)) == 1.0 or not layer.dynamic_weights:
        return ()
    return (FusedWork((SIMPLE * node.output.elements).as_work("Mul"), node=node.name),)


def _addend(node: NodeView, c: Tensor | None) -> tuple[FusedWork, ...]:
    """A constant row or column is where accumulators start; anything else is fetched and added."""
    beta = float(node.attributes.get("beta", 1.0))
    if c is None or beta == 0.0:
        return ()
    if 2 in node.static and c.elements <= max(node.output.shape):
        return ()
    factor = 1 if beta == 1.0 or 2 in node.static else 2
    cost = SIMPLE * factor * node.output.elements
    return (FusedWork(cost.as_work("Add"), c.total_bits, node.name),)


def lower_product(node: NodeView, first: int, second: int) -> ComputeLayer:
    """The product of the inputs at two positions, by the rules of numpy's matmul.

    The constant operand is W; of two activations it is the second one.
    """
    a, b, y = node.input(first), node.input(second), node.output
    if not a.shape or not b.shape:
        raise CannotLower("a product with a scalar")
    left = (1, *a.shape) if len(a.shape) == 1 else a.shape
    right = (*b.shape, 1) if len(b.shape) == 1 else b.shape
    rows, depth, columns = left[-2], left[-1], right[-1]
    weights_first = first in node.static and second not in node.static
    groups, only_left, only_right = _batches(left[:-2], right[:-2])
    w, x = (a, b) if weights_first else (b, a)
    return contraction_layer(
        node.name,
        node.op,
        groups=groups,
        rows=columns if weights_first else rows,
        batch=only_right if weights_first else only_left,
        k=rows * only_left if weights_first else columns * only_right,
        c=depth,
        bits=OperandBits(w.bits, x.bits, y.bits),
        inputs=names_of((x, w)),
        output=y.name,
        dynamic_weights=first not in node.static and second not in node.static,
    )


def _batches(left: Sequence[int], right: Sequence[int]) -> tuple[int, int, int]:
    """Sizes of the leading axes that both operands have, only the left one, only the right one."""
    rank = max(len(left), len(right))
    a = (1,) * (rank - len(left)) + tuple(left)
    b = (1,) * (rank - len(right)) + tuple(right)
    if any(p != q and 1 not in (p, q) for p, q in zip(a, b, strict=True)):
        raise CannotLower(f"leading axes {tuple(left)} and {tuple(right)} do not broadcast")
    pairs = list(zip(a, b, strict=True))
    return (
        prod(p for p, q in pairs if p == q),
        prod(p for p, q in pairs if q == 1 != p),
        prod(q for p, q in pairs if p == 1 != q),
    )
