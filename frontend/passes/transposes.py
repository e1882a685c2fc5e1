"""Transposes that nothing has to execute: their readers take the data in the order they want.

A loop nest addresses its operands by its loops, so a product reads a transposed tensor from where
it lies as well as a moved copy: the K^T of attention, the heads split off a projection, the
shuffled channels of a convolution. The same goes for elementwise work with a single number on the
way to such readers (the scaling of queries). Every other transpose stays a `MoveLayer`, as one
does whose output leaves the network.

Requires: layers in a topological order, before fusion. Ensures the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..graph import ComputeLayer, Layer, MoveLayer, Tensor, VectorLayer
from .fuse import ELEMENTWISE

#: Move layers of these operators hold the elements of their one input in another order.
_TRANSPOSES: Final = frozenset({"Transpose", "Einsum"})


def read_transposes_in_place(
    layers: Sequence[Layer], tensors: Mapping[str, Tensor], outputs: Collection[str]
) -> tuple[Layer, ...]:
    """The layers without transposes that only readers in any order read.

    Args:
        tensors: every tensor that a layer reads or writes.
        outputs: tensors that leave the network.
    """
    leaving = set(outputs)
    readers: dict[str, list[str]] = {}
    anyhow: set[str] = set()  # names of layers that read in any order
    sources: dict[str, tuple[str, ...]] = {}  # of what a transpose without effect writes
    for layer in reversed(layers):  # a reader's own readers come first
        behind = readers.get(layer.output, ())
        is_free = layer.output not in leaving and bool(behind) and anyhow.issuperset(behind)
        if isinstance(layer, MoveLayer):
            if is_free and layer.op in _TRANSPOSES:
                sources[layer.output] = layer.inputs
                anyhow.add(layer.name)
        elif isinstance(layer, ComputeLayer) or (is_free and _is_uniform(layer, tensors)):
            anyhow.add(layer.name)
        for tensor in layer.inputs:
            readers.setdefault(tensor, []).append(layer.name)
    if not sources:
        return tuple(layers)
    kept = []
    for layer in layers:
        inputs = tuple(dict.fromkeys(_resolved(layer.inputs, sources)))
        if layer.output in sources:
            sources[layer.output] = inputs
        else:
            kept.append(layer if inputs == layer.inputs else replace(layer, inputs=inputs))
    return tuple(kept)


def _resolved(inputs: Sequence[str], sources: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [source for tensor in inputs for source in sources.get(tensor, (tensor,))]


def _is_uniform(layer: VectorLayer, tensors: Mapping[str, Tensor]) -> bool:
    """Whether it does the same to every element of one tensor."""
    sizes = [tensors[name].elements for name in layer.inputs if name in tensors]
    return layer.op in ELEMENTWISE and sum(size > 1 for size in sizes) <= 1
