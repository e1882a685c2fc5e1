"""Bodies in the place of their nodes: branches, loops with a known trip count, functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from onnx import FunctionProto, GraphProto, NodeProto, helper

from ..errors import InputError
from ..program import Array, TensorType
from .scope import Scope, default_domain
from .walk import Elaboration

#: Nodes of loop bodies that are written out, over the whole network.
MOST_LOOP_NODES: Final = 10_000
#: Nodes of functions that are written out, over the whole network.
MOST_FUNCTION_NODES: Final = 200_000
#: What an entry of a body costs that has a name outside it: as much as so many characters.
_ENTRY: Final = 64
#: Functions and bodies within one another.
DEEPEST: Final = 60


def call(walk: Elaboration, function: FunctionProto, node: NodeProto, scope: Scope) -> None:
    """The nodes of a model-local function in the place of a call."""
    if scope.depth > DEEPEST:
        raise InputError(
            f"function {function.name!r}: calls are nested more than {DEEPEST} deep, or "
            "recursive; inline the functions when exporting"
        )
    if walk.function_nodes + _expanded(walk, function, 0) > MOST_FUNCTION_NODES:
        raise InputError(
            f"functions expand to more than {MOST_FUNCTION_NODES} nodes; export without functions"
        )
    walk.function_nodes += len(function.node)
    arguments = {attribute.name: attribute for attribute in function.attribute_proto}
    arguments.update((attribute.name, attribute) for attribute in node.attribute)
    opsets = {default_domain(entry.domain): entry.version for entry in function.opset_import}
    prefix = _prefix(walk, scope, node)
    inner = Scope({}, prefix, opsets or scope.opsets, arguments=arguments, depth=scope.depth + 1)
    walk.spend(inner, _ENTRY * (len(function.input) + len(function.attribute_proto)))
    given = walk.inputs(node, scope)
    for position, name in enumerate(function.input):
        inner.names[name] = given[position] if position < len(given) else ""
    walk.walk(function.node, inner)
    _hand_out(walk, node, scope, [inner.resolve(name) or "" for name in function.output])


def _expanded(walk: Elaboration, function: FunctionProto, depth: int) -> int:
    """Nodes that a call is written out to, without those in bodies; so that what doubles with
    every function is refused before it is written. Where calls are nested too deep, some of them.
    """
    name = default_domain(function.domain), function.name, getattr(function, "overload", "")
    if depth > DEEPEST:
        return 0
    if name not in walk.expanded:
        walk.expanded[name] = 0  # for one that calls itself, which is refused as such
        called = (walk.function_of(node) for node in function.node)
        inner = sum(_expanded(walk, one, depth + 1) for one in called if one is not None)
        walk.expanded[name] = len(function.node) + inner
    return walk.expanded[name]


def branch(walk: Elaboration, node: NodeProto, scope: Scope) -> str:
    """If with a condition known at import: the branch taken. Returns why not, "" when done."""
    _check(node, len(node.input) == 1, "one input, the condition")
    condition = walk.constants.get(walk.inputs(node, scope)[0])
    if condition is None:
        return "the condition is only known when the network runs"
    taken = _body(node, "then_branch" if bool(np.all(condition)) else "else_branch")
    inner = _inner(walk, scope, node)
    if (too_many := _spend(walk, inner, taken)) or (too_many := _too_deep(inner)):
        return too_many
    walk.graph(taken, inner)
    _hand_out(walk, node, scope, [inner.resolve(value.name) or "" for value in taken.output])
    return ""


def loop(walk: Elaboration, node: NodeProto, scope: Scope) -> str:
    """Loop: its body once per iteration, if the iterations are known at import."""
    given, body = walk.inputs(node, scope), _body(node, "body")
    _check(node, len(given) >= 2, "a trip count, a condition (either may be absent)")
    _check(node, len(body.input) == len(given), f"a body with {len(given)} inputs")
    _check(node, len(body.output) >= len(given) - 1, f"a body with {len(given) - 1} outputs")
    limit = walk.constants.get(given[0]) if given[0] else None
    start = walk.constants.get(given[1]) if given[1] else np.asarray(True)
    if given[0] and limit is None:
        return "the trip count is only known when the network runs"
    if start is None:
        return "whether the loop starts is only known when the network runs"
    _check(node, limit is None or _is_count(limit), "one whole number as its trip count")
    trips = int(limit.item()) if limit is not None else MOST_LOOP_NODES + 1
    base = walk.body_name(scope.prefix + _label(node))
    carried = list(given[2:])
    if trips * len(body.node) > MOST_LOOP_NODES and limit is not None and trips < 2**31 - 1:
        return f"the loop runs {trips} times over {len(body.node)} nodes, too long to write out"
    before, going, step = len(walk.nodes), bool(np.all(start)), 0
    collected: list[list[str]] = [[] for _ in body.output[1 + len(carried) :]]
    while going and step < trips:
        inner = _step(scope, base, step)
        if (too_many := _spend(walk, inner, body)) or (too_many := _too_deep(inner)):
            del walk.nodes[before:]
            return too_many
        _give_value(walk, inner, body.input[0].name, np.asarray(step, np.int64))
        _give_value(walk, inner, body.input[1].name, np.asarray(True))
        for value, tensor in zip(body.input[2:], carried, strict=True):
            inner.names[value.name] = tensor
        walk.graph(body, inner)
        made = [inner.resolve(value.name) or "" for value in body.output]
        proceed = walk.constants.get(made[0])
        if proceed is None:
            del walk.nodes[before:]
            return "when the loop ends is only known when the network runs"
        going, step = bool(np.all(proceed)), step + 1
        carried = made[1 : 1 + len(carried)]
        for pile, tensor in zip(collected, made[1 + len(carried) :], strict=True):
            pile.append(tensor)
    if collected and not step:
        return "the loop does not run, but its outputs are collected over its iterations"
    piles = [_stack(walk, scope, node, pile, 0) for pile in collected]
    _hand_out(walk, node, scope, [*carried, *piles])
    return ""


def scan(walk: Elaboration, node: NodeProto, scope: Scope) -> str:
    """Scan: its body once for every slice of the scanned inputs."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if scope.opset("") < 9:
        return "Scan of operator sets before 9 (with a batch dimension) is not covered"
    given, body = walk.inputs(node, scope), _body(node, "body")
    count = attributes["num_scan_inputs"].i if "num_scan_inputs" in attributes else 0
    _check(node, 1 <= count <= len(given), "num_scan_inputs from 1 to its number of inputs")
    _check(node, len(body.input) == len(given), f"a body with {len(given)} inputs")
    carried, scanned = list(given[: len(given) - count]), given[len(given) - count :]
    _check(node, len(body.output) >= len(carried), f"a body with {len(carried)} outputs")

    def listed(name: str, length: int) -> list[int]:
        values = list(attributes[name].ints) if name in attributes else [0] * length
        _check(node, len(values) == length, f"{length} values in {name}")
        return values

    axes = listed("scan_input_axes", count)
    lengths = []
    for tensor, axis in zip(scanned, axes, strict=True):
        shape = walk.types[tensor].shape
        _check(node, shape is None or -len(shape) <= axis < len(shape), f"an axis {axis} to scan")
        lengths.append(None if shape is None else shape[axis])
    length = lengths[0]
    if length is None:
        return "how long the scanned inputs are is only known when the network runs"
    if length * len(body.node) > MOST_LOOP_NODES:
        return f"it runs {length} times over {len(body.node)} nodes, too long to write out"
    backward = listed("scan_input_directions", count)
    results = len(body.output) - len(carried)
    collected: list[list[str]] = [[] for _ in range(results)]
    before = len(walk.nodes)
    base = walk.body_name(scope.prefix + _label(node))
    for step in range(length):
        inner = _step(scope, base, step)
        if (too_many := _spend(walk, inner, body)) or (too_many := _too_deep(inner)):
            del walk.nodes[before:]
            return too_many
        for value, tensor in zip(body.input, carried, strict=False):
            inner.names[value.name] = tensor
        for position, value in enumerate(body.input[len(carried) :]):
            index = length - 1 - step if backward[position] else step
            part = _slice(walk, inner, node, scanned[position], axes[position], index)
            inner.names[value.name] = part
        walk.graph(body, inner)
        made = [inner.resolve(value.name) or "" for value in body.output]
        carried = made[: len(carried)]
        for pile, tensor in zip(collected, made[len(carried) :], strict=True):
            pile.append(tensor)
    reverse = listed("scan_output_directions", results)
    stacked = [
        _stack(walk, scope, node, pile[::-1] if reverse[i] else pile, axis)
        for i, (pile, axis) in enumerate(
            zip(collected, listed("scan_output_axes", results), strict=True)
        )
    ]
    _hand_out(walk, node, scope, [*carried, *stacked])
    return ""


