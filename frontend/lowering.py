"""How one ONNX node becomes layers: the registry, and what a lowering rule gets to see.

A rule is a function `NodeView -> sequence of layers`, registered under the operators it covers:

    @lowers("Conv")
    def conv(node: NodeView) -> Sequence[Layer]: ...

It never sees protobuf. It raises `CannotLower` with a reason for the user where it does not cover
a case; the import then reports the node as not modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from .graph import Layer, Tensor

MICROSOFT = "com.microsoft"


class CannotLower(Exception):
    """A node that no layer describes; the message says why."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """One ONNX node with its shapes, types and known constants.

    Attributes:
        name: unique in the graph, never empty.
        op, domain: operator; the default domain is "".
        opset: version of that domain.
        inputs, outputs: tensors in the operator's order; None where optional and absent.
        attributes: Python values (int, float, str, list of them, numpy array).
        constants: values of inputs that are known at import, by position.
        static: positions of inputs that are fixed before the network runs (weights, and what is
            computed from weights alone), whether their values are known at import or not.
        notes: a rule appends assumptions of its own that change numbers; the user sees them.
    """

    name: str
    op: str
    domain: str
    opset: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[int, npt.NDArray[Any]] = field(default_factory=dict)
    static: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)

    def input(self, position: int) -> Tensor:
        """The tensor at a position that the operator requires."""
        tensor = self.optional(position)
        if tensor is None:
            raise CannotLower(f"input {position} is missing")
        return tensor

    def optional(self, position: int) -> Tensor | None:
        """An input that may be left out; None where it is."""
        return self.inputs[position] if position < len(self.inputs) else None

    @property
    def output(self) -> Tensor:
        """The first output."""
        if not self.outputs or self.outputs[0] is None:
            raise CannotLower("it has no output")
        return self.outputs[0]

    def present_inputs(self) -> tuple[Tensor, ...]:
        """The inputs that are not left out, in the operator's order."""
        return tuple(tensor for tensor in self.inputs if tensor is not None)


Rule = Callable[[NodeView], Sequence[Layer]]

_RULES: dict[tuple[str, str], Rule] = {}


def lowers(*operators: str, domain: str = "") -> Callable[[Rule], Rule]:
    """Register a rule for operators of a domain. A second rule for the same one raises."""

    def register(rule: Rule) -> Rule:
        for operator in operators:
            if (domain, operator) in _RULES:
                raise ValueError(f"two lowering rules for {domain or 'ai.onnx'}::{operator}")
            _RULES[domain, operator] = rule
        return rule

    return register


def rule_for(operator: str, domain: str = "") -> Rule | None:
    """The rule for an operator, None where there is none."""
    return _RULES.get((domain, operator))
