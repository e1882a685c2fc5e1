"""chiploom's best mappings beside those of Timeloop and ZigZag, on their hardware and layers.

    python benchmarks/peers/recorded.py [timeloop|zigzag] [--effort normal]

Reads the peers' figures from the folder CHIPLOOM_SHARED (default ../shared, beside the
repository) and prints Markdown tables; `docs/validation.md` explains them. Time is that of the
process, not of the clock on the wall. Exits with 1 where a mapping is worse than the peer's and
the conventions do not explain it.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from chiploom.dataflows import SubAccelerator, load_spec
from chiploom.dataflows.accelerator import Memory
from chiploom.frontend.nest import OPERANDS, LoopNest, Operand, OperandBits
from chiploom.simulator import Objective, Problem, map_nest
from chiploom.simulator.cost import Evaluation, port_time
from chiploom.simulator.mapper import EffortName, Mapped
from chiploom.simulator.mapping import Mapping

HERE: Final = Path(__file__).resolve().parent


def references() -> Path:
    return Path(os.environ.get("CHIPLOOM_SHARED", HERE.parents[2] / "shared")) / "references"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# -- Timeloop ------------------------------------------------------------------------------------
#: C, K, OX, OY, FX, FY, stride of the layers that Timeloop mapped; inputs without padding.
TIMELOOP_LAYERS: Final = {
    "r18_conv1": (3, 64, 112, 112, 7, 7, 2),
    "r18_l1_3x3_64": (64, 64, 56, 56, 3, 3, 1),
    "r18_l2_3x3_128": (128, 128, 28, 28, 3, 3, 1),
    "r18_l3_3x3_256": (256, 256, 14, 14, 3, 3, 1),
    "r18_l4_3x3_512": (512, 512, 7, 7, 3, 3, 1),
    "vgg16_conv3_2": (256, 256, 56, 56, 3, 3, 1),
}

TIMELOOP_MACHINES: Final = {
    "EYE168 RS": "timeloop-eye168.yaml",
    "S256": "timeloop-s256.yaml",
}


@dataclass(frozen=True)
class TimeloopRow:
    """One layer on one of Timeloop's machines.

    Attributes:
        machine, layer: names.
        found: chiploom's best EDP.
        seconds: of the process.
        cycles, energy_uj, edp, cpu_seconds: Timeloop's, None where it was not run; EDP in
            uJ x 10^6 cycles.
    """

    machine: str
    layer: str
    found: Mapped
    seconds: float
    cycles: int | None = None
    energy_uj: float | None = None
    cpu_seconds: float | None = None

    @property
    def own_energy_uj(self) -> float:
        return self.found.value / self.found.cost.cycles / 1e6

    @property
    def own_edp(self) -> float:
        return self.found.value / 1e12

    @property
    def gap(self) -> float:
        return self.found.value / self.found.lower_bound - 1

    @property
    def edp(self) -> float:
        if self.cycles is None or self.energy_uj is None:
            return math.inf
        return self.cycles * self.energy_uj / 1e6


def timeloop_machine(machine: str) -> SubAccelerator:
    return load_spec(str(HERE.parent / "data" / TIMELOOP_MACHINES[machine])).sub_accelerators[0]


def timeloop_problem(machine: str, layer: str) -> Problem:
    c, k, ox, oy, fx, fy, stride = TIMELOOP_LAYERS[layer]
    extent = (stride * (oy - 1) + fy, stride * (ox - 1) + fx)
    nest = LoopNest((1, 1, k, c, oy, ox, fy, fx), (stride, stride), (1, 1), (0, 0), extent)
    return Problem(nest, OperandBits(16, 16, 16), 16, timeloop_machine(machine))


def timeloop(folder: Path, effort: EffortName) -> Iterator[TimeloopRow]:
    """Every row of Timeloop's figures, then the layers it was not run on."""
    seen = set()
    for row in rows_of(folder / "timeloop" / "ref.csv"):
        machine = row["hardware"].split(",")[0]
        seen.add((machine, row["layer"]))
        found, seconds = timed(timeloop_problem(machine, row["layer"]), "edp", effort)
        yield TimeloopRow(
            row["hardware"], row["layer"], found, seconds,
            int(row["cycles"]), float(row["energy_uj"]), float(row["cpu_s"]),
        )  # fmt: skip
    for machine in TIMELOOP_MACHINES:
        for layer in TIMELOOP_LAYERS:
            if (machine, layer) not in seen:
                found, seconds = timed(timeloop_problem(machine, layer), "edp", effort)
                yield TimeloopRow(machine, layer, found, seconds)


