"""Networks written straight into the frontend's program, and programs to layer graphs.

A search builds thousands of networks, and most nodes of one are nodes of the last. `ProgramBuilder`
takes the calls of the zoo's `GraphBuilder`, but writes no protobuf, and asks ONNX for the type of
an operator's outputs once per operator, attributes and input types. The layer graph is exactly
that of an import of the ONNX model which `GraphBuilder` makes of the same calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from ..frontend.graph import LayerGraph
from ..frontend.onnx_import import import_program
from ..frontend.operators import load_rules
from ..frontend.passes.convert import SMALL
from ..frontend.passes.infer import infer_outputs
from ..frontend.passes.prune import prune
from ..frontend.program import Array, Node, Program, TensorType, program_pass
from ..frontend.zoo.builder import GraphBuilder

#: Types of outputs by operator, attributes and inputs; emptied when it has grown to `_MOST_TYPES`.
_TYPES: dict[Hashable, tuple[TensorType, ...]] = {}
_MOST_TYPES = 100_000


class ProgramBuilder(GraphBuilder):
    """A `GraphBuilder` that makes a `Program` instead of an ONNX model; arguments as there."""

    def __init__(self, name: str, opset: int = 17, ir_version: int = 9) -> None:
        super().__init__(name, opset, ir_version)
        self._types: dict[str, TensorType] = {}
        self._constants: dict[str, Array] = {}
        self._static: set[str] = set()
        self._program_nodes: list[Node] = []
        self._input_names: list[str] = []
        self._renamed: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def input(self, name: str, shape: Sequence[int], dtype: int = TensorProto.FLOAT) -> str:
        """As `GraphBuilder.input`."""
        self._types[name] = TensorType.of(tuple(shape), dtype)
        self._input_names.append(name)
        return name

    def output(
        self, value: str, name: str, shape: Sequence[int], dtype: int = TensorProto.FLOAT
    ) -> None:
        """As `GraphBuilder.output`; ValueError where the shape is not the inferred one."""
        if self._types[value].shape != tuple(shape):
            raise ValueError(f"output {name}: expected {self._types[value].shape}, got {shape}")
        self._renamed[value] = name

    def weight(self, name: str, shape: Sequence[int], dtype: int = TensorProto.FLOAT) -> str:
        """As `GraphBuilder.weight`; ValueError where a second call differs in type or shape."""
        full = ".".join([*self._modules, name])
        made = TensorType.of(tuple(shape), dtype)
        if self._types.setdefault(full, made) != made:
            raise ValueError(f"{full}: {made} differs from {self._types[full]}")
        self._static.add(full)
        return full

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        """As `GraphBuilder.constant`; the value is kept only where the import would keep it."""
        array = np.asarray(value, dtype)
        name = f"{self._named('Constant')}_output_0"
        self._types[name] = TensorType.of(array.shape, helper.np_dtype_to_tensor_dtype(array.dtype))
        self._static.add(name)
        if array.size <= SMALL:
            self._constants[name] = array
        return name

    def node_n(self, op: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """As `GraphBuilder.node_n`; ValueError where all inputs are fixed: an import folds it."""
        present = [name for name in inputs if name]
        if present and self._static.issuperset(present):
            raise ValueError(f"{op}: its inputs are all fixed; compute its result instead")
        name = self._named(op)
        results = [f"{name}_output_{i}" for i in range(outputs)]
        self._types.update(
            zip(results, self._inferred(op, outputs, inputs, attributes), strict=True)
        )
        self._program_nodes.append(
            Node(name, op, "", self._opset, inputs, tuple(results), attributes, (name,))
        )
        return results

    def program(self) -> Program:
        """The finished program, before any pass."""
        names = self._renamed
        nodes = self._program_nodes
        if names:
            nodes = [
                Node(
                    node.name,
                    node.op,
                    node.domain,
                    node.opset,
                    tuple(names.get(tensor, tensor) for tensor in node.inputs),
                    tuple(names.get(tensor, tensor) for tensor in node.outputs),
                    node.attributes,
                    node.covers,
                )
                for node in nodes
            ]
        return Program(
            name=self._name,
            nodes=tuple(nodes),
            types={names.get(tensor, tensor): type_ for tensor, type_ in self._types.items()},
            constants=self._constants,
            static=frozenset(self._static),
            inputs=tuple(self._input_names),
            outputs=tuple(names.values()),
        )

    def _named(self, op: str) -> str:
        base = "".join(f"/{scope}" for scope in self._scopes) + f"/{op}"
        count = self._counts[base]
        self._counts[base] += 1
        return f"{base}_{count}" if count else base

    def _inferred(
        self, op: str, outputs: int, inputs: Sequence[str], attributes: dict[str, Any]
    ) -> tuple[TensorType, ...]:
        types = [self._types[name] if name else None for name in inputs]
        constants = {
            position: self._constants[name]
            for position, name in enumerate(inputs)
            if name in self._constants
        }
        key = (
            op,
            self._opset,
            outputs,
            tuple(types),
            tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in attributes.items()),
            tuple((k, v.dtype.str, v.shape, v.tobytes()) for k, v in constants.items()),
        )
        found = _TYPES.get(key)
        if found is None:
            positions = [f"i{i}" if name else "" for i, name in enumerate(inputs)]
            proto = helper.make_node(op, positions, [f"o{i}" for i in range(outputs)], **attributes)
            made, _ = infer_outputs(proto, self._opset, types, constants, attributes)
            if any(type_.known is None for type_ in made):
                raise ValueError(f"{op}: no static shape for inputs {types}")
            if len(_TYPES) >= _MOST_TYPES:
                _TYPES.clear()
            found = _TYPES[key] = tuple(made)
        return found


@program_pass(ensures=("ordered", "typed"))
def _established(program: Program) -> Program:
    return program


def graph_of(program: Program, bits: int | None = None) -> LayerGraph:
    """The layer graph of a program as its builder or the elaboration of a file leaves it.

    Args:
        program: no pass has run on it but `prune`.
        bits: width of all data, in place of the program's types.
    """
    load_rules()
    return import_program(prune(_established(program)), bits=bits)
