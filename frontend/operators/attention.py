"""Attention: scores, softmax, context.

Both products are nests whose W operand is an activation: the keys, and the values. Every head
that has keys of its own is a group G; query heads that share keys (grouped-query attention) fold
into the rows OX of their group, so that shared keys are fetched once.

A causal mask or a window is applied to the scores: all of the products are executed and count in
full. Caches lie in place: of new keys and values only these are written, and past ones are read
by the products alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..graph import Layer, Tensor
from ..lowering import CannotLower, NodeView, lowers
from ..nest import OperandBits
from .contraction import contraction_layer
from .costs import SOFTMAX, Cost
from .parts import further_outputs, inner_tensor, move_layer, names_of, part_name, vector_layer


@dataclass(frozen=True, slots=True)
class Heads:
    """Sizes of an attention.

    Attributes:
        batch: samples.
        query, key_value: heads of each; key_value divides query.
        length, total: positions of the queries, and of keys and values, past ones included.
        size, value_size: channels of a head, in queries and keys, and in values.
    """

    batch: int
    query: int
    key_value: int
    length: int
    total: int
    size: int
    value_size: int

    def __post_init__(self) -> None:
        if self.key_value < 1 or self.query % self.key_value:
            raise CannotLower(f"{self.query} query heads do not share {self.key_value} key heads")

    @property
    def groups(self) -> int:
        """Groups G of both products: the heads of all samples that have keys of their own."""
        return self.batch * self.key_value

    @property
    def rows(self) -> int:
        """Rows of one group: positions of all query heads that share its keys."""
        return self.query // self.key_value * self.length

    @property
    def scores(self) -> int:
        """Entries of the score matrices: a row of `total` for each query position of each head."""
        return self.groups * self.rows * self.total


@dataclass(frozen=True, slots=True)
class Operands:
    """Tensors that an attention reads.

    Attributes:
        query: the queries.
        keys, values: where the products read them: the cache, or past and new ones.
        score: what is read with the scores (masks, biases).
    """

    query: tuple[Tensor, ...]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    score: tuple[Tensor, ...] = ()


_NOTHING = Cost()


def attention_core(
    node: NodeView,
    heads: Heads,
    operands: Operands,
    per_score: Cost,
    output: Tensor,
    per_row: Cost = _NOTHING,
) -> list[Layer]:
    """Scores, softmax and context.

    The softmax does `per_score` beside its own work (scaling, masking), and `per_row`.
    """
    shape = (heads.groups, heads.rows, heads.total)
    scores = inner_tensor(node, "scores", shape, output.bits)
    weights = inner_tensor(node, "softmax", shape, output.bits)
    element, row = SOFTMAX
    cost = (element + per_score) * heads.scores + (row + per_row) * (heads.groups * heads.rows)
    return [
        contraction_layer(
            scores.name,
            node.op,
            groups=heads.groups,
            rows=heads.rows,
            batch=1,
            k=heads.total,
            c=heads.size,
            bits=OperandBits(operands.keys[0].bits, operands.query[0].bits, scores.bits),
            inputs=names_of((*operands.query, *operands.keys)),
            output=scores.name,
            dynamic_weights=True,
            nodes=(node.name,),
        ),
        vector_layer(
            node,
            cost,
            reads=(scores, *operands.score),
            output=weights,
            op="Softmax",
            part="softmax",
        ),
        contraction_layer(
            part_name(node, "context"),
            node.op,
            groups=heads.groups,
            rows=heads.rows,
            batch=1,
            k=heads.value_size,
            c=heads.total,
            bits=OperandBits(operands.values[0].bits, weights.bits, output.bits),
            inputs=names_of((weights, *operands.values)),
            output=output.name,
            dynamic_weights=True,
            nodes=(node.name,),
        ),
    ]


def cached(
    node: NodeView,
    new: Tensor,
    past: Tensor | None,
    present: Tensor | None,
    part: str,
    new_elements: int | None = None,
) -> tuple[tuple[Tensor, ...], list[Layer]]:
    """Where the products read keys (or values), and the layer that puts new ones into the cache."""
    if present is None:
        return (new,) if past is None else (new, past), []
    count = new.elements if new_elements is None else new_elements
    move = move_layer(
        node,
        reads=(new, past),
        output=present,
        read_bits=count * new.bits,
        write_bits=count * present.bits,
        part=part,
    )
    return (present,), [move]


Caches = tuple[tuple[Tensor, ...], tuple[Tensor, ...], int, list[Layer]]


def separate_caches(
    node: NodeView,
    key: Tensor,
    value: Tensor,
    past: tuple[int, int],
    new: int,
    elements: tuple[int, int],
) -> Caches:
    """Where keys and values are read, how many positions they have, and the caches' updates."""
    outputs = [*node.outputs, None, None]
    past_key, past_value = node.optional(past[0]), node.optional(past[1])
    keys, moves = cached(node, key, past_key, outputs[1], "present_key", elements[0])
    values, more = cached(node, value, past_value, outputs[2], "present_value", elements[1])
    if outputs[1] is not None:
        total = outputs[1].shape[2]
    else:
        total = new + (past_key.shape[2] if past_key is not None else 0)
    return keys, values, total, [*moves, *more]


