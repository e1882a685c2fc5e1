"""Design specs, and what is optimised within them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Metric = Literal["latency", "energy", "area"]

#: What hardware costs: cycles, pJ, mm².
METRICS: Final[tuple[Metric, ...]] = ("latency", "energy", "area")
UNITS: Final[dict[Metric, str]] = {"latency": "cycles", "energy": "pJ", "area": "mm²"}


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one accelerator with the networks of a study: cycles until all end, pJ, mm²."""

    cycles: int
    energy_pj: float
    area_mm2: float

    def of(self, metric: Metric) -> float:
        """One of the three by the name that specs give it: cycles, pJ, mm²."""
        return {"latency": float(self.cycles), "energy": self.energy_pj, "area": self.area_mm2}[
            metric
        ]


@dataclass(frozen=True)
class Goals:
    """Specs that a design has to meet, and which of those that do is the best hardware.

    Attributes:
        specs: most that each metric may be: cycles, pJ, mm². A metric without one is free.
        weights: of the metrics in the value that hardware minimises, as a sum of weight x metric /
            scale; a metric's scale is its spec, or what `scales` says.
        scales: units of the metrics in the value, where they have no spec.
        bounds: where the penalty of NASAIC is 1: (metric - spec) / (bound - spec). Twice the spec
            where not given, so that it is the relative excess.
        rho: weight of the penalty in the reward.
        resources: of an FPGA, most that a design may take of each; no design that takes more, or
            more than the device has, is ever looked at.
    """

    specs: Mapping[Metric, float] = field(default_factory=dict)
    weights: Mapping[Metric, float] = field(default_factory=lambda: {"energy": 1.0})
    scales: Mapping[Metric, float] = field(default_factory=dict)
    bounds: Mapping[Metric, float] = field(default_factory=dict)
    rho: float = 10.0
    resources: Mapping[str, float] = field(default_factory=dict)

    def spec(self, metric: Metric) -> float:
        """Infinite where the metric is free."""
        return self.specs.get(metric, math.inf)

    def weight(self, metric: Metric) -> float:
        """Of one cycle, pJ or mm² in the value."""
        scale = self.specs.get(metric, self.scales.get(metric, 1.0))
        return self.weights.get(metric, 0.0) / scale

    def value(self, costs: Costs) -> float:
        """What hardware minimises among designs that meet the specs."""
        return sum(self.weight(metric) * costs.of(metric) for metric in METRICS)

    def penalty(self, costs: Costs) -> float:
        """Sum over the specs of how far they are missed; 0 where all are met."""
        total = 0.0
        for metric, spec in self.specs.items():
            excess = costs.of(metric) - spec
            if excess > 0:
                total += excess / (self.bounds.get(metric, 2 * spec) - spec)
        return total

    def met(self, costs: Costs) -> bool:
        """Whether all specs are met."""
        return all(costs.of(metric) <= spec for metric, spec in self.specs.items())

    def missed(self, costs: Costs) -> list[Metric]:
        """The specs that are not met."""
        return [metric for metric, spec in self.specs.items() if costs.of(metric) > spec]

    def rank(self, costs: Costs) -> tuple[float, float]:
        """Orders hardware for the same networks: smaller is better, specs before the value."""
        return self.penalty(costs), self.value(costs)

    def reward(self, accuracy: float, costs: Costs) -> float:
        """NASAIC's: weighted accuracy less the penalty (equation 4 of the paper)."""
        return accuracy - self.rho * self.penalty(costs)
