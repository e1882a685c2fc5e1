"""Names from a network, made fit for a terminal."""

from __future__ import annotations


def printable(name: str) -> str:
    """The name without what a terminal would obey: control characters and line ends."""
    if name.isprintable():
        return name
    return "".join(char if char.isprintable() else "�" for char in name)


def shorten(name: str, width: int) -> str:
    """At most `width` characters; the middle goes, since the ends tell layers apart.

    The end gets two thirds: that is where the names of one block differ.
    """
    if len(name) <= width:
        return name
    if width <= 1:
        return "…"[:width]
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"
