"""Transformer encoders of free depth and width, with heads and inner width per layer."""

from __future__ import annotations

from typing import Final

from ...frontend.zoo.builder import GraphBuilder
from ...frontend.zoo.modules import layer_norm, linear
from .space import Choice, Parameter, WrittenSpace, number

LAYERS: Final = (2, 4, 6, 8, 10, 12)
HIDDEN: Final = (128, 256, 512, 768)
#: Attention heads of `HEAD` elements each, whatever the hidden width.
HEADS: Final = (1, 2, 4, 8, 12)
HEAD: Final = 64
#: Inner width of the feed-forward part, in multiples of the hidden width.
RATIOS: Final = (1, 2, 3, 4)


class Transformer(WrittenSpace):
    """Parameters `layers`, `hidden`, and `heads1`, `ratio1`, ... for every layer there is.

    An encoder as BERT has it (normalisation after the residual addition, GELU), on embedded
    tokens: the input is (1, tokens, hidden), the output likewise. Embeddings are a look-up and
    left out. With 12 layers, 768, 12 heads and ratio 4 it is the encoder of BERT-base.

    Args:
        tokens: length of the sequence.
        bits: width of all data.
    """

    name = "transformer"
    source = (
        "layers and hidden widths: Turc et al. 2019, Well-Read Students Learn Better; heads and "
        "inner width per layer, after DynaBERT (Hou et al., NeurIPS 2020)"
    )
    opset = 20

    def __init__(self, *, tokens: int = 128, bits: int | None = None) -> None:
        self.tokens = tokens
        parameters = [Parameter("layers", LAYERS), Parameter("hidden", HIDDEN)]
        for layer in range(1, LAYERS[-1] + 1):
            when = ("layers", tuple(count for count in LAYERS if count >= layer))
            parameters.append(Parameter(f"heads{layer}", HEADS, when=when))
            parameters.append(Parameter(f"ratio{layer}", RATIOS, when=when))
        super().__init__(parameters, bits=bits)

    def write(self, b: GraphBuilder, choice: Choice) -> None:
        """As `WrittenSpace.write`: encoder layers with norms behind the sums."""
        hidden = number(choice, "hidden")
        x = b.input("input", (1, self.tokens, hidden))
        for layer in range(1, number(choice, "layers") + 1):
            with b.scope("layer", str(layer)):
                y = _attention(b, x, hidden, number(choice, f"heads{layer}"))
                x = layer_norm(b, b.node("Add", y, x), "norm1", hidden, 1e-12)
                inner = hidden * number(choice, f"ratio{layer}")
                y = b.node("Gelu", linear(b, x, "fc1", (hidden, inner)), approximate="none")
                y = linear(b, y, "fc2", (inner, hidden))
                x = layer_norm(b, b.node("Add", y, x), "norm2", hidden, 1e-12)
        b.output(x, "output", (1, self.tokens, hidden))


def _attention(b: GraphBuilder, x: str, hidden: int, heads: int) -> str:
    wide = heads * HEAD

    def split(name: str, order: list[int]) -> str:
        y = b.node("Reshape", linear(b, x, name, (hidden, wide)), b.ints(1, -1, heads, HEAD))
        return b.node("Transpose", y, perm=order)

    query, key = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1])
    value = split("value", [0, 2, 1, 3])
    scores = b.node("Div", b.node("MatMul", query, key), b.scalar(HEAD**0.5))
    y = b.node("MatMul", b.node("Softmax", scores, axis=-1), value)
    y = b.node("Reshape", b.node("Transpose", y, perm=[0, 2, 1, 3]), b.ints(1, -1, wide))
    return linear(b, y, "out", (wide, hidden))
