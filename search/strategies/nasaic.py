"""NASAIC: a recurrent policy chooses networks and hardware together (Yang et al., DAC 2020).

An *episode* is one trial: a step in which everything is drawn, then `phi` steps in which networks
stay and hardware is drawn anew. The accuracy is asked for only where a design of the episode meets
the specs (early pruning). The reward of a step is the weighted accuracy less rho times the penalty
of its design; where the accuracy was not asked for it counts as 0, as in the paper.

Totals are kept by repair: of the options of a sub-accelerator that leave enough for the others, the
one nearest to what was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from optuna.trial import FrozenTrial

from ..context import Context, Outcome, Task
from ..hardware.options import Options
from ..hardware.space import Design
from ..spaces.space import Choice, Value
from .controller import Controller, Sample
from .strategy import Strategy


class Nasaic(Strategy):
    """The policy, its samples in flight, and what it learns."""

    name = "nasaic"
    known: ClassVar[dict[str, Any]] = {
        "phi": 10, "hidden": 64, "rate": 0.003, "entropy": 0.001, "discount": 1.0,
    }  # fmt: skip

    def __init__(self, context: Context, most: int | None = None) -> None:
        super().__init__(context, most)
        self.codec = Codec(context)
        self.controller = Controller(
            self.codec.sizes,
            hidden=self.options["hidden"],
            rate=self.options["rate"],
            entropy=self.options["entropy"],
            discount=self.options["discount"],
            seed=self.study.seed,
        )
        self._flying: dict[int, list[Sample]] = {}

    def propose(self, trial: int, choices: Sequence[Choice] | None) -> Task:
        """As `Strategy.propose`: one sample of all decisions, `phi` more of hardware alone."""
        random = np.random.default_rng((self.study.seed, trial))
        first = self.controller.sample(random)
        prefix = first.decisions[: self.codec.prefix]
        samples = [first]
        samples += [self.controller.sample(random, prefix) for _ in range(self.options["phi"])]
        self._flying[trial] = samples
        return Task(
            trial,
            self.keys(self.codec.choices(first.decisions)),
            "given",
            designs=tuple(self.codec.design(sample.decisions) for sample in samples),
        )

    def told(self, outcome: Outcome) -> None:
        """As `Strategy.told`: one step of REINFORCE over the trial's samples."""
        samples = self._flying.pop(outcome.task.trial)
        self.controller.update(samples, self._rewards(outcome))

    def notes(self, outcome: Outcome) -> dict[str, Any]:
        """As `Strategy.notes`: decisions of each sample, and rewards of its steps."""
        samples = self._flying[outcome.task.trial]
        return {
            "decisions": [list(sample.decisions) for sample in samples],
            "rewards": self._rewards(outcome),
        }

    def replay(self, trial: FrozenTrial, notes: dict[str, Any]) -> None:
        """As `Strategy.replay`: the same step, from the notes."""
        samples = [
            Sample(tuple(decisions), 0.0, self.codec.prefix if number else 0)
            for number, decisions in enumerate(notes["decisions"])
        ]
        self.controller.update(samples, notes["rewards"])

    def _rewards(self, outcome: Outcome) -> list[float]:
        """Of every step; a design that cannot be built misses its specs by far."""
        goals, costs = self.study.goals, dict(outcome.looked)
        accuracy = outcome.accuracy or 0.0
        return [
            goals.reward(accuracy, costs[design]) if design in costs else -goals.rho
            for design in outcome.task.designs
        ]


class Codec:
    """Decisions of the policy, and what they mean.

    First the parameters of all networks, then the chip, then for every sub-accelerator the
    alternative and its free values. A sub-accelerator has as many decisions as its alternative
    with most free values, each with as many values as any alternative has there; those of one with
    fewer values are spread over them. Parameters that are not active are drawn and ignored.

    Attributes:
        sizes: values of every decision.
        prefix: how many decisions are about networks.
    """

    def __init__(self, context: Context) -> None:
        self.context, self.space = context, context.study.hardware
        sizes = [
            len(parameter.values)
            for network in context.study.networks
            for parameter in network.space.parameters
        ]
        self.prefix = len(sizes)
        sizes.append(self.space.chips)
        self.slots: list[list[int]] = []
        for sub in self.space.subs:
            most = max(len(one.sizes) for one in sub.alternatives)
            slots = [
                max((one.sizes[n] for one in sub.alternatives if n < len(one.sizes)), default=1)
                for n in range(most)
            ]
            self.slots.append(slots)
            sizes += [len(sub.alternatives), *slots]
        self.sizes = tuple(sizes)

    def choices(self, decisions: Sequence[int]) -> list[Choice]:
        """Of every network."""
        found: list[Choice] = []
        rest = iter(decisions)
        for network in self.context.study.networks:
            values: dict[str, Value] = {
                parameter.name: parameter.values[next(rest)]
                for parameter in network.space.parameters
            }
            found.append(network.space.settled(values))
        return found

    def design(self, decisions: Sequence[int]) -> Design:
        """A design within the totals."""
        rest = iter(decisions[self.prefix :])
        chip = next(rest)
        wanted = []
        for sub, slots in zip(self.space.subs, self.slots, strict=True):
            number = next(rest)
            alternative = sub.alternatives[number]
            drawn = [next(rest) for _ in slots]
            at = [
                value * size // slot
                for value, size, slot in zip(drawn, alternative.sizes, slots, strict=False)
            ]
            local = int(np.ravel_multi_index(tuple(at), alternative.sizes)) if at else 0
            wanted.append(sub.starts[number] + local)
        return Design(chip, self._repaired(chip, wanted))

    def _repaired(self, chip: int, wanted: list[int]) -> tuple[int, ...]:
        tables = self.context.tables(chip)
        every = [table.options for table in tables]
        total = self.space.pes_total
        pes = float("inf") if total is None else float(total)
        part = every[0].dram_bandwidth * (1 + 1e-9) if len(every) > 1 else float("inf")
        found = []
        for number, (options, option) in enumerate(zip(every, wanted, strict=True)):
            after = every[number + 1 :]
            most = (
                pes - sum(float(o.pes[o.legal].min()) for o in after),
                part - sum(float(o.bandwidth[o.legal].min()) for o in after),
            )
            chosen = nearest(options, option, *most)
            pes, part = pes - float(options.pes[chosen]), part - float(options.bandwidth[chosen])
            found.append(chosen)
        return tuple(found)


def nearest(options: Options, option: int, pes: float, bandwidth: float) -> int:
    """The legal option nearest to one, within limits: of its alternative where there is one."""
    fits = options.legal & (options.pes <= pes)
    if np.isfinite(bandwidth):
        fits &= options.bandwidth <= bandwidth
    if fits[option]:
        return option
    alternative, number = options.sub.place(option)
    start = option - number
    rows = start + np.flatnonzero(fits[start : start + len(alternative)])
    if not len(rows):
        rows = np.flatnonzero(fits)
    if not len(rows) or not alternative.free or rows[0] < start:
        return int(rows[0]) if len(rows) else option
    sizes = np.array(alternative.sizes)[:, np.newaxis]
    at = np.array(np.unravel_index(rows - start, alternative.sizes))
    want = np.array(np.unravel_index(number, alternative.sizes))[:, np.newaxis]
    return int(rows[np.argmin((np.abs(at - want) / sizes).sum(axis=0))])
