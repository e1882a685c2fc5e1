"""What co-search is compared with: networks first, or hardware first (NASAIC, section V)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from ...frontend.errors import InputError
from ..context import Context, Networks, Outcome, Task
from ..goals import Costs, Goals
from ..hardware.descent import sample
from ..hardware.space import Design
from ..spaces.space import Choice
from .strategy import Strategy


class NasThenAsic(Strategy):
    """Networks by accuracy alone; then, in the last trial, hardware for the best of them.

    The hardware search sees the specs, but the networks are what they are.
    """

    name = "nas-then-asic"
    known: ClassVar[dict[str, Any]] = {"startup": 10, "hardware": "descend", "designs": 10_000}

    def __init__(self, context: Context, most: int | None = None) -> None:
        super().__init__(context, most)
        self.best: tuple[float, Networks] | None = None

    def sampler(self, seed: int) -> BaseSampler:
        """As `Strategy.sampler`: TPE, which looks for accuracy alone."""
        return TPESampler(seed=seed, n_startup_trials=self.options["startup"], multivariate=True)

    def propose(self, trial: int, choices: Sequence[Choice] | None) -> Task:
        """As `Strategy.propose`: networks alone; in the last trial hardware for the best."""
        assert choices is not None
        if self.most is None:
            raise InputError(
                f"{self.study.path}: strategy {self.name}: expected a number of trials (`budget`, "
                "or --trials), since the last one is for the hardware"
            )
        if trial >= self.most - 1 and self.best is not None:
            return Task(
                trial,
                self.best[1],
                self.options["hardware"],
                looks=self.options["designs"],
                seed=self.seed(trial),
                accuracy="always",
            )
        return Task(trial, self.keys(choices), "none", accuracy="always")

    def at_once(self, trial: int, count: int) -> int:
        """The last trial waits for all others: one of them may be the most accurate."""
        return count if self.most is None else max(1, min(count, self.most - 1 - trial))

    def told(self, outcome: Outcome) -> None:
        """As `Strategy.told`: keeps the most accurate networks."""
        self._learn(outcome.accuracy, outcome.task.networks)

    def replay(self, trial: FrozenTrial, notes: dict[str, Any]) -> None:
        """As `Strategy.replay`."""
        self._learn(notes["accuracy"], tuple(notes["networks"]))

    def notes(self, outcome: Outcome) -> dict[str, Any]:
        """As `Strategy.notes`: accuracy and networks."""
        return {"accuracy": outcome.accuracy, "networks": list(outcome.task.networks)}

    def _learn(self, accuracy: float | None, networks: Networks) -> None:
        if accuracy is not None and (self.best is None or accuracy > self.best[0]):
            self.best = accuracy, networks


class AsicThenNas(Strategy):
    """Hardware first: of random networks on random designs, the design that uses most of what the
    specs allow and meets them; then networks for that design (hardware-aware NAS).
    """

    name = "asic-then-nas"
    known: ClassVar[dict[str, Any]] = {"startup": 10, "designs": 10_000, "networks": 10}

    def __init__(self, context: Context, most: int | None = None) -> None:
        super().__init__(context, most)
        self.design: Design | None = None

    def sampler(self, seed: int) -> BaseSampler:
        """As `Strategy.sampler`: TPE over the networks."""
        return TPESampler(seed=seed, n_startup_trials=self.options["startup"], multivariate=True)

    def propose(self, trial: int, choices: Sequence[Choice] | None) -> Task:
        """As `Strategy.propose`: every trial on the one design that was chosen first."""
        assert choices is not None
        if self.design is None:
            self.design = self._chosen()
        return Task(trial, self.keys(choices), "given", designs=(self.design,))

    def _chosen(self) -> Design:
        """By Monte Carlo, as NASAIC's baseline does."""
        random = np.random.default_rng((self.study.seed, 1))
        goals, context = self.study.goals, self.context
        count = max(1, self.options["networks"])
        ranked: list[tuple[tuple[float, float], Design]] = []
        for _ in range(count):
            choices = [network.space.sample(random) for network in self.study.networks]
            networks = context.networks(choices)
            for _ in range(-(-self.options["designs"] // count)):
                chip = int(random.integers(self.study.hardware.chips))
                problem = context.problem(networks, chip)
                design = sample(problem, random)
                costs = problem.evaluate(design)
                if costs is not None:
                    ranked.append(((goals.penalty(costs), -_used(goals, costs)), design))
        return min(ranked)[1]


def _used(goals: Goals, costs: Costs) -> float:
    """Mean share of the specs that a design takes."""
    shares = [costs.of(metric) / spec for metric, spec in goals.specs.items()]
    return float(np.mean(shares)) if shares else 0.0
