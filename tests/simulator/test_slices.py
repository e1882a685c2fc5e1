"""Vector layers on whole maps: what is fetched in slices, and what they cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chiploom.dataflows import SubAccelerator, load_spec
from chiploom.dataflows.accelerator import Accelerator
from chiploom.frontend.graph import LayerGraph, VectorLayer
from chiploom.search.spaces import MnasNet
from chiploom.simulator.slices import NONE, beyond, slices
from chiploom.simulator.streamed import streamed_cost

KIB = 8 * 1024
CHIP = load_spec("dpu-b4096")


def squeezed() -> LayerGraph:
    """32 channels of 112 x 112 in the first stage, 144 of 28 x 28 in the third."""
    space = MnasNet(bits=8, activation="Relu", gate=("Relu", "HardSigmoid"))
    choice = {f"{name}{stage}": value for name, value in (("e", 6), ("k", 3), ("l", 1), ("se", 1))
              for stage in range(1, 8)}  # fmt: skip
    return space.build({**choice, "e1": 1})


def layer(graph: LayerGraph, name: str) -> VectorLayer:
    (found,) = (entry for entry in graph if name in entry.name)
    assert isinstance(found, VectorLayer)
    return found


def engine(window: int | None = 256 * KIB) -> SubAccelerator:
    sub = CHIP.sub_accelerators[0]
    return replace(sub, vector=replace(sub.vector, window_bits=window))


@pytest.mark.parametrize(
    ("channels", "side", "bytes_moved"),
    [
        # 20 channels of 112 x 112 fit, so 16: each run of 16 B takes a burst of 64 B.
        (32, 112, 2 * 64),
        # 83 of 56 x 56, so 80; 80 B take two bursts, and 16 B one.
        (96, 56, 128 + 64),
        (160, 56, 128 + 128),
        # Not even the 16 channels that lanes work on: they stay together.
        (16, 200, 64),
    ],
)
def test_runs_take_whole_bursts(channels: int, side: int, bytes_moved: int) -> None:
    extra = beyond((1, channels, side, side), 8, 256 * KIB, engine())
    assert extra == side * side * (bytes_moved - channels) * 8


def test_only_where_channels_lie_side_by_side() -> None:
    sub = engine()
    bursts = sub.dram.bursts
    assert bursts is not None
    dram = replace(sub.dram, bursts=replace(bursts, layout="rows"))
    other = replace(sub, memories=(*sub.memories[:-1], dram))
    assert beyond((1, 32, 112, 112), 8, 256 * KIB, other) == 0
    assert slices(layer(squeezed(), "stage1.0/se/Mul"), squeezed(), other).turns


def test_pooling_and_multiplication_that_do_not_fit() -> None:
    graph, pixels = squeezed(), 112 * 112
    pool = slices(layer(graph, "stage1.0/se/Global"), graph, engine())
    assert (pool.read, pool.write, pool.turns, pool.share) == (pixels * 96 * 8, 0, True, 4)
    scaled = slices(layer(graph, "stage1.0/se/Mul"), graph, engine())
    assert (scaled.read, scaled.write) == (pixels * 96 * 8, pixels * 96 * 8)
    assert (scaled.turns, scaled.share) == (True, 1)


def test_what_fits_is_not_sliced() -> None:
    graph = squeezed()
    for name, share in (("stage3.0/se/Global", 4), ("stage3.0/se/Mul", 1)):
        found = slices(layer(graph, name), graph, engine())
        assert (found.read, found.write, found.turns, found.share) == (0, 0, False, share)
    for name in ("stage1.0/se/Global", "stage1.0/se/Mul"):
        assert not slices(layer(graph, name), graph, engine(None)).turns


def test_elementwise_work_on_equal_maps_is_not_on_whole_ones() -> None:
    graph = MnasNet(bits=8).build(
        {f"{name}{stage}": value for name, value in (("e", 1), ("k", 3), ("l", 2), ("se", 0))
         for stage in range(1, 8)}
    )  # fmt: skip
    for entry in graph:
        if isinstance(entry, VectorLayer) and entry.op != "GlobalAveragePool":
            assert slices(entry, graph, engine()) == NONE


def test_slices_take_turns_and_a_pooling_leaves_pixels_idle() -> None:
    graph = squeezed()
    elements, sub = 32 * 112 * 112, engine()
    alone = Accelerator("alone", 281e6, (sub,))
    pool = streamed_cost(layer(graph, "stage1.0/se/Global"), graph, sub, alone)
    # 4 times 32 B for every pixel at 32 B a cycle; 16 lanes work; 32 means leave.
    assert pool.cycles == 4 * elements // 32 + (elements + 32 + 15) // 16 + 1
    scaled = streamed_cost(layer(graph, "stage1.0/se/Mul"), graph, sub, alone)
    assert scaled.cycles == 2 * (4 * elements // 32) + 1 + elements // 64
    # A map that fits overlaps: 2 B an element, each way its own.
    third = streamed_cost(layer(graph, "stage3.0/se/Mul"), graph, sub, alone)
    assert third.cycles == -(-(144 * 28 * 28 + 144) // 32)
