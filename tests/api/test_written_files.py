"""A command writes the files that it is told to, whole or not at all, and no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chiploom import cli
from chiploom.simulator import files

#: Prints every file that is opened for writing, made, renamed or removed, then runs the command.
SPY = """
import os, sys
seen = []
def hook(event, given):
    if event == "open" and isinstance(given[0], (str, bytes)):
        mode, flags = given[1] or "", given[2] or 0
        if set(mode) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            seen.append(os.fsdecode(given[0]))
    elif event in ("os.rename", "os.link", "os.symlink"):
        seen.append(os.fsdecode(given[1]))
    elif event in ("os.mkdir", "os.remove", "os.truncate", "sqlite3.connect", "os.chmod"):
        seen.append(os.fsdecode(given[0]))
    elif event in ("subprocess.Popen", "os.system", "socket.connect", "os.exec"):
        seen.append(f"{event} {given[0]}")
sys.addaudithook(hook)
from chiploom import cli
code = cli.main(sys.argv[2:])
print("\\n".join(seen), file=open(sys.argv[1], "w"))
sys.exit(code)
"""


def written(folder: Path, *arguments: str) -> set[Path]:
    """Paths that a command touched, run in a folder with a home of its own."""
    home, log = folder / "home", folder / "log"
    home.mkdir(exist_ok=True)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("XDG_")},
        "HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    subprocess.run(
        [sys.executable, "-c", SPY, str(log), *arguments],
        check=True, cwd=work, env=environment, stdout=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip
    lines = [line.removeprefix("file:").partition("?")[0] for line in log.read_text().splitlines()]
    return {work / line for line in lines if line and line != str(log)}


def outside(paths: set[Path], *given: Path) -> set[Path]:
    """Those that are neither given, nor a file on its way to one beside it."""
    return {
        path
        for path in paths
        if not any(
            path == one or (path.parent == one.parent and path.name.startswith(f".{one.name}."))
            for one in given
        )
        and str(path) != os.devnull
    }


def test_simulate_writes_what_it_is_told_to(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    files = [out / name for name in ("r.json", "r.csv", "r.trace", "r.html")]
    options = ["--json", files[0], "--csv", files[1], "--trace", files[2], "--report", files[3]]
    found = written(
        tmp_path, "simulate", "lstm", "--on", "nasaic-w1", "--bits", "8", "--quiet",
        *map(str, options),
    )  # fmt: skip
    assert outside(found, *files) == set()
    assert all(file.stat().st_size for file in files)
    assert sorted(path.name for path in out.iterdir()) == sorted(file.name for file in files)
    assert json.loads(files[0].read_text())["schema"] == "chiploom.result/1"


def test_the_cache_is_the_only_other_place(tmp_path: Path) -> None:
    """And only where it is asked for."""
    result, cache = tmp_path / "r.json", tmp_path / "cache"
    command = ["simulate", "lstm", "--on", "eyeriss", "--quiet", "--json", str(result)]
    assert outside(written(tmp_path, *command), result) == set()
    elsewhere = outside(written(tmp_path, *command, "--cache", str(cache)), result)
    assert elsewhere
    assert all(path.is_relative_to(cache) for path in elsewhere), elsewhere


def test_reading_writes_nothing(tmp_path: Path) -> None:
    assert outside(written(tmp_path, "inspect", "lstm", "--quiet")) == set()
    assert outside(written(tmp_path, "dataflows", "eyeriss", "--quiet")) == set()


def test_a_file_is_replaced_in_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fails on the way leaves the old file, and nothing beside it."""
    target = tmp_path / "r.json"
    target.write_text("old")

    def full(*_: object) -> None:
        assert target.read_text() == "old"  # the new one is still elsewhere
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    arguments = ["inspect", "lstm", "--quiet", "--json", str(target)]
    assert cli.main(arguments) == 2
    assert "No space left" in capsys.readouterr().err
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_followed_and_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    files.write_text(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


@pytest.mark.parametrize("command", [["inspect", "lstm"], ["simulate", "lstm", "--on", "eyeriss"]])
def test_a_name_that_is_too_long(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "--quiet", "--json", str(tmp_path / ("n" * 300))]) == 2
    assert "File name too long" in capsys.readouterr().err
