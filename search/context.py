"""What a study needs to evaluate a proposal, in any process: networks, cost tables, accuracies."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from ..frontend.graph import LayerGraph
from ..simulator.errors import NoMappingError
from .goals import Costs, Goals
from .hardware.descent import descend
from .hardware.exact import ExactHardware
from .hardware.options import build_options
from .hardware.problem import HardwareProblem
from .hardware.space import Design
from .hardware.tables import CostTables
from .spaces.space import Choice
from .study_file import StudyFile

#: Keys of the chosen networks, in the study's order.
Networks = tuple[str, ...]

#: Problems kept: a trial's networks are often asked about again.
_PROBLEMS: Final = 64
#: Chips that one local search looks at, where the description has more.
_CHIPS: Final = 4


@dataclass(frozen=True)
class Task:
    """One proposal.

    Attributes:
        trial: its number.
        networks: to be evaluated.
        hardware: `given`: `designs`; `descend`: a local search of `looks` designs; `random`: as
            many random ones; `exact`: the best, proven; `none`: accuracy alone.
        designs: where they are given.
        looks: designs to look at.
        seed: of what is random.
        accuracy: whether it is wanted `always`, `never`, or where a design meets the specs.
        seconds: of an exact search.
    """

    trial: int
    networks: Networks
    hardware: Literal["given", "descend", "random", "exact", "none"]
    designs: tuple[Design, ...] = ()
    looks: int = 0
    seed: int = 0
    accuracy: Literal["always", "met", "never"] = "met"
    seconds: float = 60.0


@dataclass(frozen=True)
class Outcome:
    """What became of a proposal.

    Attributes:
        task: that was done.
        looked: designs with their costs, in the order in which they were looked at.
        best: number of the best of them, -1 where there is none.
        accuracies: by network, empty where they were not asked for.
        accuracy: weighted, None likewise.
        optimal: the best is proven to be the best hardware. infeasible: none meets the specs,
            proven. gap: how far the best may be from the best, relatively.
        note: why there are no designs.
        seconds: of work.
        remarks: what the user should know of the process that did it.
    """

    task: Task
    looked: tuple[tuple[Design, Costs], ...] = ()
    best: int = -1
    accuracies: dict[str, float] = field(default_factory=dict)
    accuracy: float | None = None
    optimal: bool = False
    infeasible: bool = False
    gap: float = 0.0
    note: str = ""
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()

    @property
    def design(self) -> Design | None:
        """The best one that was looked at; None where there is none."""
        return self.looked[self.best][0] if self.best >= 0 else None

    @property
    def costs(self) -> Costs | None:
        """Costs of `design`; None where there is none."""
        return self.looked[self.best][1] if self.best >= 0 else None


class Context:
    """A study in one process.

    Args:
        study: the file.
        folder: that keeps cost tables for other processes and later runs; None for memory alone.
    """

    def __init__(self, study: StudyFile, folder: str | os.PathLike[str] | None = None) -> None:
        self.study, self.folder = study, folder
        self._tables: dict[int, tuple[CostTables, ...]] = {}
        self._problems: OrderedDict[tuple[Networks, int], HardwareProblem] = OrderedDict()
        self._accuracies: dict[tuple[int, str], float] = {}

    # -- networks ----------------------------------------------------------------------------
    def networks(self, choices: Sequence[Choice]) -> Networks:
        """Keys of chosen networks."""
        pairs = zip(self.study.networks, choices, strict=True)
        return tuple(network.space.encode(choice) for network, choice in pairs)

    def choices(self, networks: Networks) -> list[Choice]:
        """What keys stand for."""
        pairs = zip(self.study.networks, networks, strict=True)
        return [network.space.decode(key) for network, key in pairs]

    def graphs(self, networks: Networks) -> list[LayerGraph]:
        """The layer graphs of networks by their keys, in the order of the study."""
        pairs = zip(self.study.networks, self.choices(networks), strict=True)
        return [network.space.build(choice) for network, choice in pairs]

    def named(self, networks: Networks) -> dict[str, str]:
        """Keys by the names of the study's networks."""
        return dict(zip((n.name for n in self.study.networks), networks, strict=True))

    def accuracy(self, networks: Networks) -> tuple[float | None, dict[str, float]]:
        """Weighted accuracy, and that of each network that has one; None where none has."""
        found: dict[str, float] = {}
        total = 0.0
        for number, (network, key) in enumerate(zip(self.study.networks, networks, strict=True)):
            if network.evaluator is None:
                continue
            if (number, key) not in self._accuracies:
                told = network.evaluator.evaluate(network.space, network.space.decode(key))
                self._accuracies[number, key] = told.value
            found[network.name] = self._accuracies[number, key]
            total += network.weight * found[network.name]
        return (total if found else None), found

    # -- hardware ----------------------------------------------------------------------------
    def tables(self, chip: int = 0) -> tuple[CostTables, ...]:
        """Of every sub-accelerator; those that are alike share one."""
        if chip not in self._tables:
            space, known = self.study.hardware, dict[int, CostTables]()
            found = []
            for number, sub in enumerate(space.subs):
                key = id(sub.alternatives)
                if key not in known:
                    options = build_options(space, number, chip)
                    known[key] = CostTables(options, self.study.settings, self.folder)
                found.append(known[key])
            self._tables[chip] = tuple(found)
        return self._tables[chip]

    def problem(self, networks: Networks, chip: int = 0) -> HardwareProblem:
        """The hardware sub-problem of chosen networks."""
        key = networks, chip
        problem = self._problems.get(key)
        if problem is None:
            problem = HardwareProblem(
                self.graphs(networks),
                self.study.hardware,
                self.tables(chip),
                self.study.goals,
                chip,
            )
            self._problems[key] = problem
            while len(self._problems) > _PROBLEMS:
                self._problems.popitem(last=False)
        return problem

    # -- proposals ---------------------------------------------------------------------------
    def evaluate(self, task: Task, goals: Goals | None = None) -> Outcome:
        """Do what a proposal asks for.

        Args:
            goals: of an exact search, in place of the study's.
        """
        begun = time.perf_counter()
        goals = goals or self.study.goals
        looked: list[tuple[Design, Costs]] = []
        note, optimal, infeasible, gap = "", False, False, 0.0
        try:
            if task.hardware == "exact":
                looked, optimal, infeasible, gap = self._exact(task, goals)
            else:
                looked = list(self._look(task))
        except NoMappingError as error:
            note, infeasible = str(error), True
        best = min(
            range(len(looked)), key=lambda n: (*goals.rank(looked[n][1]), looked[n][0]), default=-1
        )
        met = best >= 0 and goals.met(looked[best][1])
        accuracy, accuracies = None, dict[str, float]()
        if task.accuracy == "always" or (task.accuracy == "met" and met):
            accuracy, accuracies = self.accuracy(task.networks)
        return Outcome(
            task,
            tuple(looked),
            best,
            accuracies,
            accuracy,
            optimal,
            infeasible,
            gap,
            note,
            time.perf_counter() - begun,
            self.remarks(),
        )

    def remarks(self) -> tuple[str, ...]:
        """What the user should know: why the folder of cost tables is not used, say."""
        found = [table.notes for tables in self._tables.values() for table in tables]
        return tuple(dict.fromkeys(note for notes in found for note in notes))

    def _look(self, task: Task) -> Iterator[tuple[Design, Costs]]:
        if task.hardware == "given":
            for design in task.designs:
                costs = self.problem(task.networks, design.chip).evaluate(design)
                if costs is not None:
                    yield design, costs
            return
        if task.hardware == "none":
            return
        chips = self._chips(task.seed)
        for chip in chips:
            problem = self.problem(task.networks, chip)
            share = 1.0 if task.hardware == "random" else None
            looks = -(-task.looks // len(chips))
            yield from descend(problem, seed=task.seed, looks=looks, random_share=share)

    def _chips(self, seed: int) -> list[int]:
        count = self.study.hardware.chips
        if count <= _CHIPS:
            return list(range(count))
        random = np.random.default_rng((seed, count))
        return sorted(random.choice(count, _CHIPS, replace=False).tolist())

    def _exact(
        self, task: Task, goals: Goals
    ) -> tuple[list[tuple[Design, Costs]], bool, bool, float]:
        """The best of all chips, whether it is proven, whether there is none, and the gap."""
        found: list[tuple[Design, Costs]] = []
        optimal, infeasible, bound = True, True, float("inf")
        chips = range(self.study.hardware.chips)
        for chip in chips:
            solver = ExactHardware(
                self.problem(task.networks, chip).with_goals(goals),
                seconds=task.seconds / len(chips),
                seed=task.seed,
            )
            answer = solver.solve()
            infeasible &= answer.infeasible
            optimal &= answer.optimal or answer.infeasible
            bound = min(bound, answer.lower_bound)
            if solver.best is not None:
                found.append(solver.best[1:])
        if infeasible or not found:
            return found, False, infeasible, 0.0
        value = min(goals.rank(costs) for _, costs in found)
        gap = max(0.0, (value[1] - bound) / abs(value[1])) if value[1] else 0.0
        return found, optimal and value[0] == 0, False, gap
