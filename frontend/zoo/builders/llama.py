"""One decoder block of Llama 3 8B, for a whole prompt and for one further token.

Grattafiori et al. 2024, table 3: width 4096, 32 query heads and 8 key-value heads of 128,
feed-forward width 14336. Written as exporters write the Hugging Face module: RMS normalisation,
rotary embedding and the repetition of key-value heads are spelled out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from ..builder import GraphBuilder
from ..modules import linear

_WIDTH = 4096
_HEADS = 32
_KV_HEADS = 8
_HEAD = 128
_INNER = 14336


@dataclass(frozen=True, slots=True)
class _Call:
    """What the block is called with: new tokens, and tokens whose keys and values are cached."""

    tokens: int
    past: int

    @property
    def total(self) -> int:
        return self.tokens + self.past


def prefill() -> onnx.ModelProto:
    """A prompt of 512 tokens, nothing cached."""
    return _block("llama-decoder-prefill", _Call(tokens=512, past=0))


def decode() -> onnx.ModelProto:
    """One token after 511 cached ones."""
    return _block("llama-decoder-decode", _Call(tokens=1, past=511))


def _block(name: str, call: _Call) -> onnx.ModelProto:
    b = GraphBuilder(name, opset=18)
    x = b.input("hidden_states", (1, call.tokens, _WIDTH))
    mask = b.input("attention_mask", (1, 1, call.tokens, call.total))
    places = b.input("position_ids", (1, call.tokens), TensorProto.INT64)
    kept = (1, _KV_HEADS, call.past, _HEAD)
    past = [b.input(f"past_key_values.{part}", kept) for part in ("key", "value") if call.past]
    with b.scope("rotary_emb"):
        rotation = _rotation(b, places)
    y = _rms_norm(b, x, "input_layernorm")
    with b.scope("self_attn"):
        y, present = _attention(b, y, mask, rotation, past, call)
    x = b.node("Add", x, y)
    y = _rms_norm(b, x, "post_attention_layernorm")
    with b.scope("mlp"):
        y = _swiglu(b, y)
    b.output(b.node("Add", x, y), "output", (1, call.tokens, _WIDTH))
    for part, value in zip(("key", "value"), present, strict=True):
        b.output(value, f"present.{part}", (1, _KV_HEADS, call.total, _HEAD))
    return b.model()


def _rotation(b: GraphBuilder, places: str) -> tuple[str, str]:
    """Cosines and sines of every position, (1, 1, tokens, head)."""
    frequencies = b.weight("inv_freq", (1, _HEAD // 2, 1))
    row = b.node("Cast", b.node("Unsqueeze", places, b.ints(1)), to=TensorProto.FLOAT)
    angles = b.node("Transpose", b.node("MatMul", frequencies, row), perm=[0, 2, 1])
    angles = b.node("Unsqueeze", b.node("Concat", angles, angles, axis=-1), b.ints(1))
    return b.node("Cos", angles), b.node("Sin", angles)


def _rms_norm(b: GraphBuilder, x: str, name: str) -> str:
    with b.scope(name):
        squares = b.node("Pow", x, b.scalar(2.0))
        mean = b.node("ReduceMean", squares, b.ints(-1), keepdims=1)
        root = b.node("Sqrt", b.node("Add", mean, b.scalar(1e-5)))
        scaled = b.node("Mul", x, b.node("Div", b.scalar(1.0), root))
        return b.node("Mul", b.weight("weight", (_WIDTH,)), scaled)


def _attention(
    b: GraphBuilder,
    x: str,
    mask: str,
    rotation: tuple[str, str],
    past: list[str],
    call: _Call,
) -> tuple[str, tuple[str, str]]:
    """Grouped-query attention; the result, and keys and values of all tokens so far."""

    def heads(name: str, count: int) -> str:
        y = linear(b, x, name, (_WIDTH, count * _HEAD), bias=False)
        y = b.node("Reshape", y, b.ints(1, call.tokens, count, _HEAD))
        return b.node("Transpose", y, perm=[0, 2, 1, 3])

    query = _rotated(b, heads("q_proj", _HEADS), rotation)
    key = _rotated(b, heads("k_proj", _KV_HEADS), rotation)
    value = heads("v_proj", _KV_HEADS)
    if past:
        key = b.node("Concat", past[0], key, axis=2)
        value = b.node("Concat", past[1], value, axis=2)
    keys = b.node("Transpose", _repeated(b, key, call.total), perm=[0, 1, 3, 2])
    scores = b.node("Mul", b.node("MatMul", query, keys), b.scalar(_HEAD**-0.5))
    weights = b.node("Softmax", b.node("Add", scores, mask), axis=-1)
    y = b.node("MatMul", weights, _repeated(b, value, call.total))
    y = b.node("Transpose", y, perm=[0, 2, 1, 3])
    y = b.node("Reshape", y, b.ints(1, call.tokens, _HEADS * _HEAD))
    return linear(b, y, "o_proj", (_HEADS * _HEAD, _WIDTH), bias=False), (key, value)


def _rotated(b: GraphBuilder, x: str, rotation: tuple[str, str]) -> str:
    """Rotary position embedding (Su et al. 2021) of (1, heads, tokens, head)."""
    half, axes = _HEAD // 2, b.ints(3)
    low = b.node("Slice", x, b.ints(0), b.ints(half), axes)
    high = b.node("Slice", x, b.ints(half), b.ints(np.iinfo(np.int64).max), axes)
    turned = b.node("Concat", b.node("Neg", high), low, axis=-1)
    cosines, sines = rotation
    return b.node("Add", b.node("Mul", x, cosines), b.node("Mul", turned, sines))


def _repeated(b: GraphBuilder, x: str, tokens: int) -> str:
    """Every key-value head once for each of the query heads it serves."""
    shape = b.ints(1, _KV_HEADS, _HEADS // _KV_HEADS, tokens, _HEAD)
    wide = b.node("Expand", b.node("Unsqueeze", x, b.ints(2)), shape)
    return b.node("Reshape", wide, b.ints(1, _HEADS, tokens, _HEAD))


def _swiglu(b: GraphBuilder, x: str) -> str:
    gate = linear(b, x, "gate_proj", (_WIDTH, _INNER), bias=False)
    with b.scope("act_fn"):
        gate = b.node("Mul", gate, b.node("Sigmoid", gate))
    up = linear(b, x, "up_proj", (_WIDTH, _INNER), bias=False)
    return linear(b, b.node("Mul", gate, up), "down_proj", (_INNER, _WIDTH), bias=False)
