"""What a shell completes: names of shipped files, and files of one's own beside them.

A shell asks at every press of a key, so nothing of chiploom is loaded: the shipped files are listed
where they lie. Where nothing shipped begins as typed there is no answer, and the shell completes
paths by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

#: Of `chiploom.simulator.validation`, in alphabetical order: to load that would take too long.
SUITES: Final = ("eyeriss", "fidelity", "gemmini", "scalesim")


def networks(incomplete: str) -> list[str]:
    """Shipped networks, and ONNX files of the current folder."""
    return _matching(incomplete, _names("frontend", "zoo/models", ".onnx"), (".onnx",))


def hardware(incomplete: str) -> list[str]:
    """Shipped specs, templates of FPGAs, and YAML files of the current folder."""
    fpga = [name for name in _names("dataflows", "templates") if name.startswith("fpga-")]
    return _matching(incomplete, [*_names("dataflows", "specs"), *fpga], (".yaml", ".yml"))


def devices(incomplete: str) -> list[str]:
    """Shipped devices, and YAML files of the current folder."""
    return _matching(incomplete, _names("dataflows", "devices"), (".yaml", ".yml"))


def explained(incomplete: str) -> list[str]:
    """Shipped templates and specs, some of which share a name, and YAML files."""
    shipped = {*_names("dataflows", "templates"), *_names("dataflows", "specs")}
    return _matching(incomplete, sorted(shipped), (".yaml", ".yml"))


def suites(incomplete: str) -> list[str]:
    """Suites of `chiploom validate`."""
    return _matching(incomplete, SUITES, ())


def _names(part: str, folder: str, suffix: str = ".yaml") -> list[str]:
    """Names of the shipped files in a folder of a part, which is found and not loaded."""
    package = __name__.partition(".")[0]
    found = find_spec(f"{package}.{part}")
    places = [] if found is None else found.submodule_search_locations or []
    return sorted(path.stem for place in places for path in Path(place, folder).glob(f"*{suffix}"))


def _matching(incomplete: str, shipped: Sequence[str], suffixes: tuple[str, ...]) -> list[str]:
    """Those that begin as typed; files only beside a shipped name, else they are the shell's."""
    names = [name for name in shipped if name.startswith(incomplete)]
    if not names:
        return []
    files = (path.name for path in Path().iterdir() if path.suffix in suffixes)
    return [*names, *sorted(name for name in files if name.startswith(incomplete))]
