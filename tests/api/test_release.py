"""What a release says of itself agrees."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml

import chiploom

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_version_is_the_same_everywhere() -> None:
    stated = PROJECT["project"]["version"]
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, date = re.findall(r"^## (\d\S*) - (\S+)$", changelog, flags=re.MULTILINE)[0]
    assert {stated, citation["version"], newest} == {stated}
    assert str(citation["date-released"]) == date
    assert version("chiploom") == chiploom.__version__ == stated


def test_pythons_agree() -> None:
    classifiers = PROJECT["project"]["classifiers"]
    stated = re.findall(r":: (3\.\d+)", "\n".join(classifiers))
    assert PROJECT["project"]["requires-python"] == f">={stated[0]}"
    built = PROJECT["tool"]["cibuildwheel"]["build"]
    assert built == [f"cp{one.replace('.', '')}-*" for one in stated]


def test_licences() -> None:
    """None of the installed packages that a plain install needs is under the GPL."""
    script = REPOSITORY / ".ci" / "licences.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    page = (REPOSITORY / "docs" / "licences.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| (\S+) \| chiploom", page, flags=re.MULTILINE))
    optional = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"]]
    for extra in ("hwcomponents", "png", "parquet", "predictor", "ray", "train"):
        wanted += optional[extra]
    assert {re.split(r"[^\w-]", one)[0] for one in wanted} == listed


def test_licences_that_are_refused() -> None:
    sys.path.insert(0, str(REPOSITORY / ".ci"))
    try:
        import licences
    finally:
        sys.path.pop(0)
    refused = ("GPL-3.0-only", "MIT AND GPL-2.0-or-later", "AGPL-3.0", "GNU General Public License")
    allowed = (
        "LGPL-2.1-or-later", "MIT OR GPL-2.0", "GPL-3.0 WITH GCC-exception-3.1",
        "GNU Lesser General Public License v3 (LGPLv3)",
    )  # fmt: skip
    assert [one for one in (*refused, *allowed) if licences.is_forbidden(one)] == list(refused)
