"""The frontend's types are cheap to import: a command that needs no network pays for none."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = "import sys, {module}; print(*sorted({{'numpy', 'onnx', 'networkx'}} & set(sys.modules)))"


@pytest.mark.parametrize(
    "module", ["chiploom.frontend", "chiploom.frontend.graph", "chiploom.frontend.onnx_import"]
)
def test_no_heavy_import(module: str) -> None:
    command = [sys.executable, "-c", PROBE.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
