"""Second pass: give every dimension of the network's inputs a size.

Requires: a parsed model. Ensures: every input has a shape with known sizes of at least 1.
A symbolic dimension takes its size from the user, or else 1, which a note says.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from onnx import GraphProto, TensorShapeProto, TypeProto

from ..errors import InputError, listed
from ..program import TensorType
from .convert import from_type_proto

#: Names and whole numbers with + - * / and parentheses.
_FORMULA: Final = re.compile(r"[\w +\-*/()]{1,200}", re.ASCII)


@dataclass(slots=True)
class Binding:
    """The sizes of symbolic dimensions.

    Attributes:
        given: by name, as the user said.
        assumed: by name, 1 for want of anything better.
        derived: by expression (`past + 1`), computed from the others.
    """

    given: Mapping[str, int]
    assumed: dict[str, int] = field(default_factory=dict)
    derived: dict[str, int] = field(default_factory=dict)

    def size_of(self, name: str) -> int | None:
        """The size of a dimension that the inputs have; None for one they do not have."""
        for table in (self.given, self.assumed, self.derived):
            if name in table:
                return table[name]
        return None

    def note(self) -> str:
        """What to tell the user of sizes that were assumed; empty where none was."""
        names = listed([f"{name} = {size}" for name, size in self.assumed.items()])
        return f"symbolic dimensions bound to the default: {names}" if names else ""


def bind_inputs(
    graph: GraphProto, dims: Mapping[str, int] | None
) -> tuple[dict[str, TensorType], Binding]:
    """The types of the network's inputs, with every symbolic dimension bound."""
    given = dict(dims or {})
    for name, size in given.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise InputError(f"dimension {name!r}: expected a size of at least 1, found {size!r}")
    initializers = {tensor.name for tensor in graph.initializer}
    values = [value for value in graph.input if value.name not in initializers]
    symbols: dict[str, None] = {}
    seen: set[str] = set()
    for value in values:
        if value.name in seen:
            raise InputError(f"the name {value.name!r} is used by two inputs; rename one")
        seen.add(value.name)
        if value.type.HasField("tensor_type"):
            _check_input(value.name, value.type.tensor_type)
            for axis, dim in enumerate(value.type.tensor_type.shape.dim):
                if not dim.HasField("dim_value"):
                    symbols[dim.dim_param or f"{value.name}.{axis}"] = None
    unknown = [name for name in given if name not in symbols]
    if unknown:
        have = f"it has {listed(symbols)}" if symbols else "all its dimensions are fixed"
        raise InputError(
            f"the network has no symbolic dimension {listed([*map(repr, unknown)])}; {have}"
        )
    binding = _bind(symbols, given)
    types = {}
    for value in values:
        type_ = from_type_proto(value.type, binding.size_of)
        if type_.shape is not None:
            sizes = tuple(
                binding.size_of(f"{value.name}.{axis}") if size is None else size
                for axis, size in enumerate(type_.shape)
            )
            type_ = TensorType.of(sizes, type_.element)
        types[value.name] = type_
    return types, binding


def _check_input(name: str, type_: TypeProto.Tensor) -> None:
    if not type_.HasField("shape"):
        raise InputError(
            f"input {name!r} has no shape; export the network with input shapes (symbolic "
            "dimensions may be named), or run onnx.shape_inference on it with them"
        )
    for axis, dim in enumerate(type_.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value < 1:
            raise InputError(
                f"input {name!r}: expected sizes of at least 1, found {dim.dim_value} at axis "
                f"{axis} of shape {_shown(type_.shape)}; export it with a size, or with a named "
                "dimension to be bound on import"
            )


def _shown(shape: TensorShapeProto) -> str:
    sizes = (
        str(dim.dim_value) if dim.HasField("dim_value") else dim.dim_param or "?"
        for dim in shape.dim
    )
    return f"[{', '.join(sizes)}]"


def _bind(symbols: Mapping[str, None], given: Mapping[str, int]) -> Binding:
    binding = Binding(given)
    formulas: dict[str, ast.expr] = {}
    for name in symbols:
        formula = _formula(name)
        if name not in given and formula is not None:
            formulas[name] = formula
        elif name not in given:
            binding.assumed[name] = 1
    for name, formula in formulas.items():
        size = _evaluate(formula, binding)
        if size is None or size < 1:
            binding.assumed[name] = 1
        else:
            binding.derived[name] = size
    return binding


def _formula(name: str) -> ast.expr | None:
    """A name that is an expression of other names, as exporters write `past + sequence`."""
    if not _FORMULA.fullmatch(name):
        return None
    try:
        parsed = ast.parse(name, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return parsed if isinstance(parsed, ast.BinOp) else None


def _evaluate(formula: ast.expr, binding: Binding) -> int | None:
    if isinstance(formula, ast.Constant):
        return formula.value if type(formula.value) is int else None
    if isinstance(formula, ast.Name):
        return binding.size_of(formula.id)
    if not isinstance(formula, ast.BinOp):
        return None
    left, right = _evaluate(formula.left, binding), _evaluate(formula.right, binding)
    if left is None or right is None:
        return None
    match formula.op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div() | ast.FloorDiv() if right:
            return left // right
    return None
