"""Residual networks: ResNet-18 and ResNet-50 for ImageNet, ResNet-9 for CIFAR-10."""

from __future__ import annotations

import onnx

from ..builder import GraphBuilder
from ..modules import activation, batch_norm, conv, gemm, global_pool_flat, max_pool

_WIDTHS = (64, 128, 256, 512)


def resnet18() -> onnx.ModelProto:
    """He et al. 2016, two basic blocks per stage."""
    return _imagenet("resnet18", (2, 2, 2, 2), expansion=1)


def resnet50() -> onnx.ModelProto:
    """He et al. 2016, variant 1.5: a bottleneck strides in its 3x3 convolution."""
    return _imagenet("resnet50", (3, 4, 6, 3), expansion=4)


def backbone(b: GraphBuilder, x: str, blocks: tuple[int, ...], expansion: int) -> list[str]:
    """Stem and the four stages on an image of 3 channels; the output of every stage."""
    x = batch_norm(b, conv(b, x, "conv1", (3, 64), 7, 2), "bn1", 64)
    x = max_pool(b, activation(b, x, "relu", "Relu"), "maxpool", 3, 2, pad=1)
    channels, stages = 64, []
    for stage, (width, count) in enumerate(zip(_WIDTHS, blocks, strict=True), start=1):
        for index in range(count):
            stride = 2 if stage > 1 and index == 0 else 1
            with b.scope(f"layer{stage}", str(index)):
                x = _block(b, x, (channels, width), stride, expansion)
            channels = width * expansion
        stages.append(x)
    return stages


def _imagenet(name: str, blocks: tuple[int, ...], expansion: int) -> onnx.ModelProto:
    b = GraphBuilder(name)
    x = backbone(b, b.input("input", (1, 3, 224, 224)), blocks, expansion)[-1]
    x = gemm(b, global_pool_flat(b, x), "fc", (512 * expansion, 1000))
    b.output(x, "output", (1, 1000))
    return b.model()


def _block(b: GraphBuilder, x: str, channels: tuple[int, int], stride: int, expansion: int) -> str:
    """A basic block (expansion 1) or a bottleneck, with the projection where shapes change."""
    source, width = channels
    target = width * expansion
    if expansion == 1:
        stages = [((source, width), 3, stride), ((width, width), 3, 1)]
    else:
        stages = [((source, width), 1, 1), ((width, width), 3, stride), ((width, target), 1, 1)]
    y = x
    for index, (pair, kernel, step) in enumerate(stages, start=1):
        y = conv(b, y, f"conv{index}", pair, kernel, step)
        y = batch_norm(b, y, f"bn{index}", pair[1])
        if index < len(stages):
            y = activation(b, y, "relu", "Relu")
    if stride != 1 or source != target:
        x = conv(b, x, "downsample.0", (source, target), 1, stride)
        x = batch_norm(b, x, "downsample.1", target)
    return activation(b, b.node("Add", y, x), "relu", "Relu")


def resnet9() -> onnx.ModelProto:
    """The ResNet-9 of Page's DAWNBench entry (2018), the backbone that NASAIC varies.

    Widths 64, 128, 256, 512; a residual pair after the first and the third of the wide stages.
    """
    b = GraphBuilder("resnet9")
    x = _conv_bn_relu(b, b.input("input", (1, 3, 32, 32)), "prep", (3, 64))
    for stage, (source, width) in enumerate(((64, 128), (128, 256), (256, 512)), start=1):
        with b.scope(f"layer{stage}"):
            x = _conv_bn_relu(b, x, "main", (source, width))
            x = max_pool(b, x, "pool", 2, 2)
            if stage != 2:
                with b.scope("residual"):
                    y = _conv_bn_relu(b, x, "res1", (width, width))
                    y = _conv_bn_relu(b, y, "res2", (width, width))
                    x = b.node("Add", x, y)
    x = b.node("Flatten", max_pool(b, x, "pool", 4, 4), axis=1)
    x = gemm(b, x, "linear", (512, 10), bias=False)
    b.output(b.node("Mul", x, b.scalar(0.125)), "output", (1, 10))
    return b.model()


def _conv_bn_relu(b: GraphBuilder, x: str, name: str, channels: tuple[int, int]) -> str:
    with b.scope(name):
        x = batch_norm(b, conv(b, x, "conv", channels), "bn", channels[1])
        return activation(b, x, "relu", "Relu")
