"""The error that users of the frontend see, and how a message stays short."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

#: Characters of the longest word (a name of a network, say), line and message that are shown whole.
_WORD: Final = 300
_LINE: Final = 1200
_MESSAGE: Final = 8000
_MOST_LINES: Final = 50
_LONG_WORD: Final = re.compile(rf"\S{{{_WORD + 1},}}")


class InputError(Exception):
    """What the user gave cannot be used.

    The message says where, what was expected, what was found and what to do. What a file makes
    too long to be read is shortened.
    """

    def __init__(self, message: str) -> None:
        super().__init__(brief(message))


def brief(message: str) -> str:
    """A message that can be read: long words and lines cut in their middle, at most 50 lines."""
    if len(message) <= _WORD:
        return message
    lines = _LONG_WORD.sub(lambda found: _cut(found[0], _WORD), message).split("\n")
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"… and {len(lines) - _MOST_LINES + 1} more lines"]
    return _cut("\n".join(_cut(line, _LINE) for line in lines), _MESSAGE)


def listed(names: Collection[str], most: int = 12) -> str:
    """Names separated by commas, the first ones of many."""
    shown = ", ".join(list(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _cut(text: str, most: int) -> str:
    """At most so many characters: the start and, a little less of it, the end."""
    if len(text) <= most:
        return text
    tail = (most - 1) * 2 // 5
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"
