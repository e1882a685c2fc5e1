"""`chiploom report` and `simulate --report`: files, exit codes, messages."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import chiploom
from chiploom import cli

from ..search import tiny_study

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


# -- studies ---------------------------------------------------------------------------------
@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study file of a few quick designs, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return tiny_study.write(tmp_path, trials=2, designs=4, strategy="random")


def test_search_writes_a_report_that_report_writes_again(study: Path, capsys: Capture) -> None:
    assert cli.main(["search", "study.yaml", "-q", "--workers", "1", "--report", "a.html"]) == 0
    assert cli.main(["report", "study.db", "-o", "b.html"]) == 0
    assert Path("a.html").read_bytes() == Path("b.html").read_bytes()
    assert "b.html: Study study" in capsys.readouterr().out
    for form in ("md", "json", "csv", "parquet"):
        assert cli.main(["report", "study.db", "-o", f"r.{form}", "--schedules", "0", "-q"]) == 0
    assert "PROXIES" not in Path("r.md").read_text()
    assert json.loads(Path("r.json").read_text())["title"] == "Study study"
    assert cli.main(["report", "study.db", "study.db", "-o", "two.md", "--schedules", "0"]) == 0
    assert "Comparison of studies" in capsys.readouterr().out


def test_a_search_that_finds_nothing_has_a_report(tmp_path: Path, study: Path) -> None:
    tiny_study.write(tmp_path, trials=2, designs=4, strategy="random", specs=tiny_study.HOPELESS)
    assert cli.main(["search", "study.yaml", "-q", "--workers", "1", "--report", "r.md"]) == 1
    assert "No design meets the specs" in Path("r.md").read_text()


@pytest.mark.parametrize(
    ("target", "words"), [("r.pdf", ".pdf"), ("no/r.html", "no directory no"), ("-", "a file")]
)
def test_a_report_that_cannot_be_written_is_refused_before_the_search(
    study: Path, capsys: Capture, target: str, words: str
) -> None:
    assert cli.main(["search", "study.yaml", "--report", target]) == 2
    assert words in capsys.readouterr().err
    assert not Path("study.db").exists()


def test_a_report_that_fails_loses_nothing(
    study: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise chiploom.InputError("r.html: cannot be written: no space")

    monkeypatch.setattr("chiploom.reports.write.write_report", fails)
    command = ["search", "study.yaml", "-q", "--workers", "1", "--json", "s.json"]
    assert cli.main([*command, "--report", "r.html"]) == 2
    err = capsys.readouterr().err
    assert "no space" in err
    assert "chiploom report study.db" in err
    assert json.loads(Path("s.json").read_text())["designs"] > 0
    assert cli.main(["simulate", "--design", "study.db:1", "-q"]) == 0


def test_what_is_no_study_is_one_message(saved: Path, study: Path, capsys: Capture) -> None:
    with sqlite3.connect("other.db") as other:
        other.execute("CREATE TABLE something (n INTEGER)")
    cut = Path("cut.db")
    cut.write_bytes(b"SQLite format 3\x00 and no more")
    cut.with_suffix(".designs.db").write_bytes(b"SQLite format 3\x00 and no more")
    assert cli.main(["search", "study.yaml", "-q", "--workers", "1"]) == 0
    capsys.readouterr()
    for arguments, words in (
        (["other.db"], "expected a study, found no designs"),
        (["cut.db"], "cut.designs.db: the study is damaged"),
        (["study.designs.db"], "expected a study"),
        (["study.yaml"], "expected a result in JSON"),
        (["study.db", str(saved)], "expected results or studies, found 1 and 1"),
    ):
        assert cli.main(["report", *arguments, "-o", "r.html", "--schedules", "0"]) == 2, arguments
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("chiploom: ") == 1
        assert words in err
        assert "Traceback" not in err
