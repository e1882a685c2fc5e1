"""AlexNet, Krizhevsky et al. 2012, in the two groups of its two GPUs."""

from __future__ import annotations

import onnx

from ..builder import GraphBuilder
from ..modules import activation, conv, gemm, max_pool


def alexnet() -> onnx.ModelProto:
    """Second, fourth and fifth convolution have two groups; response normalisation after the
    first two, as published."""
    b = GraphBuilder("alexnet")
    x = b.input("input", (1, 3, 227, 227))
    x = _convolution(b, x, 1, (3, 96), 11, stride=4, pad=0)
    x = max_pool(b, _normalised(b, x), "pool1", 3, 2)
    x = _convolution(b, x, 2, (96, 256), 5, groups=2)
    x = max_pool(b, _normalised(b, x), "pool2", 3, 2)
    x = _convolution(b, x, 3, (256, 384), 3)
    x = _convolution(b, x, 4, (384, 384), 3, groups=2)
    x = _convolution(b, x, 5, (384, 256), 3, groups=2)
    x = max_pool(b, x, "pool5", 3, 2)
    x = b.node("Flatten", x, axis=1)
    x = activation(b, gemm(b, x, "fc6", (256 * 6 * 6, 4096)), "relu6", "Relu")
    x = activation(b, gemm(b, x, "fc7", (4096, 4096)), "relu7", "Relu")
    b.output(gemm(b, x, "fc8", (4096, 1000)), "output", (1, 1000))
    return b.model()


def _convolution(
    b: GraphBuilder,
    x: str,
    number: int,
    channels: tuple[int, int],
    kernel: int,
    *,
    stride: int = 1,
    pad: int | None = None,
    groups: int = 1,
) -> str:
    x = conv(b, x, f"conv{number}", channels, kernel, stride, pad=pad, groups=groups, bias=True)
    return activation(b, x, f"relu{number}", "Relu")


def _normalised(b: GraphBuilder, x: str) -> str:
    return b.node("LRN", x, size=5, alpha=1e-4, beta=0.75, bias=2.0)


#: Of one of the two halves: channels, side of the filter, stride, padding and side of the input.
_CONVOLUTIONS = (
    ((3, 48), 11, 4, 0, 227),
    ((48, 128), 5, 1, 2, 27),
    ((256, 192), 3, 1, 1, 13),
    ((192, 192), 3, 1, 1, 13),
    ((192, 128), 3, 1, 1, 13),
)


def alexnet_convolutions() -> onnx.ModelProto:
    """The five convolutions alone, in their two halves, each of an input of its own, as papers on
    accelerators count them."""
    b = GraphBuilder("alexnet-convolutions")
    for number, (channels, kernel, stride, pad, side) in enumerate(_CONVOLUTIONS, 1):
        x = b.input(f"input{number}", (1, channels[0], side, side))
        size = (side + 2 * pad - kernel) // stride + 1
        for half in "ab":
            y = conv(b, x, f"conv{number}{half}", channels, kernel, stride, pad=pad, bias=True)
            b.output(y, f"output{number}{half}", (1, channels[1], size, size))
    return b.model()
