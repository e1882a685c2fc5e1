"""Grouped-query attention of the ``com.microsoft`` domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..graph import Layer, Tensor
from ..lowering import MICROSOFT, CannotLower, NodeView, lowers
from .attention import Heads, Operands, attention_core, score_cost, separate_caches
from .costs import NORMALIZE_RMS, SIMPLE, Cost
from .parts import constant_scalar, further_outputs, inner_tensor, unique, vector_layer
from .rotary import ROTARY


@lowers("GroupQueryAttention", domain=MICROSOFT)
def group_query_attention(node: NodeView) -> Sequence[Layer]:
    """Query ``batch x length x channels`` with keys and values, or packed with them behind it.

    Inputs query, key, value, past key, past value, lengths, total length, cosines, sines,
    position ids, bias of scores, sinks, scales of keys and values, weights of head norms. The
    products run over the total length where it is known at import, else over the cache.
    """
    query, key, value = node.input(0), node.optional(1), node.optional(2)
    count = int(node.attributes.get("num_heads", 0))
    shared = int(node.attributes.get("kv_num_heads", 0))
    _refuse(node, count, shared)
    batch, length, channels = query.shape
    size = channels // (count if key is not None else count + 2 * shared)
    new = batch * length * shared * size

    layers: list[Layer] = []
    if key is None:
        query = _positioned(node, query, _Share(count, shared, size, "query"), layers)
    else:
        query = _positioned(node, query, _Share(count, 0, size, "query"), layers)
        key = _positioned(node, key, _Share(0, shared, size, "key"), layers)
    keys, values, total, moves = separate_caches(
        node, key or query, value or query, (3, 4), length, (new, new)
    )
    known = constant_scalar(node, 6)
    heads = Heads(batch, count, shared, length, int(known) if known else total, size, size)
    score_bias, sinks = node.optional(10), node.optional(11)
    cost = score_cost(
        masks=int(score_bias is not None),
        softcap=float(node.attributes.get("softcap", 0.0)) != 0.0,
        masked=True,
    )
    smooth = sinks is not None or int(node.attributes.get("smooth_softmax", 0)) > 0
    core = attention_core(
        node,
        heads,
        Operands((query,), keys, values, unique((score_bias, sinks))),
        cost,
        node.output,
        per_row=Cost(2, 1) if smooth else Cost(),  # one more score: sub, exp, add
    )
    return [*layers, *moves, *core, *further_outputs(node, first=3)]


def _refuse(node: NodeView, count: int, shared: int) -> None:
    if count < 1 or shared < 1:
        raise CannotLower("attributes num_heads and kv_num_heads are missing")
    if node.optional(12) is not None or node.optional(13) is not None:
        raise CannotLower("a quantised cache of keys and values is not covered")
    if (node.optional(1) is None) != (node.optional(2) is None):
        raise CannotLower("keys and values must be there both, or packed with the queries")
    tables = (node.optional(7), node.optional(8))
    if int(node.attributes.get("do_rotary", 0)) and None in tables:
        raise CannotLower("do_rotary without tables of cosines and sines")


@dataclass(frozen=True, slots=True)
class _Share:
    """Heads of queries and of keys in one tensor, channels of each, and its part's name."""

    queries: int
    keys: int
    size: int
    part: str


def _positioned(node: NodeView, tensor: Tensor, share: _Share, layers: list[Layer]) -> Tensor:
    """The tensor with its heads normalised and rotated, by a layer, where the node asks for it."""
    batch, length = tensor.shape[:2]
    positions = batch * length
    cost, read, reads = Cost(), tensor.total_bits, [tensor]
    for heads, norm in ((share.queries, node.optional(14)), (share.keys, node.optional(15))):
        if heads and norm is not None:
            element, row = NORMALIZE_RMS
            cost += ((element + SIMPLE) * share.size + row) * (positions * heads)
            read += norm.total_bits
            reads.append(norm)
    rotary = int(node.attributes.get("do_rotary", 0)) > 0
    if rotary:
        cosines, sines = node.input(7), node.input(8)
        turned = min(2 * cosines.shape[-1], share.size)
        cost += ROTARY * (positions * (share.queries + share.keys) * turned)
        read += positions * (turned // 2) * (cosines.bits + sines.bits)
        reads += [cosines, sines]
    if cost == Cost():
        return tensor
    written = inner_tensor(node, share.part, tensor.shape, tensor.bits)
    layers.append(
        vector_layer(
            node,
            cost,
            reads=reads,
            read_bits=read,
            output=written,
            op="RotaryEmbedding" if rotary else "RMSNormalization",
            part=share.part,
        )
    )
    return written
