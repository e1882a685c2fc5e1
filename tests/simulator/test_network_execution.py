"""Whole networks, executed layer by layer on accelerators, equal onnxruntime's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import yaml

from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import Accelerator
from chiploom.simulator.execution import execute_network

from .executed_networks import NETWORKS, Network

onnxruntime = pytest.importorskip("onnxruntime")

Array = npt.NDArray[Any]

#: Arrays and memories so small that every layer has many tiles.
TINY: dict[str, dict[str, Any]] = {
    "row-stationary": {"rows": 3, "columns": 4, "filter_words": 12, "glb": "1 KiB"},
    "systolic-ws": {"rows": 4, "columns": 4, "accumulator": "128 B", "scratchpad": "1 KiB"},
    "nvdla": {"atomic_c": 4, "atomic_k": 4, "cbuf": "1 KiB", "stripe": 8},
    "shidiannao": {"rows": 3, "columns": 3, "nbin": "1 KiB", "nbout": "1 KiB", "sb": "1 KiB"},
    "systolic-os": {"rows": 4, "columns": 4, "output_buffer": "128 B", "scratchpad": "1 KiB"},
    "systolic-is": {"rows": 4, "columns": 4, "accumulator": "128 B", "scratchpad": "1 KiB"},
}


def tiny(template: str, folder: Path) -> Accelerator:
    spec = {
        "technology": {"node": "28 nm"},
        "clock": "1 GHz",
        "dram": {"type": "LPDDR4", "bandwidth": "64 bit/cycle"},
        "sub_accelerators": [{"name": "one", "template": template, "parameters": TINY[template]}],
    }
    file = folder / f"{template}.yaml"
    file.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return load_spec(file)


def expected(model: onnx.ModelProto, inputs: dict[str, Array]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def check(network: Network, chip: Accelerator) -> None:
    model = network.model()
    found = execute_network(model, chip, network.inputs)
    for name, values in expected(model, network.inputs).items():
        assert found[name].dtype == values.dtype
        if network.exact:
            np.testing.assert_array_equal(found[name], values)
        else:  # roots, exponentials, and sums in another order, in 32 bit
            np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("template", TINY)
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, template: str, tmp_path: Path) -> None:
    check(NETWORKS[name](), tiny(template, tmp_path))
