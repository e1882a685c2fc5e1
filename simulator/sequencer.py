"""A tile program unrolled in time: one instruction after the other, with what its loops say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..frontend.nest import DIMS, RELEVANT
from .program import REDUCED, Instruction, Program, TileLoop, Transfer, Wait


@dataclass(frozen=True, slots=True)
class Issue:
    """One execution of an instruction.

    Attributes:
        instruction: which.
        starts: first temporal step of each of `DIMS`.
        tiles: for every buffer, the number of its current tile, -1 before the first.
        path: where it is in the program: place in the body, iteration, place in the loop's
            body, …; what comes first has the smaller one.
        slid: the enclosing loop is past its first iteration.
        revisit: of a transfer of O, whether the outputs have been visited before.
        repeat: moreover, whether the buffer's tile before was the same one.
        last: whether it is the last visit to the outputs.
    """

    instruction: Instruction
    starts: tuple[int, ...]
    tiles: tuple[int, ...]
    path: tuple[int, ...] = ()
    slid: bool = False
    revisit: bool = False
    repeat: bool = False
    last: bool = False

    def applies(self, wait: Wait) -> bool:
        """Whether a wait is to be obeyed this time."""
        match wait.when:
            case "always":
                return True
            case "revisit":
                return self.revisit
            case "repeat":
                return self.revisit and self.repeat
            case "whole":
                return not self.slid


def issues(program: Program) -> Iterator[Issue]:
    """Every execution of every instruction, in program order."""
    yield from _Walk(program).body(program.body, first=True)


class _Walk:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.starts = [0] * len(DIMS)
        self.tiles = [-1] * len(program.buffers)
        self.before: list[tuple[int, ...] | None] = [None] * len(program.buffers)
        self.repeat = [False] * len(program.buffers)
        nest, mapping = program.problem.nest, program.mapping
        self.steps = [mapping.steps(nest, dim) for dim in DIMS]
        self.path: list[int] = []
        self.reduced = [DIMS.index(dim) for dim in REDUCED]

    def body(self, items: tuple[Instruction | TileLoop, ...], *, first: bool) -> Iterator[Issue]:
        for place, item in enumerate(items):
            self.path.append(place)
            if isinstance(item, TileLoop):
                yield from self._loop(item)
            elif isinstance(item, Transfer):
                yield self._transfer(item, first)
            else:
                yield Issue(item, tuple(self.starts), tuple(self.tiles), tuple(self.path))
            self.path.pop()

    def _loop(self, loop: TileLoop) -> Iterator[Issue]:
        row = DIMS.index(loop.dim)
        begin = self.starts[row]
        for iteration in range(loop.factor):
            self.starts[row] = begin + iteration * loop.span
            if self.starts[row] >= loop.steps:
                break
            self.path.append(iteration)
            yield from self.body(loop.body, first=iteration == 0)
            self.path.pop()
        self.starts[row] = begin

    def _transfer(self, item: Transfer, first: bool) -> Issue:
        number = item.buffer
        if item.op in ("load", "refill", "zero"):
            here = tuple(self.starts[DIMS.index(dim)] for dim in RELEVANT[item.operand])
            self.tiles[number] += 1
            self.repeat[number] = here == self.before[number]
            self.before[number] = here
        return Issue(
            item,
            tuple(self.starts),
            tuple(self.tiles),
            tuple(self.path),
            slid=not first,
            revisit=any(self.starts[row] for row in self.reduced),
            repeat=self.repeat[number],
            last=all(
                self.starts[row] + item.tile.steps[row] >= self.steps[row] for row in self.reduced
            ),
        )
