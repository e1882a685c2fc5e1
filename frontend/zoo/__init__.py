"""Networks that come with chiploom: ONNX files without weights, and the code that builds them."""

from __future__ import annotations

import difflib
from pathlib import Path

from ..errors import InputError
from .catalogue import CATALOGUE, Network

MODELS = Path(__file__).parent / "models"

__all__ = ["describe", "names", "path"]


def names() -> tuple[str, ...]:
    """Names of all networks."""
    return tuple(CATALOGUE)


def path(name: str) -> Path:
    """The ONNX file of a network.

    Raises:
        InputError: no network has this name.
    """
    _entry(name)
    return MODELS / f"{name}.onnx"


def describe(name: str) -> str:
    """What a network is exactly, in one line.

    Raises:
        InputError: no network has this name.
    """
    return _entry(name).description


def _entry(name: str) -> Network:
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name, CATALOGUE, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "give one of these names or an ONNX file."
    raise InputError(
        f"no network of the zoo is named {name!r}: expected one of {', '.join(CATALOGUE)}; {hint}"
    )
