"""Attention around the two loop nests that compute its scores and its context.

Every head of the keys is a group; query heads that share it lie in its rows. What the operator
does to the scores (scaling, masks, softmax) is its own definition, applied to them: with the unit
matrix for keys and values it hands on what its softmax makes of its queries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...frontend.program import Node
from .reference import Scope, evaluate

Array = npt.NDArray[Any]
#: Outputs of a nest on W and I.
Run = Callable[[Array, Array], Array]


def execute_attention(node: Node, scope: Scope, scores: Run, context: Run) -> list[Array]:
    """Outputs Y, the present keys and values, and what is asked for of the scores.

    Args:
        scores, context: execute the nest of either product.
    """
    query, key, value = (
        _heads(scope.value(node.inputs[position]), node, name)
        for position, name in enumerate(("q_num_heads", "kv_num_heads", "kv_num_heads"))
    )  # each batch x heads x positions x channels
    before = [scope.optional(node, position) for position in (4, 5)]
    past = 0 if before[0] is None else before[0].shape[2]
    if before[0] is not None and before[1] is not None:
        key, value = (
            np.concatenate(pair, axis=2) for pair in ((before[0], key), (before[1], value))
        )
    weights, more = _softmax(node, scope, _product(scores, key, query), query.shape[3], key, past)
    y = _product(context, value.swapaxes(2, 3), weights).astype(query.dtype)
    if len(scope.reference.shape(node.inputs[0])) == 3:
        y = y.swapaxes(1, 2).reshape(y.shape[0], y.shape[2], -1)
    return [y, key, value, more]


def _heads(tensor: Array, node: Node, attribute: str) -> Array:
    """A tensor by heads; with three axes, these are packed into the last one."""
    if tensor.ndim == 4:
        return tensor
    heads = int(node.attributes[attribute])
    return tensor.reshape(*tensor.shape[:2], heads, -1).swapaxes(1, 2)


def _product(run: Run, weights: Array, inputs: Array) -> Array:
    """Rows of `inputs` times those of `weights`, heads of which several of `inputs` may share."""
    batch, shared, outputs, depth = weights.shape
    heads, length = inputs.shape[1:3]
    rows = inputs.reshape(1, batch * shared, heads // shared * length, depth)
    found = run(
        weights.reshape(batch * shared, outputs, depth, 1, 1),
        rows.swapaxes(2, 3)[:, :, :, None],
    )
    return found[0, :, :, 0].swapaxes(1, 2).reshape(batch, heads, length, outputs)


def _softmax(
    node: Node, scope: Scope, scores: Array, channels: int, key: Array, past: int
) -> tuple[Array, Array]:
    """Attention weights of scores, and the operator's fourth output.

    Args:
        channels: of a query, which the scale follows from where none is given.
        key: of all positions, the first `past` of which are cached.
    """
    kept = {
        name: value
        for name, value in node.attributes.items()
        if name not in ("q_num_heads", "kv_num_heads")
    }
    kept.setdefault("scale", float(1 / np.sqrt(channels)))
    asked = node.outputs[3] if len(node.outputs) > 3 else ""
    own = replace(node, attributes=kept, outputs=(node.outputs[0], "", "", asked))
    unit = np.broadcast_to(
        np.eye(key.shape[2], dtype=key.dtype), (*key.shape[:2], key.shape[2], key.shape[2])
    )
    cached, new = (unit[:, :, :past], unit[:, :, past:]) if past else (None, unit)
    values = [scores.astype(key.dtype), new, new, scope.optional(node, 3), cached, cached]
    found = evaluate(own, [*values, scope.optional(node, 6)])
    return found[0], found[3]
