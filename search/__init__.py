"""Co-search: spaces of networks, and where their accuracies come from."""

from __future__ import annotations

from .evaluators import Accuracy, EvaluationError, Evaluator
from .spaces import SPACES, Choice, ChoiceError, Parameter, Space, load_space
from .transforms import OnnxSpace

__all__ = [
    "SPACES",
    "Accuracy",
    "Choice",
    "ChoiceError",
    "EvaluationError",
    "Evaluator",
    "OnnxSpace",
    "Parameter",
    "Space",
    "load_space",
]
