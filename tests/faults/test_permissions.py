"""Places that cannot be written: homes, caches, outputs, studies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numba.core import caching, config

from chiploom import cli
from chiploom.search import compiled as compiled_module
from chiploom.search.study import open_study
from chiploom.simulator.cache import MappingCache

from ..search import tiny_study as tiny
from . import commands

Capture = pytest.CaptureFixture[str]

SIMULATE = ["simulate", "resnet9", "--on", "nvdla-small", "--effort", "fast"]

linux = pytest.mark.skipif(sys.platform != "linux", reason="permissions are bound by prctl(2)")


@pytest.fixture
def locked(study: Path) -> Iterator[Path]:
    """A study, a cache and files in a folder that cannot be written."""
    folder = study.parent
    (folder / "cache").mkdir()
    (folder / "writable.json").write_text("as it was")
    folder.chmod(0o555)
    (folder / "cache").chmod(0o555)
    yield folder
    (folder / "cache").chmod(0o755)
    folder.chmod(0o755)


@linux
def test_folders_without_permission(locked: Path, tmp_path: Path, tables: Path) -> None:
    study, kept = locked / "study.db", tmp_path / "kept.json"
    kept.write_text("as it was")
    kept.chmod(0o444)
    before = {file.name: file.stat().st_size for file in locked.iterdir()}
    refused: list[list[object]] = [
        [*SIMULATE, "--json", locked / "new.json"],
        [*SIMULATE, "--json", locked / "writable.json"],
        [*SIMULATE, "--csv", kept],
        [*SIMULATE, "--trace", locked / "t.json"],
        [*SIMULATE, "--report", locked / "r.html"],
        ["report", study, "-o", locked / "r.html"],
        ["search", locked / "study.yaml", "--db", locked / "new.db", "-q"],
        ["search", locked / "study.yaml", "--db", study, "--resume", "-q"],
        ["search", locked / "study.yaml", "--db", tmp_path / "n.db", "--export", locked / "d.csv"],
    ]
    allowed: list[list[object]] = [
        ["report", study, "-o", tmp_path / "r.md", "--schedules", "0", "-q"],
        ["simulate", "--design", f"{study}:1", "-q"],
        [*SIMULATE, "--cache", locked / "cache"],
        [*SIMULATE, "--cache", locked / "none" / "cache"],
        ["search", locked / "study.yaml", "--db", tmp_path / "s.db", "--cache", locked / "cache",
         "--workers", "1", "--trials", "1"],
    ]  # fmt: skip
    said = commands.batch(*refused, *allowed, preexec_fn=commands.bound_by_permissions)
    for given, (code, out, err) in zip(refused, said, strict=False):
        assert (code, out) == (cli.BAD_INPUT, ""), (given, err)
        assert err.count("chiploom: ") == 1
        assert "permi" in err or "may write" in err, err
        assert str(tmp_path) in err
    for given, (code, _, err) in zip(allowed, said[len(refused) :], strict=True):
        assert code in (0, 1), (given, err)  # 1: few trials need not meet the specs
        assert "Traceback" not in err
    *_, mapped, unmade, searched = said
    assert mapped[2].count("chiploom: note: cache ") == 1
    assert unmade[2].count("chiploom: note: cache ") == 1
    assert "cost tables" in " ".join((searched[1] + searched[2]).split())
    assert (tmp_path / "r.md").exists()
    assert kept.read_text() == "as it was"
    assert {file.name: file.stat().st_size for file in locked.iterdir()} == before
    with open_study(tmp_path / "s.db") as found:
        assert len(found.told()) == 1


def test_a_command_without_a_home(tmp_path: Path, tables: Path) -> None:
    """Nor a place for caches, and from a folder that is gone in a moment."""
    file = tmp_path / "a-file"
    file.write_text("")
    env = {
        **{name: value for name, value in os.environ.items() if name not in ("HOME", "USER")},
        "XDG_CACHE_HOME": str(file),
        "NUMBA_CACHE_DIR": str(file),
        "TMPDIR": str(file),
    }
    study = tiny.write(tmp_path, trials=2)
    given = ["--db", tmp_path / "s.db", "--workers", "1", "-q", "--cache", tables]
    searched, mapped, refused = commands.batch(
        ["search", study, *given],
        [*SIMULATE, "--json", tmp_path / "r.json"],
        [*SIMULATE, "--cache", file],
        env=env,
    )
    assert searched == (0, "", "")
    assert (mapped[0], mapped[2]) == (0, "")
    assert (refused[0], refused[1]) == (cli.BAD_INPUT, "")
    assert f"{file}: expected a folder, found a file" in refused[2]


def test_the_caches_variable_that_names_a_file(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("CHIPLOOM_CACHE", str(place))
        assert cli.main([*SIMULATE, "--json", str(tmp_path / "r.json")]) in (0, 2)
        err = capsys.readouterr().err
        assert err.count("chiploom: ") == 1
        assert str(place) in err


@pytest.mark.parametrize("option", ["--json", "--csv", "--trace", "--report"])
@pytest.mark.parametrize("below", ["file", "missing", "folder"])
def test_outputs_that_have_no_place_are_refused_before_the_work(
    option: str, below: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MappingCache, "map", None)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.html").mkdir()
    target = tmp_path / ("folder.html" if below == "folder" else f"{below}/r.html")
    assert cli.main([*SIMULATE, option, str(target)]) == cli.BAD_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("chiploom: ") == 1
    assert ("found a directory" if below == "folder" else "no directory") in err


# -- what Numba keeps ----------------------------------------------------------------------------
MODULE = """
from chiploom.search.compiled import compiled

@compiled()
def twice(x):
    return 2 * x
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where Numba keeps what it compiled of `called`."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "numba"))
    assert called(tmp_path) == 1
    return tmp_path / "numba"


def called(folder: Path) -> int:
    """Call a compiled function as a new process would; how often it was compiled for that."""
    module = folder / "module.py"
    if not module.exists():
        module.write_text(MODULE)
        os.utime(module, (1e9, 1e9))
    names: dict[str, object] = {"__name__": "module", "__file__": str(module)}
    exec(compile(module.read_text(), str(module), "exec"), names)
    function = names["twice"]
    assert function(21) == 42  # type: ignore[operator]
    found: int = sum(function.stats.cache_misses.values())  # type: ignore[attr-defined]
    return found


def test_compiled_code_is_kept(kept: Path, tmp_path: Path) -> None:
    assert called(tmp_path) == 0


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "noise"])
def test_damaged_compiled_code_is_compiled_anew(
    ending: str, damage: str, kept: Path, tmp_path: Path
) -> None:
    (file,) = kept.rglob(f"*{ending}")
    whole = file.read_bytes()
    noise = np.random.default_rng(0).bytes(len(whole))
    file.write_bytes({"empty": b"", "truncated": whole[: len(whole) // 2], "noise": noise}[damage])
    assert called(tmp_path) == 1
    assert called(tmp_path) == 0


def test_compiled_code_that_cannot_be_kept(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for file in kept.rglob("*.nb?"):
        file.unlink()
    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_data", full)
    assert called(tmp_path) == 1

    def nowhere(self: object, function: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(compiled_module._Cache, "__init__", nowhere)
    assert called(tmp_path) == 1
