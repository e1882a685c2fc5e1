"""Versions of the documents that chiploom reads and writes (docs/versions.md).

A document names its kind and version, `chiploom.result/1` or `chiploom.result/1.2`. The first
number is the major one, which changes where readers must; the second counts what was added since,
and is left out where it is 0. What is read may be of the same major and of any minor up to the
reader's own: of a newer one something would be passed over in silence.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from .document import Document
from .errors import SpecError

#: YAML files. Their key `schema` is optional; without it a file is read as these.
SPEC: Final = "chiploom.spec/1"
TEMPLATE: Final = "chiploom.template/1"
DEVICE: Final = "chiploom.device/1"
SEARCH: Final = "chiploom.search/1"

_NAME: Final = re.compile(r"(chiploom\.[a-z]+)/([1-9][0-9]{0,3})(?:\.(0|[1-9][0-9]{0,3}))?")


def mismatch(own: str, found: object, otherwise: str) -> str:
    """Why a document cannot be read, as one message; "" where it can.

    Args:
        own: the newest schema that can be read.
        found: what the document names.
        otherwise: what to do where that is no version of `own`.
    """
    kind, *version = _parts(own)
    there = _parts(found) if isinstance(found, str) else ("", 0, 0)
    if there[0] != kind:
        return f"expected the schema {own}, found {found!r}; {otherwise}"
    if list(there[1:]) > version:
        return (
            f"expected the schema {own} or an earlier one, found {found}, of a newer chiploom; "
            "upgrade chiploom to read it"
        )
    if there[1] < version[0]:
        return (
            f"expected the schema {own}, found {found}, of an older chiploom; read it with one of "
            "that time, or write it anew"
        )
    return ""


def of_schema(document: Document, own: str) -> Document:
    """A YAML document without its key `schema`.

    Raises:
        SpecError: it names a schema that is not read as `own`.
    """
    if "schema" not in document.data:
        return document
    otherwise = "correct or remove the key, or name another file"
    problem = mismatch(own, document.data["schema"], otherwise)
    if problem:
        raise SpecError([document.problem(("schema",), problem)])
    data = {key: value for key, value in document.data.items() if key != "schema"}
    return replace(document, data=data)


def _parts(schema: str) -> tuple[str, int, int]:
    """Kind, major and minor; all empty where it names no schema of ours."""
    match = _NAME.fullmatch(schema)
    return (match[1], int(match[2]), int(match[3] or 0)) if match else ("", 0, 0)
