"""Residual branches of a network that can be left out, in runs in which nothing changes shape."""

from __future__ import annotations

from dataclasses import dataclass

from ..frontend.program import Node, Program


@dataclass(frozen=True, slots=True)
class Branch:
    """A residual branch: without it, `output` is `skip`.

    Attributes:
        node: the addition where it ends.
        skip, output: the operand that goes past the branch, and the sum.
    """

    node: str
    skip: str
    output: str


def find_branches(program: Program) -> dict[str, list[Branch]]:
    """Runs of branches, each by the name of its first addition.

    An addition ends a branch if one operand has its shape and the other is computed from it. A
    run is branches whose skips are computed from one another, with no change of shape or of
    channels by a projection between them.
    """
    ancestors = _ancestors(program)
    runs: dict[str, list[Branch]] = {}
    run_of: dict[str, str] = {}  # by tensor: the run that its value continues
    for node in program.nodes:
        branch = _branch(program, node, ancestors)
        if branch is None:
            if node.op in _PASSING and node.inputs[0] in run_of:
                run_of[node.outputs[0]] = run_of[node.inputs[0]]
            continue
        run = run_of.get(branch.skip, node.name)
        runs.setdefault(run, []).append(branch)
        run_of[branch.output] = run
    return runs


#: Between two branches of a run.
_PASSING = frozenset({"Relu", "Clip", "HardSwish", "LayerNormalization", "BatchNormalization"})


def _ancestors(program: Program) -> dict[str, set[str]]:
    """By tensor, all tensors that it is computed from, fixed ones left out."""
    found: dict[str, set[str]] = {}
    for node in program.nodes:
        sources = [tensor for tensor in node.reads() if tensor not in program.static]
        all_of = set(sources).union(*(found.get(tensor, set()) for tensor in sources))
        for tensor in node.writes():
            found[tensor] = all_of
    return found


def _branch(program: Program, node: Node, ancestors: dict[str, set[str]]) -> Branch | None:
    if not node.is_op("Add") or len(node.inputs) != 2:
        return None
    shape = program.type_of(node.outputs[0]).known
    for skip, other in (node.inputs, tuple(reversed(node.inputs))):
        if program.type_of(skip).known == shape and skip in ancestors.get(other, ()):
            return Branch(node.name, skip, node.outputs[0])
    return None
