"""Transposed convolutions: phases without inserted zeros, against a walk over all outputs."""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chiploom.frontend import ComputeLayer, MoveLayer
from chiploom.frontend.operators.conv_transpose import phases

sys.path.insert(0, str(Path(__file__).parent))
from onnx_models import fused, load, node, weight


def brute_force(outputs: int, kernel: int, stride: int, dilation: int, crop: int) -> int:
    """Taps that meet a position of the input's grid, over all outputs of one axis."""
    return sum(
        (out + crop - dilation * tap) % stride == 0
        for out in range(outputs)
        for tap in range(kernel)
    )


axis = st.fixed_dictionaries(
    {
        "outputs": st.integers(1, 14),
        "kernel": st.integers(1, 5),
        "stride": st.integers(1, 4),
        "dilation": st.integers(1, 4),
        "crop": st.integers(0, 3),
    }
)


@given(axis)
def test_phases_count_what_a_walk_counts(sizes: dict[str, int]) -> None:
    parts = phases(**sizes)
    assert sum(part.count * part.outputs for part in parts) == sizes["outputs"]
    counted = sum(part.count * part.outputs * part.taps for part in parts)
    assert counted == brute_force(**sizes)


@given(axis, st.integers(1, 6))
def test_a_phase_on_its_own_reads_the_inputs_of_the_operator(
    sizes: dict[str, int], inputs: int
) -> None:
    """Where nothing is merged, the nest's positions are exactly those of the definition."""
    parts = phases(**sizes)
    assume(all(part.count == 1 for part in parts))
    expected = set()
    for out in range(sizes["outputs"]):
        for tap in range(sizes["kernel"]):
            position, off = divmod(out + sizes["crop"] - sizes["dilation"] * tap, sizes["stride"])
            if not off and 0 <= position < inputs:
                expected.add(position)
    found = set()
    for part in parts:
        for out in range(part.outputs):
            for tap in range(part.taps):
                position = out + part.dilation * tap - part.pad
                if 0 <= position < inputs:
                    found.add(position)
    assert found == expected


def imported(
    x: tuple[int, ...], w: tuple[int, ...], **attributes: object
) -> tuple[list[ComputeLayer], tuple[int, ...]]:
    nodes = [node("ConvTranspose", ["x", "w"], ["y"], name="up", **attributes)]
    network = load(nodes, {"x": x}, ["y"], [weight("w", w)])
    return list(network.compute_layers), network.tensors["y"].shape


rank_strategy = st.integers(1, 3)


