"""Strategies whose networks Optuna samples, with hardware looked for anew for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, cast

from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler, RandomSampler, TPESampler

from ...frontend.errors import InputError
from ..context import Task
from ..spaces.space import Choice
from .strategy import Strategy


class _Sampled(Strategy):
    """One trial: networks of the sampler, and the best of `designs` that a local search finds, or
    with `hardware: exact` the best there is."""

    known: ClassVar[dict[str, Any]] = {"hardware": "descend"}

    def propose(self, trial: int, choices: Sequence[Choice] | None) -> Task:
        assert choices is not None
        return Task(
            trial,
            self.keys(choices),
            self.hardware(),
            looks=self.study.designs,
            seed=self.seed(trial),
        )

    def hardware(self) -> Literal["descend", "exact"]:
        """How it is looked for."""
        match self.options["hardware"]:
            case "descend" | "exact" as way:
                return cast(Literal["descend", "exact"], way)
            case other:
                raise InputError(
                    f"{self.study.path}: options: hardware: expected descend or exact, found "
                    f"{other!r}"
                )


class Random(_Sampled):
    """Networks and hardware at random."""

    name = "random"
    known: ClassVar[dict[str, Any]] = {}

    def sampler(self, seed: int) -> BaseSampler:
        """As `Strategy.sampler`: uniform."""
        return RandomSampler(seed=seed)

    def propose(self, trial: int, choices: Sequence[Choice] | None) -> Task:
        """As `Strategy.propose`: `designs` random looks at the hardware."""
        assert choices is not None
        return Task(
            trial, self.keys(choices), "random", looks=self.study.designs, seed=self.seed(trial)
        )


class Evolution(_Sampled):
    """NSGA-II (Deb et al. 2002) or NSGA-III (Deb and Jain 2014), with constraint domination."""

    name = "evolution"
    known: ClassVar[dict[str, Any]] = {"population": 20, "algorithm": "nsga2", **_Sampled.known}

    def sampler(self, seed: int) -> BaseSampler:
        """As `Strategy.sampler`: the genetic algorithm that is asked for, else an InputError."""
        population = self.options["population"]
        match self.options["algorithm"]:
            case "nsga2":
                return NSGAIISampler(population_size=population, seed=seed)
            case "nsga3":
                return NSGAIIISampler(population_size=population, seed=seed)
            case other:
                raise InputError(
                    f"{self.study.path}: options: algorithm: expected nsga2 or nsga3, found "
                    f"{other!r}"
                )


class Tpe(_Sampled):
    """Tree-structured Parzen estimator (Bergstra et al. 2011)."""

    name = "tpe"
    known: ClassVar[dict[str, Any]] = {"startup": 10, **_Sampled.known}

    def sampler(self, seed: int) -> BaseSampler:
        """As `Strategy.sampler`: TPE over all parameters at once."""
        return TPESampler(seed=seed, n_startup_trials=self.options["startup"], multivariate=True)


class GaussianProcess(_Sampled):
    """Bayesian optimisation with a Gaussian process."""

    name = "gp"
    known: ClassVar[dict[str, Any]] = {"startup": 10, **_Sampled.known}

    def sampler(self, seed: int) -> BaseSampler:
        """As `Strategy.sampler`; InputError without PyTorch and SciPy."""
        from optuna.samplers import GPSampler

        try:
            return GPSampler(seed=seed, n_startup_trials=self.options["startup"])
        except ImportError as error:
            raise InputError(
                "strategy gp: Optuna's Gaussian process needs PyTorch and SciPy; "
                "pip install 'chiploom[train]'"
            ) from error
