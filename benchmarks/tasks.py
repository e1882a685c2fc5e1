"""What `run.py` measures: every task gives seconds of CPU time for one unit of its work.

CPU time, because other work on the machine hardly changes it. All are of one thread but the whole
commands, which count their workers and compiled threads as well.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import reporting
import sweep as sweeps
import yaml
from mapper import BITS, cifar_nests, fresh, layers_of

import chiploom
from chiploom.dataflows import load_spec
from chiploom.search.context import Context, Outcome, Task
from chiploom.search.hardware.descent import sample
from chiploom.search.study import create_study
from chiploom.search.study_file import load_study
from chiploom.simulator import MappingCache, Problem, sweep
from chiploom.simulator.scheduling.exact import exact
from chiploom.simulator.scheduling.list_scheduler import list_schedule

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "simulator"))
from scheduling_strategies import realistic  # noqa: E402

CHIPLOOM: Final = "import sys; from chiploom.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Sample:
    """One unit of work.

    Attributes:
        cpu: CPU seconds. clock: on the wall, of a whole process.
        memory: peak of a whole process, bytes.
    """

    cpu: float
    clock: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One figure.

    Attributes:
        name: unique; what a unit is.
        group: heading in the table.
        prepare: sets up once, and gives the function that is measured again and again.
        goal: seconds at most, on the clock where a whole process is measured; None without one.
        goal_bytes: memory at most.
        repeats: samples after one that is not counted; 0 for a single one without it.
    """

    name: str
    group: str
    prepare: Callable[[Path], Callable[[], Sample]]
    goal: float | None = None
    goal_bytes: int | None = None
    repeats: int = 5


# -- whole processes -----------------------------------------------------------------------------
def process(*arguments: str) -> Callable[[Path], Callable[[], Sample]]:
    """A Python process with its children: CPU seconds of all, memory of the largest."""

    def prepare(folder: Path) -> Callable[[], Sample]:
        words = [one.replace("{folder}", str(folder)) for one in arguments]
        command = [sys.executable, str(HERE / "launch.py"), sys.executable, *words]

        def run() -> Sample:
            done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, check=False)
            if done.returncode:
                raise SystemExit(f"{' '.join(words)}: exit code {done.returncode}")
            return Sample(**json.loads(done.stdout))

        return run

    return prepare


def command(*arguments: str) -> Callable[[Path], Callable[[], Sample]]:
    return process("-c", CHIPLOOM, *arguments)


# -- in this process -----------------------------------------------------------------------------
def per(units: int, work: Callable[[], object]) -> Callable[[], Sample]:
    """CPU seconds of the work over its units."""

    def run() -> Sample:
        begun = time.process_time()
        work()
        return Sample((time.process_time() - begun) / units)

    return run


def plain_python(_: Path) -> Callable[[], Sample]:
    """The same on every version of chiploom: how fast the machine is."""

    def work() -> None:
        total = 0
        for n in range(2_000_000):
            total += n * n % 7
        array = np.arange(2_000_000.0)
        for _ in range(10):
            np.sort(array[::-1])

    return per(1, work)


def resnet18_layers(_: Path) -> Callable[[], Sample]:
    (sub,) = load_spec("zigzag-eyeriss-like").sub_accelerators
    problems = [Problem(nest, BITS, 16, sub) for _, nest in layers_of("resnet18")]
    return per(len(problems), lambda: [fresh(one, "edp", "normal") for one in problems])


def cifar_layers(spec: str) -> Callable[[Path], Callable[[], Sample]]:
    def prepare(_: Path) -> Callable[[], Sample]:
        (sub,) = load_spec(spec).sub_accelerators
        problems = [Problem(nest, BITS, sub.precision.psum, sub) for nest in cifar_nests(40)]
        return per(len(problems), lambda: [fresh(one, "edp", "normal") for one in problems])

    return prepare


def swept(template: str, shapes: int, bandwidths: int) -> Callable[[Path], Callable[[], Sample]]:
    """Seconds of a certified pair of layer and accelerator."""

    def prepare(_: Path) -> Callable[[], Sample]:
        accelerators = sweeps.variants(template, shapes, bandwidths)
        layers = sweeps.layers()

        def run() -> Sample:
            begun = time.process_time()
            found = sweep(layers, accelerators, "edp", cache=MappingCache(entries=1_000_000))
            return Sample((time.process_time() - begun) / int(found.optimal.sum()))

        return run

    return prepare


