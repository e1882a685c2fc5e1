"""The space of NAS-Bench-Macro: eight layers, each nothing or one of two inverted residuals."""

from __future__ import annotations

from typing import Final

from ...frontend.zoo.builder import GraphBuilder
from ...frontend.zoo.modules import gemm, global_pool_flat
from .residuals import InvertedResidual, conv_bn
from .space import Choice, Parameter, WrittenSpace

#: Expansion and kernel of each operation; the identity has neither.
OPERATIONS: Final[dict[str, tuple[int, int] | None]] = {
    "identity": None,
    "mb3_k3": (3, 3),
    "mb6_k5": (6, 5),
}
STEM: Final = 32
#: Layers of each stage; the first one of a stage halves the image and doubles the channels.
STAGES: Final = (2, 3, 3)
HEAD: Final = 1280


class NASBenchMacro(WrittenSpace):
    """Parameters `layer1` to `layer8`. Where shapes change, the identity is a 1x1 convolution.

    Args:
        size: rows and columns of the input.
        classes: of the output.
        bits: width of all data.
    """

    name = "nasbench-macro"
    source = "Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021"

    def __init__(self, *, size: int = 32, classes: int = 10, bits: int | None = None) -> None:
        self.size_in, self.classes = size, classes
        layers = range(1, sum(STAGES) + 1)
        values = tuple(OPERATIONS)
        super().__init__([Parameter(f"layer{i}", values, "categorical") for i in layers], bits=bits)

    def write(self, b: GraphBuilder, choice: Choice) -> None:
        """As `WrittenSpace.write`: stem, a chosen operation in each place, head."""
        x = b.input("input", (1, 3, self.size_in, self.size_in))
        x = conv_bn(b, x, "stem", (3, STEM), 3, act="Relu")
        width, index = STEM, 0
        for count in STAGES:
            for place in range(count):
                index += 1
                stride = 2 if place == 0 else 1
                with b.scope("features", str(index)):
                    operation = OPERATIONS[str(choice[f"layer{index}"])]
                    x = _layer(b, x, (width, width * stride), stride, operation)
                width *= stride
        x = conv_bn(b, x, "out", (width, HEAD), act="Relu")
        x = gemm(b, global_pool_flat(b, x), "classifier", (HEAD, self.classes))
        b.output(x, "output", (1, self.classes))


def _layer(
    b: GraphBuilder,
    x: str,
    channels: tuple[int, int],
    stride: int,
    operation: tuple[int, int] | None,
) -> str:
    if operation is None:
        return x if stride == 1 else conv_bn(b, x, "downsample", channels, 1, stride)
    expansion, kernel = operation
    source, target = channels
    return InvertedResidual(source, source * expansion, target, kernel, stride, "Relu").write(b, x)
