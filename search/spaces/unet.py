"""U-Nets of free height and width: the segmentation space of NASAIC."""

from __future__ import annotations

from typing import Final

from ...frontend.errors import InputError
from ...frontend.zoo.builder import GraphBuilder
from ...frontend.zoo.modules import activation, conv, max_pool, up_conv
from .space import Choice, Parameter, WrittenSpace, number

HEIGHTS: Final = (1, 2, 3, 4, 5)
FILTERS: Final = (4, 8, 16, 32, 64)


class UNet(WrittenSpace):
    """Parameters `height`, and `filters0` to `filters4` for the levels that the height leaves.

    NASAIC says that heights go from 1 to 5 and that filters come from {4, 8, 16, 32, 64} and
    double inward. Read so: level 0 is the outermost one, the image is halved between levels, a
    network of height h has h levels (height 5 is the depth of the U-Net of 2015, height 1 only
    two convolutions), and level i has `filters_i` times 2^i filters. So 64 everywhere are the
    widths of 2015 (64 to 1024), and 4 everywhere are 4, 8, 16, 32, 64.

    A level is two 3x3 convolutions with ReLU on the way down and, but for the innermost, on the
    way up, behind a 2x2 transposed convolution and the concatenation with the way down.
    Convolutions are padded, so the output has the size of the input; it holds scores before the
    sigmoid or softmax.

    Args:
        size: rows and columns of the input, a multiple of 16.
        channels, classes: of input and output.
        bits: width of all data.

    Raises:
        InputError: the size is no multiple of 16.
    """

    name = "unet"
    source = "Yang et al., NASAIC, DAC 2020: height and filters of U-Net (Ronneberger et al. 2015)"

    def __init__(
        self, size: int = 128, *, channels: int = 1, classes: int = 1, bits: int | None = None
    ) -> None:
        if size < 1 or size % 2 ** (HEIGHTS[-1] - 1):
            raise InputError(f"space unet: size: expected a multiple of 16, found {size}")
        self.size_in, self.channels, self.classes = size, channels, classes
        parameters = [Parameter("height", HEIGHTS)]
        for level in range(HEIGHTS[-1]):
            taller = tuple(height for height in HEIGHTS if height > level)
            parameters.append(Parameter(f"filters{level}", FILTERS, when=("height", taller)))
        super().__init__(parameters, bits=bits)

    def write(self, b: GraphBuilder, choice: Choice) -> None:
        """As `WrittenSpace.write`: levels down, a bottom, levels up with the skips joined."""
        height = number(choice, "height")
        widths = [number(choice, f"filters{level}") * 2**level for level in range(height)]
        x, channels = (
            b.input("input", (1, self.channels, self.size_in, self.size_in)),
            self.channels,
        )
        skips = []
        for level, width in enumerate(widths):
            if level:
                x = max_pool(b, x, f"pool{level}", 2, 2)
            x = _double_conv(b, x, f"down{level}", (channels, width))
            skips.append(x)
            channels = width
        for level in reversed(range(height - 1)):
            width = widths[level]
            with b.scope(f"up{level}"):
                x = up_conv(b, x, (channels, width))
                x = b.node("Concat", skips[level], x, axis=1)
                x = _double_conv(b, x, "conv", (2 * width, width))
            channels = width
        x = conv(b, x, "out", (channels, self.classes), 1, bias=True)
        b.output(x, "output", (1, self.classes, self.size_in, self.size_in))


def _double_conv(b: GraphBuilder, x: str, name: str, channels: tuple[int, int]) -> str:
    with b.scope(name):
        for index, pair in ((0, channels), (2, (channels[1], channels[1]))):
            x = activation(b, conv(b, x, str(index), pair, bias=True), str(index + 1), "Relu")
        return x
