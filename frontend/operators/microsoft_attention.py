"""Attention operators of the ``com.microsoft`` domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from ..graph import FusedWork, Layer, Tensor
from ..lowering import MICROSOFT, CannotLower, NodeView, lowers
from ..nest import OperandBits
from .attention import (
    Heads,
    Operands,
    attention_core,
    cached,
    score_cost,
    separate_caches,
    split_heads,
)
from .contraction import contraction_layer
from .costs import DEQUANTIZE, SIMPLE
from .parts import (
    further_outputs,
    inner_tensor,
    integers,
    names_of,
    unique,
    vector_layer,
)
from .rotary import ROTARY


@dataclass(frozen=True, slots=True)
class _Projected:
    """Positions of the inputs of an attention that projects its input itself."""

    bias: int | None
    parameters: tuple[int, ...]
    mask: int
    past: int
    score_bias: int | None


_PLAIN = _Projected(bias=2, parameters=(), mask=3, past=4, score_bias=5)
_QUANTIZED = _Projected(bias=2, parameters=(3, 4, 6, 7), mask=5, past=8, score_bias=None)


@lowers("Attention", "QAttention", domain=MICROSOFT)
def projecting_attention(node: NodeView) -> Sequence[Layer]:
    """Input ``batch x length x I`` times weights ``I x (Q + K + V)``, then attention.

    Past and present hold keys and values in one tensor, ``2 x batch x heads x length x size``.
    """
    at = _PLAIN if node.op == "Attention" else _QUANTIZED
    x, w, output = node.input(0), node.input(1), node.output
    batch, length, _ = x.shape
    count = int(node.attributes.get("num_heads", 0))
    if count < 1:
        raise CannotLower("attribute num_heads is missing")
    third = w.shape[1] // 3
    q, k, v = integers(node.attributes, "qkv_hidden_sizes", ()) or (third, third, third)
    past, present = node.optional(at.past), (*node.outputs, None)[1]
    if present is not None:
        total = present.shape[3]
    else:
        total = length + (past.shape[3] if past is not None else 0)
    heads = Heads(batch, count, count, length, total, k // count, v // count)

    projected = inner_tensor(node, "projection", (batch, length, q + k + v), output.bits)
    projection = contraction_layer(
        projected.name,
        node.op,
        groups=1,
        rows=batch * length,
        batch=1,
        k=q + k + v,
        c=x.shape[-1],
        bits=OperandBits(w.bits, x.bits, projected.bits),
        inputs=names_of((x, w, node.optional(2), *(node.optional(p) for p in at.parameters))),
        output=projected.name,
        dynamic_weights=False,
        nodes=(node.name,),
    )
    work = _projection_work(node, at, projected, q + k)
    keys, moves = cached(
        node, projected, past, present, "present", new_elements=batch * length * (k + v)
    )
    masks = [node.optional(p) for p in (at.mask, at.score_bias) if p is not None]
    cost = score_cost(
        masks=sum(mask is not None for mask in masks),
        softcap=False,
        masked=bool(int(node.attributes.get("unidirectional", 0))),
    )
    operands = Operands((projected,), keys, keys, unique(masks))
    core = attention_core(node, heads, operands, cost, output)
    return [replace(projection, fused=work), *moves, *core]


def _projection_work(
    node: NodeView, at: _Projected, projected: Tensor, rotated: int
) -> tuple[FusedWork, ...]:
    """On the projection's outputs: scaling back of integers, bias, rotary embedding of Q and K.

    A constant bias of real numbers costs nothing: it is where accumulators start.
    """
    elements, work = projected.elements, []
    if at.parameters:
        read = sum(t.total_bits for p in at.parameters if (t := node.optional(p)) is not None)
        scale = (DEQUANTIZE * elements).as_work("DequantizeLinear")
        work.append(FusedWork(scale, read, node.name))
    bias = node.optional(2)
    if bias is not None and (2 not in node.static or at.parameters):
        added = (SIMPLE * elements).as_work("Add")
        work.append(FusedWork(added, bias.total_bits, node.name))
    if int(node.attributes.get("do_rotary", 0)):
        count = elements // projected.shape[-1] * rotated
        work.append(FusedWork((ROTARY * count).as_work("RotaryEmbedding"), 0, node.name))
    return tuple(work)


@dataclass(frozen=True, slots=True)
class _Separate:
    """Positions of the inputs of an attention on projected queries, keys and values."""

    bias: int
    masks: tuple[int, int]
    past: tuple[int, int]


_MULTI_HEAD = _Separate(bias=3, masks=(4, 5), past=(6, 7))
_DECODER = _Separate(bias=10, masks=(3, 4), past=(5, 6))


@lowers("MultiHeadAttention", "DecoderMaskedMultiHeadAttention", domain=MICROSOFT)
def multi_head_attention(node: NodeView) -> Sequence[Layer]:
    """Query, key and value ``batch x length x channels``; or keys and values already split in
    heads, ``batch x heads x length x size``; or packed, ``batch x length x heads x 3 x size``
    (query, key, value) and ``… x 2 x size`` (key, value)."""
    at = _MULTI_HEAD if node.op == "MultiHeadAttention" else _DECODER
    count = int(node.attributes.get("num_heads", 0))
    if count < 1:
        raise CannotLower("attribute num_heads is missing")
    batch, length = node.input(0).shape[:2]
    size, value_size, new = _packed_sizes(node, count)
    layers: list[Layer] = []
    bias = node.optional(at.bias)
    query = _biased(node, node.input(0), bias, "query", layers)
    key = node.optional(1)
    key = query if key is None else _biased(node, key, bias, "key", layers)
    value = node.optional(2)
    value = key if value is None else _biased(node, value, bias, "value", layers)
    keys, values, total, moves = separate_caches(
        node,
        key,
        value,
        at.past,
        new,
        (batch * new * count * size, batch * new * count * value_size),
    )
    heads = Heads(batch, count, count, length, total, size, value_size)
    masks = [node.optional(position) for position in at.masks]
    cost = score_cost(
        masks=sum(mask is not None for mask in masks),
        softcap=False,
        masked=bool(int(node.attributes.get("unidirectional", 0))),
    )
    core = attention_core(
        node, heads, Operands((query,), keys, values, unique(masks)), cost, node.output
    )
    return [*layers, *moves, *core, *further_outputs(node, first=3)]


def _packed_sizes(node: NodeView, count: int) -> tuple[int, int, int]:
    """Channels of a head in keys and in values, and positions of new keys."""
    query, key, value = node.input(0), node.optional(1), node.optional(2)
    if len(query.shape) == 5:
        return query.shape[-1], query.shape[-1], query.shape[1]
    size = query.shape[-1] // count
    if key is None:
        return size, size, query.shape[1]
    if len(key.shape) == 5:
        return size, size, key.shape[1]
    if value is None:
        raise CannotLower("the values are missing")
    _, _, new, _ = split_heads(key, count)
    return size, split_heads(value, count)[3], new


def _biased(
    node: NodeView, tensor: Tensor, bias: Tensor | None, part: str, layers: list[Layer]
) -> Tensor:
    """One projection plus its share of the bias, by a layer that is appended.

    Keys and values that are split in heads already have had theirs.
    """
    if bias is None or len(tensor.shape) == 4:
        return tensor
    written = inner_tensor(node, part, tensor.shape, tensor.bits)
    layer = vector_layer(
        node,
        SIMPLE * tensor.elements,
        reads=(tensor, bias),
        read_bits=tensor.total_bits + prod(tensor.shape[2:]) * bias.bits,
        output=written,
        op="Add",
        part=part,
    )
    layers.append(layer)
    return written
