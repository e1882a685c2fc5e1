"""The MnasNet-like space of Accel-NASBench, whose ImageNet accuracies are published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...frontend.zoo.builder import GraphBuilder
from ...frontend.zoo.modules import gemm, global_pool_flat
from .residuals import InvertedResidual, conv_bn
from .space import Choice, Parameter, WrittenSpace, number

EXPANSIONS: Final = (1, 4, 6)
KERNELS: Final = (3, 5)
SQUEEZES: Final = (0, 1)


@dataclass(frozen=True, slots=True)
class Stage:
    """Output channels, stride of the first block, and the numbers of blocks to choose from."""

    channels: int
    stride: int
    layers: tuple[int, ...]


STEM: Final = 32
HEAD: Final = 1280
STAGES: Final = (
    Stage(16, 1, (1, 2, 3)),
    Stage(24, 2, (1, 2, 3)),
    Stage(40, 2, (1, 2, 3)),
    Stage(80, 2, (1, 2, 3)),
    Stage(112, 1, (1, 2, 3)),
    Stage(192, 2, (1, 2, 3, 4)),
    Stage(320, 1, (1, 2, 3)),
)


class MnasNet(WrittenSpace):
    """Parameters `e1`, `k1`, `l1`, `se1` to `se7`: of each stage of EfficientNet-B0's skeleton,
    expansion, kernel, number of blocks, and whether they squeeze and excite (0 or 1).

    Args:
        size: rows and columns of the input.
        classes: of the output.
        bits: width of all data.
        activation: after expansions and filters, as of `zoo.modules.activation`.
        gate: activations inside squeeze-and-excitation.
    """

    name = "mnasnet"
    source = "Ahmad et al., Accel-NASBench, DAC 2024: searchspaces.py and effnet_configspace.json"

    def __init__(
        self,
        *,
        size: int = 224,
        classes: int = 1000,
        bits: int | None = None,
        activation: str = "Silu",
        gate: tuple[str, str] = ("Silu", "Sigmoid"),
    ) -> None:
        self.size_in, self.classes = size, classes
        self.activation, self.gate = activation, gate
        parameters = []
        for index, stage in enumerate(STAGES, start=1):
            parameters += [
                Parameter(f"e{index}", EXPANSIONS),
                Parameter(f"k{index}", KERNELS),
                Parameter(f"l{index}", stage.layers),
                Parameter(f"se{index}", SQUEEZES),
            ]
        super().__init__(parameters, bits=bits)

    def write(self, b: GraphBuilder, choice: Choice) -> None:
        """As `WrittenSpace.write`: stem, stages of inverted residuals, head."""
        x = b.input("input", (1, 3, self.size_in, self.size_in))
        x = conv_bn(b, x, "stem", (3, STEM), 3, 2, act=self.activation)
        width = STEM
        for index, stage in enumerate(STAGES, start=1):
            for layer in range(number(choice, f"l{index}")):
                block = InvertedResidual(
                    width,
                    width * number(choice, f"e{index}"),
                    stage.channels,
                    number(choice, f"k{index}"),
                    stage.stride if layer == 0 else 1,
                    self.activation,
                    width // 4 if choice[f"se{index}"] else 0,
                    self.gate,
                )
                with b.scope(f"stage{index}", str(layer)):
                    x = block.write(b, x)
                width = stage.channels
        x = conv_bn(b, x, "head", (width, HEAD), act=self.activation)
        x = gemm(b, global_pool_flat(b, x), "classifier", (HEAD, self.classes))
        b.output(x, "output", (1, self.classes))
