"""Accuracies predicted from a table, with the error that cross-validation shows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ..spaces.space import Choice, Space
from .accuracy import Accuracy, EvaluationError, Evaluator
from .table import TableEvaluator

if TYPE_CHECKING:
    from lightgbm import Booster

Floats = npt.NDArray[np.float64]

#: Gradient boosting as LightGBM has it by default, but for the size of leaves on small tables.
_SETTINGS: Final[dict[str, Any]] = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.9,
    "bagging_freq": 1,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
}


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """How well networks are predicted that were not learnt from.

    Attributes:
        rmse: root of the mean squared error, in units of accuracy.
        mae: mean absolute error.
        spearman: rank correlation of predicted and known accuracies.
        rows, folds: of the table, and into how many parts it was split.
    """

    rmse: float
    mae: float
    spearman: float
    rows: int
    folds: int


class PredictorEvaluator(Evaluator):
    """Boosted trees on a table, one ensemble for each fold of cross-validation.

    A choice's accuracy is the mean of the ensembles. Its uncertainty joins how far they differ
    with the error of cross-validation, as the root of the sum of squares. A choice that is in the
    table is predicted too: `TableEvaluator` knows it.

    Args:
        table: what to learn from.
        space: whose choices its rows are.
        folds: of cross-validation, at least 2.
        rounds: trees of every ensemble.
        seed: of folds and bagging; equal seeds give equal predictions.

    Raises:
        EvaluationError: the table has too few rows, or LightGBM is not installed.
    """

    def __init__(
        self,
        table: TableEvaluator,
        space: Space,
        *,
        folds: int = 5,
        rounds: int = 400,
        seed: int = 0,
    ) -> None:
        if folds < 2:
            raise EvaluationError(f"predictor: folds: expected at least 2, found {folds}")
        choices = table.choices(space)
        if len(choices) < 4 * folds:
            raise EvaluationError(
                f"predictor on {table.source}: expected at least {4 * folds} rows for {folds} "
                f"folds, found {len(choices)}"
            )
        features = np.array([space.vector(choice) for choice in choices])
        known = np.array([entry.accuracy for entry in table.entries.values()])
        self.space_name, self.names = space.name, space.features
        part = np.random.default_rng(seed).permutation(len(known)) % folds
        predicted = np.empty_like(known)
        self.models: list[str] = []  # LightGBM's text form, which pickles
        for fold in range(folds):
            inside = part != fold
            model = _train(features[inside], known[inside], rounds, seed + fold)
            predicted[~inside] = _predict(model, features[~inside])
            self.models.append(model.model_to_string())
        error = predicted - known
        self.validation = CrossValidation(
            float(np.sqrt(np.mean(error**2))),
            float(np.mean(np.abs(error))),
            spearman(predicted, known),
            len(known),
            folds,
        )
        self.source = (
            f"predicted by LightGBM from {len(known)} rows of {table.source} "
            f"(cross-validated: RMSE {self.validation.rmse:.4f}, "
            f"rank correlation {self.validation.spearman:.3f})"
        )
        self._boosters: list[Booster] = []

    def evaluate(self, space: Space, choice: Choice) -> Accuracy:
        """As `Evaluator.evaluate`, within 0 to 1; its uncertainty is never None."""
        start = time.perf_counter()
        mean, deviation = self.predict(space, [choice])
        value = float(np.clip(mean[0], 0, 1))
        return Accuracy(value, self.source, float(deviation[0]), time.perf_counter() - start)

    def predict(self, space: Space, choices: list[Choice]) -> tuple[Floats, Floats]:
        """Means and standard deviations of many choices at once, each of shape (choices,)."""
        if space.features != self.names:
            raise EvaluationError(
                f"predictor of space {self.space_name}: expected a space with the same "
                f"parameters, found {space.name}"
            )
        if not self._boosters:
            booster = _lightgbm().Booster
            self._boosters = [booster(model_str=model) for model in self.models]
        features = np.array([space.vector(choice) for choice in choices])
        found = np.array([_predict(model, features) for model in self._boosters])
        return found.mean(axis=0), np.hypot(found.std(axis=0), self.validation.rmse)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_boosters": []}


def spearman(one: Floats, other: Floats) -> float:
    """Rank correlation; ties share their mean rank. 0 where one of them is constant."""
    a, b = _ranks(one), _ranks(other)
    if not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks: Floats = ((last - count + 1 + last) / 2)[place]
    return ranks


def _lightgbm() -> Any:
    try:
        import lightgbm  # a second to import
    except ImportError as error:
        raise EvaluationError(
            "predictor: LightGBM is not installed; pip install 'chiploom[predictor]'"
        ) from error
    return lightgbm


def _train(features: Floats, known: Floats, rounds: int, seed: int) -> Booster:
    lightgbm = _lightgbm()
    settings = {**_SETTINGS, "seed": seed, "min_data_in_leaf": max(2, min(20, len(known) // 20))}
    return lightgbm.train(settings, lightgbm.Dataset(features, known), num_boost_round=rounds)


def _predict(model: Booster, features: Floats) -> Floats:
    return np.asarray(model.predict(features, num_threads=1), dtype=np.float64)
