"""Strategy `exact`: the most accurate networks that meet the specs on some hardware, proven.

Where accuracies can be told for all networks in advance (tables, predictors), combinations of
networks are taken in the order of their accuracy, the most accurate first. Bounds rule out most of
those that are out of reach (`network_bounds`), the exact hardware search the others; the first one
for which it finds a design is the optimum. Its hardware is then minimised to proven optimality.

Where time runs out before that, the best combination known to be feasible is the answer, and the
accuracy of the first one that was not ruled out bounds what could be reached.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ..frontend.errors import InputError
from ..frontend.graph import ComputeLayer, Layer, LayerGraph
from .context import Context, Networks, Task
from .designs import EvaluatedDesign
from .engines import begin_worker, worker_context
from .evaluators import Evaluator, PredictorEvaluator, TableEvaluator
from .goals import Goals, Metric
from .hardware.exact import Answer, ExactHardware, closest
from .network_bounds import NetworkBounds
from .spaces.space import ChoiceError, Space
from .study import Study
from .study_accuracy import WholeSpaceEvaluator
from .study_file import NetworkStudy
from .verify import check

Reals = npt.NDArray[np.float64]

#: Networks of one task at most whose accuracies are all told in advance.
MOST: Final = 200_000
#: Share of the time that the proof of the final hardware may take.
FINAL: Final = 0.3
#: Seconds that one feasibility question may take.
QUESTION: Final = 60.0
#: Times that specs are tightened for a design that misses them when executed.
ATTEMPTS: Final = 4
#: Seconds where the study sets none.
SECONDS: Final = 900.0

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Candidates:
    """All networks of one task, the most accurate first.

    Attributes:
        keys: of the choices. accuracy: (keys,), weighted.
    """

    keys: tuple[str, ...]
    accuracy: Reals


def candidates(network: NetworkStudy) -> Candidates | None:
    """None where their accuracies cannot be told in advance."""
    space, evaluator = network.space, network.evaluator
    if space.size == 1 and evaluator is None:
        (choice,) = space.choices()
        return Candidates((space.encode(choice),), np.zeros(1))
    if evaluator is None or space.size > MOST:
        return None
    inner, whole = _inside(evaluator, space)
    if isinstance(inner, TableEvaluator):
        keys = [key for key in inner.entries if _is_choice(space, key)]
        accuracy = np.array([inner.entries[key].accuracy for key in keys])
    elif isinstance(inner, PredictorEvaluator):
        choices = list(space.choices())
        keys = [space.encode(choice) for choice in choices]
        accuracy = np.clip(inner.predict(whole, choices)[0], 0, 1)
    else:
        return None
    if not keys:
        raise InputError(
            f"network {network.name}: expected accuracies of networks that the study allows, found "
            "none in the table"
        )
    order = np.lexsort((np.array(keys), -accuracy))
    return Candidates(tuple(keys[n] for n in order), network.weight * accuracy[order])


def _inside(evaluator: Evaluator, space: Space) -> tuple[Evaluator, Space]:
    if isinstance(evaluator, WholeSpaceEvaluator):
        return evaluator.evaluator, evaluator.whole
    return evaluator, space


def _is_choice(space: Space, key: str) -> bool:
    try:
        space.validate(space.decode(key))
    except ChoiceError:
        return False
    return True


def in_order(values: Sequence[Reals]) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Every combination of places, the largest sum of values first; each list falls."""
    start = tuple(0 for _ in values)
    heap = [(-sum(float(v[0]) for v in values), start)]
    seen = {start}
    while heap:
        total, places = heapq.heappop(heap)
        yield -total, places
        for n, value in enumerate(values):
            if places[n] + 1 < len(value):
                moved = (*places[:n], places[n] + 1, *places[n + 1 :])
                if moved not in seen:
                    seen.add(moved)
                    found = sum(float(v[p]) for v, p in zip(values, moved, strict=True))
                    heapq.heappush(heap, (-found, moved))


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

    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.until - time.perf_counter())

    def run(self) -> None:
        """Until the optimum is proven, or time is up."""
        found = [candidates(network) for network in self.study.file.networks]
        lists = [one for one in found if one is not None]
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
            self.prepare([(networks, self.context.graphs(networks))])
            self._finish(networks, self.left())
            return
        self._search(lists)

    # -- networks ----------------------------------------------------------------------------
    def _search(self, lists: list[Candidates]) -> None:
        bounds = self._bounds(lists)
        if bounds is not None:
            lists, rows = self._possible(lists, bounds)
        else:
            rows = [list(range(len(one.keys))) for one in lists]
        if not all(len(one.keys) for one in lists):
            self.infeasible = True
            return
        self._descend(lists, rows, bounds)

    def _descend(
        self, lists: list[Candidates], rows: list[list[int]], bounds: NetworkBounds | None
    ) -> None:
        """Down the order of accuracies to the first combination that stands."""
        incumbent = self._incumbent(lists, rows, bounds)
        until = self.until - (FINAL * self.seconds if incumbent is not None else 0.0)
        tested = ruled = refused = 0
        open_: float | None = None  # accuracy from which on the proof has a hole
        stands = False
        for accuracy, places in in_order([one.accuracy for one in lists]):
            networks = _keys(lists, places)
            if time.perf_counter() > until:
                open_ = accuracy if open_ is None else open_
                break
            tested += 1
            numbers = [row[p] for row, p in zip(rows, places, strict=True)]
            if bounds is not None and not bounds.possible(numbers):
                ruled += 1
                continue
            if incumbent is None or networks != incumbent[1]:
                answer = self._feasible(networks)
                if answer.design is None:
                    if not answer.infeasible and open_ is None:
                        open_ = accuracy
                    self.say(f"{tested} combinations tested, {ruled} ruled out by bounds alone")
                    continue
            stands = self._finish(networks, self.left())
            if stands:
                break
            refused += 1
        if not stands and incumbent is not None and open_ is not None:
            stands = self._finish(incumbent[1], self.left())
        self.notes.append(
            f"{tested} combinations of networks tested, {ruled} of them ruled out by bounds alone"
        )
        self._conclude(stands, open_, refused, lists)

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
                "not proven best: networks of an accuracy of up to "
                f"{open_:.4f} are not ruled out; time ran out"
            )
        elif not stands and not refused:
            self.infeasible = True
            self._explain(lists)
        self.proven &= not refused

    def _bounds(self, lists: list[Candidates]) -> NetworkBounds | None:
        """None where bounds say nothing: no specs of latency and energy, or many machines."""
        specs, hardware = self.study.file.goals.specs, self.study.file.hardware
        graphs = [self._graphs(place, one.keys) for place, one in enumerate(lists)]
        if len(hardware.subs) > 2 or hardware.chips > 1 or not {"latency", "energy"} & set(specs):
            return None
        self.say("layers of all networks")
        return NetworkBounds(
            hardware,
            self.context.tables(),
            self.study.file.goals,
            graphs,
            lambda examples: self._prepare_examples(lists, examples),
        )

    def _graphs(self, place: int, keys: Sequence[str]) -> Iterator[LayerGraph]:
        space = self.study.file.networks[place].space
        for key in keys:
            yield space.build(space.decode(key))

    def _possible(
        self, lists: list[Candidates], bounds: NetworkBounds
    ) -> tuple[list[Candidates], list[list[int]]]:
        """Candidates that may meet the specs beside the cheapest others, and their numbers."""
        left, rows = [], []
        for place, one in enumerate(lists):
            kept = np.flatnonzero(bounds.alone(place))
            left.append(Candidates(tuple(one.keys[n] for n in kept), one.accuracy[kept]))
            rows.append(kept.tolist())
            self.notes.append(
                f"{self.study.file.networks[place].name}: {len(kept)} of {len(one.keys)} networks "
                "may meet the specs"
            )
        return left, rows

    def _incumbent(
        self, lists: list[Candidates], rows: list[list[int]], bounds: NetworkBounds | None
    ) -> tuple[float, Networks] | None:
        """A combination that meets the specs, found by leaps down the order.

        It is what is left where time runs out, and ends the search from above.
        """
        order = in_order([one.accuracy for one in lists])
        leap, count, seen = 1, 0, 0
        for accuracy, places in order:
            count += 1
            if self.left() < 0.7 * self.seconds or seen > 400_000:
                return None
            seen += 1
            if bounds is not None and not bounds.possible(
                [row[p] for row, p in zip(rows, places, strict=True)]
            ):
                continue
            if count < leap:
                continue
            leap = max(count + 1, int(1.5 * count))
            networks = _keys(lists, places)
            outcome = self.context.evaluate(
                Task(0, networks, "descend", looks=600, seed=self.study.file.seed, accuracy="never")
            )
            if outcome.costs is not None and self.study.file.goals.met(outcome.costs):
                return accuracy, networks
        return None

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

        Where the design misses a spec when it is executed, the specs are tightened by as much.
        """
        goals, proven = self.study.file.goals, True
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

    # -- cost tables -------------------------------------------------------------------------
    def prepare(self, pairs: Sequence[tuple[Networks, Sequence[LayerGraph]]]) -> None:
        """Cost the layers of networks, on several processes."""
        jobs = []
        for networks, graphs in pairs:
            for place, graph in enumerate(graphs):
                jobs += [(place, networks[place], layer, graph) for layer in graph.layers]
        self._cost(jobs)

    def _prepare_examples(
        self, lists: list[Candidates], examples: Sequence[tuple[int, int, Layer, LayerGraph]]
    ) -> None:
        self._cost(
            [(place, lists[place].keys[n], layer, graph) for place, n, layer, graph in examples]
        )

    def _cost(self, jobs: Sequence[tuple[int, str, Layer, LayerGraph]]) -> None:
        """Fill the folder of cost tables; without one, or with one worker, tables fill as asked."""
        if self.folder is None or self.workers < 2:
            return
        wanted: list[_Job] = []
        seen: set[tuple[int, int, str]] = set()
        for chip in range(self.study.file.hardware.chips):
            for number, table in enumerate(self.context.tables(chip)):
                if table in self.context.tables(chip)[:number]:
                    continue
                for place, key, layer, graph in jobs:
                    if not isinstance(layer, ComputeLayer):
                        continue
                    for group in table.absent(layer, graph):
                        mark = (number, group, table.mark(layer, graph))
                        if mark not in seen:
                            seen.add(mark)
                            wanted.append(_Job(place, key, layer.name, chip, number, group))
        if not wanted:
            return
        file = self.study.file
        with ProcessPoolExecutor(
            self.workers,
            mp_context=get_context("spawn"),
            initializer=begin_worker,
            initargs=(file.text, str(file.path), file.base, self.folder),
        ) as pool:
            for done, _ in enumerate(pool.map(_cost_layer, wanted, chunksize=4), start=1):
                if done % 8 == 0 or done == len(wanted):
                    self.say(f"costs of layers: {done} of {len(wanted)}")


@dataclass(frozen=True, slots=True)
class _Job:
    """One layer on one group of options."""

    place: int
    key: str
    layer: str
    chip: int
    sub: int
    group: int


def _cost_layer(job: _Job) -> None:
    context: Context = worker_context()
    space = context.study.networks[job.place].space
    graph = space.build(space.decode(job.key))
    layer = next(layer for layer in graph.layers if layer.name == job.layer)
    context.tables(job.chip)[job.sub].group_costs(job.group, layer, graph)


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
