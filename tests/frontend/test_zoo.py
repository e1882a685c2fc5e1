"""The zoo's networks: valid ONNX, exactly what the literature describes, built reproducibly."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from chiploom.frontend import zoo
from chiploom.frontend.errors import InputError
from chiploom.frontend.zoo.build import build, serialize

sys.path.insert(0, str(Path(__file__).parent))
from mac_counter import count_macs, infer_shapes

NAMES = zoo.names()

# Multiply-accumulates in units of 1e9 as published, and the last digit's tolerance.
# torchvision: "GFLOPS" of each model's weights, https://docs.pytorch.org/vision/stable/models.html
# (they count one multiply-accumulate as one).
PUBLISHED_GMACS = {
    "resnet18": (1.81, 0.01),  # torchvision; He et al. 2016, table 1: 1.8e9
    "resnet50": (4.09, 0.01),  # torchvision
    # Krizhevsky et al. 2012: 60M parameters; layer sizes as published, two groups: 724M
    "alexnet": (0.724, 0.001),
    "vgg16": (15.47, 0.01),  # torchvision
    "mobilenetv2": (0.30, 0.005),  # torchvision; Sandler et al. 2018, table 4: 300M
    "mobilenetv3-large": (0.217, 0.001),  # torchvision; Howard et al. 2019, table 3: 219M
    "efficientnet-b0": (0.386, 0.001),  # torchvision; Tan and Le 2019, table 2: 0.39B
    "vit-b16": (17.56, 0.01),  # torchvision, attention products included
    # Sun et al. 2020 (MobileBERT), results on GLUE: BERT-base takes 22.5B floating-point
    # operations for 128 tokens, two in one multiply-accumulate
    "bert-base": (22.5 / 2, 0.1),
}

# Trainable parameters as published: torchvision's "Params" (models page, in full in its
# `_meta["num_params"]`); BERT-base uncased: the Hugging Face checkpoint's encoder with pooler.
PUBLISHED_PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "alexnet": 60_965_224,  # bvlc_alexnet of Caffe's model zoo
    "vgg16": 138_357_544,
    "mobilenetv2": 3_504_872,
    "mobilenetv3-large": 5_483_032,
    "efficientnet-b0": 5_288_548,
    "vit-b16": 86_567_656,
    "bert-base": 109_482_240,
}

# Llama 3 8B, one block: 4096x(4096+1024+1024+4096) + 3x4096x14336 weights, each used per token.
LLAMA_WEIGHTS = 4096 * (4096 + 2 * 1024 + 4096) + 3 * 4096 * 14336

# Worked out by hand from the architectures.
DERIVED_MACS = {
    # Five groups of 2**23 * 9 (each halving of the image doubles the width), stem, classifier
    "resnet9": 32 * 32 * 27 * 64 + 5 * 2**23 * 9 + 512 * 10,
    # figure 1 of the paper: sizes after each convolution and its channels; the transposed
    # convolutions give every input position to 2x2 outputs; two classes
    "unet": 9
    * (
        64 * (1 * 570**2 + 64 * 568**2)
        + 128 * (64 * 282**2 + 128 * 280**2)
        + 256 * (128 * 138**2 + 256 * 136**2)
        + 512 * (256 * 66**2 + 512 * 64**2)
        + 1024 * (512 * 30**2 + 1024 * 28**2)
        + 512 * (1024 * 54**2 + 512 * 52**2)
        + 256 * (512 * 102**2 + 256 * 100**2)
        + 128 * (256 * 198**2 + 128 * 196**2)
        + 64 * (128 * 390**2 + 64 * 388**2)
    )
    + 4 * (1024 * 512 * 28**2 + 512 * 256 * 52**2 + 256 * 128 * 100**2 + 128 * 64 * 196**2)
    + 64 * 2 * 388**2,
    # ResNet-18's convolutions on 640x640; lateral and output convolutions of levels 3 to 5,
    # levels 6 and 7; both heads on the 8525 positions of all levels
    "fpn-detector": (1_814_073_344 - 512 * 1000) * 640**2 // 224**2
    + 256 * (128 * 80**2 + 256 * 40**2 + 512 * 20**2)
    + 9 * 256 * (256 * (80**2 + 40**2 + 20**2) + 512 * 10**2 + 256 * 5**2)
    + 9 * 256 * 8525 * (2 * 4 * 256 + 9 * (80 + 4)),
    # weights per token; two products of 32 heads over 512 keys of 128; angles
    "llama-decoder-prefill": 512 * (LLAMA_WEIGHTS + 2 * 32 * 512 * 128 + 64),
    "llama-decoder-decode": 1 * (LLAMA_WEIGHTS + 2 * 32 * 512 * 128 + 64),
    # two layers of four (three) gates, each over input and state; the decoder
    "lstm": 35 * (2 * 4 * 650 * (650 + 650) + 650 * 10000),
    "gru": 35 * (2 * 3 * 650 * (650 + 650) + 650 * 10000),
}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model(name: str) -> onnx.ModelProto:
    return onnx.load(zoo.path(name), load_external_data=False)


def test_packaged_file_is_what_the_builder_gives(name: str) -> None:
    assert zoo.path(name).read_bytes() == serialize(build(name)), (
        "run `python -m chiploom.frontend.zoo.build`"
    )


def test_no_file_without_a_network() -> None:
    assert {file.stem for file in zoo.path("vgg16").parent.glob("*.onnx")} == set(NAMES)


def test_is_valid_onnx(model: onnx.ModelProto) -> None:
    # The checker insists on the weights' file: declare the weights as graph inputs instead.
    for tensor in _weights(model):
        model.graph.input.append(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
        model.graph.initializer.remove(tensor)
    onnx.checker.check_model(model, full_check=True)


def test_carries_no_weights(name: str, model: onnx.ModelProto) -> None:
    assert len(_weights(model)) == len(model.graph.initializer) > 0
    for tensor in model.graph.initializer:
        assert not tensor.raw_data
        assert not tensor.float_data
        assert not (zoo.path(name).parent / tensor.external_data[0].value).exists()
    assert zoo.path(name).stat().st_size < 150 * 1024


def test_every_shape_is_static(model: onnx.ModelProto) -> None:
    declared = {value.name: _sizes(value) for value in model.graph.output}
    shapes = infer_shapes(model, {})
    outputs = [name for node in model.graph.node for name in node.output if name]
    assert [name for name in outputs if name not in shapes] == []
    assert {name: shapes[name] for name in declared} == declared
    assert all(min(shapes[name], default=1) >= 1 for name in outputs)


def test_names_are_unique_and_every_tensor_is_used(model: onnx.ModelProto) -> None:
    nodes = [node.name for node in model.graph.node]
    assert len(set(nodes)) == len(nodes)
    read = {name for node in model.graph.node for name in node.input}
    read |= {value.name for value in model.graph.output}
    offered = {value.name for value in model.graph.input}
    offered |= {tensor.name for tensor in model.graph.initializer}
    offered |= {node.output[0] for node in model.graph.node}
    assert offered - read == set()


@pytest.mark.parametrize("name", PUBLISHED_GMACS)
def test_macs_are_the_published_ones(name: str) -> None:
    expected, tolerance = PUBLISHED_GMACS[name]
    assert count_macs(zoo.path(name)) / 1e9 == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", DERIVED_MACS)
def test_macs_are_the_derived_ones(name: str) -> None:
    assert count_macs(zoo.path(name)) == DERIVED_MACS[name]


@pytest.mark.parametrize("name", PUBLISHED_PARAMETERS)
def test_parameters_are_the_published_ones(name: str) -> None:
    model = onnx.load(zoo.path(name), load_external_data=False)
    trained = [t for t in _weights(model) if ".running_" not in t.name]
    assert sum(_elements(tensor) for tensor in trained) == PUBLISHED_PARAMETERS[name]


@pytest.mark.parametrize("name", ["resnet9", "mobilenetv3-large", "efficientnet-b0", "lstm", "gru"])
def test_runs_with_weights(name: str) -> None:
    model = onnx.load(zoo.path(name), load_external_data=False)
    generator = np.random.default_rng(0)
    for tensor in _weights(model):
        values = np.abs(generator.normal(0.0, 0.05, tensor.dims)).astype(np.float32)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    types = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
    feeds = {x.name: np.ones(x.shape, types[x.type]) for x in session.get_inputs()}
    results = session.run(None, feeds)
    assert [x.shape for x in results] == [_sizes(value) for value in model.graph.output]
    assert all(np.isfinite(x).all() and np.any(x) for x in results)


def test_every_network_is_described(name: str) -> None:
    assert len(zoo.describe(name)) > 20
    assert "\n" not in zoo.describe(name)


def test_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r"'resnet51'.*did you mean 'resnet50'"):
        zoo.path("resnet51")
    with pytest.raises(InputError, match=r"expected one of resnet9, "):
        zoo.describe("")


def _weights(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    external = onnx.TensorProto.EXTERNAL
    return [t for t in model.graph.initializer if t.data_location == external]


def _elements(tensor: onnx.TensorProto) -> int:
    count = 1
    for size in tensor.dims:
        count *= size
    return count


def _sizes(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
