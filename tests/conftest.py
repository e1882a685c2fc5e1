"""Fixtures and Hypothesis profiles that all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]

# No deadlines: a shared machine makes single examples slow, which says nothing of the code.
# `ci` draws the same examples in every run; HYPOTHESIS_PROFILE=dev explores new ones.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write what tests compare with golden files"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the file of that name beside the test, in `golden/`.

    `pytest --update-golden` writes it instead; look at the difference before you commit it.
    """

    def compare(name: str, text: str) -> None:
        path = request.path.parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{path}: see --update-golden"

    return compare


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference models and published data, which is not part of the repository."""
    folder = Path(os.environ.get("CHIPLOOM_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder of shared material at {folder} (set CHIPLOOM_SHARED to its path)")
    return folder
