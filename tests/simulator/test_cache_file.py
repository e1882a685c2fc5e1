"""The cache of mappings on disk: kept, shared, bounded, damaged."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chiploom.simulator import (
    MappingCache,
    NoMappingError,
    map_nest,
)
from chiploom.simulator import cache as cache_module
from chiploom.simulator.identity import identity
from chiploom.simulator.plain import (
    mapped_to_plain,
)
from chiploom.simulator.store import FILE, Store

from .test_cache import problem


def test_answers_outlive_the_process(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    too_small = replace(problem().sub.memories[1], size_bits=1)
    first, *rest = problem().sub.memories
    hopeless = replace(
        problem(), sub=replace(problem().sub, memories=(first, too_small, *rest[1:]))
    )
    with MappingCache(path=folder) as cache:
        alone = cache.map(problem(), "edp")
        with pytest.raises(NoMappingError, match="too small"):
            cache.map(hopeless, "edp")
    with MappingCache(path=folder) as cache:
        assert cache.map(problem(), "edp") == alone == map_nest(problem(), "edp")
        with pytest.raises(NoMappingError, match="too small"):
            cache.map(hopeless, "edp")
        assert (cache.counts.loaded, cache.counts.mapped) == (2, 0)
        assert cache.notes == ()


def test_another_mappers_answers_are_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MappingCache(path=tmp_path) as cache:
        cache.map(problem(), "edp")
    monkeypatch.setattr(cache_module, "mapper_version", lambda: b"next")
    with MappingCache(path=tmp_path) as cache:
        cache.map(problem(), "edp")
        assert (cache.counts.loaded, cache.counts.mapped) == (0, 1)


def filled(folder: Path) -> Path:
    with MappingCache(path=folder) as cache:
        for channels in range(1, 5):
            cache.map(problem(channels), "edp")
    return folder / FILE


def answers_rightly(folder: Path) -> MappingCache:
    with MappingCache(path=folder) as cache:
        for channels in range(1, 5):
            assert cache.map(problem(channels), "edp") == map_nest(problem(channels), "edp")
    return cache


@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty", "zeroed", "foreign", "newer"])
def test_a_damaged_file_costs_a_note(tmp_path: Path, damage: str) -> None:
    file = filled(tmp_path)
    whole = file.read_bytes()
    if damage == "garbage":
        file.write_bytes(bytes(range(256)) * 64)
    elif damage == "truncated":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "zeroed":
        file.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    elif damage == "foreign":
        file.unlink()
        with sqlite3.connect(file) as other:
            other.execute("CREATE TABLE diary (day TEXT)")
        other.close()
    else:
        with sqlite3.connect(file) as other:
            other.execute("PRAGMA user_version = 99")
        other.close()
    cache = answers_rightly(tmp_path)
    assert len(cache.notes) == (damage != "empty")  # an empty file is a new database
    if damage == "foreign":
        with sqlite3.connect(file) as other:
            assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("diary",)]
        other.close()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_flipped_bytes_never_change_an_answer(tmp_path: Path, data: st.DataObject) -> None:
    kept = tmp_path / "kept"
    whole = kept.read_bytes() if kept.exists() else filled(tmp_path).read_bytes()
    kept.write_bytes(whole)
    for suffix in ("-wal", "-shm"):
        Path(f"{tmp_path / FILE}{suffix}").unlink(missing_ok=True)
    torn = bytearray(whole)
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=200)):
        torn[at] ^= data.draw(st.integers(1, 255))
    (tmp_path / FILE).write_bytes(torn)
    answers_rightly(tmp_path)


@pytest.mark.parametrize(
    "answer", ["null", "[]", "{}", "not json", '{"mapping": [[], [], [], []]}']
)
def test_a_damaged_answer_is_found_anew(tmp_path: Path, answer: str) -> None:
    file = filled(tmp_path)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE answers SET answer = ?", (answer,))  # the checksums stay
    connection.close()
    cache = answers_rightly(tmp_path)
    assert cache.counts.mapped == 4
    assert len(cache.notes) == 1
    assert "damaged" in cache.notes[0]
    assert answers_rightly(tmp_path).counts.loaded == 4


def test_an_answer_to_another_problem_is_found_anew(tmp_path: Path) -> None:
    """Even with a checksum that is right: the mapping is checked, its value counted again."""
    notes: list[str] = []
    store = Store(tmp_path, 1 << 20, notes.append)
    other = map_nest(problem(3), "edp")
    text = json.dumps(mapped_to_plain(other, problem(3).sub))
    key = cache_module.hashlib.sha256(identity(problem()) + b"edp normal").digest()
    store.put(cache_module._versioned(key), text)
    store.close()
    with MappingCache(path=tmp_path) as cache:
        assert cache.map(problem(), "edp") == map_nest(problem(), "edp")
        assert cache.counts.mapped == 1


def test_the_file_stays_below_its_bound_and_keeps_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = [0]
    monkeypatch.setattr("chiploom.simulator.store._hour", lambda: hour[0])
    notes: list[str] = []
    store = Store(tmp_path, 128 << 10, notes.append)
    store.put(b"asked for", "x" * 300)
    store.put(b"forgotten", "x" * 300)
    largest = 0
    for number in range(5000):
        hour[0] = number // 100
        store.put(f"{number}".encode(), f"{number}" * 80)
        if number % 50 == 0:
            assert store.get(b"asked for") == "x" * 300
            largest = max(largest, (tmp_path / FILE).stat().st_size)
    store.flush()
    assert largest < 1.5 * (128 << 10)
    assert store.get(b"forgotten") is None
    assert store.get(b"4999") == "4999" * 80
    store.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 1.25 * (128 << 10)
    assert notes == []


CLIENT = """
import sys
from chiploom.simulator import MappingCache, map_nest
sys.path.insert(0, {tests!r})
from dataclasses import replace
from chiploom.dataflows import load_spec
from chiploom.frontend.nest import LoopNest, OperandBits
from chiploom.simulator import Problem
(sub,) = load_spec("nvdla-small").sub_accelerators
with MappingCache(path={folder!r}) as cache:
    for n in list(range(1, 40))[::{step}]:
        nest = LoopNest((1, 1, 4, n, 4, 4, 1, 1), input_size=(4, 4))
        asked = Problem(nest, OperandBits(8, 8, 8), 24, sub)
        assert cache.map(asked, "edp") == map_nest(asked, "edp")
        cache.flush()
    print(cache.counts.loaded, cache.counts.mapped, cache.notes)
