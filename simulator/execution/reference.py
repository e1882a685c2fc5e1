"""Values of a network's tensors by the definition of its operators.

The network stands here as its file has it, before the import rewrites anything. Its values are
held against what the layers do, so a `Scope` computes only what a layer says that it does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.shape_inference import InferenceError, infer_shapes

from ...frontend.passes.fold import RANDOM
from ...frontend.program import Node, Program
from .errors import NotExecutableError, WiringError

Array = npt.NDArray[Any]

#: Hand on the elements that they read, all or some of them, in the same order.
_VIEWS: Final = frozenset(
    {"BitCast", "Concat", "Dropout", "Expand", "Flatten", "Identity", "Reshape", "Slice"}
    | {"Split", "Squeeze", "Unsqueeze"}
)


class Reference:
    """A network with its weights.

    Args:
        program: as the file has it.
        model: the same with data.

    Attributes:
        nodes: by name.
        makers: by tensor, the node that writes it.
        static, fixed: what is there before the network runs, and its values.
    """

    def __init__(self, program: Program, model: ModelProto) -> None:
        self.program = program
        self.nodes = {node.name: node for node in program.nodes}
        self.makers = program.producers()
        self.static = _static(program)
        self.fixed: dict[str, Array] = dict(program.constants)
        tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].HasField("t"):
                tensors[node.output[0]] = node.attribute[0].t
        for name, tensor in tensors.items():
            if name not in self.fixed and name in program.static and _has_data(tensor):
                self.fixed[name] = numpy_helper.to_array(tensor)

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Raises NotExecutableError where the shape is not known."""
        known = self.program.type_of(tensor).known
        if known is None:
            raise NotExecutableError(f"the shape of {tensor!r} is not known")
        return known

    def is_static(self, tensor: str) -> bool:
        """Whether a tensor is fixed before the network runs."""
        return tensor in self.static


def _static(program: Program) -> frozenset[str]:
    """Tensors that weights alone determine; of CastLike, the second input gives only its type."""
    static = set(program.static)
    for node in program.nodes:
        data = node.inputs[:1] if node.is_op("CastLike") else tuple(node.reads())
        if data and node.op not in RANDOM and static.issuperset(data):
            static.update(node.writes())
    return frozenset(static)


def _has_data(tensor: TensorProto) -> bool:
    return any(
        field.name.endswith("_data") and field.name != "external_data"
        for field, _ in tensor.ListFields()
    )


