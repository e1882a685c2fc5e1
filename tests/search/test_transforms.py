"""Variants of given networks: what is coupled, and what is left to compute."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from chiploom.frontend import InputError, load_onnx
from chiploom.search.spaces import Choice
from chiploom.search.transforms import OnnxSpace

sys.path.insert(0, str(Path(__file__).parents[1] / "frontend"))
from mac_counter import count_macs


def keeping(space: OnnxSpace, share: float) -> Choice:
    return {
        name: share if name.startswith("keep:") else value
        for name, value in space.unchanged().items()
    }


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenetv2", "efficientnet-b0", "unet", "bert-base", "lstm"]
)
def test_largest_values_are_the_network_itself(name: str) -> None:
    space, network = OnnxSpace(name, widths=(8, 32), depth=True), load_onnx(name)
    graph = space.build(space.unchanged())
    assert graph.layers == network.layers
    assert dict(graph.tensors) == dict(network.tensors)


def test_half_of_all_channels_of_resnet18() -> None:
    """The stem and the classifier have one side that stays; all else has a quarter left."""
    space, network = OnnxSpace("resnet18"), load_onnx("resnet18")
    first, *_, last = (layer.nest.macs for layer in network.compute_layers)
    expected = first // 2 + (network.macs - first - last) // 4 + last // 2
    assert space.build(keeping(space, 0.5)).macs == expected


def test_half_of_all_channels_of_mobilenetv2() -> None:
    """Filters per channel have half left, products of channels a quarter."""
    space, network = OnnxSpace("mobilenetv2", granularity=4), load_onnx("mobilenetv2")
    layers = network.compute_layers
    expected = 0
    for layer in layers:
        one_sided = layer in (layers[0], layers[-1]) or layer.nest["G"] > 1
        expected += layer.nest.macs // (2 if one_sided else 4)
    assert space.build(keeping(space, 0.5)).macs == expected


def test_channels_coupled_by_additions_are_one_group() -> None:
    """ResNet-18: the stem with the first stage, each later stage, and inside of every block."""
    space = OnnxSpace("resnet18")
    names = [parameter.name for parameter in space.parameters]
    assert len(names) == 1 + 3 + 8
    graph = space.build({**space.unchanged(), names[0]: 0.5})
    halved = {
        layer.name.removesuffix("/Conv")
        for layer, whole in zip(
            graph.compute_layers, load_onnx("resnet18").compute_layers, strict=True
        )
        if 2 * layer.nest.macs == whole.nest.macs
    }
    assert halved == {
        "/conv1",
        *(f"/layer1/layer1.{block}/conv{index}" for block in (0, 1) for index in (1, 2)),
        "/layer2/layer2.0/conv1",
        "/layer2/layer2.0/downsample/downsample.0",
    }


def test_concatenated_channels_are_pruned_apart() -> None:
    """U-Net: the way down and the way up meet in one input, with sizes of their own."""
    space = OnnxSpace("unet")
    first = next(
        p.name for p in space.parameters if "down4" in p.name and p.name.endswith("2/Conv")
    )
    model = space.to_onnx({**space.unchanged(), first: 0.5})
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    assert shapes["down4.2.weight"][0] == 256
    assert shapes["up4.conv.0.weight"] == (512, 256 + 512, 3, 3)
    assert shapes["up4.up.weight"][:2] == (1024, 512)


@pytest.mark.parametrize(
    "name",
    ["resnet18", "mobilenetv2", "mobilenetv3-large", "vgg16", "unet", "bert-base", "vit-b16"],
)
def test_variants_import_and_have_the_macs_that_onnx_shapes_give(name: str) -> None:
    space = OnnxSpace(name, depth=True)
    random = np.random.default_rng(3)
    whole = load_onnx(name).macs
    for _ in range(2):
        choice = space.sample(random)
        graph = space.build(choice)
        assert graph.macs == count_macs(space.to_onnx(choice)) < whole
        assert graph.coverage == 1


def test_a_variant_runs() -> None:
    space = OnnxSpace("mobilenetv2", resolutions=(64,), depth=True)
    model = space.to_onnx(space.sample(np.random.default_rng(1)))
    generator = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            values = np.abs(generator.normal(0, 0.1, tensor.dims)).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (result,) = session.run(None, {"input": np.ones((1, 3, 64, 64), np.float32)})
    assert np.shape(result) == (1, 1000)


def test_resolution_scales_convolutions() -> None:
    space = OnnxSpace("resnet18", keep=(), resolutions=(128, 256))
    small, large = (space.build({"resolution": size}) for size in (128, 256))
    classifier = 512 * 1000
    assert (large.macs - classifier) == 4 * (small.macs - classifier)


def test_a_resolution_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"vgg16: resolution 112: .*Gemm"):
        OnnxSpace("vgg16", keep=(), resolutions=(112, 224))
    with pytest.raises(InputError, match="an input of four axes"):
        OnnxSpace("bert-base", keep=(), resolutions=(64,))


def test_dropped_branches_leave_the_rest() -> None:
    space = OnnxSpace("resnet18", keep=(), depth=True)
    assert [len(parameter.values) - 1 for parameter in space.parameters] == [2, 1, 1, 1]
    none = {parameter.name: 0 for parameter in space.parameters}
    names = {layer.name for layer in space.build(none).compute_layers}
    assert not {name for name in names if "layer1" in name or ".1/conv" in name}
    assert len(names) == 20 + 1 - 2 * 5
    one = space.build({**space.unchanged(), space.parameters[0].name: 1})
    block = 2 * 64 * 64 * 9 * 56 * 56
    assert one.macs == load_onnx("resnet18").macs - block


def test_widths_of_groups_of_layers() -> None:
    space = OnnxSpace("resnet18", keep=(), widths=(4, 8))
    assert list(space.groups) == ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]
    choice = {**space.unchanged(), "bits:layer2": 4}
    graph = space.build(choice)
    for layer in graph.compute_layers:
        inside = any("/layer2/" in node for node in layer.nodes)
        follows = any(node.startswith("/layer3/layer3.0/conv1") for node in layer.nodes)
        assert layer.bits.W == layer.bits.O == (4 if inside else 8)
        if follows:
            assert layer.bits.I == 4
    assert graph.macs == load_onnx("resnet18").macs


def test_nothing_to_choose_is_refused() -> None:
    with pytest.raises(InputError, match="expected something to choose"):
        OnnxSpace("lstm")


def test_unknown_operators_and_borders_keep_their_channels() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["p"]),
        helper.make_node("DepthToSpace", ["p"], ["q"], blocksize=1),
        helper.make_node("Conv", ["q", "b"], ["r"]),
        helper.make_node("Conv", ["r", "c"], ["y"]),
    ]
    weights = [
        onnx.numpy_helper.from_array(np.zeros((32, channels, 1, 1), np.float32), name)
        for name, channels in (("a", 16), ("b", 32), ("c", 32))
    ]
    x, y = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, channels, 8, 8))
        for name, channels in (("x", 16), ("y", 32))
    )
    model = helper.make_model(helper.make_graph(nodes, "net", [x], [y], weights))
    space = OnnxSpace(model, keep=(0.5, 1.0))
    assert [parameter.name for parameter in space.parameters] == ["keep:Conv_2"]
    shapes = {
        tensor.name: tuple(tensor.dims)
        for tensor in space.to_onnx({"keep:Conv_2": 0.5}).graph.initializer
    }
    assert shapes == {"a": (32, 16, 1, 1), "b": (16, 32, 1, 1), "c": (32, 16, 1, 1)}


def test_rounding_keeps_multiples_and_at_least_one() -> None:
    space = OnnxSpace("resnet18", keep=(0.01, 0.3, 1.0))
    assert set(space.sizes(keeping(space, 0.01)).values()) == {8}
    assert set(space.sizes(keeping(space, 0.3)).values()) == {16, 40, 80, 152}
    assert set(space.sizes(space.unchanged()).values()) == {64, 128, 256, 512}
