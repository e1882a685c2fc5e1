"""Independent tasks on threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def completed(
    tasks: Sequence[Callable[[], T]], threads: int | None = None
) -> Iterator[tuple[int, T]]:
    """(number, result) of every task as it is done; on all usable cores unless told otherwise.

    A task's exception is raised here. That, an interrupt, and leaving the iteration early drop
    the tasks that have not begun.
    """
    count = min(len(tasks), threads if threads is not None else usable_cores())
    if count <= 1:
        for number, task in enumerate(tasks):
            yield number, task()
        return
    pool = ThreadPoolExecutor(max_workers=count)
    try:
        numbers = {pool.submit(task): number for number, task in enumerate(tasks)}
        for job in as_completed(numbers):
            yield numbers[job], job.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
