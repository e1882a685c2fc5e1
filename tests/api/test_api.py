"""The public names, and that they cost nothing until they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import chiploom
from chiploom import cli

HEAVY = ("numpy", "onnx", "networkx", "numba", "yaml", "rich.table")


@pytest.mark.parametrize("name", chiploom.__all__)
def test_public_names_exist(name: str) -> None:
    assert getattr(chiploom, name) is getattr(chiploom, name)
    assert name in dir(chiploom)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
        chiploom.simulat  # noqa: B018


def test_names_are_those_of_the_parts() -> None:
    from chiploom.frontend.errors import InputError
    from chiploom.simulator.simulate import simulate

    assert chiploom.InputError is InputError
    assert chiploom.simulate is simulate


@pytest.mark.parametrize(
    "code",
    ["import chiploom", "from chiploom.cli import main; assert main(['--version']) == 0"],
)
def test_starting_imports_nothing_heavy(code: str) -> None:
    check = f"{code}; import sys; print(*(m for m in {HEAVY} if m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1].strip() == ""


def test_version_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"chiploom {chiploom.__version__}\n"
