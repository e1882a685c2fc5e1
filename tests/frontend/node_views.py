"""Nodes for tests of lowering rules, built by hand, and numbers that count their operations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx.shape_inference import infer_shapes

import chiploom.frontend.operators
from chiploom.frontend.graph import ComputeLayer, Layer, MoveLayer, Tensor, VectorLayer
from chiploom.frontend.lowering import NodeView, rule_for

chiploom.frontend.operators.load_rules()

Shape = tuple[int, ...] | None


def view(
    op: str,
    inputs: Sequence[Shape | tuple[tuple[int, ...], int]],
    outputs: Sequence[Shape | tuple[tuple[int, ...], int]],
    *,
    domain: str = "",
    opset: int = 21,
    bits: int = 32,
    constants: Mapping[int, Any] | None = None,
    static: Sequence[int] = (),
    **attributes: Any,
) -> NodeView:
    """A node with inputs `in0`, `in1`, … and outputs `out0`, …; a shape, or (shape, bits)."""

    def tensors(kind: str, shapes: Sequence[Any]) -> tuple[Tensor | None, ...]:
        found: list[Tensor | None] = []
        for position, entry in enumerate(shapes):
            if entry is None:
                found.append(None)
                continue
            shape, width = entry if entry and isinstance(entry[0], tuple) else (entry, bits)
            found.append(Tensor(f"{kind}{position}", shape, width))
        return tuple(found)

    return NodeView(
        name="node",
        op=op,
        domain=domain,
        opset=opset,
        inputs=tensors("in", inputs),
        outputs=tensors("out", outputs),
        attributes=attributes,
        constants={key: np.asarray(value) for key, value in (constants or {}).items()},
        static=frozenset(static),
    )


def lower(node: NodeView) -> Sequence[Layer]:
    rule = rule_for(node.op, node.domain)
    assert rule is not None, f"no rule for {node.domain}::{node.op}"
    layers = rule(node)
    assert layers
    return layers


def only_vector(node: NodeView) -> VectorLayer:
    (layer,) = lower(node)
    assert isinstance(layer, VectorLayer)
    return layer


def only_move(node: NodeView) -> MoveLayer:
    (layer,) = lower(node)
    assert isinstance(layer, MoveLayer)
    return layer


def products(layers: Sequence[Layer]) -> list[ComputeLayer]:
    return [layer for layer in layers if isinstance(layer, ComputeLayer)]


def vectors(layers: Iterable[Layer]) -> list[VectorLayer]:
    return [layer for layer in layers if isinstance(layer, VectorLayer)]


def moves(layers: Sequence[Layer]) -> list[MoveLayer]:
    return [layer for layer in layers if isinstance(layer, MoveLayer)]


class Number:
    """A number that counts what is done with it: formulas run on it cost what they say.

    `Number.simple` and `Number.special` are the counts since `Number.reset()`.
    """

    simple = 0
    special = 0

    def __init__(self, value: float) -> None:
        self.value = float(value)

    @classmethod
    def reset(cls) -> None:
        cls.simple = cls.special = 0

    @classmethod
    def counts(cls) -> tuple[int, int]:
        return cls.simple, cls.special

    @staticmethod
    def _of(other: Number | float) -> float:
        return other.value if isinstance(other, Number) else other

    def _simple(self, value: float) -> Number:
        Number.simple += 1
        return Number(value)

    def __add__(self, other: Number | float) -> Number:
        return self._simple(self.value + self._of(other))

    __radd__ = __add__

    def __sub__(self, other: Number | float) -> Number:
        return self._simple(self.value - self._of(other))

    def __rsub__(self, other: float) -> Number:
        return self._simple(other - self.value)

    def __mul__(self, other: Number | float) -> Number:
        return self._simple(self.value * self._of(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Number:
        Number.special += 1
        return Number(self.value / other.value)

    def __abs__(self) -> Number:
        return self._simple(abs(self.value))

    def __gt__(self, other: float) -> bool:
        Number.simple += 1
        return self.value > self._of(other)

    def __lt__(self, other: float) -> bool:
        Number.simple += 1
        return self.value < self._of(other)


def special(function: Callable[[float], float]) -> Callable[[Number], Number]:
    """An elementary function: one special operation."""

    def apply(x: Number) -> Number:
        Number.special += 1
        return Number(function(x.value))

    return apply


exp, log, sqrt, tanh, erf = map(special, (math.exp, math.log, math.sqrt, math.tanh, math.erf))
sin, cos, atan = map(special, (math.sin, math.cos, math.atan))
exp_of_minus = special(lambda x: math.exp(-x))
reciprocal = special(lambda x: 1 / x)
inverse_root = special(lambda x: 1 / math.sqrt(x))


def largest(a: Number, b: Number | float) -> Number:
    return a._simple(max(a.value, Number._of(b)))


def smallest(a: Number, b: Number | float) -> Number:
    return a._simple(min(a.value, Number._of(b)))


def select(condition: bool, a: Number | float, b: Number | float) -> Number:
    Number.simple += 1
    return Number(Number._of(a if condition else b))


def sigmoid(x: Number) -> Number:
    return reciprocal(exp_of_minus(x) + 1.0)


def reference(
    op: str,
    feeds: Mapping[str, np.ndarray[Any, Any]],
    outputs: Sequence[str] = ("y",),
    opset: int = 24,
    **attributes: Any,
) -> list[np.ndarray[Any, Any]]:
    """What ONNX's own reference implementation computes; an empty name is an absent input."""
    node = helper.make_node(op, list(feeds), list(outputs), **attributes)
    infos = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in feeds.items()
    ]
    results = [helper.make_tensor_value_info(name, 1, None) for name in outputs if name]
    model = helper.make_model(
        helper.make_graph([node], "one", infos, results),
        opset_imports=[helper.make_opsetid("", opset)],
    )
    evaluator = ReferenceEvaluator(infer_shapes(model))
    return [np.asarray(value) for value in evaluator.run(None, dict(feeds))]
