"""The fastest parameters of a template that fit an FPGA, certified.

A template says which parameters are fitted (`fit`). Those that are the size of an axis are taken at
the sizes that matter: of two that take equally many steps in every layer, the smaller one is as
fast and takes less. Of those with `values` more is never slower, so only the largest that fit
together are simulated; of those with `choices` each is tried. Arrays are tried in the order of a
bound on their cycles that no mapping can beat; once the bound reaches the best design found, no
other can be faster.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ..dataflows.accelerator import Accelerator
from ..dataflows.document import Document
from ..dataflows.errors import SpecError
from ..dataflows.spec import parse_spec
from ..dataflows.template import load_template
from ..frontend.errors import InputError
from ..frontend.graph import ComputeLayer, LayerGraph
from .bounds import roofline
from .cache import MappingCache
from .errors import DoesNotFitError
from .fabric import FitSummary, expect_fit
from .layers import problem_of
from .mapper import EffortName
from .problem import Problem
from .result import Result
from .simulate import simulate
from .spatial import balanced, fewest_steps
from .streamed import streamed_cost

#: Name of the one sub-accelerator.
ENGINE: Final = "engine"

Values = dict[str, Any]
#: designs simulated, arrays left, cycles of the best
FitProgress = Callable[[int, int, int], None]


def template_spec(template: str, device: str, parameters: Mapping[str, Any]) -> Document:
    """A spec of one engine on a device."""
    engine = {"name": ENGINE, "template": template, "parameters": dict(parameters)}
    return Document(template, {"device": device, "sub_accelerators": [engine]}, {})


def on_device(template: str, device: str, parameters: Mapping[str, Any]) -> Accelerator:
    """A template's design on a device.

    Raises:
        SpecError: there is no such template or device, or a parameter is not legal.
    """
    return parse_spec(template_spec(template, device, parameters), f"{template} on {device}")


def fit(
    graphs: Sequence[LayerGraph],
    template: str,
    device: str,
    given: Mapping[str, Any] | None = None,
    *,
    effort: EffortName = "normal",
    cache: MappingCache | None = None,
    limits: Mapping[str, float] | None = None,
    progress: FitProgress | None = None,
) -> tuple[Accelerator, Result]:
    """The parameters with which networks take the fewest cycles on a device.

    Args:
        given: parameters that are not to be fitted.
        limits: of resources (`dsps`, `bram36`, `uram`, `luts`, `ffs`), where the design may not
            take all of the device.

    Returns:
        The accelerator, and the result with its `fit`.

    Raises:
        SpecError: there is no such template or device, or a parameter is not legal.
        InputError: the template says of no parameter how it is fitted.
        DoesNotFitError: nothing of the template's space fits.
        NoMappingError: a layer has no mapping.
    """
    search = _Fit(
        template,
        device,
        graphs,
        dict(given or {}),
        effort,
        MappingCache() if cache is None else cache,
        dict(limits or {}),
    )
    return search.run(progress)


class _Fit:
    def __init__(
        self,
        template: str,
        device: str,
        graphs: Sequence[LayerGraph],
        given: Values,
        effort: EffortName,
        cache: MappingCache,
        limits: Mapping[str, float],
    ) -> None:
        self.limits = limits
        self.name, self.device, self.graphs, self.given = template, device, graphs, given
        self.template = load_template(template)
        self.effort: EffortName = effort
        self.cache = cache
        free = {name: one for name, one in self.template.fit.items() if name not in given}
        if not self.template.fit:
            raise InputError(
                f"template {template}: expected `fit` with the parameters to choose, found "
                "none; add it, or give parameters with --set and leave out --fit"
            )
        self.axes = {name: one.unrolls for name, one in free.items() if one.unrolls is not None}
        self.choices = {name: one.choices for name, one in free.items() if one.choices}
        self.rest = {name: one.values for name, one in free.items() if one.values}

    def design(self, values: Mapping[str, Any]) -> Accelerator:
        return on_device(self.name, self.device, {**self.given, **values})

    def fits(self, values: Mapping[str, Any]) -> bool:
        try:
            accelerator = self.design(values)
            expect_fit(accelerator)
        except (DoesNotFitError, SpecError):  # too small a buffer for one element is no design
            return False
        taken = accelerator.resources
        return all(getattr(taken, name) <= most for name, most in self.limits.items())

    def run(self, progress: FitProgress | None) -> tuple[Accelerator, Result]:
        arrays = sorted(self.arrays(), key=lambda entry: (entry[0], list(entry[1].values())))
        best: tuple[int, Accelerator, Result, Values] | None = None
        simulated = 0
        lowest = math.inf  # of what is not proven best for its design
        for place, (least, sizes) in enumerate(arrays):
            if best is not None and least >= best[0]:
                lowest = min(lowest, least)
                break
            for values in self.largest(sizes):
                accelerator = self.design(values)
                result = simulate(
                    self.graphs,
                    accelerator,
                    objective="latency",
                    effort=self.effort,
                    cache=self.cache,
                )
                simulated += 1
                if not all(one.optimal for one in result.layers if one.kind == "compute"):
                    lowest = min(lowest, max(least, _bound_of(result)))
                if best is None or result.cycles < best[0]:
                    best = result.cycles, accelerator, result, values
                if progress is not None:
                    progress(simulated, len(arrays) - place, best[0])
        if best is None:
            expect_fit(self.design(self.smallest()))
            raise DoesNotFitError(f"{self.name} on {self.device}: nothing fits within the limits")
        cycles, accelerator, result, values = best
        bound = int(min(lowest, cycles))
        summary = FitSummary(
            values, bound, bound >= cycles, len(arrays), simulated, dict(self.limits)
        )
        return accelerator, replace(result, fit=summary)

    def smallest(self) -> Values:
        lists = {**self.choices, **self.rest}
        return {**dict.fromkeys(self.axes, 1), **{name: v[0] for name, v in lists.items()}}

    def arrays(self) -> Iterator[tuple[int, Values]]:
        """Every size of the array that matters, with a bound of its cycles."""
        lists: dict[str, Sequence[Any]] = dict(self.choices)
        lists |= {name: self.sizes(name, dim) for name, dim in self.axes.items()}
        room = {name: values[-1] for name, values in self.rest.items()}
        for chosen in itertools.product(*lists.values()):
            sizes = dict(zip(lists, chosen, strict=True))
            if not self.fits({**self.smallest(), **sizes}):
                continue
            yield self.bound(self.design({**sizes, **room})), sizes

    def sizes(self, name: str, dim: str) -> list[int]:
        """Of an axis, where a layer's number of steps changes."""
        parameter = self.template.parameter(name)
        most = int(parameter.maximum or 2**20)
        found = {1}
        for graph in self.graphs:
            for layer in graph.compute_layers:
                found.update(balanced(layer.nest[dim], most))  # type: ignore[index]
        return sorted(size for size in found if size >= (parameter.minimum or 1))

    def bound(self, accelerator: Accelerator) -> int:
        """Cycles that no mapping of the networks can beat, whatever the buffers."""
        (sub,) = accelerator.sub_accelerators
        total = 0
        for graph in self.graphs:
            for layer in graph.layers:
                if isinstance(layer, ComputeLayer):
                    total += least_cycles(problem_of(layer, sub, accelerator))
                else:
                    total += streamed_cost(layer, graph, sub, accelerator).cycles
        return total

    def largest(self, sizes: Values) -> Iterator[Values]:
        """The designs of an array that fit and that no other one is at least as large in all of."""
        names = list(self.rest)
        kept: list[tuple[int, ...]] = []
        lists = [self.rest[name] for name in names]
        if not names:
            yield sizes
            return
        # Of every choice of the others the largest first one, by halving: what fits is closed
        # downward.
        for others in itertools.product(*(range(len(v) - 1, -1, -1) for v in lists[1:])):
            if any(all(a >= b for a, b in zip(one[1:], others, strict=True))
                   and one[0] == len(lists[0]) - 1 for one in kept):  # fmt: skip
                continue
            low, high = -1, len(lists[0]) - 1
            while low < high:
                middle = (low + high + 1) // 2
                places = (middle, *others)
                if self.fits({**sizes, **_at(names, lists, places)}):
                    low = middle
                else:
                    high = middle - 1
            if low >= 0:
                kept.append((low, *others))
        for one in kept:
            if not any(
                other != one and all(a >= b for a, b in zip(other, one, strict=True))
                for other in kept
            ):
                yield {**sizes, **_at(names, lists, one)}