class Scope:
    """What one layer may read, and which nodes it says it does.

    Args:
        known: values of the tensors that it reads.
        covered: names of the nodes that are its work.
        any_order: it may read a tensor transposed from where it lies.

    Attributes:
        done: names of the nodes computed.
    """

    def __init__(
        self,
        reference: Reference,
        known: Mapping[str, Array],
        covered: Collection[str],
        *,
        any_order: bool,
    ) -> None:
        self.reference = reference
        self.known = dict(known)
        self.covered = frozenset(covered)
        self.any_order = any_order
        self.done: set[str] = set()
        self._quantizers = 0  # that wait for their input

    def optional(self, node: Node, position: int) -> Array | None:
        """The value of a node's input; None where it is absent."""
        name = node.inputs[position] if position < len(node.inputs) else ""
        return self.value(name) if name else None

    def value(self, tensor: str) -> Array:
        """The value of a tensor, from what the layer reads.

        Raises:
            WiringError: the layer does not have what that takes.
            NotExecutableError: an operator, or data, is missing.
        """
        if tensor in self.known:
            return self.known[tensor]
        if tensor in self.reference.fixed:
            return self.reference.fixed[tensor]
        node = self.reference.makers.get(tensor)
        if node is None:
            if self.reference.is_static(tensor):
                raise NotExecutableError(f"the file has no data for {tensor!r}")
            raise WiringError(f"it needs {tensor!r}, which is not among its inputs")
        self.admit(node)
        self._quantizers += node.op == "QuantizeLinear"
        values = [self._input(node, position) for position in range(len(node.inputs))]
        self._quantizers -= node.op == "QuantizeLinear"
        if node.op == "QuantizeLinear" and node.name not in self.covered:
            self._check_rounding(node, values)
        for name, value in zip(node.outputs, evaluate(node, values), strict=False):
            if self.reference.is_static(name):
                self.reference.fixed[name] = value
            elif name:
                self.known[name] = value
        self.done.add(node.name)
        return self.known[tensor] if tensor in self.known else self.reference.fixed[tensor]

    def _input(self, node: Node, position: int) -> Array | None:
        if node.is_op("CastLike") and position == 1:  # only its type counts
            element = self.reference.program.type_of(node.inputs[1]).element
            return np.empty(0, helper.tensor_dtype_to_np_dtype(element))
        return self.optional(node, position)

    def admit(self, node: Node) -> None:
        """Raises WiringError unless a node is the layer's work, or nobody's."""
        if node.name in self.covered or self.reference.is_static(node.outputs[0]):
            return
        if node.domain or not self._is_free(node):
            raise WiringError(
                f"it reads what {node.name!r} ({node.kind}) computes, which no layer before it does"
            )

    def _is_free(self, node: Node) -> bool:
        """Whether a node only says how elements are read."""
        if node.op in _VIEWS:
            return True
        types = self.reference.program
        match node.op:
            case "Gather":
                return types.type_of(node.inputs[1]).elements == 1
            case "Cast" | "CastLike":
                return types.type_of(node.inputs[0]).bits == types.type_of(node.outputs[0]).bits
            case "Transpose":
                return self.any_order or self._keeps_order(node)
            case "Einsum":
                return self.any_order and len(node.inputs) == 1
            case "QuantizeLinear":
                return True  # if it rounds nothing
            case "DequantizeLinear":
                return self._quantizers > 0  # what lies between only moves integers
        return False

    def _keeps_order(self, node: Node) -> bool:
        shape = self.reference.shape(node.inputs[0])
        order = node.attributes.get("perm") or list(range(len(shape)))[::-1]
        moved = [axis for axis in order if shape[axis] > 1]
        return moved == sorted(moved)

    def _check_rounding(self, node: Node, values: list[Array | None]) -> None:
        """Raises WiringError if a QuantizeLinear that no layer does changes a value."""
        if self.reference.is_static(node.outputs[0]):
            return
        (stored,) = evaluate(node, values)
        (again,) = evaluate(node, [stored, *values[1:]], op="DequantizeLinear")
        if values[0] is None or not np.array_equal(again, values[0]):
            raise WiringError(f"{node.name!r} rounds what it reads, and no layer before it does")


def evaluate(node: Node, values: list[Array | None], op: str = "") -> list[Array]:
    """Outputs of a node by ONNX's reference implementation.

    Args:
        values: of the inputs; None where an optional one is absent.
        op: operator in place of the node's own.

    Raises:
        NotExecutableError: the reference implementation does not have the operator.
    """
    feeds = {f"in{number}": value for number, value in enumerate(values) if value is not None}
    inputs = [f"in{n}" if value is not None else "" for n, value in enumerate(values)]
    outputs = [f"out{number}" if name else "" for number, name in enumerate(node.outputs)]
    proto = helper.make_node(
        op or node.op, inputs, outputs, domain=node.domain, **_attributes(node)
    )
    try:
        results = ReferenceEvaluator(_model(proto, feeds, node.opset)).run(None, feeds)
    except (ArithmeticError, AttributeError, LookupError, NotImplementedError, RuntimeError,
            TypeError, ValueError, InferenceError) as error:  # fmt: skip
        raise NotExecutableError(
            f"{node.name!r}: ONNX's reference implementation does not compute this "
            f"{node.kind}: {error}"
        ) from error
    found = iter(results)
    return [np.asarray(next(found)) if name else np.empty(0) for name in node.outputs]


def _model(node: NodeProto, feeds: Mapping[str, Array], opset: int) -> ModelProto:
    """A model of one node. Its types are known: functions that depend on them need that."""
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in feeds.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "node", inputs, outputs)
    return infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, opset)])
    )


def _attributes(node: Node) -> dict[str, Any]:
    """Attributes as `make_node` takes them; an empty list is as good as none."""
    return {
        name: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for name, value in node.attributes.items()
        if not (isinstance(value, list) and not value)
    }
