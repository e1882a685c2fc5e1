"""The command line: what it prints and writes, and its exit codes."""

from __future__ import annotations

import csv
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chiploom import cli
from chiploom.frontend import zoo

COMMAND = [sys.executable, "-c", "import sys; from chiploom.cli import main; sys.exit(main())"]
RUN = ["simulate", "resnet9", "--on", "eyeriss"]

Capture = pytest.CaptureFixture[str]


def complaint(capture: Capture, code: int, arguments: list[str], expected: int = 2) -> str:
    """The one message of a command line that fails."""
    out, err = capture.readouterr()
    assert code == expected, (arguments, out, err)
    assert err.startswith("chiploom: ")
    assert err.count("chiploom: ") == 1
    assert "Traceback" not in err + out
    assert out == ""
    return err


def fails(capture: Capture, *arguments: str) -> str:
    """The message of a command line that is bad input."""
    return complaint(capture, cli.main(arguments), list(arguments))


def test_help_names_the_commands(capsys: Capture) -> None:
    assert cli.main(["--help"]) == 0
    overview = capsys.readouterr().out
    assert cli.main([]) == 0
    assert capsys.readouterr().out == overview
    for command in ("inspect", "simulate", "dataflows"):
        assert command in overview
        assert cli.main([command, "--help"]) == 0
        assert "--json" in (text := capsys.readouterr().out)
        assert "--quiet" in text


def test_inspect(capsys: Capture, tmp_path: Path) -> None:
    target = tmp_path / "graph.json"
    assert cli.main(["inspect", "resnet50", "lstm", "--json", str(target)]) == 0
    out = capsys.readouterr().out
    assert "Conv" in out
    assert "LSTM" in out
    resnet, _ = json.loads(target.read_text())["models"]
    assert resnet["macs"] == pytest.approx(4.09e9, rel=0.01)
    assert sum(layer["macs"] for layer in resnet["layers"]) == resnet["macs"]


def test_inspect_lists_the_shipped_networks(capsys: Capture) -> None:
    assert cli.main(["inspect"]) == 0
    out = capsys.readouterr().out
    for name in zoo.names():
        assert name in out


def test_simulate_writes_what_it_prints(capsys: Capture, tmp_path: Path) -> None:
    json_file, csv_file = tmp_path / "r.json", tmp_path / "r.csv"
    assert cli.main([*RUN, "--json", str(json_file), "--csv", str(csv_file)]) == 0
    out = capsys.readouterr().out
    result = json.loads(json_file.read_text())
    schema = json.loads(files("chiploom.simulator").joinpath("result.schema.json").read_text())
    jsonschema.validate(result, schema)
    rows = list(csv.DictReader(csv_file.open()))
    assert [row["name"] for row in rows] == [layer["name"] for layer in result["layers"]]
    assert sum(int(row["cycles"]) for row in rows) == result["total"]["cycles"]
    assert "resnet9 on eyeriss" in out


