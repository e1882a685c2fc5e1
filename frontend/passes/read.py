"""First pass: a file, or the name of a network of the zoo, to a parsed ONNX model.

Ensures: the model has a graph with nodes, and an operator set. External data is never opened.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from onnx import ModelProto

#: Protobuf cannot hold more in one message.
_LARGEST = 2**31 - 1

#: What people pass by mistake, by the first bytes of the file.
_OTHER_FORMATS = {
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with `git lfs pull`",
    b"PK\x03\x04": "a zip archive (a PyTorch checkpoint is one); export the network to ONNX",
    b"\x89HDF": "an HDF5 file; convert the network to ONNX",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"{": "text that looks like JSON; name the .onnx file",
    b"<": "text that looks like XML or HTML; download the file itself",
}


def locate(path: str | os.PathLike[str]) -> Path:
    """The file that a path or a zoo name stands for. A file that exists wins."""
    file = Path(path)
    if os.path.isdir(file):
        raise InputError("expected an ONNX file, found a directory; name the file in it")
    if os.path.exists(file):
        return file
    from .. import zoo

    names = tuple(zoo.names())
    if os.fspath(path) in names:
        return Path(zoo.path(os.fspath(path)))
    raise InputError(f"no such file, and no shipped network; {_suggest(os.fspath(path), names)}")


def _suggest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}shipped are {', '.join(names)}"


def read_model(file: Path) -> ModelProto:
    """Parse a file without opening external data."""
    try:
        if file.stat().st_size > _LARGEST:
            raise InputError("it is larger than 2 GiB; save it with external data")
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    if not data:
        raise InputError("the file is empty (0 bytes); expected an ONNX model")
    return parse_model(data)


def parse_model(data: bytes) -> ModelProto:
    """Parse the bytes of a file."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import ModelProto

    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise InputError(_unreadable(data)) from error
    if not model.HasField("graph"):
        raise InputError(_not_onnx(data) or "the model has no graph; export it again")
    if not model.graph.node:
        raise InputError("the graph is empty: it has no nodes; export the network again")
    if not model.opset_import:
        raise InputError(
            "the model names no operator set (opset_import); it is truncated or was not "
            "written by an ONNX exporter"
        )
    return model


def _not_onnx(data: bytes) -> str:
    for start, what in _OTHER_FORMATS.items():
        if data.startswith(start):
            return f"expected an ONNX model, found {what}"
    return ""


def _unreadable(data: bytes) -> str:
    if known := _not_onnx(data):
        return known
    if missing := _missing_bytes(data):
        return f"the file is truncated: {missing} bytes are missing; copy or export it again"
    return (
        f"expected an ONNX model, found {len(data)} bytes that do not read as one: damaged, or of "
        "another format; export the network to ONNX"
    )


def _missing_bytes(data: bytes) -> int:
    """Bytes that a model's last top-level field lacks; 0 if the data does not read as a model.

    Walks the protobuf wire format: every field of a `ModelProto` is a varint or has a length.
    """
    position = 0
    seen_version = False
    while position < len(data):
        key, position = _varint(data, position)
        field, wire = key >> 3, key & 7
        if not 1 <= field <= 30 or wire not in (0, 2):
            return 0
        value, position = _varint(data, position)
        if field == 1 and wire == 0:
            seen_version = True
        if wire == 2:
            position += value
    return position - len(data) if seen_version and position > len(data) else 0


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return value, position
