"""Pooling, interpolation and regions: counts against loops that walk every window."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.frontend.lowering import MICROSOFT, CannotLower, NodeView
from chiploom.frontend.operators.costs import separable_interpolation

sys.path.insert(0, str(Path(__file__).parent))
import node_views as n
from node_views import Number, lower, moves, only_move, only_vector, products, vectors, view


@given(
    spatial=st.lists(
        st.tuples(
            st.integers(1, 9),  # size
            st.integers(1, 3),  # kernel
            st.integers(1, 4),  # stride
            st.integers(1, 2),  # dilation
            st.integers(0, 1),  # padding before
            st.integers(0, 1),  # and behind
        ),
        min_size=1,
        max_size=3,
    )
)
def test_pooling_walks_its_windows(spatial: list[tuple[int, ...]]) -> None:
    outputs = [
        (size + begin + end - dilation * (kernel - 1) - 1) // stride + 1
        for size, kernel, stride, dilation, begin, end in spatial
    ]
    if min(outputs) < 1:
        return
    compares, touched = 0, set()
    for window in itertools.product(*(range(count) for count in outputs)):
        for tap in itertools.product(*(range(entry[1]) for entry in spatial)):
            position = tuple(
                o * stride + t * dilation - begin
                for o, t, (_, _, stride, dilation, begin, _) in zip(
                    window, tap, spatial, strict=True
                )
            )
            compares += 1
            if all(0 <= p < entry[0] for p, entry in zip(position, spatial, strict=True)):
                touched.add(position)
    node = view(
        "MaxPool",
        [(2, 3, *(entry[0] for entry in spatial))],
        [(2, 3, *outputs)],
        bits=8,
        kernel_shape=[entry[1] for entry in spatial],
        strides=[entry[2] for entry in spatial],
        dilations=[entry[3] for entry in spatial],
        pads=[entry[4] for entry in spatial] + [entry[5] for entry in spatial],
    )
    layer = only_vector(node)
    assert layer.work.simple_ops == 6 * compares
    assert layer.read_bits == 6 * len(touched) * 8


def pool(op: str, **attributes: object) -> NodeView:
    return view(
        op, [(1, 8, 14, 14)], [(1, 8, 7, 7)], kernel_shape=[3, 3], strides=[2, 2], **attributes
    )


def test_average_and_lp_pooling() -> None:
    average = only_vector(pool("AveragePool", pads=[1, 1, 0, 0]))
    assert average.work.simple_ops == 392 * (9 + 1)
    euclidean = only_vector(pool("LpPool", pads=[1, 1, 0, 0]))
    assert (euclidean.work.simple_ops, euclidean.work.special_ops) == (392 * 18, 392)
    absolute = only_vector(pool("LpPool", p=1, pads=[1, 1, 0, 0]))
    assert (absolute.work.simple_ops, absolute.work.special_ops) == (392 * 18, 0)


def test_indices_of_maxima_are_selected_and_written() -> None:
    node = pool("MaxPool", auto_pad="SAME_UPPER")
    outputs = (*node.outputs, n.Tensor("out1", (1, 8, 7, 7), 64))
    layers = lower(NodeView("node", "MaxPool", "", 12, node.inputs, outputs, node.attributes))
    assert vectors(layers)[0].work.simple_ops == 392 * 9 * 2
    assert vectors(layers)[0].read_bits == 8 * 14 * 14 * 32
    assert moves(layers)[0].write_bits == 392 * 64


def test_global_pooling() -> None:
    average = only_vector(view("GlobalAveragePool", [(2, 8, 7, 7)], [(2, 8, 1, 1)]))
    assert average.work.simple_ops == 2 * 8 * 49 + 16
    largest = only_vector(view("GlobalMaxPool", [(2, 8, 7, 7)], [(2, 8, 1, 1)]))
    assert largest.work.simple_ops == 2 * 8 * 49


def test_quantized_pooling_channels_last() -> None:
    node = view(
        "QLinearAveragePool",
        [((1, 14, 14, 8), 8), (), ((), 8), (), ((), 8)],
        [((1, 7, 7, 8), 8)],
        domain=MICROSOFT,
        kernel_shape=[2, 2],
        strides=[2, 2],
        channels_last=1,
    )
    layer = only_vector(node)
    assert layer.work.simple_ops == 392 * (4 + 2 + 5)
    assert layer.read_bits == 14 * 14 * 8 * 8 + 2 * 32 + 2 * 8


def test_kernel_that_does_not_fit() -> None:
    with pytest.raises(CannotLower, match="kernel_shape"):
        lower(view("MaxPool", [(1, 8, 14, 14)], [(1, 8, 7, 7)], kernel_shape=[3]))


def interpolate(values: dict[tuple[int, ...], Number], taps: list[list[float]]) -> Number:
    """A weighted sum over the last axis for every line, then over the axis before, …"""
    for weights in reversed(taps):
        lines: dict[tuple[int, ...], Number] = {}
        for *rest, last in sorted(values):
            term = values[*rest, last] * weights[last]
            lines[tuple(rest)] = lines[tuple(rest)] + term if tuple(rest) in lines else term
        values = lines
    return values[()]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_interpolation_of_several_axes(taps: list[int]) -> None:
    corners = itertools.product(*(range(count) for count in taps))
    values = {corner: Number(1.0) for corner in corners}
    Number.reset()
    assert interpolate(values, [[1 / count] * count for count in taps]).value == pytest.approx(1)
    cost = separable_interpolation(tuple(taps))
    assert (cost.simple, cost.special) == Number.counts()


@pytest.mark.parametrize(
    ("mode", "output", "per_output"),
    [
        ("linear", (1, 4, 16, 16), 3 + 2 * 3),
        ("linear", (1, 4, 8, 16), 3),
        ("cubic", (1, 4, 16, 16), 7 + 4 * 7),
    ],
)
def test_resize(mode: str, output: tuple[int, ...], per_output: int) -> None:
    layer = only_vector(view("Resize", [(1, 4, 8, 8), None, (4,)], [output], mode=mode))
    count = output[1] * output[2] * output[3]
    assert layer.work.simple_ops == count * per_output
    assert layer.read_bits == 256 * 32


def test_resize_nearest_moves_and_antialias_widens() -> None:
    up = only_move(view("Resize", [(1, 4, 8, 8), None, (4,)], [(1, 4, 16, 16)]))
    assert (up.read_bits, up.write_bits) == (256 * 32, 1024 * 32)
    down = only_move(view("Upsample", [(1, 4, 8, 8), (4,)], [(1, 4, 4, 4)]))
    assert (down.read_bits, down.write_bits) == (64 * 32, 64 * 32)
    smooth = view("Resize", [(1, 4, 9, 8)], [(1, 4, 3, 8)], mode="linear", antialias=1)
    assert only_vector(smooth).work.simple_ops == 4 * 3 * 8 * (2 * 6 - 1)


def test_grid_sample() -> None:
    """Positions once for all 16 channels: per axis scale, border, floor, fraction."""
    node = view("GridSample", [(2, 16, 8, 8), (2, 5, 5, 2)], [(2, 16, 5, 5)])
    assert only_vector(node).work.simple_ops == 50 * 2 * 6 + 800 * 9


def test_regions_count_by_their_bound() -> None:
    node = view("RoiAlign", [(1, 16, 20, 30), (7, 4), ((7,), 64)], [(7, 16, 5, 5)])
    samples = 7 * 25 * (20 // 5) * (30 // 5)
    layer = only_vector(node)
    assert layer.work.simple_ops == samples * 14 + samples * 16 * 8 + 7 * 16 * 25
    assert node.notes
    fixed = view(
        "RoiAlign", [(1, 16, 20, 30), (7, 4), ((7,), 64)], [(7, 16, 5, 5)], sampling_ratio=2
    )
    assert only_vector(fixed).work.simple_ops == 700 * 14 + 700 * 16 * 8 + 2800
    assert not fixed.notes
    pooled = only_vector(view("MaxRoiPool", [(1, 16, 20, 30), (7, 5)], [(7, 16, 5, 5)]))
    assert pooled.work.simple_ops == 7 * 16 * 600


def test_suppression_compares_with_all_kept_boxes() -> None:
    """40 boxes, 3 classes, 5 kept: box i is compared with min(i, 5) others."""
    node = view(
        "NonMaxSuppression",
        [(2, 40, 4), (2, 3, 40), ((1,), 64), (1,), (1,)],
        [((30, 3), 64)],
        constants={2: [5]},
    )
    pairs = sum(min(box, 5) for box in range(40))
    sort = 40 * 6 * 2  # ceil(log2(40)) = 6
    layer = only_vector(node)
    assert layer.work.simple_ops == 2 * 3 * (40 + sort + 13 * pairs) + 2 * 3 * 40
    unknown = view("NonMaxSuppression", [(2, 40, 4), (2, 3, 40), ((1,), 64)], [((30, 3), 64)])
    with pytest.raises(CannotLower, match="max_output_boxes_per_class"):
        lower(unknown)


def test_deformable_convolution() -> None:
    """Every tap of every output samples each channel of its offset group."""
    node = view(
        "DeformConv",
        [(1, 6, 9, 9), (8, 3, 3, 3), (1, 18, 7, 7), (8,), (1, 9, 7, 7)],
        [(1, 8, 7, 7)],
        group=2,
    )
    layers = lower(node)
    (product,) = products(layers)
    assert product.nest.macs == 8 * 49 * 3 * 9
    assert product.fused[0].read_bits == 8 * 32
    (samples,) = vectors(layers)
    assert samples.write_bits == 49 * 6 * 9 * 32
    assert samples.work.simple_ops == 49 * 9 * (14 + 2) + 49 * 9 * 6 * (7 + 1)
    assert product.nest.elements("I") == 49 * 6 * 9
