"""The walk over a model's nodes that makes a `Program` of it.

One walk in topological order. For each node: the types of its outputs, their values where its
inputs are small constants (shape computations), and in the place of If, Loop, Scan and calls of
model-local functions the nodes of their bodies. Since all sizes of the inputs are known, a
`Shape` is a constant, and one walk suffices: time is linear in the nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    helper,
)

from ..errors import InputError
from ..program import Array, Node, TensorType
from .convert import SMALL, attributes_of, from_type_proto, tensor_type, tensor_value
from .fold import RANDOM, fold
from .infer import MOST, infer_outputs
from .order import free_names, in_order
from .scope import Scope, check_text, default_domain

if TYPE_CHECKING:
    from .bind import Binding

#: Their results are as small as their inputs, although the exact size depends on values.
_SHRINKING = frozenset({"NonZero", "Unique", "Compress"})

#: Attributes of a Constant that are no tensor, with the types of what they make.
_CONSTANTS: Final[dict[str, tuple[Any, int]]] = {
    "value_int": (np.int64, 7),
    "value_ints": (np.int64, 7),
    "value_float": (np.float32, 1),
    "value_floats": (np.float32, 1),
    "value_string": (object, 8),
    "value_strings": (object, 8),
}

#: Characters of all the names that bodies are written out to.
MOST_CHARACTERS: Final = 1 << 27

#: Quantized weights keep their stored type, so these stay visible even on constants.
_QUANTIZATION = frozenset({"QuantizeLinear", "DequantizeLinear"})


class Elaboration:
    """The walk, and what it has found so far.

    Attributes:
        nodes, types, constants, static, notes: as of `Program`.
        loop_nodes, function_nodes: nodes of bodies written out so far.
        functions: the model's own, by domain, name and overload.
        expanded: of each of them that was called, the nodes that a call is written out to.
        control_flow: by operator, what writes its bodies out; it returns why not, "" when done.
        call: writes the nodes of a model-local function in the place of a call.
    """

    def __init__(
        self,
        model: ModelProto,
        binding: Binding,
        control_flow: Mapping[str, Callable[[Elaboration, NodeProto, Scope], str]],
        call: Callable[[Elaboration, FunctionProto, NodeProto, Scope], None],
    ) -> None:
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}
        self.static: set[str] = set()
        self.notes: list[str] = []
        self.loop_nodes = 0
        self.function_nodes = 0
        self.functions: dict[tuple[str, str, str], FunctionProto] = {
            (
                default_domain(function.domain),
                function.name,
                getattr(function, "overload", ""),
            ): function
            for function in model.functions
        }
        self.expanded: dict[tuple[str, str, str], int] = {}
        self.control_flow = control_flow
        self.call = call
        self._binding = binding
        self._node_names: dict[str, int] = {}
        self._body_names: dict[str, int] = {}
        self._characters = 0

    def define(self, scope: Scope, name: str) -> str:
        """A name in the program, unique, for a tensor of a scope."""
        check_text(name)
        unique = scope.prefix + name
        self.spend(scope, len(unique))
        while unique in self.types:
            unique += "'"
        scope.names[name] = unique
        return unique

    def graph(self, graph: GraphProto, scope: Scope) -> None:
        """All of a graph: initializers, then nodes. Its inputs are in the scope already."""
        for tensor in graph.initializer:
            self.initializer(scope, tensor.name, tensor_type(tensor), tensor_value(tensor))
        for sparse in graph.sparse_initializer:
            type_ = TensorType.of(tuple(sparse.dims), sparse.values.data_type)
            self.initializer(scope, sparse.values.name, type_, None)
        scope.declared.update((value.name, value) for value in graph.value_info)
        scope.declared.update((value.name, value) for value in graph.output)
        self.walk(graph.node, scope)

    def walk(self, nodes: Sequence[NodeProto], scope: Scope) -> None:
        """Add the nodes of a scope, sorted so that each comes after what it reads."""

        def is_known(name: str) -> bool:
            return scope.outer is not None and scope.outer.resolve(name) is not None

        ordered, moved = in_order(nodes, list(scope.names), is_known)
        if moved:
            self.notes.append("the file lists nodes before what they read; they were sorted")
        for node in ordered:
            self.node(node, scope)

    def initializer(self, scope: Scope, name: str, type_: TensorType, value: Array | None) -> None:
        """Define a tensor that is fixed before the network runs; its value where it is small."""
        tensor = self.define(scope, name)
        self.types[tensor] = type_
        self.static.add(tensor)
        if value is not None:
            self.constants[tensor] = value

    def node(self, proto: NodeProto, scope: Scope) -> None:
        """Add one node: what stands for it, if it calls a function or is control flow."""
        if scope.arguments or any(attribute.ref_attr_name for attribute in proto.attribute):
            proto = _with_arguments(proto, scope.arguments)
        check_text(proto.name, proto.op_type, proto.domain)
        domain = default_domain(proto.domain)
        function = self.function_of(proto)
        if function is not None:
            self.call(self, function, proto, scope)
        elif not domain and proto.op_type == "Constant":
            self.constant(proto, scope)
        elif not domain and proto.op_type in self.control_flow:
            refusal = self.control_flow[proto.op_type](self, proto, scope)
            if refusal:
                self.refuse(proto, scope, refusal)
        else:
            self.operator(proto, scope)

    def function_of(self, proto: NodeProto) -> FunctionProto | None:
        """The model's own function that a node calls; None where it calls none."""
        return self.functions.get(_key(proto.domain, proto.op_type, proto))

    def constant(self, proto: NodeProto, scope: Scope) -> None:
        """Define what a Constant node gives, of whichever attribute holds it."""
        attribute = proto.attribute[0] if proto.attribute else None
        if attribute is None or not proto.output:
            missing = "value" if proto.output else "output"
            raise InputError(
                f"node {proto.name!r} (Constant) has no {missing}; export the model again"
            )
        if attribute.HasField("t"):
            type_, value = tensor_type(attribute.t), tensor_value(attribute.t)
        elif attribute.HasField("sparse_tensor"):
            sparse = attribute.sparse_tensor
            type_, value = TensorType.of(tuple(sparse.dims), sparse.values.data_type), None
        else:
            plain = attributes_of(proto).get(attribute.name)
            if attribute.name not in _CONSTANTS or plain is None:
                raise InputError(
                    f"node {proto.name!r} (Constant): expected one of value, sparse_value, "
                    f"{', '.join(_CONSTANTS)}, found {attribute.name!r}; export the model again"
                )
            dtype, element = _CONSTANTS[attribute.name]
            try:
                value = np.asarray(plain, dtype=dtype)
            except (TypeError, ValueError, OverflowError) as error:
                raise InputError(
                    f"node {proto.name!r} (Constant): its {attribute.name} is of another type; "
                    "export the model again"
                ) from error
            type_ = TensorType.of(value.shape, element)
            value = value if value.size <= SMALL else None
        self.initializer(scope, proto.output[0], type_, value)

    def operator(self, proto: NodeProto, scope: Scope) -> None:
        """An operator that stays one node, or is folded to constants."""
        inputs = self.inputs(proto, scope)
        opset = scope.opset(default_domain(proto.domain))
        attributes = attributes_of(proto)
        constants = {
            position: self.constants[name]
            for position, name in enumerate(inputs)
            if name in self.constants
        }
        found, reason = infer_outputs(
            proto,
            opset,
            [self.types[name] if name else None for name in inputs],
            constants,
            attributes,
        )
        outputs = []
        for name, type_ in zip(proto.output, found, strict=True):
            outputs.append(self.define(scope, name) if name else "")
            if name:
                self.types[outputs[-1]] = self._merged(type_, name, scope)
        present = [name for name in inputs if name]
        if self._shape_of(proto, attributes, inputs, outputs):
            return
        if proto.op_type not in RANDOM and inputs and self.static.issuperset(present):
            self.static.update(name for name in outputs if name)
        if len(constants) == len(present) and self._fold(proto, opset, inputs, outputs, attributes):
            return
        complete = all(self.types[name].known is not None for name in outputs if name)
        self.emit(proto, scope, inputs, outputs, attributes, "" if complete else reason)

    def inputs(self, proto: NodeProto, scope: Scope) -> list[str]:
        """The node's inputs by their names in the program."""
        names = []
        for name in proto.input:
            resolved = scope.resolve(name) if name else ""
            if resolved is None:
                raise InputError(f"node {proto.name!r} ({proto.op_type}) reads {name!r}, "
                                 "which nothing defines; export the model again")  # fmt: skip
            names.append(resolved)
        return names

    def emit(
        self,
        proto: NodeProto,
        scope: Scope,
        inputs: Sequence[str],
        outputs: Sequence[str],
        attributes: Mapping[str, Any],
        refused: str = "",
    ) -> None:
        """Append a node under a name of its own; `refused` says why it cannot be costed."""
        domain = default_domain(proto.domain)
        wanted = scope.prefix + (proto.name or proto.op_type)
        self.spend(scope, len(wanted))
        name = self.node_name(wanted)
        self.nodes.append(
            Node(
                name,
                proto.op_type,
                domain,
                scope.opset(domain),
                tuple(inputs),
                tuple(outputs),
                attributes,
                (name,),
                refused,
            )
        )

    def node_name(self, wanted: str) -> str:
        """A name that no other node has."""
        while True:
            count = self._node_names.get(wanted, 0)
            self._node_names[wanted] = count + 1
            if not count:
                return wanted
            wanted = f"{wanted}_{count}"

    def body_name(self, wanted: str) -> str:
        """A name that no other loop has, for what its iterations make."""
        count = self._body_names.get(wanted, 0)
        self._body_names[wanted] = count + 1
        return f"{wanted}#{count}" if count else wanted

    def spend(self, scope: Scope, characters: int) -> None:
        """Account for names that are written out, which a short file can make very many and long.

        Raises:
            InputError: there are too many.
        """
        if scope.prefix:
            self._characters += characters
        if self._characters > MOST_CHARACTERS:
            raise InputError(
                f"its functions, loops and branches write out to more than {MOST_CHARACTERS} "
                "characters of names; export without functions, or with shorter names"
            )

    def refuse(self, proto: NodeProto, scope: Scope, reason: str) -> None:
        """Keep a node that cannot be costed, so that it is reported."""
        inputs = self.inputs(proto, scope)
        for attribute in proto.attribute:
            if attribute.HasField("g"):
                captured = (scope.resolve(name) for name in free_names(attribute.g))
                inputs += [name for name in captured if name is not None]
        outputs = []
        for name in proto.output:
            outputs.append(self.define(scope, name) if name else "")
            if name:
                self.types[outputs[-1]] = self._merged(TensorType.of(None, 0), name, scope)
        self.emit(proto, scope, inputs, outputs, {}, reason)

    def copy(self, source: str, name: str, scope: Scope) -> None:
        """Let a name of the scope stand for a tensor of the program."""
        tensor = self.define(scope, name)
        self.types[tensor] = self.types[source]
        if source in self.static:
            self.static.add(tensor)
        if source in self.constants:
            self.constants[tensor] = self.constants[source]
            return
        label = self.node_name(f"{tensor}/Identity")
        self.nodes.append(Node(label, "Identity", "", 13, (source,), (tensor,), {}, (), ""))

    def _merged(self, type_: TensorType, name: str, scope: Scope) -> TensorType:
        """What inference found, completed by what the file states."""
        if type_.known is not None and type_.element:
            return type_
        value = scope.declared.get(name)
        if value is None:
            return type_
        stated = from_type_proto(value.type, self._binding.size_of)
        element = type_.element or stated.element
        if type_.shape is None or stated.shape is None or len(type_.shape) != len(stated.shape):
            return TensorType.of(stated.shape if type_.shape is None else type_.shape, element)
        sizes = zip(type_.shape, stated.shape, strict=True)
        return TensorType.of(tuple(b if a is None else a for a, b in sizes), element)

    def _shape_of(
        self,
        proto: NodeProto,
        attributes: Mapping[str, Any],
        inputs: Sequence[str],
        outputs: Sequence[str],
    ) -> bool:
        """Shape and Size of a tensor whose shape is known are constants."""
        if proto.domain or proto.op_type not in ("Shape", "Size"):
            return False
        sizes = self.types[inputs[0]].known
        if sizes is None:
            return False
        if proto.op_type == "Shape":
            value = np.asarray(sizes[attributes.get("start", 0) : attributes.get("end")], np.int64)
        else:
            count = math.prod(sizes)
            if count > MOST:
                raise InputError(
                    f"node {proto.name!r} (Size): {proto.input[0]!r} has {count} elements, "
                    "more than a number of the format can say; check its shape"
                )
            value = np.asarray(count, np.int64)
        self._set(outputs[0], value)
        return True

    def _fold(
        self,
        proto: NodeProto,
        opset: int,
        inputs: Sequence[str],
        outputs: Sequence[str],
        attributes: Mapping[str, Any],
    ) -> bool:
        if not inputs or proto.op_type in _QUANTIZATION or proto.op_type in RANDOM:
            return False
        for name in outputs:
            count = self.types[name].elements if name else 0
            if count is None and proto.op_type not in _SHRINKING:
                return False
            if count is not None and count > SMALL:
                return False
        values = [self.constants[name] if name else None for name in inputs]
        results = fold(proto, opset, values, attributes)
        if results is None:
            return False
        for name, value in zip(outputs, results, strict=False):
            if name:
                self._set(name, value)
        return all(name in self.constants for name in outputs if name)

    def _set(self, name: str, value: Array) -> None:
        self.constants[name] = value
        self.static.add(name)
        element = self.types[name].element
        if not element and value.dtype != object:
            element = helper.np_dtype_to_tensor_dtype(value.dtype)
        self.types[name] = TensorType.of(value.shape, element)


def _key(domain: str, name: str, proto: NodeProto | FunctionProto) -> tuple[str, str, str]:
    """What identifies a function; `overload` came with version 10 of the format."""
    return default_domain(domain), name, getattr(proto, "overload", "")


def _with_arguments(proto: NodeProto, arguments: Mapping[str, AttributeProto]) -> NodeProto:
    """A node of a function's body with its attribute references filled in."""
    if not any(attribute.ref_attr_name for attribute in proto.attribute):
        return proto
    filled = NodeProto()
    filled.CopyFrom(proto)
    del filled.attribute[:]
    for attribute in proto.attribute:
        if not attribute.ref_attr_name:
            filled.attribute.append(attribute)
        elif attribute.ref_attr_name in arguments:
            argument = filled.attribute.add()
            argument.CopyFrom(arguments[attribute.ref_attr_name])
            argument.name = attribute.name
    return filled
