"""Spaces with fewer choices: a given network as it is, and part of another space."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from onnx import ModelProto

from ..frontend.graph import LayerGraph
from ..frontend.onnx_import import load_onnx
from ..frontend.passes.read import locate, read_model
from .spaces.space import Choice, Parameter, Space, Value


class FixedSpace(Space):
    """One network without choices; its only choice is `{}`, whose key is "".

    Args:
        model: path, or name of a network of the zoo.
        dims: sizes of symbolic dimensions.
        bits: width of all data; None: as the file has it.

    Raises:
        InputError: the network cannot be imported.
    """

    source = "a given network"

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        dims: Mapping[str, int] | None = None,
        bits: int | None = None,
    ) -> None:
        super().__init__((), bits=bits)
        self.graph = load_onnx(model, dims=dims, bits=bits)
        self.file = locate(model)
        self.name = self.file.stem

    def to_onnx(self, choice: Choice) -> ModelProto:
        """The model as its file has it."""
        self.validate(choice)
        return read_model(self.file)

    def _graph(self, choice: Choice) -> LayerGraph:
        return self.graph


class RestrictedSpace(Space):
    """The choices of a space in which some parameters have some of their values.

    A choice has the same key here and there.

    Args:
        whole: the space.
        only: values left, by name of the parameter: each of the parameter's,
            at least one (`chosen_values`).
    """

    def __init__(self, whole: Space, only: Mapping[str, Sequence[Value]]) -> None:
        left = {p.name: tuple(only.get(p.name, p.values)) for p in whole.parameters}
        parameters = []
        for parameter in whole.parameters:
            when = parameter.when
            if when is not None:
                when = (when[0], tuple(value for value in when[1] if value in left[when[0]]))
            parameters.append(replace(parameter, values=left[parameter.name], when=when))
        super().__init__(parameters, bits=whole.bits)
        self.whole, self.name, self.source = whole, whole.name, whole.source

    def to_onnx(self, choice: Choice) -> ModelProto:
        """As `Space.to_onnx`, for choices that are left."""
        self.validate(choice)
        return self.whole.to_onnx(choice)

    def _graph(self, choice: Choice) -> LayerGraph:
        return self.whole.build(choice)


def chosen_values(parameter: Parameter, wanted: Any) -> tuple[Value, ...] | str:
    """The parameter's values out of one or a list of them, in its order; or what is wrong."""
    listed = wanted if isinstance(wanted, list) else [wanted]
    found = [value for value in parameter.values if any(_same(value, one) for one in listed)]
    strange = [one for one in listed if not any(_same(value, one) for value in parameter.values)]
    if strange or not listed:
        return (
            f"expected some of {', '.join(map(str, parameter.values))}, found "
            f"{', '.join(map(repr, strange)) or 'none'}"
        )
    return tuple(found)


def _same(value: Value, wanted: object) -> bool:
    """Whether a file's value means this one: 1 is 1.0 too, but neither `true` nor the text "1"."""
    if isinstance(wanted, bool) or isinstance(value, str) != isinstance(wanted, str):
        return False
    return value == wanted
