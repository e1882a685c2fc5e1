"""Standard streams that are closed, lose their reader, or cannot show what is printed."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chiploom import cli

from ..search import tiny_study as tiny
from . import commands

SIMULATE = ["simulate", "resnet9", "--on", "eyeriss", "--effort", "fast"]


def closing(*numbers: int) -> Callable[[], None]:
    """In a new process, before its program: `>&-`."""

    def close() -> None:
        for number in numbers:
            os.close(number)

    return close


def test_closed_streams(tmp_path: Path, tables: Path) -> None:
    out = commands.run(*SIMULATE, preexec_fn=closing(1))
    assert (out.returncode, out.stderr) == (cli.BROKEN_PIPE, "")
    assert commands.run("inspect", "nothing", preexec_fn=closing(2)).returncode == cli.BAD_INPUT
    # Files that a search opens do not become its standard output.
    file, db, answer = tiny.write(tmp_path, trials=1), tmp_path / "s.db", tmp_path / "r.json"
    given = ["--db", db, "--cache", tables, "--workers", "1", "--json", answer]
    done = commands.run("search", file, *given, preexec_fn=closing(0, 1, 2))
    assert done.returncode == cli.BROKEN_PIPE
    assert answer.read_text().startswith("{")
    with tiny.opened(db) as study:
        assert len(study.told()) == 1


@pytest.mark.parametrize("lines", [0, 1])
def test_a_reader_that_leaves(lines: int) -> None:
    process = commands.start(*SIMULATE)
    assert process.stdout is not None
    assert process.stderr is not None
    for _ in range(lines):
        assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    # What fits into the pipe before its reader has left was written well.
    assert process.wait(60) in ((cli.BROKEN_PIPE,) if lines == 0 else (0, cli.BROKEN_PIPE))


class Ascii(io.TextIOWrapper):
    """A stream as in the locale C, which takes nothing else."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii", errors="strict")

    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode("ascii")


def test_signs_that_an_encoding_lacks(
    study: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = study.with_name("netz-ü.onnx")
    file = study.with_name("study.yaml")
    for given, code, words in (
        (SIMULATE, 0, ["uJ", "mm2", "####", "J.s"]),
        ([*SIMULATE, "--dump", "mapping"], 0, ["resnet9"]),
        (["inspect", "resnet9"], 0, ["resnet9"]),
        (["dataflows", "eyeriss"], 0, ["eyeriss"]),
        (["search", file, "--db", study, "--resume", "--workers", "1", "--cache", tables], 0,
         ["Best: design", "uJ", "mm2"]),
        (["inspect", name], 2, ["netz-?.onnx"]),
    ):  # fmt: skip
        out, err = Ascii(), Ascii()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        assert cli.main([str(part) for part in given]) == code
        text = out.text() + err.text()
        for word in words:
            assert word in text
        assert ("?" in text) == (code == 2), text
        monkeypatch.undo()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals on this system")
def test_a_terminal_that_knows_no_colours() -> None:
    shown = {}
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    for name, more in {
        "colours": {"TERM": "xterm-256color"},
        "none": {"TERM": "xterm-256color", "NO_COLOR": "1"},
        "dumb": {"TERM": "dumb"},
    }.items():
        ours, theirs = os.openpty()
        env = {**plain, "COLUMNS": "100", **more}
        process = commands.start("inspect", "resnet9", stdout=theirs, env=env)
        os.close(theirs)
        content = b""
        try:
            while part := os.read(ours, 1 << 16):
                content += part
        except OSError:  # that the other side is closed, as Linux says it
            pass
        os.close(ours)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        shown[name] = content
    assert b"\x1b" in shown["colours"]
    assert not re.search(rb"\x1b\[[0-9;]*[349][0-9]", shown["none"])
    assert b"\x1b" not in shown["dumb"]
    assert b"resnet9" in shown["dumb"]
