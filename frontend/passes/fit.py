"""What contradicts an operator although ONNX's own shape inference lets it pass.

Such a network cannot run: its layers must not be costed, nor be left out as not modelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..program import TensorType

#: Convolutions, by the position of their weights.
_WEIGHTS: Final = {"Conv": 1, "ConvInteger": 1, "FusedConv": 1, "QLinearConv": 3}
_POOLS: Final = frozenset({"AveragePool", "LpPool", "MaxPool"})
_PADDINGS: Final = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


def contradiction(
    op: str,
    attributes: Mapping[str, Any],
    inputs: Sequence[TensorType | None],
    outputs: Sequence[TensorType],
) -> str:
    """What does not fit, in words for the user; empty where nothing is known against it."""
    if not inputs or inputs[0] is None or not outputs:
        return ""
    data = inputs[0]
    if op == "Reshape":
        before, after = data.elements, outputs[0].elements
        if before is not None and after is not None and before != after:
            return f"{before} elements cannot be read as {after} (shape {_shown(outputs[0])})"
    elif op in _WEIGHTS and len(inputs) > _WEIGHTS[op]:
        weights = inputs[_WEIGHTS[op]]
        if data.known and weights is not None and weights.known:
            return _convolution(attributes, data.known, weights.known)
    elif op in _POOLS and data.known:
        return _window(attributes, data.known[2:], tuple(attributes.get("kernel_shape", ())))
    return ""


def _convolution(
    attributes: Mapping[str, Any], data: tuple[int, ...], weights: tuple[int, ...]
) -> str:
    if min(len(data), len(weights)) < 2:
        return ""
    group = int(attributes.get("group", 1))
    filters, channels = weights[:2]
    if group < 1 or filters % group:
        return f"expected a group that divides the {filters} filters, found {group}"
    if channels * group != data[1]:
        groups = f" in each of {group} groups" if group > 1 else ""
        return f"the weights are for {channels} channels{groups}, the input has {data[1]}"
    return _window(attributes, data[2:], weights[2:])


def _window(attributes: Mapping[str, Any], sizes: Sequence[int], kernel: Sequence[int]) -> str:
    """Whether a window fits into its input, padding included."""
    automatic = attributes.get("auto_pad", "NOTSET")
    if automatic not in _PADDINGS:
        return f"expected auto_pad to be one of {', '.join(_PADDINGS)}, found {automatic!r}"
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        return ""  # as much padding as it takes
    rank = len(sizes)
    pads = list(attributes.get("pads", ())) if automatic == "NOTSET" else []
    pads = pads or [0] * 2 * rank
    dilations = list(attributes.get("dilations", ())) or [1] * rank
    if len(kernel) != rank or len(pads) != 2 * rank or len(dilations) != rank:
        return ""  # its rule says so
    for axis, size in enumerate(sizes):
        reach = dilations[axis] * (kernel[axis] - 1) + 1
        padded = size + pads[axis] + pads[axis + rank]
        if reach > padded:
            return f"a window over {reach} positions does not fit into {padded} (axis {axis + 2})"
    return ""


def _shown(type_: TensorType) -> str:
    return str(list(type_.shape or ()))
