"""Dense prediction: U-Net, and a one-stage detector on a feature pyramid."""

from __future__ import annotations

import onnx

from ..builder import GraphBuilder
from ..modules import activation, conv, max_pool, up_conv
from .resnet import backbone


def unet() -> onnx.ModelProto:
    """Ronneberger et al. 2015, as published: unpadded, 1x572x572 in, 2x388x388 out.

    The way down is cropped in the middle before it joins the way up.
    """
    b = GraphBuilder("unet")
    x, channels = b.input("input", (1, 1, 572, 572)), 1
    size, skips = 572, []
    for level, width in enumerate((64, 128, 256, 512), start=1):
        x = _double_conv(b, x, f"down{level}", (channels, width))
        size -= 4
        skips.append((x, size))
        x, channels, size = max_pool(b, x, f"pool{level}", 2, 2), width, size // 2
    x, size = _double_conv(b, x, "bottom", (512, 1024)), size - 4
    for level, width in zip((4, 3, 2, 1), (512, 256, 128, 64), strict=True):
        skip, skip_size = skips[level - 1]
        size *= 2
        with b.scope(f"up{level}"):
            x = up_conv(b, x, (2 * width, width))
            first = (skip_size - size) // 2
            bounds = (b.ints(first, first), b.ints(first + size, first + size), b.ints(2, 3))
            x = b.node("Concat", b.node("Slice", skip, *bounds), x, axis=1)
            x = _double_conv(b, x, "conv", (2 * width, width))
        size -= 4
    b.output(conv(b, x, "out", (64, 2), 1, bias=True), "output", (1, 2, 388, 388))
    return b.model()


def _double_conv(b: GraphBuilder, x: str, name: str, channels: tuple[int, int]) -> str:
    with b.scope(name):
        for index, pair in ((0, channels), (2, (channels[1], channels[1]))):
            x = conv(b, x, str(index), pair, pad=0, bias=True)
            x = activation(b, x, str(index + 1), "Relu")
        return x


_CLASSES = 80
_ANCHORS = 9
_PYRAMID = 256
_IMAGE = 640


def fpn_detector() -> onnx.ModelProto:
    """RetinaNet (Lin et al. 2017) on ResNet-18 at 3x640x640, up to class scores and boxes.

    A pyramid of five levels (strides 8 to 128) of 256 channels; both heads share their weights
    between levels; 9 anchors, 80 classes. Decoding of boxes and suppression are left out.
    """
    b = GraphBuilder("fpn-detector")
    with b.scope("backbone", "body"):
        stages = backbone(b, b.input("image", (1, 3, _IMAGE, _IMAGE)), (2, 2, 2, 2), 1)
    with b.scope("backbone", "fpn"):
        levels = _pyramid(b, stages[1:])
    scores = [_head(b, x, "classification_head", "cls_logits", _CLASSES) for x in levels]
    boxes = [_head(b, x, "regression_head", "bbox_reg", 4) for x in levels]
    positions = sum((_IMAGE // stride) ** 2 for stride in (8, 16, 32, 64, 128))
    score = b.node("Sigmoid", b.node("Concat", *scores, axis=1))
    b.output(score, "scores", (1, positions * _ANCHORS, _CLASSES))
    b.output(b.node("Concat", *boxes, axis=1), "boxes", (1, positions * _ANCHORS, 4))
    return b.model()


def _pyramid(b: GraphBuilder, stages: list[str]) -> list[str]:
    """Levels 3 to 7 out of the stages 3 to 5 of the backbone."""
    merged: list[str] = []
    for index in (2, 1, 0):
        width = (128, 256, 512)[index]
        x = conv(b, stages[index], f"inner_blocks.{index}.0", (width, _PYRAMID), 1, bias=True)
        if merged:
            x = b.node("Add", x, _double_size(b, merged[0]))
        merged.insert(0, x)
    same = (_PYRAMID, _PYRAMID)
    levels = [
        conv(b, x, f"layer_blocks.{index}.0", same, bias=True) for index, x in enumerate(merged)
    ]
    with b.scope("extra_blocks"):
        levels.append(conv(b, stages[2], "p6", (512, _PYRAMID), 3, 2, bias=True))
        levels.append(conv(b, b.node("Relu", levels[-1]), "p7", same, 3, 2, bias=True))
    return levels


def _double_size(b: GraphBuilder, x: str) -> str:
    scales = b.constant([1.0, 1.0, 2.0, 2.0], "float32")
    return b.node(
        "Resize",
        x,
        "",
        scales,
        coordinate_transformation_mode="asymmetric",
        mode="nearest",
        nearest_mode="floor",
    )


def _head(b: GraphBuilder, x: str, name: str, last: str, values: int) -> str:
    """Four convolutions and the predictor; the result is (1, positions x anchors, values)."""
    with b.scope("head", name):
        for index in range(4):
            x = conv(b, x, f"conv.{index}.0", (_PYRAMID, _PYRAMID), bias=True)
            x = activation(b, x, f"conv.{index}.1", "Relu")
        x = conv(b, x, last, (_PYRAMID, _ANCHORS * values), bias=True)
        x = b.node("Transpose", x, perm=[0, 2, 3, 1])
        return b.node("Reshape", x, b.ints(1, -1, values))
