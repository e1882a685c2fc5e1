"""The networks of a study file: their spaces, restricted to what the study asks for."""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..dataflows.document import Where
from ..dataflows.errors import suggest
from ..frontend import zoo
from ..frontend.errors import InputError
from .fixed import FixedSpace, RestrictedSpace, chosen_values
from .spaces import SPACES, Space, Value, load_space
from .study_schema import NetworkModel
from .transforms import OnnxSpace

#: Takes a place below a network, and what is wrong there.
Note = Callable[[Where, str], None]


def space_of(model: NetworkModel, base: Path, note: Note) -> Space | None:
    """The space that a network is chosen from; None, and notes, where something is wrong.

    Args:
        base: the folder that relative paths start from.
    """
    if model.space is not None:
        space = _written(model.space, model.options, note)
    else:
        space = _given(model, base, note)
    if space is None or not model.only:
        return space
    return _restricted(space, model.only, note)


def _written(name: str, options: Mapping[str, Any], note: Note) -> Space | None:
    """A built-in space."""
    if name not in SPACES:
        note(("space",), f"no search space is named {name!r}; {suggest(name, SPACES)}")
        return None
    signature = inspect.signature(SPACES[name])
    hints = typing.get_type_hints(SPACES[name].__init__)
    taken: dict[str, Any] = {}
    for key, value in options.items():
        parameter = signature.parameters.get(key)
        if parameter is None:
            known = signature.parameters
            note(("options", key), f"space {name} has no option `{key}`; {suggest(key, known)}")
            continue
        try:
            taken[key] = _option(value, hints[key], least=0 if parameter.default == 0 else 1)
        except ValueError:
            expected = str(parameter.annotation).removesuffix(" | None")
            note(("options", key), f"expected {_words(expected)}, found {value!r}")
    if len(taken) < len(options):
        return None
    try:
        return load_space(name, **taken)
    except (InputError, ValueError) as error:
        note(("options",) if options else ("space",), str(error))
        return None


def _option(value: Any, hint: Any, least: int) -> Any:
    """An option's value as its class takes it; ValueError where it is not of its type."""
    value = tuple(value) if isinstance(value, list) else value
    try:
        TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError as error:
        raise ValueError(str(error)) from None
    numbers = value if isinstance(value, tuple) else (value,)
    if any(isinstance(number, int) and number < least for number in numbers) or numbers == ():
        raise ValueError(f"expected at least {least}")
    return value


def _words(annotation: str) -> str:
    """What the type of an option asks for."""
    if annotation.startswith("Literal["):
        return "one of " + annotation.removeprefix("Literal[").removesuffix("]").replace("'", "")
    known = {"int": "a whole number from 1", "str": "text"}
    return known.get(annotation, "a list of whole numbers from 1")


def _given(model: NetworkModel, base: Path, note: Note) -> Space | None:
    """The space of a given network: itself, or its variants."""
    assert model.model is not None
    file = base / model.model
    if not os.path.isfile(file):
        if model.model not in zoo.names():
            note(
                ("model",),
                f"expected a network of the zoo or an ONNX file, there is no file {file}; "
                f"{suggest(model.model, zoo.names())}",
            )
            return None
        file = zoo.path(model.model)
    transforms = model.transforms
    try:
        if transforms is None:
            return FixedSpace(file, dims=model.dims, bits=model.bits)
        return OnnxSpace(file, dims=model.dims, **transforms.model_dump())
    except (InputError, ValueError) as error:
        note(("model",) if transforms is None else ("transforms",), str(error))
        return None


def _restricted(space: Space, only: Mapping[str, Any], note: Note) -> Space | None:
    parameters = {parameter.name: parameter for parameter in space.parameters}
    left: dict[str, tuple[Value, ...]] = {}
    for name, wanted in only.items():
        if name not in parameters:
            note(
                ("only", name),
                f"space {space.name} has no parameter `{name}`; {suggest(name, parameters)}",
            )
            continue
        found = chosen_values(parameters[name], wanted)
        if isinstance(found, str):
            note(("only", name), found)
        else:
            left[name] = found
    return RestrictedSpace(space, left) if len(left) == len(only) else None
