"""Drop what no output of the network depends on.

Requires and keeps: `ordered`. Ensures: `live`.
"""

from __future__ import annotations

from dataclasses import replace

from ..program import Node, Program, fact, program_pass
from .views import underlying


@fact("live")
def _live(program: Program) -> str:
    """Some output of every node is read, or leaves the network."""
    wanted = {tensor for node in program.nodes for tensor in node.reads()} | set(program.outputs)
    read = {root for tensor in wanted for root in underlying(program.views, tensor)}
    for node in program.nodes:
        if read.isdisjoint(node.outputs):
            return f"nothing reads what {node.name} writes"
    return ""


@program_pass(requires=("ordered",), ensures=("ordered", "live"))
def prune(program: Program, *, silent: bool = False) -> Program:
    """The program without dead nodes; a note names them unless `silent`."""
    needed = {root for name in program.outputs for root in underlying(program.views, name)}
    kept: list[Node] = []
    dead: list[Node] = []
    for node in reversed(program.nodes):
        if needed.isdisjoint(node.outputs):
            dead.append(node)
        else:
            kept.append(node)
            for tensor in node.reads():
                needed.update(underlying(program.views, tensor))
    dead = [node for node in dead if node.covers]
    if not dead or silent:
        return replace(program, nodes=tuple(reversed(kept)))
    names = ", ".join(node.name for node in dead[-3:]) + (", …" if len(dead) > 3 else "")
    what = (
        "1 node reaches no output and is"
        if len(dead) == 1
        else (f"{len(dead)} nodes reach no output and are")
    )
    note = f"{what} left out: {names}"
    return replace(program, nodes=tuple(reversed(kept))).with_notes(note)
