"""Small hardware problems, real and random, and the best of their designs by brute force.

A design's schedules matter by two numbers: makespan, and energy without leakage. `front` finds all
pairs of them that no schedule beats in both, by appending tasks in every order to every machine
(`tests/simulator/brute_force_scheduling.py` says why that is enough) and keeping of partial
schedules those that no other one beats in everything. What any goals make of a design follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from chiploom.dataflows.document import parse_document
from chiploom.dataflows.resources import Device, Resources
from chiploom.frontend import LayerGraph
from chiploom.search.goals import METRICS, Costs, Goals
from chiploom.search.hardware.catalogue import Settings
from chiploom.search.hardware.exact import all_designs
from chiploom.search.hardware.options import Options, build_options
from chiploom.search.hardware.problem import HardwareProblem, TaskTable
from chiploom.search.hardware.space import Design, HardwareSpace, SubSpace, parse_space
from chiploom.search.hardware.tables import CostTables
from chiploom.search.spaces import ResNet9, UNet
from chiploom.simulator import NoMappingError
from chiploom.simulator.scheduling.instance import Instance
from chiploom.simulator.variants import NEVER

from ..simulator.scheduling_strategies import feeders, network

Front = list[tuple[int, float]]

CHIP = """
technology: {node: 28 nm}
clock: 1 GHz
dram: {type: LPDDR4, bandwidth: 8 GB/s}
"""

_NVDLA = "{template: nvdla, shape: [atomic_c, atomic_k], parameters: {cbuf: 16 KiB}}"
_SHIDIANNAO = (
    "{template: shidiannao, shape: [rows, columns], parameters: {weight_bits: 8 bit, "
    "input_bits: 8 bit, output_bits: 8 bit, psum_bits: 24 bit, nbin: 8 KiB, nbout: 4 KiB, "
    "sb: 4 KiB}}"
)

#: Sub-accelerators of small spaces.
SPACES = {
    "alike": f"""
totals: {{pes: 72}}
sub_accelerators:
  - name: a
    pes: {{from: 16, to: 64, factor: 2}}
    dram_bandwidth: {{from: 2 GB/s, to: 6 GB/s, step: 4 GB/s}}
    any_of: [{_NVDLA}, {_SHIDIANNAO}]
  - {{name: b, like: a}}
""",
    "not alike": f"""
totals: {{pes: 80}}
sub_accelerators:
  - name: a
    pes: {{any_of: [16, 36, 64]}}
    dram_bandwidth: {{any_of: [2 GB/s, 4 GB/s, 6 GB/s]}}
    any_of: [{_NVDLA}]
  - name: b
    pes: {{any_of: [9, 25, 40]}}
    dram_bandwidth: {{any_of: [2 GB/s, 4 GB/s]}}
    any_of: [{_SHIDIANNAO}]
""",
    "one": f"""
sub_accelerators:
  - name: a
    pes: {{from: 16, to: 64, step: 8}}
    any_of: [{_NVDLA}, {_SHIDIANNAO}]
""",
    "three": f"""
totals: {{pes: 64}}
sub_accelerators:
  - name: a
    pes: {{any_of: [16, 36]}}
    dram_bandwidth: {{any_of: [2 GB/s, 4 GB/s]}}
    any_of: [{_NVDLA}, {_SHIDIANNAO}]
  - name: b
    pes: 16
    dram_bandwidth: {{any_of: [2 GB/s, 3 GB/s]}}
    any_of: [{_SHIDIANNAO}]
  - {{name: c, like: b}}
