"""The layer graph: what every other part knows of a network. It knows nothing of ONNX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from .nest import LoopNest, OperandBits

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor between layers, or at the border of the network.

    Attributes:
        name: unique in the graph.
        shape: sizes, all known.
        bits: width of one element.
    """

    name: str
    shape: tuple[int, ...]
    bits: int

    @property
    def elements(self) -> int:
        """How many it has: the product of `shape`, 1 for a scalar."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def total_bits(self) -> int:
        """Bits of all its elements."""
        return self.elements * self.bits


@dataclass(frozen=True, slots=True)
class VectorWork:
    """Work for the vector unit.

    Attributes:
        op: the operator's name, as ONNX spells it.
        simple_ops: additions, multiplications, comparisons, conversions.
        special_ops: divisions, roots, exponentials and what is built on them.
    """

    op: str
    simple_ops: int
    special_ops: int = 0


@dataclass(frozen=True, slots=True)
class FusedWork:
    """Vector work executed on a layer's outputs as they leave it.

    Attributes:
        work: the operations.
        read_bits: bits of further operands that must be fetched for it (the other side of a
            residual addition, say).
        node: name of the ONNX node it came from.
    """

    work: VectorWork
    read_bits: int = 0
    node: str = ""


@dataclass(frozen=True, slots=True)
class ComputeLayer:
    """A multiply-accumulate loop nest.

    Attributes:
        name: unique in the graph.
        op: the ONNX operator it came from.
        nest, bits: the loops and the operands' widths.
        inputs: names of the tensors it reads (activations, and weights where they have a name).
        output: name of the tensor it writes.
        dynamic_weights: the W operand is an activation (attention products).
        fused: vector work on its outputs.
        nodes: names of the ONNX nodes it covers.
    """

    name: str
    op: str
    nest: LoopNest
    bits: OperandBits
    inputs: tuple[str, ...]
    output: str
    dynamic_weights: bool = False
    fused: tuple[FusedWork, ...] = ()
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VectorLayer:
    """What is not a multiply-accumulate nest: it runs on the vector unit.

    Others as of `ComputeLayer`.

    Attributes:
        read_bits, write_bits: bits fetched and written, parameters included.
    """

    name: str
    op: str
    work: VectorWork
    read_bits: int
    write_bits: int
    inputs: tuple[str, ...]
    output: str
    fused: tuple[FusedWork, ...] = ()
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MoveLayer:
    """Data that must really move (a transpose, say): bits read and written, no operation."""

    name: str
    op: str
    read_bits: int
    write_bits: int
    inputs: tuple[str, ...]
    output: str
    nodes: tuple[str, ...] = ()


Layer = ComputeLayer | VectorLayer | MoveLayer


@dataclass(frozen=True, slots=True)
class NotModelled:
    """Operators of one kind that the model does not cover.

    Attributes:
        op: operator, with its domain where that is not the default one.
        count: nodes.
        reason: why, in words for the user.
        elements: output elements of those nodes, as far as shapes are known.
        nodes: names of the first few.
    """

    op: str
    count: int
    reason: str
    elements: int = 0
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerGraph:
    """A network as layers in a topological order.

    Attributes:
        name: of the network.
        layers: every layer; a layer comes after those whose outputs it reads.
        tensors: by name, every tensor that a layer reads or writes.
        inputs, outputs: names of the tensors at the border of the network.
        not_modelled: operators that cost nothing here because they are not covered.
        notes: assumptions made on import that change numbers (a symbolic dim bound to 1, say).
        modelled_elements: output elements of all nodes that are covered.
    """

    name: str
    layers: tuple[Layer, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    not_modelled: tuple[NotModelled, ...] = ()
    notes: tuple[str, ...] = ()
    modelled_elements: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        written: set[str] = set()
        names: set[str] = set()
        for layer in self.layers:
            if layer.name in names:
                raise ValueError(f"layer {layer.name!r}: the name is used twice")
            names.add(layer.name)
            written.add(layer.output)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def compute_layers(self) -> tuple[ComputeLayer, ...]:
        """Layers that are loop nests of multiply-accumulates, in the order of `layers`."""
        return tuple(layer for layer in self.layers if isinstance(layer, ComputeLayer))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole network."""
        return sum(layer.nest.macs for layer in self.compute_layers)

    @property
    def coverage(self) -> float:
        """Share of all output elements that modelled operators produce, 0 to 1."""
        missing = sum(entry.elements for entry in self.not_modelled)
        if missing == 0:
            unknown = sum(entry.count for entry in self.not_modelled)
            return 1.0 if not unknown else len(self.layers) / (len(self.layers) + unknown)
        return self.modelled_elements / (self.modelled_elements + missing)

    @cached_property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """Of every layer the layers whose outputs it reads: the edges of `dag`, as plain data."""
        found: dict[str, tuple[str, ...]] = {}
        producers: dict[str, list[str]] = {}
        for layer in self.layers:
            names = (name for tensor in layer.inputs for name in producers.get(tensor, ()))
            found[layer.name] = tuple(dict.fromkeys(names))
            producers.setdefault(layer.output, []).append(layer.name)
        return found

    @cached_property
    def dag(self) -> nx.DiGraph[str]:
        """Layer names as nodes (attribute ``layer``), an edge for each tensor handed on.

        Edge attribute ``tensors``: names of the tensors that go that way.
        """
        import networkx as nx  # here: importing the types must stay cheap

        graph: nx.DiGraph[str] = nx.DiGraph()
        producers: dict[str, list[str]] = {}
        for layer in self.layers:
            graph.add_node(layer.name, layer=layer)
            for tensor in layer.inputs:
                for producer in producers.get(tensor, ()):
                    if graph.has_edge(producer, layer.name):
                        graph.edges[producer, layer.name]["tensors"].append(tensor)
                    else:
                        graph.add_edge(producer, layer.name, tensors=[tensor])
            producers.setdefault(layer.output, []).append(layer.name)
        return graph
