"""The code blocks of a page, and running them in order in one folder, as a reader would.

A block says by its language what becomes of it:

- `sh`: run by bash, which stops at the first command that fails.
- `console`: commands after `$ `, each followed by what it prints, which must be so.
- `python`: executed; a page's blocks share their names.
- `yaml`, `json`: checked against the schema; with a `title` written to that file.
- `text`: not code, a formula or a drawing.

What a page prints is compared line by line; `...` on a line of its own stands for any lines, within
a line for any text. Comments right before a block change what is done with it:

- `<!-- not run: REASON -->`: it is not.
- `<!-- slow -->`: only with `pytest -m slow`.
- `<!-- output -->`: the text is what the block before it prints.
- `<!-- output of: COMMAND -->`: the text is what this command prints.
- `<!-- exit code: N -->`: with which the commands end.
- `<!-- part of: spec -->`: keys of a spec (or `memory`, ...), not a whole one.
- `<!-- before: COMMAND -->`: done first; a reader has its result already.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from markdown_it import MarkdownIt

from . import checks

REPOSITORY = Path(__file__).resolve().parents[2]
#: Width of all that is printed.
COLUMNS = "92"
LANGUAGES = ("sh", "console", "python", "yaml", "json", "text")
_COMMENT = re.compile(r"<!-- ([\w ]+?)(?:: (.*?))? -->", re.DOTALL)
_COMMENTS = (
    "not run", "slow", "output", "output of", "exit code", "part of", "before",
)  # fmt: skip
_TITLE = re.compile(r'title="([^"]+)"')
#: What a block of text may not hold, since text is not run.
_COMMAND = re.compile(r"^\s*(\$ |pip |python |chiploom (?!->))", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comments right before it, by name."""

    page: str
    line: int
    language: str
    title: str
    text: str
    comments: dict[str, str]

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def slow(self) -> bool:
        return "slow" in self.comments


def blocks_of(page: Path, root: Path = REPOSITORY) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found: list[Block] = []
    comments: dict[str, str] = {}
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            comments |= {name: told or "" for name, told in _COMMENT.findall(token.content)}
        elif token.type == "fence":
            language, _, options = token.info.strip().partition(" ")
            title = _TITLE.search(options)
            line = token.map[0] + 1 if token.map else 0
            name = page.relative_to(root).as_posix()
            found.append(
                Block(name, line, language, title[1] if title else "", token.content, comments)
            )
            comments = {}
        elif token.level == 0:
            comments = {}
    return found


def complaints(block: Block) -> list[str]:
    """What keeps a block from being run, or from being told why it is not."""
    wrong = [
        f"{block.where}: no comment is called `{name}`"
        for name in block.comments
        if name not in _COMMENTS
    ]
    if "not run" in block.comments:
        if not block.comments["not run"]:
            wrong.append(f"{block.where}: not run, and it does not say why")
    elif block.language not in LANGUAGES:
        wrong.append(f"{block.where}: expected one of {LANGUAGES}, found {block.language!r}")
    elif block.language == "text" and not {"output", "output of"} & set(block.comments):
        wrong += [f"{block.where}: {found[0]!r} looks like a command" for found in
                  _COMMAND.finditer(block.text)]  # fmt: skip
    return wrong


class Reader:
    """Works through a page in a folder.

    Args:
        folder: empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.printed = folder, ""
        self._python: subprocess.Popen[str] | None = None
        for name in ("benchmarks", "examples"):
            (folder / name).symlink_to(REPOSITORY / name)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("CHIPLOOM", "COV_"))},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": COLUMNS,
            "PYTHONWARNINGS": "error::DeprecationWarning:__main__",
        }

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._python is not None:
            self._python.communicate()

    def read(self, block: Block) -> None:
        """Do what a block says.

        Raises:
            AssertionError: it does not work, or prints something else.
        """
        if "before" in block.comments:
            self._shell(block.comments["before"], block, 0)
        code = int(block.comments.get("exit code", "0"))
        match block.language:
            case "sh":
                self.printed = self._shell(block.text, block, code)
            case "console":
                for command, output in _session(block):
                    expect(output, self._shell(command, block, code), f"{block.where}: {command}")
            case "python":
                self.printed = self._run_python(block)
            case "yaml" | "json":
                if block.title:
                    path = self.folder / block.title
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(block.text, encoding="utf-8")
                checks.check(block.language, block.text, block.comments.get("part of"), self.folder)
            case "text" if "output of" in block.comments:
                command = block.comments["output of"]
                expect(block.text, self._shell(command, block, code), f"{block.where}: {command}")
            case "text" if "output" in block.comments:
                expect(block.text, self.printed, block.where)

    def _shell(self, script: str, block: Block, code: int) -> str:
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if code == 0 else subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        assert run.returncode == code, (
            f"{block.where}: exit code {run.returncode}, expected {code}\n{script}\n"
            f"{run.stdout}\n{run.stderr}"
        )
        return run.stdout

    def _run_python(self, block: Block) -> str:
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("interpreter.py"))],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        request: dict[str, Any] = {"code": block.text, "where": block.where}
        self._python.stdin.write(json.dumps(request) + "\n")
        self._python.stdin.flush()
        printed, error = json.loads(self._python.stdout.readline())
        assert not error, f"{block.where}\n{error}"
        return str(printed)


def expect(expected: str, found: str, where: str) -> None:
    """Compare what is printed with what a page says, in which `...` stands for anything."""
    lines = [line.rstrip() for line in expected.strip("\n").splitlines()]
    pattern = ""
    for line in lines:
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*?".join(re.escape(part) for part in line.split("...")) + "\n"
    text = "".join(f"{line.rstrip()}\n" for line in found.strip("\n").splitlines())
    assert re.fullmatch(pattern, text), f"{where}: the page says\n{expected}\nand it prints\n{text}"


def _session(block: Block) -> list[tuple[str, str]]:
    """Commands, and what each of them prints."""
    parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)
    assert not parts[0].strip(), f"{block.where}: expected `$ ` and a command first"
    return list(zip(parts[1::2], parts[2::2], strict=True))
