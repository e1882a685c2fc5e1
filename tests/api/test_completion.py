"""What shells complete, by the protocol that they speak, and in a shell itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chiploom.commands import completion
from chiploom.dataflows import spec_names, template_names
from chiploom.dataflows.device import device_names
from chiploom.frontend import zoo
from chiploom.simulator import validation

CHIPLOOM = Path(sys.executable).with_name("chiploom")


def run(folder: Path, **variables: str) -> str:
    done = subprocess.run(
        [CHIPLOOM],
        env={**os.environ, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def bash(line: str, folder: Path) -> list[str]:
    words = line.split(" ")
    answer = run(
        folder, _CHIPLOOM_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=f"{len(words) - 1}"
    )
    return answer.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("chiploom sim", ["simulate"]),
        ("chiploom simulate res", ["resnet18", "resnet50", "resnet9", "resnet-of-mine.onnx"]),
        ("chiploom simulate resnet50 unet --on ey", ["eyeriss"]),
        ("chiploom simulate resnet50 --on fpga-t", ["fpga-tiled"]),
        ("chiploom simulate resnet50 --on fpga-tiled --device zu", ["zu9eg"]),
        ("chiploom simulate resnet50 --objective e", ["energy", "edp"]),
        ("chiploom simulate resnet50 --fid", ["--fidelity"]),
        ("chiploom inspect ber", ["bert-base"]),
        ("chiploom dataflows shi", ["shi-pair", "shidiannao", "shiny.yaml"]),
        ("chiploom validate ", ["eyeriss", "fidelity", "gemmini", "scalesim"]),
        # Paths are the shell's.
        ("chiploom simulate ./res", []),
        ("chiploom search ", []),
        ("chiploom report re", []),
    ],
)
def test_bash(tmp_path: Path, line: str, expected: list[str]) -> None:
    for name in ("resnet-of-mine.onnx", "resnet.txt", "shiny.yaml"):
        (tmp_path / name).touch()
    assert bash(line, tmp_path) == expected


def test_a_shell_completes(tmp_path: Path) -> None:
    """The script that is installed, in bash itself."""
    script = run(tmp_path, _CHIPLOOM_COMPLETE="source_bash")
    (tmp_path / "completion.sh").write_text(script)
    done = subprocess.run(
        [
            "bash", "--norc", "-ec",
            'source completion.sh; COMP_WORDS=(chiploom simulate vgg); COMP_CWORD=2; '
            '_chiploom_completion "$1"; echo "${COMPREPLY[@]}"; complete -p chiploom',
            "bash", str(CHIPLOOM),
        ],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "vgg16",
        "complete -o default -F _chiploom_completion chiploom",
    ]


def test_zsh(tmp_path: Path) -> None:
    answer = run(
        tmp_path,
        _CHIPLOOM_COMPLETE="complete_zsh",
        _TYPER_COMPLETE_ARGS="chiploom simulate resnet50 --on tpu",
    )
    assert answer.strip() == """_arguments '*: :(("tpu-v1"))'"""
    own = run(
        tmp_path,
        _CHIPLOOM_COMPLETE="complete_zsh",
        _TYPER_COMPLETE_ARGS="chiploom simulate my",
    )
    assert own.strip() == "_files"


def test_fish(tmp_path: Path) -> None:
    answer = run(
        tmp_path,
        _CHIPLOOM_COMPLETE="complete_fish",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS="chiploom simulate vit",
    )
    assert answer.split() == ["vit-b16"]


@pytest.mark.parametrize(("shell", "said"), [("zsh", "#compdef chiploom"), ("fish", "complete")])
def test_scripts_of_other_shells(tmp_path: Path, shell: str, said: str) -> None:
    script = run(tmp_path, _CHIPLOOM_COMPLETE=f"source_{shell}")
    assert said in script
    assert "_CHIPLOOM_COMPLETE=complete_" in script
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=60)


def test_all_that_is_shipped_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert completion.networks("") == sorted(zoo.names())
    assert completion.devices("") == sorted(device_names())
    assert completion.explained("") == sorted({*template_names(), *spec_names()})
    assert set(completion.hardware("")) > set(spec_names())
    assert completion.suites("") == sorted(validation.names())


def test_nothing_heavy_is_loaded() -> None:
    """Start-up is measured in benchmarks; here only that what takes long is not there."""
    code = (
        "import sys; from chiploom import cli; from chiploom.commands import completion as c; "
        "c.networks(''); c.hardware(''); "
        "print([m for m in ('numpy', 'onnx', 'pydantic', 'networkx', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_python_dash_m() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chiploom", "--version"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.split()[0]) == (0, "chiploom")
