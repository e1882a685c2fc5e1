"""QuantizeLinear and DequantizeLinear around operators (QDQ form) become operand widths.

A DequantizeLinear in front of an operator that a chip executes on the quantised values is
absorbed: the operator reads the stored integers. What is absorbed where:

- in front of multiply-accumulates always: scales commute with the sum. Where no QuantizeLinear
  follows, the scaling of the sums (convert, multiply) is work that the node carries
  (`DEQUANTIZE`), once for every block of a blocked scale;
- operators that only move or select values run on integers where both sides have one scale; the
  QuantizeLinear behind them goes away too;
- other operators, where a QuantizeLinear follows each of their outputs.

What remains is a border of the quantised region and costs vector work; so does every
QuantizeLinear behind an operator (fused into it later). Requires: `ordered`, `typed`. Ensures:
`quantized`: no multiply-accumulate reads what a DequantizeLinear wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ..program import Node, Program, TensorType, fact, program_pass

#: Attribute: operations per node that scale sums back, executed on its outputs.
DEQUANTIZE: Final = "chiploom.dequantize_ops"

_MACS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum", "FusedConv", "FusedMatMul"})

_MOVERS = frozenset(
    {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Gather"}
    | {"GatherElements", "GatherND", "Expand", "Tile", "Concat", "MaxPool", "GlobalMaxPool"}
    | {"Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "Identity", "Pad"}
)

#: Commute with a positive scale: quantisation behind them serves the product in front of them.
_HOMOGENEOUS = frozenset({"Relu", "LeakyRelu", "PRelu", "Clip", "MaxPool"}) | _MOVERS


def _is(node: Node | None, op: str) -> bool:
    return node is not None and node.op == op and node.domain in ("", "com.microsoft")


@fact("quantized")
def _quantized(program: Program) -> str:
    makers = program.producers()
    for node in program.nodes:
        if node.op in _MACS:
            for tensor in node.inputs[:2]:
                if _is(makers.get(tensor), "DequantizeLinear"):
                    return f"{node.name} reads {tensor} dequantized"
    return ""


@program_pass(requires=("ordered", "typed"), ensures=("ordered", "typed", "quantized"))
def absorb_quantization(program: Program) -> Program:
    """The program with widths in the place of quantisation around operators."""
    if not any(_is(node, "DequantizeLinear") for node in program.nodes):
        return program
    return _Absorption(program).run()


class _Absorption:
    """One walk over the nodes, in order, with what it has changed so far."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.makers = program.producers()
        self.readers = program.consumers()
        self.outputs = set(program.outputs)
        self.types: dict[str, TensorType] = dict(program.types)
        self.renamed: dict[str, str] = {}  # tensor to the one that now stands for it
        self.dropped: set[str] = set()  # names of nodes

    def run(self) -> Program:
        kept: list[Node] = []
        for node in self.program.nodes:
            if node.name in self.dropped:
                continue
            inputs = tuple(self.renamed.get(name, name) for name in node.inputs)
            node = node if inputs == node.inputs else replace(node, inputs=inputs)
            kept.append(self.rewrite(node))
        outputs = tuple(self.renamed.get(name, name) for name in self.program.outputs)
        nodes = _without_unread(kept, outputs)
        return replace(self.program, nodes=nodes, types=self.types, outputs=outputs)

    def rewrite(self, node: Node) -> Node:
        if node.refused or _is(node, "DequantizeLinear") or _is(node, "QuantizeLinear"):
            return node
        if node.op in _MACS:
            return self.product(node)
        followers = self.quantizers_behind(node)
        if followers is None or not self.all_dequantized(node):
            return node
        if node.op in _MOVERS and self.one_scale(node, followers):
            self.move(node, followers)
        return self.integer_inputs(node, range(len(node.inputs)))

    def source(self, tensor: str) -> Node | None:
        """The DequantizeLinear that a tensor comes from."""
        maker = self.makers.get(tensor)
        return maker if _is(maker, "DequantizeLinear") else None

    def quantizers_behind(self, node: Node) -> list[Node] | None:
        """The QuantizeLinear behind each output; None if anything else reads one."""
        behind: list[Node] = []
        for tensor in node.writes():
            readers = self.readers.get(tensor, [])
            if tensor in self.outputs or not readers:
                return None
            if not all(_is(reader, "QuantizeLinear") for reader in readers):
                return None
            behind += readers
        return behind

    def all_dequantized(self, node: Node) -> bool:
        data = [tensor for tensor in node.reads() if tensor not in self.program.static]
        return bool(data) and all(self.source(tensor) is not None for tensor in data)

    def integer_inputs(self, node: Node, positions: Sequence[int]) -> Node:
        """The node reading stored integers where it read dequantized values."""
        inputs, covers = list(node.inputs), list(node.covers)
        for position in positions:
            source = self.source(inputs[position]) if position < len(inputs) else None
            if source is not None:
                stored = source.inputs[0]
                inputs[position] = self.renamed.get(stored, stored)
                covers += source.covers
        return replace(node, inputs=tuple(inputs), covers=tuple(dict.fromkeys(covers)))

    def one_scale(self, node: Node, followers: Sequence[Node]) -> bool:
        sources = [source for tensor in node.reads() if (source := self.source(tensor)) is not None]
        scales = [(n.inputs[1], n.inputs[2] if len(n.inputs) > 2 else "") for n in sources]
        scales += [(n.inputs[1], n.inputs[2] if len(n.inputs) > 2 else "") for n in followers]
        return all(
            self._same(scale, scales[0][0]) and self._same(zero, scales[0][1])
            for scale, zero in scales[1:]
        )

    def _same(self, one: str, other: str) -> bool:
        if one == other:
            return True
        first, second = self.program.constants.get(one), self.program.constants.get(other)
        return first is not None and second is not None and bool(np.array_equal(first, second))

    def move(self, node: Node, followers: Sequence[Node]) -> None:
        """Let the outputs of a node that moves integers be the quantised tensors."""
        for quantize in followers:
            moved = quantize.inputs[0]
            self.types[moved] = self.program.types[quantize.outputs[0]]
            self.renamed[quantize.outputs[0]] = moved
            self.makers.pop(quantize.outputs[0], None)
            self.dropped.add(quantize.name)

    def product(self, node: Node) -> Node:
        """A multiply-accumulate on stored integers; a bias is stored as such too."""
        sources = [self.source(tensor) for tensor in node.inputs[:2]]
        if not any(sources):
            return node
        result = self.integer_inputs(node, range(len(node.inputs)))
        elements = self.types[node.outputs[0]].elements or 0
        scalings = _scalings(sources, self.types)
        if scalings == 1 and self.meets_quantizer(node):
            return result  # scaled as it is quantised
        attributes: Mapping[str, object] = {**node.attributes, DEQUANTIZE: 2 * scalings * elements}
        return replace(result, attributes=attributes)

    def meets_quantizer(self, node: Node) -> bool:
        """Whether the only way on from a node leads to a QuantizeLinear, past no other scale."""
        tensor = node.outputs[0]
        for _ in range(8):
            readers = self.readers.get(tensor, [])
            if tensor in self.outputs or len(readers) != 1:
                return False
            if _is(readers[0], "QuantizeLinear"):
                return True
            if readers[0].op not in _HOMOGENEOUS or len(readers[0].outputs) != 1:
                return False
            tensor = readers[0].outputs[0]
        return False


def _without_unread(nodes: Sequence[Node], outputs: Sequence[str]) -> tuple[Node, ...]:
    """Without the DequantizeLinear nodes that nothing reads any more."""
    read = {tensor for node in nodes for tensor in node.reads()} | set(outputs)
    return tuple(
        node for node in nodes if not _is(node, "DequantizeLinear") or node.outputs[0] in read
    )


def _scalings(sources: Sequence[Node | None], types: Mapping[str, TensorType]) -> int:
    """Multiplications per sum: one, or one per block of the summed axis with blocked scales."""
    most = 1
    for source in sources:
        block = int(source.attributes.get("block_size", 0)) if source is not None else 0
        if source is not None and block:
            shape = types[source.inputs[0]].known
            axis = int(source.attributes.get("axis", 1))
            if shape:
                most = max(most, -(-shape[axis] // block))
    return most
