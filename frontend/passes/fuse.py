"""Elementwise work into the layer that makes its operand, executed as outputs leave it.

From a layer the region of elementwise layers behind it grows as long as it comes back to one
tensor: a single activation, a residual addition, or a whole GELU or Swish written as several
operators. What is fused has as many elements as the layer's output, reads otherwise only tensors
that exist by then, and leaves no tensor inside that anything else needs. The fused layer writes
the last tensor, so its width is the one written.

Requires: layers in a topological order. Ensures the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..graph import ComputeLayer, FusedWork, Layer, MoveLayer, Tensor, VectorLayer, VectorWork
from ..operators.costs import ELEMENT

#: Vector operators that work on each element by itself: those whose costs are stated per element,
#: and those with a rule of their own.
ELEMENTWISE: Final = (
    frozenset(ELEMENT)
    | {"BatchNormalization", "Clip", "Max", "Mean", "Min", "Sum"}
    | {"BiasAdd", "BiasGelu", "FastGelu", "QuickGelu", "ScaledSiLU"}
    | {"QuantizeLinear", "DequantizeLinear", "QLinearAdd", "QLinearLeakyRelu", "QLinearMul"}
    | {"QLinearSigmoid", "QLinearWhere", "QOrderedGelu"}
)

#: Layers that a region holds at most before it has come back to one tensor.
_REACH: Final = 24


def fuse(
    layers: Sequence[Layer], tensors: Mapping[str, Tensor], outputs: Sequence[str]
) -> tuple[Layer, ...]:
    """The layers with elementwise ones fused into their producers.

    Args:
        tensors: every tensor that a layer reads or writes.
        outputs: tensors that leave the network.
    """
    return _Fusion(layers, tensors, outputs).run()


@dataclass(slots=True)
class _Region:
    """Layers to fuse behind a producer, and the tensor that they end in."""

    members: list[int]
    output: str


class _Fusion:
    def __init__(
        self, layers: Sequence[Layer], tensors: Mapping[str, Tensor], outputs: Sequence[str]
    ) -> None:
        self.layers = layers
        self.tensors = tensors
        self.kept = set(outputs)
        self.readers: dict[str, list[int]] = {}
        self.writers: dict[str, list[int]] = {}
        for index, layer in enumerate(layers):
            for tensor in layer.inputs:
                self.readers.setdefault(tensor, []).append(index)
            self.writers.setdefault(layer.output, []).append(index)
        self.latest: dict[int, list[tuple[int, str]]] = {}
        self.gone: set[int] = set()
        self.result: dict[int, Layer] = {}

    def run(self) -> tuple[Layer, ...]:
        for index, layer in enumerate(self.layers):
            writers = self.writers[layer.output]
            if index in self.gone or isinstance(layer, MoveLayer) or index != writers[-1]:
                continue
            region = self.grow(index, layer.output)
            if region.members:
                self.attach(writers, region)
        return tuple(
            self.result.get(index, layer)
            for index, layer in enumerate(self.layers)
            if index not in self.gone
        )

    def grow(self, index: int, output: str) -> _Region:
        """The longest region behind a layer that comes back to one tensor."""
        region = _Region([], output)
        members: list[int] = []  # those of the region, and what may become part of it
        inside: set[int] = set()
        first = min(self.writers[output])
        made = {output}
        open_tensors = {output}
        while len(members) - len(region.members) < _REACH:
            step = self.next_member(made, open_tensors, inside, first)
            if step is None:
                break
            members.append(step)
            inside.add(step)
            last = self.layers[step].output
            made.add(last)
            open_tensors = {
                tensor
                for tensor in (*open_tensors, last)
                if tensor in self.kept
                or tensor == last
                or not inside.issuperset(self.readers.get(tensor, ()))
            }
            if open_tensors == {last}:
                region.members += members[len(region.members) :]
                region.output = last
        return region

    def next_member(
        self, made: set[str], open_tensors: set[str], inside: set[int], first: int
    ) -> int | None:
        """The first layer that reads an open tensor, if it can be fused."""
        if open_tensors & self.kept:
            return None  # leaves the network: it must be written as it is
        candidates = [
            reader
            for tensor in open_tensors
            for reader in self.readers.get(tensor, ())
            if reader not in inside
        ]
        if not candidates:
            return None
        index = min(candidates)
        return index if self.fits(index, made, first) else None

    def fits(self, index: int, made: set[str], first: int) -> bool:
        layer = self.layers[index]
        if not isinstance(layer, VectorLayer) or layer.op not in ELEMENTWISE:
            return False
        if index in self.gone or len(self.writers[layer.output]) != 1:
            return False
        size = self.tensors[next(iter(made))].elements
        if self.tensors[layer.output].elements != size:
            return False
        for written, tensor in self.latest_inputs(index):
            if written < first:
                break  # it and all that follow are there by then
            if tensor in made:
                if self.tensors[tensor].elements != size:
                    return False
            elif max(self.writers[tensor]) >= first:
                return False  # made only later
        return True

    def latest_inputs(self, index: int) -> list[tuple[int, str]]:
        """A layer's inputs with who writes them, the last ones first; fusing only moves writers
        to the front."""
        if index not in self.latest:
            inputs = self.layers[index].inputs
            found = [(max(self.writers.get(tensor, (-1,))), tensor) for tensor in inputs]
            self.latest[index] = sorted(found, reverse=True)
        return self.latest[index]

    def attach(self, writers: Sequence[int], region: _Region) -> None:
        """Give the region's work to the layers that write its first tensor."""
        start = self.layers[writers[0]].output
        inner = {start} | {self.layers[index].output for index in region.members}
        works: list[FusedWork] = []
        extra: list[str] = []
        nodes: list[str] = []
        for index in region.members:
            layer = self.layers[index]
            assert isinstance(layer, VectorLayer)
            works += [FusedWork(layer.work, self.outside_bits(layer, inner), layer.name)]
            works += layer.fused
            extra += [tensor for tensor in layer.inputs if tensor not in inner]
            nodes += layer.nodes
        shares = [_weight(self.layers[index]) for index in writers]
        for position, index in enumerate(writers):
            layer = self.layers[index]
            before, after = sum(shares[:position]), sum(shares[: position + 1])
            fused = [_part(work, before, after, sum(shares)) for work in works]
            self.result[index] = self.rewritten(layer, region.output, extra, fused, nodes)
        self.gone.update(region.members)
        self.writers[region.output] = list(writers)

    def outside_bits(self, layer: VectorLayer, inner: set[str]) -> int:
        """Bits that a layer reads beyond what stays inside the region."""
        if inner.issuperset(layer.inputs):
            return 0
        return max(
            0,
            layer.read_bits
            - sum(self.tensors[name].total_bits for name in layer.inputs if name in inner),
        )

    def rewritten(
        self,
        layer: Layer,
        output: str,
        extra: Sequence[str],
        fused: Sequence[FusedWork],
        nodes: Sequence[str],
    ) -> Layer:
        """The producer with work on its outputs, writing the region's last tensor."""
        if isinstance(layer, MoveLayer):
            return replace(layer, output=output)
        before, after = self.tensors[layer.output], self.tensors[output]
        inputs = tuple(dict.fromkeys((*layer.inputs, *extra)))
        work = (*layer.fused, *fused)
        covers = (*layer.nodes, *nodes)
        if isinstance(layer, ComputeLayer):
            bits = replace(layer.bits, O=after.bits)
            return replace(layer, bits=bits, inputs=inputs, output=output, fused=work, nodes=covers)
        written = layer.write_bits - before.total_bits + after.total_bits
        return replace(
            layer, write_bits=written, inputs=inputs, output=output, fused=work, nodes=covers
        )


def _weight(layer: Layer) -> int:
    """How much of its output a layer writes, relative to the others that write it."""
    if isinstance(layer, ComputeLayer):
        return layer.nest.elements("O")
    return 1 if isinstance(layer, VectorLayer) else 0


def _part(work: FusedWork, before: int, after: int, total: int) -> FusedWork:
    """The share of one of several writers; all shares add up exactly."""

    def share(amount: int) -> int:
        return amount * after // total - amount * before // total

    return FusedWork(
        VectorWork(work.work.op, share(work.work.simple_ops), share(work.work.special_ops)),
        share(work.read_bits),
        work.node,
    )
