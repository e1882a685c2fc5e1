"""ZigZag, from PyPI in a virtual environment of its own, beside chiploom on the same layers.

    python benchmarks/peers/zigzag_dse.py --install     # once
    python benchmarks/peers/zigzag_dse.py [--json PATH]

ZigZag searches the least EDP of the ResNet-18 that it ships, on two machines that it ships;
chiploom reads the same ONNX file, and maps the same layers on its specs of the same machines
(`zigzag-tpu-like`, `zigzag-eyeriss-like`). Both in CPU seconds of one thread, the import of either
not counted. ZigZag maps every layer, chiploom equal ones once. `docs/validation.md` has the
layers in which the two count differently: `alike` is chiploom's mapping by ZigZag's conventions.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import venv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from peers.recorded import ZigZagConventions

from chiploom.dataflows import load_spec
from chiploom.frontend import load_onnx
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator import Problem, map_nest
from chiploom.simulator.mapper import Mapped

HERE: Final = Path(__file__).resolve().parent
#: Its virtual environment; git ignores the folder.
HOME: Final = HERE.parents[1] / "build" / "peers" / "zigzag"
#: What it needs and does not declare comes after it.
REQUIREMENTS: Final = ("zigzag-dse==3.9.1", "six")
#: Machines by the names of ZigZag's files, with the spatial mappings it ships for them.
MACHINES: Final = {"tpu_like": "tpu_like", "eyeriss_like": "default"}
BITS: Final = OperandBits(8, 8, 8)
PSUM_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the network: least EDP of either.

    Attributes:
        cycles, energy: chiploom's (energy in pJ). alike: its cycles by ZigZag's conventions.
        their_cycles, their_energy: ZigZag's.
        optimal: chiploom's is proven.
    """

    name: str
    cycles: int
    alike: int
    energy: float
    their_cycles: float
    their_energy: float
    optimal: bool

    @property
    def ratio(self) -> float:
        """Of EDP, chiploom's over ZigZag's."""
        return self.cycles * self.energy / (self.their_cycles * self.their_energy)

    @property
    def ratio_alike(self) -> float:
        return self.ratio * self.alike / self.cycles


@dataclass(frozen=True, slots=True)
class Comparison:
    """All layers on one machine; seconds are CPU time for the whole network."""

    machine: str
    version: str
    our_seconds: float
    their_seconds: float
    each: tuple[Layer, ...]

    @property
    def over_network(self) -> float:
        """The ratio of the EDP of all layers one after the other."""
        ours = sum(x.cycles for x in self.each) * sum(x.energy for x in self.each)
        theirs = sum(x.their_cycles for x in self.each) * sum(x.their_energy for x in self.each)
        return ours / theirs


def python() -> Path:
    return HOME / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def installed() -> bool:
    return python().exists()


def install() -> None:
    venv.create(HOME, with_pip=True, clear=True)
    subprocess.run([python(), "-m", "pip", "install", "-q", *REQUIREMENTS], check=True)


def network() -> Path:
    """The ResNet-18 that ZigZag ships."""
    code = "import zigzag; print(zigzag.__path__[0])"
    found = subprocess.run([python(), "-c", code], check=True, capture_output=True, text=True)
    return Path(found.stdout.strip()) / "inputs" / "workload" / "resnet18.onnx"


def compare() -> list[Comparison]:
    return [on(machine, mapping) for machine, mapping in MACHINES.items()]


def on(machine: str, mapping: str) -> Comparison:
    command = [str(python()), str(HERE / "zigzag_worker.py"), machine, mapping]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    (sub,) = load_spec(f"zigzag-{machine.replace('_', '-')}").sub_accelerators
    compute = load_onnx(network(), bits=8).compute_layers
    begun = time.process_time()
    mapped: dict[LoopNest, Mapped] = {}
    for layer in compute:
        if layer.nest not in mapped:
            mapped[layer.nest] = map_nest(Problem(layer.nest, BITS, PSUM_BITS, sub), "edp")
    seconds = time.process_time() - begun
    each = []
    for layer in compute:
        theirs = found["layers"][layer.nodes[0]]
        best = mapped[layer.nest]
        problem = Problem(layer.nest, BITS, PSUM_BITS, sub)
        each.append(
            Layer(
                layer.nodes[0].strip("/"),
                best.cost.cycles,
                ZigZagConventions(problem, best.mapping).cycles(),
                best.value / best.cost.cycles,
                theirs["cycles"],
                theirs["energy"],
                best.optimal,
            )
        )
    if len(each) != len(found["layers"]):
        raise SystemExit(f"{machine}: {len(each)} layers, but ZigZag has {len(found['layers'])}")
    return Comparison(machine, found["version"], seconds, found["seconds"], tuple(each))


def show(comparisons: list[Comparison]) -> None:
    for one in comparisons:
        print(
            f"\nZigZag {one.version} on {one.machine}: {one.their_seconds:.1f} CPU-s, chiploom "
            f"{one.our_seconds:.2f}, {one.their_seconds / one.our_seconds:,.0f} x; EDP over the "
            f"network {one.over_network:.3f} of ZigZag's"
        )
        print(f"{'':44}{'cycles':>12}{'ZigZag':>12}{'uJ':>10}{'ZigZag':>10}{'EDP':>8}{'alike':>8}")
        for layer in {(x.ratio, x.cycles): x for x in one.each}.values():
            print(
                f"{layer.name:44.44}{layer.cycles:12,}{layer.their_cycles:12,.0f}"
                f"{layer.energy / 1e6:10.2f}{layer.their_energy / 1e6:10.2f}{layer.ratio:8.3f}"
                f"{layer.ratio_alike:8.3f}  {'proven' if layer.optimal else ''}"
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="make its environment anew")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.install:
        install()
        return 0
    if not installed():
        print("ZigZag is not installed; --install installs it from PyPI", file=sys.stderr)
        return 2
    found = compare()
    show(found)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
