"""MobileNetV3 with elastic resolution, width, depth, kernels and expansions (Once-for-All)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...frontend.zoo.builder import GraphBuilder
from ...frontend.zoo.modules import activation, conv, gemm
from .residuals import InvertedResidual, conv_bn, divisible
from .space import Choice, Parameter, WrittenSpace, number

RESOLUTIONS: Final = tuple(range(128, 225, 4))
WIDTHS: Final = (1.0, 1.2)
DEPTHS: Final = (2, 3, 4)
KERNELS: Final = (3, 5, 7)
EXPANSIONS: Final = (3, 4, 6)


@dataclass(frozen=True, slots=True)
class Stage:
    """Output channels at width 1, stride of the first block, activation, squeeze-and-excitation."""

    channels: int
    stride: int
    activation: str
    squeezes: bool


STEM: Final = 16
STAGES: Final = (
    Stage(24, 2, "Relu", False),
    Stage(40, 2, "Relu", True),
    Stage(80, 2, "HardSwish", False),
    Stage(112, 1, "HardSwish", True),
    Stage(160, 2, "HardSwish", True),
)
HEAD: Final = (960, 1280)


class MobileNetV3(WrittenSpace):
    """Parameters `resolution`, `width`; `depth1` to `depth5`; `kernel1.1`, `expansion1.1`, ...

    `kernel2.3` is that of the third block of the second stage, active where the stage is as deep.
    For one resolution and width these are (9^2 + 9^3 + 9^4)^5, about 2e19 networks.

    Args:
        classes: of the output.
        resolutions: in place of `RESOLUTIONS`.
        bits: width of all data.
    """

    name = "mobilenetv3"
    source = (
        "Cai et al., Once-for-All, ICLR 2020, section 4.1; code of its MobileNetV3 design space"
    )

    def __init__(
        self,
        *,
        classes: int = 1000,
        resolutions: tuple[int, ...] = RESOLUTIONS,
        bits: int | None = None,
    ) -> None:
        self.classes = classes
        parameters = [Parameter("resolution", resolutions), Parameter("width", WIDTHS)]
        for stage in range(1, len(STAGES) + 1):
            depth = f"depth{stage}"
            parameters.append(Parameter(depth, DEPTHS))
            for block in range(1, DEPTHS[-1] + 1):
                when = (depth, tuple(value for value in DEPTHS if value >= block))
                parameters.append(Parameter(f"kernel{stage}.{block}", KERNELS, when=when))
                parameters.append(Parameter(f"expansion{stage}.{block}", EXPANSIONS, when=when))
        super().__init__(parameters, bits=bits)

    def write(self, b: GraphBuilder, choice: Choice) -> None:
        """As `WrittenSpace.write`: a fixed first block, the stages as chosen, head."""
        size, multiplier = number(choice, "resolution"), float(choice["width"])

        def wide(channels: int) -> int:
            return divisible(channels * multiplier)

        width = wide(STEM)
        x = b.input("input", (1, 3, size, size))
        x = conv_bn(b, x, "first", (3, width), 3, 2, act="HardSwish")
        with b.scope("blocks", "0"):
            x = InvertedResidual(width, width, width, 3, 1, "Relu").write(b, x)
        for index, stage in enumerate(STAGES, start=1):
            for block in range(1, number(choice, f"depth{index}") + 1):
                expanded = divisible(width * number(choice, f"expansion{index}.{block}"))
                made = InvertedResidual(
                    width,
                    expanded,
                    wide(stage.channels),
                    number(choice, f"kernel{index}.{block}"),
                    stage.stride if block == 1 else 1,
                    stage.activation,
                    divisible(expanded // 4) if stage.squeezes else 0,
                )
                with b.scope(f"stage{index}", str(block)):
                    x = made.write(b, x)
                width = made.target
        last, features = map(wide, HEAD)
        x = conv_bn(b, x, "final_expand", (width, last), act="HardSwish")
        x = b.node("GlobalAveragePool", x)
        x = activation(b, conv(b, x, "feature_mix", (last, features), 1), "act", "HardSwish")
        x = gemm(b, b.node("Flatten", x, axis=1), "classifier", (features, self.classes))
        b.output(x, "output", (1, self.classes))
