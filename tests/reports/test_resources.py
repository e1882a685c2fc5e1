"""What reports say of an FPGA's resources."""

from __future__ import annotations

from pathlib import Path

import pytest

import chiploom
from chiploom.frontend.zoo.builder import GraphBuilder
from chiploom.frontend.zoo.modules import conv
from chiploom.search.run import co_search
from chiploom.search.study_file import parse_study
from chiploom.simulator.fit import fit

STUDY = """
networks:
  - {name: classifier, model: net.onnx}
hardware:
  device: zu9eg
  sub_accelerators:
    - name: engine
      template: fpga-tiled
      parameters: {number: int, weight_bits: 8 bit, input_bits: 8 bit, output_bits: 8 bit, tm: 16,
                   tn: {any_of: [4, 8]}, tr: 8, tc: 8, kernel: 3, stride: 2, vector_lanes: 8}
specs: {dsps: 200}
minimize: {energy: 1}
strategy: exact
"""


@pytest.fixture(autouse=True)
def _network(tmp_path: Path) -> None:
    b = GraphBuilder("net")
    x = conv(b, b.input("input", (1, 8, 8, 8)), "conv", (8, 16))
    b.output(x, "output", (1, 16, 8, 8))
    (tmp_path / "net.onnx").write_bytes(b.model().SerializeToString())


def test_a_simulation_shows_what_it_takes_of_its_device(tmp_path: Path) -> None:
    graph = chiploom.load_onnx("alexnet-convolutions")
    _, result = fit([graph], "fpga-tiled", "xc7vx485t", {"tr": 13, "tc": 13}, limits={"dsps": 30})
    file = tmp_path / "report.md"
    chiploom.write_report(result, file)
    text = file.read_text()
    assert "Resources of the FPGA" in text
    assert "of xc7vx485t-2" in text
    assert "no parameters that fit take fewer cycles, proven" in text
    assert "Area by component" not in text


def test_a_study_shows_its_best_designs_against_the_device(tmp_path: Path) -> None:
    file = parse_study(STUDY, "study.yaml", tmp_path)
    report = tmp_path / "report.md"
    with co_search(file, db=tmp_path / "study.db", cache=tmp_path / "tables") as study:
        assert study.best is not None
        used = study.accelerator(study.best).resources
        assert used.dsps <= 200
        chiploom.write_report(study, report)
    text = report.read_text()
    assert "Resources of the FPGA" in text
    assert "spec, at most" in text
    assert f"{used.dsps:g}" in text


@pytest.mark.parametrize("spec", ["dsps: 10", "bram36: 0"])
def test_what_has_no_room_is_infeasible(spec: str, tmp_path: Path) -> None:
    file = parse_study(STUDY.replace("dsps: 200", spec), "study.yaml", tmp_path)
    with co_search(file, db=tmp_path / "study.db", cache=tmp_path / "tables") as study:
        assert study.best is None
        assert study.ending is not None
        assert study.ending.infeasible
