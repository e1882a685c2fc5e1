"""Third pass: protobuf to a `Program`: every shape known that can be known.

Requires: inputs bound. Ensures: `ordered`, `typed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from onnx import GraphProto, ModelProto, defs

from ..errors import InputError
from ..program import Program, TensorType, program_pass
from .bodies import CONTROL_FLOW, call
from .scope import Scope, default_domain
from .walk import Elaboration

if TYPE_CHECKING:
    from .bind import Binding


def elaborate(model: ModelProto, inputs: Mapping[str, TensorType], binding: Binding) -> Program:
    """The program of a model whose inputs have these types."""
    graph = model.graph
    walk = Elaboration(model, binding, CONTROL_FLOW, call)
    scope = Scope({}, "", dict(_opsets(model)))
    for name, type_ in inputs.items():
        walk.types[walk.define(scope, name)] = type_
    _check_initializers(graph)
    walk.graph(graph, scope)
    outputs = []
    for value in graph.output:
        tensor = scope.resolve(value.name)
        if tensor is None:
            raise InputError(
                f"output {value.name!r} is not the output of any node; export the model again"
            )
        outputs.append(tensor)
    if not outputs:
        raise InputError("the graph has no outputs; export the model again")
    notes = [binding.note(), _newer_than_known(scope.opset(""))]
    program = Program(
        name=graph.name,
        nodes=tuple(walk.nodes),
        types=walk.types,
        constants=walk.constants,
        static=frozenset(walk.static),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        notes=(*filter(None, notes), *dict.fromkeys(walk.notes)),
        metadata=_metadata(model),
    )
    return _established(program)


@program_pass(ensures=("ordered", "typed"))
def _established(program: Program) -> Program:
    return program


def _check_initializers(graph: GraphProto) -> None:
    seen: set[str] = set()
    for tensor in graph.initializer:
        if tensor.name in seen:
            raise InputError(
                f"the name {tensor.name!r} is used by two initializers; every tensor needs its own"
            )
        seen.add(tensor.name)


def _newer_than_known(opset: int) -> str:
    known = defs.onnx_opset_version()
    return f"operator set {opset} is read as {known}, the newest known" if opset > known else ""


def _opsets(model: ModelProto) -> Iterator[tuple[str, int]]:
    for entry in model.opset_import:
        yield default_domain(entry.domain), entry.version


def _metadata(model: ModelProto) -> dict[str, str]:
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in _opsets(model))
    facts = {
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "ir_version": str(model.ir_version),
        "opset": opsets,
    }
    return {key: value for key, value in facts.items() if value}
