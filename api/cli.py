"""The command line.

Exit codes: 0 good, 1 the answer is "no" (no legal mapping exists), 2 bad input, with one message.
Everything heavy is imported inside the commands: `chiploom --help` must stay quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from . import output
from .commands.errors import BAD_INPUT, BROKEN_PIPE, INTERRUPTED
from .commands.inspect import inspect
from .commands.library import dataflows
from .commands.report import report_command
from .commands.search import search
from .commands.signals import stopping
from .commands.simulate import simulate
from .commands.streams import prepare_streams
from .commands.validate import validate

app = typer.Typer(
    name="chiploom",
    help="What a network costs on an accelerator: latency, energy, area.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """What a network costs on an accelerator: latency, energy, area."""
    if version:
        from . import __version__

        print(f"chiploom {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


for _name, _command in (
    ("inspect", inspect),
    ("simulate", simulate),
    ("report", report_command),
    ("search", search),
    ("dataflows", dataflows),
    ("validate", validate),
):
    app.command(_name)(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: the process's) and return its exit code."""
    prepare_streams()
    with stopping() as stopped:
        code = _run(arguments)
    # Told to end, a command ends as by Ctrl-C, with its results: the code alone says which it was.
    return 128 + stopped[0] if stopped and code == INTERRUPTED else code


def _run(arguments: Sequence[str] | None) -> int:
    """The exit code."""
    try:
        args = None if arguments is None else list(arguments)
        code = app(args, prog_name="chiploom", standalone_mode=False) or 0
        sys.stdout.flush()
    except typer.TyperException as error:
        output.complain(_usage_message(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        output.complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        output.abandon()
        return BROKEN_PIPE
    except OSError as error:
        if error.filename is not None:  # a file, not a stream of ours: a defect
            raise
        output.abandon()
        output.complain(f"standard output cannot be written: {error.strerror}")
        return BAD_INPUT
    return int(code)


def _usage_message(error: typer.TyperException) -> str:
    """Of a command line that does not parse: what is wrong, and where help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "chiploom"
    return f"{error.format_message().rstrip('.')} (see `{command} --help`)"


if __name__ == "__main__":
    sys.exit(main())
