"""Signals that ask a command to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: By which a system, a batch queue or a closed terminal asks.
ASKING: Final = ("SIGTERM", "SIGHUP")


@contextmanager
def stopping() -> Iterator[list[int]]:
    """Within, a request to end is a `KeyboardInterrupt`, as Ctrl-C is: what a command has found is
    kept and workers are ended. Who ignores a signal (`nohup`) or has a handler of his own keeps it.

    Yields the numbers of the signals that came.
    """
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    known = [getattr(signal, name) for name in ASKING if hasattr(signal, name)]
    ours = threading.current_thread() is threading.main_thread()  # the only one that may
    taken = [n for n in known if ours and signal.getsignal(n) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield came
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
