"""Transformer encoders: BERT-base for text, ViT-B/16 for images."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from ..builder import GraphBuilder
from ..modules import conv, gemm, layer_norm, linear

_WIDTH = 768
_HEADS = 12
_HEAD = _WIDTH // _HEADS
_INNER = 3072
_LAYERS = 12

_TOKENS = 128
_VOCABULARY = 30522
_POSITIONS = 512


def bert_base() -> onnx.ModelProto:
    """Devlin et al. 2019: 12 layers of width 768, a sequence of 128 tokens, with the pooler."""
    b = GraphBuilder("bert-base")
    ids, mask, types = (
        b.input(name, (1, _TOKENS), TensorProto.INT64)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    )
    blocked = _additive_mask(b, mask)
    with b.scope("embeddings"):
        x = _embeddings(b, ids, types)
    for layer in range(_LAYERS):
        with b.scope("encoder", "layer", str(layer)):
            x = _bert_layer(b, x, blocked)
    with b.scope("pooler"):
        first = b.node("Gather", x, b.constant(0, np.int64), axis=1)
        pooled = gemm(b, first, "dense", (_WIDTH, _WIDTH))
        with b.scope("activation"):
            pooled = b.node("Tanh", pooled)
    b.output(x, "last_hidden_state", (1, _TOKENS, _WIDTH))
    b.output(pooled, "pooler_output", (1, _WIDTH))
    return b.model()


def _additive_mask(b: GraphBuilder, mask: str) -> str:
    """0 where a token counts and the lowest number where not, as (1, 1, 1, tokens)."""
    wide = b.node("Unsqueeze", b.node("Unsqueeze", mask, b.ints(1)), b.ints(2))
    counts = b.node("Cast", wide, to=TensorProto.FLOAT)
    missing = b.node("Sub", b.scalar(1.0), counts)
    return b.node("Mul", missing, b.scalar(np.finfo(np.float32).min.item()))


def _embeddings(b: GraphBuilder, ids: str, types: str) -> str:
    def looked_up(name: str, rows: int, indices: str) -> str:
        with b.scope(name):
            return b.node("Gather", b.weight("weight", (rows, _WIDTH)), indices)

    words = looked_up("word_embeddings", _VOCABULARY, ids)
    segments = looked_up("token_type_embeddings", 2, types)
    positions = b.constant(np.arange(_TOKENS)[np.newaxis], np.int64)
    places = looked_up("position_embeddings", _POSITIONS, positions)
    x = b.node("Add", b.node("Add", words, segments), places)
    return layer_norm(b, x, "LayerNorm", _WIDTH, 1e-12)


def _bert_layer(b: GraphBuilder, x: str, mask: str) -> str:
    """Normalisation after the residual addition, as in the paper."""
    with b.scope("attention"):
        with b.scope("self"):
            y = _bert_attention(b, x, mask)
        with b.scope("output"):
            y = linear(b, y, "dense", (_WIDTH, _WIDTH))
            x = layer_norm(b, b.node("Add", y, x), "LayerNorm", _WIDTH, 1e-12)
    with b.scope("intermediate"):
        y = linear(b, x, "dense", (_WIDTH, _INNER))
        with b.scope("intermediate_act_fn"):
            y = _gelu(b, y)
    with b.scope("output"):
        y = linear(b, y, "dense", (_INNER, _WIDTH))
        return layer_norm(b, b.node("Add", y, x), "LayerNorm", _WIDTH, 1e-12)


def _bert_attention(b: GraphBuilder, x: str, mask: str) -> str:
    def heads(name: str, order: list[int]) -> str:
        y = linear(b, x, name, (_WIDTH, _WIDTH))
        return b.node("Transpose", b.node("Reshape", y, b.ints(1, -1, _HEADS, _HEAD)), perm=order)

    query = heads("query", [0, 2, 1, 3])
    key = heads("key", [0, 2, 3, 1])
    value = heads("value", [0, 2, 1, 3])
    scores = b.node("Div", b.node("MatMul", query, key), b.scalar(_HEAD**0.5))
    weights = b.node("Softmax", b.node("Add", scores, mask), axis=-1)
    y = b.node("Transpose", b.node("MatMul", weights, value), perm=[0, 2, 1, 3])
    return b.node("Reshape", y, b.ints(1, -1, _WIDTH))


def _gelu(b: GraphBuilder, x: str) -> str:
    """x (1 + erf(x / sqrt 2)) / 2, spelled out as before operator set 20."""
    y = b.node("Erf", b.node("Div", x, b.scalar(2.0**0.5)))
    y = b.node("Mul", x, b.node("Add", y, b.scalar(1.0)))
    return b.node("Mul", y, b.scalar(0.5))


def vit_b16() -> onnx.ModelProto:
    """Dosovitskiy et al. 2021: patches of 16x16 out of 3x224x224, 12 layers of width 768.

    The batch of the class token is taken from the input's shape, as exporters write it.
    """
    b = GraphBuilder("vit-b16", opset=20)
    image = b.input("input", (1, 3, 224, 224))
    with b.scope("patch_embed"):
        x = conv(b, image, "proj", (3, _WIDTH), 16, 16, pad=0, bias=True)
        x = b.node("Reshape", x, b.ints(1, _WIDTH, 196))
        x = b.node("Transpose", x, perm=[0, 2, 1])
    batch = b.node("Gather", b.node("Shape", image), b.constant(0, np.int64), axis=0)
    size = b.node("Concat", b.node("Unsqueeze", batch, b.ints(0)), b.ints(1), b.ints(768), axis=0)
    token = b.node("Expand", b.weight("cls_token", (1, 1, _WIDTH)), size)
    x = b.node("Concat", token, x, axis=1)
    x = b.node("Add", x, b.weight("pos_embed", (1, 197, _WIDTH)))
    for layer in range(_LAYERS):
        with b.scope("blocks", str(layer)):
            x = _vit_block(b, x)
    x = layer_norm(b, x, "norm", _WIDTH, 1e-6)
    x = b.node("Gather", x, b.constant(0, np.int64), axis=1)
    b.output(gemm(b, x, "head", (_WIDTH, 1000)), "output", (1, 1000))
    return b.model()


def _vit_block(b: GraphBuilder, x: str) -> str:
    """Normalisation before attention and before the two linear layers."""
    y = layer_norm(b, x, "norm1", _WIDTH, 1e-6)
    with b.scope("attn"):
        x = b.node("Add", x, _vit_attention(b, y))
    y = layer_norm(b, x, "norm2", _WIDTH, 1e-6)
    with b.scope("mlp"):
        y = linear(b, y, "fc1", (_WIDTH, _INNER))
        with b.scope("act"):
            y = b.node("Gelu", y, approximate="none")
        y = linear(b, y, "fc2", (_INNER, _WIDTH))
    return b.node("Add", x, y)


def _vit_attention(b: GraphBuilder, x: str) -> str:
    """One product for query, key and value, taken apart afterwards."""
    y = linear(b, x, "qkv", (_WIDTH, 3 * _WIDTH))
    y = b.node("Reshape", y, b.ints(1, 197, 3, _HEADS, _HEAD))
    y = b.node("Transpose", y, perm=[2, 0, 3, 1, 4])
    query, key, value = (
        b.node("Squeeze", part, b.ints(0))
        for part in b.node_n("Split", 3, y, axis=0, num_outputs=3)
    )
    query = b.node("Mul", query, b.scalar(_HEAD**-0.5))
    scores = b.node("MatMul", query, b.node("Transpose", key, perm=[0, 1, 3, 2]))
    y = b.node("MatMul", b.node("Softmax", scores, axis=-1), value)
    y = b.node("Reshape", b.node("Transpose", y, perm=[0, 2, 1, 3]), b.ints(1, 197, _WIDTH))
    return linear(b, y, "proj", (_WIDTH, _WIDTH))
