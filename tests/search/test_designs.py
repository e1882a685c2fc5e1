"""The store of evaluated designs: what goes in comes out, once, and in whole batches."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.frontend import InputError
from chiploom.search import designs as module
from chiploom.search.designs import DesignStore, EvaluatedDesign, canonical_json
from chiploom.simulator.store import Store


def design(pes: int = 512, kernel: int = 3, **changes: object) -> EvaluatedDesign:
    """A design of one network and one sub-accelerator."""
    plain = EvaluatedDesign(
        number=0,
        trial=4,
        networks=canonical_json({"classify": f"kernel={kernel}"}),
        hardware=canonical_json({"main": {"template": "nvdla", "pes": pes}}),
        cycles=1_000_000_007,
        energy_pj=2.5e9,
        area_mm2=1 / 3,
        accuracy=0.875,
        accuracies=canonical_json({"classify": 0.875}),
        penalty=0.0,
        feasible=True,
        optimal=False,
        seconds=12.25,
        note="Größe",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "designs.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[DesignStore]:
    with DesignStore(path) as opened:
        yield opened


class TestRecords:
    def test_come_back_as_they_were(self, store: DesignStore) -> None:
        given = [
            design(),
            design(256, accuracy=None, accuracies="{}", feasible=False, penalty=1.5, note=""),
            design(kernel=5, optimal=True, checked_cycles=7, checked_area_mm2=0.5, checked_ok=True),
        ]
        assert store.add(given) == [1, 2, 3]
        kept = [replace(each, number=i) for i, each in enumerate(given, start=1)]
        assert store.all() == kept
        assert [store.get(number) for number in (1, 2, 3)] == kept
        assert [type(each.feasible) for each in store.all()] == [bool] * 3
        assert type(store.get(3).checked_ok) is bool
        assert store.count() == 3

    def test_edp_is_energy_times_delay(self) -> None:
        assert design(cycles=300, energy_pj=0.5).edp == 150

    def test_numpys_numbers_are_numbers(self, store: DesignStore) -> None:
        """SQLite would keep `np.int64(7)` as eight bytes, and say nothing."""
        odd = design(
            trial=np.int64(7),
            cycles=np.int64(7),
            energy_pj=np.float32(0.5),
            feasible=np.bool_(True),
            checked_cycles=np.int64(8),
        )
        store.add([odd])
        store.update_check(
            1,
            cycles=np.int64(9),  # type: ignore[arg-type]
            energy_pj=np.float32(0.25),  # type: ignore[arg-type]
            area_mm2=1,
            ok=np.bool_(True),  # type: ignore[arg-type]
            note="",
        )
        kept = store.get(1)
        assert (kept.trial, kept.cycles, kept.energy_pj, kept.feasible) == (7, 7, 0.5, True)
        assert (kept.checked_cycles, kept.checked_energy_pj, kept.checked_ok) == (9, 0.25, True)
        assert store.all(feasible=True, trial=7) == [kept]

    @pytest.mark.parametrize("name", ["energy_pj", "area_mm2", "accuracy", "penalty", "seconds"])
    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_numbers_are_finite(self, name: str, value: float) -> None:
        with pytest.raises(ValueError, match=f"{name}: expected a finite number"):
            design(**{name: value})

    def test_every_field_has_a_column(self, path: Path, store: DesignStore) -> None:
        store.add([design()])
        with sqlite3.connect(path) as other:
            seen = other.execute("SELECT * FROM evaluated")
            assert [column[0] for column in seen.description] == [
                field.name for field in fields(EvaluatedDesign)
            ]
            assert '{"classify":"kernel=3"}' in seen.fetchone()
        other.close()

    def test_canonical_text_knows_no_order(self) -> None:
        first = canonical_json({"b": 1, "a": {"d": "ü", "c": [1, 2]}})
        assert first == '{"a":{"c":[1,2],"d":"ü"},"b":1}'
        assert first == canonical_json({"a": {"c": [1, 2], "d": "ü"}, "b": 1})


class TestAdding:
    def test_same_networks_and_hardware_are_one_design(self, store: DesignStore) -> None:
        assert store.add([design(1), design(2)]) == [1, 2]
        again = [design(2, trial=9, cycles=1), design(3), design(1), design(3), design(4)]
        assert store.add(again) == [2, 3, 1, 3, 4]  # dense: a design seen again takes no number
        assert store.count() == 4
        assert (store.get(2).trial, store.get(2).cycles) == (4, 1_000_000_007)
        assert store.add([design(1, kernel=5), design(2, kernel=5)]) == [5, 6]

    @pytest.mark.parametrize(
        "better", [{"penalty": 0.1, "feasible": False}, {"penalty": 0.5, "optimal": True}]
    )
    def test_a_better_schedule_is_taken_over(
        self, store: DesignStore, better: dict[str, object]
    ) -> None:
        store.add([design(penalty=0.5, feasible=False)])
        store.add([design(trial=9, cycles=1, energy_pj=1.0, accuracy=None, **better)])
        found = store.get(1)
        assert (found.cycles, found.energy_pj, found.trial) == (1, 1.0, 4)
        assert found.penalty == better["penalty"]
        assert found.optimal == better.get("optimal", False)
        assert found.accuracy == 0.875
        store.add([design(cycles=2, penalty=0.6, feasible=False)])
        assert store.get(1).cycles == 1

    @pytest.mark.parametrize("together", [False, True])
    def test_an_accuracy_is_added_later(self, store: DesignStore, together: bool) -> None:
        pruned = design(accuracy=None, accuracies="{}", feasible=False, note="pruned")
        whole = design(trial=8, cycles=1, energy_pj=1.0, seconds=99.0, note="")
        for batch in [[pruned, whole]] if together else [[pruned], [whole]]:
            assert set(store.add(batch)) == {1}
        expected = replace(
            pruned,
            number=1,
            accuracy=0.875,
            accuracies=whole.accuracies,
            feasible=True,
            note="",
        )
        assert store.all() == [expected]

    def test_an_accuracy_is_not_replaced(self, store: DesignStore) -> None:
        store.add([design()])
        store.add([design(accuracy=0.5, note="worse"), design(accuracy=None, note="none")])
        assert store.all() == [design(number=1)]

    def test_without_an_accuracy_the_first_stays(self, store: DesignStore) -> None:
        first = design(accuracy=None, feasible=False, note="pruned")
        store.add([first])
        store.add([design(accuracy=None, note="again")])
        assert store.all() == [replace(first, number=1)]

    def test_nothing(self, store: DesignStore) -> None:
        assert store.add([]) == store.all() == []

    def test_a_batch_is_kept_whole_or_not_at_all(self, store: DesignStore) -> None:
        store.add([design(1)])
        with pytest.raises(ValueError, match="x"):
            store.add([design(2), design(3, trial="x")])
        with pytest.raises(sqlite3.IntegrityError):
            store.add([design(2), design(3, trial=None)])
        assert store.all() == [design(1, number=1)]
        assert store.add([design(2)]) == [2]  # and the store goes on

    @given(
        batches=st.lists(
            st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=6),
            max_size=6,
        )
    )
    def test_equals_a_dictionary(self, batches: list[list[tuple[int, int, bool]]]) -> None:
        held: dict[tuple[int, int], tuple[int, bool]] = {}
        with DesignStore(":memory:") as store:
            for batch in batches:
                numbers = []
                for pes, kernel, known in batch:
                    number, before = held.get((pes, kernel), (len(held) + 1, False))
                    held[pes, kernel] = number, before or known
                    numbers.append(number)
                assert numbers == store.add(
                    design(pes, kernel, accuracy=0.5 if known else None)
                    for pes, kernel, known in batch
                )
            expected = [
                design(pes, kernel, number=number, accuracy=0.5 if known else None)
                for (pes, kernel), (number, known) in held.items()
            ]
            assert store.all() == expected

    def test_five_thousand_are_small(self, path: Path) -> None:
        with DesignStore(path) as store:
            networks = [canonical_json({"classify": f"{i}," * 20}) for i in range(10)]
            for first in range(0, 5000, 500):
                store.add(
                    design(i, networks=networks[i % 10], note=f"{'x' * 100}{i % 7}")
                    for i in range(first, first + 500)
                )
        assert path.stat().st_size < 2 << 20


class TestAsking:
    def test_by_networks_and_hardware(self, store: DesignStore) -> None:
        store.add([design(1), design(2), design(1, kernel=5)])
        wanted = design(1, kernel=5)
        assert store.find(wanted.networks, wanted.hardware) == replace(wanted, number=3)
        assert store.find(wanted.networks, design(2).hardware) is None
        assert store.find(wanted.hardware, wanted.networks) is None
        assert store.find("{}", "{}") is None

    def test_by_feasibility_and_trial(self, store: DesignStore) -> None:
        store.add(design(i, trial=i % 3, feasible=i % 2 == 0) for i in range(12))
        assert [each.number for each in store.all(feasible=True)] == [1, 3, 5, 7, 9, 11]
        assert [each.number for each in store.all(feasible=False, trial=0)] == [4, 10]
        assert [each.number for each in store.all(trial=2)] == [3, 6, 9, 12]
        assert store.all(trial=3) == []

    def test_a_number_that_is_not_there(self, path: Path, store: DesignStore) -> None:
        with pytest.raises(InputError, match="found 1; it holds none"):
            store.get(1)
        store.add([design(1), design(2)])
        found = re.escape(f"{path}: expected the number of a design, from 1 to 2, found 3")
        with pytest.raises(InputError, match=found):
            store.get(3)
        with pytest.raises(InputError, match=found):
            store.update_check(3, cycles=1, energy_pj=1, area_mm2=1, ok=True, note="new")

    def test_the_check_is_kept_beside(self, store: DesignStore) -> None:
        store.add([design(1), design(2)])
        store.update_check(
            2, cycles=11, energy_pj=2.0, area_mm2=3.0, ok=False, note="latency 11 > 10"
        )
        assert store.get(1) == design(1, number=1)
        assert store.get(2) == design(
            2,
            number=2,
            note="latency 11 > 10",
            checked_cycles=11,
            checked_energy_pj=2.0,
            checked_area_mm2=3.0,
            checked_ok=False,
        )

    def test_texts_about_the_study(self, path: Path, store: DesignStore) -> None:
        assert store.meta("study") is None
        store.put_meta({"study": "networks:\n"})
        store.put_meta({"study": "networks: {}\n"})
        with DesignStore(path) as other:
            assert other.meta("study") == "networks: {}\n"


class TestFiles:
    def test_reopened_it_goes_on(self, path: Path) -> None:
        with DesignStore(path) as store:
            store.add([design(1), design(2)])
        with DesignStore(str(path)) as store:
            assert store.add([design(2), design(3)]) == [2, 3]
            assert store.all() == [design(i, number=i) for i in (1, 2, 3)]
        assert [file.name for file in path.parent.iterdir()] == [path.name]

    def test_closed_it_is_of_no_use(self, path: Path) -> None:
        store = DesignStore(path)
        store.close()
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            store.count()

    def test_several_may_make_it_at_once(self, tmp_path: Path) -> None:
        workers = 6
        for attempt in range(30):
            path = tmp_path / f"{attempt}.sqlite"
            start = threading.Barrier(workers)

            def work(worker: int, path: Path = path, start: threading.Barrier = start) -> None:
                start.wait()
                with DesignStore(path) as store:
                    store.put_meta({str(worker): "was here"})

            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(work, range(workers)))
            with DesignStore(path) as store:
                assert all(store.meta(str(worker)) for worker in range(workers))

    def test_another_is_about_to_make_it(self, path: Path) -> None:
        """SQLite does not wait by itself where it changes the journal."""
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.2, other.execute, ["ROLLBACK"])
        release.start()
        with DesignStore(path) as store:
            assert store.add([design()]) == [1]
        release.join()
        other.close()

    def test_another_programs_file(self, path: Path) -> None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE trials (number INTEGER)")
        other.close()
        before = path.read_bytes()
        with pytest.raises(InputError, match=r"designs\.sqlite: .*found a database of another"):
            DesignStore(path)
        assert path.read_bytes() == before

    def test_the_mappings_file(self, tmp_path: Path) -> None:
        cache = Store(tmp_path, 1 << 20, print)
        cache.put(b"key", "text")
        cache.close()
        with pytest.raises(InputError, match="found a database of another program"):
            DesignStore(tmp_path / "mappings.sqlite")

    def test_no_database_at_all(self, path: Path) -> None:
        path.write_text("number,trial\n" * 100)
        with pytest.raises(InputError, match=r"found: file is not a database; .*another file"):
            DesignStore(path)

    def test_a_newer_layout(self, path: Path) -> None:
        DesignStore(path).close()
        with sqlite3.connect(path) as other:
            other.execute(f"PRAGMA user_version = {module.LAYOUT + 1}")
        other.close()
        with pytest.raises(InputError, match="of layout 1, found layout 2, of another version"):
            DesignStore(path)

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="see to its folder"):
            DesignStore(tmp_path / "none" / "designs.sqlite")

    def test_a_reader_does_not_hold_up_the_writer(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "PATIENCE", 0.05)
        with DesignStore(path) as store:
            reader = sqlite3.connect(path, isolation_level=None)
            reader.execute("BEGIN")
            for numbers in ([1], [2]):
                assert reader.execute("SELECT count(*) FROM designs").fetchone() == (0,)
                assert store.add([design(*numbers)]) == numbers
            reader.close()

    def test_another_writer(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A second writer waits, and says so when it is too long; readers do not wait."""
        monkeypatch.setattr(module, "PATIENCE", 0.05)
        with DesignStore(path) as store:
            store.add([design(1)])
            writer = sqlite3.connect(path, isolation_level=None)
            writer.execute("BEGIN IMMEDIATE")
            with pytest.raises(InputError, match="found: database is locked"):
                store.add([design(2)])
            with DesignStore(path) as reader:
                assert reader.all() == [design(1, number=1)]
            writer.execute("ROLLBACK")
            writer.close()
            assert store.add([design(2)]) == [2]


