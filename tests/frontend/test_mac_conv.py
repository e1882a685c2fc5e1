"""Convolutions: the loop nest is ONNX's, in every variant."""

from __future__ import annotations

import itertools
import sys
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from onnx.reference import ReferenceEvaluator

from chiploom.frontend import ComputeLayer, LoopNest, OperandBits

sys.path.insert(0, str(Path(__file__).parent))
from onnx_models import INT8, UINT8, constant, fused, load, model, node, only, value, weight


def convolution(x: tuple[int, ...], w: tuple[int, ...], **attributes: object) -> ComputeLayer:
    return only(load([node("Conv", ["x", "w"], ["y"], **attributes)], {"x": x}, ["y"],
                     [weight("w", w)]).layers)  # fmt: skip


def test_two_dims() -> None:
    layer = convolution(
        (2, 6, 9, 10),
        (8, 3, 3, 2),
        group=2,
        strides=[2, 1],
        dilations=[1, 2],
        pads=[1, 0, 2, 3],
    )
    # rows (9 + 3 - 3) // 2 + 1, columns (10 + 3 - 3) // 1 + 1
    assert layer.nest == LoopNest(
        (2, 2, 4, 3, 5, 11, 3, 2),
        stride=(2, 1),
        dilation=(1, 2),
        pad=(1, 0),
        input_size=(9, 10),
    )
    assert layer.bits == OperandBits(32, 32, 32)
    assert layer.inputs == ("x", "w")
    assert not layer.dynamic_weights


def test_depthwise_has_a_group_per_channel() -> None:
    nest = convolution((1, 16, 8, 8), (32, 1, 3, 3), group=16).nest
    assert (nest["G"], nest["K"], nest["C"]) == (16, 2, 1)
    assert nest.macs == 32 * 36 * 9


def test_one_dim_lies_along_the_columns() -> None:
    nest = convolution((1, 4, 20), (6, 4, 5), strides=[3], pads=[2, 1], dilations=[2]).nest
    assert nest == LoopNest(
        (1, 1, 6, 4, 1, 5, 1, 5),
        stride=(1, 3),
        dilation=(1, 2),
        pad=(0, 2),
        input_size=(1, 20),
    )


def test_three_dims_fold_depth() -> None:
    network = load(
        [node("Conv", ["x", "w"], ["y"], pads=[1] * 6, strides=[2, 1, 1])],
        {"x": (2, 3, 8, 10, 12)},
        ["y"],
        [weight("w", (5, 3, 3, 3, 3))],
    )
    nest = only(network.layers).nest
    assert nest.sizes == (2 * 4, 1, 5, 3 * 3, 10, 12, 3, 3)
    assert nest.macs == 2 * 5 * 4 * 10 * 12 * 3 * 27
    assert any("depth" in note for note in network.notes)


@pytest.mark.parametrize(
    ("auto_pad", "pad"), [("SAME_UPPER", (0, 1)), ("SAME_LOWER", (1, 2)), ("VALID", (0, 0))]
)
def test_auto_pad(auto_pad: str, pad: tuple[int, int]) -> None:
    # padding needed: 1 row for 4 outputs with stride 2, 3 columns for 8 outputs
    layer = convolution((1, 1, 8, 8), (1, 1, 3, 4), auto_pad=auto_pad, strides=[2, 1])
    assert layer.nest.pad == pad


