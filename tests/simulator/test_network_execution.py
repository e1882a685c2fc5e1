"""Whole networks, executed layer by layer on accelerators, equal onnxruntime's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper

from chiploom.dataflows import load_spec, spec_names
from chiploom.dataflows.accelerator import Accelerator
from chiploom.frontend.graph import ComputeLayer, FusedWork, Layer, LayerGraph, VectorWork
from chiploom.frontend.onnx_import import import_model
from chiploom.simulator import MappingCache, NoMappingError
from chiploom.simulator.execution import (
    NotExecutableError,
    WiringError,
    execute_layers,
    execute_network,
)
from chiploom.simulator.execution import network as network_module
from chiploom.simulator.functional import ExecutionError
from chiploom.simulator.lowering import lower
from chiploom.simulator.program import Program
from chiploom.simulator.result import Objective

from .executed_networks import NETWORKS, Network, conv, residual

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


@cache
def mappings() -> MappingCache:
    return MappingCache()


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Accelerator:
    return tiny("nvdla", tmp_path_factory.mktemp("spec"))


def expected(model: onnx.ModelProto, inputs: dict[str, Array]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def check(network: Network, chip: Accelerator, objective: Objective = "edp") -> None:
    model = network.model()
    found = execute_network(model, chip, network.inputs, objective=objective, cache=mappings())
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


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["latency", "energy"])
@pytest.mark.parametrize("spec", spec_names())
def test_networks_on_the_shipped_accelerators(spec: str, objective: Objective) -> None:
    """Whose mappings, in large memories and for another objective, are others."""
    for build in NETWORKS.values():
        check(build(), load_spec(spec), objective)


def lists(low: int, high: int, size: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(low, high), min_size=size, max_size=size)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), rank=st.integers(1, 3), group=st.integers(1, 3))
def test_convolutions_of_any_geometry(
    data: st.DataObject, rank: int, group: int, chip: Accelerator
) -> None:
    sizes, kernel = data.draw(lists(2, 6, rank)), data.draw(lists(1, 3, rank))
    attributes: dict[str, Any] = {"group": group, "strides": data.draw(lists(1, 3, rank))}
    automatic = data.draw(st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    pads = [0] * 2 * rank
    if automatic == "NOTSET":
        pads = attributes["pads"] = data.draw(lists(0, 2, 2 * rank))
    else:
        attributes["auto_pad"] = automatic
    if not automatic.startswith("SAME"):
        attributes["dilations"] = data.draw(lists(1, 2, rank))
        for axis in range(rank):
            reach = attributes["dilations"][axis] * (kernel[axis] - 1) + 1
            assume(reach <= sizes[axis] + pads[axis] + pads[axis + rank])
    n = Network()
    x = n.input("x", 2, 2 * group, *sizes)
    n.outputs = [conv(n, x, 2 * group, 2, *kernel, **attributes)]
    check(n, chip)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), rank=st.integers(1, 3), group=st.integers(1, 2))
def test_transposed_convolutions_of_any_geometry(
    data: st.DataObject, rank: int, group: int, chip: Accelerator
) -> None:
    """Exact, or refused where one nest holds phases that start at other inputs."""
    kernel, strides, dilations = (data.draw(lists(1, high, rank)) for high in (4, 3, 2))
    windows = list(zip(kernel, dilations, strict=True))
    pads = [data.draw(st.integers(0, d * (k - 1) // 2)) for k, d in windows] * 2
    extra = [data.draw(st.integers(0, stride - 1)) for stride in strides]
    n = Network()
    x = n.input("x", 1, 2 * group, *data.draw(lists(2, 4, rank)))
    y = n.op(
        "ConvTranspose", x, n.data(2 * group, 2, *kernel), n.data(2 * group), group=group,
        strides=strides, dilations=dilations, pads=pads, output_padding=extra,
    )  # fmt: skip
    n.outputs = [y]
    try:
        check(n, chip)
    except NotExecutableError as error:
        message = str(error)
    else:
        return
    assert "joins phases" in message
    assert any(k > 1 < s for k, s in zip(kernel, strides, strict=True))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), leading=lists(1, 3, 2), sizes=lists(1, 5, 3))
def test_matrix_products_of_any_shape(
    data: st.DataObject, leading: list[int], sizes: list[int], chip: Accelerator
) -> None:
    """Leading axes are there in both operands, in one, or broadcast; either may be constant."""
    rows, depth, columns = sizes
    n = Network()
    shapes = [[rows, depth], [depth, columns]]
    for shape in shapes:
        own = [data.draw(st.sampled_from([1, size])) for size in leading]
        shape[:0] = own[data.draw(st.integers(0, 2)) :]
    if data.draw(st.booleans()):
        shapes[data.draw(st.integers(0, 1))] = [depth]
    constant = data.draw(st.sampled_from([None, 0, 1]))
    operands = [
        n.data(*shape) if position == constant else n.input("ab"[position], *shape)
        for position, shape in enumerate(shapes)
    ]
    n.outputs = [n.op("MatMul", *operands)]
    check(n, chip)


# -- what is noticed ---------------------------------------------------------------------------
def rewired(change: Callable[[dict[str, Layer]], None]) -> tuple[Network, LayerGraph]:
    """The residual network, its layers changed."""
    network = residual()
    graph = import_model(network.model())
    layers = {layer.name: layer for layer in graph.layers}
    change(layers)
    return network, replace(graph, layers=tuple(layers.values()))


def wrong(change: Callable[[dict[str, Layer]], None], message: str, chip: Accelerator) -> None:
    network, graph = rewired(change)
    with pytest.raises(WiringError, match=message):
        execute_layers(graph, network.model(), chip, network.inputs, cache=mappings())


def test_the_residual_network_has_the_layers_that_are_changed_below(chip: Accelerator) -> None:
    network, graph = rewired(lambda layers: None)
    conv8 = graph.layers[3]
    assert isinstance(conv8, ComputeLayer)
    assert [work.node for work in conv8.fused] == ["add10", "relu11"]
    assert "batchnormalization7_0" in conv8.inputs
    found = execute_layers(graph, network.model(), chip, network.inputs, cache=mappings())
    np.testing.assert_array_equal(
        found["gemm15_0"], expected(network.model(), network.inputs)["gemm15_0"]
    )


def test_a_layer_that_does_not_name_what_it_reads(chip: Accelerator) -> None:
    def forget(layers: dict[str, Layer]) -> None:
        kept = tuple(x for x in layers["conv8"].inputs if x != "batchnormalization7_0")
        layers["conv8"] = replace(layers["conv8"], inputs=kept)

    wrong(forget, "layer conv8: it reads what 'batchnormalization7'", chip)


def test_a_layer_that_is_missing(chip: Accelerator) -> None:
    def drop(layers: dict[str, Layer]) -> None:
        del layers["maxpool12"]

    wrong(drop, "layer globalaveragepool13: it reads what 'maxpool12' .MaxPool. computes", chip)


def test_work_that_is_missing(chip: Accelerator) -> None:
    """Of a normalisation folded into weights, and of an activation."""

    def uncover(layers: dict[str, Layer]) -> None:
        layers["conv3"] = replace(layers["conv3"], nodes=("conv3", "relu5"))

    wrong(uncover, "layer conv3: it reads what 'batchnormalization4'", chip)

    def unfused(layers: dict[str, Layer]) -> None:
        layers["conv3"] = replace(layers["conv3"], output="batchnormalization4_0")

    wrong(unfused, "layer conv3: 'batchnormalization4_0' has no entry in the graph", chip)


def test_work_that_is_not_the_layers(chip: Accelerator) -> None:
    def claim(layers: dict[str, Layer]) -> None:
        layer = layers["conv6"]
        assert isinstance(layer, ComputeLayer)
        layers["conv6"] = replace(layer, fused=(FusedWork(VectorWork("Relu", 1), node="relu5"),))

    wrong(claim, "layer conv6: nothing that it writes depends on 'relu5'", chip)


def test_a_nest_of_other_sizes(chip: Accelerator) -> None:
    def widen(layers: dict[str, Layer]) -> None:
        layer = layers["conv0"]
        assert isinstance(layer, ComputeLayer)
        layers["conv0"] = replace(layer, nest=replace(layer.nest, input_size=(9, 8)))

    wrong(
        widen, r"layer conv0: its nest takes I of shape \(2, 1, 3, 9, 8\), the operator has", chip
    )


@pytest.mark.parametrize("geometry", [{"pad": (0, 1)}, {"stride": (1, 2)}, {"dilation": (1, 2)}])
def test_a_nest_of_another_window_computes_something_else(
    geometry: dict[str, Any], chip: Accelerator
) -> None:
    def shift(layers: dict[str, Layer]) -> None:
        layer = layers["conv0"]
        assert isinstance(layer, ComputeLayer)
        layers["conv0"] = replace(layer, nest=replace(layer.nest, **geometry))

    network, graph = rewired(shift)
    found = execute_layers(graph, network.model(), chip, network.inputs, cache=mappings())
    assert not np.array_equal(
        found["gemm15_0"], expected(network.model(), network.inputs)["gemm15_0"]
    )


def test_a_program_that_is_wrong_names_its_layer(
    chip: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for weights to arrive any more, in the classifier alone."""

    def broken(*arguments: Any) -> Program:
        program = lower(*arguments)
        if program.problem.nest["K"] != 5:
            return program
        (number,) = (i for i, b in enumerate(program.buffers) if b.operand == "W" and not b.level)
        buffers = list(program.buffers)
        buffers[number] = replace(buffers[number], elements=0)
        return replace(program, buffers=tuple(buffers))

    monkeypatch.setattr(network_module, "lower", broken)
    network = residual()
    with pytest.raises(ExecutionError, match=r"^net: layer gemm15: load W .*no room"):
        execute_network(network.model(), chip, network.inputs, cache=mappings())