BATCH = 300
WRITER = f"""
import itertools, sys
from chiploom.search.designs import DesignStore, EvaluatedDesign

def design(i, trial):
    return EvaluatedDesign(
        0, trial, "{{}}", f'{{{{"pes":{{i}}}}}}', 1, 1.0, 1.0, None, "{{}}", 0.0, True, False, 0.0
    )

with DesignStore(sys.argv[1]) as store:
    for trial in itertools.count(store.count() // {BATCH}):
        store.add(design(i, trial) for i in range(trial * {BATCH}, (trial + 1) * {BATCH}))
        print(trial, flush=True)
"""


def test_killed_it_leaves_whole_batches(path: Path) -> None:
    told = -1
    for batches in (5, 12):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                told = int(line)
                with DesignStore(path) as reader:  # while the other writes
                    seen = reader.count()
                assert seen % BATCH == 0
                assert seen >= (told + 1) * BATCH
                if told >= batches:
                    break
            writer.kill()
            told = max([told, *map(int, writer.stdout.read().split())])
        with DesignStore(path) as store:
            kept = store.all()
        assert len(kept) % BATCH == 0
        assert len(kept) >= (told + 1) * BATCH
        assert [each.number for each in kept] == list(range(1, len(kept) + 1))
        assert [each.trial for each in kept] == [i // BATCH for i in range(len(kept))]
        assert [each.hardware for each in kept] == [f'{{"pes":{i}}}' for i in range(len(kept))]
