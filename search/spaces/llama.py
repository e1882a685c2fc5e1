"""Llama models of reduced depth and width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...frontend.errors import InputError
from ...frontend.zoo.builder import GraphBuilder
from ...frontend.zoo.modules import linear
from .space import Choice, Parameter, WrittenSpace, number


@dataclass(frozen=True, slots=True)
class Base:
    """A published model and what may be left of it, the last value being all.

    Attributes:
        layers, hidden, inner: decoder blocks; their width; inner width of the feed-forward part.
        queries: query heads of each key-value head.
        key_values: key-value heads.
        head: elements of a head.
        vocabulary: words.
    """

    layers: tuple[int, ...]
    hidden: tuple[int, ...]
    inner: tuple[int, ...]
    queries: tuple[int, ...]
    key_values: tuple[int, ...]
    head: int
    vocabulary: int


BASES: Final[dict[str, Base]] = {
    # Grattafiori et al. 2024, table 3
    "llama-3-8b": Base(
        (16, 20, 24, 28, 32),
        (2048, 2560, 3072, 3584, 4096),
        (7168, 9216, 11264, 14336),
        (2, 3, 4),
        (4, 6, 8),
        128,
        128_256,
    ),
    # config.json of Llama 3.2 1B
    "llama-3.2-1b": Base(
        (8, 10, 12, 14, 16),
        (1024, 1280, 1536, 1792, 2048),
        (4096, 5120, 6144, 7168, 8192),
        (2, 3, 4),
        (4, 6, 8),
        64,
        128_256,
    ),
}


class Llama(WrittenSpace):
    """Parameters `layers`, `hidden`, `inner`, `queries`, `key_values`: one size for all blocks.

    Decoder blocks on embedded tokens, then normalisation and the product with the vocabulary for
    the last token. Without a cache (`past` 0) it is the prefill of a prompt. Rotations come as
    cosines and sines, which do not depend on the network.

    Args:
        base: of `BASES`.
        tokens: that go in.
        past: tokens whose keys and values are cached.
        bits: width of all data.

    Raises:
        InputError: the base is none of `BASES`.
    """

    name = "llama"
    source = (
        "Grattafiori et al. 2024, table 3; what is reduced: Muralidharan et al., Compact Language "
        "Models via Pruning and Knowledge Distillation, NeurIPS 2024 (Minitron)"
    )
    opset = 18

    def __init__(
        self,
        base: str = "llama-3.2-1b",
        *,
        tokens: int = 128,
        past: int = 0,
        bits: int | None = None,
    ) -> None:
        if base not in BASES:
            raise InputError(
                f"space llama: base: expected one of {', '.join(BASES)}, found {base!r}"
            )
        self.base, self.tokens, self.past = BASES[base], tokens, past
        names = ("layers", "hidden", "inner", "queries", "key_values")
        super().__init__([Parameter(name, getattr(self.base, name)) for name in names], bits=bits)

    def write(self, b: GraphBuilder, choice: Choice) -> None:
        """As `WrittenSpace.write`: decoder blocks, then the logits of the last token."""
        hidden, head = number(choice, "hidden"), self.base.head
        x = b.input("hidden_states", (1, self.tokens, hidden))
        rotation = [b.input(name, (1, 1, self.tokens, head)) for name in ("cos", "sin")]
        mask = b.input("attention_mask", (1, 1, self.tokens, self.tokens + self.past))
        for layer in range(number(choice, "layers")):
            with b.scope("layers", str(layer)):
                x = self._block(b, x, mask, rotation, choice, layer)
        x = _rms_norm(b, x, "norm", hidden)
        if self.tokens > 1:
            x = b.node("Slice", x, b.ints(-1), b.ints(self.tokens), b.ints(1))
        x = linear(b, x, "lm_head", (hidden, self.base.vocabulary), bias=False)
        b.output(x, "logits", (1, 1, self.base.vocabulary))

    def _block(
        self, b: GraphBuilder, x: str, mask: str, rotation: list[str], choice: Choice, layer: int
    ) -> str:
        hidden, inner = number(choice, "hidden"), number(choice, "inner")
        y = _rms_norm(b, x, "input_layernorm", hidden)
        with b.scope("self_attn"):
            y = self._attention(b, y, mask, rotation, choice, layer)
        x = b.node("Add", x, y)
        y = _rms_norm(b, x, "post_attention_layernorm", hidden)
        with b.scope("mlp"):
            gate = linear(b, y, "gate_proj", (hidden, inner), bias=False)
            gate = b.node("Mul", gate, b.node("Sigmoid", gate))
            up = linear(b, y, "up_proj", (hidden, inner), bias=False)
            y = linear(b, b.node("Mul", gate, up), "down_proj", (inner, hidden), bias=False)
        return b.node("Add", x, y)

    def _attention(
        self, b: GraphBuilder, x: str, mask: str, rotation: list[str], choice: Choice, layer: int
    ) -> str:
        hidden, head = number(choice, "hidden"), self.base.head
        groups, queries = number(choice, "key_values"), number(choice, "queries")
        heads, total = groups * queries, self.tokens + self.past

        def split(name: str, count: int) -> str:
            y = linear(b, x, name, (hidden, count * head), bias=False)
            y = b.node("Reshape", y, b.ints(1, self.tokens, count, head))
            return b.node("Transpose", y, perm=[0, 2, 1, 3])

        query = _rotated(b, split("q_proj", heads), rotation, head)
        key = _rotated(b, split("k_proj", groups), rotation, head)
        value = split("v_proj", groups)
        if self.past:
            shape = (1, groups, self.past, head)
            key = b.node("Concat", b.input(f"past.{layer}.key", shape), key, axis=2)
            value = b.node("Concat", b.input(f"past.{layer}.value", shape), value, axis=2)

        def repeated(y: str) -> str:
            wide = b.ints(1, groups, queries, total, head)
            y = b.node("Expand", b.node("Unsqueeze", y, b.ints(2)), wide)
            return b.node("Reshape", y, b.ints(1, heads, total, head))

        keys = b.node("Transpose", repeated(key), perm=[0, 1, 3, 2])
        scores = b.node("Mul", b.node("MatMul", query, keys), b.scalar(head**-0.5))
        weights = b.node("Softmax", b.node("Add", scores, mask), axis=-1)
        y = b.node("Transpose", b.node("MatMul", weights, repeated(value)), perm=[0, 2, 1, 3])
        y = b.node("Reshape", y, b.ints(1, self.tokens, heads * head))
        return linear(b, y, "o_proj", (heads * head, hidden), bias=False)


def _rms_norm(b: GraphBuilder, x: str, name: str, features: int) -> str:
    with b.scope(name):
        mean = b.node("ReduceMean", b.node("Pow", x, b.scalar(2.0)), b.ints(-1), keepdims=1)
        root = b.node("Sqrt", b.node("Add", mean, b.scalar(1e-5)))
        scaled = b.node("Mul", x, b.node("Div", b.scalar(1.0), root))
        return b.node("Mul", b.weight("weight", (features,)), scaled)


def _rotated(b: GraphBuilder, x: str, rotation: list[str], head: int) -> str:
    """Rotary position embedding (Su et al. 2021) of (1, heads, tokens, head)."""
    axes = b.ints(3)
    low = b.node("Slice", x, b.ints(0), b.ints(head // 2), axes)
    high = b.node("Slice", x, b.ints(head // 2), b.ints(head), axes)
    turned = b.node("Concat", b.node("Neg", high), low, axis=-1)
    cosines, sines = rotation
    return b.node("Add", b.node("Mul", x, cosines), b.node("Mul", turned, sines))