def score_cost(*, masks: int, softcap: bool, masked: bool) -> Cost:
    """Scaling (mul); an addition for each mask or bias; a select where a causal mask or a window
    cuts; soft capping c tanh(s / c): mul, tanh, mul."""
    cost = Cost(1 + masks + int(masked))
    return cost + Cost(2, 1) if softcap else cost


def split_heads(tensor: Tensor, heads: int) -> tuple[int, int, int, int]:
    """(batch, heads, positions, channels of a head) of a 4-D tensor, or of a 3-D one, which packs
    the heads into its last axis."""
    if len(tensor.shape) == 4:
        batch, count, length, size = tensor.shape
        return batch, count, length, size
    if len(tensor.shape) != 3 or heads < 1 or tensor.shape[-1] % heads:
        raise CannotLower(f"a tensor of shape {tensor.shape} has no {heads} heads")
    batch, length, channels = tensor.shape
    return batch, heads, length, channels // heads


@lowers("Attention")
def attention(node: NodeView) -> Sequence[Layer]:
    """Inputs Q, K, V, mask, past key, past value, valid lengths; 3-D or 4-D."""
    query, key, value = node.input(0), node.input(1), node.input(2)
    q_heads = int(node.attributes.get("q_num_heads", 0))
    kv_heads = int(node.attributes.get("kv_num_heads", 0))
    batch, q_count, length, size = split_heads(query, q_heads)
    _, kv_count, new, _ = split_heads(key, kv_heads)
    _, _, _, value_size = split_heads(value, kv_heads)
    past_key, past_value = node.optional(4), node.optional(5)
    total = new + (past_key.shape[2] if past_key is not None else 0)
    heads = Heads(batch, q_count, kv_count, length, total, size, value_size)
    outputs = [*node.outputs, None, None, None, None]
    keys, moves = cached(node, key, past_key, outputs[1], "present_key")
    values, more = cached(node, value, past_value, outputs[2], "present_value")
    score = tuple(tensor for tensor in (node.optional(3), node.optional(6)) if tensor is not None)
    windows = ("left_window_size", "right_window_size")
    masked = bool(int(node.attributes.get("is_causal", 0))) or any(
        int(node.attributes.get(name, -1)) >= 0 for name in windows
    )
    masked = masked or node.optional(6) is not None
    cost = score_cost(
        masks=int(node.optional(3) is not None),
        softcap=float(node.attributes.get("softcap", 0.0)) != 0.0,
        masked=masked,
    )
    core = attention_core(node, heads, Operands((query,), keys, values, score), cost, node.output)
    return [*moves, *more, *core, *further_outputs(node, first=3)]
