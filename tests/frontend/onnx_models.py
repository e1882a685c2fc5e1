"""Small ONNX models for tests of the import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import helper, numpy_helper

from chiploom.frontend.graph import ComputeLayer, Layer, LayerGraph, MoveLayer, VectorLayer
from chiploom.frontend.onnx_import import import_model

FLOAT = onnx.TensorProto.FLOAT
INT8 = onnx.TensorProto.INT8
UINT8 = onnx.TensorProto.UINT8
INT64 = onnx.TensorProto.INT64
BOOL = onnx.TensorProto.BOOL

Shape = Sequence[int | str | None]


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Any:
    """A node, named after its first output."""
    name = attributes.pop("name", outputs[0])
    return helper.make_node(op, list(inputs), list(outputs), name=name, **attributes)


def value(name: str, shape: Shape | None, element: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, shape)


def weight(name: str, shape: Sequence[int], element: int = FLOAT) -> onnx.TensorProto:
    """An initializer without data, as a model stripped of its weights has it."""
    return onnx.TensorProto(name=name, dims=shape, data_type=element)


def constant(name: str, array: Any) -> onnx.TensorProto:
    """An initializer with values."""
    import numpy as np

    tensor = numpy_helper.from_array(np.asarray(array), name)
    assert isinstance(tensor, onnx.TensorProto)
    return tensor


def graph(
    nodes: Sequence[Any],
    inputs: Mapping[str, Shape] | Sequence[onnx.ValueInfoProto],
    outputs: Sequence[str],
    weights: Sequence[onnx.TensorProto] = (),
) -> onnx.GraphProto:
    """A graph; inputs are float32 where only their shape is given, outputs have no shape."""
    values = (
        [value(name, shape) for name, shape in inputs.items()]
        if isinstance(inputs, Mapping)
        else list(inputs)
    )
    outs = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
    made = helper.make_graph(list(nodes), "net", values, outs, list(weights))
    assert isinstance(made, onnx.GraphProto)
    return made


def model(
    nodes: Sequence[Any],
    inputs: Mapping[str, Shape] | Sequence[onnx.ValueInfoProto],
    outputs: Sequence[str] = ("y",),
    weights: Sequence[onnx.TensorProto] = (),
    opset: int = 21,
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    opsets += [helper.make_opsetid("local", 1)] if functions else []
    made = helper.make_model(
        graph(nodes, inputs, outputs, weights), opset_imports=opsets, functions=list(functions)
    )
    made.ir_version = 10
    assert isinstance(made, onnx.ModelProto)
    return made


def load(*arguments: Any, **options: Any) -> LayerGraph:
    """Build a model and import it; `dims`, `bits` and `strict` go to the import."""
    own = {key: options.pop(key) for key in ("dims", "bits", "strict") if key in options}
    return import_model(model(*arguments, **options), **own)


def only(layers: Sequence[Layer]) -> ComputeLayer:
    (layer,) = layers
    assert isinstance(layer, ComputeLayer)
    return layer


def kinds(network: LayerGraph) -> list[str]:
    """Operators of the layers, in order."""
    return [layer.op for layer in network]


def moved_bits(network: LayerGraph) -> int:
    return sum(layer.write_bits for layer in network if isinstance(layer, MoveLayer))


def fused(layer: Layer) -> list[str]:
    assert isinstance(layer, ComputeLayer | VectorLayer)
    return [entry.work.op for entry in layer.fused]
