"""What every search space owes a search, for all built-in ones."""

from __future__ import annotations

import itertools
import math
import pickle
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import onnx
import pytest

from chiploom.frontend import InputError, LayerGraph
from chiploom.frontend.onnx_import import import_model
from chiploom.search.spaces import (
    INACTIVE,
    SPACES,
    Choice,
    ChoiceError,
    Parameter,
    ResNet9,
    Space,
    UNet,
    load_space,
)
from chiploom.search.transforms import OnnxSpace

sys.path.insert(0, str(Path(__file__).parents[1] / "frontend"))
from mac_counter import count_macs

#: Options that make a space's networks small; they are built often here.
OPTIONS: dict[str, dict[str, object]] = {
    "resnet9": {},
    "unet": {"size": 64},
    "mobilenetv3": {},
    "mnasnet": {"size": 64},
    "nasbench201": {},
    "nasbench-macro": {},
    "transformer": {"tokens": 16},
    "llama": {"tokens": 8, "past": 8},
}


@pytest.fixture(params=[*SPACES, "onnx"])
def space(request: pytest.FixtureRequest) -> Space:
    if request.param == "onnx":
        return OnnxSpace("resnet18", resolutions=(64, 96), depth=True)
    return load_space(request.param, **OPTIONS[request.param])


def samples(space: Space, count: int, seed: int = 0) -> list[Choice]:
    random = np.random.default_rng(seed)
    return [space.sample(random) for _ in range(count)]


def same(one: LayerGraph, other: LayerGraph) -> bool:
    """Equal in all but what the file says of itself."""
    return all(
        getattr(one, field.name) == getattr(other, field.name)
        for field in fields(LayerGraph)
        if field.name not in ("metadata", "name", "tensors")
    ) and dict(one.tensors) == dict(other.tensors)


def test_samples_are_valid_and_differ(space: Space) -> None:
    found = samples(space, 50)
    for choice in found:
        space.validate(choice)
    assert len({space.encode(choice) for choice in found}) > 25
    assert [space.encode(c) for c in found] == [space.encode(c) for c in samples(space, 50)]


def test_key_and_choice_are_inverse(space: Space) -> None:
    for choice in samples(space, 20):
        assert space.decode(space.encode(choice)) == choice
        shuffled = dict(reversed(list(choice.items())))
        assert space.encode(shuffled) == space.encode(choice)


def test_vectors_tell_choices_apart(space: Space) -> None:
    found = {space.encode(choice): choice for choice in samples(space, 50)}
    vectors = np.array([space.vector(choice) for choice in found.values()])
    assert vectors.shape == (len(found), len(space.features))
    assert len(set(space.features)) == len(space.features)
    assert np.isfinite(vectors).all()
    assert len(np.unique(vectors, axis=0)) == len(found)


def test_neighbours_are_valid_distinct_and_mutual(space: Space) -> None:
    for choice in samples(space, 5):
        near = space.neighbours(choice)
        keys = [space.encode(other) for other in near]
        assert len(set(keys)) == len(keys) > 0
        assert space.encode(choice) not in keys
        shared = [{n for n in choice if n in o and o[n] != choice[n]} for o in near]
        assert all(len(names) == 1 for names in shared)
        same_form = [other for other in near if other.keys() == choice.keys()]
        assert all(dict(choice) in space.neighbours(other) for other in same_form)


def test_a_wrong_choice_is_refused_with_all_that_is_wrong(space: Space) -> None:
    choice = dict(samples(space, 1)[0])
    first = space.parameters[0]
    with pytest.raises(ChoiceError, match=rf"space {space.name}: no parameter 'spin'"):
        space.validate({**choice, "spin": 1})
    with pytest.raises(
        ChoiceError, match=rf"'{first.name}': expected one of {first.values[0]}.*'x'"
    ):
        space.validate({**choice, first.name: "x"})
    del choice[first.name]
    with pytest.raises(ChoiceError, match=f"'{first.name}': expected a value, found none"):
        space.encode(choice)
    with pytest.raises(ChoiceError, match="name=value"):
        space.decode("nonsense")


def test_pickles_with_its_choices_but_without_its_graphs(space: Space) -> None:
    choice = samples(space, 1)[0]
    graph = space.build(choice)
    copy = pickle.loads(pickle.dumps(space))
    assert copy.encode(choice) == space.encode(choice)
    assert not copy._built
    assert same(copy.build(choice), graph)


