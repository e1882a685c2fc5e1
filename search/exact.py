"""Strategy `exact`: the most accurate networks that meet the specs on some hardware, proven.

Where accuracies can be told for all networks in advance (tables, predictors), combinations of
networks are taken in the order of their accuracy, the most accurate first. Bounds on every single
design rule out most of those that are out of reach (`reach`), the exact hardware search the others;
the first one for which it finds a design is the optimum. Its hardware is then minimised to proven
optimality.

Of spaces of more than `candidates.BOUNDED` networks only some are looked at; what the others could
reach bounds the answer. Where time runs out before that, the best combination known to be feasible
is the answer, and the accuracy of the first one that was not ruled out bounds what could be
reached.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ..frontend.errors import InputError
from ..frontend.graph import Layer, LayerGraph
from .candidates import Candidates, candidates, in_order
from .context import Networks, Task
from .designs import EvaluatedDesign
from .fill_tables import Wanted, fill_tables
from .goals import Goals, Metric
from .hardware.exact import Answer, ExactHardware, closest
from .hardware.space import Design
from .hardware.tables import LayerKey
from .reach import Reach
from .study import Study
from .verify import check

Reals = npt.NDArray[np.float64]

#: Share of the time that the proof of the final hardware may take.
FINAL: Final = 0.3
#: Seconds that one feasibility question may take.
QUESTION: Final = 60.0
#: Designs that are looked at in one go, and of them those whose networks are tried.
SAMPLED: Final = 2_000
TRIED: Final = 100
#: How far within the specs the bounds of what is tried are, round by round.
CLOSER: Final = (0.9, 0.95, 0.97, 0.98, 0.99, 1.0)
#: Combinations within reach of one design that are listed at most.
MOST_OF_ONE: Final = 100_000
#: Times that specs are tightened for a design that misses them when executed.
ATTEMPTS: Final = 4
#: Seconds where the study sets none.
SECONDS: Final = 900.0

Say = Callable[[str], None]


def is_chain(graph: LayerGraph) -> bool:
    """Whether every layer depends on the one before it."""
    names = [layer.name for layer in graph.layers]
    return all(graph.dag.has_edge(a, b) for a, b in itertools.pairwise(names))


class ExactStudy:
    """One run of strategy `exact`; what it finds is told to the study.

    Attributes:
        proven: the best design is the best there is: no combination is more accurate, and none of
            its designs has a smaller value. infeasible: nothing meets the specs, proven.
        unreachable: then, as of `run.Ending`.
        notes: what is proven of what was left.
    """

    def __init__(
        self,
        study: Study,
        seconds: float | None,
        workers: int,
        folder: Path | None,
        say: Say,
    ) -> None:
        self.study, self.context, self.say = study, study.context, say
        self.workers, self.folder = workers, folder
        self.seconds = SECONDS if seconds is None else seconds
        self.until = time.perf_counter() + self.seconds
        self.proven = self.infeasible = False
        self.unreachable: tuple[tuple[Metric, float, float], ...] = ()
        self.notes: list[str] = []
        self.unbounded = -np.inf  # no combination is above this, where time ended the bounds
        self.dropped = -np.inf  # no combination with a network that was left out is above this

    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.until - time.perf_counter())

    def run(self) -> None:
        """Until the optimum is proven, or time is up."""
        if self.study.file.options:
            raise InputError(
                f"{self.study.file.path}: options: strategy exact has no option "
                f"{', '.join(sorted(self.study.file.options))}; expected none"
            )
        found = [candidates(network) for network in self.study.file.networks]
        lists = [one for one in found if one is not None]
        self.dropped = max(
            (one.dropped + sum(float(o.accuracy[0]) for o in lists if o is not one)
             for one in lists),
            default=-np.inf,
        )  # fmt: skip
        if len(lists) < len(found):
            names = [
                network.name
                for network, one in zip(self.study.file.networks, found, strict=True)
                if one is None
            ]
            raise InputError(
                f"{self.study.file.path}: strategy exact: expected accuracies that are known in "
                f"advance (table, predictor, constant), found none for {', '.join(names)}; take "
                "another strategy with `options: {hardware: exact}`, such as tpe"
            )
        fixed = all(len(one.keys) == 1 for one in lists)
        if fixed:
            networks = tuple(one.keys[0] for one in lists)
            graphs = enumerate(self.context.graphs(networks))
            self._cost(
                [(n, networks[n], layer, graph) for n, graph in graphs for layer in graph.layers]
            )
            self._finish(networks, self.left())
            return
        self._search(lists)

    # -- networks ----------------------------------------------------------------------------
    def _search(self, lists: list[Candidates]) -> None:
        """The most accurate combination that stands, and what is proven of the others."""
        reach = self._reach(lists)
        incumbent = None if reach is None else self._incumbent(lists, reach)
        until = self.until - (FINAL * self.seconds if incumbent is not None else 0.0)
        if reach is None:
            combinations = in_order([one.accuracy for one in lists])
        else:
            combinations = self._within_reach(reach, incumbent)
        tested = refused = 0
        open_: float | None = None  # accuracy from which on the proof has a hole
        stands = False
        for accuracy, places in combinations:
            networks = _keys(lists, places)
            if accuracy < self.dropped and open_ is None:
                open_ = self.dropped  # of networks that were left out
            if time.perf_counter() > until:
                open_ = accuracy if open_ is None else open_
                break
            tested += 1
            self.say(f"{tested} combinations tested")
            if incumbent is None or networks != _keys(lists, incumbent[1]):
                answer = self._feasible(networks)
                if answer.design is None:
                    if not answer.infeasible and open_ is None:
                        open_ = accuracy
                    continue
            stands = self._finish(networks, self.left())
            if stands:
                break
            refused += 1
        if self.unbounded > -np.inf:
            open_ = self.unbounded
        elif open_ is None and not stands and self.dropped > -np.inf:
            open_ = self.dropped
        if not stands and incumbent is not None and open_ is not None:
            stands = self._finish(_keys(lists, incumbent[1]), self.left())
        self.notes.append(f"{tested} combinations of networks tested on all designs")
        self._conclude(stands, open_, refused, lists)

    def _reach(self, lists: list[Candidates]) -> Reach | None:
        """None where it says nothing: other specs alone, many machines, many networks, or chips."""
        specs, hardware = self.study.file.goals.specs, self.study.file.hardware
        few = len(hardware.subs) <= 2 and len(lists) <= 2 and hardware.chips == 1
        if not few or not {"latency", "energy"} & set(specs):
            return None
        self.say("layers of all networks")
        numbers: dict[LayerKey, int] = {}
        examples: list[tuple[Layer, LayerGraph]] = []
        jobs: list[Wanted] = []
        networks, chains = [], []
        for place, one in enumerate(lists):
            mine, chain = [], True
            for key, graph in zip(one.keys, self._graphs(place, one.keys), strict=True):
                layers = []
                for layer in graph.layers:
                    mark = LayerKey.of(layer, graph)
                    if mark not in numbers:
                        numbers[mark] = len(examples)
                        examples.append((layer, graph))
                        jobs.append((place, key, layer, graph))
                    layers.append(numbers[mark])
                chain &= is_chain(graph)
                mine.append(layers)
            networks.append(mine)
            chains.append(chain)
        self._cost(jobs)
        return Reach(
            hardware,
            self.context.tables(),
            self.study.file.goals,
            examples,
            networks,
            chains,
            [one.accuracy for one in lists],
        )

    def _graphs(self, place: int, keys: Sequence[str]) -> Iterator[LayerGraph]:
        space = self.study.file.networks[place].space
        for key in keys:
            yield space.build(space.decode(key))

    def _incumbent(
        self, lists: list[Candidates], reach: Reach
    ) -> tuple[float, tuple[int, ...]] | None:
        """The most accurate combination found to meet the specs: on random designs, those that
        are well within reach, and in later rounds those just within, above the best so far."""
        random = np.random.default_rng(self.study.file.seed)
        best: tuple[float, tuple[int, ...]] | None = None
        for limit in CLOSER:
            self.say("a first combination" if best is None else f"{best[0]:.4f} is reached")
            count = min(SAMPLED, len(reach.first))
            rows = random.choice(len(reach.first), count, replace=False)
            known = -np.inf if best is None else best[0]
            found, chosen = reach.best(known, limit, rows)
            for number in np.argsort(-found, kind="stable")[:TRIED]:
                known = -np.inf if best is None else best[0]
                if not np.isfinite(found[number]) or found[number] <= known:
                    break
                places = tuple(chosen[number].tolist())[: len(lists)]
                problem = self.context.problem(_keys(lists, places))
                costs = problem.evaluate(reach.design(int(rows[number])))
                if costs is not None and self.study.file.goals.met(costs):
                    best = float(found[number]), places
        return best

    def _within_reach(
        self, reach: Reach, incumbent: tuple[float, tuple[int, ...]] | None
    ) -> Iterator[tuple[float, tuple[int, ...]]]:
        """Combinations that some design has within reach, the most accurate first, each once; the
        incumbent last, since what is less accurate does not matter."""
        threshold = -np.inf if incumbent is None else incumbent[0]
        count = len(self.study.file.networks)
        heap: list[tuple[float, int]] = []
        for at in range(0, len(reach.first), SAMPLED):
            self.say(f"bounds of {at} of {len(reach.first)} designs")
            rows = np.arange(at, min(at + SAMPLED, len(reach.first)))
            found, _ = reach.best(threshold, rows=rows)
            heap += [(-float(f), int(r)) for f, r in zip(found, rows, strict=True) if f > threshold]
            if time.perf_counter() > self.until - FINAL * self.seconds:
                self.unbounded = reach.largest  # what the designs left could reach is not known
                if incumbent is not None:
                    yield incumbent
                return
        heapq.heapify(heap)
        done: set[tuple[int, ...]] = set()
        while heap:
            negative, pair = heapq.heappop(heap)
            left = [
                (accuracy, (i, j)[:count])
                for accuracy, i, j in reach.combinations(pair, threshold, MOST_OF_ONE)
                if (i, j)[:count] not in done
            ]
            if not left:
                continue
            if left[0][0] < -negative:
                heapq.heappush(heap, (-left[0][0], pair))
                continue
            done.add(left[0][1])
            heapq.heappush(heap, (-left[0][0], pair))
            yield left[0]
        if incumbent is not None:
            yield incumbent

    def _conclude(
        self, stands: bool, open_: float | None, refused: int, lists: list[Candidates]
    ) -> None:
        """What is proven, and what is not."""
        if refused:
            self.notes.append(
                f"{refused} more accurate combinations meet the specs in the search's model and "
                "miss them when executed cycle by cycle"
            )
        if open_ is not None:
            self.proven = False
            self.notes.append(
                f"not proven best: networks of an accuracy of up to {open_:.4f} are not ruled out"
            )
        elif not stands and not refused:
            self.infeasible = True
            self._explain(lists)
        self.proven &= not refused

    # -- hardware ----------------------------------------------------------------------------
    def _feasible(self, networks: Networks) -> Answer:
        """Any design that meets the specs, over all chips."""
        seconds = min(QUESTION, self.left())
        answers = []
        chips = range(self.study.file.hardware.chips)
        for chip in chips:
            problem = self.context.problem(networks, chip)
            solver = ExactHardware(problem, seconds=seconds / len(chips), seed=self.study.file.seed)
            answers.append(solver.solve(feasible_only=True))
            if answers[-1].design is not None:
                return answers[-1]
        undecided = [answer for answer in answers if not answer.infeasible]
        return undecided[0] if undecided else answers[0]

    def _finish(self, networks: Networks, seconds: float) -> bool:
        """Minimise the hardware of the chosen networks, tell the study, and check the design;
        whether it stands.

        Where the design misses a spec when it is executed, the specs are tightened by as much. That
        may not be enough to find another one: what the check cannot confirm, say, misses nothing.
        """
        goals, proven = self.study.file.goals, True
        refused: set[Design] = set()
        begun = time.perf_counter()
        for attempt in range(ATTEMPTS):
            self.say("hardware of the best networks")
            left = max(10.0, seconds - (time.perf_counter() - begun))
            outcome = self.context.evaluate(
                Task(0, networks, "exact", seed=self.study.file.seed, seconds=left), goals
            )
            if outcome.infeasible and attempt == 0:
                self.infeasible = True
                self._closest(networks)
            if outcome.costs is None or not self.study.file.goals.met(outcome.costs):
                return False
            assert outcome.design is not None
            if outcome.design in refused:
                return False
            refused.add(outcome.design)
            trial, _ = self.study.ask()
            number = self.study.tell(
                trial, replace(outcome, optimal=outcome.optimal and proven), {}
            )
            self.proven = outcome.optimal and proven
            if not outcome.optimal:
                self.notes.append(
                    f"hardware: at most {outcome.gap:.2%} from the best, which is not proven"
                )
            check(self.study, self.study.store.get(number))
            checked = self.study.store.get(number)
            if checked.checked_ok:
                return True
            goals, proven = _tightened(goals, checked), False
            self.notes.append(f"design {number} misses the specs when executed; they are tightened")
        return False

    def _explain(self, lists: list[Candidates]) -> None:
        """What the cheapest networks could reach."""
        fewest = [
            min(
                one.keys,
                key=lambda key: network.space.build(network.space.decode(key)).macs,
            )
            for one, network in zip(lists, self.study.file.networks, strict=True)
        ]
        self._closest(tuple(fewest))

    def _closest(self, networks: Networks) -> None:
        problem = self.context.problem(networks)
        self.unreachable = tuple(closest(problem, max(30.0, self.left())))

    def _cost(self, wanted: Sequence[Wanted]) -> None:
        """Fill the folder of cost tables; without one, or with one worker, tables fill as asked."""
        if self.folder is not None and self.workers > 1:
            self.notes += fill_tables(self.context, wanted, self.folder, self.workers, self.say)


def _tightened(goals: Goals, design: EvaluatedDesign) -> Goals:
    """Specs less what the execution of a design took more than its model."""
    ratios: dict[Metric, float] = {
        "latency": (design.checked_cycles or 0) / design.cycles,
        "energy": (design.checked_energy_pj or 0.0) / design.energy_pj,
    }
    specs = {
        metric: spec / max(1.0, ratios.get(metric, 1.0)) for metric, spec in goals.specs.items()
    }
    return replace(goals, specs=specs)


def _keys(lists: Sequence[Candidates], places: Sequence[int]) -> Networks:
    return tuple(one.keys[place] for one, place in zip(lists, places, strict=True))
