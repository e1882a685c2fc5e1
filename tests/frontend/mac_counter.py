"""Counts multiply-accumulates straight from ONNX, independently of chiploom.

Shapes come from onnx's own shape inference. Counted are all matrix products and convolutions of
the default domain, multiplications with padding zeros included (the convention of published
numbers). A transposed convolution multiplies every input element with every filter tap; no zeros
are inserted. Bodies of If, Loop and Scan, and operators of other domains, are not entered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path

import onnx
from onnx import helper

Shape = tuple[int, ...]
Attributes = Mapping[str, object]


def count_macs(model: onnx.ModelProto | Path, dims: Mapping[str, int] | None = None) -> int:
    """Multiply-accumulates of a model; symbolic dims not in `dims` are 1."""
    return sum(macs_by_node(model, dims).values())


def macs_by_node(
    model: onnx.ModelProto | Path, dims: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Multiply-accumulates of every node that has some, by the name of its first output."""
    if isinstance(model, Path):
        model = onnx.load(model, load_external_data=False)
    shapes = infer_shapes(model, dims or {})
    counts: dict[str, int] = {}
    for node in model.graph.node:
        counter = _COUNTERS.get(node.op_type)
        if counter is None or node.domain not in ("", "ai.onnx"):
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        outputs = [name for name in node.output if name]
        inputs = [shapes[name] if name else () for name in node.input]
        counts[outputs[0]] = counter(inputs, shapes[outputs[0]], attributes)
    return counts


def infer_shapes(model: onnx.ModelProto, dims: Mapping[str, int]) -> dict[str, Shape]:
    """The shape of every tensor with a known one, symbolic dims replaced."""
    bound = onnx.ModelProto()
    bound.CopyFrom(model)
    del bound.graph.value_info[:]
    for value in bound.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if not dim.HasField("dim_value"):
                dim.dim_value = dims.get(dim.dim_param, 1)
    for value in bound.graph.output:  # they may contradict what the dims are now bound to
        value.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(
        bound, check_type=True, strict_mode=True, data_prop=True
    ).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in inferred.initializer}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        tensor_type = value.type.tensor_type
        sizes = tensor_type.shape.dim
        if tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in sizes):
            shapes[value.name] = tuple(dim.dim_value for dim in sizes)
    return shapes


def _conv_of(weight: int) -> Callable[[list[Shape], Shape, Attributes], int]:
    def conv(inputs: list[Shape], output: Shape, attributes: Attributes) -> int:
        return prod(output) * prod(inputs[weight][1:])

    return conv


def _conv_transpose(inputs: list[Shape], output: Shape, attributes: Attributes) -> int:
    return prod(inputs[0]) * prod(inputs[1][1:])


def _gemm(inputs: list[Shape], output: Shape, attributes: Attributes) -> int:
    inner = inputs[0][0] if attributes.get("transA") else inputs[0][1]
    return prod(output) * inner


def _matmul(inputs: list[Shape], output: Shape, attributes: Attributes) -> int:
    return prod(output) * inputs[0][-1]


def _einsum(inputs: list[Shape], output: Shape, attributes: Attributes) -> int:
    """A contraction of two operands: the product of all index sizes."""
    equation = attributes["equation"]
    assert isinstance(equation, bytes)
    terms = equation.decode().replace(" ", "").split("->")[0].split(",")
    if len(terms) == 1:  # a transpose, a sum or a diagonal
        return 0
    if len(terms) > 2:
        raise NotImplementedError(f"einsum of {len(terms)} operands has no single count")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, inputs, strict=True):
        left, dots, right = term.partition("...")
        labels = [*left, *right]
        spread = len(shape) - len(labels) if dots else 0
        # broadcast dims are labelled from the right, as numpy aligns them
        middle = [f"...{spread - i}" for i in range(spread)]
        for label, size in zip([*left, *middle, *right], shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    return prod(sizes.values())


def _recurrent(gates: int) -> Callable[[list[Shape], Shape, Attributes], int]:
    def count(inputs: list[Shape], output: Shape, attributes: Attributes) -> int:
        x, w, r = inputs[:3]
        steps = x[0] * x[1]  # steps and batch, in either layout
        directions, hidden, width = w[0], r[2], w[2]
        return steps * directions * gates * hidden * (width + hidden)

    return count


_COUNTERS: dict[str, Callable[[list[Shape], Shape, Attributes], int]] = {
    "Conv": _conv_of(weight=1),
    "ConvInteger": _conv_of(weight=1),
    "QLinearConv": _conv_of(weight=3),
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _matmul,
    "Einsum": _einsum,
    "LSTM": _recurrent(4),
    "GRU": _recurrent(3),
    "RNN": _recurrent(1),
}
