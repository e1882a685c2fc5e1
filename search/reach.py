"""The most accurate networks that a design may run within the specs, for every design.

A design that meets the specs L and E has, for every price nu of energy, lambda of the loads of its
machines and kappa of the lengths of networks that are chains, with nu + sum(lambda) + sum(kappa)
= 1,

    nu energy / E + sum of lambda_m load_m / L + sum of kappa_n length_n / L <= 1,

and the least value of the left side over assignments is a sum over layers. So a few sums per
network, design and set of prices tell of a combination of networks that it is out of a design's
reach. Tensors are taken to stay on chip wherever that is cheaper.

Networks are sorted by accuracy, so the most accurate combination whose sums stay within 1 at every
price is found by a scan that ends early; a threshold (the accuracy of a combination that is known
to meet the specs) ends most scans at once. No design is left out: what is above the threshold
nowhere is not within reach. What passes may still be out of reach: `exact` decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numba as nb
import numpy as np
import numpy.typing as npt

from ..frontend.graph import Layer, LayerGraph
from ..simulator.layers import tensor_bits
from .compiled import compiled
from .goals import Goals
from .hardware.duals import HUGE
from .hardware.space import Design, HardwareSpace
from .hardware.tables import CostTables

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: Price of energy, of loads, share of the first machine in that, and prices of the lengths.
PRICES: Final = (
    (1.0, 0.0, 0.5, 0.0, 0.0), (0.0, 1.0, 0.5, 0.0, 0.0), (0.0, 1.0, 0.2, 0.0, 0.0),
    (0.0, 1.0, 0.8, 0.0, 0.0), (0.0, 0.0, 0.5, 1.0, 0.0), (0.0, 0.0, 0.5, 0.0, 1.0),
    (0.5, 0.5, 0.5, 0.0, 0.0), (0.5, 0.0, 0.5, 0.0, 0.5), (0.5, 0.0, 0.5, 0.5, 0.0),
    (0.25, 0.0, 0.5, 0.0, 0.75), (0.25, 0.0, 0.5, 0.75, 0.0), (0.75, 0.0, 0.5, 0.0, 0.25),
    (0.4, 0.3, 0.5, 0.0, 0.3), (0.4, 0.3, 0.5, 0.3, 0.0), (0.2, 0.4, 0.5, 0.0, 0.4),
)  # fmt: skip
#: Relative rounding errors of the sums.
MARGIN: Final = 1 + 1e-9


class Reach:
    """Bounds of networks on single designs.

    Args:
        space: of hardware, with one or two sub-accelerators.
        tables: of them. goals: with a spec of latency or energy.
        examples: one (layer, graph) for every layer that costs differently.
        networks: of each of one or two tasks, the layers of every network by their numbers.
        chains: of each, whether all layers of every network depend on the one before.
        accuracy: likewise, falling.

    Attributes:
        first, second: (pairs,) options of every design within totals and area; `second` is -1 for
            all where there is one sub-accelerator.
    """

    def __init__(
        self,
        space: HardwareSpace,
        tables: Sequence[CostTables],
        goals: Goals,
        examples: Sequence[tuple[Layer, LayerGraph]],
        networks: Sequence[Sequence[Sequence[int]]],
        chains: Sequence[bool],
        accuracy: Sequence[Reals],
    ) -> None:
        self.tables, self.goals = tables, goals
        self._chains = [*chains, False][:2]
        self._pair(space)
        costs = [self._costs(table, examples) for table in tables]
        none = np.full((1, len(examples)), HUGE)
        self._energy = [one[0] for one in costs] + [none] * (2 - len(costs))
        self._cycles = [one[1] for one in costs] + [none] * (2 - len(costs))
        lists = [_packed(mine) for mine in networks]
        values = [np.asarray(one, np.float64) for one in accuracy]
        if len(lists) == 1:
            lists.append(_packed([[]]))
            values.append(np.zeros(1))
        self._lists, self._accuracy = lists, values
        self._prices = self._scaled()

    def _pair(self, space: HardwareSpace) -> None:
        options = [table.options for table in self.tables]
        first = np.flatnonzero(options[0].legal)
        alone = len(options) == 1
        second = np.array([-1]) if alone else np.flatnonzero(options[1].legal)
        a, b = np.meshgrid(first, second, indexing="ij")

        def total(name: str) -> Reals:
            mine: Reals = getattr(options[0], name)[a].astype(np.float64)
            if not alone:
                mine = mine + getattr(options[1], name)[b]
            return mine

        fits = total("area") <= self.goals.spec("area")
        if space.pes_total is not None:
            fits &= total("pes") <= space.pes_total
        taken = options[0].resources[a]
        if not alone:
            taken = taken + options[1].resources[b]
        fits &= (taken <= space.room(self.goals.resources)).all(axis=-1)
        if not alone:
            fits &= total("bandwidth") <= options[0].dram_bandwidth * (1 + 1e-9)
            if self.tables[0] is self.tables[1]:
                fits &= a <= b
        self.first, self.second = a[fits], b[fits]
        self._leakage = total("leakage")[fits]

    def _costs(
        self, table: CostTables, examples: Sequence[tuple[Layer, LayerGraph]]
    ) -> tuple[Reals, Reals]:
        """(options, layers) least energy and cycles, inputs on chip where that is better."""
        energy, cycles = [], []
        for layer, graph in examples:
            costs = table.costs(layer, graph)
            staying = np.full(len(costs.energy), np.inf)
            for group in table.options.groups:
                bits = 0
                if layer.inputs:
                    bits = tensor_bits(graph, layer.inputs[0], group.rates.sub.precision.O)
                saved = bits * group.rates.write_energy[:, -1]
                staying[group.options] = costs.resident_energy[group.options] - saved
            least = np.where(costs.resident, np.minimum(costs.energy, staying), costs.energy)
            energy.append(np.minimum(least, HUGE))
            cycles.append(np.minimum(costs.cycles, costs.resident_cycles).astype(np.float64))
        return (
            np.ascontiguousarray(np.stack(energy, axis=1)),
            np.ascontiguousarray(np.stack(cycles, axis=1)),
        )

    def _scaled(self) -> Reals:
        """(prices, 6): of a pJ; of a cycle on either machine; share of the first in leakage; of a
        cycle of either network."""
        specs = self.goals.specs
        found = []
        for energy, load, share, *lengths in PRICES:
            unknown = any(p and not c for p, c in zip(lengths, self._chains, strict=True))
            if unknown or (energy > 0 and "energy" not in specs):
                continue
            if energy < 1 and "latency" not in specs:
                continue
            joule = energy / specs["energy"] if energy else 0.0
            cycle = 1 / specs["latency"] if energy < 1 else 0.0
            if len(self.tables) == 1:
                share = 1.0
            loads = (cycle * load * share, cycle * load * (1 - share))
            found.append((joule, *loads, share, *(cycle * length for length in lengths)))
        return np.array(found)

    @property
    def largest(self) -> float:
        """Accuracy of the most accurate combination of all."""
        return float(self._accuracy[0][0] + self._accuracy[1][0])

    def design(self, pair: int) -> Design:
        """The design of a pair."""
        options = (int(self.first[pair]), int(self.second[pair]))
        return Design(0, options[: len(self.tables)])

    def best(
        self, threshold: float, limit: float = MARGIN, rows: Integers | None = None
    ) -> tuple[Reals, Integers]:
        """Of every pair (or of some), the largest accuracy above a threshold whose sums are within
        a limit, minus infinity where there is none; and (pairs, 2) the networks.
        """
        rows = np.arange(len(self.first)) if rows is None else rows
        (starts0, layers0), (starts1, layers1) = self._lists
        return _best(  # type: ignore[no-any-return]
            self.first[rows], np.maximum(self.second[rows], 0), self._leakage[rows],
            self._energy[0], self._cycles[0], self._energy[1], self._cycles[1], self._prices,
            starts0, layers0, self._accuracy[0], starts1, layers1, self._accuracy[1],
            threshold, limit,
        )  # fmt: skip

    def combinations(self, pair: int, threshold: float, most: int) -> list[tuple[float, int, int]]:
        """Those of one pair above a threshold, the most accurate first, at most so many."""
        (starts0, layers0), (starts1, layers1) = self._lists
        place = (self.first[pair], max(self.second[pair], 0), self._leakage[pair])
        costs = (self._energy[0], self._cycles[0], self._energy[1], self._cycles[1], self._prices)
        a = _sums(_values(*place, *costs, 4), starts0, layers0)
        b = _sums(_values(*place, *costs, 5), starts1, layers1)
        found: list[tuple[float, int, int]] = []
        top = float(self._accuracy[1][0])
        for i in np.flatnonzero((a + b.min(axis=0) <= MARGIN).all(axis=1)):
            mine = float(self._accuracy[0][i])
            if mine + top <= threshold:
                break
            fits = np.flatnonzero(
                (self._accuracy[1] + mine > threshold) & (a[i] + b <= MARGIN).all(axis=1)
            )
            found += [(mine + float(self._accuracy[1][j]), int(i), int(j)) for j in fits]
        return sorted(found, key=lambda one: (-one[0], one[1:]))[:most]


def _packed(networks: Sequence[Sequence[int]]) -> tuple[Integers, Integers]:
    """Where each network's layers begin, and all of them."""
    starts = np.zeros(len(networks) + 1, np.int64)
    np.cumsum([len(layers) for layers in networks], out=starts[1:])
    return starts, np.array([layer for layers in networks for layer in layers], np.int64)