# -- what cannot be executed -------------------------------------------------------------------
def refused(network: Network, message: str, chip: Accelerator) -> None:
    with pytest.raises(NotExecutableError, match=message):
        execute_network(network.model(), chip, network.inputs, cache=mappings())


def test_phases_that_start_at_other_inputs(chip: Accelerator) -> None:
    """Of four taps by two, cropped by one: even outputs begin one input before odd ones."""
    n = Network()
    x = n.input("x", 1, 2, 3, 3)
    y = n.op("ConvTranspose", x, n.data(2, 2, 4, 4), strides=[2, 2], pads=[1, 1, 1, 1])
    n.outputs = [y]
    refused(n, r"layer convtranspose0: .* output 1 at \[0, 1\], the nest at \[-1, 0\]", chip)


def test_gates_that_read_other_states(chip: Accelerator) -> None:
    n = Network()
    x = n.input("x", 2, 1, 3)
    n.outputs = [n.op("GRU", x, n.data(1, 6, 3), n.data(1, 6, 2), hidden_size=2)]
    refused(n, "layer gru0/input_product: .*reads r [*] H", chip)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"clip": 1.0}, "attribute clip is not covered"),
        ({"activations": ["Sigmoid", "Elu", "Tanh"]}, "activations Elu are not covered"),
    ],
)
def test_cells_of_other_forms(attributes: dict[str, Any], message: str, chip: Accelerator) -> None:
    n = Network()
    x = n.input("x", 2, 1, 3)
    n.outputs = [n.op("LSTM", x, n.data(1, 8, 3), n.data(1, 8, 2), hidden_size=2, **attributes)]
    refused(n, f"layer lstm0/input_product: {message}", chip)


