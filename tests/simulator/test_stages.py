"""Balanced pipelines: the split is exact, fits, and gets no worse on a larger device."""

from __future__ import annotations

import itertools
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chiploom.dataflows.document import Document
from chiploom.dataflows.resources import total
from chiploom.dataflows.spec import parse_spec
from chiploom.frontend import load_onnx
from chiploom.frontend.errors import InputError
from chiploom.frontend.graph import ComputeLayer, LayerGraph, Tensor
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.frontend.zoo import path
from chiploom.simulator.errors import DoesNotFitError
from chiploom.simulator.stages import Stages, balance

ZCU102 = yaml.safe_load((files("chiploom.dataflows") / "devices" / "zu9eg.yaml").read_text())


def chain(*channels: int, size: int = 8) -> LayerGraph:
    """Convolutions of 3 x 3, one after the other."""
    tensors, layers = {"t0": Tensor("t0", (1, channels[0], size, size), 8)}, []
    for n, (c, k) in enumerate(itertools.pairwise(channels)):
        nest = LoopNest((1, 1, k, c, size, size, 3, 3), pad=(1, 1), input_size=(size, size))
        tensors[f"t{n + 1}"] = Tensor(f"t{n + 1}", (1, k, size, size), 8)
        bits = OperandBits(8, 8, 8)
        layers.append(ComputeLayer(f"l{n}", "Conv", nest, bits, (f"t{n}",), f"t{n + 1}"))
    return LayerGraph("chain", tuple(layers), tensors, ("t0",), (f"t{len(layers)}",))


def device(folder: Path, dsps: int) -> str:
    """A ZCU102 with other numbers of DSPs."""
    file = folder / f"with{dsps}.yaml"
    file.write_text(yaml.safe_dump({**ZCU102, "resources": {**ZCU102["resources"], "dsps": dsps}}))
    return str(file)


def powers(most: int) -> list[int]:
    return [2**n for n in range(12) if 2**n < 2 * most]


def brute_force(graph: LayerGraph, dsps: int) -> int:
    """Least cycles of the slowest stage; a vector lane of 4 DSPs each, two products to a DSP."""
    stages = []
    for layer in graph.compute_layers:
        b, g, k, c, oy, ox, fy, fx = layer.nest.sizes
        rest = b * g * oy * ox * fy * fx
        stages.append(
            [
                (rest * -(-k // kpf) * -(-c // cpf), -(-cpf * kpf // 2) + 4)
                for cpf in powers(c)
                for kpf in powers(k)
            ]
        )
    return min(
        max(cycles for cycles, _ in split)
        for split in itertools.product(*stages)
        if sum(cost for _, cost in split) <= dsps
    )


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(channels=st.lists(st.integers(1, 12), min_size=2, max_size=4), dsps=st.integers(16, 200))
def test_the_split_is_exact(tmp_path: Path, channels: list[int], dsps: int) -> None:
    graph = chain(*channels)
    found = balance(graph, device(tmp_path, dsps), dram={"bandwidth": "unlimited"})
    assert found.interval == found.lower_bound == brute_force(graph, dsps)
    check(found)


def check(found: Stages) -> None:
    accelerator = found.accelerator
    assert accelerator.device is not None
    assert not accelerator.device.over(accelerator.resources)
    assert accelerator.resources == total(
        part for sub in accelerator.sub_accelerators for part in sub.resources.values()
    )
    assert found.interval == max(found.dram_cycles, *(stage.cycles for stage in found.stages))
    assert found.latency >= max(stage.start + stage.cycles for stage in found.stages)
    assert found.latency <= sum(max(s.cycles, found.dram_cycles) for s in found.stages) * 2
    again = parse_spec(Document("again", dict(found.spec), {}), accelerator.name)
    assert again == accelerator


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fewer=st.integers(16, 300), more=st.integers(0, 300))
def test_more_dsps_never_slow_it(tmp_path: Path, fewer: int, more: int) -> None:
    graph = chain(3, 16, 8, 20)
    small, large = (
        balance(graph, device(tmp_path, dsps), dram={"bandwidth": "unlimited"})
        for dsps in (fewer, fewer + more)
    )
    assert large.interval <= small.interval


def test_delays_add_up() -> None:
    """Two equal layers: the second waits for two of eight rows, and ends a row after the first."""
    found = balance(chain(4, 4, 4), "zu9eg", dram={"bandwidth": "unlimited"})
    first, second = found.stages
    assert (first.start, second.start) == (0, first.cycles * 2 / 8)
    assert found.latency == second.start + second.cycles


def test_little_bandwidth_widens_rows() -> None:
    graph = chain(64, 64, 64, size=16)
    rich = balance(graph, "zu9eg", dram={"bandwidth": "unlimited"})
    poor = balance(graph, "zu9eg", dram={"bandwidth": "1 GB/s"})
    assert {stage.rows for stage in rich.stages} == {1}
    assert all(stage.rows > 1 for stage in poor.stages)
    assert poor.interval == poor.dram_cycles > rich.interval
    assert poor.limit.startswith("the DRAM")


@pytest.mark.parametrize("name", ["alexnet", "mobilenetv2"])
def test_networks(name: str) -> None:
    found = balance(load_onnx(path(name)), "zu9eg")
    check(found)
    assert found.frames_per_second > 100
    assert found.interval < found.latency


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected 1 to 64 layers with a loop nest.*found 70"):
        balance(chain(*[1] * 71), "zu9eg")
    with pytest.raises(InputError, match="found 0"):
        balance(replace(chain(1, 1), layers=(), outputs=()), "zu9eg")
    with pytest.raises(DoesNotFitError, match="does not fit"):
        balance(chain(4, 4, 4), device(tmp_path, 6))