#: Each returns why the node stays as it is, "" when its bodies stand in its place.
CONTROL_FLOW: Final[Mapping[str, Callable[[Elaboration, NodeProto, Scope], str]]] = {
    "If": branch,
    "Loop": loop,
    "Scan": scan,
}


def _check(node: NodeProto, holds: bool, expected: str) -> None:
    if not holds:
        raise InputError(
            f"node {node.name!r} ({node.op_type}) is malformed: expected {expected}; export again"
        )


def _body(node: NodeProto, name: str) -> GraphProto:
    for attribute in node.attribute:
        if attribute.name == name and attribute.HasField("g"):
            body: GraphProto = attribute.g
            return body
    raise InputError(f"node {node.name!r} ({node.op_type}) has no {name}; export the model again")


def _prefix(walk: Elaboration, scope: Scope, node: NodeProto) -> str:
    return walk.node_name(scope.prefix + (node.name or node.op_type)) + "/"


def _inner(walk: Elaboration, scope: Scope, node: NodeProto) -> Scope:
    return _within(scope, _prefix(walk, scope, node))


def _step(scope: Scope, base: str, step: int) -> Scope:
    """Of one iteration of a loop with this name."""
    return _within(scope, f"{base}/{step}/")


def _within(scope: Scope, prefix: str) -> Scope:
    return Scope({}, prefix, scope.opsets, scope, arguments=scope.arguments, depth=scope.depth + 1)


