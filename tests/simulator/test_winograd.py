"""The Winograd engine: its transforms, its cycles, and when it must not be used."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.dataflows import Accelerator
from chiploom.dataflows.document import parse_document
from chiploom.dataflows.spec import parse_spec
from chiploom.frontend.errors import InputError
from chiploom.frontend.graph import ComputeLayer, LayerGraph, Tensor
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator.cache import MappingCache
from chiploom.simulator.layers import compute_cost, problem_of
from chiploom.simulator.simulate import simulate
from chiploom.simulator.spatial import unrollings
from chiploom.simulator.sweep import sweep

from .problem_strategies import nests

#: Of F(m, 3), after Lavin and Gray; filters' times `SCALE`, to be integers.
SCALE = {2: 2, 4: 24}
INPUTS = {
    2: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    4: [
        [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1],
    ],
}  # fmt: skip
FILTERS = {
    2: [[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]],
    4: [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]],
}
OUTPUTS = {
    2: [[1, 1, 1, 0], [0, 1, -1, -1]],
    4: [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
}


def engine(**parameters: object) -> Accelerator:
    text = "device: zu9eg\ndram: {bandwidth: unlimited}\nsub_accelerators:\n"
    values = ", ".join(f"{key}: {value}" for key, value in parameters.items())
    text += f"  - {{name: engine, template: fpga-winograd, parameters: {{{values}}}}}\n"
    return parse_spec(parse_document(text, "engine.yaml"), "engine")


def convolution(nest: LoopNest) -> LayerGraph:
    b, g, k, c, oy, ox, _, _ = nest.sizes
    tensors = {
        "x": Tensor("x", (b, g * c, *nest.input_size), 8),
        "y": Tensor("y", (b, g * k, oy, ox), 8),
    }
    layer = ComputeLayer("conv", "Conv", nest, OperandBits(8, 8, 8), ("x",), "y")
    return LayerGraph("net", (layer,), tensors, ("x",), ("y",))


@pytest.mark.parametrize("m", [2, 4])
@given(seed=st.integers(0, 2**32 - 1))
def test_transforms_equal_direct_convolution(m: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    tile = random.integers(-128, 128, (m + 2, m + 2))
    taps = random.integers(-128, 128, (3, 3))
    b, g, a = (np.array(table[m]) for table in (INPUTS, FILTERS, OUTPUTS))
    inputs, filters = b @ tile @ b.T, g @ taps @ g.T
    found = a @ (inputs * filters) @ a.T
    direct = [[(tile[y : y + 3, x : x + 3] * taps).sum() for x in range(m)] for y in range(m)]
    assert (found == SCALE[m] ** 2 * np.array(direct)).all()


@pytest.mark.parametrize("m", [2, 4])
def test_factors_are_as_wide_as_exact_transforms_need(m: int) -> None:
    """The largest sum of magnitudes in a row, squared, of the largest magnitude 2^7."""
    mode = engine(tile=m, tm=2, tn=2)
    parameters = mode.sub_accelerators[0].parameters
    for name, table in (("input", INPUTS), ("weight", FILTERS)):
        row = max(sum(map(abs, line)) for line in table[m])
        assert parameters[f"{name}_factor_bits"] == f"{8 + math.ceil(math.log2(row**2))} bit"


@pytest.mark.parametrize("m", [2, 4])
@given(
    k=st.integers(1, 20), c=st.integers(1, 20), rows=st.integers(1, 28), columns=st.integers(1, 28)
)
def test_cycles_are_those_of_the_tiles(m: int, k: int, c: int, rows: int, columns: int) -> None:
    accelerator = engine(tile=m, tm=4, tn=3, pipeline=0)
    nest = LoopNest((1, 1, k, c, rows, columns, 3, 3), pad=(1, 1), input_size=(rows, columns))
    (mode,) = accelerator.sub_accelerators[0].modes
    best = unrollings(nest, mode)[0]
    steps = dict(zip(("B", "G", "K", "C", "OY", "OX", "FY", "FX"), nest.sizes, strict=True))
    for unroll in best:
        steps[unroll.dim] = -(-steps[unroll.dim] // unroll.factor)
    tiles = [(k, 4), (c, 3), (rows, m), (columns, m)]
    assert math.prod(steps.values()) == math.prod(-(-size // by) for size, by in tiles)


@pytest.mark.parametrize("m", [2, 4])
def test_fewer_products_and_cycles(m: int) -> None:
    accelerator = engine(
        tile=m, tm=4, tn=4, pipeline=0, weight_factor_bits="8 bit", input_factor_bits="8 bit"
    )
    nest = LoopNest((1, 1, 16, 16, 28, 28, 3, 3), pad=(1, 1), input_size=(28, 28))
    (layer,) = simulate(convolution(nest), accelerator, objective="latency").layers
    assert layer.mode == "winograd"
    steps = 4 * 4 * (28 // m) ** 2
    assert steps <= layer.cycles < 1.2 * steps
    sub = accelerator.sub_accelerators[0]
    macs = sub.modes[0].mac_energy / sub.mac_energy
    assert macs > (m + 2) ** 2 / (9 * m * m)  # the adders of the transforms
    assert sub.resources["mac"].dsps == 4 * 4 * (m + 2) ** 2 / 2  # two of 8 bit in a DSP48E2


def test_a_filter_takes_as_much_room_as_it_has_transformed() -> None:
    sub = engine(tile=4, weight_factor_bits="8 bit").sub_accelerators[0]
    (mode,) = sub.modes
    plain, held = (next(m for m in s.memories if m.name == "weights") for s in (sub, mode))
    assert plain.size_bits is not None
    assert held.size_bits == plain.size_bits * 9 // 36
    assert held.read_bandwidth == pytest.approx(9 * 8)  # a filter per cycle
    assert held.read_energy == pytest.approx(4 * plain.read_energy)
    assert sub.instances(plain) == mode.instances(held)


ENGINE = engine(tile=2, tm=2, tn=2, tr=8, tc=8)
CACHE = MappingCache()


@given(nest=nests(5, sequential=True))
def test_never_where_it_is_illegal(nest: LoopNest) -> None:
    legal = (
        (nest["FY"], nest["FX"]) == (3, 3)
        and nest.stride == nest.dilation == (1, 1)
        and not nest.sequential
    )
    (sub,) = ENGINE.sub_accelerators
    assert [way.mode for way in sub.ways(nest)] == ["", "winograd"][: 1 + legal]
    result = simulate(convolution(nest), ENGINE, objective="latency", effort="fast", cache=CACHE)
    (layer,) = result.layers
    assert layer.mode in (["", "winograd"] if legal else [""])
    for way in sub.ways(nest):
        problem = problem_of(convolution(nest).compute_layers[0], way, ENGINE)
        cost = compute_cost(problem, "latency", "analytic", "fast", CACHE)
        assert layer.cycles <= cost.cycles


def test_a_sweep_says_that_it_knows_no_modes() -> None:
    nest = LoopNest((1, 1, 4, 4, 4, 4, 3, 3), input_size=(6, 6))
    with pytest.raises(InputError, match="use `simulate`"):
        sweep([(nest, OperandBits(8, 8, 8))], [ENGINE])


def test_a_file_says_which_mode_ran(tmp_path: Path) -> None:
    from chiploom.simulator.reader import read_result

    nest = LoopNest((1, 1, 4, 4, 8, 8, 3, 3), pad=(1, 1), input_size=(8, 8))
    result = simulate(convolution(nest), ENGINE, objective="latency")
    result.write_json(tmp_path / "result.json")
    assert read_result(tmp_path / "result.json").layers[0].mode == "winograd"
