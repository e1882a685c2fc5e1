"""Inverted residuals, which several spaces are made of."""

from __future__ import annotations

from dataclasses import dataclass

from ...frontend.zoo.builder import GraphBuilder
from ...frontend.zoo.modules import MobileBlock, activation, batch_norm, conv, gate


@dataclass(frozen=True, slots=True)
class InvertedResidual(MobileBlock):
    """A block whose convolutions are called after what they do."""

    def write(self, b: GraphBuilder, x: str) -> str:
        """The block on a value; the input is added where shapes allow."""
        y = x
        if self.expanded != self.source:
            y = conv_bn(b, y, "expand", (self.source, self.expanded), act=self.activation)
        y = conv_bn(
            b,
            y,
            "depthwise",
            (self.expanded, self.expanded),
            self.kernel,
            self.stride,
            groups=self.expanded,
            act=self.activation,
        )
        if self.squeeze:
            y = self._squeezed(b, y)
        y = conv_bn(b, y, "project", (self.expanded, self.target))
        return b.node("Add", y, x) if self.stride == 1 and self.source == self.target else y

    def _squeezed(self, b: GraphBuilder, x: str) -> str:
        with b.scope("se"):
            y = b.node("GlobalAveragePool", x)
            y = conv(b, y, "reduce", (self.expanded, self.squeeze), 1, bias=True)
            y = activation(b, y, "act", self.gate[0])
            y = conv(b, y, "expand", (self.squeeze, self.expanded), 1, bias=True)
            return b.node("Mul", gate(b, y, self.gate[1]), x)


def conv_bn(
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
    """A convolution without bias, batch normalisation, and an activation if one is named."""
    with b.scope(name):
        x = batch_norm(
            b, conv(b, x, "conv", channels, kernel, stride, groups=groups), "bn", channels[1]
        )
        return activation(b, x, "act", act) if act else x


def divisible(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of the divisor, but never less than 90 % (MobileNet's rounding)."""
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest
