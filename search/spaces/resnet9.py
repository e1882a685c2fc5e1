"""ResNet-9 with free widths and skip convolutions: the classification space of NASAIC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ...frontend.errors import InputError
from ...frontend.zoo.builder import GraphBuilder
from ...frontend.zoo.modules import activation, batch_norm, conv, gemm, max_pool
from .space import Choice, Parameter, WrittenSpace, number


@dataclass(frozen=True, slots=True)
class Variant:
    """The choices for one dataset.

    Attributes:
        size: rows and columns of the input.
        stem: filters of the first convolution.
        filters, skips: of every block: filters, and convolutions inside its skip connection.
        blocks: how many.
    """

    size: int
    stem: tuple[int, ...]
    filters: tuple[int, ...]
    skips: tuple[int, ...]
    blocks: int


VARIANTS: Final[dict[str, Variant]] = {
    "cifar10": Variant(32, (8, 16, 32, 64), (32, 64, 128, 256), (0, 1, 2), 3),
    "stl10": Variant(96, (8, 16, 32, 64), (32, 64, 128, 256, 512), (0, 1, 2), 4),
}


class ResNet9(WrittenSpace):
    """A stem, then blocks that halve the image; parameters `stem`, `filters1`, `skips1`, ...

    A block is a 3x3 convolution to its filters, a 2x2 maximum pooling, and, with `skips` of one or
    two, as many 3x3 convolutions whose result is added to their input. Every convolution is
    followed by batch normalisation and ReLU. With 64 filters, then 128, 256, 512, and 2, 0, 2
    skip convolutions it is the zoo's `resnet9`.

    Args:
        variant: of `VARIANTS`.
        size: rows and columns of the input, in place of the variant's; a multiple of 2^blocks.
        channels, classes: of input and output.
        filters: of every block, in place of the variant's.
        bits: width of all data.

    Raises:
        InputError: the size is no multiple of 2^blocks.
    """

    name = "resnet9"
    source = "Yang et al., NASAIC, DAC 2020: filters and skip layers of ResNet-9's blocks"

    def __init__(
        self,
        variant: Literal["cifar10", "stl10"] = "cifar10",
        *,
        size: int | None = None,
        channels: int = 3,
        classes: int = 10,
        filters: tuple[int, ...] | None = None,
        bits: int | None = None,
    ) -> None:
        table = VARIANTS[variant]
        self.size_in = table.size if size is None else size
        self.blocks = table.blocks
        self.channels, self.classes = channels, classes
        if self.size_in < 1 or self.size_in % 2**self.blocks:
            raise InputError(
                f"space resnet9: size: expected a multiple of {2**self.blocks}, since "
                f"{self.blocks} blocks halve the image, found {self.size_in}"
            )
        parameters = [Parameter("stem", table.stem)]
        for block in range(1, self.blocks + 1):
            parameters.append(Parameter(f"filters{block}", filters or table.filters))
            parameters.append(Parameter(f"skips{block}", table.skips))
        super().__init__(parameters, bits=bits)

    def write(self, b: GraphBuilder, choice: Choice) -> None:
        """As `WrittenSpace.write`: convolution, residual blocks, pooling, classifier."""
        size = self.size_in
        x = b.input("input", (1, self.channels, size, size))
        width = number(choice, "stem")
        x = _conv_bn_relu(b, x, "prep", (self.channels, width))
        for block in range(1, self.blocks + 1):
            filters = number(choice, f"filters{block}")
            with b.scope(f"layer{block}"):
                x = _conv_bn_relu(b, x, "main", (width, filters))
                x = max_pool(b, x, "pool", 2, 2)
                x = _skip(b, x, filters, number(choice, f"skips{block}"))
            width, size = filters, size // 2
        x = b.node("Flatten", max_pool(b, x, "pool", size, size), axis=1)
        x = gemm(b, x, "linear", (width, self.classes), bias=False)
        b.output(b.node("Mul", x, b.scalar(0.125)), "output", (1, self.classes))


def _skip(b: GraphBuilder, x: str, width: int, convolutions: int) -> str:
    if not convolutions:
        return x
    with b.scope("residual"):
        y = x
        for index in range(1, convolutions + 1):
            y = _conv_bn_relu(b, y, f"res{index}", (width, width))
        return b.node("Add", x, y)


def _conv_bn_relu(b: GraphBuilder, x: str, name: str, channels: tuple[int, int]) -> str:
    with b.scope(name):
        x = batch_norm(b, conv(b, x, "conv", channels), "bn", channels[1])
        return activation(b, x, "relu", "Relu")
