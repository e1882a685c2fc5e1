"""Docstrings say `rows, columns: of the array.`; Griffe takes one name, so these become two.

An extension of Griffe, which reads the package for mkdocstrings.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_ENTRY = re.compile(r"^( +)((?:\w+, )+\w+): (.*(?:\n\1 +\S.*)*)", re.MULTILINE)


class SplitNames(Extension):
    """Gives every name of an entry an entry of its own, with the same text."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called for every module, class, function and attribute that is read."""
        if obj.docstring is not None:
            obj.docstring.value = _ENTRY.sub(_each, obj.docstring.value)


def _each(entry: re.Match[str]) -> str:
    indent, names, text = entry.groups()
    return "\n".join(f"{indent}{name}: {text}" for name in names.split(", "))
