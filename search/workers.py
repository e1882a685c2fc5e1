"""Worker processes of a search: they outlive the loss of one, and end with the search.

A killed worker (out of memory, as a rule, or by somebody's hand) takes the whole pool of
`concurrent.futures` with it. What is asked of a worker follows from the study alone, so the pool is
made anew and what was not answered is asked again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from ..frontend.errors import InputError
from .context import Context
from .study_file import StudyFile, parse_study

T = TypeVar("T")
R = TypeVar("R")

#: Pools lost one after the other, none of which answered anything, before a search gives up.
LOSSES: Final = 3


class Workers:
    """Processes that each have a context of the study; used as a context.

    Args:
        study: the file.
        folder: of cost tables, through which the processes share them.
        count: of processes.
    """

    def __init__(self, study: StudyFile, folder: Path | None, count: int) -> None:
        self._given = study.text, str(study.path), study.base, folder
        self._count = count
        self._lost = 0
        self._open()

    def _open(self) -> None:
        # Nothing is ever sent: workers wait for the end of the stream, which comes when this
        # process closes it, or ends in whatever way.
        spawn = multiprocessing.get_context("spawn")
        ending, self._stop = spawn.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            self._count,
            mp_context=spawn,
            initializer=_begin,
            initargs=(ending, *self._given),
        )
        self._ending = ending  # to be handed to workers, which start as they are needed

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        if not self._lost:
            return ()
        times = "once" if self._lost == 1 else f"{self._lost} times"
        return (f"a worker process was killed, {times}; its work was done again",)

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """`function` of every item, in order.

        Raises:
            InputError: workers are killed again and again.
        """
        answered = vain = 0
        while answered < len(items):
            before = answered
            try:
                futures = [self._pool.submit(function, item) for item in items[answered:]]
                for future in futures:
                    found = future.result()
                    answered += 1
                    yield found
            except (BrokenProcessPool, CancelledError):
                self._lost += 1
                vain = 0 if answered > before else vain + 1
                if vain == LOSSES:
                    raise InputError(
                        f"worker processes were killed {LOSSES} times in a row; as a rule memory "
                        "has run out: take fewer --workers. What was told is kept, and --resume "
                        "goes on with it"
                    ) from None
                self.close()
                self._open()

    def close(self, *, at_once: bool = False) -> None:
        """Let go of the processes.

        Args:
            at_once: what they are at is given up.
        """
        if at_once:
            self._stop.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._stop.close()
        self._ending.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(at_once=kind is not None)


_given: tuple[str, str, Path, Path | None] | None = None
_context: Context | None = None


def _begin(ending: Connection, text: str, file: str, base: Path, folder: Path | None) -> None:
    """One thread each: the processes share the cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends the search
    threading.Thread(target=_follow, args=(ending,), daemon=True).start()
    os.environ["NUMBA_NUM_THREADS"] = "1"
    global _given
    _given = text, file, base, folder


def _follow(ending: Connection) -> None:
    """End with the search, however that ends."""
    try:
        ending.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def worker_context() -> Context:
    """This process's context, made when first asked for: what is wrong with the study is then the
    answer, and does not look like a killed process."""
    global _context
    if _context is None:
        assert _given is not None
        text, file, base, folder = _given
        _context = Context(parse_study(text, file, base), folder)
    return _context
