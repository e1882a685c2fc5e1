"""Reference of the public Python API: what `__all__` of the package and of its parts export."""

from __future__ import annotations

import inspect
from importlib import import_module

#: Package, its title, and what stands below it.
PACKAGES = {
    "chiploom": "Most programs need no more than this.",
    "chiploom.frontend": "Networks in.",
    "chiploom.dataflows": "Hardware in.",
    "chiploom.simulator": "Mapping and cost.",
    "chiploom.search": "Spaces of networks, and where accuracies come from.",
    "chiploom.search.strategies": "What proposes networks and hardware.",
}


def page() -> str:
    """Markdown with a directive of mkdocstrings for every class and function."""
    parts = [
        "# Python\n\nWhat `chiploom` and its parts export; everything else may change between "
        "versions without notice. All of it is typed.\n"
    ]
    shown: set[str] = set()
    for package, text in PACKAGES.items():
        parts.append(f"## {package}\n\n{text}\n")
        module = import_module(package)
        for name in sorted(module.__all__):
            value = getattr(module, name)
            path = f"{getattr(value, '__module__', package)}.{name}"
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                parts.append(_constant(package, name, value))
            elif path in shown:
                home = path.lower()
                parts.append(f"- [`{name}`](#{path}): see above.\n" if home else "")
            else:
                shown.add(path)
                parts.append(f"::: {path}\n")
    return "\n".join(parts)


def _constant(package: str, name: str, value: object) -> str:
    shown = ", ".join(map(str, value)) if isinstance(value, dict) else str(value)
    return f"- `{package}.{name}`: {shown.replace('typing.', '')}\n"
