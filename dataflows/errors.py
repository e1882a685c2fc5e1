"""Errors of specs and templates, collected so that a user sees all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from ..frontend.errors import InputError


class SpecError(InputError):
    """A spec or template that cannot be used.

    Attributes:
        problems: one line each, `file:line: path: expected …, found …; what to do`.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class DerivationError(Exception):
    """A component whose numbers cannot be derived; becomes a line of a `SpecError`.

    Attributes:
        where: the component's path in its architecture.
    """

    def __init__(self, where: tuple[str | int, ...], message: str) -> None:
        self.where = where
        super().__init__(message)


def suggest(name: object, known: Iterable[str]) -> str:
    """What to write instead of an unknown name: the nearest known ones first, else all."""
    names = sorted(known)
    near = get_close_matches(str(name), names, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(f"`{one}`" for one in near) + "?"
    return "known: " + ", ".join(f"`{one}`" for one in names) if names else "there are none"
