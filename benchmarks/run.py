"""Every figure of speed in one run, as ratios against the last recorded one, and against peers.

    python benchmarks/run.py [--only WORD] [--quick] [--json PATH]
    python benchmarks/run.py --record --page        # what docs/benchmarks.md shows

Needs `pip install chiploom[bench]` (pyperf keeps the results: `pyperf compare_to OLD NEW` tests
whether a difference is more than noise). Figures are CPU seconds for one unit of work, the median
of some samples. On another machine than the recorded one the ratio is shown again, over that of a
loop that does not change. Peers are measured where they are installed: see benchmarks/peers/.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyperf
from benchmark_page import Row, page
from peers import zigzag_dse as zigzag
from tasks import BENCHMARKS, MACHINE, Benchmark

HERE: Final = Path(__file__).resolve().parent
RECORD: Final = HERE / "record.json"
CLOCK, MEMORY = " (clock)", " (memory)"
PAGE: Final = HERE.parent / "docs" / "benchmarks.md"

#: What is kept of the machine: nothing that names it or a folder of it.
KEEP: Final = ("date", "cpu_model_name", "cpu_count", "load_avg_1min", "platform", "python_version")


def measured(benchmark: Benchmark) -> list[pyperf.Benchmark]:
    """Its CPU seconds; time on the clock and peak memory where it is a whole process."""
    with tempfile.TemporaryDirectory() as folder:
        run = benchmark.prepare(Path(folder))
        if benchmark.repeats:
            run()
        samples = [run() for _ in range(max(1, benchmark.repeats))]
    found = []
    for suffix, unit, values in (
        ("", "second", [one.cpu for one in samples]),
        (CLOCK, "second", [one.clock for one in samples]),
        (MEMORY, "byte", [one.memory for one in samples]),
    ):
        kept = [value for value in values if value is not None]
        if kept:
            found.append(pyperf.Benchmark([suite_run(kept, benchmark.name + suffix, unit)]))
    return found


def suite_run(values: Sequence[float], name: str, unit: str) -> pyperf.Run:
    """Values with a name, and what is worth keeping of the machine."""
    collected = pyperf.Run(values, metadata={"name": name, "unit": unit}).get_metadata()
    metadata = {key: collected[key] for key in (*KEEP, "name", "unit") if key in collected}
    return pyperf.Run(values, metadata=metadata, collect_metadata=False)


def rows(
    suite: pyperf.BenchmarkSuite, before: pyperf.BenchmarkSuite | None, chosen: list[Benchmark]
) -> list[Row]:
    """Every figure beside the recorded one."""
    old = {one.get_name(): one.median() for one in before.get_benchmarks()} if before else {}
    new = {one.get_name(): one.median() for one in suite.get_benchmarks()}
    machine = new[MACHINE] / old[MACHINE] if MACHINE in new and MACHINE in old else None
    found = []
    for benchmark in chosen:
        name = benchmark.name
        found.append(
            Row(
                name=name,
                group=benchmark.group,
                seconds=new[name],
                clock=new.get(name + CLOCK),
                memory=new.get(name + MEMORY),
                ratio=new[name] / old[name] if name in old else None,
                machine=machine,
                goal=benchmark.goal,
                goal_bytes=benchmark.goal_bytes,
            )
        )
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="those whose group or name has this in it")
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--against", type=Path, default=RECORD, help="results of another run")
    parser.add_argument("--json", type=Path, help="write the results, a pyperf suite")
    parser.add_argument("--record", action="store_true", help=f"write them to {RECORD.name}")
    parser.add_argument("--page", action="store_true", help=f"and the tables and plots of {PAGE}")
    return parser.parse_args()


def main() -> int:
    options = parse()
    chosen = [
        one
        for one in BENCHMARKS
        if one.name == MACHINE
        or (options.only in f"{one.group} {one.name}" and (one.repeats or not options.quick))
    ]
    before = pyperf.BenchmarkSuite.load(str(options.against)) if options.against.exists() else None
    results, shown = [], []
    print(Row.header())
    for benchmark in chosen:
        results += measured(benchmark)
        shown = rows(pyperf.BenchmarkSuite(results), before, [*chosen[: len(shown) + 1]])
        print(shown[-1], flush=True)
    suite = pyperf.BenchmarkSuite(results)
    for path in (options.json, RECORD if options.record else None):
        if path is not None:
            suite.dump(str(path), replace=True)
    peers = None
    if not zigzag.installed():
        print("no peer measured; `python benchmarks/peers/zigzag_dse.py --install` installs ZigZag")
    elif not (options.quick or options.only):
        peers = zigzag.compare()
        zigzag.show(peers)
    if options.page:
        page(PAGE, suite, shown, peers)
    return int(any(row.missed for row in shown))


if __name__ == "__main__":
    sys.exit(main())