"""


def client(folder: Path, step: int, **options: object) -> subprocess.Popen[str]:
    text = CLIENT.format(tests=str(Path(__file__).parent), folder=str(folder), step=step)
    return subprocess.Popen(
        [sys.executable, "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def test_processes_share_a_folder(tmp_path: Path) -> None:
    clients = [client(tmp_path, 1), client(tmp_path, -1), client(tmp_path, 1)]
    for process in clients:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out.endswith("()\n"), out
    out, err = client(tmp_path, 1).communicate(timeout=60)
    assert out == "39 0 ()\n", err


def test_a_killed_process_leaves_a_good_file(tmp_path: Path) -> None:
    process = client(tmp_path, 1)
    file = tmp_path / FILE
    while not file.exists() and process.poll() is None:
        pass
    process.kill()
    process.communicate()
    out, err = client(tmp_path, 1).communicate(timeout=60)
    assert process.returncode in (0, -9)
    assert out.endswith("()\n"), err


def test_a_folder_that_cannot_be_made_costs_a_note() -> None:
    with MappingCache(path="/dev/null/cache") as cache:
        assert cache.map(problem(), "edp") == map_nest(problem(), "edp")
    assert len(cache.notes) == 1
    assert cache.notes[0].startswith("cache /dev/null/cache: not used: ")


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_folder_that_is_only_read_costs_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a user without rights sees it; the superuser has them all, so they are feigned."""
    filled(tmp_path)
    real = Store._connect

    def connect(uri: str) -> sqlite3.Connection:
        if "mode=rwc" in uri:
            raise sqlite3.OperationalError("unable to open database file")
        return real(uri)

    monkeypatch.setattr(Store, "_connect", staticmethod(connect))
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    tmp_path.chmod(0o555)
    try:
        cache = answers_rightly(tmp_path)
        assert cache.counts.loaded == 4
        assert cache.map(problem(6), "edp") == map_nest(problem(6), "edp")
    finally:
        tmp_path.chmod(0o755)
    assert cache.notes == (f"cache {tmp_path}: no permission to write; only read",)
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
