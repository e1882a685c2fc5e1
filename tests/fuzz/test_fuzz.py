"""A short look by the fuzzer, and that it finds what it is made to find."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import fuzz_models
import fuzz_targets
import fuzz_worker

from chiploom.frontend import InputError
from chiploom.frontend.onnx_import import import_model
from chiploom.frontend.passes.read import parse_model


@pytest.mark.parametrize("kind", [kind for kind in fuzz_targets.TARGETS if kind != "database"])
def test_some_inputs_of_each_kind(kind: str, tmp_path: Path) -> None:
    for case in range(12):
        fuzz_targets.run(kind, 7, case, tmp_path / kind)


@pytest.mark.parametrize("kind", ["onnx", "spec", "study", "result"])
def test_a_case_is_made_from_its_seed_and_number(kind: str, tmp_path: Path) -> None:
    first = fuzz_targets.run(kind, 3, 5, tmp_path / "a").read_bytes()
    assert fuzz_targets.run(kind, 3, 5, tmp_path / "b").read_bytes() == first
    others = {fuzz_targets.run(kind, 3, n, tmp_path / "c").read_bytes() for n in range(10)}
    assert len(others) > 5


@settings(max_examples=60)
@given(st.randoms(use_true_random=False))
def test_models_import_or_are_refused(draw: object) -> None:
    """Hypothesis makes the choices, and shrinks them."""
    data = fuzz_models.model(draw)  # type: ignore[arg-type]
    try:
        import_model(parse_model(data))
    except InputError as error:
        fuzz_targets.expect_message(error)


def test_a_defect_is_told_by_where_it_is() -> None:
    with pytest.raises((AttributeError, TypeError)) as caught:
        parse_model(None)  # type: ignore[arg-type]
    assert "frontend/passes/read.py:" in fuzz_worker.signature(caught.value)


def test_the_command(tmp_path: Path) -> None:
    """In a process that may die: a limit of time that nothing can meet is a finding."""
    command = [sys.executable, str(Path(__file__).parent), "device", "--seconds", "1"]
    out = tmp_path / "out"
    done = subprocess.run([*command, "--out", str(out), "--limit", "0.0001"], capture_output=True,
                          text=True, check=False, timeout=300)  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "device: does not end" in done.stdout
    assert re.search(r"python tests/fuzz device --seed 1 --case \d+", done.stdout)
    assert list(out.glob("device-1-*.txt"))
