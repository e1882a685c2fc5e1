"""Drop what is computed from weights alone: the compiler does that once.

Requires: `ordered`; quantised weights absorbed. Ensures: `dynamic`. A note counts the nodes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..program import Node, Program, fact, program_pass
from .fold import RANDOM


@fact("dynamic")
def _dynamic(program: Program) -> str:
    """No node is left whose inputs are all fixed before the network runs."""
    for node in program.nodes:
        if _is_constant(node, program.static):
            return f"{node.name} reads constants only"
    return ""


def _is_constant(node: Node, static: frozenset[str] | set[str]) -> bool:
    if node.op in RANDOM or not node.inputs or node.refused:
        return False
    return all(tensor in static for tensor in node.reads())


@program_pass(requires=("ordered", "quantized"), ensures=("ordered", "dynamic"))
def drop_compile_time(program: Program) -> Program:
    """The program with constants in the place of what they determine."""
    static = set(program.static)
    kept: list[Node] = []
    counts: Counter[str] = Counter()
    for node in program.nodes:
        if _is_constant(node, static):
            static.update(node.writes())
            if node.op != "ConstantOfShape":  # a stored constant in other words
                counts[node.op] += 1
        else:
            kept.append(node)
            static.difference_update(node.writes())
    program = replace(program, nodes=tuple(kept), static=frozenset(static))
    if not counts:
        return program
    shown = ", ".join(f"{count} {op}" for op, count in counts.most_common(4))
    more = ", …" if len(counts) > 4 else ""
    total = counts.total()
    what = "1 node computes" if total == 1 else f"{total} nodes compute"
    where = "runs" if total == 1 else "run"
    return program.with_notes(
        f"{what} from weights alone and {where} at compile time: {shown}{more}"
    )
