"""How fast the mapper decides, what it decides, and how its time grows.

    python benchmarks/mapper.py [--effort normal] [--growth docs/growth.svg] [--json PATH]

Times are CPU seconds of the process (the least of some repeats), so that a busy machine does not
count; only the comparison of threads needs the clock on the wall. The plot needs matplotlib
(`pip install chiploom[bench]`).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from mapspace_size import count_candidates

import chiploom
from chiploom.dataflows import SubAccelerator, load_spec
from chiploom.dataflows.accelerator import Axis, Memory, Precision, VectorUnit
from chiploom.frontend.graph import ComputeLayer
from chiploom.frontend.nest import DIMS, OPERANDS, LoopNest, OperandBits
from chiploom.simulator import Objective, Problem, map_nest
from chiploom.simulator.mapper import EFFORTS, EffortName, Mapped, tile_candidates, tile_sizes
from chiploom.simulator.mapping import Mapping
from chiploom.simulator.spatial import unrollings

#: Goals: CPU seconds, decisions and pairs per CPU second, speed-up.
RESNET18_SECONDS: Final = 1.0
DECISIONS: Final = 5e6
PAIRS: Final = 2000.0
TWO_THREADS: Final = 1.7


def cpu_seconds(task: Callable[[], object], repeats: int = 3) -> float:
    """The least of some repeats."""
    times = []
    for _ in range(repeats):
        before = time.process_time()
        task()
        times.append(time.process_time() - before)
    return min(times)


def layers_of(model: str) -> list[tuple[str, LoopNest]]:
    """The distinct multiply-accumulate layers of a shipped network, in its order."""
    found: dict[LoopNest, str] = {}
    for layer in chiploom.load_onnx(model).layers:
        if isinstance(layer, ComputeLayer):
            found.setdefault(layer.nest, layer.name)
    return [(name, nest) for nest, name in found.items()]


# -- tasks ---------------------------------------------------------------------------------------
BITS: Final = OperandBits(8, 8, 8)

#: More tile sizes than any dim of these layers has.
MANY: Final = 1000


def resnet18(effort: EffortName) -> dict[str, Any]:
    """ResNet-18 on `zigzag-eyeriss-like`: certified, how fast, how many candidates."""
    (sub,) = load_spec("zigzag-eyeriss-like").sub_accelerators
    nests = [nest for _, nest in layers_of("resnet18")]
    problems = [Problem(nest, BITS, 16, sub) for nest in nests]
    found: dict[str, Any] = {"layers": len(problems)}
    candidates = [count_candidates(problem, effort) for problem in problems]
    found["mappings"] = sum(c.mappings for c in candidates)
    found["classes"] = sum(c.classes for c in candidates)
    for objective in get_args(Objective):
        answers: list[Mapped] = []

        def run(objective: Objective = objective, answers: list[Mapped] = answers) -> None:
            answers[:] = [fresh(problem, objective, effort) for problem in problems]

        seconds = cpu_seconds(run)
        found[objective] = {
            "seconds": seconds,
            "certified": sum(answer.optimal for answer in answers),
            "largest_gap": max(answer.value / answer.lower_bound - 1 for answer in answers),
            "mappings_per_second": found["mappings"] / seconds,
            "classes_per_second": found["classes"] / seconds,
        }
    return found


def fresh(problem: Problem, objective: Objective, effort: EffortName) -> Mapped:
    """Map a problem that nothing is remembered of."""
    return map_nest(
        Problem(problem.nest, problem.bits, problem.psum_bits, problem.sub, problem.leakage),
        objective,
        effort,
    )


def cifar_nests(count: int, seed: int = 1) -> list[LoopNest]:
    """Distinct convolutions of the sizes that networks for 32 x 32 images have."""
    draw, found = random.Random(seed), dict[LoopNest, None]()
    while len(found) < count:
        side = draw.choice([32, 16, 8, 4])
        taps = draw.choice([1, 3, 3, 5])
        k, c = (8 * draw.randint(1, 32) for _ in range(2))
        pad = taps // 2
        found[
            LoopNest((1, 1, k, c, side, side, taps, taps), (1, 1), (1, 1), (pad, pad), (side, side))
        ] = None
    return list(found)


def pairs(effort: EffortName, objective: Objective = "edp") -> dict[str, Any]:
    """Certified (layer, accelerator) pairs per CPU second, CIFAR-sized."""
    found = {}
    for spec in ("nvdla-small", "shidiannao", "eyeriss"):
        (sub,) = load_spec(spec).sub_accelerators
        widths = OperandBits(*(min(8, most) for most in (sub.precision.W, sub.precision.I, 8)))
        problems = [Problem(nest, widths, sub.precision.psum, sub) for nest in cifar_nests(60)]
        answers: list[Mapped] = []

        def run(problems: list[Problem] = problems, answers: list[Mapped] = answers) -> None:
            answers[:] = [fresh(problem, objective, effort) for problem in problems]

        seconds = cpu_seconds(run)
        found[f"{spec} ({sub.template})"] = {
            "pairs_per_second": len(problems) / seconds,
            "certified": sum(answer.optimal for answer in answers) / len(answers),
        }
    return found


def threads(effort: EffortName, rounds: int = 5) -> float:
    """How much faster two threads are than one; the best of some rounds, taken in turns."""
    subs = [load_spec(name).sub_accelerators[0] for name in ("zigzag-eyeriss-like", "eyeriss")]
    nests = [nest for _, nest in layers_of("resnet18")]
    problems = [Problem(nest, BITS, 16, sub) for sub in subs for nest in nests]
    taken: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for count in (1, 2):
            before = time.perf_counter()
            with ThreadPoolExecutor(count) as pool:
                list(pool.map(lambda problem: fresh(problem, "edp", effort), problems))
            taken[count].append(time.perf_counter() - before)
    return min(taken[1]) / min(taken[2])


# -- growth --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Series:
    """CPU seconds against a size.

    Attributes:
        against: what the sizes count; series that share it share a plot.
        name: of this one.
        certified: share of the problems whose optimum is proven, per size.
    """

    against: str
    name: str
    sizes: list[int]
    seconds: list[float]
    certified: list[float]

    @property
    def fit(self) -> tuple[float, float]:
        """(exponent, factor) of the power law that fits best."""
        exponent, start = np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)
        return float(exponent), math.exp(start)


def measured(
    against: str,
    name: str,
    sizes: list[int],
    problems: Callable[[int], list[Problem]],
    effort: EffortName,
) -> Series:
    """Map the problems of every size for EDP."""
    seconds, certified = [], []
    for size in sizes:
        asked, answers = problems(size), list[Mapped]()

        def run(asked: list[Problem] = asked, answers: list[Mapped] = answers) -> None:
            answers[:] = [fresh(problem, "edp", effort) for problem in asked]

        seconds.append(cpu_seconds(run, 2))
        certified.append(sum(answer.optimal for answer in answers) / len(answers))
    return Series(against, name, sizes, seconds, certified)


def growth_series(effort: EffortName) -> list[Series]:
    """Against layers of a network, buffer levels of a machine, and variants of a machine."""
    (sub,) = load_spec("zigzag-eyeriss-like").sub_accelerators
    nests, levels = cifar_nests(256), [2, 3, 4, 5, 6]
    small = [nest for nest in nests if unthinned(nest, levelled(levels[-1]))][:16]
    return [
        measured(
            "distinct layers",
            f"effort {effort}",
            [8, 16, 32, 64, 128, 256],
            lambda n: [Problem(nest, BITS, 16, sub) for nest in nests[:n]],
            effort,
        ),
        measured(
            "on-chip memories, each for W, I and O",
            f"effort {effort}",
            levels,
            lambda n: [Problem(nest, BITS, 16, levelled(n)) for nest in nests[:16]],
            effort,
        ),
        measured(
            "on-chip memories, each for W, I and O",
            "no tile size left out",
            levels,
            lambda n: [Problem(nest, BITS, 16, levelled(n)) for nest in small],
            "thorough",
        ),
        measured(
            "accelerator variants",
            f"effort {effort}",
            [4, 8, 16, 32, 64, 128],
            lambda n: [Problem(nest, BITS, 16, v) for v in variants(sub, n) for nest in nests[:4]],
            effort,
        ),
    ]


def unthinned(nest: LoopNest, sub: SubAccelerator) -> bool:
    """Whether `thorough` leaves no tile size out."""
    problem = Problem(nest, BITS, 16, sub)
    for spatial in unrollings(nest, sub):
        probe = Mapping.in_space(spatial)
        steps = [probe.steps(nest, dim) for dim in DIMS]
        kept = tile_sizes(problem, steps, EFFORTS["thorough"])
        if any(
            len(tile_candidates(count, MANY)) > len(sizes)
            for count, sizes in zip(steps, kept, strict=True)
        ):
            return False
    return True


def levelled(count: int) -> SubAccelerator:
    """8 x 8 PEs with `count` on-chip memories for all operands, each 8 times the last; the
    innermost one is in every PE.
    """
    axes = (Axis("row", 8, ("C",)), Axis("column", 8, ("K",)))
    shared = ("row", "column")
    memories = [
        Memory(
            f"m{level}",
            OPERANDS,
            size_bits=4096 * 8**level,
            shared=shared if level else (),
            read_bandwidth=1024.0,
            write_bandwidth=1024.0,
            read_energy=0.02 * 2**level,
            write_energy=0.02 * 2**level,
        )
        for level in range(count)
    ]
    dram = Memory(
        "dram", OPERANDS, None, shared, 64.0, 64.0, True, read_energy=4.0, write_energy=4.0
    )
    return SubAccelerator(
        "levels", "", axes, (*memories, dram), Precision(8, 8, 8, 16), 0.2, VectorUnit(8)
    )


def variants(sub: SubAccelerator, count: int) -> list[SubAccelerator]:
    """Other sizes and bandwidths of the memories."""
    draw = random.Random(1)

    def other(memory: Memory) -> Memory:
        size = None if memory.size_bits is None else memory.size_bits * draw.choice([1, 2, 4])
        factor = draw.choice([0.5, 1.0, 2.0, 4.0])
        return replace(
            memory,
            size_bits=size,
            read_bandwidth=memory.read_bandwidth * factor,
            write_bandwidth=memory.write_bandwidth * factor,
        )

    return [replace(sub, memories=tuple(map(other, sub.memories))) for _ in range(count)]


def plot(series: list[Series], path: Path) -> None:
    """Times against sizes, with the fitted power laws."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.rcParams |= {"svg.hashsalt": "chiploom", "svg.fonttype": "none"}
    panels = list(dict.fromkeys(one.against for one in series))
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(11, 3.4), layout="constrained", sharey=True
    )
    for axis, against in zip(axes, panels, strict=True):
        for number, one in enumerate(s for s in series if s.against == against):
            exponent, factor = one.fit
            color, label = f"C{number}", f"{one.name}: exponent {exponent:.2f}"
            axis.loglog(one.sizes, one.seconds, "os"[number], color=color, label=label)
            axis.loglog(one.sizes, [factor * size**exponent for size in one.sizes], color=color)
            axis.set_xticks(one.sizes, [str(size) for size in one.sizes])
        axis.set_xlabel(against)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small", loc="lower right")
    axes[0].set_ylabel("CPU seconds")
    axes[0].yaxis.set_major_formatter("{x:g}")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def machine() -> str:
    """Processor, cores, Python."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--effort", default="normal", choices=get_args(EffortName))
    parser.add_argument("--growth", type=Path, help="plot growth into this file")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    effort: EffortName = chosen.effort
    print(f"{machine()}\neffort {effort}\n")
    results: dict[str, Any] = {"machine": machine(), "effort": effort}

    results["resnet18"] = found = resnet18(effort)
    print(f"ResNet-18 on zigzag-eyeriss-like, {found['layers']} distinct layers:")
    print(f"  {found['mappings']:.3g} mappings, {found['classes']:.3g} that differ in cost")
    for objective in get_args(Objective):
        one = found[objective]
        print(
            f"  {objective:8} {one['seconds']:.3f} CPU-s (goal {RESNET18_SECONDS}), "
            f"{one['certified']} certified, largest gap {one['largest_gap']:.2%}, "
            f"{one['mappings_per_second']:.3g} mappings/s, "
            f"{one['classes_per_second']:.3g} that differ/s (goal {DECISIONS:.0e})"
        )
    results["pairs"] = pairs(effort)
    print(f"\nCIFAR-sized layers, edp (goal {PAIRS:.0f} certified pairs a CPU second):")
    for spec, one in results["pairs"].items():
        print(f"  {spec:26} {one['pairs_per_second']:7.0f}/s, {one['certified']:.0%} certified")
    results["two_threads"] = threads(effort)
    print(f"\nTwo threads: {results['two_threads']:.2f} x one (goal {TWO_THREADS})")
    if chosen.growth:
        series = growth_series(effort)
        print("\nGrowth of the time:")
        for one in series:
            print(f"  {one.against}, {one.name}: exponent {one.fit[0]:.2f}")
            for size, seconds, share in zip(one.sizes, one.seconds, one.certified, strict=True):
                print(f"    {size:4} {seconds:7.3f} CPU-s, {share:.0%} certified")
        results["growth"] = [asdict(one) | {"exponent": one.fit[0]} for one in series]
        plot(series, chosen.growth)
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
