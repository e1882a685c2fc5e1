"""How long the report of a large result, or of a large study, takes to write and to open.

    python benchmarks/reporting.py [--layers N] [--designs N] [--repeats N]

Needs Chromium and ChromeDriver for what opens. Goals: at most 10 s to write, 3 s until the first
figure is drawn, and 7 MiB.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import chiploom
from chiploom.search.context import Outcome, Task
from chiploom.search.goals import Costs
from chiploom.search.hardware.space import Design, HardwareSpace
from chiploom.search.study import create_study
from chiploom.search.study_file import load_study
from chiploom.simulator.mapping import Loop
from chiploom.simulator.result import Result

#: Hardware designs of a trial in the made-up study.
EACH = 10

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1400,900",
)  # fmt: skip


def large(layers: int) -> Result:
    """So many layers like those of a ResNet-50, every mapping another one."""
    result = chiploom.simulate(
        chiploom.load_onnx("resnet50"), chiploom.load_spec("eyeriss"), effort="fast"
    )
    made, start = [], 0
    for n in range(layers):
        layer = result.layers[n % len(result.layers)]
        loops = layer.loops and replace(
            layer.loops, temporal=tuple(Loop(o.dim, o.factor + n) for o in layer.loops.temporal)
        )
        before = (made[-1].name,) if made else ()
        name = f"/encoder/stage{n // 200}/block{n // 10}/op{n}/{layer.op}"
        made.append(replace(layer, name=name, start_cycle=start, loops=loops, inputs=before))
        start += layer.cycles
    return replace(result, layers=tuple(made))


def study_of(designs: int, folder: Path) -> Path:
    """A study of that many designs of workload W1, kept as a search keeps them: ten hardware
    designs for each trial's networks. Costs follow from the choices by a rule of thumb."""
    file = load_study(Path(__file__).parent.parent / "examples" / "w1.yaml")
    file = replace(file, strategy="random", options={})
    random = np.random.default_rng(0)
    path = folder / "w1.db"
    with create_study(file, path) as study:
        for number in range(-(-designs // EACH)):
            trial = study.trials.ask()
            choices = [network.space.sample(random) for network in file.networks]
            networks = study.context.networks(choices)
            work = [sum(map(float, choice.values())) for choice in choices]
            looked = []
            for _ in range(min(EACH, designs - number * EACH)):
                design = some_design(file.hardware, random)
                chosen = file.hardware.values(design)
                pes = sum(chosen[sub.name]["pes"] for sub in file.hardware.subs)
                cycles = int(2e5 * sum(work) / pes * random.uniform(0.7, 1.4))
                energy = 4e5 * sum(work) * random.uniform(0.8, 1.2)
                looked.append((design, Costs(cycles, energy, 1 + pes / 900)))
            accuracies = {
                network.name: min(0.99, 0.6 + 0.05 * math.log10(1 + one))
                for network, one in zip(file.networks, work, strict=True)
            }
            best = min(range(len(looked)), key=lambda n: file.goals.rank(looked[n][1]))
            accuracy = sum(accuracies.values()) / len(accuracies)
            task = Task(number, networks, "random")
            study.tell(trial, Outcome(task, tuple(looked), best, accuracies, accuracy), {})
    return path


def some_design(space: HardwareSpace, random: np.random.Generator) -> Design:
    """One whose parts of the DRAM's bandwidth and of the PEs fit beside each other."""
    while True:
        design = Design(0, tuple(int(random.integers(len(sub))) for sub in space.subs))
        chosen = [
            sub.values(option) for sub, option in zip(space.subs, design.options, strict=True)
        ]
        bandwidth = sum(int(one["dram_bandwidth"].split()[0]) for one in chosen)
        if bandwidth <= 64 and sum(one["pes"] for one in chosen) <= (space.pes_total or math.inf):
            return design


def seconds_to_open(report: Path) -> float:
    """From the request for the file to the first mark of a figure, by the browser's own clock."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.get(report.as_uri())
        script = """
            const done = arguments[0];
            const look = () => document.querySelector(".chart .point path, path.point")
              ? done(performance.now() / 1000) : requestAnimationFrame(look);
            look();
        """
        return float(driver.execute_async_script(script))
    finally:
        driver.quit()


def measure(what: str, write: Callable[[Path], None], folder: Path, repeats: int) -> None:
    """Write and open so many times; print medians. On a machine that others use, the CPU time of
    writing says more than the wall time."""
    report, written, worked, opened = folder / "r.html", [], [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), os.times()
        write(report)
        written.append(time.perf_counter() - start)
        now = os.times()
        worked.append(now.children_user + now.children_system)
        worked[-1] -= used.children_user + used.children_system
        opened.append(seconds_to_open(report))
    print(f"{what}, median of {repeats}")
    print(f"read and write   {statistics.median(written):6.2f} s")
    print(f"  of it CPU      {statistics.median(worked):6.2f} s")
    print(f"first figure     {statistics.median(opened):6.2f} s")
    print(f"file             {report.stat().st_size / 2**20:6.2f} MiB", flush=True)


def command(source: Path) -> Callable[[Path], None]:
    """Writes a report as a user does: a process that imports, reads, simulates and writes."""

    def write(report: Path) -> None:
        code = "import sys; from chiploom.cli import main; sys.exit(main())"
        arguments = ["report", str(source), "-o", str(report), "-q"]
        subprocess.run([sys.executable, "-c", code, *arguments], check=True)

    return write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=4000)
    parser.add_argument("--designs", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.layers:
            source = folder / "r.json"
            large(options.layers).write_json(source)
            measure(f"{options.layers} layers", command(source), folder, options.repeats)
        if options.designs:
            study = study_of(options.designs, folder)
            measure(f"{options.designs} designs", command(study), folder, options.repeats)


if __name__ == "__main__":
    main()
