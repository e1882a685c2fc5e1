"""Tensors that are another way to read an existing one: no bytes move.

Reshapes; slices, splits and a gather of one position; a repetition along an axis (Expand); a
transpose that only moves axes of size 1. Their readers read the underlying tensor.
Requires: `ordered`, `typed`. Ensures: `viewless`: none of these is left as a node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ..program import Node, Program, fact, program_pass

_ALWAYS: Final = frozenset(
    {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Split", "Slice", "Expand", "BitCast"}
)


@fact("viewless")
def _viewless(program: Program) -> str:
    for node in program.nodes:
        if is_view(program, node):
            return f"{node.name} only reads {node.inputs[0]} in another way"
    return ""


@program_pass(requires=("ordered", "typed"), ensures=("ordered", "typed", "viewless"))
def alias_views(program: Program) -> Program:
    """The program without view nodes, their outputs listed in `views`."""
    views = dict(program.views)
    kept = []
    for node in program.nodes:
        if is_view(program, node):
            source = views.get(node.inputs[0], (node.inputs[0],))  # keeps the chains short
            views.update((tensor, source) for tensor in node.writes())
        else:
            kept.append(node)
    return replace(program, nodes=tuple(kept), views=views)


def is_view(program: Program, node: Node) -> bool:
    """Whether a node only reads its first input in another way, as far as constants tell."""
    if node.domain or node.refused or not node.inputs or not node.inputs[0]:
        return False
    if node.op in _ALWAYS:
        return True
    if node.op == "Transpose":
        return _moves_nothing(program, node)
    if node.op == "Gather":
        position = program.constants.get(node.inputs[1])
        return position is not None and position.size == 1
    return False


def _moves_nothing(program: Program, node: Node) -> bool:
    shape = program.type_of(node.inputs[0]).known
    if shape is None:
        return False
    order = node.attributes.get("perm") or list(range(len(shape)))[::-1]
    moved = [axis for axis in order if shape[axis] > 1]
    return moved == sorted(moved)


def underlying(views: Mapping[str, tuple[str, ...]], tensor: str) -> tuple[str, ...]:
    """The tensors that really exist behind one, each once, in order."""
    found: dict[str, None] = {}
    waiting = [tensor]
    while waiting:
        name = waiting.pop()
        parts = views.get(name)
        if parts is None:
            found[name] = None
        else:
            waiting.extend(reversed(parts))
    return tuple(found)
