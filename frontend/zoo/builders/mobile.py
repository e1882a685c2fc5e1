"""Networks of inverted residuals: MobileNetV2, MobileNetV3-Large and EfficientNet-B0."""

from __future__ import annotations

import onnx

from ..builder import GraphBuilder
from ..modules import MobileBlock, activation, batch_norm, conv, gate, gemm, global_pool_flat


def _conv_bn(
    b: GraphBuilder,
    x: str,
    name: str,
    channels: tuple[int, int],
    kernel: int = 1,
    stride: int = 1,
    *,
    groups: int = 1,
    act: str = "",
) -> str:
    with b.scope(*name.split(".")):
        x = conv(b, x, "0", channels, kernel, stride, groups=groups)
        x = batch_norm(b, x, "1", channels[1])
        return activation(b, x, "2", act) if act else x


def _squeeze_excite(b: GraphBuilder, x: str, name: str, block: MobileBlock) -> str:
    with b.scope(*name.split(".")):
        with b.scope("avgpool"):
            y = b.node("GlobalAveragePool", x)
        y = conv(b, y, "fc1", (block.expanded, block.squeeze), 1, bias=True)
        y = activation(b, y, "activation", block.gate[0])
        y = conv(b, y, "fc2", (block.squeeze, block.expanded), 1, bias=True)
        with b.scope("scale_activation"):
            y = gate(b, y, block.gate[1])
        return b.node("Mul", y, x)


def _inverted_residual(b: GraphBuilder, x: str, block: MobileBlock) -> str:
    """The block as a list of modules named `block`, as torchvision has it."""
    y, index, wide = x, 0, block.expanded
    if wide != block.source:
        y = _conv_bn(b, y, "block.0", (block.source, wide), act=block.activation)
        index = 1
    y = _conv_bn(
        b,
        y,
        f"block.{index}",
        (wide, wide),
        block.kernel,
        block.stride,
        groups=wide,
        act=block.activation,
    )
    if block.squeeze:
        index += 1
        y = _squeeze_excite(b, y, f"block.{index}", block)
    y = _conv_bn(b, y, f"block.{index + 1}", (wide, block.target))
    return b.node("Add", y, x) if block.stride == 1 and block.source == block.target else y


def mobilenetv2() -> onnx.ModelProto:
    """Sandler et al. 2018, width 1.0, with batch normalisation and ReLU6."""
    b = GraphBuilder("mobilenetv2")
    x = b.input("input", (1, 3, 224, 224))
    x = _conv_bn(b, x, "features.0", (3, 32), 3, 2, act="Relu6")
    channels, index = 32, 1
    # Table 2 of the paper: expansion, channels, repeats, stride of the first
    for expansion, target, repeats, first in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for repeat in range(repeats):
            stride = first if repeat == 0 else 1
            block = MobileBlock(channels, channels * expansion, target, 3, stride, "Relu6")
            with b.scope("features", str(index)):
                x = _inverted_residual(b, x, block)
            channels, index = target, index + 1
    x = _conv_bn(b, x, f"features.{index}", (320, 1280), act="Relu6")
    x = gemm(b, global_pool_flat(b, x), "classifier.1", (1280, 1000))
    b.output(x, "output", (1, 1000))
    return b.model()


def mobilenetv3_large() -> onnx.ModelProto:
    """Howard et al. 2019, table 1, with squeeze-and-excitation and hard swish."""
    b = GraphBuilder("mobilenetv3-large")
    x = b.input("input", (1, 3, 224, 224))
    x = _conv_bn(b, x, "features.0", (3, 16), 3, 2, act="HardSwish")
    channels = 16
    # kernel, expanded, target, squeeze channels (a quarter, rounded to 8), activation, stride
    for index, (kernel, expanded, target, squeeze, act, stride) in enumerate(
        (
            (3, 16, 16, 0, "Relu", 1),
            (3, 64, 24, 0, "Relu", 2),
            (3, 72, 24, 0, "Relu", 1),
            (5, 72, 40, 24, "Relu", 2),
            (5, 120, 40, 32, "Relu", 1),
            (5, 120, 40, 32, "Relu", 1),
            (3, 240, 80, 0, "HardSwish", 2),
            (3, 200, 80, 0, "HardSwish", 1),
            (3, 184, 80, 0, "HardSwish", 1),
            (3, 184, 80, 0, "HardSwish", 1),
            (3, 480, 112, 120, "HardSwish", 1),
            (3, 672, 112, 168, "HardSwish", 1),
            (5, 672, 160, 168, "HardSwish", 2),
            (5, 960, 160, 240, "HardSwish", 1),
            (5, 960, 160, 240, "HardSwish", 1),
        ),
        start=1,
    ):
        block = MobileBlock(channels, expanded, target, kernel, stride, act, squeeze)
        with b.scope("features", str(index)):
            x = _inverted_residual(b, x, block)
        channels = target
    x = _conv_bn(b, x, "features.16", (160, 960), act="HardSwish")
    x = gemm(b, global_pool_flat(b, x), "classifier.0", (960, 1280))
    x = activation(b, x, "classifier.1", "HardSwish")
    b.output(gemm(b, x, "classifier.3", (1280, 1000)), "output", (1, 1000))
    return b.model()


def efficientnet_b0() -> onnx.ModelProto:
    """Tan and Le 2019, table 1, with squeeze-and-excitation and swish."""
    b = GraphBuilder("efficientnet-b0")
    x = b.input("input", (1, 3, 224, 224))
    x = _conv_bn(b, x, "features.0", (3, 32), 3, 2, act="Silu")
    channels = 32
    # expansion, kernel, stride of the first, channels, repeats
    for stage, (expansion, kernel, first, target, repeats) in enumerate(
        (
            (1, 3, 1, 16, 1),
            (6, 3, 2, 24, 2),
            (6, 5, 2, 40, 2),
            (6, 3, 2, 80, 3),
            (6, 5, 1, 112, 3),
            (6, 5, 2, 192, 4),
            (6, 3, 1, 320, 1),
        ),
        start=1,
    ):
        for repeat in range(repeats):
            block = MobileBlock(
                channels,
                channels * expansion,
                target,
                kernel,
                first if repeat == 0 else 1,
                "Silu",
                squeeze=channels // 4,
                gate=("Silu", "Sigmoid"),
            )
            with b.scope("features", str(stage), str(repeat)):
                x = _inverted_residual(b, x, block)
            channels = target
    x = _conv_bn(b, x, "features.8", (320, 1280), act="Silu")
    x = gemm(b, global_pool_flat(b, x), "classifier.1", (1280, 1000))
    b.output(x, "output", (1, 1000))
    return b.model()
