"""Drop nodes that hand on their input unchanged.

Identity, Dropout at inference, Cast between types of one width, Reshape and Expand to the same
shape. Requires and keeps: `ordered`, `typed`.
"""

from __future__ import annotations

from dataclasses import replace

from ..program import Node, Program, program_pass


@program_pass(requires=("ordered", "typed"), ensures=("ordered", "typed"))
def drop_identities(program: Program) -> Program:
    """The program without them; readers read the input instead."""
    read = {tensor for node in program.nodes for tensor in node.reads()} | set(program.outputs)
    stands_for: dict[str, str] = {}
    kept: list[Node] = []
    for node in program.nodes:
        inputs = tuple(stands_for.get(tensor, tensor) for tensor in node.inputs)
        node = node if inputs == node.inputs else replace(node, inputs=inputs)
        if _is_identity(program, node, read):
            stands_for[node.outputs[0]] = node.inputs[0]
        else:
            kept.append(node)
    outputs = tuple(stands_for.get(tensor, tensor) for tensor in program.outputs)
    return replace(program, nodes=tuple(kept), outputs=outputs)


def _is_identity(program: Program, node: Node, read: set[str]) -> bool:
    if node.domain or not node.inputs or not node.inputs[0] or not node.outputs[0]:
        return False
    before, after = program.type_of(node.inputs[0]), program.type_of(node.outputs[0])
    if node.op == "Identity":
        return True
    if node.op == "Dropout":
        training = program.constants.get(node.inputs[2]) if len(node.inputs) > 2 else None
        if training is not None and bool(training.all()):
            return False  # drops in earnest
        return not any(tensor in read for tensor in node.outputs[1:])
    if node.op in ("Cast", "CastLike"):
        return before.bits == after.bits and 0 not in (before.element, after.element)
    if node.op in ("Reshape", "Expand"):
        return before.known is not None and before.known == after.known
    return False
