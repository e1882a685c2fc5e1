"""The names of one graph on the way from protobuf to a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from onnx import AttributeProto, ValueInfoProto

from ..errors import InputError


def default_domain(domain: str) -> str:
    """A domain's name, with the default one's written as ""."""
    return "" if domain == "ai.onnx" else domain


def check_text(*names: object) -> None:
    """Refuse names that are not text: protobuf hands on what is not UTF-8 as bytes."""
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"the name {name!r} is not UTF-8 text; the file is damaged")


@dataclass(slots=True)
class Scope:
    """The names of one graph, or of one iteration of a body.

    Attributes:
        names: of its tensors, to those in the program.
        outer: of the graph around it; None for the main graph and for functions.
        prefix: of the names in the program.
        opsets: version of each domain.
        arguments: what a function's attribute references stand for.
        declared: types that the file states for its tensors.
        depth: bodies and functions around it.
    """

    names: dict[str, str]
    prefix: str
    opsets: Mapping[str, int]
    outer: Scope | None = None
    arguments: Mapping[str, AttributeProto] = field(default_factory=dict)
    declared: dict[str, ValueInfoProto] = field(default_factory=dict)
    depth: int = 0

    def resolve(self, name: str) -> str | None:
        """A tensor's name in the program, None for one that is not defined."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def opset(self, domain: str) -> int:
        """Version of a domain here, 1 where the file does not import it."""
        return self.opsets.get(domain, 1)
