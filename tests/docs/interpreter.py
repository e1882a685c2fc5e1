"""Executes blocks of Python that come as lines of JSON; their names stay from one to the next.

A process of its own: what a page registers or changes ends with the page. Blocks are kept as
files' lines, so that `inspect` and tracebacks find them.
"""

from __future__ import annotations

import code
import contextlib
import io
import json
import linecache
import sys


class Interpreter(code.InteractiveInterpreter):
    """Keeps tracebacks instead of printing them."""

    error = ""

    def write(self, data: str) -> None:
        self.error += data

    def execute(self, source: str, where: str) -> tuple[str, str]:
        """What a block prints, and its traceback if there is one."""
        name, self.error = f"<{where}>", ""
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                self.runcode(compile(source, name, "exec"))
            except SyntaxError:
                self.showsyntaxerror(name)
        return printed.getvalue(), self.error


if __name__ == "__main__":
    interpreter = Interpreter({"__name__": "__main__"})
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(interpreter.execute(request["code"], request["where"])), flush=True)
