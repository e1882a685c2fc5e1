"""The command `chiploom validate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chiploom import cli


def test_it_prints_errors_per_quantity(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", "scalesim"]) == 0
    printed = capsys.readouterr().out
    assert "cycles (ws)" in printed
    assert "Spearman" in printed
    assert "arXiv:1811.02883" in printed


def test_its_json_has_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", "scalesim", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "chiploom.validation/1"
    (report,) = document["reports"]
    assert len(report["cases"]) == 144
    assert {entry["worst_error"] for entry in report["summary"]} == {0.0}


def test_other_cases_come_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("layer,M,N,K,R,C,dataflow,cycles\nx,10,8,8,8,8,ws,40\n")
    assert cli.main(["validate", "scalesim", "--data", str(table)]) == 0
    assert "x 8x8 ws" in capsys.readouterr().out  # 2 * 8 + 8 + 10 - 2 = 32, not 40


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["validate", "rtl"], ["rtl", "scalesim"]),
        (["validate", "--data", "rows.csv"], ["--data", "SUITE"]),
        (["validate", "scalesim", "--data", "no/such.csv"], ["no/such.csv", "CSV"]),
    ],
)
def test_what_is_wrong_is_one_message(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    message = capsys.readouterr().err
    assert [word for word in words if word not in message] == []
    assert "Traceback" not in message
