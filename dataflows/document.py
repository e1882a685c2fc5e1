"""YAML text -> plain data that knows the line of every key.

A spec is data, so the parts of YAML that are not are refused: anchors and aliases (with which a
short file expands beyond any memory), tags, merge keys, several documents. Scalars follow YAML
1.2's core schema: `1e9` is a number, `on` is text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from .errors import SpecError

#: Keys and list positions from the root of a document.
Where = tuple[str | int, ...]

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32

# libyaml's scanner where PyYAML was built with it; both give the same events.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_CONSTANTS: Final[dict[str, object]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping.

    Attributes:
        file: as messages name it.
        data: dicts, lists and scalars.
        lines: the line, from 1, of every key and list item.
    """

    file: str
    data: dict[str, Any]
    lines: dict[Where, int]

    def line(self, where: Where) -> int:
        """The line of a place, or of the nearest place around it that is in the file."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def problem(self, where: Where, message: str) -> str:
        """`file:line: path: message`."""
        path = show_path(where)
        return f"{self.file}:{self.line(where)}: {path + ': ' if path else ''}{message}"


def show_path(where: Where) -> str:
    """`memories[0].size`."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_document(path: Path) -> Document:
    """The mapping in a YAML file.

    Raises:
        SpecError: the file cannot be read, or is no YAML mapping.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SpecError([f"{file}: expected a YAML file, it cannot be read: {reason}"]) from None
    if len(content) > MAX_BYTES:
        raise SpecError([f"{file}: expected at most {MAX_BYTES >> 20} MiB of YAML, it is larger"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError(
            [
                f"{file}:{line}: expected text in UTF-8, found the byte "
                f"0x{content[error.start]:02x}; save the file as UTF-8"
            ]
        ) from None
    return parse_document(text, file)


def parse_document(text: str, file: str) -> Document:
    """The mapping in YAML text; `file` is how messages name it.

    Raises:
        SpecError: the text is no YAML mapping.
    """
    builder = _Builder(file)
    try:
        data = builder.build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SpecError([f"{file}:{line}: expected YAML: {error.problem}"]) from None
    except yaml.YAMLError as error:  # a character that YAML forbids
        raise SpecError([f"{file}: expected YAML: {' '.join(str(error).split())}"]) from None
    if builder.problems:
        raise SpecError(builder.problems)
    return Document(file, data, builder.lines)


class _Builder:
    """Builds data from the parser's events, without recursion into aliases: there are none."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Where, int] = {}
        self.problems: list[str] = []

    def build(self, events: Iterator[yaml.Event]) -> dict[str, Any]:
        root: dict[str, Any] | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self.error(event, "expected one YAML document, found a second; remove it")
                first = next(events)
                self.lines[()] = _line(first)
                value = self.value(first, events, ())
                if not isinstance(value, dict):
                    found = "nothing" if value is None else _noun(value)
                    raise self.error(first, f"expected a mapping (`key: value`), found {found}")
                root = value
        if root is None:
            raise SpecError(
                [f"{self.file}:1: expected a mapping (`key: value`), the file is empty"]
            )
        return root

    def value(self, event: yaml.Event, events: Iterator[yaml.Event], where: Where) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise self.error(event, f"aliases are not allowed, found `*{event.anchor}`; write the "
                             "value out")  # fmt: skip
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise self.error(event, f"anchors are not allowed, found `&{event.anchor}`; remove it "
                             "and write the value out where it is used")  # fmt: skip
        if len(where) > MAX_DEPTH:
            raise self.error(event, f"expected at most {MAX_DEPTH} levels of nesting")
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            raise self.error(event, f"tags are not allowed, found `{tag}`; remove it")
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(events, where)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(events, where)
        assert isinstance(event, yaml.ScalarEvent)
        return _scalar(event.value) if event.style is None or event.style == "" else event.value

    def mapping(self, events: Iterator[yaml.Event], where: Where) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self.value(event, events, where)  # reports an alias as such
                raise self.error(event, "expected a name as key, found a list or mapping")
            key = event.value
            place = (*where, key)
            if key in found:
                first = self.lines[place]
                self.problems.append(
                    f"{self.file}:{_line(event)}: {show_path(place)}: expected every "
                    f"key once, found it again (first in line {first}); remove one of them"
                )
            self.lines[place] = _line(event)
            found[key] = self.value(next(events), events, place)
        return found

    def sequence(self, events: Iterator[yaml.Event], where: Where) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            place = (*where, len(found))
            self.lines[place] = _line(event)
            found.append(self.value(event, events, place))
        return found

    def error(self, event: yaml.Event, message: str) -> SpecError:
        line = _line(event)
        return SpecError([*self.problems, f"{self.file}:{line}: {message}"])


def _scalar(text: str) -> object:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text  # also 1e400: what wants a number says that it found none


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _noun(value: object) -> str:
    return "a list" if isinstance(value, list) else f"`{value}`"
