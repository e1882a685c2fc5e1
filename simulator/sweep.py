"""Many layers on many variants of an accelerator, in one call: the inner loop of co-search."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from ..dataflows.accelerator import Accelerator, SubAccelerator
from ..frontend.errors import InputError
from ..frontend.graph import ComputeLayer
from ..frontend.nest import LoopNest, OperandBits
from .cache import MappingCache
from .errors import NoMappingError
from .identity import hardware_part, layer_part
from .layers import deployed, leakage_per_cycle
from .mapper import TOLERANCE, EffortName, Mapped, explain
from .mapping import Mapping
from .plain import mapping_from_plain, mapping_to_plain
from .problem import Hardware, Integers, Problem, Reals
from .result import Objective
from .sharing import Family, Rates, seen
from .spatial import useful_sizes
from .threads import completed

Flags = npt.NDArray[np.bool_]
LayerLike = ComputeLayer | tuple[LoopNest, OperandBits]
AcceleratorLike = Accelerator | SubAccelerator

#: pairs done, pairs in all, the layer just worked on
Progress = Callable[[int, int, str], None]

#: Problems of one family that one task answers, in order. Fixed, so that what is shared does not
#: depend on the number of threads.
CHUNK: Final = 256


@dataclass(frozen=True, slots=True)
class SweepCounts:
    """How much work was shared.

    Attributes:
        pairs: (layer, sub-accelerator) pairs asked for.
        distinct: of them, different problems.
        carried: of those, answered by what another variant's answer proves.
    """

    pairs: int
    distinct: int
    carried: int


@dataclass(frozen=True, eq=False)
class Sweep:
    """Costs of L layers on A accelerators. All arrays have the shape (L, A) and are read-only.

    A layer's loop nest alone is counted: vector work fused into it is not. Of an accelerator with
    several sub-accelerators every layer takes the one that is best by the objective.

    Attributes:
        objective: what mappings were chosen for.
        feasible: bool; a mapping exists. Elsewhere cycles, dram_bytes and chosen are -1,
            utilization and the other floats nan, optimal False, and `reason` says why.
        cycles: int64, from the first fetch to the last write.
        energy_pj: float64, multiply-accumulates and leakage included.
        value: float64, of the objective: cycles, pJ, or pJ x cycles.
        lower_bound: float64, no mapping has a smaller value.
        optimal: bool; the value meets the bound.
        dram_bytes: int64, read and written.
        utilization: float64, multiply-accumulates / (cycles x PEs of the sub-accelerator).
        chosen: int64, number of the sub-accelerator.
        counts: how much work was shared.
    """

    objective: Objective
    feasible: Flags
    cycles: Integers
    energy_pj: Reals
    value: Reals
    lower_bound: Reals
    optimal: Flags
    dram_bytes: Integers
    utilization: Reals
    chosen: Integers
    counts: SweepCounts
    _pairs: _Pairs = field(repr=False)
    _mappings: tuple[str, ...] = field(repr=False)
    _mapping: Integers = field(repr=False)

    def mapping(self, layer: int, accelerator: int) -> Mapping:
        """The mapping of a pair. Raises NoMappingError where there is none."""
        if not self.feasible[layer, accelerator]:
            raise NoMappingError(self.reason(layer, accelerator))
        sub = self._pairs.sub(accelerator, self.chosen[layer, accelerator])
        text = self._mappings[self._mapping[layer, accelerator]]
        return mapping_from_plain(json.loads(text), sub)

    def reason(self, layer: int, accelerator: int) -> str:
        """Why a pair has no mapping: per sub-accelerator, joined by `; `. Empty where it has."""
        if self.feasible[layer, accelerator]:
            return ""
        subs = range(len(self._pairs.variants[accelerator]))
        return "; ".join(explain(self._pairs.problem(layer, accelerator, n)) for n in subs)


def sweep(
    layers: Sequence[LayerLike],
    accelerators: Sequence[AcceleratorLike],
    objective: Objective = "edp",
    *,
    effort: EffortName = "normal",
    cache: MappingCache | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Map every layer on every accelerator.

    Equal pairs are mapped once, and variants that differ only in rates (sizes, bandwidths,
    energies, leakage) share what one answer proves for another (`sharing.py`). Where `map_nest`
    proves an optimum for the pair alone, so does the sweep, and the values agree within
    `mapper.TOLERANCE`; where it does not, the sweep's answer is at least as good. Of mappings that
    are equally good it may take another one, and with it what the objective does not see. The
    answer does not depend on `threads` nor on what the cache holds.

    Args:
        layers: compute layers, or loop nests with operand widths. They are deployed at most at the
            widths of the datapath.
        accelerators: variants. A bare sub-accelerator has no clock, hence no leakage.
        objective: what mappings are chosen for.
        effort: of the mapper.
        cache: of earlier and later runs; one of its own by default.
        threads: all usable cores by default.
        progress: called with pairs done, pairs in all, and the layer's name.

    Raises:
        InputError: a sub-accelerator has modes.
    """
    pairs = _Pairs(tuple(layers), tuple(_subs(entry) for entry in accelerators))
    chunks = _chunks(pairs, objective)
    answers: list[list[_Answer | None]] = [[] for _ in chunks]
    cache = MappingCache() if cache is None else cache
    tasks = [partial(_answer, pairs, chunk, objective, effort, cache) for chunk in chunks]
    done, total = 0, sum(len(places) for chunk in chunks for _, places in chunk)
    try:
        for number, found in completed(tasks, threads):
            answers[number] = found
            done += sum(len(places) for _, places in chunks[number])
            if progress is not None:
                progress(done, total, pairs.name(chunks[number][0][1][0][0]))
    finally:
        cache.flush()
    return _gathered(pairs, objective, chunks, answers)