@given(
    size=st.integers(1, 12),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    auto_pad=st.sampled_from(["SAME_UPPER", "SAME_LOWER"]),
)
def test_auto_pad_meets_the_reference(
    size: int, kernel: int, stride: int, dilation: int, auto_pad: str
) -> None:
    """The window positions of the nest sum up what the reference sums up."""
    attributes = {"auto_pad": auto_pad, "strides": [stride], "dilations": [dilation]}
    nest = convolution((1, 1, size), (1, 1, kernel), **attributes).nest
    outputs = -(-size // stride)
    needed = max(0, (outputs - 1) * stride + (kernel - 1) * dilation + 1 - size)
    before = needed // 2 if auto_pad == "SAME_UPPER" else needed - needed // 2
    assert nest["OX"] == outputs
    assert nest.pad == (0, before)
    x, w = np.arange(1.0, size + 1), np.arange(1.0, kernel + 1) ** 2
    explicit = helper.make_node(
        "Conv", ["x", "w"], ["y"], pads=[before, needed - before], strides=[stride],
        dilations=[dilation],
    )  # fmt: skip
    feeds = {"x": x[None, None].astype(np.float32), "w": w[None, None].astype(np.float32)}
    (expected,) = ReferenceEvaluator(explicit).run(None, feeds)
    assert np.allclose(_walk(nest, x, w), expected.ravel())


def _walk(nest: LoopNest, x: np.ndarray, w: np.ndarray) -> list[float]:
    total = [0.0] * nest["OX"]
    for out, tap in itertools.product(range(nest["OX"]), range(nest["FX"])):
        position = nest.stride[1] * out + nest.dilation[1] * tap - nest.pad[1]
        if 0 <= position < nest.input_size[1]:
            total[out] += w[tap] * x[position]
    return total


def test_weights_that_are_computed_are_dynamic() -> None:
    network = load([node("Conv", ["x", "v"], ["y"])], {"x": (1, 2, 5, 5), "v": (3, 2, 3, 3)}, ["y"])
    assert only(network.layers).dynamic_weights


def test_a_constant_bias_is_free_and_a_computed_one_is_added() -> None:
    nodes = [node("Conv", ["x", "w", "b"], ["y"])]
    free = load(nodes, {"x": (1, 2, 5, 5)}, ["y"], [weight("w", (3, 2, 3, 3)), weight("b", (3,))])
    assert only(free.layers).fused == ()
    paid = only(
        load(nodes, {"x": (1, 2, 5, 5), "b": (3,)}, ["y"], [weight("w", (3, 2, 3, 3))]).layers
    )
    assert [(entry.work.simple_ops, entry.read_bits) for entry in paid.fused] == [(27, 96)]


def test_quantized_convolution_takes_widths_from_the_types() -> None:
    names = ["x", "s", "z", "w", "s", "zw", "s", "z", "b"]
    network = load(
        [node("QLinearConv", names, ["y"], pads=[1, 1, 1, 1])],
        [value("x", (1, 4, 6, 6), UINT8)],
        ["y"],
        [
            weight("w", (8, 4, 3, 3), INT8),
            constant("s", np.float32(0.1)),
            constant("z", np.uint8(3)),
            constant("zw", np.int8(0)),
            constant("b", np.zeros(8, np.int32)),
        ],
    )
    layer = only(network.layers)
    assert layer.bits == OperandBits(8, 8, 8)
    assert layer.nest.macs == 8 * 36 * 36
    assert not layer.dynamic_weights
    assert fused(layer) == ["QuantizeLinear"]
    assert network.tensors["y"].bits == 8


def test_integer_convolution_writes_int32() -> None:
    network = load(
        [node("ConvInteger", ["x", "w"], ["y"])],
        [value("x", (1, 4, 6, 6), UINT8)],
        ["y"],
        [weight("w", (8, 4, 3, 3), INT8)],
    )
    assert only(network.layers).bits == OperandBits(8, 8, 32)


def test_a_share_of_the_macs_of_dense_convolution() -> None:
    for groups in (1, 2, 4):
        nest = convolution((1, 8, 7, 7), (12, 8 // groups, 3, 3), group=groups).nest
        assert nest.macs == prod((12, 25, 9, 8)) // groups


def test_channels_that_do_not_fit_the_groups() -> None:
    bad = model(
        [node("Conv", ["x", "w"], ["y"], group=3)], {"x": (1, 8, 7, 7)}, ["y"],
        [weight("w", (9, 4, 3, 3))],
    )  # fmt: skip
    from chiploom.frontend import InputError
    from chiploom.frontend.onnx_import import import_model

    with pytest.raises(InputError, match=r"3 groups|do not fit"):
        import_model(bad)
