"""A schedule as part of a result: every layer's costs there, and how busy everything was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..layers import LayerCost, tensor_bits
from ..result import LayerResult, ScheduleSummary
from .costs import System
from .execute import execute
from .instance import Goal, Schedule


def layer_results(system: System, schedule: Schedule) -> list[LayerResult]:
    """Every task as a layer of the result, in the order of their starts.

    Leakage is not among their energies: the whole chip leaks once.
    """
    found: list[LayerResult] = []
    leaves = np.zeros(system.instance.tasks, dtype=np.bool_)  # the output is not written
    leaves[system.instance.feeder[schedule.stays]] = True
    for task in np.lexsort((np.arange(system.instance.tasks), schedule.start)):
        n = int(task)
        work, frame, _ = system.tasks[n]
        graph, layer = system.works[work].graph, system.layer(n)
        cost = system.cost(n, int(schedule.machine[n]), stays=bool(schedule.stays[n]))
        if leaves[n]:
            bits = tensor_bits(graph, layer.output, cost.sub.precision.O)
            cost = _unwritten(cost, bits)
        cost = replace(cost, leakage=0.0, cycles=int(schedule.end[n] - schedule.start[n]))
        result = cost.result(graph, layer, int(schedule.start[n]))
        found.append(replace(result, frame=frame, stays=bool(schedule.stays[n])))
    return found


def _unwritten(cost: LayerCost, bits: int) -> LayerCost:
    """The cost without writing the output to the DRAM."""
    dram = cost.sub.dram
    traffic, energy = dict(cost.traffic), dict(cost.energy)
    saved = min(bits, traffic.get((dram.name, "O", "write"), 0))
    traffic[dram.name, "O", "write"] = traffic.get((dram.name, "O", "write"), 0) - saved
    name = f"{dram.name}.O.write"
    energy[name] = energy.get(name, 0.0) - saved * dram.write_energy
    return replace(cost, traffic=traffic, energy=energy)


def summary_of(
    system: System, schedule: Schedule, goal: Goal, latency_bound: int | None
) -> ScheduleSummary:
    """What the result says of the schedule as a whole."""
    instance, makespan = system.instance, schedule.makespan
    busy = {
        name: float((schedule.end - schedule.start)[schedule.machine == number].sum())
        / max(1, makespan)
        for number, name in enumerate(instance.machines)
    }
    return ScheduleSummary(
        schedule.algorithm,
        goal,
        schedule.value(goal),
        schedule.lower_bound,
        schedule.optimal,
        latency_bound,
        execute(instance, schedule).makespan,
        instance.leakage * makespan,
        busy,
        tuple(dram_use(system, schedule)),
        schedule.notes,
    )


def dram_use(system: System, schedule: Schedule) -> list[tuple[int, float]]:
    """(cycle, bits per cycle that the DRAM moves on average from there on), by time."""
    changes: dict[int, float] = {0: 0.0}
    for task in range(system.instance.tasks):
        machine = int(schedule.machine[task])
        rate = system.dram_rate(task, machine, stays=bool(schedule.stays[task]))
        begin, end = int(schedule.start[task]), int(schedule.end[task])
        changes[begin] = changes.get(begin, 0.0) + rate
        changes[end] = changes.get(end, 0.0) - rate
    found: list[tuple[int, float]] = []
    level = 0.0
    for cycle in sorted(changes):
        level += changes[cycle]
        value = max(0.0, round(level, 6))
        if not found or found[-1][1] != value:
            found.append((cycle, value))
    return found
