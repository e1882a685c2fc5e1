"""CSV, JSON and its schema, dumps, and writing them whole."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chiploom.frontend.graph import (
    ComputeLayer,
    FusedWork,
    LayerGraph,
    MoveLayer,
    NotModelled,
    Tensor,
    VectorLayer,
    VectorWork,
)
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.reports.dump import graph_text, mapping_text
from chiploom.reports.network import graphs_json
from chiploom.reports.table_csv import csv_text
from chiploom.simulator.files import write_text
from chiploom.simulator.result import Result


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    text = files("chiploom.simulator").joinpath("result.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_the_schema_is_one(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


def test_json_follows_its_schema(result: Result, schema: dict[str, Any]) -> None:
    jsonschema.validate(json.loads(result.json_text()), schema)


@pytest.mark.parametrize(
    "path",
    [("total", "cycles"), ("spec", "clock_hz"), ("layers", 0, "bound"), ("models", 0, "coverage")],
)
def test_the_schema_refuses_what_is_missing_or_unknown(
    result: Result, schema: dict[str, Any], path: tuple[Any, ...]
) -> None:
    document = json.loads(result.json_text())
    place = document
    for key in path[:-1]:
        place = place[key]
    place["unknown"] = place.pop(path[-1])
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(document))
    assert len(errors) == 2


def test_totals_in_json_are_sums_of_the_layers(result: Result) -> None:
    document = result.to_json()
    layers, total = document["layers"], document["total"]
    assert total["energy_pj"] == pytest.approx(sum(layer["energy_pj"] for layer in layers))
    assert total["macs"] == sum(layer["macs"] for layer in layers)
    assert total["dram_bytes"] == sum(layer["dram_bytes"] for layer in layers)
    assert total["area_mm2"] == sum(document["area_by_component"].values())
    assert document["not_modelled"][0] == {
        "model": "net",
        "op": "com.example::Mystery",
        "count": 2,
        "reason": "no rule covers it",
        "share": 0.25,
    }


def test_json_refuses_a_cost_that_is_no_number(result: Result) -> None:
    broken = replace(result.layers[0], lower_bound=float("inf"))
    with pytest.raises(ValueError, match="Out of range float"):
        replace(result, layers=(broken,)).json_text()


def test_csv_has_a_row_per_layer(result: Result) -> None:
    conv, softmax = csv.DictReader(io.StringIO(csv_text(result)))
    assert (conv["name"], conv["K"], conv["cycles"], conv["fused"]) == (
        "conv",
        "8",
        "2000",
        "BatchNormalization+Relu",
    )
    assert softmax["K"] == ""
    assert float(conv["energy_pj.dram.I.read"]) == 700.0
    for row in (conv, softmax):
        parts = sum(float(row[key]) for key in row if key.startswith("energy_pj."))
        assert parts == pytest.approx(float(row["energy_pj"]))


def test_mapping_dump_covers_every_layer(result: Result) -> None:
    text = mapping_text(result)
    assert "net / conv: Conv on array, 2000 cycles, 1.00 nJ, bound by memory:dram" in text
    assert "  K 8 on row\n  for OY 10: W buffer\n" in text
    assert "(no loop nest to map: a vector layer)" in text


@pytest.fixture
def graph() -> LayerGraph:
    """data -> conv + Add -> softmax -> transpose, and one operator that nobody knows."""
    nest = LoopNest((1, 1, 8, 4, 10, 10, 3, 3), stride=(2, 2), pad=(1, 1), input_size=(20, 20))
    add = FusedWork(VectorWork("Add", simple_ops=800), read_bits=6400)
    return LayerGraph(
        name="net",
        layers=(
            ComputeLayer(
                "conv", "Conv", nest, OperandBits(4, 8, 16), ("x", "w"), "y", fused=(add,)
            ),
            VectorLayer("soft", "Softmax", VectorWork("Softmax", 1600, 900), 80, 160, ("y",), "z"),
            MoveLayer("move", "Transpose", 160, 160, ("z",), "t"),
        ),
        tensors={
            "x": Tensor("x", (1, 4, 20, 20), 8),
            "y": Tensor("y", (1, 8, 10, 10), 16),
            "z": Tensor("z", (1, 800), 16),
        },
        inputs=("x",),
        outputs=("t",),
        not_modelled=(NotModelled("Mystery", 1, "no rule covers it", 600, ("m",)),),
        modelled_elements=1800,
    )


def test_graph_dump_shows_loops_bits_work_and_edges(graph: LayerGraph) -> None:
    text = graph_text(graph)
    for line in (
        "graph net: 3 layers, 28.8 k MACs",
        "  input   x: 1x4x20x20, 8 bit",
        "conv = Conv(x, w)",
        "  loops  K8 C4 OY10 OX10 FY3 FX3, stride 2x2, pad 1,1, input 20x20",
        "  bits   W 4, I 8, O 16",
        "  fused  Add: 800 simple operations, 6400 bit read",
        "  out    y: 1x8x10x10, 16 bit -> soft",
        "  work   1600 simple and 900 special operations",
        "  out    t -> (end)",
    ):
        assert line in text.splitlines()


def test_graph_json_is_exact(graph: LayerGraph) -> None:
    (model,) = graphs_json([graph])["models"]
    conv, soft, move = model["layers"]
    assert conv["operand_bits"] == {"W": 288 * 4, "I": 4 * 20 * 20 * 8 + 6400, "O": 800 * 16}
    assert conv["simple_ops"] == 800
    assert (soft["simple_ops"], soft["special_ops"], soft["macs"]) == (1600, 900, 0)
    assert move["operand_bits"] == {"W": 0, "I": 160, "O": 160}
    assert model["coverage"] == 0.75
    assert model["not_modelled"][0]["share"] == 0.25


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    write_text(target, "old")
    target.chmod(0o640)
    write_text(target, "new\n")
    assert target.read_text() == "new\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["out.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(target, "half \ud800")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.json"]


def test_links_and_devices_stay_what_they_are(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    write_text(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    write_text(Path(os.devnull), "gone")
    assert not Path(os.devnull).is_file()