#: (layer, accelerator, sub-accelerator)
_Place = tuple[int, int, int]
#: Different problems of one family, each with what varies in it and the places that ask it.
_Chunk = list[tuple[Rates, list[_Place]]]


@dataclass(frozen=True)
class _Pairs:
    """What was asked: layers, and of every accelerator its sub-accelerators with the leakage of
    the whole chip, pJ per cycle."""

    layers: tuple[LayerLike, ...]
    variants: tuple[tuple[tuple[Hardware, float], ...], ...]

    def problem(self, layer: int, accelerator: int, number: int) -> Problem:
        entry = self.layers[layer]
        nest, bits = (entry.nest, entry.bits) if isinstance(entry, ComputeLayer) else entry
        hardware, leakage = self.variants[accelerator][number]
        return deployed(nest, bits, hardware.sub, leakage, hardware)

    def sub(self, accelerator: int, number: int) -> SubAccelerator:
        return self.variants[accelerator][number][0].sub

    def nest(self, layer: int) -> LoopNest:
        entry = self.layers[layer]
        return entry.nest if isinstance(entry, ComputeLayer) else entry[0]

    def name(self, layer: int) -> str:
        entry = self.layers[layer]
        return entry.name if isinstance(entry, ComputeLayer) else f"layer {layer}"


def _subs(entry: AcceleratorLike) -> tuple[tuple[Hardware, float], ...]:
    for sub in (entry,) if isinstance(entry, SubAccelerator) else entry.sub_accelerators:
        if sub.modes:
            raise InputError(
                f"{sub.name}: a sweep maps on one array, this sub-accelerator has modes "
                f"({', '.join(mode.mode for mode in sub.modes)}) too; use `simulate`"
            )
    if isinstance(entry, SubAccelerator):
        return ((Hardware.of(entry), 0.0),)
    leakage = leakage_per_cycle(entry)
    return tuple((Hardware.of(sub), leakage) for sub in entry.sub_accelerators)


