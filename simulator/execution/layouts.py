"""Where the operands of convolutions and products lie in a loop nest.

    O[b, g, k, oy, ox] += W[g, k, c, fy, fx] * I[b, g, c, iy, ix]

Stride, dilation and padding of rows and columns are the nest's own; everything else follows from
the operator's definition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ...frontend.program import Node

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Operands:
    """Operands in a nest's layout.

    Attributes:
        weights: W[g, k, c, fy, fx].
        inputs: I[b, g, c, iy, ix].
        gather: O[b, g, k, oy, ox] to the operator's output.
    """

    weights: Array
    inputs: Array
    gather: Callable[[Array], Array]


def convolution(
    node: Node, x: Array, w: Array, y_shape: Sequence[int], before: Sequence[int]
) -> Operands:
    """A convolution of X ``N x C x spatial`` with W ``M x C/group x kernel``.

    Of three spatial axes the outer one folds: output depth into B, filter depth into C.

    Args:
        y_shape: of the output ``N x M x spatial``.
        before: padding in front of each spatial axis that comes on top of the node's own.
    """
    group, rank = int(node.attributes.get("group", 1)), x.ndim - 2
    depth_in, rows, columns = (1,) * (3 - rank) + x.shape[2:]
    depth_taps, *taps = (1,) * (3 - rank) + w.shape[2:]
    depth_out, *_ = (1,) * (3 - rank) + tuple(y_shape[2:])
    batch, channels, filters = x.shape[0], x.shape[1] // group, w.shape[0] // group
    volume = x.reshape(batch, group, channels, depth_in, rows, columns)
    stride, dilation, pad = (1, 1, 0) if rank < 3 else _depth_window(node, x, w, y_shape, before)
    folded = np.zeros((batch, depth_out, group, channels, depth_taps, rows, columns), x.dtype)
    for out in range(depth_out):
        for tap in range(depth_taps):
            position = stride * out + dilation * tap - pad
            if 0 <= position < depth_in:
                folded[:, out, :, :, tap] = volume[:, :, :, position]

    def gather(outputs: Array) -> Array:
        split = outputs.reshape(batch, depth_out, group * filters, *outputs.shape[-2:])
        return split.transpose(0, 2, 1, 3, 4).reshape(y_shape)

    return Operands(
        w.reshape(group, filters, w.shape[1] * depth_taps, *taps),
        folded.reshape(batch * depth_out, group, channels * depth_taps, rows, columns),
        gather,
    )


def _depth_window(
    node: Node, x: Array, w: Array, y_shape: Sequence[int], before: Sequence[int]
) -> tuple[int, int, int]:
    """Stride, dilation and padding in front along the outermost spatial axis."""
    stride = int((node.attributes.get("strides") or [1])[0])
    dilation = int((node.attributes.get("dilations") or [1])[0])
    automatic = node.attributes.get("auto_pad", "NOTSET")
    if automatic.startswith("SAME"):
        total = (y_shape[2] - 1) * stride + dilation * (w.shape[2] - 1) + 1 - x.shape[2]
        total = max(total, 0)
        return stride, dilation, total // 2 if automatic == "SAME_UPPER" else total - total // 2
    own = 0 if automatic == "VALID" else int((node.attributes.get("pads") or [0])[0])
    return stride, dilation, own + (before[0] if before else 0)


@dataclass(frozen=True, slots=True)
class Term:
    """An operand of a contraction: an array with a label for each axis."""

    array: Array
    labels: tuple[str, ...]

    def present(self) -> Term:
        """Without axes of one element, along which it is broadcast."""
        labels = tuple(
            label for label, size in zip(self.labels, self.array.shape, strict=True) if size > 1
        )
        return Term(self.array.reshape([size for size in self.array.shape if size > 1]), labels)


def contraction(
    x: Term, w: Term, output: Sequence[str], y_shape: Sequence[int], row: str | None = None
) -> Operands:
    """A contraction of two operands.

    A label in both and in the output is part of G, in both and not in the output of C, in W alone
    of K; in X alone it is OX for one label, and part of B for the others.

    Args:
        x, w: of which w becomes W.
        output: labels of the output, whose shape is `y_shape`.
        row: the label that becomes OX; default the last one that X alone has.
    """
    x, w = x.present(), w.present()
    size = dict(zip(x.labels, x.array.shape, strict=True))
    size |= dict(zip(w.labels, w.array.shape, strict=True))
    both = [label for label in x.labels if label in w.labels]
    groups = [label for label in both if label in output]
    summed = [label for label in both if label not in output]
    rows = [label for label in x.labels if label not in w.labels]
    columns = [label for label in w.labels if label not in x.labels]
    inner = rows[-1:] if row is None else [label for label in rows if label == row]
    batch = [label for label in rows if label not in inner]

    def extent(labels: Sequence[str]) -> int:
        return prod(size[label] for label in labels)

    def gather(outputs: Array) -> Array:
        order = [*batch, *groups, *columns, *inner]
        spread = outputs.reshape([size[label] for label in order])
        kept = [label for label in output if label in order]
        return spread.transpose([order.index(label) for label in kept]).reshape(y_shape)

    inputs = _ordered(x, [*batch, *groups, *summed, *inner])
    weights = _ordered(w, [*groups, *columns, *summed])
    return Operands(
        weights.reshape(extent(groups), extent(columns), extent(summed), 1, 1),
        inputs.reshape(extent(batch), extent(groups), extent(summed), 1, extent(inner)),
        gather,
    )


def _ordered(term: Term, labels: Sequence[str]) -> Array:
    return term.array.transpose([term.labels.index(label) for label in labels])


def matrix_labels(a: Array, b: Array) -> tuple[Term, Term, tuple[str, ...]]:
    """Operands of numpy's matmul with labels, and those of the output."""
    left = ("C",) if a.ndim == 1 else (*_leading(a), "M", "C")
    right = ("C",) if b.ndim == 1 else (*_leading(b), "C", "K")
    most = max(_leading(a), _leading(b), key=len)
    return Term(a, left), Term(b, right), (*most, "M", "K")


def _leading(array: Array) -> tuple[str, ...]:
    """Labels of the axes in front of a matrix, numbered from the right as numpy aligns them."""
    return tuple(str(axis) for axis in range(array.ndim - 2, 0, -1))