""",
}


@cache
def networks() -> dict[str, LayerGraph]:
    """A chain with a residual connection, and two short chains."""
    widths = {"stem": 8, "filters1": 8, "filters2": 16, "filters3": 8}
    residual = {"skips1": 1, "skips2": 0, "skips3": 0}
    small = ResNet9(size=8, channels=1, bits=8, filters=(8, 16))
    flat = UNet(16, bits=8)
    return {
        "resnet": small.build({**widths, **residual}),
        "flat": flat.build({"height": 1, "filters0": 4}),
        "wide": UNet(32, bits=8).build({"height": 1, "filters0": 8}),
        "unet": flat.build({"height": 2, "filters0": 4, "filters1": 4}),
    }


def read_space(text: str) -> HardwareSpace:
    document = parse_document(CHIP + text, "space.yaml")
    return parse_space(document, document.data)


def problem_of(
    space: HardwareSpace, graphs: tuple[LayerGraph, ...], settings: Settings
) -> HardwareProblem:
    """Sub-accelerators that are alike share a table."""
    known: dict[int, CostTables] = {}
    for number, sub in enumerate(space.subs):
        if id(sub.alternatives) not in known:
            options = build_options(space, number)
            known[id(sub.alternatives)] = CostTables(options, settings)
    tables = [known[id(sub.alternatives)] for sub in space.subs]
    return HardwareProblem(graphs, space, tables, Goals())


@cache
def real(space: str, *names: str) -> HardwareProblem:
    graphs = tuple(networks()[name] for name in names)
    return problem_of(read_space(SPACES[space]), graphs, Settings(near=0))


# -- brute force -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Partial:
    """Some tasks, placed.

    Attributes:
        free: cycle from which each machine is free.
        ends: of placed tasks that others wait for, by number.
        energy: pJ.
    """

    free: tuple[int, ...]
    ends: tuple[tuple[int, int], ...]
    energy: float

    def beats(self, other: _Partial) -> bool:
        """In everything, or equal. Both have placed the same tasks."""
        pairs = zip(self.ends, other.ends, strict=True)
        return (
            self.energy <= other.energy
            and all(a <= b for a, b in zip(self.free, other.free, strict=True))
            and all(a[1] <= b[1] for a, b in pairs)
        )


def front(instance: Instance) -> Front:
    """(makespan, pJ without leakage) of schedules that none beats in both, by makespan."""
    count, machines = instance.tasks, len(instance.machines)
    assert not instance.share.any()
    needs = [{int(a) for a, b in instance.edges if b == task} for task in range(count)]
    feeds = [{int(b) for a, b in instance.edges if a == task} for task in range(count)]
    # By the tasks placed, and the last one on each machine where its output may stay there.
    layer: dict[tuple[frozenset[int], tuple[int, ...]], list[_Partial]] = {
        (frozenset(), (-1,) * machines): [_Partial((0,) * machines, (), 0.0)]
    }
    for _ in range(count):
        following: dict[tuple[frozenset[int], tuple[int, ...]], list[_Partial]] = {}
        for (placed, last), partials in layer.items():
            ready = [t for t in range(count) if t not in placed and needs[t] <= placed]
            for task in ready:
                after = placed | {task}
                for on in np.flatnonzero(instance.duration[task] >= 0).tolist():
                    stays = last[on] == instance.feeder[task] >= 0 and instance.fits[task, on]
                    takes = (instance.stay_duration if stays else instance.duration)[task, on]
                    more = (instance.stay_energy if stays else instance.energy)[task, on]
                    lasts = [*last[:on], task, *last[on + 1 :]]
                    waiting = {int(instance.feeder[t]) for t in range(count) if t not in after}
                    key = after, tuple(t if t in waiting else -1 for t in lasts)
                    kept = following.setdefault(key, [])
                    for partial in partials:
                        ends = dict(partial.ends)
                        end = max([partial.free[on], *(ends[t] for t in needs[task])]) + int(takes)
                        ends[task] = end
                        new = _Partial(
                            (*partial.free[:on], end, *partial.free[on + 1 :]),
                            tuple(sorted((t, e) for t, e in ends.items() if feeds[t] - after)),
                            partial.energy + float(more),
                        )
                        if not any(one.beats(new) for one in kept):
                            kept[:] = [one for one in kept if not new.beats(one)]
                            kept.append(new)
        layer = following
    pairs = sorted((max(p.free), p.energy) for found in layer.values() for p in found)
    best: Front = []
    for makespan, energy in pairs:
        if not best or energy < best[-1][1]:
            best.append((makespan, energy))
    return best


@dataclass(frozen=True)
class BruteForce:
    """The schedules of every allowed design that runs all layers."""

    problem: HardwareProblem
    fronts: dict[Design, Front]

    @staticmethod
    def of(problem: HardwareProblem) -> BruteForce:
        fronts: dict[Design, Front] = {}
        known: dict[tuple[Any, ...], Front] = {}
        for design in all_designs(problem):
            # In designs that differ in the order of like machines the same schedules run.
            tables = map(id, problem.tables)
            key = tuple(sorted(zip(tables, design.options, strict=True)))
            if key not in known:
                try:
                    known[key] = front(problem.instance(design))
                except NoMappingError:
                    known[key] = []
            if known[key]:
                fronts[design] = known[key]
        return BruteForce(problem, fronts)

    def costs(self, design: Design) -> list[Costs]:
        leakage, area = self.problem.leakage(design), self.problem.area(design)
        return [Costs(c, e + leakage * c, area) for c, e in self.fronts[design]]

    def value(self, design: Design, goals: Goals) -> float:
        """The least of schedules that meet the specs, infinite where none does."""
        met = [goals.value(costs) for costs in self.costs(design) if goals.met(costs)]
        return min(met, default=math.inf)

    def best(self, goals: Goals) -> float:
        return min((self.value(design, goals) for design in self.fronts), default=math.inf)

    def least(self, metric: str, goals: Goals) -> float:
        """Of one metric, within the specs of the others."""
        others = {m: spec for m, spec in goals.specs.items() if m != metric}
        return self.best(Goals(others, {metric: 1.0}))  # type: ignore[dict-item]

    def range_of(self, metric: str) -> tuple[float, float]:
        """Least and largest of all designs and schedules."""
        every = [costs.of(metric) for d in self.fronts for costs in self.costs(d)]  # type: ignore[arg-type]
        return min(every), max(every)


@cache
def brute_force(space: str, *names: str) -> BruteForce:
    return BruteForce.of(real(space, *names))


# -- random ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Named:
    name: str


@dataclass(frozen=True)
class _Network:
    """As much of a network as a problem looks at when its tables are made."""

    name: str
    layers: tuple[_Named, ...]

    def __len__(self) -> int:
        return len(self.layers)


def invented(
    seed: int,
    *,
    lengths: tuple[int, ...] = (3, 2),
    options: tuple[int, ...] = (3, 3),
    alike: bool = False,
    unable: float = 0.0,
) -> HardwareProblem:
    """A problem of random costs.

    Args:
        lengths: layers of each network. options: of each sub-accelerator.
        alike: whether the last two sub-accelerators are.
        unable: probability that an option cannot run a layer.
    """
    random = np.random.default_rng(seed)
    problem: Any = HardwareProblem.__new__(HardwareProblem)
    graphs = []
    edges: list[tuple[int, int]] = []
    for length in lengths:
        edges += network(random, length, sum(len(g) for g in graphs)) if length > 1 else []
        layers = tuple(_Named(f"layer{n}") for n in range(length))
        graphs.append(_Network(f"network{len(graphs)}", layers))
    count = sum(lengths)
    problem.graphs = tuple(graphs)
    problem.tasks = tuple((graph, layer) for graph in graphs for layer in graph.layers)
    problem.edges = np.array(edges, np.int64).reshape(-1, 2)
    problem.feeder = np.array(feeders(count, edges), np.int64)
    made = [_made(random, size, problem.feeder, unable) for size in options]
    if alike:
        made[-1] = made[-2]
    problem.options = tuple(found for found, _ in made)
    problem.tables = tuple(table for _, table in made)
    pes = None if random.random() < 0.3 else int(random.integers(8, 60))
    subs = tuple(
        replace(found.sub, name=f"sub{number}") for number, found in enumerate(problem.options)
    )
    problem.space = HardwareSpace({}, (), subs, pes, parse_document("{}", "none.yaml"))
    if random.random() < 0.5:
        room = Resources(dsps=float(random.integers(4, 12)), luts=15.0)
        device = Device("fpga", "", "", "DSP48E2", 16, room, 1e9, 1e9, "")
        problem.space.__dict__["device"] = device  # in place of reading the one of a file
    problem.goals, problem.chip = Goals(), 0
    return problem  # type: ignore[no-any-return]


def _made(
    random: np.random.Generator, count: int, feeder: Any, unable: float
) -> tuple[Options, TaskTable]:
    """Options, and the costs of tasks on them."""
    shape = (count, len(feeder))
    duration = random.integers(1, 40, shape)
    energy = random.uniform(1, 100, shape) * random.choice([0.2, 1.0], shape)
    fits = (feeder >= 0) & (random.random(shape) < 0.6)
    stay_duration = np.where(fits, (duration * random.uniform(0.3, 1, shape)).astype(int), duration)
    # What is saved is a part of both tasks' energy.
    saved = random.uniform(0, 0.8, shape) * energy + random.uniform(0, 0.8) * energy[:, feeder]
    stay_energy = np.where(fits, energy - saved, energy)
    never = random.random(shape) < unable
    fits &= ~never
    duration[never], energy[never] = NEVER, np.inf
    stay_duration = np.where(never, NEVER, np.maximum(1, stay_duration))
    stay_energy[never] = np.inf
    legal = random.random(count) < 0.9
    legal[0] = True
    alternative = parse_space_of(count)
    resources = np.zeros((count, 5))
    resources[:, 0] = random.integers(1, 8, count)
    resources[:, 3] = random.integers(1, 8, count)
    options = Options(
        alternative,
        1e9,
        16.0,
        (),
        legal,
        "",
        random.integers(1, 30, count) * legal,
        random.choice([2.0, 4.0, 8.0], count) * legal,
        random.uniform(0.1, 2, count) * legal,
        random.choice([0.0, 0.5, 3.0], count) * legal,
        resources,
    )
    able = legal & (duration < NEVER).all(axis=1)
    table = TaskTable(duration, energy, stay_duration, stay_energy, fits.astype(np.uint8), able)
    return options, table


@cache
def parse_space_of(count: int) -> SubSpace:
    """A sub-accelerator of so many options."""
    stated = ", ".join(map(str, range(1, count + 1)))
    text = f"sub_accelerators: [{{name: a, parameters: {{atomic_c: {{any_of: [{stated}]}}}}}}]\n"
    return read_space(text).subs[0]


def metric_goals(draw: st.DrawFn, brute: BruteForce) -> Goals:
    """Random weights and specs; specs from a little below what is possible to loose."""
    weights, specs, scales = {}, {}, {}
    for metric in METRICS:
        low, high = brute.range_of(metric) if brute.fronts else (1.0, 2.0)
        scales[metric] = max(high, 1e-9)
        if draw(st.booleans()):
            weights[metric] = draw(st.sampled_from([0.1, 1.0, 3.0]))
        if draw(st.booleans()):
            part = draw(st.floats(-0.05, 1.1))
            # Off the values of schedules: sums in another order differ in their last bits.
            specs[metric] = max(low + part * (high - low), 0.01 * low, 1e-6) * (1 + 1e-7)
    return Goals(specs, weights or {"energy": 1.0}, scales)


goals_for = st.composite(metric_goals)