def _chunks(pairs: _Pairs, objective: Objective) -> list[_Chunk]:
    """Families of different problems, the ones with the best rates first, cut into tasks."""
    if not pairs.layers:
        return []
    # What hardware gives is the same for all layers, what a layer gives for all of one precision.
    hardware: list[tuple[int, int, bytes, Rates]] = []
    for number, variant in enumerate(pairs.variants):
        for at, (_, leakage) in enumerate(variant):
            problem = pairs.problem(0, number, at)
            whole = hardware_part(problem) + repr(leakage).encode()
            hardware.append((number, at, whole, seen(problem, objective)))
    families: dict[object, dict[bytes, tuple[Rates, list[_Place]]]] = {}
    nests: dict[object, bytes] = {}
    for layer in range(len(pairs.layers)):
        for number, at, whole, rates in hardware:
            sub = pairs.sub(number, at)
            deploy = (layer, sub.precision)
            if deploy not in nests:
                nests[deploy] = layer_part(pairs.problem(layer, number, at))
            sizes = useful_sizes(pairs.nest(layer), sub)
            family = families.setdefault((nests[deploy], sizes, rates.structure), {})
            family.setdefault(whole, (rates, []))[1].append((layer, number, at))
    chunks: list[_Chunk] = []
    for family in families.values():
        ordered = sorted(family.values(), key=lambda item: item[0].rates.tolist())
        chunks += [ordered[at : at + CHUNK] for at in range(0, len(ordered), CHUNK)]
    return chunks


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is kept of a mapped problem; the mapping as text, to be small."""

    cycles: int
    energy: float
    value: float
    lower_bound: float
    optimal: bool
    dram_bytes: int
    macs: int
    mapping: str
    carried: bool


def _answer(
    pairs: _Pairs, chunk: _Chunk, objective: Objective, effort: EffortName, cache: MappingCache
) -> list[_Answer | None]:
    """The answers to the problems of one chunk; None where nothing is legal."""
    family = Family(objective)
    texts: dict[Mapping, str] = {}
    found: list[_Answer | None] = []
    for rates, places in chunk:
        problem = pairs.problem(*places[0])
        if family.is_hopeless(rates):
            found.append(None)
            continue
        mapped = family.carried(problem, rates)
        carried = mapped is not None
        if mapped is None:
            try:
                mapped = cache.map(problem, objective, effort)
            except NoMappingError:
                family.learn(rates, None)
                found.append(None)
                continue
            family.learn(rates, mapped)
        if mapped.mapping not in texts:
            plain = mapping_to_plain(mapped.mapping, problem.sub)
            texts[mapped.mapping] = json.dumps(plain, separators=(",", ":"))
        found.append(_kept(problem, mapped, texts[mapped.mapping], carried=carried))
    return found


def _kept(problem: Problem, mapped: Mapped, mapping: str, *, carried: bool) -> _Answer:
    cost, dram, macs = mapped.cost, problem.sub.dram.name, problem.nest.macs
    bits = sum(n for (name, _), n in cost.read_bits.items() if name == dram)
    bits += sum(n for (name, _), n in cost.write_bits.items() if name == dram)
    return _Answer(
        cost.cycles,
        cost.energy + macs * problem.sub.mac_energy,
        mapped.value,
        mapped.lower_bound,
        mapped.optimal,
        -(-bits // 8),
        macs,
        mapping,
        carried,
    )


def _gathered(
    pairs: _Pairs,
    objective: Objective,
    chunks: list[_Chunk],
    answers: list[list[_Answer | None]],
) -> Sweep:
    """The answers as arrays."""
    shape = (len(pairs.layers), len(pairs.variants))
    chosen, cycles, dram = (np.full(shape, -1, dtype=np.int64) for _ in range(3))
    energy, value, bound, utilization = (np.full(shape, np.nan) for _ in range(4))
    mapping = np.full(shape, -1, dtype=np.int64)
    texts: dict[str, int] = {}
    distinct = carried = asked = 0
    for chunk, found in zip(chunks, answers, strict=True):
        for (_, places), answer in zip(chunk, found, strict=True):
            distinct, asked = distinct + 1, asked + len(places)
            if answer is None:
                continue
            carried += answer.carried
            for layer, number, at in places:
                where = layer, number
                # A bound of the pair holds for every sub-accelerator that the layer could take.
                bound[where] = np.fmin(bound[where], answer.lower_bound)
                best = chosen[where] < 0 or (answer.value, at) < (value[where], chosen[where])
                if not best:
                    continue
                sub = pairs.sub(number, at)
                chosen[where], cycles[where] = at, answer.cycles
                energy[where], value[where] = answer.energy, answer.value
                dram[where] = answer.dram_bytes
                utilization[where] = answer.macs / (answer.cycles * sub.pes)
                mapping[where] = texts.setdefault(answer.mapping, len(texts))
    feasible = chosen >= 0
    optimal = np.zeros(shape, dtype=np.bool_)
    optimal[feasible] = value[feasible] <= bound[feasible] * (1 + TOLERANCE)
    arrays = (feasible, cycles, energy, value, bound, optimal, dram, utilization, chosen)
    for array in (*arrays, mapping):
        array.setflags(write=False)
    counts = SweepCounts(asked, distinct, carried)
    return Sweep(objective, *arrays, counts, pairs, tuple(texts), mapping)
