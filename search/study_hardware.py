"""The hardware of a study file: a description with ranges, or a spec as it is.

Ranges make most of a description's errors ones of single options. So options are tried, spread
over each alternative: where none of them can be built, what is wrong with the first is reported.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ..dataflows.document import Document, Where, read_document
from ..dataflows.errors import SpecError
from ..dataflows.spec import parse_spec
from ..dataflows.template import find_file
from ..dataflows.versions import SPEC, of_schema
from .hardware.space import Alternative, HardwareSpace, parse_space

#: Options of an alternative that are tried before it is reported as one without any.
TRIED: Final = 64

_SUBS: Final = "sub_accelerators"


def hardware_of(document: Document, data: Mapping[str, Any], base: Path) -> HardwareSpace:
    """The accelerators that the `hardware` of a study file allows.

    Args:
        document: the study file. data: its `hardware`.
        base: the folder that relative paths start from.

    Raises:
        SpecError: it cannot be used; the message holds every error.
    """
    if "spec" in data:
        return _spec(document, data, base)
    space = parse_space(document, _with_absolute_paths(data, base), ("hardware",))
    problems: list[str] = []
    for number, sub in enumerate(space.subs):
        if any(sub.alternatives is other.alternatives for other in space.subs[:number]):
            continue  # `like` another
        for place, alternative in enumerate(sub.alternatives):
            found = _refused(space, alternative, number, place)
            problems.extend(line for line in found if line not in problems)
    if problems:
        raise SpecError(problems)
    return space


def _spec(document: Document, data: Mapping[str, Any], base: Path) -> HardwareSpace:
    """The one accelerator of a spec."""
    place: Where = ("hardware", "spec")
    problems = [
        document.problem(
            ("hardware", key), "a `spec` stands alone; remove this key, or write all of it here"
        )
        for key in data
        if key != "spec"
    ]
    name, path = data["spec"], None
    if isinstance(name, str):
        try:
            path = find_file("specs", name, base)
        except SpecError as error:
            problems.append(document.problem(place, str(error)))
    else:
        message = f"expected a shipped spec or the path of one, found {name!r}"
        problems.append(document.problem(place, message))
    if problems or path is None:
        raise SpecError(problems)
    spec = of_schema(read_document(path), SPEC)
    parse_spec(spec, path.stem, path.parent)  # what is wrong in it has the spec's own lines
    return parse_space(spec, _with_absolute_paths(spec.data, path.parent))


def _refused(space: HardwareSpace, one: Alternative, number: int, place: int) -> tuple[str, ...]:
    """What is wrong with the first of the options tried; nothing if any can be built."""
    refused: tuple[str, ...] = ()
    tried = min(max(len(one), space.chips), TRIED)
    for turn in range(tried):
        chip = space.chip_spec(space.chips * turn // tried)
        sub = {"name": space.subs[number].name, **one.spec(len(one) * turn // tried)}
        lines = _lines(space, number, place)
        try:
            parse_spec(Document(space.document.file, {**chip, _SUBS: [sub]}, lines), "")
        except SpecError as error:
            refused = refused or error.problems
        else:
            return ()
    return refused


def _lines(space: HardwareSpace, number: int, place: int) -> dict[Where, int]:
    """Lines of a spec that has nothing but one alternative of one sub-accelerator."""
    start, lines = len(space.prefix), dict[Where, int]()
    for where, line in space.document.lines.items():
        inner = where[start:]
        if where[:start] != space.prefix:
            continue
        if inner[:1] != (_SUBS,):
            lines[inner] = line
        elif inner[:4] == (_SUBS, number, "any_of", place):
            lines[_SUBS, 0, *inner[4:]] = line
        elif inner[:2] == (_SUBS, number) and inner[2:3] != ("any_of",):
            lines.setdefault((_SUBS, 0, *inner[2:]), line)
    return lines


def _with_absolute_paths(data: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A description whose paths of templates do not depend on the current folder."""

    def absolute(name: object) -> object:
        path = isinstance(name, str) and (name.endswith((".yaml", ".yml")) or "/" in name)
        return str((base / str(name)).resolve()) if path else name

    found: dict[str, Any] = copy.deepcopy(dict(data))
    for owner in _templated(found.get(_SUBS)):
        stated = owner["template"]
        if isinstance(stated, dict) and isinstance(stated.get("any_of"), list):
            stated["any_of"] = [absolute(name) for name in stated["any_of"]]
        else:
            owner["template"] = absolute(stated)
    return found


def _templated(subs: object) -> Iterator[dict[str, Any]]:
    """The sub-accelerators and alternatives that name a template."""
    for sub in subs if isinstance(subs, list) else ():
        if isinstance(sub, dict):
            if "template" in sub:
                yield sub
            yield from _templated(sub.get("any_of"))
