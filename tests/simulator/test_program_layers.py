"""Layers of ONNX networks, executed as tile programs on real accelerators, equal onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from chiploom.dataflows import load_spec
from chiploom.dataflows.accelerator import Accelerator
from chiploom.frontend import load_onnx
from chiploom.frontend.graph import ComputeLayer
from chiploom.simulator.functional import execute
from chiploom.simulator.layers import problem_of
from chiploom.simulator.lowering import lower
from chiploom.simulator.mapper import map_nest

onnxruntime = pytest.importorskip("onnxruntime")

Array = npt.NDArray[Any]
SPECS = ("eyeriss", "gemmini-16x16", "shidiannao")

accelerator = cache(load_spec)


def integers(shape: Sequence[int], seed: int) -> Array:
    """Small integers as floats: every sum is exact."""
    return np.random.default_rng(seed).integers(-20, 20, shape).astype(np.float32)


def network(
    folder: Path, op: str, x: Array, w: Array, more: Sequence[Array] = (), **attributes: Any
) -> tuple[tuple[ComputeLayer, ...], Array]:
    """The layers of one operator, and what onnxruntime computes."""
    names = ["w", *(f"c{number}" for number in range(len(more)))]
    node = helper.make_node(op, ["x", *names], ["y"], name="n", **attributes)
    tensors = [
        numpy_helper.from_array(array, name) for name, array in zip(names, [w, *more], strict=True)
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "net", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    model.ir_version = 10
    path = folder / "net.onnx"
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return load_onnx(path, bits=8).compute_layers, session.run(None, {"x": x})[0]


def executed(layer: ComputeLayer, chip: Accelerator, weights: Array, inputs: Array) -> Array:
    """The layer's outputs by the program of the mapping that the mapper chooses."""
    problem = problem_of(layer, chip.sub_accelerators[0], chip)
    program = lower(problem, map_nest(problem, "edp", "fast").mapping)
    return execute(program, weights, inputs)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("x", "w", "attributes"),
    [
        ((1, 3, 12, 12), (8, 3, 3, 3), {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ((2, 8, 9, 7), (12, 4, 3, 2), {"group": 2, "dilations": [2, 1], "pads": [2, 0, 2, 1]}),
        ((1, 12, 8, 8), (12, 1, 3, 3), {"group": 12, "pads": [1, 1, 1, 1]}),
        ((1, 20, 6, 6), (18, 20, 1, 1), {"strides": [2, 1]}),
    ],
    ids=["stride", "groups-dilation", "depthwise", "pointwise"],
)
def test_convolutions(
    spec: str,
    x: tuple[int, ...],
    w: tuple[int, ...],
    attributes: dict[str, Any],
    tmp_path: Path,
) -> None:
    data, filters = integers(x, 1), integers(w, 2)
    (layer,), expected = network(tmp_path, "Conv", data, filters, **attributes)
    groups = attributes.get("group", 1)
    found = executed(
        layer,
        accelerator(spec),
        filters.reshape(groups, w[0] // groups, *w[1:]),
        data.reshape(x[0], groups, x[1] // groups, *x[2:]),
    )
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


@pytest.mark.parametrize("spec", SPECS)
def test_matrix_product(spec: str, tmp_path: Path) -> None:
    a, b = integers((13, 20), 3), integers((20, 17), 4)
    (layer,), expected = network(tmp_path, "MatMul", a, b)
    found = executed(
        layer, accelerator(spec), b.T[None, :, :, None, None], a.T[None, None, :, None, :]
    )
    np.testing.assert_array_equal(found[0, 0, :, 0].T, expected)


@pytest.mark.parametrize("spec", SPECS)
def test_batched_matrix_products(spec: str, tmp_path: Path) -> None:
    a, b = integers((3, 5, 6), 3), integers((3, 6, 7), 4)
    (layer,), expected = network(tmp_path, "MatMul", a, b)
    assert layer.nest["G"] == 3
    weights = b.transpose(0, 2, 1)[..., None, None]
    found = executed(layer, accelerator(spec), weights, a.transpose(0, 2, 1)[None, :, :, None, :])
    np.testing.assert_array_equal(found[0, :, :, 0].transpose(0, 2, 1), expected)


@pytest.mark.parametrize("spec", SPECS)
def test_fully_connected(spec: str, tmp_path: Path) -> None:
    a, b, c = integers((6, 21), 5), integers((11, 21), 6), integers((11,), 7)
    (layer,), expected = network(tmp_path, "Gemm", a, b, [c], transB=1)
    found = executed(
        layer, accelerator(spec), b[None, :, :, None, None], a.T[None, None, :, None, :]
    )
    np.testing.assert_array_equal(found[0, 0, :, 0].T + c, expected)


@pytest.mark.parametrize("spec", SPECS)
def test_phases_of_a_transposed_convolution(spec: str, tmp_path: Path) -> None:
    """Of stride 2 and 3 taps: even outputs have the middle tap, odd ones the outer two."""
    x, w = integers((1, 5, 4, 4), 8), integers((5, 6, 3, 3), 9)
    layers, expected = network(
        tmp_path,
        "ConvTranspose",
        x,
        w,
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        output_padding=[1, 1],
    )
    assert len(layers) == 4
    found = np.full(expected.shape, np.nan)
    taps = {1: slice(1, 2), 2: slice(None, None, -2)}  # from the last: input rises with the tap
    for layer in layers:
        rows, columns = layer.nest["FY"], layer.nest["FX"]
        weights = w[:, :, taps[rows], taps[columns]].transpose(1, 0, 2, 3)[None]
        plane = executed(layer, accelerator(spec), weights, x[:, None])
        found[:, :, rows - 1 :: 2, columns - 1 :: 2] = plane[:, 0]
    np.testing.assert_array_equal(found, expected)
