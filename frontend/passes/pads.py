"""Fold a Pad with zeros into the convolution or pool that reads it.

Requires and keeps: `ordered`, `typed`.
"""

from __future__ import annotations

from dataclasses import replace

from ..program import Node, Program, program_pass

#: Never negative, so that a maximum over zeros is that over nothing.
_NOT_NEGATIVE = frozenset({"Relu", "Sigmoid", "Softmax", "HardSigmoid"})


@program_pass(requires=("ordered", "typed"), ensures=("ordered", "typed"))
def fold_pads(program: Program) -> Program:
    """The program with the pads that its convolutions and pools can do themselves."""
    if not any(node.is_op("Pad") for node in program.nodes):
        return program
    readers, makers = program.consumers(), program.producers()
    outputs = set(program.outputs)
    pads: dict[str, tuple[Node, list[int]]] = {}
    for node in program.nodes:
        if not node.is_op("Pad") or node.outputs[0] in outputs:
            continue
        amounts = _zero_padding(program, node)
        users = readers.get(node.outputs[0], [])
        not_negative = node.inputs[0] in makers and makers[node.inputs[0]].op in _NOT_NEGATIVE
        if (
            amounts
            and users
            and all(_takes(user, node.outputs[0], amounts, not_negative) for user in users)
        ):
            pads[node.outputs[0]] = (node, amounts)
    kept = []
    for node in program.nodes:
        if node.outputs[0] in pads:
            continue
        if node.inputs and node.inputs[0] in pads:
            node = _padded(node, *pads[node.inputs[0]])
        kept.append(node)
    return replace(program, nodes=tuple(kept))


def _zero_padding(program: Program, node: Node) -> list[int] | None:
    """Starts and ends of the spatial axes; None unless they, and only they, get zeros."""
    shape = program.type_of(node.inputs[0]).shape
    if shape is None or len(shape) < 3 or node.attributes.get("mode", "constant") != "constant":
        return None

    def value(position: int, attribute: str) -> list[float] | None:
        if position < len(node.inputs) and node.inputs[position]:
            found = program.constants.get(node.inputs[position])
            return None if found is None else [float(x) for x in found.ravel()]
        given = node.attributes.get(attribute, 0.0)
        return list(given) if isinstance(given, list) else [given]

    rank = len(shape)
    amounts, fill, axes = value(1, "pads"), value(2, "value"), value(3, "axes")
    if amounts is None or fill is None or axes is None or any(fill):
        return None
    named = [int(a) % rank for a in axes] if len(node.inputs) > 3 and node.inputs[3] else [
        *range(rank)
    ]  # fmt: skip
    if len(amounts) != 2 * len(named):
        return None
    starts, ends = [0] * rank, [0] * rank
    for axis, start, end in zip(named, amounts, amounts[len(named) :], strict=False):
        starts[axis], ends[axis] = int(start), int(end)
    if any(starts[:2]) or any(ends[:2]) or min(starts + ends) < 0:
        return None
    return [*starts[2:], *ends[2:]]


def _takes(node: Node, tensor: str, amounts: list[int], not_negative: bool) -> bool:
    if tensor in node.inputs[1:] or node.attributes.get("auto_pad", "NOTSET") != "NOTSET":
        return False
    if node.is_op("Conv"):
        return True
    if node.is_op("AveragePool"):
        own = any(node.attributes.get("pads", ()))
        return not own or bool(node.attributes.get("count_include_pad", 0))
    return not_negative and node.is_op("MaxPool") and len(node.outputs) == 1


def _padded(node: Node, pad: Node, amounts: list[int]) -> Node:
    own = node.attributes.get("pads") or [0] * len(amounts)
    attributes = {**node.attributes, "pads": [a + b for a, b in zip(own, amounts, strict=True)]}
    if node.is_op("AveragePool"):
        attributes["count_include_pad"] = 1
    return replace(
        node,
        inputs=(pad.inputs[0], *node.inputs[1:]),
        attributes=attributes,
        covers=(*node.covers, *pad.covers),
    )
