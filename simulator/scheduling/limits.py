"""Lower bounds on what every schedule of an instance takes, for list scheduling.

In arrays and without options, so that they cost next to nothing; `bounds` takes longer, and its
bounds, of machines and DRAM together, are what the exact scheduler starts from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ext._schedule import Placer
from .instance import WHOLE, Goal, Instance
from .tables import topological


@dataclass(frozen=True)
class Limit:
    """A number of cycles that no schedule undercuts, and why, in words."""

    cycles: int
    reason: str


def makespan_limit(instance: Instance, placer: Placer) -> Limit:
    """The largest of the bounds known for the makespan."""
    if not instance.tasks:
        return Limit(0, "no tasks")
    return max(
        (
            _longest_path(instance, placer),
            _machines(instance),
            _dram(instance),
        ),
        key=lambda limit: limit.cycles,
    )


def end_limit(instance: Instance, task: int) -> Limit:
    """The earliest end of a task after all that it depends on, each at its shortest."""
    least = _shortest(instance).min(axis=1)
    end = np.zeros(instance.tasks)
    for one in topological(instance.tasks, instance.edges, instance.names):
        needs = instance.edges[instance.edges[:, 1] == one, 0]
        end[one] = least[one] + max([0, instance.release[one], *end[needs]])
    return Limit(int(end[task]), f"the longest path of dependent layers to {instance.names[task]}")


def lower_bound(instance: Instance, placer: Placer, goal: Goal, limit: Limit) -> float:
    """No schedule has a smaller value of the goal; cycles, pJ, or pJ x cycles.

    Args:
        limit: on the makespan.
    """
    if goal == "makespan":
        return float(limit.cycles)
    least, _, _ = placer.thrift()
    energy = least + instance.leakage * limit.cycles
    return energy if goal == "energy" else energy * limit.cycles


def _shortest(instance: Instance) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(n, m) cycles of a task on a machine at least, infinite where it cannot run."""
    stays = instance.fits & (instance.feeder >= 0)[:, None]
    least = np.where(stays, instance.stay_duration, instance.duration)
    return np.where(instance.duration >= 0, least, np.inf)


def _longest_path(instance: Instance, placer: Placer) -> Limit:
    """The longest path of tasks, each at its shortest, from the release of its first task on."""
    least = _shortest(instance).min(axis=1)
    tails = np.maximum(instance.release, 0) + placer.ranks(least, np.zeros(instance.tasks))
    first = int(np.argmax(tails))
    return Limit(
        int(tails[first]), f"the longest path of dependent layers, from {instance.names[first]} on"
    )


def _machines(instance: Instance) -> Limit:
    """All work over all machines.

    For any weights of the machines that add up to 1, the makespan is at least the sum over the
    tasks of the smallest weighted duration (the dual of spreading every task over all machines).
    The weights are found by moving weight to machines that get more than their share of the work.
    """
    cycles = _shortest(instance)
    weights = np.full(cycles.shape[1], 1.0 / cycles.shape[1])
    best = 0.0
    for step in range(30):
        weighted = cycles * weights
        chosen = weighted.argmin(axis=1)
        rows = np.arange(len(chosen))
        best = max(best, float(weighted[rows, chosen].sum()))
        load = np.bincount(chosen, cycles[rows, chosen], cycles.shape[1])
        if not load.sum():
            break
        weights = weights * np.exp((load / load.sum() - 1 / len(load)) / (1 + step / 4))
        weights /= weights.sum()
    # Rounded down a little first: sums of floats are not exact.
    return Limit(int(np.ceil(best * (1 - 1e-12))), "the work of all layers over all machines")


def _dram(instance: Instance) -> Limit:
    """All traffic over the DRAM's bandwidth."""
    able = instance.duration >= 0
    stays = instance.fits & (instance.feeder >= 0)[:, None]
    area = instance.duration * instance.share
    area = np.where(stays, np.minimum(area, instance.stay_duration * instance.stay_share), area)
    least = np.where(able, area, np.iinfo(np.int64).max).min(axis=1)
    return Limit(-(-int(least.sum()) // WHOLE), "the bandwidth of the DRAM")
