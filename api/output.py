"""Where the answer of a command goes: files, standard output, and messages on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def is_stdout(target: Path | None) -> bool:
    """Whether an option's value is `-`, which stands for standard output."""
    return target is not None and str(target) == "-"


def check_targets(json: Path | None, csv: Path | None = None, dump: str | None = None) -> None:
    """Refuse files that cannot be written before the work is done, not after."""
    from .frontend.errors import InputError

    if sum((is_stdout(json), is_stdout(csv), dump is not None)) > 1:
        raise InputError("only one of --json -, --csv - and --dump can go to standard output")
    if json is not None and json == csv:
        raise InputError(f"--json and --csv both name {json}; write to two files")
    check_file("--json", json)
    check_file("--csv", csv)


def check_file(option: str, target: Path | None) -> None:
    """Refuse one that cannot be written."""
    from .frontend.errors import InputError

    if target is None or is_stdout(target):
        return
    if os.path.isdir(target):
        raise InputError(f"{option} {target}: expected a file, found a directory")
    if not os.path.isdir(target.parent):
        raise InputError(f"{option} {target}: no directory {target.parent}; create it first")
    real = Path(os.path.realpath(target))  # a file is replaced, which its folder must allow
    places = [place for place in (real, real.parent) if os.path.exists(place)]
    if os.path.exists(real) and not os.path.isfile(real):  # a pipe, a device
        places = [real]
    for place in places:
        if not os.access(place, os.W_OK):
            raise InputError(
                f"{option} {target}: no permission to write to {place}; name another file"
            )


def check_folder(folder: Path | None) -> None:
    """Refuse a cache that is no folder."""
    from .frontend.errors import InputError

    if folder is not None and os.path.exists(folder) and not os.path.isdir(folder):
        raise InputError(f"--cache {folder}: expected a folder, found a file; name another one")


def write(target: Path, text: str) -> None:
    """To a file, whole or not at all, or to standard output."""
    if is_stdout(target):
        print(text, end="")
    else:
        write_file(target, text.encode("utf-8"))


def write_bytes(target: Path, content: bytes) -> None:
    """The same for what need not be text."""
    if is_stdout(target):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    else:
        write_file(target, content)


def write_file(target: Path, content: bytes) -> None:
    """To a file, whole or not at all."""
    from .frontend.errors import InputError
    from .simulator import files

    try:
        files.write_bytes(target, content)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None


def json_text(document: dict[str, Any]) -> str:
    """A document as it is written."""
    from json import dumps

    return dumps(document, indent=1, allow_nan=False) + "\n"


def console() -> Console:
    """Standard output. What is not a terminal gets room for every column."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:  # rich would exit with 1
            raise BrokenPipeError

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 180
    return Output(width=wide, highlight=False)


def complain(message: str) -> None:
    """The one message of a command that fails."""
    from .reports.text import printable

    head, *more = message.splitlines() or [""]
    lines = [f"chiploom: {head}", *(f"          {line}" for line in more)]
    print("\n".join(map(printable, lines)), file=sys.stderr)


def remark(notes: Sequence[str]) -> None:
    """What the user should know, though the answer stands."""
    from .reports.text import printable

    for note in notes:
        print(f"chiploom: note: {printable(note)}", file=sys.stderr)


def abandon() -> None:
    """Write to standard output no more: its reader has gone (`chiploom … | head`), or it is full.

    What is still buffered goes nowhere, so that Python does not try again at exit.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
