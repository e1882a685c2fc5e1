"""Writes the zoo's ONNX files anew: `python -m chiploom.frontend.zoo.build [NAME ...]`."""

from __future__ import annotations

import argparse
import importlib

import onnx

from . import names, path
from .catalogue import CATALOGUE


def build(name: str) -> onnx.ModelProto:
    """Build one network of the catalogue."""
    entry = CATALOGUE[name]
    module = importlib.import_module(f".builders.{entry.module}", __package__)
    model = getattr(module, entry.function)()
    assert isinstance(model, onnx.ModelProto)
    return model


def serialize(model: onnx.ModelProto) -> bytes:
    """The same bytes for the same model, in every run."""
    content = model.SerializeToString(deterministic=True)
    assert isinstance(content, bytes)
    return content


def main() -> None:
    """Write the files of the networks named on the command line, or of all."""
    parser = argparse.ArgumentParser(description="Write the zoo's ONNX files anew.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all networks")
    wanted = parser.parse_args().names
    if unknown := set(wanted) - set(names()):
        parser.error(f"no network named {', '.join(sorted(unknown))}: {', '.join(names())}")
    for name in wanted or names():
        content = serialize(build(name))
        path(name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")


if __name__ == "__main__":
    main()
