"""Operators that loop nests compute: their operands, and what is done to the sums.

A product is computed on the numbers that are stored: floats, or integers less their zero point,
whose sums are scaled. Where a scale does not commute with the sum (one for each block of what is
summed over), the values that the integers stand for are multiplied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...frontend.graph import ComputeLayer, Tensor
from ...frontend.operators.einsum import parse
from ...frontend.program import Node
from .attention import Run, execute_attention
from .errors import NotExecutableError, WiringError
from .layouts import Operands, Term, contraction, convolution, matrix_labels
from .recurrent import execute_recurrent
from .reference import Scope
from .transposed import TransposedConvolution

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Products:
    """A node with the compute layers that it became.

    Attributes:
        node, layers: in order.
        scope: what the layers read.
        run: executes a layer on W and I, and gives O.
    """

    node: Node
    layers: Sequence[ComputeLayer]
    scope: Scope
    run: Callable[[ComputeLayer, Array, Array], Array]

    def outputs(self) -> list[Array]:
        """The node's outputs.

        Raises:
            NotExecutableError: the operator's layers have no form that can be executed.
        """
        rule = _RULES.get(self.node.op) if not self.node.domain else None
        if rule is None:
            raise NotExecutableError(f"the operands of {self.node.kind} have no layout here")
        return rule(self)

    def input(self, position: int) -> Array:
        """The value of the node's input at a position."""
        return self.scope.value(self.node.inputs[position])

    def shape(self) -> tuple[int, ...]:
        """Shape of the node's first output."""
        return self.scope.reference.shape(self.node.outputs[0])

    def one(self, operands: Operands) -> Array:
        """The result of operands for a node that is one layer."""
        if len(self.layers) != 1:
            raise WiringError(f"expected one layer for {self.node.op}, found {len(self.layers)}")
        return operands.gather(self.run(self.layers[0], operands.weights, operands.inputs))

    def pair(self) -> tuple[Run, Run]:
        """What executes either layer of a node that is two."""
        if len(self.layers) != 2:
            raise WiringError(f"expected two products, found {len(self.layers)}")
        first, second = self.layers
        return partial(self.run, first), partial(self.run, second)

    def convolved(self, x: Array, w: Array, before: Sequence[int] = ()) -> Array:
        """A convolution by the one layer of the node, x padded as the node says and by `before`."""
        return self.one(convolution(self.node, x, w, self.shape(), before))

    def multiplied(self, a: Array, b: Array, first: int, second: int) -> Array:
        """A product as numpy's matmul; the inputs stand at these positions of the node."""
        left, right, labels = matrix_labels(a, b)
        if self.weights_first(first, second):
            return self.one(contraction(right, left, labels, self.shape(), "K"))
        return self.one(contraction(left, right, labels, self.shape(), "M"))

    def weights_first(self, first: int, second: int) -> bool:
        """Whether of these two inputs only the first is fixed, so that it is the layer's W."""
        static = [self.scope.reference.is_static(self.node.inputs[p]) for p in (first, second)]
        return static == [True, False]


def _conv(task: Products) -> list[Array]:
    x, w = _stored(task, 0, None), _stored(task, 1, 0)
    if x is not None and w is not None:
        y = task.convolved(x[0], w[0])
        y = y * x[1] * _per_channel(w[1], y)
    else:
        values, before = _before_pad(task)
        y = task.convolved(values, task.input(1), before)
    return [y + _per_channel(task.scope.optional(task.node, 2), y)]


def _before_pad(task: Products) -> tuple[Array, Sequence[int]]:
    """X in front of a Pad that the layer does itself, and what that adds in front."""
    name, reference = task.node.inputs[0], task.scope.reference
    maker = reference.makers.get(name)
    while maker is not None and maker.is_op("Identity", "Dropout") and name not in task.scope.known:
        name = maker.inputs[0]
        maker = reference.makers.get(name)
    if maker is None or maker.op != "Pad" or maker.name not in task.scope.covered:
        return task.input(0), ()
    x = task.scope.value(maker.inputs[0])
    amounts = task.scope.optional(maker, 1)
    pads = [int(p) for p in (maker.attributes["pads"] if amounts is None else amounts)]
    axes = task.scope.optional(maker, 3)
    named = list(range(x.ndim)) if axes is None else [int(axis) % x.ndim for axis in axes]
    before = dict(zip(named, pads, strict=False))
    task.scope.done.add(maker.name)
    return x, [before.get(axis, 0) for axis in range(2, x.ndim)]


def _stored(task: Products, position: int, axis: int | None) -> tuple[Array, Array] | None:
    """Integers less their zero point, and their scale; None where no scale commutes with the sum.

    Args:
        axis: along which there may be a scale for each index.
    """
    name, scope = task.node.inputs[position], task.scope
    node = scope.reference.makers.get(name)
    if name in scope.known or node is None or not node.is_op("DequantizeLinear"):
        return None
    scale = scope.value(node.inputs[1])
    rank = len(scope.reference.shape(name))
    along = int(node.attributes.get("axis", 1)) % rank
    if scale.size > 1 and (node.attributes.get("block_size", 0) or along != axis):
        return None
    scope.admit(node)
    value = scope.value(node.inputs[0])
    if not np.issubdtype(value.dtype, np.integer):
        return None
    scope.done.add(node.name)
    return _centred(value, scope.optional(node, 2), along), scale.astype(np.float64).ravel()


def _per_channel(bias: Array | None, y: Array) -> Array:
    """A bias per channel, to be added to ``N x M x spatial``."""
    return np.zeros(1, y.dtype) if bias is None else bias.reshape(-1, *(1,) * (y.ndim - 2))


