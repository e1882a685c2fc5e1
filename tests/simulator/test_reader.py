"""Results read back from their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import chiploom
from chiploom.frontend.errors import InputError
from chiploom.simulator.reader import read_result, result_from_json
from chiploom.simulator.result import Result


@pytest.fixture(scope="module")
def result() -> Result:
    graphs = [chiploom.load_onnx(name, bits=8) for name in ("resnet9", "lstm")]
    spec = chiploom.load_spec("nasaic-w1")
    found = chiploom.simulate(graphs, spec, effort="fast", schedule="list")
    gap = {"op": "Mystery", "count": 2, "reason": "no rule covers it", "share": 0.25}
    return replace(found, models=(replace(found.models[0], not_modelled=(gap,)), found.models[1]))


def test_a_result_comes_back_equal(result: Result, tmp_path: Path) -> None:
    result.write_json(tmp_path / "r.json")
    assert read_result(tmp_path / "r.json") == result


def test_a_file_from_before_arrays_and_loops_can_be_read(result: Result) -> None:
    document = json.loads(result.json_text())
    del document["spec"]["arrays"]
    for layer in document["layers"]:
        del layer["loops"], layer["inputs"]
    old = result_from_json(document)
    assert old.spec.arrays == ()
    assert old.spec.dram_bandwidth == 0
    assert all(layer.loops is None for layer in old.layers)
    assert old.energy_pj == result.energy_pj


def test_keys_of_a_later_version_are_passed_over(result: Result) -> None:
    document = json.loads(result.json_text())
    document["later"] = document["layers"][0]["later"] = 1
    assert result_from_json(document) == result


def loops(document: dict[str, Any]) -> dict[str, Any]:
    """Of the first layer that has some."""
    found: dict[str, Any] = next(one["loops"] for one in document["layers"] if one["loops"])
    return found


Change = Callable[[dict[str, Any]], object]
CHANGES: list[tuple[Change, str]] = [
    (lambda d: d.update(schema="chiploom.result/9"), "expected the schema chiploom.result/1"),
    (lambda d: d.pop("layers"), "layers: expected a value, it is missing"),
    (lambda d: d["layers"][0].update(cycles="many"), "layers.0.cycles: .* found 'many'"),
    (lambda d: d["layers"][0].update(cycles=-1), "layers.0.cycles: expected a number"),
    (lambda d: d["layers"][0].update(cycles=2**70), "layers.0.cycles: expected a number"),
    (lambda d: d["layers"][0].update(model="ghost"), "one of the models, found 'ghost'"),
    (lambda d: d["layers"][0].update(sub_accelerator="x"), "layers.0.sub_accelerator"),
    (lambda d: loops(d)["temporal"].append({"dim": "Q", "factor": 1}), "temporal.*dim"),
    (lambda d: loops(d)["tiles"][0].update(inside=99), "loops.tiles"),
    (lambda d: d["spec"].update(clock_hz=0), "spec.clock_hz: expected more than 0"),
    (lambda d: d.update(area_by_component={"x": -1.0}), "area_by_component"),
    (lambda d: d["not_modelled"][0].pop("count"), "not_modelled: expected"),
    (lambda d: d["not_modelled"][0].update(share="all"), "not_modelled: expected"),
    (lambda d: d["models"][0].update(coverage=2.0), "coverage from 0 to 1"),
    (lambda d: d["schedule"].update(leakage_pj=-1.0), "schedule: expected numbers"),
    (lambda d: d["schedule"].update(leakage_pj=float("inf")), "schedule"),
    (lambda d: d["spec"]["arrays"][0].update(macs_per_cycle=0.0), "macs_per_cycle"),
    (lambda d: d["spec"]["arrays"][0]["memories"][-1].update(read_bandwidth=0.0), "DRAM"),
    (lambda d: d["spec"].update(arrays=[{}]), "spec.arrays.0.name"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_what_is_no_result_is_refused(result: Result, change: Change, message: str) -> None:
    document = json.loads(result.json_text())
    change(document)
    with pytest.raises(InputError, match=message):
        result_from_json(document, "r.json")


@pytest.mark.parametrize("text", ["", "[]", "no", '{"schema": NaN}', "[" * 100_000, '"\\ud800"'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"r\.json: expected"):
        read_result(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"r\.json: expected"):
        read_result(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_result(tmp_path)


def test_loops_say_what_the_mapping_says(result: Result) -> None:
    for layer in result.layers:
        if layer.loops is None:
            assert layer.mapping == ""
            continue
        words = layer.mapping.split(" | ")[0].split(" ")
        loops = [word for word in words if ":" not in word]
        assert [f"{loop.dim}{loop.factor}" for loop in layer.loops.temporal] == loops
        array = next(a for a in result.spec.arrays if a.name == layer.sub_accelerator)
        sizes = {memory.name: memory.size_bits for memory in array.memories}
        for name, size in sizes.items():
            held = [tile for tile in layer.loops.tiles if tile.memory == name]
            assert held
            if size is not None:
                assert sum(tile.bits * (1 + tile.doubled) for tile in held) <= size


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.pop("ffs"), "expected dsps, .*ffs"),
        (lambda held: held.update(dsps=-1.0), "counts of at least 0"),
        (lambda held: held.update(dsps=1e300), "counts of at least 0"),
    ],
)
def test_resources_of_a_device_that_are_none(change: Change, said: str) -> None:
    graph = chiploom.load_onnx("lstm", bits=8)
    found = chiploom.simulate(graph, chiploom.load_spec("fpga-mobile"), effort="fast")
    document = json.loads(found.json_text())
    change(document["resources"]["available"])
    with pytest.raises(InputError, match=said):
        result_from_json(document)
