"""Strategies side by side on NASAIC's workloads: what docs/nasaic.md reports.

    python benchmarks/nasaic.py specs w1                   # percentiles, for `tight` specs
    python benchmarks/nasaic.py run w1 --out runs.csv      # every strategy, seeds 0 to 4
    python benchmarks/nasaic.py front w1 --accuracy 0.8    # least of each metric, proven
    python benchmarks/nasaic.py table runs.csv             # Markdown

All runs share a folder of cost tables (--cache), so seconds do not hold the costing of layers where
it has been done before. A run that is in the file is not repeated.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from chiploom.search.candidates import candidates
from chiploom.search.context import Context
from chiploom.search.goals import METRICS, Goals
from chiploom.search.hardware.descent import sample
from chiploom.search.hardware.exact import ExactHardware, minimising
from chiploom.search.run import co_search
from chiploom.search.strategies import STRATEGIES
from chiploom.search.study_file import StudyFile, load_study

EXAMPLES = Path(__file__).parent.parent / "examples"
COLUMNS = (
    "study", "strategy", "seed", "met", "accuracy", "cycles", "energy_pj", "area_mm2", "value",
    "designs", "trials", "seconds", "proven",
)  # fmt: skip
#: Trials of each strategy; NASAIC's episodes are as in the paper.
TRIALS = {"nasaic": 500}
OTHERS = 200
#: Hardware designs in a trial of the sampled strategies.
DESIGNS = 200


def workload(name: str) -> StudyFile:
    return load_study(EXAMPLES / f"{name}.yaml")


def specs(options: argparse.Namespace) -> None:
    """Metrics of random networks on random designs."""
    study = workload(options.study)
    context, random = Context(study, options.cache), np.random.default_rng(0)
    found = []
    for _ in range(options.networks):
        networks = context.networks([n.space.sample(random) for n in study.networks])
        problem = context.problem(networks)
        for _ in range(options.designs):
            costs = problem.evaluate(sample(problem, random))
            if costs is not None:
                found.append([costs.of(metric) for metric in METRICS])
    table = np.array(found)
    print(f"{options.study}: {len(table)} random designs")
    for percentile in (1, 5, 10, 20, 25, 30, 40, 50, 75):
        row = np.percentile(table, percentile, axis=0)
        shown = ", ".join(f"{m} {v:.4g}" for m, v in zip(METRICS, row, strict=True))
        joint = (table <= row).all(axis=1).mean()
        print(f"  {percentile:2d} %: {shown}; {joint:.2%} of the designs meet all three")


def run(options: argparse.Namespace) -> None:
    """Every strategy and seed that the file does not have."""
    out = Path(options.out)
    done = set()
    if out.exists():
        with out.open(newline="") as stream:
            done = {(r["study"], r["strategy"], r["seed"]) for r in csv.DictReader(stream)}
    names = options.strategies or [*STRATEGIES, "exact"]
    with out.open("a", newline="") as stream:
        writer = csv.writer(stream)
        if stream.tell() == 0:
            writer.writerow(COLUMNS)
        for name in names:
            for seed in range(1 if name == "exact" else options.seeds):
                if (options.study, name, str(seed)) in done:
                    continue
                writer.writerow(one(options, name, seed))
                stream.flush()


def one(options: argparse.Namespace, name: str, seed: int) -> list[object]:
    """One study."""
    file = replace(
        workload(options.study),
        strategy=name,
        seed=seed,
        designs=DESIGNS,
        options={},
        seconds=options.seconds if name == "exact" else None,
        trials=None if name == "exact" else TRIALS.get(name, OTHERS),
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        co_search(
            file, db=Path(folder) / "study.db", cache=options.cache, workers=options.workers
        ) as study,
    ):
        ending = study.ending
        best, met = study.best, True
        if best is None:  # the one with the least penalty, of the most accurate networks
            met = False
            known = [d for d in study.store.all() if d.accuracy is not None]
            pool = known or study.store.all()
            best = min(pool, key=lambda d: (d.penalty, -(d.accuracy or 0.0), d.number))
        value = file.goals.value(best_costs(best))
        row = [
            options.study, name, seed, int(met), best.accuracy, best.cycles, best.energy_pj,
            best.area_mm2, value, study.store.count(), len(study.told()),
            round(study.seconds, 1), int(ending.proven),
        ]  # fmt: skip
        print(*row, json.loads(best.networks), flush=True)
        for note in ending.notes:
            print("   ", note, flush=True)
        return row


def best_costs(design):  # type: ignore[no-untyped-def]
    from chiploom.search.study import costs_of

    return costs_of(design)


def front(options: argparse.Namespace) -> None:
    """Least latency, energy and area within the specs of networks of an accuracy at least."""
    study = workload(options.study)
    context = Context(study, options.cache)
    lists = [found for network in study.networks if (found := candidates(network)) is not None]
    rest = [float(one.accuracy[0]) for one in lists]
    for metric in METRICS:
        best = None
        tried = 0
        pairs = [
            (tuple(one.keys[p] for one, p in zip(lists, places, strict=True)), total)
            for places, total in above(lists, rest, options.accuracy)
        ]
        pairs.sort(key=lambda pair: sum(g.macs for g in context.graphs(pair[0])))
        goals = minimising(study.goals, metric)
        for networks, total in pairs[: options.most]:
            problem = context.problem(networks).with_goals(goals)
            answer = ExactHardware(problem, seconds=60).solve()
            tried += 1
            if answer.costs is not None:
                found = answer.costs.of(metric)
                if best is None or found < best[0]:
                    best = found, total, networks, answer
        if best is None:
            print(f"{metric}: none of {tried} combinations meets the specs")
        else:
            print(
                f"{metric}: {best[0]:.6g} at accuracy {best[1]:.4f} ({tried} of {len(pairs)} "
                f"combinations tried), {best[3].costs}, proven for its networks: {best[3].optimal}"
            )


def above(lists, rest, least):  # type: ignore[no-untyped-def]
    """Places of combinations of at least some accuracy."""

    def extend(places, total):  # type: ignore[no-untyped-def]
        n = len(places)
        if n == len(lists):
            yield places, total
            return
        after = sum(rest[n + 1 :])
        for place, accuracy in enumerate(lists[n].accuracy):
            if total + accuracy + after < least:
                return
            yield from extend((*places, place), total + float(accuracy))

    return extend((), 0.0)


def table(options: argparse.Namespace) -> None:
    """Markdown: medians over seeds, and the range of accuracies."""
    with open(options.out, newline="") as stream:
        rows = list(csv.DictReader(stream))
    for study in dict.fromkeys(row["study"] for row in rows):
        goals = workload(study).goals
        mine = [row for row in rows if row["study"] == study]
        optimum = next((float(r["accuracy"]) for r in mine if r["strategy"] == "exact"
                        and r["met"] == "1"), None)  # fmt: skip
        print(f"\n**{study}**: specs {shown_specs(goals)}\n")
        print("| strategy | specs met | accuracy, median (range) | below the optimum | cycles | "
              "energy | area | designs | seconds |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|---|")
        for name in dict.fromkeys(row["strategy"] for row in mine):
            runs = [row for row in mine if row["strategy"] == name]
            print(line(name, runs, optimum))


def line(name: str, runs: list[dict[str, str]], optimum: float | None) -> str:
    def middle(column: str, of: list[dict[str, str]] = runs) -> float:
        return statistics.median(float(row[column]) for row in of)

    known = [row for row in runs if row["accuracy"]]
    met = sum(row["met"] == "1" for row in runs)
    accuracies = [float(row["accuracy"]) for row in known]
    accuracy = f"{statistics.median(accuracies):.4f} ({min(accuracies):.4f} to " \
               f"{max(accuracies):.4f})" if accuracies else "-"  # fmt: skip
    gap = "-"
    if optimum is not None and accuracies:
        gap = f"{optimum - statistics.median(accuracies):+.4f}"
    proven = ", proven" if any(row["proven"] == "1" for row in runs) else ""
    return (
        f"| {name} | {met} of {len(runs)}{proven} | {accuracy} | {gap} | {middle('cycles'):,.0f} | "
        f"{middle('energy_pj') * 1e-6:,.0f} µJ | {middle('area_mm2'):.2f} mm² | "
        f"{middle('designs'):,.0f} | {middle('seconds'):,.0f} |"
    )


def shown_specs(goals: Goals) -> str:
    units = {"latency": "{:,.0f} cycles", "energy": "{:,.0f} pJ", "area": "{:.3g} mm²"}
    return ", ".join(units[m].format(v) for m, v in goals.specs.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, function in (("specs", specs), ("run", run), ("front", front), ("table", table)):
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        if name == "table":
            command.add_argument("out")
            continue
        command.add_argument("study", choices=("w1", "w2", "w3"))
        command.add_argument("--cache", type=Path, default=Path("tables"))
        if name == "specs":
            command.add_argument("--networks", type=int, default=100)
            command.add_argument("--designs", type=int, default=50)
        if name == "front":
            command.add_argument("--accuracy", type=float, required=True)
            command.add_argument("--most", type=int, default=100)
        if name == "run":
            command.add_argument("--out", default="runs.csv")
            command.add_argument("--seeds", type=int, default=5)
            command.add_argument("--seconds", type=float, default=900)
            command.add_argument("--workers", type=int, default=1)
            command.add_argument("--strategies", nargs="+")
    options = parser.parse_args()
    options.function(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
