"""Runs in ZigZag's own environment: its shipped ResNet-18 on one of its shipped machines.

    python zigzag_worker.py MACHINE MAPPING

Prints JSON: its version, the CPU seconds of its search for the least EDP (importing it is not
counted), and cycles and energy (pJ) of every layer by its node's name.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import zigzag
from zigzag.api import get_hardware_performance_zigzag


def main() -> None:
    machine, mapping = sys.argv[1:]
    inputs = Path(zigzag.__file__).parent / "inputs"
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        _, _, found = get_hardware_performance_zigzag(
            workload=str(inputs / "workload" / "resnet18.onnx"),
            accelerator=str(inputs / "hardware" / f"{machine}.yaml"),
            mapping=str(inputs / "mapping" / f"{mapping}.yaml"),
            opt="EDP",
            dump_folder=folder,
            loma_show_progress_bar=False,
        )
        seconds = time.process_time() - begun
    layers = {
        cost.layer.name: {"cycles": float(cost.latency_total2), "energy": float(cost.energy_total)}
        for cost, _ in found[0][1]
    }
    print(json.dumps({"version": version("zigzag-dse"), "seconds": seconds, "layers": layers}))


if __name__ == "__main__":
    main()
