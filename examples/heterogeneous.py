"""Where a pair of different arrays beats two equal ones, and where it does not.

    python examples/heterogeneous.py [--json PATH]

Three chips with the same PEs (2 x 2,048), DRAM bandwidth (2 x 32 GB/s), technology and clock:
`nasaic-w1` (an NVDLA and a ShiDianNao style array), `dla-pair` and `shi-pair`. For mixes of
networks it prints makespan, energy and energy-delay product of the schedules found for the least
energy-delay product, with the proven gap.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import chiploom

CHIPS = ("nasaic-w1", "dla-pair", "shi-pair")

#: Mixes of shipped networks, at 8 bit.
MIXES = (
    ("resnet9", "unet"),
    ("resnet9", "mobilenetv2"),
    ("resnet18", "mobilenetv3-large"),
    ("mobilenetv2", "mobilenetv2"),
    ("resnet9", "resnet18"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="for each schedule")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for mix in MIXES:
        graphs = [chiploom.load_onnx(name, bits=8) for name in mix]
        found = {}
        for chip in CHIPS:
            accelerator = chiploom.load_spec(chip)
            result = chiploom.simulate(graphs, accelerator, seconds=options.seconds)
            assert result.schedule is not None
            found[chip] = result
            gap = result.schedule.value / result.schedule.lower_bound - 1
            rows.append(
                {
                    "mix": " + ".join(mix),
                    "chip": chip,
                    "cycles": result.cycles,
                    "energy_uj": result.energy_pj * 1e-6,
                    "edp": result.edp,
                    "gap": gap,
                }
            )
        best = min(found.values(), key=lambda result: result.edp)
        print(" + ".join(mix))
        for chip, result in found.items():
            gap = next(row["gap"] for row in reversed(rows) if row["chip"] == chip)
            mark = "  <- least" if result is best else ""
            print(
                f"  {chip:10} {result.cycles / 1e6:9.3f} M cycles {result.energy_pj * 1e-9:9.3f} mJ"
                f"  EDP {result.edp / best.edp:6.3f} x the least (gap {gap:.2%}){mark}"
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
