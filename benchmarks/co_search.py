"""How fast a co-search is: designs per second, and what keeping them costs.

    python benchmarks/co_search.py [--cache DIR] [--designs 4000] [--json PATH]

Two networks (the examples' hardware-w1: a ResNet-9 and a U-Net) on two sub-accelerators. Measured
in one process on one core: designs evaluated with their list schedules, after the layers have been
costed; bounds of designs per second on all cores; the design store's cost of a design in batches of
200; and what Optuna's trial in SQLite costs, told with all notes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from chiploom.search.context import Context, Outcome, Task
from chiploom.search.hardware.descent import sample
from chiploom.search.hardware.exact import ExactHardware
from chiploom.search.study import create_study
from chiploom.search.study_file import load_study

EXAMPLES = Path(__file__).parent.parent / "examples"


def measure(cache: Path | None, count: int) -> dict[str, float]:
    study = load_study(EXAMPLES / "hardware-w1.yaml")
    context = Context(study, cache)
    networks = context.networks([next(n.space.choices()) for n in study.networks])
    begun = time.perf_counter()
    problem = context.problem(networks)
    costed = time.perf_counter() - begun
    random = np.random.default_rng(0)
    designs = [sample(problem, random) for _ in range(count)]
    problem.evaluate(designs[0])
    begun = time.process_time()
    costs = [problem.evaluate(design) for design in designs]
    evaluating = (time.process_time() - begun) / count
    found = {
        "costing_seconds": costed,
        "designs_per_second": 1 / evaluating,
    }
    pairs = [(d, c) for d, c in zip(designs, costs, strict=True) if c is not None]
    with tempfile.TemporaryDirectory() as folder:
        kept = create_study(replace(study, strategy="random"), Path(folder) / "study.db")
        with kept:
            rows = [
                kept.row(0, networks, design, cost, None, {})
                for design, cost in dict(pairs).items()
            ]
            begun = time.perf_counter()
            for at in range(0, len(rows), 200):
                kept.store.add(rows[at : at + 200])
            found["store_ms_per_design"] = 1e3 * (time.perf_counter() - begun) / len(rows)
            trials = 40
            begun = time.perf_counter()
            for number in range(trials):
                trial, _ = kept.ask()
                task = Task(number, networks, "given")
                kept.tell(trial, Outcome(task, tuple(pairs[number : number + 1]), 0), {})
            found["study_ms_per_trial"] = 1e3 * (time.perf_counter() - begun) / trials
    begun = time.perf_counter()
    answer = ExactHardware(problem).solve()
    found["exact_seconds"] = time.perf_counter() - begun
    found["exact_bounded"] = answer.bounded
    found["exact_listed"] = answer.listed
    found["exact_scheduled"] = answer.scheduled
    found["exact_gap"] = answer.gap
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--designs", type=int, default=4000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.cache, options.designs)
    for name, value in found.items():
        print(f"{name:24s} {value:,.4g}")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
