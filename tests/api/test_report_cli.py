"""`chiploom report` and `simulate --report`: files, exit codes, messages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import chiploom
from chiploom import cli

Capture = pytest.CaptureFixture[str]
RUN = ["simulate", "resnet9", "--on", "eyeriss", "--effort", "fast", "--quiet"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / "r.json"
    spec = chiploom.load_spec("eyeriss")
    chiploom.simulate(chiploom.load_onnx("resnet9"), spec, effort="fast").write_json(path)
    return path


def test_simulate_and_report_write_the_same(saved: Path, tmp_path: Path, capsys: Capture) -> None:
    assert cli.main([*RUN, "--report", str(tmp_path / "one.html")]) == 0
    assert cli.main(["report", str(saved), "-o", str(tmp_path / "two.html")]) == 0
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert "two.html: resnet9 on eyeriss" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["md", "json", "csv", "parquet", "html"])
def test_formats_by_suffix_and_by_option(saved: Path, tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    by_suffix, by_option = tmp_path / f"r.{form}", tmp_path / "r.x"
    assert cli.main(["report", str(saved), str(saved), "-o", str(by_suffix), "-q"]) == 0
    assert cli.main(["report", str(saved), str(saved), "-o", str(by_option), "--format", form]) == 0
    assert by_suffix.read_bytes() == by_option.read_bytes()


def test_standard_output_takes_any_format(saved: Path) -> None:
    command = [sys.executable, "-c", "import sys; from chiploom.cli import main; sys.exit(main())"]
    done = subprocess.run(
        [*command, "report", saved, "-o", "-", "--format", "json"], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["schema"] == "chiploom.report/1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "nowhere.json", "-o", "r.html"], ["nowhere.json", "cannot be read"]),
        (["report", "{saved}"], ["--output", "--png"]),
        (["report", "{saved}", "-o", "no/such/dir/r.html"], ["--output", "no/such/dir"]),
        (["report", "{saved}", "-o", "r.pdf"], [".html", ".pdf"]),
        (["report", "{saved}", "-o", "r.html", "--format", "pdf"], ["--format"]),
        (["report", "{saved}", "--png", "{saved}"], ["--png", "expected a folder"]),
        (["report", __file__, "-o", "r.html"], ["expected a result in JSON"]),
        ([*RUN, "--report", "r.pdf"], [".html", ".pdf"]),
        ([*RUN, "--report", "-"], ["--report", "expected a file"]),
        ([*RUN, "--report", "no/such/dir/r.html"], ["--report", "no/such/dir"]),
    ],
)
def test_bad_input_is_one_message(
    saved: Path, capsys: Capture, arguments: list[str], words: list[str]
) -> None:
    assert cli.main([part.format(saved=saved) for part in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("chiploom: ") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err


def test_plotly_is_imported_for_a_report_alone() -> None:
    code = (
        "import sys; from chiploom.cli import main; main(['simulate', 'resnet9', '--on', 'eyeriss',"
        " '--effort', 'fast', '-q']); print(*(m for m in ('plotly', 'jinja2') if m in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
