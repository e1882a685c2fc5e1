"""`chiploom simulate` with a device: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chiploom.cli import main


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["simulate", "alexnet-convolutions", *args])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_fitted_design_says_what_is_proven_and_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "result.json"
    code, out, _ = run(
        capsys, "--on", "fpga-tiled", "--device", "xc7vx485t", "--fit", "--limit", "dsps=45",
        "--set", "vector_lanes=1", "--objective", "latency", "--json", str(file),
    )  # fmt: skip
    assert code == 0
    assert "no parameters that fit take fewer cycles, proven" in out
    result = json.loads(file.read_text())
    assert result["fit"]["optimal"] is True
    assert result["fit"]["limits"] == {"dsps": 45}
    resources = result["resources"]
    assert resources["used"]["dsps"] + resources["left"]["dsps"] == 2800
    assert resources["used"]["dsps"] <= 45


def test_a_design_that_does_not_fit_is_an_honest_no(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--on", "fpga-tiled", "--device", "xc7z020", "--set", "tm=64")
    assert code == 1
    assert "DSPs: 2,245 of 220, 2,025 too many" in err
    assert "BRAM36" in err


def test_a_pipeline(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "pipeline.json"
    code, out, _ = run(
        capsys, "--on", "fpga-pipeline", "--device", "xc7z045", "--fit", "--json", str(file)
    )
    assert code == 0
    assert "frames/s" in out
    found = json.loads(file.read_text())
    assert found["schema"] == "chiploom.pipeline/1"
    assert max(stage["cycles"] for stage in found["stages"]) <= found["interval"]
    assert all(left >= 0 for left in found["resources"]["left"].values())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--on", "fpga-tiled", "--fit"], "--fit: expected --on TEMPLATE and --device DEVICE"),
        (["--on", "fpga-tiled", "--device", "zu9"], "expected a shipped device"),
        (["--on", "eyeriss", "--device", "zu9eg"], "expected a template with --device"),
        (["--on", "eyeriss", "--set", "tm=1"], "--set: expected --device"),
        (["--on", "fpga-tiled", "--device", "zu9eg", "--limit", "dsps=1"], "--limit: expected"),
        (["--on", "fpga-tiled", "--device", "zu9eg", "--set", "tm"], "expected NAME=VALUE"),
        (["--on", "fpga-tiled", "--device", "zu9eg", "--set", "tmm=1"], "no parameter `tmm`"),
        (["--on", "systolic-ws", "--device", "zu9eg", "--fit"], "expected `fit`"),
        (["--on", "fpga-tiled", "--device", "zu9eg", "--fit", "--limit", "dsp=1"], "RESOURCE=N"),
        (["--on", "fpga-pipeline", "--device", "zu9eg", "--fit", "--set", "cpf=1"], "`bits` alone"),
        (["--on", "fpga-pipeline", "--device", "zu9eg", "--fit", "--csv", "x.csv"], "--csv: a"),
        (["--on", "fpga-tiled", "--device", "zu9eg", "--fit", "--objective", "energy"], "fastest"),
        (["--design", "s.db:1", "--device", "zu9eg"], "leave out MODEL, --on, --device"),
    ],
)
def test_what_is_wrong_is_named(
    capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    code, _, err = run(capsys, *args)
    assert code == 2
    assert message in err
