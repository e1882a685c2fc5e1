"""How far the heuristics stop from the optimum, on random realistic instances.

    python benchmarks/scheduling.py [--instances 200] [--seconds 4] [--processes 2] [--json PATH]

Two or three networks of 10 to 12 layers in all with branches, on two to four sub-accelerators; DRAM
contended or not, with and without leakage and releases. `list` is held against `exact`'s makespan,
`hap` against its least energy within a latency bound drawn between the two.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from chiploom.simulator.scheduling.exact import exact
from chiploom.simulator.scheduling.hap import hap
from chiploom.simulator.scheduling.list_scheduler import list_schedule

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "simulator"))
from scheduling_strategies import realistic

NETWORKS = ((5, 5), (4, 4, 3), (6, 6), (4, 3, 3))
PRESSURES = (0.3, 1.0, 3.0)

#: Goals of the mean gap.
GOALS = {"list": 0.05, "hap": 0.03}


def gaps(seed: int, seconds: float) -> dict[str, tuple[float, bool]]:
    """Of one instance (gap, against a proven optimum; else against the proven bound)."""
    draw = np.random.default_rng(9000 + seed)
    instance = realistic(
        draw,
        NETWORKS[seed % 4],
        2 + seed % 3,
        pressure=PRESSURES[seed // 4 % 3],
        releases=seed % 5 == 0,
        leakage=seed % 2 == 1,
    )
    quick = list_schedule(instance)
    best = exact(instance, "makespan", seconds=seconds, hint=quick, workers=1)
    least = best.makespan if best.optimal else best.lower_bound
    found = {"list": (quick.makespan / least - 1, best.optimal)}
    frugal = list_schedule(instance, "energy").makespan
    bound = int(best.makespan + draw.uniform(0.02, 0.9) * max(0, frugal - best.makespan))
    one = hap(instance, bound)
    other = exact(instance, "energy", latency_bound=bound, seconds=seconds, hint=one, workers=1)
    energy = other.energy if other.optimal else other.lower_bound
    found["hap"] = (one.energy / energy - 1, other.optimal)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each exact search")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        measure = partial(gaps, seconds=options.seconds)
        results = list(pool.map(measure, range(options.instances)))
    document, missed = {}, False
    for name, goal in GOALS.items():
        every = [result[name] for result in results]
        proven = [gap for gap, optimal in every if optimal]
        mean = statistics.fmean(gap for gap, _ in every)
        exactly = sum(gap < 1e-6 for gap in proven)
        document[name] = {
            "instances": len(every),
            "proven": len(proven),
            "mean": mean,
            "mean_where_proven": statistics.fmean(proven),
            "worst_where_proven": max(proven),
            "optimal": exactly,
        }
        missed |= mean > goal
        print(
            f"{name}: {len(every)} instances, optimum proven of {len(proven)}: mean gap "
            f"{statistics.fmean(proven):.3%}, worst {max(proven):.2%}, met {exactly}; all against "
            f"the proven bound: mean {mean:.3%} (goal {goal:.0%})"
        )
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
