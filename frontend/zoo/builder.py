"""Writes ONNX graphs the way a framework exporter does, without the weights.

Node and tensor names follow PyTorch's exporter: a node is called after the module it stands in
(`/layer1/layer1.0/conv1/Conv`), a parameter after its path in the module tree
(`layer1.0.conv1.weight`). Parameters are external tensors whose file does not exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHTS_FILE = "weights.bin"


class GraphBuilder:
    """One ONNX graph under construction. Values are handed around by their names.

    Args:
        name: of the graph.
        opset: version of the default operator domain.
        ir_version: of the file format.
    """

    def __init__(self, name: str, opset: int = 17, ir_version: int = 9) -> None:
        self._name = name
        self._opset = opset
        self._ir_version = ir_version
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._weights: dict[str, TensorProto] = {}
        self._node_names: Counter[str] = Counter()
        self._scopes: list[str] = []
        self._modules: list[str] = []

    @contextmanager
    def scope(self, *modules: str) -> Iterator[None]:
        """Enter modules of the module tree. A number is a member of the list it stands in."""
        for module in modules:
            parent = self._scopes[-1] if self._scopes else ""
            self._scopes.append(f"{parent}.{module}" if module.isdigit() else module)
            self._modules.append(module)
        yield
        del self._scopes[len(self._scopes) - len(modules) :]
        del self._modules[len(self._modules) - len(modules) :]

    def input(self, name: str, shape: Sequence[int], dtype: int = TensorProto.FLOAT) -> str:
        """A graph input."""
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(
        self, value: str, name: str, shape: Sequence[int], dtype: int = TensorProto.FLOAT
    ) -> None:
        """Make a value a graph output under a name of its own."""
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [name if known == value else known for known in names]
        self._outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def weight(self, name: str, shape: Sequence[int], dtype: int = TensorProto.FLOAT) -> str:
        """A parameter of the current module: shape and type, no data.

        A second call for the same parameter returns the first one, as for shared weights.
        """
        full = ".".join([*self._modules, name])
        known = self._weights.get(full)
        if known is None:
            tensor = TensorProto(name=full, data_type=dtype, dims=shape)
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=WEIGHTS_FILE)
            self._weights[full] = tensor
        elif tuple(known.dims) != tuple(shape):
            raise ValueError(f"{full}: shape {tuple(shape)} differs from {tuple(known.dims)}")
        return full

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        """A small constant with its data, as a Constant node."""
        tensor = numpy_helper.from_array(np.asarray(value, dtype))
        return self.node("Constant", value=tensor)

    def ints(self, *values: int) -> str:
        """A vector of 64-bit integers: a shape, axes, bounds."""
        return self.constant(values, np.int64)

    def scalar(self, value: float) -> str:
        """A 32-bit float."""
        return self.constant(value, np.float32)

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output, which is returned."""
        return self.node_n(op, 1, *inputs, **attributes)[0]

    def node_n(self, op: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """A node with several outputs, which are returned."""
        base = "".join(f"/{scope}" for scope in self._scopes) + f"/{op}"
        name = base if not self._node_names[base] else f"{base}_{self._node_names[base]}"
        self._node_names[base] += 1
        results = [f"{name}_output_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(op, inputs, results, name, **attributes))
        return results

    def model(self) -> onnx.ModelProto:
        """The finished model."""
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, list(self._weights.values())
        )
        return helper.make_model(
            graph,
            producer_name="chiploom",
            ir_version=self._ir_version,
            opset_imports=[helper.make_opsetid("", self._opset)],
        )
