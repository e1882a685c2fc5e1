"""A space around an ONNX network of one's own: channels, widths, resolution and depth."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import onnx
from onnx import ModelProto, TensorProto

from ..frontend.element_types import NOT_DATA
from ..frontend.errors import InputError
from ..frontend.graph import LayerGraph
from ..frontend.onnx_import import elaborated
from ..frontend.passes.convert import SMALL
from ..frontend.passes.read import locate, read_model
from ..frontend.program import Program, TensorType
from ..frontend.zoo.builder import WEIGHTS_FILE
from .channels import Axis, Channels, find_channels
from .depth import Branch, find_branches
from .lowering import graph_of
from .spaces.space import Choice, Parameter, Space

#: Shares of a group's channels to choose from.
KEEP: Final = (0.25, 0.5, 0.75, 1.0)

#: Operators with weights whose widths are chosen.
_PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN"})


class OnnxSpace(Space):
    """Variants of a network. What is not asked for stays as it is.

    Parameters are called after the network's nodes:

    - `keep:NODE`: the share of channels left of those that NODE makes and of all coupled with
      them (`channels`), rounded to a multiple of `granularity`, at least one multiple;
    - `bits:GROUP`: width of the weights and outputs of a group of layers, which are those whose
      names begin alike; a layer reads its inputs at the width at which they were written;
    - `resolution`: rows of the input, columns in proportion;
    - `blocks:NODE`: how many residual branches are left of a run in which nothing changes shape
      (`depth`), the first ones.

    The variants have no weights: `to_onnx` gives shapes, to be trained or filled elsewhere.

    Args:
        model: path, name of a network of the zoo, or a parsed model.
        keep: shares, with 1.0 for the network as it is.
        widths: of bits.
        resolutions: rows of the input.
        depth: whether to choose among residual branches.
        granularity: of channels.
        dims: sizes of symbolic dimensions.

    Raises:
        InputError: the network cannot be imported, or leaves nothing to choose.
    """

    name = "onnx"
    source = "transforms of a given network"

    def __init__(
        self,
        model: str | os.PathLike[str] | ModelProto,
        *,
        keep: Sequence[float] = KEEP,
        widths: Sequence[int] = (),
        resolutions: Sequence[int] = (),
        depth: bool = False,
        granularity: int = 8,
        dims: Mapping[str, int] | None = None,
    ) -> None:
        given = model if isinstance(model, ModelProto) else read_model(locate(model))
        self.model, self.dims = _without_weights(given), dict(dims or {})
        if resolutions:
            _forget_output_sizes(self.model)
        self.name = self.model.graph.name if isinstance(model, ModelProto) else Path(model).stem
        self.granularity = granularity
        program = elaborated(self.model, self.dims)
        weights = frozenset(tensor.name for tensor in self.model.graph.initializer)
        self.channels = find_channels(program, weights) if keep else Channels()
        self.branches = find_branches(program) if depth else {}
        self.groups = _layer_groups(program) if widths else {}
        super().__init__(self._parameters(keep, widths, resolutions))
        if not self.parameters:
            raise InputError(
                f"{self.name}: expected something to choose: no channels can be removed, and "
                "neither widths nor resolutions are given, nor residual branches found"
            )
        for size in resolutions:
            self._check_resolution(size)

    def _parameters(
        self, keep: Sequence[float], widths: Sequence[int], resolutions: Sequence[int]
    ) -> list[Parameter]:
        found = []
        if resolutions:
            found.append(Parameter("resolution", tuple(sorted(resolutions))))
        for name, run in self.branches.items():
            found.append(Parameter(f"blocks:{_plain(name)}", tuple(range(len(run) + 1))))
        for group in self.channels.sizes:
            name = _plain(self.channels.names[group])
            found.append(Parameter(f"keep:{name}", tuple(sorted(map(float, keep)))))
        for label in self.groups:
            found.append(Parameter(f"bits:{label}", tuple(sorted(widths))))
        return found

    def unchanged(self) -> Choice:
        """The choice of largest values, which is the network as it is if they hold it."""
        return {parameter.name: parameter.values[-1] for parameter in self.parameters}

    def to_onnx(self, choice: Choice) -> ModelProto:
        """The variant as an ONNX model without weights. Widths of bits do not show in it."""
        self.validate(choice)
        model = ModelProto()
        model.CopyFrom(self.model)
        if "resolution" in choice:
            _set_resolution(model, int(choice["resolution"]))
        self._drop_branches(model, choice)
        self._resize(model, choice)
        return model

    def sizes(self, choice: Choice) -> dict[int, int]:
        """Channels that are left of every group."""
        step, left = self.granularity, {}
        for group, size in self.channels.sizes.items():
            share = choice[f"keep:{_plain(self.channels.names[group])}"]
            assert isinstance(share, float)
            rounded = max(step, int(size * share / step + 0.5) * step)
            left[group] = size if share == 1 else min(size, rounded)
        return left

    def _graph(self, choice: Choice) -> LayerGraph:
        program = elaborated(self.to_onnx(choice), self.dims)
        if self.groups:
            program = self._at_widths(program, choice)
        return replace(graph_of(program), name=self.name)

    def _drop_branches(self, model: ModelProto, choice: Choice) -> None:
        dropped: dict[str, Branch] = {}
        for name, run in self.branches.items():
            kept = choice[f"blocks:{_plain(name)}"]
            assert isinstance(kept, int)
            dropped |= {branch.node: branch for branch in run[kept:]}
        replaced: dict[str, str] = {}
        for node in model.graph.node:
            node.input[:] = [replaced.get(name, name) for name in node.input]
            if node.name in dropped:
                branch = dropped[node.name]
                replaced[branch.output] = replaced.get(branch.skip, branch.skip)
        if replaced:
            _remove_dead(model)

    def _resize(self, model: ModelProto, choice: Choice) -> None:
        left = self.sizes(choice)
        for tensor in model.graph.initializer:
            axes = self.channels.weights.get(tensor.name)
            if axes is None:
                continue
            shape = list(tensor.dims)
            for place, axis in enumerate(axes):
                shape[place] -= self._removed(axis, left)
            if shape != list(tensor.dims):
                _set_shape(tensor, shape)
        for node in model.graph.node:
            if node.name in self.channels.depthwise:
                (attribute,) = (entry for entry in node.attribute if entry.name == "group")
                attribute.i = left[self.channels.depthwise[node.name]]

    def _removed(self, axis: Axis, left: Mapping[int, int]) -> int:
        """Elements by which an axis is shorter; groups that are not in `left` keep their size."""
        return sum(
            (self.channels.sizes[group] - left[group]) * times
            for group, times in axis
            if group in left
        )

    def _at_widths(self, program: Program, choice: Choice) -> Program:
        """Every tensor of data at the width of the group of layers that writes or owns it."""
        types = dict(program.types)
        label_of = {node: label for label, nodes in self.groups.items() for node in nodes}
        first = next(iter(self.groups))

        def set_width(tensor: str, label: str) -> None:
            width, type_ = choice[f"bits:{label}"], types[tensor]
            assert isinstance(width, int)
            if type_.element not in NOT_DATA:
                types[tensor] = TensorType(type_.shape, type_.element, width)

        for tensor in program.inputs:
            set_width(tensor, first)
        label = first
        for node in program.nodes:
            label = label_of.get(node.name, label)
            for tensor in node.reads():
                if tensor in program.static:
                    set_width(tensor, label)
            for tensor in node.writes():
                set_width(tensor, label)
        return replace(program, types=types)

    def _check_resolution(self, size: int) -> None:
        """Import the network at a resolution, so that one that does not fit is refused at once."""
        try:
            self.build({**self.unchanged(), "resolution": size})
        except InputError as error:
            raise InputError(f"{self.name}: resolution {size}: {error}") from error


def _plain(name: str) -> str:
    """A node's name as part of a parameter's: without what separates keys."""
    return name.strip("/").translate(str.maketrans(",= ", "..."))


def _without_weights(model: ModelProto) -> ModelProto:
    """A copy in which large initializers have shapes alone, and inner tensors no stated ones."""
    bare = ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]  # they would contradict the variants' shapes
    for index, node in enumerate(bare.graph.node):
        if not node.name:
            node.name = f"{node.op_type}_{index}"
    for tensor in bare.graph.initializer:
        elements = 1
        for size in tensor.dims:
            elements *= size
        if elements > SMALL:
            _set_shape(tensor, list(tensor.dims))
    return bare


def _forget_output_sizes(model: ModelProto) -> None:
    """Leave open what depends on the resolution: all but the batch."""
    for value in model.graph.output:
        for dim in value.type.tensor_type.shape.dim[1:]:
            dim.Clear()


def _set_shape(tensor: TensorProto, shape: list[int]) -> None:
    """Make it a weight of this shape, whose data is in a file that does not exist."""
    name, kind = tensor.name, tensor.data_type
    tensor.Clear()
    tensor.name, tensor.data_type = name, kind
    tensor.dims.extend(shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=WEIGHTS_FILE)


def _set_resolution(model: ModelProto, rows: int) -> None:
    weights = {tensor.name for tensor in model.graph.initializer}
    images = [
        value.type.tensor_type.shape
        for value in model.graph.input
        if value.name not in weights and len(value.type.tensor_type.shape.dim) == 4
    ]
    if not images:
        raise InputError("expected an input of four axes whose rows and columns can change")
    for shape in images:
        before, columns = shape.dim[2].dim_value or rows, shape.dim[3].dim_value or rows
        shape.dim[3].dim_value = max(1, round(columns * rows / before))
        shape.dim[2].dim_value = rows


def _remove_dead(model: ModelProto) -> None:
    """Drop nodes and initializers that no output depends on."""
    needed = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            kept.append(node)
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    nodes = list(reversed(kept))
    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    del graph.node[:]
    del graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(weights)
    model.graph.CopyFrom(graph)


def _layer_groups(program: Program) -> dict[str, list[str]]:
    """Nodes with products by the first part of their names that tells any of them apart."""
    products = [node.name for node in program.nodes if node.op in _PRODUCTS]
    parts = [_plain(name).split("/") for name in products]
    if not products:
        return {}
    level = 0
    while level < 3 and len({tuple(p[: level + 1]) for p in parts}) == 1 < len(products):
        level += 1
    groups: dict[str, list[str]] = {}
    for name, part in zip(products, parts, strict=True):
        label = "/".join(part[: level + 1])
        groups.setdefault(label, []).append(name)
    return groups
