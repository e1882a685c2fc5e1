"""Which networks cannot meet the specs together on any hardware, in microseconds each.

A design that meets the specs L and E has, for every price nu of energy and prices of the load of
its machines, with nu + sum(lambda) = 1,

    nu energy / E + sum of lambda_m load_m / L <= 1,

and the least value of the left side over assignments is a sum over layers, hence over networks. So
sums per network, for pairs of machines and a set of prices, tell of any combination of networks
that it is out of reach, where for every pair some price gives more than 1. Options are put together
in clusters that cost the least of their members, layer by layer; tensors are taken to stay on chip
wherever that is cheaper. Networks that pass may still be out of reach: `exact` decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numba as nb
import numpy as np
import numpy.typing as npt

from ..frontend.graph import Layer, LayerGraph
from ..simulator.layers import tensor_bits
from .goals import Goals
from .hardware.duals import HUGE
from .hardware.options import Options
from .hardware.space import HardwareSpace
from .hardware.tables import CostTables, LayerKey

Reals = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

#: Ratio of PEs within a cluster at most, and clusters along the bandwidths of an alternative.
BAND: Final = 1.3
PARTS: Final = 4
#: Prices of energy, and shares of the first machine in what is left.
ENERGY: Final = (1.0, 0.7, 0.4, 0.2, 0.0)
SHARES: Final = (0.5, 0.3, 0.7, 0.1, 0.9)
#: Sums of 32-bit floats are not exact.
MARGIN: Final = 1 + 2e-5


@dataclass(frozen=True, eq=False)
class Clusters:
    """Options that are put together.

    Attributes:
        members: (options,) number of each one's cluster, -1 for illegal ones.
        least: (clusters, 4) PEs, part of the DRAM, area and leakage, each the least of a member.
    """

    members: npt.NDArray[np.int64]
    least: Reals

    @staticmethod
    def of(options: Options) -> Clusters:
        keys = []
        for option in range(len(options.legal)):
            if options.legal[option]:
                alternative, _ = options.sub.place(option)
                band = int(math.log(max(1, options.pes[option])) / math.log(BAND))
                keys.append((options.sub.alternatives.index(alternative), band, option))
        widths = np.unique(options.bandwidth[options.legal])
        part = {float(w): int(n * PARTS // len(widths)) for n, w in enumerate(widths)}
        numbers: dict[tuple[int, int, int], int] = {}
        members = np.full(len(options.legal), -1, np.int64)
        for place, band, option in keys:
            key = place, band, part[float(options.bandwidth[option])]
            members[option] = numbers.setdefault(key, len(numbers))
        takes = (options.pes.astype(np.float64), options.bandwidth, options.area, options.leakage)
        least = np.stack([_least(take, members, len(numbers)) for take in takes], axis=1)
        return Clusters(members, least)

    def of_values(self, values: Reals) -> Reals:
        """(clusters,) least of (options,) values."""
        return _least(values, self.members, len(self.least))


def _least(values: Reals, members: npt.NDArray[np.int64], count: int) -> Reals:
    found = np.full(count, np.inf)
    inside = members >= 0
    np.minimum.at(found, members[inside], values[inside])
    return found


class NetworkBounds:
    """Sums of networks.

    Args:
        space: of hardware, with one or two sub-accelerators.
        tables: of them.
        goals: with a spec of latency or energy.
        graphs: of every network of the study, all that it may be, in the order of their numbers.
        prepare: called with one (network of the study, number, layer, graph) of every layer that
            costs differently, before their costs are asked for.
    """

    def __init__(
        self,
        space: HardwareSpace,
        tables: Sequence[CostTables],
        goals: Goals,
        graphs: Sequence[Iterable[LayerGraph]],
        prepare: Callable[[Sequence[tuple[int, int, Layer, LayerGraph]]], None],
    ) -> None:
        self.tables, self.goals = tables, goals
        self.clusters = [Clusters.of(table.options) for table in tables]
        self._pair(space)
        numbers: dict[LayerKey, int] = {}
        examples: list[tuple[int, int, Layer, LayerGraph]] = []
        incidence: list[list[list[int]]] = []
        for place, mine in enumerate(graphs):
            entries = []
            for number, graph in enumerate(mine):
                layers = []
                for layer in graph.layers:
                    key = LayerKey.of(layer, graph)
                    if key not in numbers:
                        numbers[key] = len(examples)
                        examples.append((place, number, layer, graph))
                    layers.append(numbers[key])
                entries.append(layers)
            incidence.append(entries)
        prepare(examples)
        values = self._values([self._row(layer, graph) for _, _, layer, graph in examples])
        self.sums = [self._sums(entries, values) for entries in incidence]

    def _pair(self, space: HardwareSpace) -> None:
        """Pairs of clusters within totals and area."""
        first = self.clusters[0].least
        second = self.clusters[1].least if len(self.clusters) > 1 else np.zeros((1, 4))
        alike = len(self.clusters) > 1 and self.tables[0] is self.tables[1]
        a, b = np.meshgrid(np.arange(len(first)), np.arange(len(second)), indexing="ij")
        pes = first[a, 0] + second[b, 0]
        part = first[a, 1] + second[b, 1]
        area = first[a, 2] + second[b, 2]
        whole = self.tables[0].options.dram_bandwidth if len(self.clusters) > 1 else math.inf
        total = math.inf if space.pes_total is None else space.pes_total
        fits = (pes <= total) & (part <= whole * (1 + 1e-9)) & (area <= self.goals.spec("area"))
        if alike:
            fits &= a <= b
        self.first, self.second = a[fits], b[fits]
        self.leakage = first[self.first, 3] + second[self.second, 3]

    def _row(self, layer: Layer, graph: LayerGraph) -> tuple[Reals, ...]:
        """Least energy and cycles of a layer on the clusters of each sub-accelerator in turn."""
        row: list[Reals] = []
        for table, clusters in zip(self.tables, self.clusters, strict=True):
            costs = table.costs(layer, graph)
            energy, cycles = costs.energy, costs.cycles.astype(np.float64)
            staying = np.full(len(energy), np.inf)
            for group in table.options.groups:
                bits = 0
                if layer.inputs:
                    bits = tensor_bits(graph, layer.inputs[0], group.rates.sub.precision.O)
                saved = bits * group.rates.write_energy[:, -1]
                staying[group.options] = costs.resident_energy[group.options] - saved
            least = np.where(costs.resident, np.minimum(energy, staying), energy)
            quick = np.minimum(cycles, costs.resident_cycles)
            row += [clusters.of_values(least), clusters.of_values(quick)]
        return tuple(row)

    def _prices(self) -> list[tuple[float, float]]:
        """(of energy, share of the first machine)."""
        limits = self.goals.specs
        energy = [n for n in ENERGY if (n == 0 or "energy" in limits)]
        energy = [n for n in energy if (n == 1 or "latency" in limits)]
        shares = SHARES if len(self.clusters) > 1 else (1.0,)
        return [(n, s) for n in energy for s in (shares if n < 1 else shares[:1])]

    def _values(self, rows: list[tuple[Reals, ...]]) -> list[Singles]:
        """Of every price, (layers, pairs)."""
        found = []
        limit, budget = self.goals.spec("latency"), self.goals.spec("energy")
        for price, share in self._prices():
            joule = price / budget if price else 0.0
            values = np.full((len(rows), len(self.first)), np.inf, np.float32)
            for machine, chosen in enumerate((self.first, self.second)[: len(self.clusters)]):
                part = share if machine == 0 else 1 - share
                cycle = joule * part * self.leakage
                if price < 1:
                    cycle = cycle + (1 - price) * part / limit
                for number, row in enumerate(rows):
                    energy = np.minimum(row[2 * machine], HUGE)[chosen]
                    cycles = row[2 * machine + 1][chosen]
                    mine = (joule * energy + cycle * cycles).astype(np.float32)
                    np.minimum(values[number], mine, out=values[number])
            found.append(values)
        return found

    def _sums(self, entries: list[list[int]], values: list[Singles]) -> Singles:
        """(networks, pairs, prices)."""
        counts = np.zeros((len(entries), len(values[0])), np.float32)
        for network, layers in enumerate(entries):
            np.add.at(counts[network], layers, 1)
        sums = np.empty((len(entries), len(self.first), len(values)), np.float32)
        for number, value in enumerate(values):
            finite = np.minimum(value, np.float32(1e6))
            sums[:, :, number] = counts @ finite
        return sums

    def possible(self, rows: Sequence[int]) -> bool:
        """Whether networks, by their numbers, may meet the specs together."""
        stack = tuple(sums[row] for sums, row in zip(self.sums, rows, strict=True))
        total = stack[0] if len(stack) == 1 else np.sum(stack, axis=0)
        return bool(_some(total, MARGIN))

    def alone(self, place: int) -> npt.NDArray[np.bool_]:
        """(networks,) whether each of one network of the study may meet the specs with the
        cheapest of the others."""
        others = [sums.min(axis=0) for n, sums in enumerate(self.sums) if n != place]
        rest = np.sum(others, axis=0) if others else np.zeros_like(self.sums[place][0])
        return np.array([bool(_some(mine + rest, MARGIN)) for mine in self.sums[place]])


@nb.njit(cache=True)  # type: ignore[misc,untyped-decorator,unused-ignore]
def _some(total: Any, most: float) -> bool:
    """Whether for some pair no price gives more."""
    for pair in range(total.shape[0]):
        within = True
        for price in range(total.shape[1]):
            if total[pair, price] > most:
                within = False
                break
        if within:
            return True
    return False
