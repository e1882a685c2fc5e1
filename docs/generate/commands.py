"""Reference of the command line, made of the commands themselves."""

from __future__ import annotations

import re
from typing import Any

from typer.main import get_command

from chiploom import cli

#: Of a page that is made; who edits it learns where to.
MADE = "<!-- Made by docs/generate/reference.py; `pytest --update-golden` makes it anew. -->\n\n"


def page() -> str:
    """Markdown: usage, arguments and options of every command."""
    group: Any = get_command(cli.app)
    parts = [
        f"{MADE}# Every option\n",
        "What `--help` says, of every command. [Command line](cli.md) explains the options, exit "
        "codes and files.\n",
    ]
    for name, command in group.commands.items():
        context = command.make_context(name, [], resilient_parsing=True)
        usage = " ".join(command.collect_usage_pieces(context))
        parts += [f"## chiploom {name}\n", f"{command.help}\n"]
        parts += [f"`chiploom {name} {usage}`\n"]
        parts += ["| | | default |", "|---|---|---|"]
        parts += [_row(parameter, context) for parameter in command.params]
        parts += [""]
    return "\n".join(parts)


def _row(parameter: Any, context: Any) -> str:
    names, text = parameter.get_help_record(context)
    if parameter.param_type_name == "argument":
        names = parameter.metavar or names
    text = re.sub(r"\s*\[[^\]]*(default|required)[^\]]*\]$", "", text)
    default = getattr(parameter.default, "value", parameter.default)
    said = isinstance(default, str | int | float) and not isinstance(default, bool)
    shown = "required" if parameter.required else f"`{default}`" if said and default != "" else ""
    return f"| `{_cell(names)}` | {_cell(text)} | {shown} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
