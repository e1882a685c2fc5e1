"""Strategies of co-search."""

from __future__ import annotations

from typing import Final

from .baselines import AsicThenNas, NasThenAsic
from .nasaic import Nasaic
from .sampled import Evolution, GaussianProcess, Random, Tpe
from .strategy import Strategy

#: By name. `exact` is not among them: it proposes nothing (`search.exact`).
STRATEGIES: Final[dict[str, type[Strategy]]] = {
    strategy.name: strategy
    for strategy in (Nasaic, Random, Evolution, Tpe, GaussianProcess, NasThenAsic, AsicThenNas)
}

__all__ = ["STRATEGIES", "Strategy"]
