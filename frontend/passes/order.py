"""A graph's nodes in a topological order; duplicate names, unknown tensors and cycles reported."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence

from onnx import GraphProto, NodeProto

from ..errors import InputError


def describe(node: NodeProto, index: int) -> str:
    """A node for a message."""
    label = repr(node.name) if node.name else f"#{index}"
    return f"node {label} ({node.op_type})"


def in_order(
    nodes: Sequence[NodeProto], given: Iterable[str], is_known: Callable[[str], bool]
) -> tuple[Sequence[NodeProto], bool]:
    """The nodes in a topological order, and whether they had to be sorted.

    Args:
        given: tensors that the graph itself defines besides its nodes (inputs, initializers).
        is_known: whether a tensor is defined outside the graph.

    Raises:
        InputError: a tensor is defined twice or not at all, or the graph has a cycle.
    """
    made = _producers(nodes, given)
    needs: list[list[int]] = []
    is_sorted = True
    for index, node in enumerate(nodes):
        before: list[int] = []
        for tensor in _reads(node):
            producer = made.get(tensor)
            if producer is None:
                if not is_known(tensor):
                    raise InputError(
                        f"{describe(node, index)} reads tensor {tensor!r}, which is neither an "
                        "input, an initializer nor the output of a node; export the model again"
                    )
            elif producer >= 0:
                before.append(producer)
                is_sorted = is_sorted and producer < index
        needs.append(before)
    if is_sorted:
        return nodes, False
    return [nodes[index] for index in _sort(nodes, needs)], True


def _producers(nodes: Sequence[NodeProto], given: Iterable[str]) -> dict[str, int]:
    """By tensor, the index of the node that writes it, -1 for a given one."""
    made = dict.fromkeys(given, -1)
    for index, node in enumerate(nodes):
        for tensor in node.output:
            if not tensor:
                continue
            if tensor in made:
                other = made[tensor]
                first = "an input or initializer" if other < 0 else describe(nodes[other], other)
                raise InputError(
                    f"the name {tensor!r} is used twice: by {first} and as an output of "
                    f"{describe(node, index)}; every tensor needs its own name"
                )
            made[tensor] = index
    return made


def _reads(node: NodeProto) -> Iterator[str]:
    yield from (tensor for tensor in node.input if tensor)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield from free_names(attribute.g)
        for graph in attribute.graphs:
            yield from free_names(graph)


def free_names(graph: GraphProto) -> list[str]:
    """Tensors of outer graphs that a body reads."""
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    own.update(tensor for node in graph.node for tensor in node.output)
    free = dict.fromkeys(
        tensor for node in graph.node for tensor in _reads(node) if tensor not in own
    )
    free.update((value.name, None) for value in graph.output if value.name not in own)
    return list(free)


def _sort(nodes: Sequence[NodeProto], needs: list[list[int]]) -> list[int]:
    """Kahn's algorithm; among the nodes that are ready the first in the file goes first."""
    waiting = [len(before) for before in needs]
    users: list[list[int]] = [[] for _ in needs]
    for index, before in enumerate(needs):
        for producer in before:
            users[producer].append(index)
    ready = [index for index, count in enumerate(waiting) if count == 0]
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for user in users[index]:
            waiting[user] -= 1
            if waiting[user] == 0:
                heapq.heappush(ready, user)
    if len(order) < len(nodes):
        raise InputError(_cycle(nodes, needs, waiting))
    return order


def _cycle(nodes: Sequence[NodeProto], needs: list[list[int]], waiting: list[int]) -> str:
    index = next(i for i, count in enumerate(waiting) if count)
    path: list[int] = []
    place: dict[int, int] = {}
    while index not in place:  # every waiting node waits for another waiting one
        place[index] = len(path)
        path.append(index)
        index = next(before for before in needs[index] if waiting[before])
    indices = path[place[index] :][::-1]
    start = indices.index(min(indices))
    loop = [describe(nodes[i], i) for i in indices[start:] + indices[:start]]
    shown = " -> ".join(loop if len(loop) <= 6 else [*loop[:3], "…", *loop[-2:]])
    return f"the graph has a cycle: {shown} -> back; a network must be acyclic, export it again"
