"""No problem is mapped twice: the mapper's answers, in memory and, if wanted, on disk.

An answer is kept under what determines it (`identity`), the objective and the effort; on disk also
under the version of the mapper. What a hit gives equals what the mapper would give, to the last
bit. That nothing can be mapped is an answer too.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from ..dataflows import accelerator
from ..ext import _mapspace
from ..frontend import nest
from . import accesses, cost, mapper, mapping, plain, problem, spatial
from .cost import Cost
from .errors import NoMappingError
from .identity import identity, survey_identity
from .mapper import EffortName, Mapped, Survey, explain, map_nest, survey
from .problem import Problem
from .result import Objective

if TYPE_CHECKING:
    from .store import Store

#: Answers kept in memory, of some 4 KiB each.
ENTRIES: Final = 16_384
#: Surveys kept: variants that differ in bandwidths come one after the other.
SURVEYS: Final = 64
#: Size of the file on disk.
MAX_BYTES: Final = 256 << 20
LEAST_BYTES: Final = 128 << 10


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """What became of the questions.

    Attributes:
        hits: answered from memory, or by a thread that was at it already.
        loaded: answered from disk.
        mapped: answered by the mapper.
        entries: answers in memory.
    """

    hits: int
    loaded: int
    mapped: int
    entries: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """Of one problem, with the names of that problem's memories; None: nothing is legal."""

    mapped: Mapped | None
    memories: tuple[str, ...]


