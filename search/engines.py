"""Where tasks are evaluated: in this process, in others, or on many machines."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..frontend.errors import InputError
from .context import Context, Outcome, Task
from .study_file import StudyFile, parse_study
from .workers import Workers, worker_context


class Engine(ABC):
    """Evaluates tasks; outcomes come in the order of the tasks, and do not depend on the engine."""

    @abstractmethod
    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """What becomes of each task."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        return ()

    def close(self, *, at_once: bool = False) -> None:  # noqa: B027
        """Let go of processes and machines; `at_once`: also of what they are at."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(at_once=kind is not None)


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
        self._workers = Workers(study, folder, workers)

    @property
    def notes(self) -> tuple[str, ...]:
        """What became of lost workers, for the study's notes."""
        return self._workers.notes

    def outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As `Engine.outcomes`; all tasks are handed out at once."""
        return self._workers.map(_evaluate, tasks)

    def close(self, *, at_once: bool = False) -> None:
        """As `Engine.close`; tasks that have not begun are dropped."""
        self._workers.close(at_once=at_once)


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

    def close(self, *, at_once: bool = False) -> None:
        """As `Engine.close`; a cluster that is gone already is no error."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.shutdown()


class _Remote:
    """A context on another machine; relative paths of the study must exist there."""

    def __init__(self, text: str, file: str, base: str) -> None:
        self.context = Context(parse_study(text, file, Path(base)))

    def evaluate(self, task: Task) -> Outcome:
        return self.context.evaluate(task)
