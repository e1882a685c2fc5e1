"""Fixtures of tests of what goes wrong around a command."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..search import tiny_study as tiny
from ..search.conftest import tables, unsynced

__all__ = ["tables", "unsynced"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Path:
    """The folder of a search that has ended: `study.yaml`, `study.db`, `study.designs.db`."""
    folder = tmp_path_factory.mktemp("finished")
    study, _ = tiny.search(tiny.write(folder, trials=4, designs=6), tables, folder / "study.db")
    study.close()
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """The trials of a copy of it."""
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy" / "study.db"


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of so many KiB (the parameter), which only the superuser can mount."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no permission to mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
