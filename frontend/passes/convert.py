"""From protobuf to Python: attributes, small tensors, types. Large data is never touched."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from onnx import AttributeProto, NodeProto, TensorProto, TypeProto, numpy_helper

from ..errors import InputError
from ..program import Array, TensorType

#: Elements of the largest tensor whose values are looked at.
SMALL: Final = 4096


def tensor_value(tensor: TensorProto) -> Array | None:
    """The values of a small tensor; None if it is large, or its data is not in the file."""
    if math.prod(tensor.dims) > SMALL or tensor.data_location == TensorProto.EXTERNAL:
        return None
    if tensor.data_type == TensorProto.UNDEFINED:
        raise InputError(f"tensor {tensor.name!r} has no element type; export the model again")
    if 0 not in tensor.dims and not _has_data(tensor):
        return None  # stripped of its weights
    try:
        value: Array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"tensor {tensor.name!r}: its data does not fill its shape "
            f"{list(tensor.dims)}: {error}; the file is damaged, copy or export it again"
        ) from error
    return value


def _has_data(tensor: TensorProto) -> bool:
    return bool(
        tensor.raw_data
        or tensor.float_data
        or tensor.int32_data
        or tensor.int64_data
        or tensor.double_data
        or tensor.uint64_data
        or tensor.string_data
    )


def tensor_type(tensor: TensorProto) -> TensorType:
    """Shape and type of a tensor in the file, without its data."""
    if any(size < 0 for size in tensor.dims):
        raise InputError(
            f"tensor {tensor.name!r}: expected sizes of at least 0, found shape "
            f"{list(tensor.dims)}; the file is damaged, export it again"
        )
    return TensorType.of(tuple(tensor.dims), tensor.data_type)


def from_type_proto(
    proto: TypeProto, size_of: Callable[[str], int | None] = lambda _: None
) -> TensorType:
    """A type as ONNX writes it; `size_of` gives the sizes of symbolic dims where they are known."""
    if not proto.HasField("tensor_type"):
        return TensorType.of(None, 0)
    tensor = proto.tensor_type
    if not tensor.HasField("shape"):
        return TensorType.of(None, tensor.elem_type)
    sizes: list[int | None] = []
    for dim in tensor.shape.dim:
        if dim.HasField("dim_value"):
            sizes.append(dim.dim_value if dim.dim_value >= 0 else None)
        else:
            sizes.append(size_of(dim.dim_param) if dim.dim_param else None)
    return TensorType.of(tuple(sizes), tensor.elem_type)


def to_type_proto(type_: TensorType) -> TypeProto:
    """The inverse of `from_type_proto`."""
    proto = TypeProto()
    proto.tensor_type.elem_type = type_.element
    if type_.shape is not None:
        shape = proto.tensor_type.shape
        shape.SetInParent()
        for size in type_.shape:
            dim = shape.dim.add()
            if size is not None:
                dim.dim_value = size
    return proto


def attributes_of(node: NodeProto) -> dict[str, Any]:
    """Attributes as Python values. Graphs are left out, and so are large tensors."""
    values: dict[str, Any] = {}
    for attribute in node.attribute:
        value = _attribute(attribute)
        if value is not None:
            values[attribute.name] = value
    return values


def _attribute(attribute: AttributeProto) -> Any:
    kind = attribute.type
    if kind == AttributeProto.INT:
        return attribute.i
    if kind == AttributeProto.FLOAT:
        return attribute.f
    if kind == AttributeProto.STRING:
        return attribute.s.decode("utf-8", "replace")
    if kind == AttributeProto.INTS:
        return list(attribute.ints)
    if kind == AttributeProto.FLOATS:
        return list(attribute.floats)
    if kind == AttributeProto.STRINGS:
        return [text.decode("utf-8", "replace") for text in attribute.strings]
    if kind == AttributeProto.TENSOR:
        return tensor_value(attribute.t)
    return None
