"""Executes blocks of Python that come as lines of JSON; their names stay from one to the next.

A process of its own: what a page registers or changes ends with the page. Blocks are kept as files'
lines, so that `inspect` and tracebacks find them.
"""

from __future__ import annotations

import contextlib
import io
import json
import linecache
import sys
import traceback


def serve() -> None:
    """Until standard input ends."""
    names: dict[str, object] = {"__name__": "__main__"}
    for line in sys.stdin:
        request = json.loads(line)
        code, where, error = request["code"], f"<{request['where']}>", ""
        linecache.cache[where] = (len(code), None, code.splitlines(keepends=True), where)
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, where, "exec"), names)
        except Exception:
            error = traceback.format_exc()
        print(json.dumps([printed.getvalue(), error]), flush=True)


if __name__ == "__main__":
    serve()