def listed(tasks: int) -> Callable[[Path], Callable[[], Sample]]:
    def prepare(_: Path) -> Callable[[], Sample]:
        instance = realistic(np.random.default_rng(1), (tasks // 3,) * 3, 4)
        return per(1, lambda: list_schedule(instance))

    return prepare


def proven(_: Path) -> Callable[[], Sample]:
    """Twelve tasks on three sub-accelerators, the least makespan proven, with one worker."""
    instance = realistic(np.random.default_rng(5), (4, 4, 4), 3)

    def work() -> None:
        if not exact(instance, "makespan", seconds=60, workers=1).optimal:
            raise SystemExit("the schedule was not proven in 60 s")

    return per(1, work)


@contextmanager
def small_study() -> Iterator[Context]:
    """`hardware-w1` with PEs in steps of 512: what a design costs does not depend on how many there
    are."""
    document = yaml.safe_load((HERE.parent / "examples" / "hardware-w1.yaml").read_text())
    (first, _) = document["hardware"]["sub_accelerators"]
    first["pes"] = {"from": 512, "to": 4096 - 512, "step": 512}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        yield Context(load_study(path))


def designs(_: Path) -> Callable[[], Sample]:
    with small_study() as context:
        networks = context.networks([next(n.space.choices()) for n in context.study.networks])
        problem = context.problem(networks)
    random = np.random.default_rng(0)
    drawn = [sample(problem, random) for _ in range(1000)]
    return per(len(drawn), lambda: [problem.evaluate(design) for design in drawn])


def kept(_: Path) -> Callable[[], Sample]:
    """A design asked for, told and stored: by trials of ten designs."""
    with small_study() as context:
        study = replace(context.study, strategy="random")
        networks = context.networks([next(n.space.choices()) for n in study.networks])
        problem = context.problem(networks)
    random = np.random.default_rng(0)
    found = []
    while len(found) < 200:
        costs = problem.evaluate(design := sample(problem, random))
        if costs is not None:
            found.append((design, costs))

    def work() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            create_study(study, Path(folder) / "study.db") as told,
        ):
            for number in range(20):
                trial, _ = told.ask()
                looked = tuple(found[10 * number : 10 * number + 10])
                told.tell(trial, Outcome(Task(number, networks, "given"), looked, 0), {})

    return per(200, work)


def result_report(layers: int) -> Callable[[Path], Callable[[], Sample]]:
    def prepare(folder: Path) -> Callable[[], Sample]:
        result = reporting.large(layers)
        return per(1, lambda: chiploom.write_report(result, folder / "result.html"))

    return prepare


def study_report(count: int) -> Callable[[Path], Callable[[], Sample]]:
    def prepare(folder: Path) -> Callable[[], Sample]:
        path = reporting.study_of(count, folder)
        target = str(folder / "study.html")
        return command("report", str(path), "-o", target, "--schedules", "0", "-q")(folder)

    return prepare


MIB: Final = 2**20

MACHINE: Final = "Python loop and numpy sort"

BENCHMARKS: Final = (
    Benchmark(MACHINE, "machine", plain_python),
    Benchmark("an empty Python process", "machine", process("-c", "pass")),
    Benchmark("import chiploom", "start", process("-c", "import chiploom")),
    Benchmark("chiploom --help", "start", command("--help"), goal=0.4),
    Benchmark("chiploom inspect resnet50", "start", command("inspect", "resnet50")),
    Benchmark(
        "simulate resnet50 on eyeriss, analytic",
        "simulate",
        command("simulate", "resnet50", "--on", "eyeriss"),
        goal=3.0,
        goal_bytes=400 * MIB,
    ),
    Benchmark(
        "simulate resnet50 on gemmini-16x16, cycle",
        "simulate",
        command("simulate", "resnet50", "--on", "gemmini-16x16", "--fidelity", "cycle"),
        goal=5.0,
    ),
    Benchmark(
        "simulate resnet50 on eyeriss, roofline",
        "simulate",
        command("simulate", "resnet50", "--on", "eyeriss", "--fidelity", "roofline"),
    ),
    Benchmark(
        "a layer of ResNet-18 mapped on zigzag-eyeriss-like", "map", resnet18_layers, goal=1 / 12
    ),
    Benchmark("a CIFAR-sized layer mapped on nvdla-small", "map", cifar_layers("nvdla-small")),
    Benchmark("a CIFAR-sized layer mapped on eyeriss", "map", cifar_layers("eyeriss")),
    Benchmark(
        "a certified pair of a sweep, nvdla", "sweep", swept("nvdla", 8, 8), goal=1 / 2000
    ),
    Benchmark(
        "a certified pair of a sweep, shidiannao",
        "sweep",
        swept("shidiannao", 2, 8),
        goal=1 / 2000,
        repeats=2,
    ),
    Benchmark("300 tasks on four, list", "schedule", listed(300), goal=0.005),
    Benchmark("10,000 tasks on four, list", "schedule", listed(10_000), goal=2.0),
    Benchmark("12 tasks on three, proven", "schedule", proven),
    Benchmark("a design evaluated", "search", designs, goal=1 / 2000),
    Benchmark("a design told and stored", "search", kept),
    Benchmark(
        "hardware-w1 searched and proven, two workers",
        "search",
        command(
            "search", "examples/hardware-w1.yaml", "--workers", "2",
            "--cache", "{folder}/cache", "--db", "{folder}/study.db", "-q",
        ),
        repeats=0,
    ),
    Benchmark("report of 300 layers", "report", result_report(300)),
    Benchmark("report of 5,000 designs", "report", study_report(5000), goal=10.0, repeats=2),
)  # fmt: skip
