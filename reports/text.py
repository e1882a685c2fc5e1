"""Names from a network, made fit for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


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


def shorten_all(names: Sequence[str], width: int) -> list[str]:
    """Names at most `width` long, cut where most of them stay different from one another."""

    def cut(name: str, head: float) -> str:
        if len(name) <= width or width <= 1:
            return shorten(name, width)
        first = int((width - 1) * head)
        return f"{name[:first]}…{name[len(name) - (width - 1 - first) :]}"

    candidates = [[shorten(name, width) for name in names]]
    candidates += [[cut(name, head) for name in names] for head in (0.0, 0.5, 0.7)]
    return max(candidates, key=lambda each: len(set(each)))  # the first of equals


def compact_names(layers: Sequence[tuple[str, str]]) -> list[str]:
    """Names of layers without what exporters repeat, in the order of the (name, operator) pairs.

    `/layer1/layer1.0/conv1/Conv`, a Conv, is `layer1.0/conv1`. Layers that would share a name
    keep more of it: their operator, or all.
    """
    names = [name for name, _ in layers]
    for briefs in (
        [_without_repeats(name) for name in names],
        [_without_operator(_without_repeats(name), op) for name, op in layers],
    ):
        times, whole = Counter(briefs), set(names)
        names = [
            brief if times[brief] == 1 and (brief == name or brief not in whole) else name
            for brief, name in zip(briefs, names, strict=True)
        ]
    return names


def _without_repeats(name: str) -> str:
    """A part goes where the next one begins with it: `layer1` of `layer1/layer1.0`."""
    parts = [part for part in name.split("/") if part]
    kept = [
        part
        for part, inner in zip(parts, [*parts[1:], ""], strict=False)
        if not inner.startswith(f"{part}.")
    ]
    return "/".join(kept) or name


def _without_operator(name: str, op: str) -> str:
    return name.removesuffix(f"/{op}") or name
