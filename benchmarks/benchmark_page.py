"""Tables in the terminal and in docs/benchmarks.md, and the plots beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyperf
from peers.zigzag_dse import Comparison

#: The part of the page that is written anew lies between these lines.
BEGIN: Final = "<!-- measured: written by benchmarks/run.py --page -->"
END: Final = "<!-- end of measured -->"

UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def seconds(value: float) -> str:
    """With three digits, in the unit that fits."""
    factor, unit = next((x for x in UNITS if value >= x[0]), UNITS[-1])
    return f"{value / factor:.3g} {unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside the recorded one.

    Attributes:
        seconds: of CPU time for one unit, median.
        clock, memory: of a whole process, seconds on the clock and bytes.
        ratio: to the recorded figure; None where there is none.
        machine: ratio of the loop that never changes: how much slower this machine is.
        goal, goal_bytes: at most.
    """

    name: str
    group: str
    seconds: float
    clock: float | None
    memory: float | None
    ratio: float | None
    machine: float | None
    goal: float | None
    goal_bytes: int | None

    @property
    def missed(self) -> bool:
        return (self.goal is not None and (self.clock or self.seconds) > self.goal) or (
            self.goal_bytes is not None and (self.memory or 0) > self.goal_bytes
        )

    @property
    def rate(self) -> str:
        """Units in a CPU second, where that says something."""
        return "" if self.clock or self.seconds > 0.1 else f"{1 / self.seconds:,.0f} / s"

    def cells(self) -> tuple[str, ...]:
        ratio = adjusted = "-"
        if self.ratio is not None:
            ratio = f"{self.ratio:.2f}"
            adjusted = f"{self.ratio / self.machine:.2f}" if self.machine else "-"
        goal = "" if self.goal is None else seconds(self.goal)
        if self.goal_bytes is not None:
            goal += f", {self.goal_bytes / 2**20:.0f} MiB"
        memory = "" if self.memory is None else f"{self.memory / 2**20:.0f} MiB"
        clock = "" if self.clock is None else seconds(self.clock)
        times = (seconds(self.seconds), self.rate or clock)
        missed = "missed" if self.missed else ""
        return (self.name, *times, memory, goal, ratio, adjusted, missed)

    @staticmethod
    def header() -> str:
        return Row.line(
            ("CPU time for one", "", "rate/clock", "memory", "goal", "ratio", "/ machine", "")
        )  # fmt: skip

    @staticmethod
    def line(cells: tuple[str, ...]) -> str:
        widths = (52, 9, 12, 9, 16, 7, 10, 7)
        first, *rest = (
            f"{cell:{'<' if n == 0 else '>'}{width}}"
            for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return first + "".join(rest)

    def __str__(self) -> str:
        return Row.line(self.cells())


def page(
    path: Path, suite: pyperf.BenchmarkSuite, rows: list[Row], peers: list[Comparison] | None
) -> None:
    """Write the measured part of the page anew, and its plots."""
    text = path.read_text()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    metadata = suite.get_benchmarks()[0].get_metadata()
    kept = [
        f"{metadata['cpu_model_name']}, {metadata['cpu_count']} cores, Python "
        f"{metadata['python_version'].split()[0]}, {metadata['date'][:10]}.",
        "",
        "| | CPU time | rate, or time on the clock | memory | goal | |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        name, cpu, other, memory, goal, _, _, missed = row.cells()
        kept.append(f"| {name} | {cpu} | {other} | {memory} | {goal} | {missed} |")
    kept += ["", "![CPU seconds for one unit of work, with the goals](benchmarks.svg)"]
    plot(rows, path.with_suffix(".svg"))
    if peers:
        kept += ["", *peer_table(peers)]
    path.write_text(f"{head}{BEGIN}\n\n" + "\n".join(kept) + f"\n\n{END}{tail}")


def peer_table(peers: list[Comparison]) -> list[str]:
    lines = [
        "| ZigZag's machine | layers | ZigZag | chiploom | time | EDP by layer | with its "
        "conventions | over the network |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for one in peers:
        spans = [
            f"{min(ratios):.2f} to {max(ratios):.2f}"
            for ratios in ([x.ratio for x in one.each], [x.ratio_alike for x in one.each])
        ]
        lines.append(
            f"| {one.machine} | {len(one.each)} | {seconds(one.their_seconds)} "
            f"| {seconds(one.our_seconds)} | {one.their_seconds / one.our_seconds:,.0f} x less "
            f"| {spans[0]} | {spans[1]} | {one.over_network:.3f} |"
        )
    return lines


def plot(rows: list[Row], path: Path) -> None:
    """Every figure as a dot on one axis of time, its goal as a bar."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams |= {"svg.hashsalt": "chiploom", "svg.fonttype": "none"}
    rows = rows[::-1]
    figure, axis = pyplot.subplots(figsize=(9, 0.3 * len(rows) + 1), layout="constrained")
    groups = list(dict.fromkeys(row.group for row in rows))
    for at, row in enumerate(rows):
        axis.plot(row.seconds, at, "o", color=f"C{groups.index(row.group)}")
        if row.goal is not None:
            axis.plot(row.goal, at, "|", color="0.5", markersize=14, markeredgewidth=2)
    axis.set_xscale("log")
    axis.set_yticks(range(len(rows)), [row.name for row in rows])
    axis.set_xlabel("CPU seconds for one (dot), and the goal (bar)")
    axis.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
