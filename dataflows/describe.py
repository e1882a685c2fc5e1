"""A template in words, for people."""

from __future__ import annotations

from .template import Template, load_template


def describe_template(template: Template | str) -> str:
    """A template as text: what it is, its loop nest, its parameters, its source.

    Raises:
        SpecError: there is no template of this name.
    """
    shown = load_template(template) if isinstance(template, str) else template
    parts = [
        f"{shown.name}: {shown.title}",
        shown.description,
        shown.picture,
        "Parameters:\n" + parameter_table(shown),
        f"Source: {shown.source}",
    ]
    return "\n\n".join(parts) + "\n"


def parameter_table(template: Template) -> str:
    """One line per parameter: name, default, legal values, what it is."""
    rows = [
        (parameter.name, _default(parameter.default), parameter.legal(), parameter.doc)
        for parameter in template.parameters
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False))
        + "  " + " ".join(row[3].split())
        for row in rows
    )  # fmt: skip


def _default(default: object) -> str:
    text = str(default)
    return text[2:-1] if text.startswith("${") and text.endswith("}") else text
