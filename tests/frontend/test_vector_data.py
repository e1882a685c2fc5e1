"""Gathers, moves, sorting, generated data and transforms."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.frontend.lowering import MICROSOFT, CannotLower
from chiploom.frontend.operators.sorting import sort_cost

sys.path.insert(0, str(Path(__file__).parent))
from node_views import Number, lower, moves, only_move, only_vector, vectors, view


def test_an_embedding_reads_its_rows() -> None:
    layer = only_move(view("Gather", [((30000, 64), 16), ((2, 7), 64)], [((2, 7, 64), 16)]))
    assert layer.read_bits == 14 * 64 * 16 + 14 * 64
    assert layer.write_bits == 14 * 64 * 16


def test_a_packed_embedding_reads_narrow_rows() -> None:
    node = view(
        "GatherBlockQuantized",
        [((30000, 32), 8), ((7,), 64), ((30000, 2), 16)],
        [((7, 64), 16)],
        domain=MICROSOFT,
        block_size=32,
    )
    layer = only_vector(node)
    assert layer.read_bits == 7 * 64 * 4 + 7 * 64 + 7 * 2 * 16
    assert layer.work.simple_ops == 7 * 64 * 2


def test_scatter() -> None:
    inputs = [(8, 4), ((3, 4), 64), (3, 4)]
    plain = only_move(view("ScatterElements", inputs, [(8, 4)]))
    assert (plain.read_bits, plain.write_bits) == (32 * 32 + 12 * 64 + 12 * 32, 32 * 32)
    added = only_vector(view("ScatterElements", inputs, [(8, 4)], reduction="add"))
    assert added.work.simple_ops == 12


def test_a_cache_is_written_in_place() -> None:
    node = view(
        "TensorScatter", [(2, 4, 100, 8), (2, 4, 1, 8), ((2,), 64)], [(2, 4, 100, 8)], bits=16
    )
    layer = only_move(node)
    assert (layer.read_bits, layer.write_bits) == (64 * 16 + 128, 64 * 16)


def test_one_hot_writes_everything() -> None:
    layer = only_vector(view("OneHot", [((6,), 64), ((), 64), (2,)], [(6, 10)]))
    assert (layer.work.simple_ops, layer.read_bits) == (120, 6 * 64 + 64)


@pytest.mark.parametrize("op", ["Transpose", "DepthToSpace", "SpaceToDepth"])
def test_permutations(op: str) -> None:
    layer = only_move(view(op, [(2, 4, 6)], [(2, 6, 4)], bits=8))
    assert (layer.read_bits, layer.write_bits) == (48 * 8, 48 * 8)


@pytest.mark.parametrize(
    ("op", "output", "read"), [("Pad", (6, 6), 16), ("Tile", (8, 8), 16), ("Pad", (2, 2), 4)]
)
def test_extensions(op: str, output: tuple[int, int], read: int) -> None:
    layer = only_move(view(op, [(4, 4), ((4,), 64)], [output]))
    assert (layer.read_bits, layer.write_bits) == (read * 32, math.prod(output) * 32)
    assert layer.inputs == ("in0",)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=40), st.integers(1, 40))
def test_selection_costs_at_least_what_a_heap_needs(values: list[int], kept: int) -> None:
    """A heap of the kept ones, run and counted: no value passes more levels than charged."""
    kept = min(kept, len(values))
    heap: list[int] = []
    compares = 0
    for value in values:
        if len(heap) < kept:
            heap.append(value)
            place = len(heap) - 1
            while place:
                compares += 1
                if heap[(place - 1) // 2] <= heap[place]:
                    break
                heap[place], heap[(place - 1) // 2] = heap[(place - 1) // 2], heap[place]
                place = (place - 1) // 2
    levels = max(1, math.ceil(math.log2(kept)))
    assert compares <= len(values) * levels
    assert sort_cost(len(values), kept).simple == 2 * len(values) * levels


def test_top_k() -> None:
    layers = lower(view("TopK", [(3, 1000), ((1,), 64)], [(3, 8), ((3, 8), 64)]))
    assert vectors(layers)[0].work.simple_ops == 3 * 1000 * 3 * 2
    assert vectors(layers)[0].read_bits == 3000 * 32
    assert moves(layers)[0].write_bits == 24 * 64


def test_random_numbers_read_nothing() -> None:
    normal = only_vector(view("RandomNormalLike", [(4, 4)], [(4, 4)]))
    assert (normal.work.simple_ops, normal.work.special_ops) == (16 * 32, 16 * 2)
    assert (normal.read_bits, normal.inputs) == (0, ())
    uniform = only_vector(view("RandomUniform", [], [(4, 4)]))
    assert uniform.work.simple_ops == 16 * 28


def test_dropout_in_training() -> None:
    inputs = [(8, 4), (), ((), 8)]
    dropped = only_vector(view("Dropout", inputs, [(8, 4)], constants={2: True}))
    assert dropped.work.simple_ops == 32 * (28 + 3)
    kept = lower(view("Dropout", inputs, [(8, 4), ((8, 4), 8)]))
    assert [move.write_bits for move in moves(kept)] == [32 * 32, 32 * 8]


@pytest.mark.parametrize(
    ("op", "simple", "special"),
    [("HannWindow", 3, 1), ("HammingWindow", 3, 1), ("BlackmanWindow", 6, 2)],
)
def test_windows(op: str, simple: int, special: int) -> None:
    layer = only_vector(view(op, [((), 64)], [(100,)]))
    assert (layer.work.simple_ops, layer.work.special_ops) == (100 * simple, 100 * special)


@pytest.mark.parametrize(
    ("shape", "attributes", "expected"),
    [
        ((2, 64, 2), {"axis": 1, "opset": 17}, 2 * 5 * 64 * 6),
        ((2, 64, 1), {"axis": 1, "opset": 17}, 2 * 5 * 64 * 6 // 2),
        ((2, 64, 2), {"axis": 1, "opset": 17, "inverse": 1}, 2 * 5 * 64 * 6 + 256),
        ((3, 2, 64, 2), {"opset": 20}, 6 * 5 * 64 * 6),
    ],
)
def test_fourier_transform(
    shape: tuple[int, ...], attributes: dict[str, int], expected: int
) -> None:
    output = (*shape[:-1], 2)
    assert only_vector(view("DFT", [shape], [output], **attributes)).work.simple_ops == expected


def test_short_time_fourier_transform() -> None:
    node = view("STFT", [(2, 1000, 1), ((), 64), (128,)], [(2, 14, 65, 2)])
    assert only_vector(node).work.simple_ops == 28 * (5 * 128 * 7 // 2 + 128)
    with pytest.raises(CannotLower, match="frame"):
        lower(view("STFT", [(2, 1000, 1), ((), 64)], [(2, 14, 65, 2)]))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_determinant_by_elimination(size: int) -> None:
    """Elimination with pivots on counting numbers finds the determinant at the stated cost."""
    values = np.random.default_rng(3).normal(size=(size, size))
    rows = [[Number(value) for value in row] for row in values.tolist()]
    Number.reset()
    sign = 1.0
    for k in range(size - 1):
        best = k
        for row in range(k + 1, size):
            Number.simple += 1  # compare of magnitudes
            if abs(rows[row][k].value) > abs(rows[best][k].value):
                best = row
        if best != k:
            rows[k], rows[best], sign = rows[best], rows[k], -sign
        Number.special += 1
        inverse = Number(1 / rows[k][k].value)
        for row in range(k + 1, size):
            factor = rows[row][k] * inverse
            for column in range(k + 1, size):
                rows[row][column] = rows[row][column] - factor * rows[k][column]
    product = rows[0][0]
    for k in range(1, size):
        product = product * rows[k][k]
    assert sign * product.value == pytest.approx(np.linalg.det(values))
    layer = only_vector(view("Det", [(4, size, size)], [(4,)]))
    simple, special = Number.counts()
    assert (layer.work.simple_ops, layer.work.special_ops) == (4 * simple, 4 * special)


def test_data_dependent_sizes_count_by_the_shape_given() -> None:
    layer = only_vector(view("NonZero", [(4, 5)], [((2, 20), 64)]))
    assert (layer.work.simple_ops, layer.write_bits) == (40, 40 * 64)
    kept = only_vector(view("Compress", [(4, 5), ((4,), 8)], [(2, 5)], axis=0))
    assert (kept.work.simple_ops, kept.read_bits) == (4, 4 * 8 + 10 * 32)
