"""A clock that jumps: set by hand, by the network, or by a machine that slept."""

from __future__ import annotations

import datetime
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from optuna.storages._rdb import storage as trials_module

from chiploom import cli
from chiploom.simulator.store import Store

from ..search import tiny_study as tiny

DAY = 86_400.0


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day is another one whenever it is asked for; what it has been."""
    chance, real, asked = random.Random(5), time.time, list[float]()

    def now() -> float:
        asked.append(real() + chance.uniform(-3000 * DAY, 3000 * DAY))
        return asked[-1]

    class Jumping(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(now(), tz)

    monkeypatch.setattr(time, "time", now)
    monkeypatch.setattr(trials_module, "datetime", Jumping)
    return asked


def test_a_search_lasts_as_long_as_it_lasts(
    tmp_path: Path, tables: Path, jumping: list[float]
) -> None:
    file, db = tiny.write(tmp_path, trials=10_000), tmp_path / "s.db"
    begun = time.perf_counter()
    study, _ = tiny.search(file, tables, db, seconds=2.0)
    with study:
        took = time.perf_counter() - begun
        assert len(study.told()) > 1
        assert len(jumping) > 2 * len(study.told())
        assert 2.0 <= study.seconds <= took
        seconds = [design.seconds for design in study.store.all()]
        assert seconds == sorted(seconds)
        assert seconds[0] >= 0
        assert seconds[-1] <= study.seconds
        assert all(0 <= study.notes(trial)["seconds"] <= took for trial in study.told())
        grown = [second for _, second, _ in study.hypervolume()]
        assert grown == sorted(grown)
        count, spent = len(study.told()), study.seconds
    assert cli.main(["report", str(db), "-o", str(tmp_path / "r.html"), "--schedules", "0"]) == 0
    study, _ = tiny.search(file, tables, db, resume=True, seconds=spent + 1.0)
    with study:
        assert len(study.told()) > count
        assert spent + 1.0 <= study.seconds <= time.perf_counter() - begun


def test_a_cache_of_mappings_keeps_its_bound_and_its_answers(
    tmp_path: Path, jumping: list[float]
) -> None:
    notes: list[str] = []
    store = Store(tmp_path, 128 << 10, notes.append)
    for number in range(3000):
        store.put(f"{number}".encode(), f"{number}" * 80)
        found = store.get(f"{number // 2}".encode())
        assert found in (None, f"{number // 2}" * 80)
    store.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 1.25 * (128 << 10)
    assert notes == []
    assert jumping


def test_nothing_is_measured_by_the_time_of_day() -> None:
    """It says only when an answer of a cache was last asked for."""
    root = Path(__file__).resolve().parents[2]
    used = [
        file.relative_to(root).as_posix()
        for part in ("api", "frontend", "dataflows", "simulator", "search", "reports")
        for file in sorted((root / part).rglob("*.py"))
        if re.search(r"\btime\.time\b|\btime_ns\b|datetime\.(now|utcnow|today)", file.read_text())
    ]
    assert used == ["simulator/store.py"]
