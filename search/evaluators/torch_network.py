"""A space's network as something PyTorch can train: its ONNX model, node by node."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch.nn import functional as f

from .accuracy import EvaluationError

Tensor = Any
_Values = dict[str, Tensor]

#: Momentum of running means and variances, as PyTorch has it.
_MOMENTUM: Final = 0.1


class TorchNetwork:
    """Parameters of a model, and its operators in training and in use.

    Attributes:
        parameters: trained, by their names in the model.
        buffers: running means and variances of batch normalisation.

    Args:
        model: with one input and one output, of operators in `OPERATORS`. Weights are drawn
            anew: of convolutions and products by He et al. 2015 for their inputs, biases 0.
        seed: of the weights.

    Raises:
        EvaluationError: it has operators that are not covered, which are named.
    """

    def __init__(self, model: ModelProto, seed: int = 0) -> None:
        graph = model.graph
        missing = sorted({node.op_type for node in graph.node} - OPERATORS.keys() - {"Constant"})
        if missing or len(graph.input) != 1 or len(graph.output) != 1:
            what = f"operators {', '.join(missing)}" if missing else "several inputs or outputs"
            raise EvaluationError(f"training of {graph.name}: it has {what}, which are not covered")
        self.input, self.output = graph.input[0].name, graph.output[0].name
        self.nodes: list[tuple[NodeProto, dict[str, Any]]] = []
        self.constants: _Values = {}
        for node in graph.node:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                value = numpy_helper.to_array(attributes["value"])
                self.constants[node.output[0]] = torch.from_numpy(value.copy())
            else:
                self.nodes.append((node, attributes))
        self.parameters, self.buffers = _initial(graph.initializer, self.nodes, seed)

    def __call__(self, x: Tensor, *, training: bool = False) -> Tensor:
        """Outputs for inputs of shape (batch, channels, rows, columns)."""
        values: _Values = {**self.constants, **self.parameters, **self.buffers, self.input: x}
        for node, attributes in self.nodes:
            inputs = [values[name] if name else None for name in node.input]
            values[node.output[0]] = OPERATORS[node.op_type](inputs, attributes, training)
        return values[self.output]

    def state(self) -> dict[str, _Values]:
        """Copies of all that training changes."""
        return {
            kind: {name: tensor.detach().clone() for name, tensor in tensors.items()}
            for kind, tensors in (("parameters", self.parameters), ("buffers", self.buffers))
        }

    def restore(self, state: Mapping[str, _Values]) -> None:
        """Set all that training changes; the tensors stay the same objects."""
        with torch.no_grad():
            for kind, tensors in (("parameters", self.parameters), ("buffers", self.buffers)):
                for name, tensor in tensors.items():
                    tensor.copy_(state[kind][name])


def _initial(
    initializers: Any, nodes: list[tuple[NodeProto, dict[str, Any]]], seed: int
) -> tuple[_Values, _Values]:
    random = torch.Generator().manual_seed(seed)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in initializers}
    kinds = {tensor.name: tensor.data_type for tensor in initializers}
    parameters: _Values = {}
    buffers: _Values = {}
    for node, attributes in nodes:
        for place, name in enumerate(node.input):
            if name not in shapes or name in parameters or name in buffers:
                continue
            if kinds[name] != TensorProto.FLOAT:
                raise EvaluationError(f"training: weight {name}: expected 32-bit floats")
            shape = shapes[name]
            normalises = node.op_type == "BatchNormalization"
            if normalises and place >= 3:
                buffers[name] = torch.full(shape, float(place == 4))
            elif len(shape) == 1:
                value = torch.full(shape, float(normalises and place == 1))
                parameters[name] = value.requires_grad_()
            else:
                deviation = math.sqrt(2 / _fan_in(node.op_type, attributes, shape))
                value = torch.randn(shape, generator=random) * deviation
                parameters[name] = value.requires_grad_()
    return parameters, buffers


def _fan_in(op: str, attributes: Mapping[str, Any], shape: tuple[int, ...]) -> int:
    """Products that are added up for one output element."""
    if op == "ConvTranspose":
        steps = math.prod(int(step) for step in attributes.get("strides", ()))
        return max(1, shape[0] * math.prod(shape[2:]) // steps)
    if op == "Gemm":
        return shape[1 if attributes.get("transB") else 0]
    return math.prod(shape[1:])


def _padded(x: Tensor, pads: list[int], value: float) -> Tensor:
    """Explicit padding; ONNX lists starts of all axes, then ends."""
    top, left, bottom, right = pads
    return f.pad(x, (left, right, top, bottom), value=value) if any(pads) else x


def _conv(x: list[Tensor], a: Mapping[str, Any], training: bool) -> Tensor:
    return f.conv2d(
        _padded(x[0], a.get("pads", [0] * 4), 0.0),
        x[1],
        x[2] if len(x) > 2 else None,
        stride=tuple(a.get("strides", (1, 1))),
        dilation=tuple(a.get("dilations", (1, 1))),
        groups=a.get("group", 1),
    )


def _conv_transpose(x: list[Tensor], a: Mapping[str, Any], training: bool) -> Tensor:
    top, left, bottom, right = a.get("pads", [0] * 4)
    if (top, left) != (bottom, right):
        raise EvaluationError("training: ConvTranspose: expected equal padding on both sides")
    return f.conv_transpose2d(
        x[0],
        x[1],
        x[2] if len(x) > 2 else None,
        stride=tuple(a.get("strides", (1, 1))),
        padding=(top, left),
        groups=a.get("group", 1),
    )


def _batch_norm(x: list[Tensor], a: Mapping[str, Any], training: bool) -> Tensor:
    data, scale, shift, mean, variance = x
    return f.batch_norm(
        data, mean, variance, scale, shift, training, _MOMENTUM, a.get("epsilon", 1e-5)
    )


def _max_pool(x: list[Tensor], a: Mapping[str, Any], training: bool) -> Tensor:
    padded = _padded(x[0], a.get("pads", [0] * 4), -math.inf)
    return f.max_pool2d(padded, tuple(a["kernel_shape"]), tuple(a.get("strides", (1, 1))))


def _average_pool(x: list[Tensor], a: Mapping[str, Any], training: bool) -> Tensor:
    top, left, bottom, right = a.get("pads", [0] * 4)
    if (top, left) != (bottom, right):
        raise EvaluationError("training: AveragePool: expected equal padding on both sides")
    return f.avg_pool2d(
        x[0],
        tuple(a["kernel_shape"]),
        tuple(a.get("strides", (1, 1))),
        (top, left),
        count_include_pad=bool(a.get("count_include_pad", 0)),
    )


def _gemm(x: list[Tensor], a: Mapping[str, Any], training: bool) -> Tensor:
    weight = x[1].t() if a.get("transB") else x[1]
    product = a.get("alpha", 1.0) * (x[0] @ weight)
    return product + a.get("beta", 1.0) * x[2] if len(x) > 2 else product


_Operator = Callable[[list[Tensor], Mapping[str, Any], bool], Tensor]

OPERATORS: Final[dict[str, _Operator]] = {
    "Add": lambda x, a, training: x[0] + x[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": lambda x, a, training: x[0].clamp(*x[1:]),
    "Concat": lambda x, a, training: torch.cat(x, dim=a["axis"]),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Flatten": lambda x, a, training: x[0].flatten(a.get("axis", 1)),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda x, a, training: x[0].mean(dim=(2, 3), keepdim=True),
    "HardSigmoid": lambda x, a, training: (x[0] * a.get("alpha", 0.2) + a.get("beta", 0.5)).clamp(
        0, 1
    ),
    "HardSwish": lambda x, a, training: f.hardswish(x[0]),
    "MaxPool": _max_pool,
    "Mul": lambda x, a, training: x[0] * x[1],
    "Relu": lambda x, a, training: x[0].relu(),
    "Sigmoid": lambda x, a, training: x[0].sigmoid(),
}
