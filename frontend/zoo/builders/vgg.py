"""VGG-16, Simonyan and Zisserman 2015, configuration D."""

from __future__ import annotations

import onnx

from ..builder import GraphBuilder
from ..modules import activation, conv, gemm, max_pool

#: Output channels of each convolution; 0 is a pooling.
_LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


def vgg16() -> onnx.ModelProto:
    """Convolutions with bias and without batch normalisation, then three linear layers."""
    b = GraphBuilder("vgg16")
    x, channels, index = b.input("input", (1, 3, 224, 224)), 3, 0
    for width in _LAYERS:
        if width == 0:
            x = max_pool(b, x, f"features.{index}", 2, 2)
            index += 1
            continue
        x = conv(b, x, f"features.{index}", (channels, width), bias=True)
        x = activation(b, x, f"features.{index + 1}", "Relu")
        channels, index = width, index + 2
    with b.scope("avgpool"):  # adaptive to 7x7, which it is already: exporters keep the node
        x = b.node("AveragePool", x, kernel_shape=[1, 1], strides=[1, 1])
    x = b.node("Flatten", x, axis=1)
    x = gemm(b, x, "classifier.0", (512 * 7 * 7, 4096))
    x = activation(b, x, "classifier.1", "Relu")
    x = gemm(b, x, "classifier.3", (4096, 4096))
    x = activation(b, x, "classifier.4", "Relu")
    b.output(gemm(b, x, "classifier.6", (4096, 1000)), "output", (1, 1000))
    return b.model()
