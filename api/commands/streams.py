"""Standard streams as a command finds them: closed, or of an encoding that lacks what it prints."""

from __future__ import annotations

import codecs
import os
import sys
from typing import Final

#: What stands in for signs that an encoding lacks, as wide as they are.
PLAIN: Final = {
    "µ": "u", "μ": "u", "×": "x", "·": ".", "²": "2", "³": "3", "→": ">", "…": ".", "≤": "<",
    "≥": ">", "±": "~", "—": "-", "\u2013": "-", "─": "-", "━": "-", "│": "|", "█": "#", "▏": "|",
    "▎": "|", "▍": "|", "▌": "#", "▋": "#", "▊": "#", "▉": "#", "╸": "-", "╺": "-",
}  # fmt: skip


def prepare_streams() -> None:
    """Make the standard streams ones that can be printed to.

    A closed one (`>&-`) gets a place, before a file of ours gets its number: what is printed has no
    reader, as in a broken pipe, and messages go nowhere. Signs that an encoding lacks are replaced.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        reader, writer = os.pipe()
        os.close(reader)
        sys.stdout = open(writer, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    codecs.register_error("chiploom.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="chiploom.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Of what cannot be encoded; a name from a network may hold anything."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign, "?") for sign in lacking), error.end
