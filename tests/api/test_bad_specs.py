"""Accelerator files that cannot be used: one message with every problem, in little time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chiploom import cli
from chiploom.dataflows.template import shipped

GOOD = shipped("specs")["eyeriss"].read_text()
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10_000)
)

BAD: dict[str, tuple[str | bytes | None, list[str]]] = {
    "empty": ("", []),
    "not YAML": ("clock: [1 GHz\n", ["bad.yaml:2"]),
    "not text": ("\x00\x01", []),
    "a list": ("- 1\n- 2\n", []),
    "unknown key": (GOOD.replace("clock:", "clok:"), ["clok", "clock"]),
    "wrong unit": (GOOD.replace("200 MHz  ", "200 KiB  "), ["clock", "200 KiB"]),
    "no unit": (GOOD.replace("480 MB/s", "480"), ["bandwidth", "480"]),
    "no such template": (GOOD.replace("row-stationary", "row-stationry"), ["row-stationary"]),
    "no such parameter": (GOOD.replace("psum_words", "psum_wrds"), ["psum_wrds", "psum_words"]),
    "out of range": (GOOD.replace("rows: 12", "rows: 0"), ["rows", "0"]),
    "missing level": (GOOD.replace("dram:", "dramm:"), ["dram"]),
    "nested aliases": (BOMB, ["anchors are not allowed"]),
    "deep nesting": ("a: " + "[" * 10_000 + "]" * 10_000, ["nesting"]),  # libyaml or ours
    "a tag": ("!!python/object/apply:os.system [id]\n", ["tags are not allowed"]),
    "too large": ("a: " + "x" * (2 << 20), ["1 MiB"]),
    "binary": (b"\x7fELF\xd0\x01" * 700, ["UTF-8"]),
    "another encoding": (GOOD.encode("utf-16"), ["UTF-8"]),
    "a directory": (None, ["found a directory"]),
}


@pytest.mark.parametrize("kind", list(BAD))
@pytest.mark.parametrize("command", [["simulate", "resnet9", "--on"], ["dataflows"]])
def test_one_message(
    kind: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, words = BAD[kind]
    path = tmp_path / "bad.yaml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    start = time.perf_counter()
    code = cli.main([*command, str(path)])
    seconds = time.perf_counter() - start
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.startswith("chiploom: ")
    assert err.count("chiploom: ") == 1
    assert "bad.yaml" in err
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert len(err) < 4000
    assert seconds < 10  # two seconds is the aim; a shared machine may be slower


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"200 MHz  ": "200 KiB  ", "480 MB/s": "480", "node:": "nod:"}, ["200 KiB", "480", "nod"]),
        ({"rows: 12": "rws: 12", "glb: 108 KiB": "glb: 108 MHz"}, ["rws", "108 MHz"]),
    ],
)
def test_all_problems_are_told_at_once(
    changes: dict[str, str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, text = tmp_path / "bad.yaml", GOOD
    for old, new in changes.items():
        text = text.replace(old, new)
    path.write_text(text)
    assert cli.main(["simulate", "resnet9", "--on", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= len(words)
    for word in words:
        assert any(word in line for line in lines)