def test_equal_input_gives_equal_output(capsys: Capture) -> None:
    outputs = []
    for _ in range(2):
        assert cli.main([*RUN, "--json", "-"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert json.loads(outputs[0])["schema"] == "chiploom.result/1"


@pytest.mark.parametrize(("objective", "key"), [("latency", "cycles"), ("energy", "energy_pj")])
def test_an_objective_is_best_in_itself(capsys: Capture, objective: str, key: str) -> None:
    results = {}
    for other in ("latency", "energy", "edp"):
        assert cli.main([*RUN, "--objective", other, "--json", "-"]) == 0
        results[other] = json.loads(capsys.readouterr().out)["total"]
    assert results[objective][key] <= min(total[key] for total in results.values()) * (1 + 1e-9)


def test_roofline_bounds_the_analytic_model(capsys: Capture) -> None:
    totals = {}
    for fidelity in ("roofline", "analytic"):
        assert (
            cli.main([*RUN, "--fidelity", fidelity, "--objective", "latency", "--json", "-"]) == 0
        )
        totals[fidelity] = json.loads(capsys.readouterr().out)["total"]
    assert totals["roofline"]["cycles"] <= totals["analytic"]["cycles"]


def test_several_networks_run_one_after_the_other(capsys: Capture) -> None:
    models = ["resnet9", "lstm"]
    assert cli.main(["simulate", *models, "--on", "eyeriss", "--json", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in result["models"]] == models
    assert list(dict.fromkeys(layer["model"] for layer in result["layers"])) == models
    ends = [layer["start_cycle"] + layer["cycles"] for layer in result["layers"]]
    assert [layer["start_cycle"] for layer in result["layers"]] == [0, *ends[:-1]]


def test_bits_change_the_traffic(capsys: Capture) -> None:
    def dram(*more: str) -> int:
        assert cli.main([*RUN, "--json", "-", *more]) == 0
        total: dict[str, Any] = json.loads(capsys.readouterr().out)["total"]
        return int(total["dram_bytes"])

    assert dram("--bits", "8") < dram("--bits", "16")


def test_dumps_replace_the_table(capsys: Capture) -> None:
    assert cli.main([*RUN, "--dump", "graph"]) == 0
    graph = capsys.readouterr().out
    assert graph.startswith("graph resnet9")
    assert "loops  K" in graph
    assert cli.main([*RUN, "--dump", "mapping"]) == 0
    mapping = capsys.readouterr().out
    assert mapping.startswith("resnet9 / ")
    assert cli.main([*RUN, "--dump", "program"]) == 0
    program = capsys.readouterr().out
    assert program.startswith("resnet9 / ")
    titles = [line for line in program.splitlines() if line.startswith("resnet9 / ")]
    assert len(titles) == 13
    assert program.count("  compute ") == program.count("  store O ") == 9
    assert program.count("(no loop nest to map: ") == 4
    assert "total" not in graph + mapping + program


def test_a_roofline_has_no_program(capsys: Capture) -> None:
    assert cli.main([*RUN, "--fidelity", "roofline", "--dump", "program"]) == 2
    assert "the roofline has no mapping; leave out --fidelity" in capsys.readouterr().err


def test_dumped_programs_are_those_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """No layer is mapped a second time for its program."""
    module = importlib.import_module("chiploom.simulator.cache")
    asked: list[Any] = []
    mapper = module.map_nest

    def counting(problem: Any, *rest: Any, **options: Any) -> Any:
        asked.append(problem.nest)
        return mapper(problem, *rest, **options)

    monkeypatch.setattr(module, "map_nest", counting)
    assert cli.main([*RUN, "--dump", "program"]) == 0
    assert len(asked) == len(set(asked)) > 3


def test_a_dumped_graph_needs_no_mapping(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main(["inspect", "resnet9", "lstm", "--dump", "graph"]) == 0
    inspected = capsys.readouterr().out
    assert [line for line in inspected.splitlines() if line.startswith("graph ")] == [
        "graph resnet9: 13 layers, 379 M MACs",
        "graph lstm: 12 layers, 464 M MACs",
    ]
    module = importlib.import_module("chiploom.simulator.simulate")
    monkeypatch.setattr(module, "simulate", None)
    models = ["simulate", "resnet9", "lstm", "--on", "eyeriss"]
    assert cli.main([*models, "--dump", "graph"]) == 0
    assert capsys.readouterr().out == inspected


def test_inspect_writes_a_csv(capsys: Capture) -> None:
    assert cli.main(["inspect", "resnet9", "lstm", "--csv", "-"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["model"] for row in rows] == ["resnet9"] * 13 + ["lstm"] * 12
    assert sum(int(row["macs"]) for row in rows) == pytest.approx(379e6 + 464e6, rel=0.01)
    first = rows[0]
    assert (first["K"], first["C"], first["W width"], first["fused"]) == ("64", "3", "32", "Relu")
    assert int(first["W bits"]) == 64 * 3 * 3 * 3 * 32


def test_quiet_says_nothing(capsys: Capture, tmp_path: Path) -> None:
    target = str(tmp_path / "out.json")
    for arguments in (RUN, ["inspect", "resnet9"], ["dataflows"]):
        assert cli.main([*arguments, "--quiet", "--json", target]) == 0
        assert capsys.readouterr() == ("", "")
        assert json.loads(Path(target).read_text())


def test_dataflows_lists_and_explains(capsys: Capture) -> None:
    assert cli.main(["dataflows", "--json", "-"]) == 0
    catalogue = json.loads(capsys.readouterr().out)
    templates = {entry["name"] for entry in catalogue["templates"]}
    specs = {entry["name"] for entry in catalogue["specs"]}
    assert {"nvdla", "shidiannao", "row-stationary", "systolic-ws"} <= templates
    assert {"eyeriss", "nvdla-small", "tpu-v1", "gemmini-16x16"} <= specs
    assert cli.main(["dataflows"]) == 0
    text = capsys.readouterr().out
    devices = {entry["name"]: entry["resources"]["dsps"] for entry in catalogue["devices"]}
    assert devices["zu9eg"] == 2520
    for name in templates | specs:
        assert name in text
        assert cli.main(["dataflows", name]) == 0
        assert name in capsys.readouterr().out


def test_dataflows_explains_a_file(capsys: Capture, tmp_path: Path) -> None:
    from chiploom.dataflows.template import shipped

    for kind, name, word in (("specs", "eyeriss", "spec"), ("templates", "nvdla", "template")):
        path = tmp_path / f"my_{name}.yaml"
        path.write_text(shipped(kind)[name].read_text())
        assert cli.main(["dataflows", str(path)]) == 0
        assert capsys.readouterr().out.startswith(f"{word} my_{name}: ")
    path.write_text("clock: 1 GHz\n")
    message = fails(capsys, "dataflows", str(path))
    assert "expected the key `dram`" in message  # of a spec, which this is rather than a template


def test_no_mapping_is_an_honest_no(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from chiploom.simulator.errors import NoMappingError

    def refuse(*_: object, **__: object) -> None:
        raise NoMappingError("conv: the buffer is 12 bytes short")

    module = importlib.import_module("chiploom.simulator.simulate")
    monkeypatch.setattr(module, "simulate", refuse)
    message = complaint(capsys, cli.main(RUN), RUN, expected=1)
    assert message == "chiploom: conv: the buffer is 12 bytes short\n"


def test_a_file_wins_over_a_shipped_name(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resnet9").write_bytes(b"")
    assert "resnet9" in fails(capsys, *RUN)
    (tmp_path / "resnet9").unlink()
    assert cli.main([*RUN, "--quiet"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["inspect", "resnet5"], ["resnet5", "did you mean resnet", "bert-base"]),
        (["inspect", "no/such/file.onnx"], ["no such file"]),
        (["inspect", "."], ["expected an ONNX file, found a directory"]),
        (["simulate", "resnet9"], ["--on"]),
        (["simulate", "--on", "eyeriss"], ["MODEL"]),
        (["simulate", "resnet9", "--on", "eyeris"], ["eyeris", "eyeriss"]),
        (["simulate", "resnet9", "--on", "no/such.yaml"], ["no/such.yaml"]),
        ([*RUN, "--objective", "speed"], ["speed", "latency"]),
        ([*RUN, "--fidelity", "rtl"], ["rtl", "roofline"]),
        ([*RUN, "--dim", "batch"], ["--dim batch", "NAME=N"]),
        ([*RUN, "--dim", "batch=0"], ["--dim batch=0", "at least 1"]),
        ([*RUN, "--dim", "n=1", "--dim", "n=2"], ["n is bound to 1 already"]),
        ([*RUN, "--bits", "0"], ["--bits"]),
        ([*RUN, "--top", "-1"], ["--top"]),
        ([*RUN, "--json", "-", "--csv", "-"], ["only one"]),
        ([*RUN, "--json", "-", "--dump", "graph"], ["only one"]),
        ([*RUN, "--json", "no/such/dir/r.json"], ["--json", "no/such/dir"]),
        ([*RUN, "--csv", "."], ["--csv .", "directory"]),
        ([*RUN, "--csv", "r", "--json", "r"], ["--json and --csv", "two files"]),
        (["inspect", "--csv", "-"], ["expected a MODEL"]),
        (["inspect", "--dump", "graph"], ["expected a MODEL"]),
        (["inspect", "resnet9", "--csv", "-", "--dump", "graph"], ["only one"]),
        (["simulate", "resnet9", "--on", "."], ["'.'", "shipped"]),
        (["simulate", "resnet9", "--on", "./"], ["directory"]),
        (["dataflows", "no/such.yaml"], ["no/such.yaml", "no such file"]),
        ([*RUN, "--jsn", "x"], ["--jsn", "--json"]),
        (["simulat"], ["simulat", "simulate"]),
        (["dataflows", "nvdl"], ["nvdl", "nvdla"]),
    ],
)
def test_a_wrong_command_line_is_one_message(
    capsys: Capture, arguments: list[str], words: list[str]
) -> None:
    message = fails(capsys, *arguments)
    for word in words:
        assert word in message


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")


@FULL
def test_a_full_disk_is_one_message(capsys: Capture) -> None:
    assert "No space left" in fails(capsys, *RUN, "--quiet", "--json", "/dev/full")


@FULL
@pytest.mark.parametrize("arguments", [["inspect", "resnet9"], ["inspect", "lstm", "--csv", "-"]])
def test_full_standard_output_is_one_message(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == cli.BAD_INPUT
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.startswith(b"chiploom: standard output cannot be written: No space left")


@pytest.mark.parametrize("arguments", [["inspect", "resnet50"], ["inspect"]])
def test_a_reader_that_leaves_is_no_error(arguments: list[str]) -> None:
    command = [*COMMAND, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == cli.BROKEN_PIPE


def test_an_interrupt_is_quiet() -> None:
    command = [*COMMAND, "simulate", "vgg16", "resnet50", "bert-base", "--on", "eyeriss"]
    command += ["--effort", "thorough", "--objective", "latency"]
    # A job in the background has interrupts ignored, and so would what it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        signal.signal(signal.SIGINT, before)
        time.sleep(1.0)  # past the start of Python, before the end of the work
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == cli.INTERRUPTED
    assert b"Traceback" not in errors


def test_names_that_the_locale_cannot_show() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COMMAND, *RUN], env=env, check=True, capture_output=True)
    assert done.stdout.isascii()
    assert b"cycles" in done.stdout


def test_a_cache_changes_no_answer(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, plain = tmp_path / "cache", tmp_path / "plain.json"
    assert cli.main([*RUN, "--json", str(plain)]) == 0
    for name in ("cold.json", "warm.json"):
        assert cli.main([*RUN, "--cache", str(folder), "--json", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes() == plain.read_bytes()
    assert [file.name for file in folder.iterdir()] == ["mappings.sqlite"]
    assert capsys.readouterr().err == ""
    (folder / "mappings.sqlite").write_text("not a database, whatever its name says " * 40)
    monkeypatch.setenv("CHIPLOOM_CACHE", str(folder))
    assert cli.main([*RUN, "--json", str(tmp_path / "noted.json")]) == 0
    assert (tmp_path / "noted.json").read_bytes() == plain.read_bytes()
    assert capsys.readouterr().err.startswith(f"chiploom: note: cache {folder}: damaged ")
    assert cli.main([*RUN, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_a_cache_that_is_a_file_is_refused(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert "expected a folder, found a file" in fails(capsys, *RUN, "--cache", str(file))
