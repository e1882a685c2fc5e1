"""What an accuracy evaluator is: a space's choice in, an accuracy with its origin out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from ...frontend.errors import InputError
from ..spaces.space import Choice, Space


class EvaluationError(InputError):
    """A choice whose accuracy cannot be told: where, what was expected, what was found."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How good a network is at its task.

    Attributes:
        value: share of right answers, or mean intersection over union; 0 to 1.
        source: where the number comes from, in words.
        uncertainty: standard deviation of the value, as far as the evaluator knows it; None where
            it knows nothing.
        seconds: of wall time that it took to find.
    """

    value: float
    source: str
    uncertainty: float | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 1:
            raise EvaluationError(
                f"{self.source}: expected an accuracy from 0 to 1, found {self.value}"
            )
        if self.uncertainty is not None and not self.uncertainty >= 0:
            raise EvaluationError(
                f"{self.source}: expected an uncertainty of at least 0, found {self.uncertainty}"
            )


class Evaluator(ABC):
    """Tells accuracies. An evaluator is picklable, so that workers can have their own."""

    @abstractmethod
    def evaluate(self, space: Space, choice: Choice) -> Accuracy:
        """The accuracy of a choice.

        Raises:
            ChoiceError: the space has no such choice.
            EvaluationError: its accuracy cannot be told.
        """
