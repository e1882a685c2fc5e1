"""Checks plain data against a model, and puts every error into words with its line."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .document import Where
from .errors import suggest

Model = TypeVar("Model", bound=BaseModel)
#: Puts a message about a place into the form of `Document.problem`.
Report = Callable[[Where, str], str]


def validate(model: type[Model], data: object, report: Report, problems: list[str]) -> Model | None:
    """The model of `data`; where it does not fit, None, and each error is added to `problems`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            where = tuple(details["loc"])
            line = report(*_explain(model, where, details))
            if line not in problems:
                problems.append(line)
    return None


def wrong_places(model: type[BaseModel], data: object) -> tuple[Where, ...]:
    """Where data does not fit a model."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        return tuple(tuple(details["loc"]) for details in error.errors(include_url=False))
    return ()


def _explain(model: type[BaseModel], where: Where, details: ErrorDetails) -> tuple[Where, str]:
    """Where the error is, and expected, found and what to do."""
    found, context = details["input"], details.get("ctx", {})
    shown = f"found {_show(found)}"
    key = where[-1] if where else ""
    where = _inside_data(model, where)
    match details["type"]:
        case "missing":
            return where[:-1], f"expected the key `{key}`, it is missing; add it"
        case "extra_forbidden":
            return where, f"unknown key `{key}`; {suggest(key, _keys(model, where[:-1]))}"
        case "value_error":
            return where, str(context["error"])
        case "literal_error":
            return where, f"expected {context['expected']}, {shown}"
        case "too_short" | "string_too_short":
            return where, f"expected at least {context.get('min_length', 1)}, {shown}; add one"
        case "too_long" | "string_too_long":
            return where, f"expected at most {context['max_length']}, found more; remove some"
    nouns = {
        "string_type": "text", "bool_type": "`true` or `false`", "list_type": "a list",
        "dict_type": "a mapping", "model_type": "a mapping",
    }  # fmt: skip
    noun = nouns.get(details["type"])
    return where, f"expected {noun}, {shown}" if noun else f"{details['msg'].lower()}, {shown}"


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _inside_data(model: type[BaseModel], where: Where) -> Where:
    """A place without what pydantic adds to it to name the branch of a union."""
    return tuple(
        part
        for part in where
        if isinstance(part, int) or not ("[" in part and ("dict" in part or "list" in part))
    )


def _keys(model: type[BaseModel], where: Where) -> list[str]:
    """The keys that the mapping at a place may have."""
    current: object = model
    for part in where:
        if isinstance(part, str) and isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(part)
            current = _model_in(field.annotation) if field else None
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []


def _model_in(annotation: object) -> object:
    """The model inside `list[M]`, `dict[str, M]` or `M | None`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation
    for argument in typing.get_args(annotation):
        inner = _model_in(argument)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return None
