"""Fold constants per output channel into the multiply-accumulates in front of them.

A constant added per channel is where the accumulators start. A constant factor per channel, and
with both a BatchNormalization, scales the weights at compile time, if they are constant. Neither
costs anything. Requires: `ordered`, `typed`, `dynamic`. Keeps them.
"""

from __future__ import annotations

from dataclasses import replace

from ..program import Node, Program, program_pass

_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


@program_pass(requires=("ordered", "typed", "dynamic"), ensures=("ordered", "typed"))
def fold_affine(program: Program) -> Program:
    """The program with biases, scales and normalisation at the place of the products."""
    readers, outputs = program.consumers(), set(program.outputs)
    folded: set[str] = set()
    kept: list[Node] = []
    for node in program.nodes:
        if node.name in folded:
            continue
        channel = channel_axis(program, node)
        while channel is not None:
            users = readers.get(node.outputs[0], [])
            if node.outputs[0] in outputs or len(users) != 1:
                break
            user = users[0]
            if not _folds(program, node, user, channel):
                break
            folded.add(user.name)
            node = replace(node, outputs=user.outputs[:1], covers=(*node.covers, *user.covers))
        kept.append(node)
    return replace(program, nodes=tuple(kept))


def channel_axis(program: Program, node: Node) -> int | None:
    """The axis of a product's output that the weights' channels lie along, from the end (-1, …)."""
    if node.domain or node.refused or len(node.inputs) < 2:
        return None
    shape = program.type_of(node.outputs[0]).shape
    if shape is None:
        return None
    if node.op in _CONVOLUTIONS:
        return 1 - len(shape)
    weights_first = node.inputs[0] in program.static
    if node.op == "Gemm":
        return -2 if weights_first else -1
    if node.op == "MatMul":
        if weights_first:
            vector = len(program.type_of(node.inputs[1]).shape or ()) == 1
            return -1 if vector else -2
        return -1
    return None


def _folds(program: Program, node: Node, user: Node, channel: int) -> bool:
    """Whether a node behind a product folds into it."""
    if user.domain or user.refused or program.type_of(user.outputs[0]).known is None:
        return False
    if program.type_of(user.outputs[0]).shape != program.type_of(node.outputs[0]).shape:
        return False
    constant_weights = any(tensor in program.static for tensor in node.inputs[:2])
    if user.op == "BatchNormalization":
        shape = program.type_of(node.outputs[0]).shape or ()
        return (
            constant_weights
            and channel == 1 - len(shape)
            and not user.attributes.get("training_mode", 0)
            and len(list(user.writes())) == 1
            and all(tensor in program.static for tensor in user.inputs[1:])
        )
    if user.op not in ("Add", "Sub", "Mul", "Div", "Sum") or len(user.inputs) != 2:
        return False
    side = 1 - user.inputs.index(node.outputs[0])
    constant = user.inputs[side]
    if constant not in program.static or not _per_channel(program, constant, node, channel):
        return False
    if user.op == "Div" and side == 0:
        return False
    additive = user.op in ("Add", "Sum") or (user.op == "Sub" and side == 1)
    return additive or constant_weights


def _per_channel(program: Program, constant: str, node: Node, channel: int) -> bool:
    """Whether a constant varies along the channel axis at most."""
    shape = program.type_of(constant).known
    output = program.type_of(node.outputs[0]).shape
    if shape is None or output is None or len(shape) > len(output):
        return False
    return all(size == 1 or position - len(shape) == channel for position, size in enumerate(shape))
