"""Shape rules for operators that ONNX's own shape inference does not know.

A rule is a function from the node to the types of its outputs:

    @shape_rule("Gelu", domain="com.microsoft")
    def gelu(node: ShapeView) -> list[TensorType]:
        return [node.type(0)]

A rule raises `CannotInfer` where it does not cover a case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .program import Array, TensorType

#: What a rule trips over where a node has not what its operator requires: other ranks, missing
#: attributes, or ones of another type. ONNX checks the nodes of its own operators beforehand.
MALFORMED: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class CannotInfer(Exception):
    """The shapes of a node's outputs cannot be told; the message says why."""


@dataclass(frozen=True, slots=True)
class ShapeView:
    """What a shape rule sees of a node.

    Attributes:
        op, opset: operator, and version of its domain.
        inputs: types in the operator's order, None where optional and absent.
        outputs: how many outputs the node lists.
        attributes: Python values.
        constants: values of inputs that are known, by position.
    """

    op: str
    opset: int
    inputs: tuple[TensorType | None, ...]
    outputs: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[int, Array] = field(default_factory=dict)

    def has(self, position: int) -> bool:
        """Whether an input is there: listed, and not left out."""
        return position < len(self.inputs) and self.inputs[position] is not None

    def type(self, position: int) -> TensorType:
        """The type of an input that the operator requires."""
        found = self.inputs[position] if position < len(self.inputs) else None
        if found is None:
            raise CannotInfer(f"input {position} is missing")
        return found

    def shape(self, position: int) -> tuple[int, ...]:
        """The shape of an input, all sizes known."""
        sizes = self.type(position).known
        if sizes is None:
            raise CannotInfer(f"the shape of input {position} is not known")
        return sizes


ShapeRule = Callable[[ShapeView], Sequence[TensorType]]

_RULES: dict[tuple[str, str], ShapeRule] = {}


def shape_rule(*operators: str, domain: str = "") -> Callable[[ShapeRule], ShapeRule]:
    """Register a shape rule for operators of a domain. A second one for the same raises."""

    def register(rule: ShapeRule) -> ShapeRule:
        for operator in operators:
            if (domain, operator) in _RULES:
                raise ValueError(f"two shape rules for {domain or 'ai.onnx'}::{operator}")
            _RULES[domain, operator] = rule
        return rule

    return register


def shape_rule_for(operator: str, domain: str = "") -> ShapeRule | None:
    """The rule for an operator, None where there is none."""
    return _RULES.get((domain, operator))