def test_graph_is_that_of_the_onnx_model_and_its_macs_are_counted_independently(
    space: Space,
) -> None:
    """The oracle of layers is the importer, that of MACs counts them on ONNX's own shapes."""
    for choice in samples(space, 4, seed=1):
        model, graph = space.to_onnx(choice), space.build(choice)
        assert same(graph, import_model(model))
        assert graph.macs == count_macs(model)
        assert graph.coverage == 1
        assert not graph.notes


def test_models_are_valid_onnx(space: Space) -> None:
    model = space.to_onnx(samples(space, 1)[0])
    for tensor in list(model.graph.initializer):  # the checker insists on the weights' file
        model.graph.input.append(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
        model.graph.initializer.remove(tensor)
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize("name", SPACES)
def test_bits_are_those_of_the_import(name: str) -> None:
    space = load_space(name, **OPTIONS[name])
    choice = samples(space, 1)[0]
    narrow = load_space(name, **OPTIONS[name], bits=8)
    assert same(narrow.build(choice), import_model(space.to_onnx(choice), bits=8))


def test_equal_choices_are_built_once(space: Space) -> None:
    choice = samples(space, 1)[0]
    assert space.build(choice) is space.build(dict(choice))
    space.cached = 1
    other = next(c for c in samples(space, 9) if c != choice)
    first = space.build(choice)
    space.build(other)
    assert space.build(choice) is not first


@pytest.mark.parametrize("name", ["unet", "nasbench-macro", "resnet9"])
def test_size_counts_the_choices(name: str) -> None:
    space = load_space(name, **OPTIONS[name])
    first = list(itertools.islice(space.choices(), 20_000))
    assert len({space.encode(choice) for choice in first}) == len(first)
    assert space.size == len(first) or (len(first) == 20_000 < space.size)


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("resnet9", {}, 4 * (4 * 3) ** 3),
        ("resnet9", {"variant": "stl10"}, 4 * (5 * 3) ** 4),
        ("unet", {}, 5 + 5**2 + 5**3 + 5**4 + 5**5),
        ("nasbench201", {}, 15_625),  # the paper's number
        ("nasbench-macro", {}, 6_561),  # the paper's number
        # Cai et al. 2020, section 4.1: ((3 x 3)^2 + (3 x 3)^3 + (3 x 3)^4)^5, about 2 x 10^19
        ("mobilenetv3", {"resolutions": (224,)}, 2 * (9**2 + 9**3 + 9**4) ** 5),
        ("mnasnet", {}, 3**7 * 2**7 * 3**6 * 4 * 2**7),
        ("llama", {}, 5 * 5 * 5 * 3 * 3),
        ("transformer", {}, 4 * sum(20**layers for layers in (2, 4, 6, 8, 10, 12))),
    ],
)
def test_sizes(name: str, options: dict[str, object], size: int) -> None:
    assert load_space(name, **options).size == size


def test_resnet9_with_the_zoos_widths_is_the_zoos_network() -> None:
    space = ResNet9(filters=(128, 256, 512))
    graph = space.build(
        {
            "stem": 64,
            "filters1": 128,
            "skips1": 2,
            "filters2": 256,
            "skips2": 0,
            "filters3": 512,
            "skips3": 2,
        }
    )
    from chiploom.frontend import load_onnx

    zoo = load_onnx("resnet9")
    assert [layer.nest for layer in graph.compute_layers] == [
        layer.nest for layer in zoo.compute_layers
    ]


def resnet9_macs(choice: Mapping[str, int], size: int, blocks: int) -> int:
    """By the formula of the space's description."""
    total, width = 27 * choice["stem"] * size**2, choice["stem"]
    for block in range(1, blocks + 1):
        filters = choice[f"filters{block}"]
        total += 9 * width * filters * size**2
        size //= 2
        total += choice[f"skips{block}"] * 9 * filters**2 * size**2
        width = filters
    return total + width * 10


@pytest.mark.parametrize(("variant", "size", "blocks"), [("cifar10", 32, 3), ("stl10", 96, 4)])
def test_resnet9_macs_by_formula(variant: str, size: int, blocks: int) -> None:
    space = load_space("resnet9", variant=variant)
    for choice in samples(space, 10):
        counted = {name: int(value) for name, value in choice.items()}
        assert space.build(choice).macs == resnet9_macs(counted, size, blocks)


