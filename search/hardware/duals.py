"""Lower bounds of designs, by the million: Lagrangian relaxation of assignment and makespan.

A design's layers take the cheapest assignment to its machines, if cycles of a task on machine m
cost lambda_m, and kappa_p more where it lies on path p: with weights w of energy, makespan and
area, leakage l, specs L and E, and multipliers lambda, kappa, nu >= 0 with
sum(lambda) + sum(kappa) >= c = w_L + (w_E + nu) l,

    value >= w_A area - (sum(lambda) + sum(kappa) - c) L - nu E
             + min over assignments of the sum of (w_E + nu) energy + (lambda_m + kappa_p) cycles

since the load of every machine, and the length of every path of dependent tasks, is at most the
makespan, which is at most L. There is one path for every network, its longest. Tensors that stay on
chip couple tasks along feeders, so the minimum is by dynamic programming along them. Multipliers
are sought by Polyak's subgradient steps towards the cutoff, from those of the design before: most
designs are ruled out by the first evaluation.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from ..compiled import compiled

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

#: Stands for infinite costs, so that 0 times it is 0.
HUGE = 1e30
#: Subgradient steps for one design at most.
STEPS = 40


@compiled()
def relaxed(
    rows: Any,
    energy: Any,
    cycles: Any,
    stay_energy: Any,
    stay_cycles: Any,
    feeder: Any,
    feeds: Any,
    path: Any,
    price: float,
    multipliers: Any,
    least: Any,
    loads: Any,
    totals: Any,
) -> float:
    """The minimum, and into `totals` the loads of machines, lengths of paths and, last, energy.

    Args:
        rows: (m,) row of each machine's option in the tables (rows, T).
        feeder: (T,). feeds: (T,) whether the task is another one's feeder.
        path: (T,) number of the path that a task lies on, -1 none.
        price: of a pJ. multipliers: (m + paths + 1,) of cycles.
        least: (T, m), loads: (T, m, m + paths + 1): to work in.
    """  # fmt: skip
    machines = len(rows)
    last = len(totals) - 1
    total = 0.0
    for n in range(last + 1):
        totals[n] = 0.0
    for task in range(len(feeder)):
        before = feeder[task]
        there = 0
        if before >= 0:
            for m in range(1, machines):
                if least[before, m] < least[before, there]:
                    there = m
        best = 0
        along = 0.0 if path[task] < 0 else multipliers[machines + path[task]]
        for m in range(machines):
            row = rows[m]
            more, takes = energy[row, task], cycles[row, task]
            cost = price * more + (multipliers[m] + along) * takes
            if before < 0:
                for n in range(last + 1):
                    loads[task, m, n] = 0.0
            else:
                origin = there
                cost += least[before, there]
                staying = (
                    price * stay_energy[row, task]
                    + (multipliers[m] + along) * stay_cycles[row, task]
                    + least[before, m]
                )
                if staying < cost:
                    cost, origin = staying, m
                    more, takes = stay_energy[row, task], stay_cycles[row, task]
                for n in range(last + 1):
                    loads[task, m, n] = loads[before, origin, n]
            least[task, m] = cost
            loads[task, m, m] += takes
            loads[task, m, last] += more
            if path[task] >= 0:
                loads[task, m, machines + path[task]] += takes
            if cost < least[task, best]:
                best = m
        if not feeds[task]:
            total += least[task, best]
            for n in range(last + 1):
                totals[n] += loads[task, best, n]
    return total


@compiled()
def bound(
    rows: Any,
    tables: Any,
    tasks: Any,
    leakage: float,
    constant: float,
    weights: Any,
    specs: Any,
    cutoff: float,
    steps: int,
    state: Any,
    work: Any,
) -> float:
    """A lower bound of a design's value; at least the cutoff where it is proven to be.

    Args:
        tables: energy, cycles, and both where the input stays, (rows, T) each.
        tasks: feeder, whether it feeds another, and path of each task.
        leakage: of the design, pJ per cycle. constant: what its area adds to the value.
        weights: of a pJ and a cycle. specs: most cycles and pJ, finite.
        state: (m + paths + 1,) multipliers, of cycles and last of the energy spec: where to begin,
            and after it where the best bound was.
    """  # fmt: skip
    energy, cycles, stay_energy, stay_cycles = tables
    feeder, feeds, path = tasks
    least, loads, totals = work
    last = len(state) - 1
    now = state.copy()
    best = -np.inf
    for _ in range(steps):
        price = weights[0] + now[last]
        floor = weights[1] + price * leakage
        over = -floor
        for n in range(last):
            over += now[n]
        if over < 0:
            for n in range(last):
                now[n] -= over / last
            over = 0.0
        found = relaxed(
            rows, energy, cycles, stay_energy, stay_cycles, feeder, feeds, path, price, now,
            least, loads, totals,
        )  # fmt: skip
        value = constant + found - over * specs[0] - now[last] * specs[1]
        # Sums in floating point are not exact.
        value -= 1e-11 * (abs(found) + over * specs[0] + now[last] * specs[1])
        if value > best:
            best = value
            state[:] = now
        if best >= cutoff:
            return best
        # Where the makespan's whole price is spread over its bounds, only moves among those.
        mean, active = 0.0, 0
        longest = 0.0
        for n in range(last):
            longest = max(longest, totals[n])
        for n in range(last):
            if now[n] > 0.0 or totals[n] == longest:
                mean += totals[n]
                active += 1
        mean /= active
        level = specs[0] if over > 1e-12 * floor or longest > specs[0] else mean
        square = 0.0
        for n in range(last):
            totals[n] -= level
            if now[n] == 0.0 and totals[n] < 0.0:
                totals[n] = 0.0
            square += totals[n] * totals[n]
        slope = totals[last] + leakage * specs[0] - specs[1]
        if specs[1] >= HUGE or (slope < 0 and now[last] == 0.0):
            slope = 0.0
        # Scaled so that a step in either direction means the same.
        scale = specs[0] / specs[1] if specs[1] < HUGE else 0.0
        square += (slope * scale) ** 2
        if square <= 0.0:
            return best
        step = (cutoff - value) / square
        for n in range(last):
            now[n] = max(0.0, now[n] + step * totals[n])
        now[last] = max(0.0, now[last] + step * slope * scale * scale)
    return best


@compiled(parallel=True)
def bound_pairs(
    fixed: Any,
    first: Any,
    second: Any,
    ordered: bool,
    tables: Any,
    tasks: Any,
    paths: int,
    takes: Any,
    room: Any,
    fixed_takes: Any,
    weights: Any,
    specs: Any,
    cutoff: float,
    most: int,
) -> Any:
    """Bounds of all pairs of options for the last two machines.

    Args:
        fixed: rows of the machines before them.
        first, second: rows to choose from. ordered: whether the two are alike, so that of (a, b)
            and (b, a) only the one with a before b counts.
        takes: (rows, columns) of every option: leakage, value of its area, and what there is only
            so much of: PEs, part of the DRAM, area, resources of an FPGA.
        room: of these, most that all may take together. fixed_takes: (columns,) of those before.
        cutoff: pairs whose bound reaches it are left out.
        most: pairs that are kept of one row of `first`, those with the least bounds.

    Returns:
        (first, most) bounds, infinite where there is none, the rows of `second`, and (first,) the
        least bound of those that found no place, and how many pairs were looked at.
    """  # fmt: skip
    count = len(first)
    bounds = np.full((count, most), np.inf)
    chosen = np.zeros((count, most), np.int64)
    dropped = np.full(count, np.inf)
    looked = np.zeros(count, np.int64)
    machines = len(fixed) + 2
    count_tasks = tables[0].shape[1]
    size = machines + paths + 1
    for a in nb.prange(count):
        rows = np.empty(machines, np.int64)
        rows[: machines - 2] = fixed
        rows[machines - 2] = first[a]
        state = np.zeros(size)
        work = (
            np.empty((count_tasks, machines)),
            np.empty((count_tasks, machines, size)),
            np.empty(size),
        )
        kept = 0
        mine = takes[first[a]]
        for b in range(a if ordered else 0, len(second)):
            other = takes[second[b]]
            fits = True
            for r in range(len(room)):
                if fixed_takes[2 + r] + mine[2 + r] + other[2 + r] > room[r]:
                    fits = False
            if not fits:
                continue
            looked[a] += 1
            rows[machines - 1] = second[b]
            leakage = fixed_takes[0] + mine[0] + other[0]
            constant = fixed_takes[1] + mine[1] + other[1]
            found = bound(
                rows, tables, tasks, leakage, constant, weights, specs, cutoff, STEPS, state, work,
            )  # fmt: skip
            if found >= cutoff:
                continue
            if kept < most:
                bounds[a, kept], chosen[a, kept] = found, second[b]
                kept += 1
                continue
            worst = 0
            for at in range(1, most):
                if bounds[a, at] > bounds[a, worst]:
                    worst = at
            if found < bounds[a, worst]:
                dropped[a] = min(dropped[a], bounds[a, worst])
                bounds[a, worst], chosen[a, worst] = found, second[b]
            else:
                dropped[a] = min(dropped[a], found)
    return bounds, chosen, dropped, looked
