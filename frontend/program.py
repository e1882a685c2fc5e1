"""A network between its file and the layer graph: nodes with shapes, free of protobuf.

The passes of `frontend.passes` rewrite it: each takes a `Program` and returns a new one. What
has been established on the way is in `facts`; a pass states which facts it requires and ensures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import numpy.typing as npt

from .element_types import bits_of

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and element type of a tensor.

    Attributes:
        shape: sizes; None where a size is not known, and None as a whole without a known rank.
        element: ONNX element type (`TensorProto.DataType`), 0 where it is not known.
        bits: of one element.
    """

    shape: tuple[int | None, ...] | None
    element: int
    bits: int

    @classmethod
    def of(cls, shape: tuple[int | None, ...] | None, element: int) -> TensorType:
        """With the width that belongs to the element type."""
        return cls(shape, element, bits_of(element))

    @property
    def known(self) -> tuple[int, ...] | None:
        """The shape if every size of it is known."""
        if self.shape is None:
            return None
        return None if None in self.shape else self.shape  # type: ignore[return-value]

    @property
    def elements(self) -> int | None:
        """How many, None where a size is not known."""
        sizes = self.known
        if sizes is None:
            return None
        count = 1
        for size in sizes:
            count *= size
        return count


@dataclass(frozen=True, slots=True)
class Node:
    """One operator.

    Attributes:
        name: unique in the program, never empty.
        op, domain, opset: operator, its domain ("" is the default one) and that one's version.
        inputs, outputs: tensor names, "" where optional and absent.
        attributes: Python values (int, float, str, list of them, numpy array).
        covers: names of the ONNX nodes that this one stands for.
        refused: why it cannot be costed; empty where nothing speaks against it.
    """

    name: str
    op: str
    domain: str
    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    covers: tuple[str, ...] = ()
    refused: str = ""

    @property
    def kind(self) -> str:
        """Operator with its domain where that is not the default one."""
        return f"{self.domain}::{self.op}" if self.domain else self.op

    def is_op(self, *operators: str) -> bool:
        """Whether it is one of these operators of the default domain."""
        return not self.domain and self.op in operators

    def reads(self) -> Iterator[str]:
        """The inputs that are not left out."""
        return (name for name in self.inputs if name)

    def writes(self) -> Iterator[str]:
        """The outputs that are not left out."""
        return (name for name in self.outputs if name)


@dataclass(frozen=True)
class Program:
    """A network as nodes in a topological order.

    Attributes:
        name: of the network.
        nodes: a node comes after those whose outputs it reads.
        types: of every tensor.
        constants: small tensors whose values are known at import.
        static: tensors fixed before the network runs: weights, and what only they determine.
        inputs, outputs: tensors at the border of the network.
        views: a tensor that is only another way to read others, and those: one for a reshape,
            the parts in order for a concatenation written in place.
        notes: for the user.
        metadata: of the file.
        facts: what passes have established.
    """

    name: str
    nodes: tuple[Node, ...]
    types: Mapping[str, TensorType]
    constants: Mapping[str, Array] = field(default_factory=dict)
    static: frozenset[str] = frozenset()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    views: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    facts: frozenset[str] = frozenset()

    def type_of(self, tensor: str) -> TensorType:
        """A tensor's type; one without rank and element type where none is known."""
        return self.types.get(tensor) or TensorType.of(None, 0)

    def consumers(self) -> dict[str, list[Node]]:
        """By tensor, the nodes that read it, once for each position it is read at."""
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for tensor in node.reads():
                readers.setdefault(tensor, []).append(node)
        return readers

    def producers(self) -> dict[str, Node]:
        """By tensor, the node that writes it."""
        return {tensor: node for node in self.nodes for tensor in node.writes()}

    def with_notes(self, *notes: str) -> Program:
        """The program with further notes behind its own."""
        return replace(self, notes=(*self.notes, *notes)) if notes else self


P = ParamSpec("P")
Pass = Callable[Concatenate[Program, P], Program]
Check = Callable[[Program], str]

_CHECKS: dict[str, Check] = {}


class PassOrderError(RuntimeError):
    """A pass ran before another that it builds on, or did not do what it states. A defect."""


def fact(name: str) -> Callable[[Check], Check]:
    """Register how a fact is checked: a function that returns what contradicts it, or ""."""

    def register(check: Check) -> Check:
        if name in _CHECKS:
            raise ValueError(f"fact {name!r} is defined twice")
        _CHECKS[name] = check
        return check

    return register


def program_pass(
    *, requires: tuple[str, ...] = (), ensures: tuple[str, ...] = ()
) -> Callable[[Pass[P]], Pass[P]]:
    """Mark a pass with the facts that it requires and ensures; both are checked when it runs."""

    def mark(function: Pass[P]) -> Pass[P]:
        label = getattr(function, "__name__", "pass")

        @wraps(function)
        def run(program: Program, /, *arguments: P.args, **options: P.kwargs) -> Program:
            missing = [name for name in requires if name not in program.facts]
            if missing:
                raise PassOrderError(f"{label} requires {', '.join(missing)}")
            result = function(program, *arguments, **options)
            for name in ensures:
                if contradiction := _CHECKS[name](result):
                    raise PassOrderError(f"{label}: not {name}: {contradiction}")
            return replace(result, facts=program.facts | set(ensures))

        return run

    return mark


@fact("ordered")
def _ordered(program: Program) -> str:
    """Every node comes after the producers of what it reads, and no tensor is written twice."""
    read: dict[str, str] = {}
    written: set[str] = set()
    for node in program.nodes:
        for tensor in node.inputs:
            if tensor and tensor not in written:
                read.setdefault(tensor, node.name)
        for tensor in node.outputs:
            if tensor in written:
                return f"{tensor} is written twice"
            if tensor in read:
                return f"{read[tensor]} reads {tensor} before it is written"
            if tensor:
                written.add(tensor)
    return ""


@fact("typed")
def _typed(program: Program) -> str:
    """Every tensor that a node touches has an entry in `types`."""
    for node in program.nodes:
        for tensor in (*node.reads(), *node.writes()):
            if tensor not in program.types:
                return f"{node.name} touches {tensor}, which has no type"
    return ""
