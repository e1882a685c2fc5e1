"""Whether a schedule keeps the rules, found apart from what made it."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator

from .instance import WHOLE, Instance, Schedule


def check(instance: Instance, schedule: Schedule) -> list[str]:
    """What is wrong with a schedule, each with its task, what was expected and what was found.

    Empty where every task runs once on a machine that can, one at a time, after what it depends
    on and after its release, in time, for as long as it takes there; where what stays on chip is
    what follows from the order on the machine; where the shares of the DRAM suffice at all times;
    and where makespan and energy are those of the tasks.
    """
    misshaped = [
        f"{name}: expected {instance.tasks} entries, one per task, found shape {entries.shape}"
        for name, entries in (
            ("machine", schedule.machine),
            ("start", schedule.start),
            ("end", schedule.end),
            ("stays", schedule.stays),
        )
        if entries.shape != (instance.tasks,)
    ]
    if misshaped:
        return misshaped
    unplaced = list(_places(instance, schedule))
    if unplaced:
        return unplaced
    return [
        *_durations(instance, schedule),
        *_times(instance, schedule),
        *_turns(instance, schedule),
        *_shares(instance, schedule),
        *_totals(instance, schedule),
    ]


def _places(instance: Instance, schedule: Schedule) -> Iterator[str]:
    for task, name in enumerate(instance.names):
        on = int(schedule.machine[task])
        able = [m for m in range(len(instance.machines)) if instance.duration[task, m] >= 0]
        if on not in able:
            names = ", ".join(instance.machines[m] for m in able)
            yield f"{name}: expected a machine that can run it ({names}), found number {on}"


def _sequences(instance: Instance, schedule: Schedule) -> list[list[int]]:
    """Tasks of each machine in the order of their starts."""
    return [
        sorted(
            (task for task in range(instance.tasks) if schedule.machine[task] == on),
            key=lambda task: (int(schedule.start[task]), task),
        )
        for on in range(len(instance.machines))
    ]


def _staying(instance: Instance, schedule: Schedule) -> set[int]:
    """Tasks that find their feeder's output on chip."""
    return {
        task
        for on, sequence in enumerate(_sequences(instance, schedule))
        for before, task in itertools.pairwise(sequence)
        if instance.feeder[task] == before and instance.fits[task, on]
    }


def _durations(instance: Instance, schedule: Schedule) -> Iterator[str]:
    staying = _staying(instance, schedule)
    for task, name in enumerate(instance.names):
        on = int(schedule.machine[task])
        stays = task in staying
        if bool(schedule.stays[task]) != stays:
            yield (
                f"{name}: expected its input to {'stay on chip' if stays else 'come from the DRAM'}"
                f" on {instance.machines[on]}, found stays = {bool(schedule.stays[task])}"
            )
        takes = int((instance.stay_duration if stays else instance.duration)[task, on])
        found = int(schedule.end[task] - schedule.start[task])
        if found != takes:
            yield f"{name}: expected {takes} cycles on {instance.machines[on]}, found {found}"


def _times(instance: Instance, schedule: Schedule) -> Iterator[str]:
    start, end = schedule.start, schedule.end
    for task, name in enumerate(instance.names):
        release, deadline = int(instance.release[task]), int(instance.deadline[task])
        if start[task] < max(0, release):
            yield f"{name}: expected a start at {max(0, release)} or later, found {start[task]}"
        if 0 <= deadline < end[task]:
            yield f"{name}: expected an end by its deadline {deadline}, found {end[task]}"
    for before, after in instance.edges:
        if start[after] < end[before]:
            yield (
                f"{instance.names[after]}: expected a start after {instance.names[before]}, which "
                f"ends at {end[before]}, found {start[after]}"
            )


def _turns(instance: Instance, schedule: Schedule) -> Iterator[str]:
    for on, sequence in enumerate(_sequences(instance, schedule)):
        latest = -1  # whose end is the last so far
        for task in sequence:
            if latest >= 0 and schedule.start[task] < schedule.end[latest]:
                yield (
                    f"{instance.names[task]}: expected {instance.machines[on]} to be free, found "
                    f"{instance.names[latest]} there until {schedule.end[latest]}, "
                    f"start {schedule.start[task]}"
                )
            if latest < 0 or schedule.end[task] > schedule.end[latest]:
                latest = task


def _shares(instance: Instance, schedule: Schedule) -> Iterator[str]:
    staying = _staying(instance, schedule)
    change = defaultdict[int, int](int)
    for task in range(instance.tasks):
        table = instance.stay_share if task in staying else instance.share
        share = int(table[task, int(schedule.machine[task])])
        change[int(schedule.start[task])] += share
        change[int(schedule.end[task])] -= share
    used = 0
    for now in sorted(change):
        used += change[now]
        if used > WHOLE:
            running = ", ".join(
                name
                for task, name in enumerate(instance.names)
                if schedule.start[task] <= now < schedule.end[task]
            )
            yield (
                f"{running}: expected at most {WHOLE} shares of the DRAM's bandwidth together, "
                f"found {used} from cycle {now}"
            )


def _totals(instance: Instance, schedule: Schedule) -> Iterator[str]:
    last = max((int(end) for end in schedule.end), default=0)
    if schedule.makespan != last:
        yield f"makespan: expected the last end, {last}, found {schedule.makespan}"
    staying = _staying(instance, schedule)
    parts = [
        float((instance.stay_energy if task in staying else instance.energy)[task, on])
        for task, on in enumerate(schedule.machine)
    ]
    energy = math.fsum([*parts, instance.leakage * last])
    # Sums in another order differ in their last bits.
    slack = 1e-9 * math.fsum([*map(abs, parts), abs(instance.leakage * last)])
    if not abs(schedule.energy - energy) <= slack:
        yield f"energy: expected {energy} pJ, found {schedule.energy}"
