"""Geometry of a sliding window along the spatial axes, from ONNX's attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..lowering import CannotLower, NodeView


@dataclass(frozen=True, slots=True)
class Window:
    """A window per spatial axis, outermost first.

    Attributes:
        kernel, stride, dilation: taps, and positions between outputs and between taps.
        pad: positions of padding before the input.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pad: tuple[int, ...]

    def lifted(self) -> Window:
        """A one-dimensional window as the columns of a two-dimensional one."""
        if len(self.kernel) != 1:
            return self
        return Window((1, *self.kernel), (1, *self.stride), (1, *self.dilation), (0, *self.pad))


def spatial(node: NodeView, name: str, rank: int, default: int) -> tuple[int, ...]:
    """An attribute with one integer per spatial axis."""
    values = tuple(int(value) for value in node.attributes.get(name, ())) or (default,) * rank
    if len(values) != rank:
        raise CannotLower(f"attribute {name} has {len(values)} values for {rank} spatial axes")
    return values


def convolution_window(
    node: NodeView, kernel: Sequence[int], inputs: Sequence[int], outputs: Sequence[int]
) -> Window:
    """The window of a convolution.

    Args:
        kernel, inputs, outputs: sizes of filter, input and output along the spatial axes.
    """
    rank = len(kernel)
    stride = spatial(node, "strides", rank, 1)
    dilation = spatial(node, "dilations", rank, 1)
    given = tuple(int(value) for value in node.attributes.get("pads", ())) or (0,) * 2 * rank
    if len(given) != 2 * rank:
        raise CannotLower(f"attribute pads has {len(given)} values for {rank} spatial axes")
    automatic = str(node.attributes.get("auto_pad", "NOTSET"))
    pad = given[:rank]
    if automatic == "VALID":
        pad = (0,) * rank
    elif automatic in ("SAME_UPPER", "SAME_LOWER"):
        needed = tuple(
            max(0, (o - 1) * s + d * (k - 1) + 1 - i)
            for o, s, d, k, i in zip(outputs, stride, dilation, kernel, inputs, strict=True)
        )
        pad = tuple((n + 1) // 2 if automatic == "SAME_LOWER" else n // 2 for n in needed)
    return Window(tuple(kernel), stride, dilation, pad)
