"""Building blocks of lowering rules: vector and move layers from a node and its tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..graph import Layer, MoveLayer, Tensor, VectorLayer
from ..lowering import CannotLower, NodeView
from .costs import Cost


def unique(tensors: Iterable[Tensor | None]) -> tuple[Tensor, ...]:
    """The tensors that are there, each once, in order."""
    return tuple({tensor.name: tensor for tensor in tensors if tensor is not None}.values())


def bits_of(tensors: Iterable[Tensor | None]) -> int:
    """Bits of all the tensors that are there, each counted once."""
    return sum(tensor.total_bits for tensor in unique(tensors))


def names_of(tensors: Iterable[Tensor | None]) -> tuple[str, ...]:
    """Names of tensors, each once, in the order of first appearance; None is passed over."""
    return tuple(tensor.name for tensor in unique(tensors))


def part_name(node: NodeView, part: str) -> str:
    """Name of one of several layers of a node, and of the tensor between two of them."""
    return f"{node.name}/{part}" if part else node.name


def inner_tensor(node: NodeView, part: str, shape: tuple[int, ...], bits: int) -> Tensor:
    """A tensor between two layers of one node."""
    return Tensor(part_name(node, part), shape, bits)


def vector_layer(
    node: NodeView,
    cost: Cost,
    *,
    reads: Sequence[Tensor | None] | None = None,
    output: Tensor | None = None,
    read_bits: int | None = None,
    op: str = "",
    part: str = "",
) -> VectorLayer:
    """A vector layer for a node.

    Args:
        cost: operations of the whole layer.
        reads: tensors that it reads; default all inputs of the node.
        output: tensor that it writes; default the node's first output.
        read_bits: where it differs from the bits of all that it reads (a gather, say).
        op: name of the work; default the node's operator.
        part: part of the layer's name where a node becomes several layers.
    """
    read = node.inputs if reads is None else reads
    written = output or node.output
    return VectorLayer(
        name=part_name(node, part),
        op=node.op,
        work=cost.as_work(op or node.op),
        read_bits=bits_of(read) if read_bits is None else read_bits,
        write_bits=written.total_bits,
        inputs=names_of(read),
        output=written.name,
        nodes=(node.name,),
    )


def move_layer(
    node: NodeView,
    *,
    reads: Sequence[Tensor | None] | None = None,
    output: Tensor | None = None,
    read_bits: int | None = None,
    write_bits: int | None = None,
    part: str = "",
) -> MoveLayer:
    """A move layer for a node; arguments as of `vector_layer`."""
    read = node.inputs if reads is None else reads
    written = output or node.output
    return MoveLayer(
        name=part_name(node, part),
        op=node.op,
        read_bits=bits_of(read) if read_bits is None else read_bits,
        write_bits=written.total_bits if write_bits is None else write_bits,
        inputs=names_of(read),
        output=written.name,
        nodes=(node.name,),
    )


def further_outputs(node: NodeView, first: int = 1, source: Tensor | None = None) -> list[Layer]:
    """Layers that write the outputs from position `first` on.

    A layer writes one tensor. What an operator computes beside it is there when that layer is
    done (hence it depends on its output) and only remains to be written.
    """
    written = source or node.output
    return [
        move_layer(node, reads=(written,), output=tensor, read_bits=0, part=f"output{position}")
        for position, tensor in enumerate(node.outputs)
        if position >= first and tensor is not None
    ]


def positive_axis(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    if not -rank <= axis < max(rank, 1):
        raise CannotLower(f"axis {axis} does not exist in a tensor of rank {rank}")
    return axis + rank if axis < 0 else axis


def integers(attributes: Mapping[str, Any], name: str, default: Sequence[int]) -> tuple[int, ...]:
    """An attribute that is a list of integers."""
    return tuple(int(value) for value in attributes.get(name, default))


def constant_scalar(node: NodeView, position: int) -> float | None:
    """The value of an input of one element that is known at import."""
    value = node.constants.get(position)
    if value is None or value.size != 1:
        return None
    return float(value.reshape(()).item())


def is_fixed(node: NodeView, position: int) -> bool:
    """Whether an input is fixed before the network runs."""
    return position in node.static or position in node.constants
