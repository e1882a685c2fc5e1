"""A tile program executed cycle by cycle: the machine, in the form to read.

**Engines.** The array, and for every buffer one that fills it and (of O) one that empties it. Each
executes its instructions in program order; an instruction begins when its waits are over.

**Ports.** A transfer streams from the read port of its source to the write port of its destination,
as fast as the slower of them lets it; the array streams operands from its innermost memories while
it computes. Where streams want more of a port than there is, what the program needs first goes
first, others have what is left: a load is needed where it stands, a drain where its slot is taken
again. On the chip, though, streams that trickle, held up by the DRAM or another slow port so that
they take half of every port there at most, go before those that come in bursts. Ports are those
of one instance, the fullest; instances work in lockstep.

**Latency.** A tile is there `latency` cycles of its source after its last word was sent; the engine
goes on meanwhile (requests are pipelined).

**Array.** Fill and drain (`skew`) follow each fold before its buffers are released, or the whole
program where they count per layer.

Time runs in ticks of 1/1024 cycle, shares in 2^-20; all is integer, so equal states have equal
futures. The compiled kernel (`ext/_machine`) executes the same rules and skips what repeats;
tests hold both equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from .program import ARRAY, EventKind, Program, Release, TileLoop, Transfer
from .sequencer import Issue, issues
from .workload import TICKS, Port, Work, Workload

FULL: Final = 1 << 20  # the speed of a stream that nothing slows
LAST: Final = 1 << 30  # behind everything in a body

#: Place in a program, see `Issue.path`.
Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """What an execution took.

    Attributes:
        cycles: from the first fetch to the last write.
        array_cycles: that the array computed or filled and drained.
        port_cycles: that each port was used for.
        executed: instructions, releases left out.
        skipped: of these, repetitions that were not gone through one by one.
    """

    cycles: int
    array_cycles: float
    port_cycles: dict[Port, float]
    executed: int
    skipped: int = 0

    @property
    def bound(self) -> str | None:
        """The memory with the busiest port, None where the array is busier."""
        memory, busy = None, self.array_cycles
        for (name, _), cycles in self.port_cycles.items():
            if cycles > busy:
                memory, busy = name, cycles
        return memory


@dataclass(slots=True)
class Stream:
    """What an engine is doing.

    Attributes:
        needed: where in the program, see `needed`.
        left: ticks x FULL still to go.
        shares: of each port at full speed, FULL is all of it.
        rate: present speed.
    """

    needed: Path
    left: int
    shares: dict[Port, int]
    rate: int = FULL

    def trickles(self, off_chip: str) -> bool:
        """Whether it takes at most half of every port on the chip."""
        return all(2 * s <= FULL for (name, _), s in self.shares.items() if name != off_chip)


@dataclass(slots=True)
class _Engine:
    todo: Iterator[Issue]
    issue: Issue | None = None
    stream: Stream | None = None
    skewed: bool = False  # the fold's fill and drain are over
    #: (tick, event, buffer), in order: raised with the latency of the source
    under_way: list[tuple[int, EventKind, int]] = field(default_factory=list)

    def fetch(self) -> None:
        """The next instruction."""
        self.issue = next(self.todo, None)


def execute_plainly(program: Program) -> Timing:
    """How long a program takes: every instruction executed, by plain Python."""
    return _Machine(program).run()


class _Machine:
    def __init__(self, program: Program) -> None:
        self.program, self.sub = program, program.problem.sub
        self.work = Workload(program)
        self.latency = {m.name: m.latency for m in self.sub.memories}
        self.engines = {name: _Engine(_of(program, name)) for name in program.engines}
        self.raised: dict[tuple[EventKind, int], int] = {}
        self.now = 0
        self.array_ticks = 0
        self.port_ticks: dict[Port, int] = {}
        self.executed = 0
        for engine in self.engines.values():
            engine.fetch()
        skew, sub = self.sub.skew, self.sub
        self.skew = round(skew.cycles * TICKS)
        self.folded = skew.per == "fold" and len(sub.levels(skew.operand)) > 1
        self.filled = self.folded  # once for all, with the first block, where folds do not count

    def run(self) -> Timing:
        self._settle()
        while any(e.stream is not None or e.under_way for e in self.engines.values()):
            self._share()
            self._advance()
            self._settle()
        assert all(engine.issue is None for engine in self.engines.values()), "deadlock"
        return Timing(
            -(-self.now // TICKS),
            self.array_ticks / TICKS,
            {port: ticks / TICKS for port, ticks in self.port_ticks.items()},
            self.executed,
        )

    # -- order -------------------------------------------------------------------------------
    def _settle(self) -> None:
        """Start whatever can start now; what takes no time is over at once."""
        moved = True
        while moved:
            moved = any([self._step(name, engine) for name, engine in self.engines.items()])

    def _step(self, name: str, engine: _Engine) -> bool:
        """Whether the engine, if idle, could go on."""
        if engine.stream is not None or engine.issue is None:
            return False
        issue = engine.issue
        item = issue.instruction
        if isinstance(item, Release):
            if self._folds(item, name) and not engine.skewed:
                engine.stream, engine.skewed = Stream((), self.skew * FULL, {}), True
                self.array_ticks += self.skew
                return self._finish_at_once(engine)
            for kind in item.raises:
                self._raise(kind, item.buffer)
            engine.skewed = False
            engine.fetch()
            return True
        if not all(self._is_over(issue, n) for n in range(len(item.waits))):
            return False
        self.executed += 1
        work = self.work.of(issue)
        if name == ARRAY and not self.filled:
            work, self.filled = Work(work.cycles + self.sub.skew.cycles, work.busy), True
        engine.stream = self._begin(work, name, needed(self.program, issue))
        return self._finish_at_once(engine) or True

    def _folds(self, item: Release, name: str) -> bool:
        """Whether the release ends a fold of the array."""
        buffer = self.program.buffers[item.buffer]
        return (
            self.folded
            and self.skew > 0
            and name == ARRAY
            and (buffer.operand, buffer.level) == (self.sub.skew.operand, 0)
        )

    def _is_over(self, issue: Issue, number: int) -> bool:
        assert not isinstance(issue.instruction, Release)
        wait = issue.instruction.waits[number]
        if not issue.applies(wait):
            return True
        return (
            self.raised.get((wait.event, wait.buffer), 0) > issue.tiles[wait.buffer] - wait.behind
        )

    def _raise(self, kind: EventKind, buffer: int) -> None:
        self.raised[kind, buffer] = self.raised.get((kind, buffer), 0) + 1

    # -- time --------------------------------------------------------------------------------
    def _begin(self, work: Work, engine: str, path: Path) -> Stream:
        """A stream that takes as long as its busiest port, and at least the array's cycles."""
        longest = max(work.cycles, *work.busy.values()) if work.busy else work.cycles
        ticks = math.ceil(longest * TICKS)
        shares: dict[Port, int] = {}
        for port, cycles in work.busy.items():
            shares[port] = min(FULL, int(cycles / longest * FULL + 0.5))
            self.port_ticks[port] = self.port_ticks.get(port, 0) + math.ceil(cycles * TICKS)
        if engine == ARRAY:
            self.array_ticks += math.ceil(work.cycles * TICKS)
        return Stream(path, ticks * FULL, shares)

    def _finish_at_once(self, engine: _Engine) -> bool:
        """End a stream that has nothing left."""
        assert engine.stream is not None
        if engine.stream.left > 0:
            return False
        engine.stream = None
        issue = engine.issue
        assert issue is not None
        item = issue.instruction
        if isinstance(item, Release):  # the fold is over, the release itself follows
            return True
        if isinstance(item, Transfer):
            moves = item.op != "zero" and (item.op != "refill" or issue.revisit)
            delay = round(self.latency[item.source] * TICKS) if moves else 0
            if item.op in ("load", "refill") and delay:
                engine.under_way.append((self.now + delay, item.raises, item.buffer))
            elif engine.under_way:  # tiles arrive in order
                engine.under_way.append((engine.under_way[-1][0], item.raises, item.buffer))
            else:
                self._raise(item.raises, item.buffer)
        engine.fetch()
        return True

    def _advance(self) -> None:
        """Go on to the next moment at which something ends."""
        streams = [e.stream for e in self.engines.values() if e.stream is not None]
        moments = [self.now - (-s.left // s.rate) for s in streams if s.rate]
        moments += [e.under_way[0][0] for e in self.engines.values() if e.under_way]
        then = min(moments)
        for stream in streams:
            stream.left -= stream.rate * (then - self.now)
        self.now = then
        for engine in self.engines.values():
            while engine.under_way and engine.under_way[0][0] <= then:
                _, kind, buffer = engine.under_way.pop(0)
                self._raise(kind, buffer)
            if engine.stream is not None:
                self._finish_at_once(engine)

    def _share(self) -> None:
        """Speeds of all streams: first what the DRAM's ports allow, then the others."""
        streams = [e.stream for e in self.engines.values() if e.stream is not None]
        dram = self.sub.dram.name
        for stream in streams:
            stream.rate = FULL
        streams.sort(key=lambda stream: stream.needed)
        self._allot(streams, {p for s in streams for p in s.shares if p[0] == dram})
        streams.sort(key=lambda stream: not stream.trickles(dram))  # stable: else as needed
        self._allot(streams, {p for s in streams for p in s.shares if p[0] != dram})

    def _allot(self, streams: list[Stream], ports: set[Port]) -> None:
        """Slow streams down to what some ports have left, one stream after the other."""
        free = dict.fromkeys(ports, FULL * FULL)
        for stream in streams:
            used = {port: share for port, share in stream.shares.items() if port in ports and share}
            stream.rate = min([stream.rate, *(free[port] // share for port, share in used.items())])
            for port, share in used.items():
                free[port] -= share * stream.rate


def _of(program: Program, engine: str) -> Iterator[Issue]:
    """What one engine executes."""
    return (issue for issue in issues(program) if issue.instruction.engine == engine)


def needed(program: Program, issue: Issue) -> Path:
    """Where in the program what an instruction does is needed.

    What drains a tile is needed where a later tile takes its slot: `slots` tiles on.
    """
    item = issue.instruction
    if not isinstance(item, Transfer) or item.op not in ("drain", "store"):
        return issue.path
    places, index = issue.path[::2], list(issue.path[1::2])
    loops: list[TileLoop] = []
    body = program.body
    for place in places[:-1]:
        loop = body[place]
        assert isinstance(loop, TileLoop)
        loops.append(loop)
        body = loop.body
    for _ in range(program.buffers[item.buffer].slots):
        if not _next_iteration(loops, index):
            return (LAST,)  # nobody takes it any more
    path = [number for pair in zip(places, index, strict=False) for number in pair]
    return (*path, places[-1])


def _next_iteration(loops: list[TileLoop], index: list[int]) -> bool:
    """Move on in the innermost loop, or in the next one where it is over; False at the end."""
    for inner in range(len(loops) - 1, -1, -1):
        loop = loops[inner]
        index[inner] += 1
        start = sum(index[n] * loops[n].span for n in range(inner + 1) if loops[n].dim == loop.dim)
        if index[inner] < loop.factor and start < loop.steps:
            return True
        index[inner] = 0
    return False
