"""Modules that several networks share, as an exporter writes them: one node per operation."""

from __future__ import annotations

from dataclasses import dataclass

from .builder import GraphBuilder


@dataclass(frozen=True, slots=True)
class MobileBlock:
    """An inverted residual: expand with 1x1, filter every channel, squeeze and excite, project.

    Attributes:
        source, expanded, target: channels on the way; no expansion where the first two are equal.
        kernel, stride: of the filter.
        activation: after expansion and filter, as of `activation`.
        squeeze: channels inside squeeze-and-excitation, 0 for none.
        gate: activations inside it.
    """

    source: int
    expanded: int
    target: int
    kernel: int
    stride: int
    activation: str
    squeeze: int = 0
    gate: tuple[str, str] = ("Relu", "HardSigmoid")


def conv(
    b: GraphBuilder,
    x: str,
    name: str,
    channels: tuple[int, int],
    kernel: int = 3,
    stride: int = 1,
    *,
    pad: int | None = None,
    groups: int = 1,
    bias: bool = False,
) -> str:
    """A square 2-D convolution from `channels[0]` to `channels[1]`; padded to keep the size."""
    source, target = channels
    around = kernel // 2 if pad is None else pad
    with b.scope(*name.split(".")):
        parameters = [b.weight("weight", (target, source // groups, kernel, kernel))]
        if bias:
            parameters.append(b.weight("bias", (target,)))
        return b.node(
            "Conv",
            x,
            *parameters,
            dilations=[1, 1],
            group=groups,
            kernel_shape=[kernel, kernel],
            pads=[around] * 4,
            strides=[stride, stride],
        )


def batch_norm(b: GraphBuilder, x: str, name: str, channels: int) -> str:
    """Batch normalisation at inference, as a node of its own."""
    with b.scope(*name.split(".")):
        parameters = [
            b.weight(parameter, (channels,))
            for parameter in ("weight", "bias", "running_mean", "running_var")
        ]
        return b.node("BatchNormalization", x, *parameters, epsilon=1e-5, momentum=0.9)


def activation(b: GraphBuilder, x: str, name: str, kind: str) -> str:
    """An activation of the convolutional networks: Relu, Relu6, HardSwish or Silu."""
    with b.scope(*name.split(".")):
        if kind == "Relu6":
            return b.node("Clip", x, b.scalar(0.0), b.scalar(6.0))
        if kind == "Silu":
            return b.node("Mul", x, b.node("Sigmoid", x))
        return b.node(kind, x)


def gate(b: GraphBuilder, x: str, kind: str) -> str:
    """What a value is weighed by: Sigmoid, or HardSigmoid as PyTorch has it, relu6(x + 3) / 6."""
    return b.node(kind, x, **({"alpha": 1.0 / 6.0} if kind == "HardSigmoid" else {}))


def max_pool(b: GraphBuilder, x: str, name: str, kernel: int, stride: int, *, pad: int = 0) -> str:
    """A square 2-D maximum pooling."""
    with b.scope(*name.split(".")):
        return b.node(
            "MaxPool",
            x,
            ceil_mode=0,
            dilations=[1, 1],
            kernel_shape=[kernel, kernel],
            pads=[pad] * 4,
            strides=[stride, stride],
        )


def global_pool_flat(b: GraphBuilder, x: str) -> str:
    """Mean over rows and columns, then a matrix of (batch, channels)."""
    with b.scope("avgpool"):
        pooled = b.node("GlobalAveragePool", x)
    return b.node("Flatten", pooled, axis=1)


def gemm(b: GraphBuilder, x: str, name: str, features: tuple[int, int], bias: bool = True) -> str:
    """A linear layer on a matrix of (rows, features[0])."""
    source, target = features
    with b.scope(*name.split(".")):
        parameters = [b.weight("weight", (target, source))]
        if bias:
            parameters.append(b.weight("bias", (target,)))
        return b.node("Gemm", x, *parameters, alpha=1.0, beta=1.0, transB=1)


def linear(b: GraphBuilder, x: str, name: str, features: tuple[int, int], bias: bool = True) -> str:
    """A linear layer on a tensor of three dims: the weight is stored as (in, out)."""
    with b.scope(*name.split(".")):
        product = b.node("MatMul", x, b.weight("weight", features))
        return b.node("Add", b.weight("bias", features[1:]), product) if bias else product


def layer_norm(b: GraphBuilder, x: str, name: str, features: int, epsilon: float) -> str:
    """Layer normalisation over the last axis."""
    with b.scope(*name.split(".")):
        scale, bias = b.weight("weight", (features,)), b.weight("bias", (features,))
        return b.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)


def up_conv(b: GraphBuilder, x: str, channels: tuple[int, int]) -> str:
    """A transposed convolution of 2 x 2 that doubles rows and columns."""
    with b.scope("up"):
        return b.node(
            "ConvTranspose",
            x,
            b.weight("weight", (*channels, 2, 2)),
            b.weight("bias", channels[1:]),
            dilations=[1, 1],
            group=1,
            kernel_shape=[2, 2],
            pads=[0, 0, 0, 0],
            strides=[2, 2],
        )
