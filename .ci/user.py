"""A program of a user's: the public names, and that their types reach it."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import assert_type

import chiploom
from chiploom.simulator.result import LayerResult


def costliest(result: chiploom.Result) -> LayerResult:
    return max(result.layers, key=lambda layer: layer.energy_pj)


def main() -> int:
    graph = chiploom.load_onnx("resnet9", bits=8)
    assert_type(graph, chiploom.LayerGraph)
    chip = chiploom.load_spec("eyeriss")
    assert_type(chip, chiploom.Accelerator)
    result = chiploom.simulate(graph, chip, objective="latency")
    assert_type(result.cycles, int)
    assert_type(result.energy_pj, float)
    assert_type(costliest(result).bound, str)
    with TemporaryDirectory() as folder:
        chiploom.write_report(result, Path(folder) / "report.md")
    try:
        chiploom.load_spec("eyeris")
    except chiploom.InputError as error:
        assert_type(str(error), str)
    else:
        return 1
    return 0 if result.cycles > 0 and chiploom.__version__ else 1


def search(study: str) -> int | None:
    """Not run here: for its types."""
    with chiploom.co_search(study, workers=2) as found:
        assert_type(found, chiploom.Study)
        return None if found.best is None else found.best.cycles


if __name__ == "__main__":
    sys.exit(main())
