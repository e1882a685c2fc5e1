"""Templates: YAML data with parameters, instantiated into an architecture's plain data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from ..frontend.nest import Dim
from .document import Document, Where, read_document
from .errors import SpecError, suggest
from .expressions import ExpressionError, Value, substitute
from .parameters import Parameter, read_value
from .schema import ParameterModel, TemplateModel
from .validation import validate
from .versions import TEMPLATE, of_schema

ARCHITECTURE: Final = (
    "axes",
    "memories",
    "precision",
    "vector",
    "mac",
    "skew",
    "commands",
    "control",
    "modes",
)
# A bandwidth's legal range is written per cycle, so no clock is needed to read it.
_NO_CLOCK: Final = 1.0


@dataclass(frozen=True, slots=True)
class FitRange:
    """What a parameter may be where it is fitted to a device.

    Attributes:
        unrolls: it is the size of the one axis that unrolls this dim alone: of two that take as
            many steps, the smaller does for both.
        values: by rising size; where this is given, more is never slower.
        choices: each of them is tried.
    """

    unrolls: Dim | None = None
    values: tuple[Any, ...] = ()
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A dataflow template.

    Attributes:
        name: as specs call it.
        title: one line.
        description, picture: in words, and as a loop nest or drawing.
        source: the paper.
        parameters: in the order in which defaults are computed.
        document: the file, for the architecture's data and the lines of its errors.
        fit: parameters that are fitted to a device, in the order of the file.
    """

    name: str
    title: str
    description: str
    picture: str
    source: str
    parameters: tuple[Parameter, ...]
    document: Document
    fit: Mapping[str, FitRange] = field(default_factory=dict)

    def parameter(self, name: str) -> Parameter:
        """The parameter of a name that the template declares; StopIteration without one."""
        return next(parameter for parameter in self.parameters if parameter.name == name)


def _folder(kind: str) -> Path:
    return Path(str(files(__package__).joinpath(kind)))


@lru_cache(maxsize=8)
def shipped(kind: str) -> Mapping[str, Path]:
    """The YAML files of this package by name; `kind` is `templates`, `specs` or `devices`."""
    return MappingProxyType({path.stem: path for path in sorted(_folder(kind).glob("*.yaml"))})


def find_file(kind: str, name: str, base: Path | None = None) -> Path:
    """The file of a shipped name, or of a path (anything with a folder or a suffix .yaml or .yml).

    Args:
        base: the folder that a relative path starts from; None is the current one.

    Raises:
        SpecError: there is no such file or name.
    """
    looks_like_path = name.endswith((".yaml", ".yml")) or "/" in name or "\\" in name
    if looks_like_path:
        path = (base or Path()) / name
        if os.path.isdir(path):
            raise SpecError([f"{path}: expected a YAML file, found a directory; name a file in it"])
        if not os.path.exists(path):
            raise SpecError(
                [f"{path}: expected a {kind[:-1]} (a YAML file), there is no such file"]
            )
        return path
    known = shipped(kind)
    if name not in known:
        raise SpecError(
            [
                f"expected a shipped {kind[:-1]} or the path of a YAML file, found {name!r}; "
                f"{suggest(name, known)} (shipped: {', '.join(known)})"
            ]
        )
    return known[name]


def template_names() -> tuple[str, ...]:
    """The shipped templates."""
    return tuple(shipped("templates"))


def load_template(name: str, base: Path | None = None) -> Template:
    """A shipped template by name, or one from a YAML file.

    Raises:
        SpecError: it is not there or cannot be used; the message holds every error.
    """
    path = find_file("templates", name, base)
    return _parsed(path, state_of(path))


def state_of(path: Path) -> tuple[int, ...]:
    """What tells whether a file is still the one that was read."""
    state = path.stat()
    return state.st_dev, state.st_ino, state.st_mtime_ns, state.st_size


# Whoever tries many parameters of a template reads it once.
@lru_cache(maxsize=32)
def _parsed(path: Path, state: tuple[int, ...]) -> Template:
    return parse_template(read_document(path), path.stem)


def is_template(path: str) -> bool:
    """Whether a YAML file is a template rather than a spec.

    Raises:
        SpecError: the file cannot be read.
    """
    keys = read_document(find_file("templates", path)).data.keys()
    return "sub_accelerators" not in keys and bool({"parameters", "axes", "picture"} & keys)


def parse_template(document: Document, name: str) -> Template:
    """The template in a document.

    Raises:
        SpecError: as of `load_template`.
    """
    problems: list[str] = []
    document = of_schema(document, TEMPLATE)
    model = validate(TemplateModel, document.data, document.problem, problems)
    parameters: list[Parameter] = []
    for key, raw in (model.parameters if model else {}).items():
        parameter = _parameter(key, raw, document, problems)
        if parameter is not None:
            parameters.append(parameter)
    for key, stated in (model.fit if model else {}).items():
        if model is not None and key not in model.parameters:
            message = f"there is no parameter `{key}`; {suggest(key, model.parameters)}"
            problems.append(document.problem(("fit", key), message))
        if [stated.unrolls, stated.values, stated.choices].count(None) != 2:
            message = "expected one of `unrolls`, `values` and `choices`"
            problems.append(document.problem(("fit", key), message))
    if problems or model is None:
        raise SpecError(problems)
    return Template(
        name, model.title, model.description.strip(), model.picture.rstrip(), model.source.strip(),
        tuple(parameters), document,
        {
            key: FitRange(one.unrolls, tuple(one.values or ()), tuple(one.choices or ()))
            for key, one in model.fit.items()
        },
    )  # fmt: skip


def _parameter(
    name: str, raw: ParameterModel, document: Document, problems: list[str]
) -> Parameter | None:
    where: Where = ("parameters", name)
    if (raw.kind == "choice") != bool(raw.choices):
        problems.append(document.problem(where, "expected `choices` exactly where kind is choice"))
        return None
    bounds: dict[str, float | None] = {}
    for key in ("min", "max", "step"):
        written = getattr(raw, key)
        try:
            value = None if written is None else read_value(raw.kind, written, _NO_CLOCK)
        except ValueError as error:
            problems.append(document.problem((*where, key), str(error)))
            return None
        if isinstance(value, str):
            problems.append(document.problem((*where, key), "a choice has `choices`, no range"))
            return None
        bounds[key] = value
    return Parameter(
        name, raw.kind, raw.default, raw.doc.strip(), bounds["min"], bounds["max"], bounds["step"],
        tuple(raw.choices or ()),
    )  # fmt: skip


def instantiate(
    template: Template, values: Mapping[str, Value], problems: list[str]
) -> tuple[dict[str, Any], list[int]]:
    """The template's architecture as plain data, its expressions evaluated.

    A memory whose `when` is false or 0 is left out.

    Returns:
        The data, and for each memory in it its position in the template.
    """
    document = template.document

    def walk(value: object, where: Where) -> Any:
        if isinstance(value, dict):
            return {key: walk(item, (*where, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*where, number)) for number, item in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            try:
                return substitute(value, values)
            except ExpressionError as error:
                problems.append(document.problem(where, str(error)))
        return value

    data: dict[str, Any] = {
        key: walk(document.data[key], (key,)) for key in ARCHITECTURE if key in document.data
    }
    kept, positions = [], []
    for position, memory in enumerate(data["memories"]):
        present = memory.pop("when", True) if isinstance(memory, dict) else True
        if present:
            kept.append(memory)
            positions.append(position)
    return {**data, "memories": kept}, positions