def test_unet_of_full_height_has_the_papers_widths() -> None:
    space = UNet(64)
    choice = space.settled({"height": 5, **{f"filters{i}": 64 for i in range(5)}})
    widths = {n.nest["K"] for n in space.build(choice).compute_layers if n.op == "Conv"}
    assert widths == {64, 128, 256, 512, 1024, 1}
    flat = space.build({"height": 1, "filters0": 4})
    assert flat.macs == 64 * 64 * (9 * 4 + 9 * 16 + 4)


def test_nasbench201_macs_are_the_benchmarks() -> None:
    """`cost_info` of the benchmark gives 220.12 M with 3x3 convolutions only, 7.78 M without."""
    space = load_space("nasbench201")
    names = [parameter.name for parameter in space.parameters]
    full = space.build(dict.fromkeys(names, "conv3x3")).macs
    assert full / 1e6 == pytest.approx(220.12, abs=0.005)
    skips = space.build(dict.fromkeys(names, "skip")).macs
    assert skips / 1e6 == pytest.approx(7.78, abs=0.005)
    one = dict.fromkeys(names, "skip") | {"edge0-3": "conv1x1"}
    stages = sum(5 * width**2 * size**2 for width, size in ((16, 32), (32, 16), (64, 8)))
    assert space.build(one).macs == skips + stages


def test_nasbench201_without_a_path_still_builds() -> None:
    space = load_space("nasbench201")
    graph = space.build({parameter.name: "none" for parameter in space.parameters})
    assert 0 < graph.macs < 10e6


def test_transformer_can_be_the_encoder_of_bert_base() -> None:
    space = load_space("transformer", tokens=128)
    wanted = {"layers": 12, "hidden": 768}
    wanted |= {f"heads{i}": 12 for i in range(1, 13)} | {f"ratio{i}": 4 for i in range(1, 13)}
    per_layer = 128 * (4 * 768**2 + 2 * 768 * 3072) + 2 * 12 * 64 * 128**2
    assert space.build(space.settled(wanted)).macs == 12 * per_layer


@pytest.mark.parametrize("past", [0, 8])
def test_llama_macs_by_formula(past: int) -> None:
    space = load_space("llama", tokens=4, past=past)
    choice = space.settled({"layers": 8, "hidden": 1024, "inner": 4096})
    heads, groups, head = 2 * 4, 4, 64
    weights = 1024 * head * (2 * heads + 2 * groups) + 3 * 1024 * 4096
    products = 2 * heads * head * (4 + past)
    assert space.build(choice).macs == 8 * 4 * (weights + products) + 1024 * 128_256


def test_conditional_parameters() -> None:
    space = UNet(64)
    with pytest.raises(
        ChoiceError, match="'filters1': expected none, since 'height' is 1, found 8"
    ):
        space.validate({"height": 1, "filters0": 4, "filters1": 8})
    assert space.vector({"height": 1, "filters0": 4}).tolist() == [1, 4, *[INACTIVE] * 4]
    taller = {"height": 2, "filters0": 64, "filters1": 4}
    assert taller in space.neighbours({"height": 1, "filters0": 64})
    with pytest.raises(ChoiceError, match="found True"):
        space.validate({"height": True, "filters0": 4})


def test_categories_are_one_hot_and_all_near() -> None:
    space = load_space("nasbench-macro")
    choice = {parameter.name: "identity" for parameter in space.parameters}
    assert len(space.neighbours(choice)) == 8 * 2
    assert math.fsum(space.vector(choice)) == 8


def test_bad_parameters_are_refused() -> None:
    class Bad(UNet):
        def __init__(self, *parameters: Parameter) -> None:
            Space.__init__(self, parameters)

    for parameters in (
        (Parameter("a", (1, 1)),),
        (Parameter("a", (1,)), Parameter("a", (1,))),
        (Parameter("a,b", (1,)),),
        (Parameter("a", (1,), when=("b", (1,))),),
        (Parameter("a", ()),),
    ):
        with pytest.raises(ValueError, match="expected"):
            Bad(*parameters)


def test_options_that_cannot_be() -> None:
    with pytest.raises(InputError, match=r"'resnet8': expected one of .*did you mean 'resnet9'"):
        load_space("resnet8")
    with pytest.raises(InputError, match=r"size: expected a multiple of 8.*found 20"):
        load_space("resnet9", size=20)
    with pytest.raises(InputError, match=r"multiple of 16, found 20"):
        load_space("unet", size=20)
    with pytest.raises(InputError, match=r"expected one of llama-3-8b.*found 'gpt'"):
        load_space("llama", base="gpt")
    with pytest.raises(InputError, match=r"space unet: options .*height"):
        load_space("unet", height=3)