def _bound_of(result: Result) -> int:
    """Cycles that its layers take at least on that design, one after the other."""
    return sum(
        math.floor(one.lower_bound) if one.kind == "compute" else one.cycles
        for one in result.layers
    )


def _at(names: Sequence[str], lists: Sequence[Sequence[Any]], places: Sequence[int]) -> Values:
    return {name: values[p] for name, values, p in zip(names, lists, places, strict=True)}


def least_cycles(problem: Problem) -> int:
    """Cycles that no mapping of a nest can beat in any mode of an array, however large its buffers.

    The steps of the best spatial mapping and the skew of every fold, which there is one of for
    every tile of the stationary operand that the innermost buffer does not hold at once; or the
    DRAM with every operand once.
    """
    return min(_least(replace(problem, sub=way)) for way in problem.sub.ways(problem.nest))


def _least(problem: Problem) -> int:
    """In one mode."""
    nest, sub = problem.nest, problem.sub
    steps = fewest_steps(nest, sub) * sub.cycles_per_mac
    folds = 1
    if sub.skew.per == "fold":
        operand = sub.skew.operand
        inner = sub.levels(operand)[0]
        held = (inner.size_bits or math.inf) // problem.bits.of(operand) * sub.instances(inner)
        folds = max(1, math.ceil(nest.elements(operand) / held))
    return max(steps + sub.skew.cycles * folds, roofline(problem).cycles)
