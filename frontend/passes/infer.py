"""Types of one node's outputs, from those of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from onnx import NodeProto, OperatorSetIdProto, checker, defs, numpy_helper, shape_inference
from onnx.defs import OpSchema

from ..errors import InputError
from ..program import Array, TensorType
from ..shape_rules import MALFORMED, CannotInfer, ShapeView, shape_rule_for
from .convert import from_type_proto, to_type_proto
from .fit import contradiction
from .guard import crash

#: Elements of the largest constant that can say something about a shape.
_SHAPE_VALUES = 1024


#: Of the sizes of a tensor: the format has no larger number.
MOST: Final = 2**63 - 1


#: Of an operator set: what ONNX keeps it in.
_VERSIONS: Final = 2**31


@lru_cache(maxsize=1024)
def schema_for(op: str, domain: str, opset: int) -> OpSchema | None:
    """ONNX's own description of an operator, None where it has none.

    Versions that are defined by a function have no shape inference at first (GreaterOrEqual of
    operator set 12): their shapes are those of the newest version.
    """
    try:
        schema = defs.get_schema(op, opset, domain)
        if schema.function_body.node and not schema.has_type_and_shape_inference_function:
            return defs.get_schema(op, max(opset, defs.onnx_opset_version()), domain)
    except defs.SchemaError:
        return None
    return schema


def infer_outputs(
    node: NodeProto,
    opset: int,
    inputs: Sequence[TensorType | None],
    constants: Mapping[int, Array],
    attributes: Mapping[str, Any],
) -> tuple[list[TensorType], str]:
    """Types of the outputs, and why they are not known ("" where they are).

    Raises:
        InputError: the inputs' shapes do not fit the operator, or there is no such version of it.
    """
    if not 0 <= opset < _VERSIONS:
        raise InputError(
            f"node {_label(node)} ({node.op_type}): expected an operator set of at least 0, found "
            f"{opset}; the file is damaged, export it again"
        )
    rule = shape_rule_for(node.op_type, node.domain)
    unknown = [TensorType.of(None, 0)] * len(node.output)
    if rule is not None:
        view = ShapeView(
            node.op_type, opset, tuple(inputs), len(node.output), attributes, constants
        )
        try:
            made = list(rule(view))[: len(node.output)]
        except CannotInfer as error:
            return unknown, str(error)
        except MALFORMED as error:
            reason = f"its rule takes other ranks or attributes ({type(error).__name__}: {error})"
            raise InputError(_misfit(node, inputs, reason)) from error
        return _fitting(node, inputs, attributes, made + unknown[len(made) :]), ""
    schema = schema_for(node.op_type, node.domain, opset)
    if schema is None:
        return unknown, "the operator is not known"
    if reason := crash(node, attributes, inputs):
        raise InputError(_misfit(node, inputs, reason))
    return _fitting(node, inputs, attributes, _by_onnx(schema, node, opset, inputs, constants)), ""


def _fitting(
    node: NodeProto,
    inputs: Sequence[TensorType | None],
    attributes: Mapping[str, Any],
    outputs: list[TensorType],
) -> list[TensorType]:
    """The types of the outputs, where nothing contradicts them."""
    for type_ in outputs:
        if any(size is not None and not 0 <= size <= MOST for size in type_.shape or ()):
            reason = f"an output would have shape {_shown(type_)}"
            raise InputError(_misfit(node, inputs, reason))
    if reason := contradiction(node.op_type, attributes, inputs, outputs):
        raise InputError(_misfit(node, inputs, reason))
    return outputs


def _by_onnx(
    schema: OpSchema,
    node: NodeProto,
    opset: int,
    inputs: Sequence[TensorType | None],
    constants: Mapping[int, Array],
) -> list[TensorType]:
    types = {
        name: to_type_proto(type_)
        for name, type_ in zip(node.input, inputs, strict=True)
        if type_ is not None and type_.element
    }
    if len(types) < len({name for name in node.input if name}):
        return [TensorType.of(None, 0)] * len(node.output)  # the type of an input is not known
    values = {
        node.input[position]: numpy_helper.from_array(value)
        for position, value in constants.items()
        if value.size <= _SHAPE_VALUES and value.ndim <= 1
    }
    imports = [OperatorSetIdProto(domain=node.domain, version=opset)]
    try:
        found = shape_inference.infer_node_outputs(
            schema, node, types, values, opset_imports=imports
        )
    except shape_inference.InferenceError as error:
        raise InputError(_misfit(node, inputs, _reason(error))) from error
    except (checker.ValidationError, ValueError, RuntimeError) as error:
        reason = next(iter(str(error).strip().splitlines()), "malformed")
        raise InputError(
            f"node {_label(node)} ({node.op_type}) does not follow the operator's definition in "
            f"operator set {opset}: {reason}; export the model again"
        ) from error
    for name, proto in found.items():
        sizes = [dim.dim_value for dim in proto.tensor_type.shape.dim]
        if min(sizes, default=0) < 0:
            raise InputError(_misfit(node, inputs, f"its output {name!r} would have sizes {sizes}"))
    return [
        from_type_proto(found[name]) if name in found else TensorType.of(None, 0)
        for name in node.output
    ]


def _reason(error: Exception) -> str:
    """The first line of what ONNX says, without its labels."""
    lines = str(error).rsplit("[ShapeInferenceError]", 1)[-1].strip().splitlines()
    return lines[0].rstrip(".") if lines else "shape inference failed"


def _misfit(node: NodeProto, inputs: Sequence[TensorType | None], reason: str) -> str:
    shapes = ", ".join(
        f"{name} {_shown(type_)}"
        for name, type_ in zip(node.input, inputs, strict=True)
        if type_ is not None
    )
    return (
        f"node {_label(node)} ({node.op_type}): the shapes of its inputs do not "
        f"fit ({shapes}): {reason}; check the shapes, and the sizes bound to symbolic dimensions"
    )


def _label(node: NodeProto) -> str:
    return repr(node.name or next(iter(node.output), ""))


def _shown(type_: TensorType) -> str:
    if type_.shape is None:
        return "of unknown shape"
    return f"[{', '.join('?' if size is None else str(size) for size in type_.shape)}]"
