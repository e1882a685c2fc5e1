"""Networks executed layer by layer: loop nests by their tile programs, the rest by definition.

A layer gets the tensors that it reads, and no others; what it computes is what its nodes define,
and no more. So where the outputs are the network's, its layers connect the right tensors, every
nest has the right geometry, what is fused or folded is the right work, and each mapping computes
its layer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from onnx import helper

from ...dataflows.accelerator import Accelerator
from ...frontend.graph import ComputeLayer, Layer, LayerGraph, MoveLayer
from ...frontend.nest import Operand
from ...frontend.onnx_import import elaborated, import_model
from ...frontend.passes.fuse import ELEMENTWISE
from ..addresses import operand_shape
from ..cache import MappingCache
from ..errors import NoMappingError
from ..functional import ExecutionError, execute
from ..layers import compute_cost, problem_of
from ..lowering import lower
from ..mapper import EffortName
from ..problem import Problem
from ..result import Objective
from .errors import NotExecutableError, WiringError
from .products import Products
from .reference import Reference, Scope

if TYPE_CHECKING:
    from onnx import ModelProto

Array = npt.NDArray[Any]


def execute_network(
    model: str | os.PathLike[str] | ModelProto,
    accelerator: Accelerator,
    inputs: Mapping[str, Array],
    *,
    dims: Mapping[str, int] | None = None,
    objective: Objective = "edp",
    effort: EffortName = "fast",
    cache: MappingCache | None = None,
) -> dict[str, Array]:
    """The outputs of a network that an accelerator computes, by name.

    Sums are accumulated in 64 bit and stored in the types of the file: widths of the datapath do
    not round them. A proof for small networks: it works through every multiply-accumulate.

    Args:
        model: an ONNX file with weights, or a parsed one.
        inputs: values of the network's inputs.
        dims: sizes of symbolic dimensions, as of `load_onnx`.
        objective, effort: of the mapper.
        cache: mappings of earlier and later runs.

    Raises:
        InputError: the model cannot be imported.
        ValueError: `inputs` are not those of the network.
        NoMappingError: a layer fits no sub-accelerator.
        ExecutionError: a layer's program does what hardware must not.
        WiringError: layers do not compute the network.
        NotExecutableError: an operator, or a form of it, cannot be executed here.
    """
    if isinstance(model, (str, os.PathLike)):
        import onnx

        model = onnx.load(model)
    graph = import_model(model, dims=dims)
    return execute_layers(
        graph,
        model,
        accelerator,
        inputs,
        dims=dims,
        objective=objective,
        effort=effort,
        cache=cache,
    )


def execute_layers(
    graph: LayerGraph,
    model: ModelProto,
    accelerator: Accelerator,
    inputs: Mapping[str, Array],
    *,
    dims: Mapping[str, int] | None = None,
    objective: Objective = "edp",
    effort: EffortName = "fast",
    cache: MappingCache | None = None,
) -> dict[str, Array]:
    """As `execute_network`, with the layer graph of the model given."""
    if graph.not_modelled:
        missing = ", ".join(entry.op for entry in graph.not_modelled)
        raise NotExecutableError(f"{graph.name}: {missing}: not modelled, so no layer computes it")
    for name in graph.inputs:
        expected = graph.tensors[name].shape
        found = inputs[name].shape if name in inputs else None
        if found != expected:
            raise ValueError(f"input {name!r}: expected shape {expected}, got {found}")
    unknown = [name for name in inputs if name not in graph.inputs]
    if unknown:
        raise ValueError(f"the network has no input {unknown[0]!r}")
    mapper = _Mapper(accelerator, objective, effort, cache or MappingCache())
    reference = Reference(elaborated(model, dims), model)
    return _Execution(graph, reference, mapper, dict(inputs)).run()


class _Mapper:
    """Executes loop nests by the mappings that `simulate` would choose."""

    def __init__(
        self,
        accelerator: Accelerator,
        objective: Objective,
        effort: EffortName,
        cache: MappingCache,
    ) -> None:
        self.accelerator, self.objective, self.effort = accelerator, objective, effort
        self.cache = cache

    def problem(self, layer: ComputeLayer) -> Problem:
        """On the sub-accelerator that is best by the objective."""
        found: list[tuple[float, Problem]] = []
        failures: list[NoMappingError] = []
        subs = self.accelerator.sub_accelerators
        for way in (way for sub in subs for way in sub.ways(layer.nest)):
            problem = problem_of(layer, way, self.accelerator)
            try:
                cost = compute_cost(problem, self.objective, "analytic", self.effort, self.cache)
            except NoMappingError as error:
                failures.append(error)
                continue
            value = cost.with_fused(layer, way, self.accelerator).value(self.objective)
            found.append((value, problem))
        if not found:
            raise failures[0]
        return min(found, key=lambda entry: entry[0])[1]

    def run(self, layer: ComputeLayer, weights: Array, inputs: Array) -> Array:
        """O[b, g, k, oy, ox], exact for integers, in 64 bit for floats."""
        given: tuple[tuple[Operand, Array], ...] = (("W", weights), ("I", inputs))
        for operand, array in given:
            expected = operand_shape(layer.nest, operand)
            if array.shape != expected:
                raise WiringError(
                    f"its nest takes {operand} of shape {expected}, the operator has {array.shape}"
                )
        problem = self.problem(layer)
        mapping = self.cache.map(problem, self.objective, self.effort).mapping
        kind = np.result_type(weights, inputs)
        wide = np.int64 if np.issubdtype(kind, np.integer) else np.float64
        return execute(lower(problem, mapping), weights.astype(wide), inputs.astype(wide))


class _Execution:
    def __init__(
        self, graph: LayerGraph, reference: Reference, mapper: _Mapper, values: dict[str, Array]
    ) -> None:
        self.graph, self.reference, self.mapper = graph, reference, mapper
        self.values = values
        self.current = ""

    def run(self) -> dict[str, Array]:
        for layers in self._by_node():
            try:
                self._execute(layers)
            except (ExecutionError, NoMappingError, NotExecutableError, WiringError) as error:
                where = f"{self.graph.name}: layer {self.current}"
                raise type(error)(f"{where}: {error}") from error
        border = {name: self.values[name] for name in self.graph.outputs if name in self.values}
        scope = Scope(self.reference, border, (), any_order=False)
        try:
            return {name: scope.value(name) for name in self.reference.program.outputs}
        except WiringError as error:
            raise WiringError(f"{self.graph.name}: at its outputs: {error}") from error

    def _by_node(self) -> list[list[Layer]]:
        """Layers that one node became, together."""
        found: dict[str, list[Layer]] = {}
        for layer in self.graph.layers:
            found.setdefault(layer.nodes[0], []).append(layer)
        return list(found.values())

    def _execute(self, layers: Sequence[Layer]) -> None:
        """The layers of one node, with what is fused into them."""
        self.current = layers[0].name
        scope = self._scope(layers)
        node = self.reference.nodes[layers[0].nodes[0]]
        products = [layer for layer in layers if isinstance(layer, ComputeLayer)]
        if products:
            results = Products(node, products, scope, self._product).outputs()
            scope.done.add(node.name)
            for name, value in zip(node.outputs, results, strict=False):
                if name:
                    element = self.reference.program.type_of(name)
                    scope.known[name] = _as_stored(value, element.element)
        written = {layer.output for layer in layers if layer.output in self.reference.makers}
        if not written:
            raise WiringError("it writes no tensor of the network")
        found = {name: scope.value(name) for name in written}
        for name, value in found.items():
            tensor = self.graph.tensors.get(name)
            if tensor is None or value.shape != tensor.shape:
                shape = f"shape {tensor.shape}" if tensor else "no entry"
                raise WiringError(
                    f"{name!r} has {shape} in the graph, its operators give shape {value.shape}"
                )
        self._check_work(layers, scope)
        self.values.update(found)

    def _check_work(self, layers: Sequence[Layer], scope: Scope) -> None:
        """Raises WiringError where layers say that they do what nothing they write depends on."""
        claimed = [name for layer in layers for name in layer.nodes]
        for layer in layers:
            if not isinstance(layer, MoveLayer):
                claimed += [work.node for work in layer.fused]
        for name in dict.fromkeys(claimed):
            node = self.reference.nodes.get(name)
            at_compile_time = node is not None and self.reference.is_static(node.outputs[0])
            if name not in scope.done and not at_compile_time:
                raise WiringError(f"nothing that it writes depends on {name!r}")

    def _scope(self, layers: Sequence[Layer]) -> Scope:
        """What the layers read that is there, and the nodes that they cover."""
        names = {name for layer in layers for name in layer.inputs}
        return Scope(
            self.reference,
            {name: self.values[name] for name in names if name in self.values},
            {name for layer in layers for name in layer.nodes},
            any_order=any(
                isinstance(layer, ComputeLayer)
                or (not isinstance(layer, MoveLayer) and layer.op in ELEMENTWISE)
                for layer in layers
            ),
        )

    def _product(self, layer: ComputeLayer, weights: Array, inputs: Array) -> Array:
        self.current = layer.name
        return self.mapper.run(layer, weights, inputs)


def _as_stored(value: Array, element: int) -> Array:
    """A value in the type of the file."""
    return value.astype(helper.tensor_dtype_to_np_dtype(element))