def _centred(value: Array, zero: Array | None, axis: int) -> Array:
    """Integers less their zero point, one for all or one for each index of an axis."""
    wide: Array = value.astype(np.int64)
    if zero is None:
        return wide
    if zero.size > 1:
        zero = np.expand_dims(zero.ravel(), tuple(a for a in range(value.ndim) if a != axis))
    return wide - zero.astype(np.int64)


def _conv_integer(task: Products) -> list[Array]:
    x = _centred(task.input(0), task.scope.optional(task.node, 2), 1)
    w = _centred(task.input(1), task.scope.optional(task.node, 3), 0)
    return [task.convolved(x, w).astype(np.int32)]


def _quantized_conv(task: Products) -> list[Array]:
    x, w = _centred(task.input(0), task.input(2), 1), _centred(task.input(3), task.input(5), 0)
    sums = task.convolved(x, w)
    sums = sums + _per_channel(task.scope.optional(task.node, 8), sums)
    scale = _per_channel(np.ravel(task.input(1) * task.input(4)), sums)
    return [_requantized(task, sums, scale)]


def _requantized(task: Products, sums: Array, scale: Array) -> Array:
    """Sums in integers of the output's scale and zero point, inputs 6 and 7."""
    zero = task.input(7)
    rounded = np.rint(sums * scale / task.input(6)) + zero
    limits = np.iinfo(zero.dtype)
    stored: Array = np.clip(rounded, limits.min, limits.max).astype(zero.dtype)
    return stored


def _matmul(task: Products) -> list[Array]:
    last = len(task.scope.reference.shape(task.node.inputs[1])) - 1
    a, b = _stored(task, 0, None), _stored(task, 1, last if last > 0 else None)
    if a is not None and b is not None:
        return [task.multiplied(a[0], b[0], 0, 1) * a[1] * b[1]]
    return [task.multiplied(task.input(0), task.input(1), 0, 1)]


def _matmul_integer(task: Products) -> list[Array]:
    a = _centred(task.input(0), task.scope.optional(task.node, 2), -2 % task.input(0).ndim)
    b = _centred(task.input(1), task.scope.optional(task.node, 3), task.input(1).ndim - 1)
    return [task.multiplied(a, b, 0, 1).astype(np.int32)]


def _quantized_matmul(task: Products) -> list[Array]:
    a = _centred(task.input(0), task.input(2), -2 % task.input(0).ndim)
    b = _centred(task.input(3), task.input(5), task.input(3).ndim - 1)
    scale = task.input(1).reshape(-1, 1) * task.input(4)
    return [_requantized(task, task.multiplied(a, b, 0, 3), scale)]


def _gemm(task: Products) -> list[Array]:
    a, b = task.input(0), task.input(1)
    attributes = task.node.attributes
    left = Term(a, ("C", "M") if attributes.get("transA", 0) else ("M", "C"))
    right = Term(b, ("K", "C") if attributes.get("transB", 0) else ("C", "K"))
    if task.weights_first(0, 1):
        y = task.one(contraction(right, left, "MK", task.shape(), "K"))
    else:
        y = task.one(contraction(left, right, "MK", task.shape(), "M"))
    c = task.scope.optional(task.node, 2)
    y = y * attributes.get("alpha", 1.0)
    return [y if c is None else y + attributes.get("beta", 1.0) * c]


def _einsum(task: Products) -> list[Array]:
    """Of two operands; a label in one of them alone must be in the output."""
    node, reference = task.node, task.scope.reference
    if len(node.inputs) != 2 or len(task.layers) != 1:
        raise NotExecutableError("an Einsum of several layers is not covered")
    shaped = [Tensor(name, reference.shape(name), 0) for name in node.inputs]
    labels, output = parse(str(node.attributes["equation"]), shaped)
    terms = [Term(task.input(position), labels[position]) for position in range(2)]
    for own, other in (terms, terms[::-1]):
        alone = set(own.present().labels) - set(other.present().labels) - set(output)
        if alone:
            raise NotExecutableError(f"an Einsum that sums over {', '.join(alone)} before")
    if task.weights_first(0, 1):
        terms.reverse()
    return [task.one(contraction(terms[0], terms[1], output, task.shape()))]


def _conv_transpose(task: Products) -> list[Array]:
    whole = TransposedConvolution(task.node, task.input(0), task.input(1), task.shape())
    if len(whole.parts) != len(task.layers):
        raise WiringError(f"expected {len(whole.parts)} phases, found {len(task.layers)}")
    for layer, part in zip(task.layers, whole.parts, strict=True):
        operands = whole.operands(part, layer.nest)
        operands.gather(task.run(layer, operands.weights, operands.inputs))
    y = whole.outputs.reshape(task.shape())
    return [y + _per_channel(task.scope.optional(task.node, 2), y)]


def _attention(task: Products) -> list[Array]:
    return execute_attention(task.node, task.scope, *task.pair())


def _recurrent(task: Products) -> list[Array]:
    return execute_recurrent(task.node, task.scope, *task.pair())


_RULES: Final[dict[str, Callable[[Products], list[Array]]]] = {
    "Conv": _conv,
    "ConvInteger": _conv_integer,
    "QLinearConv": _quantized_conv,
    "MatMul": _matmul,
    "MatMulInteger": _matmul_integer,
    "QLinearMatMul": _quantized_matmul,
    "Gemm": _gemm,
    "Einsum": _einsum,
    "ConvTranspose": _conv_transpose,
    "Attention": _attention,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}