def _is_count(value: Array) -> bool:
    return value.size == 1 and np.issubdtype(value.dtype, np.integer)


def _label(node: NodeProto) -> str:
    return node.name or next((name for name in node.output if name), node.op_type)


def _spend(walk: Elaboration, scope: Scope, body: GraphProto) -> str:
    entries = len(body.input) + len(body.output) + len(body.initializer) + len(body.value_info)
    walk.spend(scope, _ENTRY * entries)
    walk.loop_nodes += max(1, len(body.node))
    if walk.loop_nodes > MOST_LOOP_NODES:
        return f"loops and branches write out to more than {MOST_LOOP_NODES} nodes"
    return ""


def _too_deep(scope: Scope) -> str:
    return f"nested more than {DEEPEST} deep" if scope.depth > DEEPEST else ""


def _give_value(walk: Elaboration, scope: Scope, name: str, value: Array) -> None:
    element = 9 if value.dtype == np.bool_ else 7
    walk.initializer(scope, name, TensorType.of(value.shape, element), value)


def _hand_out(walk: Elaboration, node: NodeProto, scope: Scope, made: Sequence[str]) -> None:
    """Let the outputs of the node stand for what its body made."""
    for name, tensor in zip(node.output, made, strict=False):
        if name and not tensor:
            raise InputError(
                f"node {node.name!r} ({node.op_type}): its body does not define the output "
                f"{name!r}; export the model again"
            )
        if name:
            walk.copy(tensor, name, scope)


def _emit(
    walk: Elaboration, scope: Scope, op: str, inputs: list[str], name: str, **attributes: Any
) -> str:
    """A node of our own; returns its output."""
    inner = {f"in{position}": tensor for position, tensor in enumerate(inputs)}
    own = Scope(inner, scope.prefix, {**scope.opsets, "": 11})
    proto = helper.make_node(op, list(inner), ["out"], name=name, **attributes)
    walk.operator(proto, own)
    return own.names["out"]


def _slice(
    walk: Elaboration, scope: Scope, node: NodeProto, tensor: str, axis: int, index: int
) -> str:
    """One position along an axis, which goes away."""
    own = Scope({}, scope.prefix, scope.opsets)
    bounds = []
    for name, number in (("start", index), ("end", index + 1), ("axis", axis)):
        _give_value(walk, own, name, np.asarray([number], np.int64))
        bounds.append(own.names[name])
    part = _emit(walk, scope, "Slice", [tensor, *bounds], f"{_label(node)}_slice")
    return _emit(walk, scope, "Squeeze", [part], f"{_label(node)}_squeeze", axes=[axis])


def _stack(walk: Elaboration, scope: Scope, node: NodeProto, pile: Sequence[str], axis: int) -> str:
    """What the iterations made, along a new axis."""
    rows = [
        _emit(walk, scope, "Unsqueeze", [tensor], f"{_label(node)}_row", axes=[axis])
        for tensor in pile
    ]
    return _emit(walk, scope, "Concat", rows, f"{_label(node)}_stack", axis=axis)
