"""Commands run as a user runs them: in a process of their own."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chiploom import cli

COMMAND = [sys.executable, "-c", "import sys; from chiploom.cli import main; sys.exit(main())"]


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """A command that is under way, in a process group of its own. A job in the background has
    interrupts ignored, and so would what it starts: here it does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command that has ended."""
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def message(done: subprocess.CompletedProcess[str], code: int = cli.BAD_INPUT) -> str:
    """The one message of a command that failed."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("chiploom: ")]
    said = [line for line in said if not line.startswith("chiploom: note: ")]
    assert len(said) == 1, done.stderr
    return done.stderr[done.stderr.index(said[0]) :]


def bound_by_permissions() -> None:
    """To be called in a new process, before its program: permissions of files then bind the
    superuser too, as they bind everybody else. (Linux; by prctl(2), PR_CAPBSET_DROP.)"""
    if os.geteuid() == 0:
        library = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if library.prctl(24, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")


def until(true: Callable[[], object], seconds: float = 90.0) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def children(process: int) -> list[int]:
    """Processes that a process started and that are still there (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[1]) == process and stat[0] != "Z":
                found.append(int(entry.name))
    return sorted(found)


def workers(process: int) -> list[int]:
    """Of these, the workers of a search; the others only keep count of what is shared."""

    def is_worker(child: int) -> bool:
        try:
            return b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            return False

    return [child for child in children(process) if is_worker(child)]


def alive(process: int) -> bool:
    """Whether a process is still there and not merely waited for."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


BATCH = """
import contextlib, io, json, sys
from chiploom.cli import main
said = []
for given in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(given)
    said.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(said))
"""


def batch(
    *commands: list[object], preexec_fn: Callable[[], None] | None = None, **options: Any
) -> list[tuple[int, str, str]]:
    """Exit code, output and messages of several commands, one after the other in one process."""
    given = json.dumps([[str(part) for part in command] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", BATCH, given],
        capture_output=True,
        text=True,
        preexec_fn=preexec_fn,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(said) for said in json.loads(done.stdout)]
