"""What a strategy is: it proposes networks and hardware, and learns from what became of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from ...frontend.errors import InputError
from ..context import Context, Networks, Outcome, Task
from ..spaces.space import Choice


class Strategy(ABC):
    """Proposes tasks, one for every trial.

    A strategy follows from the study, the seed and the trials that were told: after an interruption
    it is built anew, and told them again (`replay`). What is random in trial n comes from the seed
    and n alone, so that the number of workers makes no difference.

    Args:
        context: of the study, in the main process.
        most: trials of the whole study, None where only time ends it.

    Attributes:
        name: as study files call it.
        known: its options, and what they are without being given.
    """

    name: ClassVar[str]
    known: ClassVar[dict[str, Any]] = {}

    def __init__(self, context: Context, most: int | None = None) -> None:
        self.context, self.study, self.most = context, context.study, most
        self.options = {**self.known, **self.study.options}
        unknown = sorted(set(self.study.options) - set(self.known))
        if unknown:
            expected = ", ".join(self.known) or "none"
            raise InputError(
                f"{self.study.path}: options: strategy {self.name} has no option "
                f"{', '.join(unknown)}; expected {expected}"
            )

    def sampler(self, seed: int) -> BaseSampler | None:
        """What Optuna samples the parameters of a trial with; None where it does not."""
        return None

    @abstractmethod
    def propose(self, trial: int, choices: Sequence[Choice] | None) -> Task:
        """The task of a trial.

        Args:
            choices: of networks, where Optuna sampled them.
        """

    def at_once(self, trial: int, count: int) -> int:
        """How many trials from this one on, of `count`, can be proposed before any is told."""
        return count

    def told(self, outcome: Outcome) -> None:  # noqa: B027
        """Learn from an outcome; outcomes are told in the order of trials."""

    def replay(self, trial: FrozenTrial, notes: dict[str, Any]) -> None:  # noqa: B027
        """Learn from a trial that was told before an interruption; notes as of `notes`."""

    def notes(self, outcome: Outcome) -> dict[str, Any]:
        """What `replay` needs, as JSON."""
        return {}

    def seed(self, trial: int) -> int:
        """Of what is random in a trial."""
        return int(np.random.SeedSequence((self.study.seed, trial)).generate_state(1)[0])

    def keys(self, choices: Sequence[Choice]) -> Networks:
        """The keys of choices, one for each network of the study."""
        return self.context.networks(choices)
