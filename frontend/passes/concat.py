"""Concatenations in place: producers write their part of the result directly.

A part must be copied where that cannot be: it is an input or a constant of the network, or it
lies in another concatenation already, or it is only a piece of a tensor. One whole input or
constant per concatenation is taken over where it lies (appending to a key-value cache).
Requires: `viewless`. Ensures: `concatenated`: what is left of Concat nodes copies something, or
joins very many parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ..program import Node, Program, fact, program_pass

#: Attribute of a Concat that is left: the inputs that it copies.
COPIED: Final = "chiploom.copied"

#: Parts that readers are made to read one by one; beyond it a node joins them.
_MOST_PARTS: Final = 64


@fact("concatenated")
def _concatenated(program: Program) -> str:
    for node in program.nodes:
        if node.is_op("Concat") and not node.refused and COPIED not in node.attributes:
            return f"{node.name} is not laid out"
    return ""


@program_pass(requires=("ordered", "viewless"), ensures=("ordered", "concatenated"))
def concatenate_in_place(program: Program) -> Program:
    """The program with concatenations as views, or as copies of what must be copied."""
    views = dict(program.views)
    borders = set(program.inputs) | program.static
    placed: set[str] = set()
    width: dict[str, int] = {}  # of a concatenation: how many tensors its reader reads
    kept: list[Node] = []
    for node in program.nodes:
        if not node.is_op("Concat") or node.refused:
            kept.append(node)
            continue
        copied: list[str] = []
        whole: list[tuple[int, str, str]] = []  # size, tensor, part: one may be taken over
        for part in node.reads():
            owner = _owner(views, part)
            if owner in placed or not _is_all_of(program, part, owner):
                copied.append(part)
            elif owner in borders:
                whole.append((program.type_of(owner).elements or 0, owner, part))
            else:
                placed.add(owner)
        whole.sort(key=lambda entry: -entry[0])
        placed.update(owner for _, owner, _ in whole[:1])
        copied += [part for _, _, part in whole[1:]]
        parts = tuple(_owner(views, part) for part in node.reads())
        total = sum(width.get(part, 1) for part in parts)
        if copied or total > _MOST_PARTS:
            kept.append(replace(node, attributes={**node.attributes, COPIED: tuple(copied)}))
        else:
            views[node.outputs[0]] = parts
            width[node.outputs[0]] = total
    return replace(program, nodes=tuple(kept), views=views)


def _owner(views: Mapping[str, tuple[str, ...]], tensor: str) -> str:
    """The tensor or concatenation that a chain of views leads to."""
    while len(parts := views.get(tensor, ())) == 1:
        tensor = parts[0]
    return tensor


def _is_all_of(program: Program, part: str, owner: str) -> bool:
    size = program.type_of(part).elements
    return part == owner or (size is not None and size == program.type_of(owner).elements)