class MappingCache:
    """Answers of the mapper. Threads and runs may share one; nothing is global.

    Args:
        entries: answers kept in memory; the ones not asked for longest leave first.
        path: folder for answers that outlive the process; processes may share it.
        max_bytes: size of the file in that folder, of which the answers not asked for longest
            leave first.

    Used as a context, or closed by `close`, it writes what is not on disk yet; `simulate` and
    `sweep` do so at their end. A copy made by pickling has the same settings and is empty.
    """

    def __init__(
        self,
        entries: int = ENTRIES,
        *,
        path: str | os.PathLike[str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        if entries < 1:
            raise ValueError(f"entries: expected at least 1, got {entries}")
        if max_bytes < LEAST_BYTES:
            raise ValueError(f"max_bytes: expected at least {LEAST_BYTES}, got {max_bytes}")
        self._entries = entries
        self._path = None if path is None else Path(path)
        self._max_bytes = max_bytes
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()
        self._surveys: OrderedDict[bytes, Survey] = OrderedDict()
        self._running: dict[bytes, threading.Event] = {}
        self._lock = threading.Lock()
        self._hits = self._loaded = self._mapped = 0
        self._notes: list[str] = []
        self._store: Store | None = self._opened()

    def _opened(self) -> Store | None:
        if self._path is None:
            return None
        try:
            from .store import Store
        except ImportError as error:  # a Python built without SQLite
            self._notes.append(f"cache {self._path}: not used: {error}")
            return None
        return Store(self._path, self._max_bytes, self._notes.append)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._entries, self._path, self._max_bytes)

    def __enter__(self) -> MappingCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: why the folder is not used, say."""
        return tuple(self._notes)

    @property
    def counts(self) -> CacheCounts:
        """How often it answered, and how: mappings found, loaded, and held now."""
        with self._lock:
            return CacheCounts(self._hits, self._loaded, self._mapped, len(self._answers))

    def flush(self) -> None:
        """Write to disk what is not there yet."""
        if self._store is not None:
            self._store.flush()

    def close(self) -> None:
        """Flush, and let go of the file; from then on there is memory alone."""
        if self._store is not None:
            self._store.close()

    def map(self, problem: Problem, objective: Objective, effort: EffortName = "normal") -> Mapped:
        """As `map_nest`, from the cache where it is there.

        Raises:
            NoMappingError: no mapping is legal.
        """
        key = hashlib.sha256(identity(problem) + f"{objective} {effort}".encode()).digest()
        answer = self._in_memory(key)
        if answer is None:
            try:
                answer = self._on_disk(key, problem, objective)
                if answer is None:
                    answer = self._by_mapper(key, problem, objective, effort)
                self._remember(key, answer)
            finally:
                with self._lock:
                    self._running.pop(key).set()
        if answer.mapped is None:
            raise NoMappingError(explain(problem))
        return _renamed(answer, problem)

    def _in_memory(self, key: bytes) -> _Answer | None:
        """None where the caller is the one to find the answer; others wait for it meanwhile."""
        while True:
            with self._lock:
                answer = self._answers.get(key)
                if answer is not None:
                    self._answers.move_to_end(key)
                    self._hits += 1
                    return answer
                running = self._running.get(key)
                if running is None:
                    self._running[key] = threading.Event()
                    return None
            running.wait()

    def _remember(self, key: bytes, answer: _Answer) -> None:
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > self._entries:
                self._answers.popitem(last=False)

    def _by_mapper(
        self, key: bytes, problem: Problem, objective: Objective, effort: EffortName
    ) -> _Answer:
        try:
            surveyed = self._surveyed(problem, objective, effort)
            mapped: Mapped | None = map_nest(problem, objective, effort, surveyed=surveyed)
        except NoMappingError:
            mapped = None
        with self._lock:
            self._mapped += 1
        if self._store is not None:
            entry = None if mapped is None else plain.mapped_to_plain(mapped, problem.sub)
            self._store.put(_versioned(key), json.dumps(entry, separators=(",", ":")))
        return _Answer(mapped, _memories(problem))

    def _surveyed(
        self, problem: Problem, objective: Objective, effort: EffortName
    ) -> Survey | None:
        """A survey that another bandwidth left."""
        if objective == "latency":  # whose survey depends on them
            return None
        key = survey_identity(problem) + f"{objective} {effort}".encode()
        with self._lock:
            found = self._surveys.get(key)
            if found is not None:
                self._surveys.move_to_end(key)
                return found
        found = survey(problem, effort)
        with self._lock:
            self._surveys[key] = found
            while len(self._surveys) > SURVEYS:
                self._surveys.popitem(last=False)
        return found

    def _on_disk(self, key: bytes, problem: Problem, objective: Objective) -> _Answer | None:
        text = None if self._store is None else self._store.get(_versioned(key))
        if self._store is None or text is None:
            return None
        try:
            entry = json.loads(text)
            mapped = None
            if entry is not None:
                mapped = plain.mapped_from_plain(entry, problem, objective)
        except (json.JSONDecodeError, plain.PlainError):
            self._store.damaged()
            return None
        with self._lock:
            self._loaded += 1
        return _Answer(mapped, _memories(problem))


def _again(entries: int, path: Path | None, max_bytes: int) -> MappingCache:
    return MappingCache(entries, path=path, max_bytes=max_bytes)


def _memories(problem: Problem) -> tuple[str, ...]:
    return tuple(memory.name for memory in problem.sub.memories)


def _renamed(answer: _Answer, problem: Problem) -> Mapped:
    """The answer with the names of this problem's memories."""
    mapped, names = answer.mapped, _memories(problem)
    assert mapped is not None
    if names == answer.memories:
        return mapped
    new = dict(zip(answer.memories, names, strict=True))
    found: Cost = mapped.cost
    return replace(
        mapped,
        cost=replace(
            found,
            bound=None if found.bound is None else new[found.bound],
            read_bits={(new[name], o): bits for (name, o), bits in found.read_bits.items()},
            write_bits={(new[name], o): bits for (name, o), bits in found.write_bits.items()},
        ),
    )


def _versioned(key: bytes) -> bytes:
    return hashlib.sha256(key + mapper_version()).digest()


@lru_cache(maxsize=1)
def mapper_version() -> bytes:
    """A digest of the code that answers: another mapper's answers are not found."""
    digest = hashlib.sha256()
    parts = (_mapspace, accelerator, accesses, cost, mapper, mapping, nest, plain, problem, spatial)
    for module in parts:
        if module.__file__ is not None:
            digest.update(Path(module.__file__).read_bytes())
    return digest.digest()
