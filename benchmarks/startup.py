"""How long the command line takes from the first byte to the last, and how much memory.

    python benchmarks/startup.py [--repeats N] [--json PATH]

Every figure is the median of whole processes, run one after the other after one run that is not
counted. Times are also given as multiples of an empty Python process on the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

CHIPLOOM = "import sys; from chiploom.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Task:
    """A command to measure, with the goals that hold for it (seconds, MiB)."""

    name: str
    arguments: tuple[str, ...]
    max_seconds: float | None = None
    max_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over the repeats.

    Attributes:
        seconds: wall time of the whole process; `fastest` of all repeats.
        peak_mib: largest resident memory.
        ratio: seconds as a multiple of an empty Python process.
        good: within its goals; None without goals.
    """

    name: str
    seconds: float
    fastest: float
    peak_mib: float
    ratio: float
    good: bool | None


TASKS = (
    Task("python -c pass", ("-c", "pass")),
    Task("import chiploom", ("-c", "import chiploom")),
    Task("chiploom --help", ("-c", CHIPLOOM, "--help"), max_seconds=0.4),
    Task("chiploom dataflows", ("-c", CHIPLOOM, "dataflows")),
    Task("chiploom inspect resnet50", ("-c", CHIPLOOM, "inspect", "resnet50")),
    Task(
        "chiploom simulate resnet50 --on eyeriss",
        ("-c", CHIPLOOM, "simulate", "resnet50", "--on", "eyeriss"),
        max_seconds=3.0,
        max_mib=400.0,
    ),
)


def once(task: Task) -> tuple[float, float]:
    """Run it: wall seconds and peak MiB of that one process."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *task.arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{task.name}: exit code {process.returncode}")
    return seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def measure(task: Task, repeats: int, empty: float | None) -> Measured:
    once(task)
    runs = [once(task) for _ in range(repeats)]
    seconds = statistics.median(run[0] for run in runs)
    mib = statistics.median(run[1] for run in runs)
    goals = [
        measured <= goal
        for measured, goal in ((seconds, task.max_seconds), (mib, task.max_mib))
        if goal is not None
    ]
    return Measured(
        name=task.name,
        seconds=seconds,
        fastest=min(run[0] for run in runs),
        peak_mib=mib,
        ratio=seconds / (empty or seconds),
        good=all(goals) if goals else None,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: list[Measured] = []
    print(f"{'':42}{'median':>9}{'fastest':>9}{'memory':>10}{'x empty':>9}  goal")
    for task in TASKS:
        result = measure(task, options.repeats, results[0].seconds if results else None)
        results.append(result)
        goal = "" if result.good is None else ("kept" if result.good else "MISSED")
        print(
            f"{result.name:42}{result.seconds:7.2f} s{result.fastest:7.2f} s"
            f"{result.peak_mib:6.0f} MiB{result.ratio:9.1f}  {goal}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    return int(any(result.good is False for result in results))


if __name__ == "__main__":
    sys.exit(main())
