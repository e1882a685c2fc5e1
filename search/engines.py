"""Where tasks are evaluated: in this process, in others, or on many machines."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from ..frontend.errors import InputError
from .context import Context, Outcome, Task
from .study_file import StudyFile, parse_study


class Engine(ABC):
    """Evaluates tasks; outcomes come in the order of the tasks, and do not depend on the engine."""

    @abstractmethod
    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """What becomes of each task."""

    def close(self) -> None:  # noqa: B027
        """Let go of processes and machines."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Here(Engine):
    """One after another in this process."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As `Engine.outcomes`; a task is evaluated when its outcome is asked for."""
        return map(self.context.evaluate, tasks)


class Processes(Engine):
    """On several processes of this machine, each with its own context; cost tables are shared
    through a folder."""

    def __init__(self, study: StudyFile, folder: Path, workers: int) -> None:
        self._pool = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=begin_worker,
            initargs=(study.text, str(study.path), study.base, folder),
        )

    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As `Engine.outcomes`; all tasks are handed out at once."""
        return self._pool.map(_evaluate, tasks)

    def close(self) -> None:
        """As `Engine.close`; tasks that have not begun are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


_context: Context | None = None


def begin_worker(text: str, file: str, base: Path, folder: Path) -> None:
    """Make this process's context. One thread each: the processes share the cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends the search
    threading.Thread(target=_follow, daemon=True).start()
    os.environ["NUMBA_NUM_THREADS"] = "1"
    global _context
    _context = Context(parse_study(text, file, base), folder)


def _follow() -> None:
    """End with the main process, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def worker_context() -> Context:
    """This process's context."""
    assert _context is not None
    return _context


def _evaluate(task: Task) -> Outcome:
    return worker_context().evaluate(task)


class Ray(Engine):
    """On the machines of a Ray cluster, one actor a core, or as many as asked for.

    Args:
        address: of the cluster; `local` starts one here.
    """

    def __init__(self, study: StudyFile, address: str, workers: int | None) -> None:
        try:
            import ray
        except ImportError as error:
            raise InputError("--ray: Ray is not installed; pip install 'chiploom[ray]'") from error
        self._ray: Any = ray
        quiet = {"ignore_reinit_error": True, "log_to_driver": False}
        try:
            if address == "local":
                ray.init(num_cpus=workers, include_dashboard=False, **quiet)
            else:
                ray.init(address=address, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"--ray {address}: no cluster answers: {error}") from error
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        actor = ray.remote(num_cpus=1)(_Remote)
        self._actors = [
            actor.remote(study.text, str(study.path), str(study.base)) for _ in range(count)
        ]

    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As `Engine.outcomes`; a task goes to the first machine that is free."""
        pool = self._ray.util.ActorPool(self._actors)
        found: Iterator[Outcome] = pool.map(lambda actor, task: actor.evaluate.remote(task), tasks)
        return found

    def close(self) -> None:
        """As `Engine.close`; a cluster that is gone already is no error."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.shutdown()


class _Remote:
    """A context on another machine; relative paths of the study must exist there."""

    def __init__(self, text: str, file: str, base: str) -> None:
        self.context = Context(parse_study(text, file, Path(base)))

    def evaluate(self, task: Task) -> Outcome:
        return self.context.evaluate(task)
