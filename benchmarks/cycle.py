"""How fast tile programs are executed in time.

    python benchmarks/cycle.py [--json PATH]

CPU seconds of one thread. `full` goes through every instruction, `skipping` through what does not
repeat; both give the same cycles.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from chiploom.dataflows import load_spec
from chiploom.frontend import load_onnx
from chiploom.simulator import NoMappingError
from chiploom.simulator.cache import MappingCache
from chiploom.simulator.layers import problem_of
from chiploom.simulator.lowering import lower
from chiploom.simulator.packing import execute
from chiploom.simulator.program import Program
from chiploom.simulator.validation.scalesim import modelled

#: CPU seconds: of resnet50 on gemmini-16x16, and of SCALE-Sim v3 for ResNet-18 on 32 x 32 PEs.
GOAL, SCALESIM = 5.0, 88.0

#: ResNet-18 as matrix products M, N, K, as SCALE-Sim lowers it.
RESNET18 = (
    (12100, 64, 147), (2916, 64, 576), (784, 128, 576), (676, 128, 1152), (841, 128, 64),
    (196, 256, 1152), (144, 256, 2304), (225, 256, 128), (49, 512, 2304), (25, 512, 4608),
    (64, 512, 256), (1, 1000, 512),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """One network on one accelerator.

    Attributes:
        programs: distinct ones. executed: instructions. skipped: share of them.
        map_seconds: that mapping and lowering took; full, skipping: execution.
    """

    network: str
    spec: str
    programs: int
    executed: int
    skipped: float
    map_seconds: float
    full: float
    skipping: float


def programs(network: str, spec: str) -> list[Program]:
    """Tile programs of a network's distinct layers."""
    accelerator, cache = load_spec(spec), MappingCache()
    (sub,) = accelerator.sub_accelerators
    layers = load_onnx(network).compute_layers
    found: dict[object, Program] = {}
    for layer in layers:
        problem = problem_of(layer, sub, accelerator)
        key = (problem.nest, problem.bits)
        if key in found:
            continue
        try:
            found[key] = lower(problem, cache.map(problem, "edp", "normal").mapping)
        except NoMappingError as error:
            print(f"{network} on {spec}: {error}", file=sys.stderr)
    return list(found.values())


def measure(network: str, spec: str, *, full: bool) -> Measured:
    start = time.process_time()
    lowered = programs(network, spec)
    mapped = time.process_time()
    timings = [execute(program) for program in lowered]
    skipping = time.process_time() - mapped
    whole = float("nan")
    if full:
        before = time.process_time()
        again = [execute(program, skipping=False) for program in lowered]
        whole = time.process_time() - before
        assert [t.cycles for t in again] == [t.cycles for t in timings]
    executed = sum(timing.executed for timing in timings)
    skipped = sum(timing.skipped for timing in timings) / max(1, executed)
    return Measured(network, spec, len(lowered), executed, skipped, mapped - start, whole, skipping)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="without skipping, too")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"{'':28}{'programs':>9}{'executed':>13}{'skipped':>9}{'mapping':>10}"
          f"{'full':>10}{'skipping':>10}")  # fmt: skip
    results = []
    for network, spec in (
        ("resnet50", "gemmini-16x16"),
        ("resnet50", "nvdla-large"),
        ("resnet50", "tpu-v1"),
        ("resnet50", "eyeriss"),
        ("mobilenetv2", "zigzag-eyeriss-like"),
    ):
        one = measure(network, spec, full=options.full)
        results.append(one)
        seconds = (one.map_seconds, one.full, one.skipping)
        times = [f"{'-':>10}" if math.isnan(number) else f"{number:8.2f} s" for number in seconds]
        label = f"{network} on {spec}"
        print(f"{label:28.28}{one.programs:9}{one.executed:13,}{one.skipped:9.1%}", *times, sep="")
    before = time.process_time()
    for m, n, k in RESNET18:
        modelled(m, n, k, 32, 32, "ws")
    seconds = time.process_time() - before
    print(f"ResNet-18's products on 32 x 32 PEs, mapped and executed: {seconds:.3f} s, "
          f"SCALE-Sim {SCALESIM:.0f} s: {SCALESIM / seconds:,.0f} x")  # fmt: skip
    total = results[0].map_seconds + results[0].skipping
    print(f"resnet50 on gemmini-16x16, mapped and executed: {total:.2f} s, goal {GOAL} s")
    if options.json:
        document = {"networks": [asdict(one) for one in results], "scalesim": SCALESIM / seconds}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return int(total > GOAL or seconds > SCALESIM / 100)


if __name__ == "__main__":
    sys.exit(main())
