"""Shape rules for the attention operators of the ``com.microsoft`` domain."""

from __future__ import annotations

from ..program import TensorType
from ..shape_rules import CannotInfer, ShapeView, shape_rule
from .microsoft_shapes import MICROSOFT, like


def _heads(node: ShapeView, name: str = "num_heads") -> int:
    count = int(node.attributes.get(name, 0))
    if count < 1:
        raise CannotInfer(f"attribute {name} is missing")
    return count


def _present(
    node: ShapeView, type_: TensorType, past: int, shape: tuple[int, ...], axis: int, shared: bool
) -> TensorType:
    """A cache: the past one with the new positions behind, or in place where it is shared."""
    if not node.has(past):
        return like(type_, shape)
    before = node.shape(past)
    if shared:
        return like(node.type(past), before)
    length = before[axis] + shape[axis]
    return like(node.type(past), (*shape[:axis], length, *shape[axis + 1 :]))


@shape_rule("Attention", "QAttention", domain=MICROSOFT)
def projecting_attention(node: ShapeView) -> list[TensorType]:
    """Input ``B x S x D``, weights ``D x (q + k + v)``; output ``B x S x v``, then the cache."""
    batch, length, _ = node.shape(0)
    third = node.shape(1)[1] // 3
    sizes = node.attributes.get("qkv_hidden_sizes") or [third, third, third]
    real = node.type(0) if node.op == "Attention" else node.type(3)
    count = _heads(node)
    shared = bool(int(node.attributes.get("past_present_share_buffer", 0)))
    new = (2, batch, count, length, int(sizes[1]) // count)
    present = _present(node, real, 4 if node.op == "Attention" else 8, new, 3, shared)
    return [like(real, (batch, length, int(sizes[2]))), present][: node.outputs]


@shape_rule("MultiHeadAttention", "DecoderMaskedMultiHeadAttention", domain=MICROSOFT)
def multi_head_attention(node: ShapeView) -> list[TensorType]:
    """Query ``B x S x N H`` or packed ``B x S x N x 3 x H``; see the lowering rule for the rest."""
    count = _heads(node)
    query = node.shape(0)
    batch, length = query[:2]
    size = query[-1] if len(query) == 5 else query[-1] // count
    value_size, new = size, length
    if node.has(2):
        value = node.shape(2)
        value_size = value[-1] if len(value) == 4 else value[-1] // count
        new = value[2] if len(value) == 4 else value[1]
    elif node.has(1):
        new = node.shape(1)[1]
    past, shared = ((6, 7), node.has(8)) if node.op == "MultiHeadAttention" else ((5, 6), True)
    keys = _present(node, node.type(0), past[0], (batch, count, new, size), 2, shared)
    values = _present(node, node.type(0), past[1], (batch, count, new, value_size), 2, shared)
    total = keys.shape[2] if keys.shape is not None else None
    scores = like(node.type(0), (batch, count, length, total))
    output = like(node.type(0), (batch, length, count * value_size))
    return [output, keys, values, scores][: node.outputs]


@shape_rule("GroupQueryAttention", domain=MICROSOFT)
def group_query_attention(node: ShapeView) -> list[TensorType]:
    """Caches ``B x KV heads x positions x H``, as long as the longer of past and total length."""
    batch, length, channels = node.shape(0)
    count, shared = _heads(node), _heads(node, "kv_num_heads")
    size = channels // (count if node.has(1) else count + 2 * shared)
    past = node.shape(3)[2] if node.has(3) else 0
    total = node.constants.get(6)
    positions = past + length if total is None else max(past, int(total.reshape(-1)[0]))
    stored = node.type(3) if node.has(3) else node.type(0)
    cache = like(stored, (batch, shared, positions, size))
    scores = like(node.type(0), (batch, count, length, positions))
    output = like(node.type(0), (batch, length, count * size))
    return [output, cache, cache, scores][: node.outputs]


@shape_rule("RelativePositionBias", domain=MICROSOFT)
def relative_position_bias(node: ShapeView) -> list[TensorType]:
    """The table is ``buckets x heads``; the lengths must be known at import."""
    lengths = [node.constants.get(position) for position in (1, 2)]
    sizes = [int(length.reshape(-1)[0]) for length in lengths if length is not None]
    if len(sizes) < 2:
        raise CannotInfer("the lengths of queries and keys are computed in the network")
    return [like(node.type(0), (1, node.shape(0)[1], *sizes))]