def test_an_operator_without_a_layout(chip: Accelerator) -> None:
    n = Network()
    x, offset = n.input("x", 1, 1, 3, 3), n.input("offset", 1, 8, 2, 2)
    n.outputs = [n.op("DeformConv", x, n.data(1, 1, 2, 2), offset)]
    refused(n, "layer deformconv0/samples: the operands of DeformConv have no layout", chip)


def test_weights_that_are_not_there(chip: Accelerator) -> None:
    model = residual().model()
    model.graph.initializer[0].ClearField("raw_data")
    with pytest.raises(NotExecutableError, match="layer conv0: the file has no data for 'w0'"):
        execute_network(model, chip, residual().inputs, cache=mappings())


def test_an_operator_that_is_not_modelled(chip: Accelerator) -> None:
    n = Network()
    x = conv(n, n.input("x", 1, 1, 3, 3), 1, 1, 1, 1)
    n.outputs = [n.op("Relu", x)]
    model = n.model()
    model.graph.node.append(helper.make_node("Own", ["x"], ["o"], domain="mine", name="own"))
    model.graph.output.append(helper.make_tensor_value_info("o", 1, [1]))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    with pytest.raises(NotExecutableError, match="mine::Own: not modelled"):
        execute_network(model, chip, n.inputs)


def test_inputs_that_are_not_the_networks(chip: Accelerator) -> None:
    network = residual()
    model, x = network.model(), network.inputs["x"]
    with pytest.raises(ValueError, match=r"input 'x': expected shape \(2, 3, 9, 9\), got None"):
        execute_network(model, chip, {})
    with pytest.raises(ValueError, match="no input 'z'"):
        execute_network(model, chip, {"x": x, "z": x})


def test_a_layer_that_fits_nowhere_is_named(chip: Accelerator) -> None:
    (sub,) = chip.sub_accelerators
    memories = tuple(replace(m, size_bits=1) if m.name != "dram" else m for m in sub.memories)
    none = replace(chip, sub_accelerators=(replace(sub, memories=memories),))
    with pytest.raises(NoMappingError, match=r"^net: layer conv0: "):
        execute_network(residual().model(), none, residual().inputs)


def test_two_sub_accelerators_compute_the_same(chip: Accelerator, tmp_path: Path) -> None:
    (other,) = tiny("systolic-ws", tmp_path).sub_accelerators
    both = replace(chip, sub_accelerators=(*chip.sub_accelerators, replace(other, name="two")))
    check(residual(), both)


def test_a_file_with_symbolic_dims(tmp_path: Path, chip: Accelerator) -> None:
    network = residual()
    model = network.model()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    del model.graph.value_info[:]
    file = tmp_path / "net.onnx"
    onnx.save(model, file)
    found = execute_network(file, chip, network.inputs, dims={"batch": 2}, cache=mappings())
    np.testing.assert_array_equal(
        found["gemm15_0"], expected(network.model(), network.inputs)["gemm15_0"]
    )
