"""The suites by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from ...frontend.errors import InputError
from .report import Report

#: Modules of this package, in the order in which they are run.
SUITES: Final = ("scalesim", "gemmini", "fidelity", "eyeriss")


def names() -> tuple[str, ...]:
    """Suites that there are."""
    return SUITES


def run(name: str, path: Path | None = None) -> Report:
    """Rerun a suite.

    Args:
        path: a file with more cases in the suite's own form, in place of the shipped ones.

    Raises:
        InputError: there is no such suite, or the file is not in its form.
    """
    if name not in SUITES:
        raise InputError(f"suite {name}: expected one of {', '.join(SUITES)}")
    suite: Callable[[Path | None], Report] = import_module(f"{__package__}.{name}").run
    return suite(path)
