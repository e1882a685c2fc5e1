"""How many (layer, accelerator) pairs a sweep certifies per second and core.

    python benchmarks/sweep.py [--template NAME] [--objective edp] [--bandwidths 8] [--profile]

Layers: the convolutions and products of the shipped resnet9, and the 3x3 convolutions of a
ResNet-20 for CIFAR-10 (16, 32 and 64 channels at 32, 16 and 8 positions). Variants: shapes of the
array from 64 to 1,024 PEs times DRAM bandwidths from 8 to 64 GB/s, 8 bit, 28 nm, 1 GHz.
CPU seconds of the whole process are counted, threads together; making the variants is not.
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import json
import os
import platform
import pstats
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import Accelerator
from chiploom.frontend import load_onnx
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator import MappingCache, sweep

GOAL = 2000.0

SHAPES = ((8, 8), (8, 16), (16, 8), (16, 16), (8, 32), (32, 8), (16, 32), (32, 16), (32, 32))

#: Parameters by template, of rows x columns PEs.
PARAMETERS = {
    "nvdla": "atomic_c: {rows}, atomic_k: {columns}",
    "shidiannao": "rows: {rows}, columns: {columns}, weight_bits: 8 bit, input_bits: 8 bit, "
    "output_bits: 8 bit, psum_bits: 24 bit",
    "row-stationary": "rows: {rows}, columns: {columns}, weight_bits: 8 bit, input_bits: 8 bit, "
    "output_bits: 8 bit, psum_bits: 24 bit",
}

SPEC = """
technology: {{node: 28 nm}}
clock: 1 GHz
dram: {{type: LPDDR4, bandwidth: {bandwidth} GB/s}}
sub_accelerators: [{{name: array, template: {template}, parameters: {{{parameters}}}}}]
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One template's sweep.

    Attributes:
        pairs: asked for; distinct: different problems among them; carried: of those, proven by
            another variant's answer.
        certified: pairs with a proven optimum.
        mapped: problems that the mapper answered.
        cpu_seconds: of all threads; per_second: certified pairs per CPU second.
    """

    template: str
    objective: str
    pairs: int
    distinct: int
    carried: int
    mapped: int
    certified: int
    infeasible: int
    cpu_seconds: float
    per_second: float


def layers() -> list[tuple[LoopNest, OperandBits]]:
    """Different layers of resnet9 and of a ResNet-20, 8 bit."""
    bits = OperandBits(8, 8, 8)
    found = [layer.nest for layer in load_onnx("resnet9", bits=8).compute_layers]
    for channels, size in ((16, 32), (32, 16), (64, 8)):
        found.append(conv(channels, channels, size, 1))
        if channels > 16:
            found.append(conv(channels, channels // 2, size, 2))
    return [(nest, bits) for nest in dict.fromkeys(found)]


def conv(outputs: int, inputs: int, size: int, stride: int) -> LoopNest:
    """A 3x3 convolution with `size` x `size` outputs."""
    extent = size * stride
    return LoopNest(
        (1, 1, outputs, inputs, size, size, 3, 3),
        stride=(stride, stride),
        pad=(1, 1),
        input_size=(extent, extent),
    )


def variants(template: str, shapes: int, bandwidths: int) -> list[Accelerator]:
    """Shapes of the array times DRAM bandwidths."""
    step = 56 / max(1, bandwidths - 1)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for (rows, columns), number in itertools.product(SHAPES[:shapes], range(bandwidths)):
            text = SPEC.format(
                template=template,
                bandwidth=8 + step * number,
                parameters=PARAMETERS[template].format(rows=rows, columns=columns),
            )
            path = Path(folder) / f"{rows}x{columns}-{number}.yaml"
            path.write_text(text)
            found.append(load_spec(path))
    return found


def measure(template: str, options: argparse.Namespace) -> Measured:
    accelerators = variants(template, options.shapes, options.bandwidths)
    nests = layers()[: options.layers]
    cache = MappingCache(entries=1_000_000)
    profile = cProfile.Profile()
    if options.profile:
        profile.enable()
    start = time.process_time()
    found = sweep(
        nests,
        accelerators,
        options.objective,
        effort=options.effort,
        cache=cache,
        threads=options.threads,
    )
    seconds = time.process_time() - start
    profile.disable()
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(18)
    certified = int(found.optimal.sum())
    return Measured(
        template,
        options.objective,
        found.counts.pairs,
        found.counts.distinct,
        found.counts.carried,
        cache.counts.mapped,
        certified,
        int((~found.feasible).sum()),
        seconds,
        certified / seconds,
    )


def processor() -> str:
    """Its name, as Linux knows it."""
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--template", choices=[*PARAMETERS], action="append")
    parser.add_argument("--objective", choices=("latency", "energy", "edp"), default="edp")
    parser.add_argument("--effort", choices=("fast", "normal", "thorough"), default="normal")
    parser.add_argument("--shapes", type=int, default=len(SHAPES))
    parser.add_argument("--bandwidths", type=int, default=8)
    parser.add_argument("--layers", type=int, default=None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", action="store_true", help="print what takes the time")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(
        f"{'':16}{'pairs':>8}{'distinct':>10}{'carried':>9}{'mapped':>8}{'certified':>11}"
        f"{'CPU':>10}{'certified/s':>13}  goal {GOAL:,.0f}"
    )
    results = []
    for template in options.template or PARAMETERS:
        result = measure(template, options)
        results.append(result)
        kept = "kept" if result.per_second >= GOAL else "MISSED"
        print(
            f"{template:16}{result.pairs:8}{result.distinct:10}{result.carried:9}"
            f"{result.mapped:8}{result.certified:11}{result.cpu_seconds:8.2f} s"
            f"{result.per_second:13,.0f}  {kept}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    return int(any(result.per_second < GOAL for result in results))


if __name__ == "__main__":
    sys.exit(main())
