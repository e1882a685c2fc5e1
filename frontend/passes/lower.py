"""From nodes to layers, by the lowering rules. What no rule covers is listed, never dropped.

Requires: `ordered`, `typed`, `dynamic`, `viewless`, `concatenated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..graph import (
    ComputeLayer,
    FusedWork,
    Layer,
    MoveLayer,
    NotModelled,
    Tensor,
    VectorLayer,
    VectorWork,
)
from ..lowering import CannotLower, NodeView, rule_for
from ..nest import MOST_MACS, NestError, OperandBits
from ..operators import load_rules
from ..operators.uncovered import why_uncovered
from ..program import Node, PassOrderError, Program
from ..shape_rules import MALFORMED
from .concat import COPIED
from .quantization import DEQUANTIZE
from .views import underlying

_REQUIRES = ("ordered", "typed", "dynamic", "viewless", "concatenated")

#: Names of nodes that a report lists for one operator.
_NAMED = 5


@dataclass(slots=True)
class Lowered:
    """What lowering a program gives.

    Attributes:
        layers: in a topological order.
        not_modelled, notes, modelled_elements: as of `LayerGraph`.
    """

    layers: list[Layer] = field(default_factory=list)
    not_modelled: list[NotModelled] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    modelled_elements: int = 0


def lower(program: Program, bits: int | None = None) -> Lowered:
    """Layers of every node; `bits` is the width of all operands where one is imposed."""
    missing = [name for name in _REQUIRES if name not in program.facts]
    if missing:
        raise PassOrderError(f"lower requires {', '.join(missing)}")
    load_rules()
    read = {tensor for node in program.nodes for tensor in node.reads()} | set(program.outputs)
    read.update(part for parts in program.views.values() for part in parts)
    result = Lowered()
    missed: dict[tuple[str, str], list[Node]] = {}
    notes: dict[str, None] = {}
    names = {node.name for node in program.nodes}
    for node in program.nodes:
        try:
            view = _view(program, node, read)
            layers = _layers(program, node, view)
        except CannotLower as reason:
            missed.setdefault((node.kind, str(reason)), []).append(node)
            continue
        notes.update(dict.fromkeys(view.notes))
        layers = _distinct(program, node, layers, names)
        result.layers += [_finished(program, node, layer, bits) for layer in layers]
        result.modelled_elements += _elements(program, node)
    result.notes = list(notes)
    result.not_modelled = [
        NotModelled(
            op=kind,
            count=len(nodes),
            reason=reason,
            elements=sum(_elements(program, node) for node in nodes),
            nodes=tuple(node.name for node in nodes[:_NAMED]),
        )
        for (kind, reason), nodes in missed.items()
    ]
    return result


def _elements(program: Program, node: Node) -> int:
    return sum(program.type_of(tensor).elements or 0 for tensor in node.writes())


def _layers(program: Program, node: Node, view: NodeView) -> Sequence[Layer]:
    if node.is_op("Concat"):
        return [_copies(program, node)]
    rule = rule_for(node.op, node.domain)
    assert rule is not None, f"{node.name}: `_view` refuses what has no rule"
    if all(tensor is None or not tensor.elements for tensor in view.outputs):
        return []  # its results are empty: there is nothing to do
    try:
        return [_countable(layer) for layer in _with_scaling(rule(view), node)]
    except NestError as error:
        raise CannotLower(f"its sizes make no loop nest: {error}") from error
    except MALFORMED as error:
        raise CannotLower(
            f"it is malformed: its rule takes other ranks or attributes "
            f"({type(error).__name__}: {error})"
        ) from error


def _countable(layer: Layer) -> Layer:
    """The layer, if its work and traffic can be added up exactly."""
    most = 0
    if not isinstance(layer, ComputeLayer):
        most = max(layer.read_bits, layer.write_bits)
    if isinstance(layer, VectorLayer):
        most = max(most, layer.work.simple_ops, layer.work.special_ops)
    if most > MOST_MACS:
        raise CannotLower(f"expected at most 2^53 operations and bits, got {most}")
    return layer


def _view(program: Program, node: Node, read: set[str]) -> NodeView:
    """What a rule sees. Raises CannotLower without a rule, or without a shape that matters."""
    if node.refused:
        raise CannotLower(node.refused)
    if rule_for(node.op, node.domain) is None and not node.is_op("Concat"):
        raise CannotLower(why_uncovered(node.op, node.domain))
    return NodeView(
        name=node.name,
        op=node.op,
        domain=node.domain,
        opset=node.opset,
        inputs=tuple(_tensor(program, name) for name in node.inputs),
        outputs=tuple(_tensor(program, name) if name in read else None for name in node.outputs),
        attributes=node.attributes,
        constants={
            position: program.constants[name]
            for position, name in enumerate(node.inputs)
            if name in program.constants
        },
        static=frozenset(
            position for position, name in enumerate(node.inputs) if name in program.static
        ),
    )


def _tensor(program: Program, name: str) -> Tensor | None:
    if not name:
        return None
    type_ = program.type_of(name)
    if type_.known is None:
        raise CannotLower(
            f"the shape of {name!r} is only known when the network runs"
            if type_.element
            else f"the shape and type of {name!r} are not known"
        )
    return Tensor(name, type_.known, type_.bits)


def _copies(program: Program, node: Node) -> MoveLayer:
    """What a concatenation cannot do in place."""
    bits = 0
    for part in node.attributes[COPIED]:
        tensor = _tensor(program, part)
        bits += tensor.total_bits if tensor else 0
    return MoveLayer(node.name, node.op, bits, bits, tuple(node.reads()), node.outputs[0])


def _with_scaling(layers: Sequence[Layer], node: Node) -> Sequence[Layer]:
    """The scaling of integer sums, shared among the layers that compute them."""
    work = node.attributes.get(DEQUANTIZE, 0)
    products = [layer for layer in layers if isinstance(layer, ComputeLayer)]
    total = sum(layer.nest.elements("O") for layer in products)
    if not work or not total:
        return layers
    scaled: list[Layer] = []
    for layer in layers:
        if isinstance(layer, ComputeLayer):
            share = -(-work * layer.nest.elements("O") // total)
            fused = FusedWork(VectorWork("DequantizeLinear", share), node=node.name)
            layer = replace(layer, fused=(fused, *layer.fused))
        scaled.append(layer)
    return scaled


def _distinct(
    program: Program, node: Node, layers: Sequence[Layer], names: set[str]
) -> Sequence[Layer]:
    """A node's layers, and the tensors between them, under names that nothing else has."""
    if len(layers) == 1 and layers[0].name == node.name:
        return layers
    tensors: dict[str, str] = {}
    result: list[Layer] = []
    for layer in layers:
        name = layer.name
        while name != node.name and name in names:
            name += "'"
        names.add(name)
        for tensor in (*layer.inputs, layer.output):
            if tensor not in tensors:
                own = tensor in node.inputs or tensor in node.outputs
                tensors[tensor] = tensor
                while not own and tensors[tensor] in program.types:
                    tensors[tensor] += "'"
        inputs = tuple(tensors[tensor] for tensor in layer.inputs)
        result.append(replace(layer, name=name, inputs=inputs, output=tensors[layer.output]))
    return result


def _finished(program: Program, node: Node, layer: Layer, bits: int | None) -> Layer:
    """A rule's layer with its tensors resolved and the nodes that it covers."""
    inputs = dict.fromkeys(
        root for name in layer.inputs for root in underlying(program.views, name)
    )
    layer = replace(layer, inputs=tuple(inputs), nodes=node.covers)
    if bits is not None and isinstance(layer, ComputeLayer):
        layer = replace(layer, bits=OperandBits(bits, bits, bits))
    return layer