@given(data=st.data(), rank=rank_strategy)
def test_macs_of_the_operator(data: st.DataObject, rank: int) -> None:
    def draw(low: int, high: int) -> list[int]:
        return data.draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))

    group = data.draw(st.integers(1, 2))
    kernel, stride, dilation = draw(1, 4), draw(1, 3), draw(1, 3)
    inputs = draw(2, 5)
    extra = [
        data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
    ]
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    pads = [data.draw(st.integers(0, r // 2)) for r in reach + reach]
    x, w = (2, 2 * group, *inputs), (2 * group, 3, *kernel)
    layers, y = imported(
        x, w, group=group, strides=stride, dilations=dilation, pads=pads, output_padding=extra
    )
    assert y == _reference_shape(x, w, group, stride, dilation, pads, extra)
    per_axis = [
        brute_force(y[2 + a], kernel[a], stride[a], dilation[a], pads[a]) for a in range(rank)
    ]
    expected = 2 * group * 3 * 2 * prod(per_axis)  # batch, groups, filters, channels
    assert sum(layer.nest.macs for layer in layers) == expected
    reached = sum(layer.nest.elements("O") for layer in layers)
    assert reached <= prod(y)
    assert {layer.output for layer in layers} == {"y"}


def _reference_shape(
    x: tuple[int, ...], w: tuple[int, ...], group: int, stride: list[int], dilation: list[int],
    pads: list[int], extra: list[int],
) -> tuple[int, ...]:  # fmt: skip
    rank = len(stride)
    return (x[0], w[1] * group, *(
        stride[a] * (x[2 + a] - 1) + extra[a] + (w[2 + a] - 1) * dilation[a] + 1
        - pads[a] - pads[rank + a]
        for a in range(rank)
    ))  # fmt: skip


def test_twofold_upsampling_is_one_nest_with_four_times_the_channels() -> None:
    layers, y = imported((1, 8, 5, 5), (8, 6, 4, 4), strides=[2, 2], pads=[1, 1, 1, 1])
    assert y == (1, 6, 10, 10)
    (layer,) = layers
    assert layer.name == "up"
    assert layer.nest.sizes == (1, 1, 24, 8, 5, 5, 2, 2)
    assert layer.nest.input_size == (5, 5)
    assert layer.nest.stride == (1, 1)
    # every input meets every tap, but for the border that is cropped
    assert layer.nest.macs == 6 * 10 * 10 * 8 * 4


def test_stride_one_is_a_convolution() -> None:
    layers, _ = imported((1, 3, 6, 6), (3, 5, 3, 3), pads=[1, 1, 1, 1])
    (layer,) = layers
    assert layer.nest.sizes == (1, 1, 5, 3, 6, 6, 3, 3)
    assert layer.nest.pad == (1, 1)


def test_phases_with_other_tap_counts_are_layers_of_their_own() -> None:
    layers, _ = imported((1, 1, 4, 4), (1, 1, 3, 3), strides=[2, 2])
    assert [layer.name for layer in layers] == [f"up/phase{i}" for i in range(4)]
    assert sorted(layer.nest["FY"] * layer.nest["FX"] for layer in layers) == [1, 2, 2, 4]


def test_outputs_that_no_tap_reaches_are_only_written() -> None:
    nodes = [node("ConvTranspose", ["x", "w"], ["y"], strides=[3])]
    network = load(nodes, {"x": (1, 2, 4)}, ["y"], [weight("w", (2, 5, 1))])
    fill, product = network.layers
    assert isinstance(fill, MoveLayer)
    assert isinstance(product, ComputeLayer)
    assert product.nest.macs == 4 * 2 * 5
    assert fill.write_bits == (10 - 4) * 5 * 32  # outputs 1, 2, 4, 5, 7, 8
    assert network.tensors["y"].shape == (1, 5, 10)


def test_an_activation_is_shared_among_the_phases() -> None:
    nodes = [
        node("ConvTranspose", ["x", "w"], ["c"], strides=[2, 2]),
        node("Relu", ["c"], ["y"]),
    ]
    network = load(nodes, {"x": (1, 1, 4, 4)}, ["y"], [weight("w", (1, 3, 3, 3))])
    assert all(fused(layer) == ["Relu"] for layer in network)
    works = [layer.fused[0].work.simple_ops for layer in network.compute_layers]
    assert sum(works) == 3 * 81
    assert all(
        work == layer.nest.elements("O")
        for work, layer in zip(works, network.compute_layers, strict=True)
    )


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
def test_auto_pad(auto_pad: str) -> None:
    layers, y = imported((1, 1, 5, 5), (1, 1, 3, 3), strides=[2, 2], auto_pad=auto_pad)
    assert y[2:] == (10, 10)
    crop = 0 if auto_pad == "SAME_UPPER" else 1  # one position too many: at the end, or the start
    assert sum(layer.nest.macs for layer in layers) == brute_force(10, 3, 2, 1, crop) ** 2


def test_output_shape_decides_the_pads() -> None:
    layers, y = imported((1, 1, 4, 4), (1, 1, 4, 4), strides=[2, 2], output_shape=[8, 8])
    assert y[2:] == (8, 8)
    assert sum(layer.nest.macs for layer in layers) == brute_force(8, 4, 2, 1, 1) ** 2
