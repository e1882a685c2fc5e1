"""An instance in the form that the compiled kernel takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ext._schedule import Placer
from .instance import WHOLE, Instance, Integers
from .placer import NEVER


def due_dates(instance: Instance, latency_bound: float | None = None) -> Integers:
    """(n,) cycle by which each task has to end, `NEVER` where nothing asks for one."""
    due = np.where(instance.deadline >= 0, instance.deadline, NEVER)
    if latency_bound is not None and latency_bound < NEVER:
        due = np.minimum(due, int(np.floor(latency_bound)))
    return due.astype(np.int64)


def topological(count: int, edges: Integers, names: Sequence[str] = ()) -> Integers:
    """(n,) tasks, each behind those that it depends on.

    Args:
        count: n.
        edges: (e, 2) predecessor, successor.
        names: of the tasks, for the message.

    Raises:
        ValueError: tasks depend on each other in a circle.
    """
    feeds_from, feeds = neighbours(count, edges[:, 0], edges[:, 1])
    waits = np.bincount(edges[:, 1], minlength=count).tolist()
    starts, afters = feeds_from.tolist(), feeds.tolist()
    order = [task for task in range(count) if not waits[task]]
    for task in order:  # grows meanwhile
        for after in afters[starts[task] : starts[task + 1]]:
            waits[after] -= 1
            if not waits[after]:
                order.append(after)
    if len(order) < count:
        stuck = next(task for task in range(count) if waits[task] > 0)
        raise ValueError(
            f"{names[stuck] if names else stuck}: expected tasks without circular dependencies, "
            "found it on or behind a circle"
        )
    return np.array(order, np.int64)


def neighbours(count: int, of: Integers, other: Integers) -> tuple[Integers, Integers]:
    """Where each task's neighbours begin, (n + 1,), and all of them."""
    order = np.argsort(of, kind="stable")
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(of, minlength=count), out=starts[1:])
    return starts, np.ascontiguousarray(other[order], np.int64)


def placer(instance: Instance, due: Integers) -> Placer:
    """The kernel's tables of an instance.

    Raises:
        ValueError: a task that no machine can run, that takes no time or more than the whole DRAM,
            or whose feeder is not one of those it depends on, or feeds another task too; or tasks
            that depend on each other in a circle.
    """
    order = topological(instance.tasks, instance.edges, instance.names)
    _expect_sound(instance)
    feeds_from, feeds = neighbours(instance.tasks, instance.edges[:, 0], instance.edges[:, 1])
    needs_from, needs = neighbours(instance.tasks, instance.edges[:, 1], instance.edges[:, 0])

    def integers(table: Integers) -> Integers:
        return np.ascontiguousarray(table, np.int64)

    return Placer(
        integers(instance.duration),
        integers(instance.stay_duration),
        integers(instance.share),
        integers(instance.stay_share),
        np.ascontiguousarray(instance.energy, np.float64),
        np.ascontiguousarray(instance.stay_energy, np.float64),
        np.ascontiguousarray(instance.fits, np.uint8),
        integers(instance.feeder),
        needs_from,
        needs,
        feeds_from,
        feeds,
        integers(np.maximum(instance.release, 0)),
        integers(due),
        integers(instance.priority),
        order,
        float(instance.leakage),
    )


def _expect_sound(instance: Instance) -> None:
    """What the kernel relies on."""
    able = instance.duration >= 0
    stays = able & instance.fits & (instance.feeder >= 0)[:, None]
    used = np.unique(instance.feeder[instance.feeder >= 0], return_counts=True)
    pairs = set(map(tuple, instance.edges.tolist()))
    expectations = (
        (able.any(axis=1), "a machine that can run it"),
        (~(able & (instance.duration < 1)).any(axis=1), "at least 1 cycle on every machine"),
        (~(stays & (instance.stay_duration < 1)).any(axis=1), "at least 1 cycle on every machine"),
        (
            ~(stays & (instance.stay_duration > instance.duration)).any(axis=1),
            "no longer duration where its input stays on chip",
        ),
        (
            ~(
                able
                & (
                    np.where(stays, np.maximum(instance.share, instance.stay_share), instance.share)
                    > WHOLE
                )
            ).any(axis=1),
            f"a share of the DRAM of at most {WHOLE}",
        ),
        (
            np.array(
                [f < 0 or (f, t) in pairs for t, f in enumerate(instance.feeder.tolist())], bool
            ),
            "a feeder that it depends on",
        ),
        (~np.isin(instance.feeder, used[0][used[1] > 1]), "a feeder that feeds no other task"),
    )
    for kept, text in expectations:
        if not kept.all():
            raise ValueError(f"{instance.names[int(np.argmin(kept))]}: expected {text}, found none")
