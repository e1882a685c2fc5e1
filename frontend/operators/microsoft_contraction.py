"""Products of the ``com.microsoft`` domain: fused, channels-last, and with packed weights.

What is a standard operator with something fused to it is lowered by that operator's own rule; the
rest of it becomes work on the outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..graph import ComputeLayer, FusedWork, Layer, Tensor
from ..lowering import MICROSOFT, CannotLower, NodeView, lowers, rule_for
from ..nest import OperandBits
from .contraction import contraction_layer
from .conv import added_bias
from .costs import ACTIVATION, DEQUANTIZE, GELU_TANH, QUANTIZE, SIMPLE, Cost
from .parts import bits_of, names_of
from .quantize_linear import quantized_as_it_runs

#: Version of the standard operators that the fused ones were made of.
_OPSET = 13


def lower_as(
    node: NodeView,
    op: str,
    positions: Sequence[int],
    *,
    tensors: Mapping[int, Tensor] | None = None,
    output: Tensor | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> list[Layer]:
    """The layers of a node seen as a standard operator.

    Args:
        positions: where the standard operator's inputs are among the node's.
        tensors: stand-ins for inputs, by the node's position.
        output: stand-in for the output.
        attributes: of the standard operator; default the node's.
    """
    rule = rule_for(op)
    if rule is None:
        raise CannotLower(f"it needs the rule for {op}, which there is none of")
    stand_ins = tensors or {}
    view = NodeView(
        name=node.name,
        op=op,
        domain="",
        opset=_OPSET,
        inputs=tuple(stand_ins.get(position, node.optional(position)) for position in positions),
        outputs=(output or node.output,),
        attributes=node.attributes if attributes is None else attributes,
        constants={
            new: node.constants[old] for new, old in enumerate(positions) if old in node.constants
        },
        static=frozenset(new for new, old in enumerate(positions) if old in node.static),
        notes=node.notes,
    )
    return [replace(layer, op=node.op) for layer in rule(view)]


def with_work(layers: list[Layer], *fused: FusedWork | None) -> list[Layer]:
    """The same layers, with further work on the outputs of the last product."""
    work = tuple(entry for entry in fused if entry is not None)
    last = max(i for i, layer in enumerate(layers) if isinstance(layer, ComputeLayer))
    product = layers[last]
    assert isinstance(product, ComputeLayer)
    layers = list(layers)
    layers[last] = replace(product, fused=(*product.fused, *work))
    return layers


def reading(layers: list[Layer], *tensors: Tensor | None) -> list[Layer]:
    """The same layers, the last product also depending on these tensors."""
    last = max(i for i, layer in enumerate(layers) if isinstance(layer, ComputeLayer))
    product = layers[last]
    names = tuple(dict.fromkeys((*product.inputs, *names_of(tensors))))
    layers = list(layers)
    layers[last] = replace(product, inputs=names)
    return layers


def fused_work(node: NodeView, op: str, cost: Cost, *reads: Tensor | None) -> FusedWork:
    """Work of so much per output, reading further tensors."""
    return FusedWork((cost * node.output.elements).as_work(op), bits_of(reads), node.name)


def activation(node: NodeView) -> FusedWork | None:
    """The activation that the attribute names."""
    name = str(node.attributes.get("activation", ""))
    if not name:
        return None
    cost = ACTIVATION.get(name.lower())
    if cost is None:
        raise CannotLower(f"activation {name!r} is not known")
    return fused_work(node, name, cost)


def scaling(node: NodeView) -> FusedWork | None:
    """The factor alpha of the product."""
    if float(node.attributes.get("alpha", 1.0)) == 1.0:
        return None
    return fused_work(node, "Mul", SIMPLE)


def _channels_first(tensor: Tensor) -> Tensor:
    shape = tensor.shape
    return replace(tensor, shape=(shape[0], shape[-1], *shape[1:-1]))


@lowers("FusedConv", "NhwcConv", "NhwcFusedConv", domain=MICROSOFT)
def fused_convolution(node: NodeView) -> Sequence[Layer]:
    """Inputs X, W, bias, and a residual that is added before the activation."""
    x, residual, output = node.input(0), node.optional(3), node.output
    if node.op.startswith("Nhwc"):
        x, output = _channels_first(x), _channels_first(output)
    layers = lower_as(node, "Conv", (0, 1, 2), tensors={0: x}, output=output)
    added = None if residual is None else fused_work(node, "Add", SIMPLE, residual)
    return with_work(reading(layers, residual), added, activation(node))


@lowers("FusedGemm", "GemmFastGelu", domain=MICROSOFT)
def fused_gemm(node: NodeView) -> Sequence[Layer]:
    """Gemm with an activation behind it, or MatMul with an optional bias and GELU by tanh."""
    if node.op == "FusedGemm":
        return with_work(lower_as(node, "Gemm", (0, 1, 2)), activation(node))
    bias = node.optional(2)
    layers = reading(lower_as(node, "MatMul", (0, 1), attributes={}), bias)
    return with_work(layers, *added_bias(node, bias, 2), fused_work(node, "FastGelu", GELU_TANH))


def _transposed(tensor: Tensor, transpose: bool, batch: bool) -> Tensor:
    """The operand in the order of MatMul: first its leading axis moved behind the batch axes."""
    shape = tensor.shape
    if batch and len(shape) > 2:
        shape = (*shape[1:-1], shape[0], shape[-1])
    if transpose and len(shape) > 1:
        shape = (*shape[:-2], shape[-1], shape[-2])
    return replace(tensor, shape=shape)


@lowers("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation", domain=MICROSOFT)
def fused_matmul(node: NodeView) -> Sequence[Layer]:
    """MatMul of operands that may be transposed, times alpha, with an activation."""
    operands = {
        position: _transposed(
            node.input(position),
            bool(int(node.attributes.get(f"trans{letter}", 0))),
            bool(int(node.attributes.get(f"transBatch{letter}", 0))),
        )
        for position, letter in enumerate("AB")
    }
    layers = lower_as(node, "MatMul", (0, 1), tensors=operands, attributes={})
    return with_work(layers, scaling(node), activation(node))


@lowers("MatMulNBits", "MatMulBnb4", domain=MICROSOFT)
def matmul_narrow_weights(node: NodeView) -> Sequence[Layer]:
    """Y = A W^T with W of ``N x K`` entries of a few bits, and a scale for each block of them.

    Inputs A, packed W, scales, and of MatMulNBits zero points, indices, bias. Each weight is
    dequantised once: converted (looked up), less the zero point, times the scale.
    """
    a = node.input(0)
    columns, depth = int(node.attributes["N"]), int(node.attributes["K"])
    if a.shape[-1] != depth:
        raise CannotLower(f"A of shape {a.shape} does not fit K = {depth}")
    narrow = 4 if node.op == "MatMulBnb4" else int(node.attributes.get("bits", 4))
    zeros, order, bias = node.optional(3), node.optional(4), node.optional(5)
    each = DEQUANTIZE if zeros is not None else Cost(DEQUANTIZE.simple - 1)
    dequantize = FusedWork(
        (each * columns * depth).as_work("DequantizeLinear"),
        bits_of((node.input(2), zeros, order)),
        node.name,
    )
    layer = contraction_layer(
        node.name,
        node.op,
        groups=1,
        rows=a.elements // depth,
        batch=1,
        k=columns,
        c=depth,
        bits=OperandBits(narrow, a.bits, node.output.bits),
        inputs=names_of(node.inputs),
        output=node.output.name,
        dynamic_weights=False,
        nodes=(node.name,),
    )
    return with_work([layer], dequantize, *added_bias(node, bias, 5))


@lowers("MatMulIntegerToFloat", domain=MICROSOFT)
def integer_matmul_to_float(node: NodeView) -> Sequence[Layer]:
    """Inputs A, B, their scales, their zero points, bias: an integer product, then scaled."""
    layers = lower_as(node, "MatMul", (0, 1), attributes={})
    return _scaled(node, layers, parameters=(2, 3, 4, 5), bias=6)


@lowers("DynamicQuantizeMatMul", domain=MICROSOFT)
def dynamic_quantize_matmul(node: NodeView) -> Sequence[Layer]:
    """Inputs A, B, B's scale, its zero point, bias. A is quantised first, as the network runs."""
    a = node.input(0)
    narrow, quantize = quantized_as_it_runs(node, a)
    layers = lower_as(node, "MatMul", (0, 1), tensors={0: narrow}, attributes={})
    return [quantize, *_scaled(node, layers, parameters=(2, 3), bias=4)]


def _scaled(
    node: NodeView, layers: list[Layer], *, parameters: tuple[int, ...], bias: int
) -> list[Layer]:
    """An integer product brought back to real numbers: scales, zero points and a bias."""
    others = [node.optional(position) for position in (*parameters, bias)]
    cost = DEQUANTIZE + Cost(int(node.optional(bias) is not None))
    work = fused_work(node, "DequantizeLinear", cost, *others)
    return with_work(reading(layers, *others), work)


@lowers("QGemm", domain=MICROSOFT)
def quantized_gemm(node: NodeView) -> Sequence[Layer]:
    """Inputs A, its scale and zero point, B, its own, bias, and the output's where quantised."""
    attributes = {name: node.attributes.get(name, 0) for name in ("transA", "transB")}
    layers = lower_as(node, "Gemm", (0, 3), attributes=attributes)
    others = [node.optional(position) for position in (1, 2, 4, 5, 6, 7, 8)]
    cost = DEQUANTIZE + Cost(int(node.optional(6) is not None and 6 not in node.static))
    if node.optional(7) is not None:
        cost += QUANTIZE
    work = fused_work(node, "DequantizeLinear", cost, *others)
    return with_work(reading(layers, *others), work)