def timed(problem: Problem, objective: Objective, effort: EffortName) -> tuple[Mapped, float]:
    before = time.process_time()
    found = map_nest(problem, objective, effort)
    return found, time.process_time() - before


def print_timeloop(folder: Path, effort: EffortName) -> int:
    print(f"\nTimeloop, best EDP (uJ x 10^6 cycles), effort {effort}\n")
    print(
        "| machine | layer | cycles | uJ | EDP | gap | CPU-s "
        "| Timeloop: cycles | uJ | EDP | CPU-s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    worse = 0
    for row in timeloop(folder, effort):
        theirs = "- | - | - | -"
        if row.cycles is not None:
            theirs = (
                f"{row.cycles:,} | {row.energy_uj:,.1f} | {row.edp:,.0f} | {row.cpu_seconds:.1f}"
            )
        gap = "optimal" if row.found.optimal else f"{row.gap:.2%}"
        print(
            f"| {row.machine} | {row.layer} | {row.found.cost.cycles:,} | {row.own_energy_uj:,.1f} "
            f"| {row.own_edp:,.0f} | {gap} | {row.seconds:.2f} | {theirs} |"
        )
        worse += row.own_edp > row.edp
    return worse


# -- ZigZag --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ZigZagRow:
    """One layer on one of ZigZag's machines, for one objective.

    Attributes:
        machine, layer, objective: names.
        count: layers of the network with this shape.
        found: chiploom's best.
        seconds: of the process.
        cycles, energy: ZigZag's best for the objective.
        port_bound: cycles that the DRAM's one port takes for every operand once; no mapping is
            faster.
        alike: cycles of chiploom's mapping counted with ZigZag's conventions, see
            `ZigZagConventions`.
    """

    machine: str
    layer: str
    objective: Objective
    count: int
    found: Mapped
    seconds: float
    cycles: float
    energy: float
    port_bound: int
    alike: int

    @property
    def own_energy(self) -> float:
        """pJ, multiply-accumulates included; only where the objective counts it."""
        return self.found.value / (self.found.cost.cycles if self.objective == "edp" else 1)

    @property
    def theirs(self) -> float:
        match self.objective:
            case "latency":
                return self.cycles
            case "energy":
                return self.energy
            case "edp":
                return self.cycles * self.energy

    @property
    def ratio(self) -> float:
        return self.found.value / self.theirs

    @property
    def ratio_alike(self) -> float:
        """The ratio with cycles by ZigZag's conventions."""
        if self.objective == "energy":
            return self.ratio
        return self.ratio * self.alike / self.found.cost.cycles

    @property
    def impossible(self) -> bool:
        """ZigZag's cycles are fewer than the DRAM's port needs."""
        return self.cycles < self.port_bound

    @property
    def explained(self) -> bool:
        return self.ratio <= 1 or self.ratio_alike <= 1 or self.impossible


class ZigZagConventions(Evaluation):
    """Cycles of a mapping where two things are counted as ZigZag counts them.

    The first tiles of W and of I come in at the same time even where they share a port (here: one
    after the other); and the exchange of an output register that has no room for two takes no time
    (here: the PEs wait for it).
    """

    def __init__(self, problem: Problem, mapping: Mapping) -> None:
        super().__init__(problem, mapping)
        self.first: dict[Operand, float] = dict.fromkeys(OPERANDS, 0.0)
        self.exchange = 0.0

    def _first_tile(self, operand: Operand, level: int, child: Memory, parent: Memory) -> None:
        before = self.around
        super()._first_tile(operand, level, child, parent)
        self.first[operand] += self.around - before

    def _stall(self, operand: Operand, level: int, child: Memory, parent: Memory) -> None:
        before = self.serial[child.name]
        super()._stall(operand, level, child, parent)
        if operand == "O" and level == 0:
            self.exchange += self.serial[child.name] - before
            self.serial[child.name] = before

    def cycles(self) -> int:
        self.time()
        skew = self.sub.skew.cycles * self._folds()
        time = float(self.compute_cycles() + skew)
        for memory in self.sub.memories:
            time += self.serial[memory.name]
            busy = port_time(memory, self.read[memory.name], self.written[memory.name])
            time = max(time, busy)
        return math.ceil(self.around - min(self.first["W"], self.first["I"]) + time)


def zigzag_problem(row: dict[str, str], sub: SubAccelerator) -> Problem:
    def size(name: str) -> int:
        return int(row[name])

    pads = json.loads(row["pads"]) if row["pads"] else [0, 0]
    nest = LoopNest(
        (
            size("B"), size("G"), size("K/G"), size("C/G"),
            size("OY"), size("OX"), size("FY"), size("FX"),
        ),
        (size("SY"), size("SX")),
        (1, 1),
        (pads[0], pads[1]),
        (size("IY"), size("IX")),
    )  # fmt: skip
    return Problem(nest, OperandBits(8, 8, 8), 16, sub)


def zigzag(
    folder: Path, effort: EffortName, objectives: tuple[Objective, ...]
) -> Iterator[ZigZagRow]:
    """Every distinct layer on both machines."""
    layers = {row["node"]: row for row in rows_of(folder / "zigzag" / "workload_resnet18.csv")}
    for machine in ("tpu", "eyeriss"):
        (sub,) = load_spec(f"zigzag-{machine}-like").sub_accelerators
        alike: dict[LoopNest, list[dict[str, str]]] = {}
        for row in rows_of(folder / "zigzag" / f"resnet18_{machine}_like.csv"):
            alike.setdefault(zigzag_problem(layers[row["id"]], sub).nest, []).append(row)
        for nest, rows in alike.items():
            problem = Problem(nest, OperandBits(8, 8, 8), 16, sub)
            moved = sum(8 * nest.elements(operand) for operand in OPERANDS)
            for objective in objectives:
                kind = {"latency": "bestlat", "energy": "bestEn", "edp": "bestEDP"}[objective]
                found, seconds = timed(problem, objective, effort)
                yield ZigZagRow(
                    f"{machine}-like",
                    layers[rows[0]["id"]]["name"].strip("/"),
                    objective,
                    len(rows),
                    found,
                    seconds,
                    float(rows[0][f"{kind}_latency"]),
                    float(rows[0][f"{kind}_energy"]),
                    math.ceil(moved / sub.dram.read_bandwidth),
                    ZigZagConventions(problem, found.mapping).cycles(),
                )


def print_zigzag(folder: Path, effort: EffortName) -> int:
    rows = list(zigzag(folder, effort, get_args(Objective)))
    for machine in dict.fromkeys(row.machine for row in rows):
        for objective in ("energy", "latency", "edp"):
            here = [r for r in rows if r.machine == machine and r.objective == objective]
            print_objective(machine, objective, here, effort)
    return sum(not row.explained for row in rows)


def print_objective(
    machine: str, objective: str, rows: list[ZigZagRow], effort: EffortName
) -> None:
    seconds = sum(row.seconds for row in rows)
    print(f"\nZigZag {machine}, best {objective}, effort {effort}, {seconds:.2f} CPU-s\n")
    if objective == "energy":
        print("| layer | | uJ | ZigZag | ratio | gap |\n|---|---|---|---|---|---|")
    else:
        print("| layer | | cycles | ZigZag | ratio | gap | alike | ratio | DRAM port | |")
        print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        gap = (
            "optimal" if row.found.optimal else f"{row.found.value / row.found.lower_bound - 1:.2%}"
        )
        if objective == "energy":
            print(
                f"| {row.layer} | {row.count} | {row.own_energy / 1e6:.2f} "
                f"| {row.energy / 1e6:.2f} | {row.ratio:.4f} | {gap} |"
            )
            continue
        note = (
            "" if row.ratio <= 1 else "ZigZag below the port" if row.impossible else "conventions"
        )
        note = note if row.explained else "WORSE"
        print(
            f"| {row.layer} | {row.count} | {row.found.cost.cycles:,} | {row.cycles:,.0f} "
            f"| {row.ratio:.4f} | {gap} | {row.alike:,} | {row.ratio_alike:.4f} "
            f"| {row.port_bound:,} | {note} |"
        )
    ours, theirs = (
        sum(row.count * value for row, value in zip(rows, values, strict=True))
        for values in ([r.found.value for r in rows], [r.theirs for r in rows])
    )
    print(f"\nSum over the network: {ours / theirs:.4f} of ZigZag's")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", nargs="?", choices=("timeloop", "zigzag"))
    parser.add_argument("--effort", default="normal", choices=get_args(EffortName))
    chosen = parser.parse_args()
    folder = references()
    if not folder.is_dir():
        print(f"no figures of peers at {folder}; set CHIPLOOM_SHARED to the folder that has them")
        return 0
    worse = 0
    if chosen.peer != "zigzag":
        worse += print_timeloop(folder, chosen.effort)
    if chosen.peer != "timeloop":
        worse += print_zigzag(folder, chosen.effort)
    print(f"\n{worse} worse than the peer without an explanation")
    return worse > 0


if __name__ == "__main__":
    sys.exit(main())
