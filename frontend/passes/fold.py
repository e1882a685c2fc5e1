"""Values of one node's outputs where its inputs are small constants (shape computations)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from onnx import NodeProto

from ..program import Array
from .convert import SMALL

#: A new value every time: never a constant.
RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial"}
    | {"Bernoulli", "Dropout"}
)

#: Folded, since shapes are computed with them, in time and memory linear in inputs and outputs.
#: Any other operator is left as it is: an Einsum of a few small constants can run for years.
_LINEAR: Final = frozenset(
    {"Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "CastLike", "Ceil", "Clip", "Concat"}
    | {"ConstantOfShape", "CumSum", "Div", "Equal", "Exp", "Expand", "EyeLike", "Flatten", "Floor"}
    | {"Gather", "GatherND", "Greater", "GreaterOrEqual", "Identity", "IsInf"}
    | {"IsNaN", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min", "Mod", "Mul", "Neg", "NonZero"}
    | {"Not", "Or", "Pow", "Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin"}
    | {"ReduceProd", "ReduceSum", "Reshape", "Round", "ScatterND", "Shape"}
    | {"Sign", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tile", "TopK"}
    | {"Transpose", "Trilu", "Unique", "Unsqueeze", "Where", "Xor", "Compress"}
)

Inputs = Sequence[Array | None]
Attributes = Mapping[str, Any]


def _divide(a: Array, b: Array) -> Array | None:
    """Integers truncate towards zero, as C does."""
    if not np.issubdtype(a.dtype, np.integer):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(a / b, dtype=a.dtype)
    if not np.all(b):
        return None
    return np.asarray(np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)), dtype=a.dtype)


def _axes(values: Inputs, attributes: Attributes) -> tuple[int, ...] | None:
    given = values[1] if len(values) > 1 else attributes.get("axes")
    return None if given is None else tuple(int(axis) for axis in np.ravel(given))


def _squeeze(values: Inputs, attributes: Attributes) -> Array:
    assert values[0] is not None
    return np.squeeze(values[0], axis=_axes(values, attributes))


def _unsqueeze(values: Inputs, attributes: Attributes) -> Array | None:
    axes = _axes(values, attributes)
    assert values[0] is not None
    return None if axes is None else np.expand_dims(values[0], axes)


def _gather(values: Inputs, attributes: Attributes) -> Array:
    assert values[0] is not None
    assert values[1] is not None
    return np.take(values[0], values[1], axis=attributes.get("axis", 0))


def _concat(values: Inputs, attributes: Attributes) -> Array:
    return np.concatenate(
        [value for value in values if value is not None], axis=attributes.get("axis", 0)
    )


def _constant_of_shape(values: Inputs, attributes: Attributes) -> Array:
    assert values[0] is not None
    fill = np.ravel(attributes.get("value", np.zeros(1, np.float32)))
    return np.full(tuple(int(size) for size in values[0]), fill[0], fill.dtype)


def _binary(function: Callable[..., Any]) -> Callable[[Inputs, Attributes], Array]:
    return lambda values, _: np.asarray(function(values[0], values[1]))


_FAST: dict[str, Callable[[Inputs, Attributes], Array | None]] = {
    "Identity": lambda values, _: values[0],
    "Gather": _gather,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": _binary(_divide),
    "Equal": _binary(np.equal),
    "Less": _binary(np.less),
    "Greater": _binary(np.greater),
    "Not": lambda values, _: np.logical_not(np.asarray(values[0])),
}


def fold(node: NodeProto, opset: int, values: Inputs, attributes: Attributes) -> list[Array] | None:
    """Values of the outputs; None where they are large, or cannot be computed.

    Args:
        values: of the inputs; None where an optional one is absent.
    """
    if node.domain not in ("", "ai.onnx") or node.op_type not in _LINEAR:
        return None
    if any(value is not None and value.dtype.kind not in "biuf" for value in values):
        return None  # text: it says nothing of a shape, and can double with every operator
    fast = _FAST.get(node.op_type)
    with np.errstate(all="ignore"):
        # The legacy broadcasting of operator sets before 7 is left to the reference.
        if fast and (opset >= 7 or "axis" not in attributes or node.op_type == "Concat"):
            try:
                value = fast(values, attributes)
            except (ValueError, IndexError, TypeError, OverflowError):  # numpy's: nothing fits
                return None
            return None if value is None or value.size > SMALL else [value]
        return _by_reference(node, opset, values)


def _by_reference(node: NodeProto, opset: int, values: Inputs) -> list[Array] | None:
    from onnx.reference import ReferenceEvaluator

    feeds = {
        name: value
        for name, value in zip(node.input, values, strict=True)
        if name and value is not None
    }
    try:
        evaluator = ReferenceEvaluator(node, opsets={"": opset})
        results = evaluator.run(None, feeds)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError,
            RuntimeError, TypeError, ValueError):  # fmt: skip
        return None  # the reference does not cover it: the values stay unknown
    arrays = [np.asarray(result) for result in results]
    return None if any(array.size > SMALL for array in arrays) else arrays