@compiled()
def _values(
    a: int,
    b: int,
    leakage: float,
    energy0: Any,
    cycles0: Any,
    energy1: Any,
    cycles1: Any,
    prices: Any,
    network: int,
) -> Any:
    """(layers, prices) the least of both machines; `network`: the column of its length's price."""
    count, many = energy0.shape[1], len(prices)
    found = np.empty((count, many))
    for k in range(many):
        joule, share = prices[k, 0], prices[k, 3]
        here = prices[k, 1] + prices[k, network] + joule * leakage * share
        there = prices[k, 2] + prices[k, network] + joule * leakage * (1 - share)
        for layer in range(count):
            found[layer, k] = min(
                joule * energy0[a, layer] + here * cycles0[a, layer],
                joule * energy1[b, layer] + there * cycles1[b, layer],
            )
    return found


@compiled()
def _sums(values: Any, starts: Any, layers: Any) -> Any:
    """(networks, prices)."""
    count, many = len(starts) - 1, values.shape[1]
    found = np.zeros((count, many))
    for network in range(count):
        for at in range(starts[network], starts[network + 1]):
            for k in range(many):
                found[network, k] += values[layers[at], k]
    return found


@compiled(parallel=True)
def _best(
    first: Any,
    second: Any,
    leakage: Any,
    energy0: Any,
    cycles0: Any,
    energy1: Any,
    cycles1: Any,
    prices: Any,
    starts0: Any,
    layers0: Any,
    accuracy0: Any,
    starts1: Any,
    layers1: Any,
    accuracy1: Any,
    threshold: float,
    limit: float,
) -> Any:
    """As `Reach.best`."""
    pairs, many = len(first), len(prices)
    best = np.full(pairs, -np.inf)
    chosen = np.full((pairs, 2), -1, np.int64)
    for pair in nb.prange(pairs):
        values = _values(
            first[pair], second[pair], leakage[pair], energy0, cycles0, energy1, cycles1, prices, 4
        )
        others = _values(
            first[pair], second[pair], leakage[pair], energy0, cycles0, energy1, cycles1, prices, 5
        )
        b = _sums(others, starts1, layers1)
        least = np.full(many, np.inf)
        for j in range(len(accuracy1)):
            for k in range(many):
                least[k] = min(least[k], b[j, k])
        known = threshold
        mine = np.empty(many)
        for i in range(len(accuracy0)):
            if accuracy0[i] + accuracy1[0] <= known:
                break
            within = True
            for k in range(many):
                total = 0.0
                for at in range(starts0[i], starts0[i + 1]):
                    total += values[layers0[at], k]
                mine[k] = total
                if total + least[k] > limit:
                    within = False
                    break
            if not within:
                continue
            for j in range(len(accuracy1)):
                if accuracy0[i] + accuracy1[j] <= known:
                    break
                fits = True
                for k in range(many):
                    if mine[k] + b[j, k] > limit:
                        fits = False
                        break
                if fits:
                    known = accuracy0[i] + accuracy1[j]
                    best[pair] = known
                    chosen[pair, 0], chosen[pair, 1] = i, j
                    break
    return best, chosen
