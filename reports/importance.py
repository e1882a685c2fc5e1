"""How much each decision of a study matters to each metric.

Permutation importance (L. Breiman, Machine Learning 45, 2001) of a LightGBM regressor: the model
learns a metric from the parameters of four fifths of the designs; then a parameter's values are
shuffled among the other fifth, and what the model's error grows by is the parameter's share. How
well the model tells designs that it has not seen (R²) says how far the shares can be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from .study_data import Parameter, StudyData

    Reals = npt.NDArray[np.float64]

#: A model of fewer designs says little; of more, as many at even distances say as much.
LEAST: Final = 40
MOST: Final = 2500
_ROUNDS: Final = 120
_SHUFFLES: Final = 2
_FORM: Final = {
    "objective": "regression",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 3,
    "verbosity": -1,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # sums in one order: equal designs, equal shares
}


@dataclass(frozen=True, slots=True)
class Importance:
    """Of all varying parameters for one metric.

    Attributes:
        metric: its key.
        shares: by parameter; they sum to 1, or are all 0 where the model learned nothing.
        score: R² on designs that the model has not seen.
        designs: that the metric is known of.
    """

    metric: str
    shares: dict[str, float]
    score: float
    designs: int


def importances(data: StudyData) -> tuple[Importance, ...]:
    """For accuracy, latency, energy and area, where enough designs have them.

    Costs are learned as logarithms, since they span decades. Equal networks have one accuracy, so
    they count once for it, and hardware does not enter.
    """
    varying = [one for one in data.parameters if one.varies]
    networks = {network.name for network in data.file.networks}
    found = []
    for metric in ("accuracy", "latency", "energy", "area"):
        values = data.values[metric]
        items = [item for item, value in enumerate(values) if value is not None]
        chosen = varying
        if metric == "accuracy":
            chosen = [one for one in varying if one.name.partition(".")[0] in networks]
            items = _distinct(chosen, items)
        if len(items) < LEAST or not chosen or len({values[item] for item in items}) < 2:
            continue
        items = [items[n * len(items) // MOST] for n in range(MOST)] if len(items) > MOST else items
        target = np.array([values[item] for item in items], dtype=np.float64)
        if metric != "accuracy":
            target = np.log(np.maximum(target, 1e-30))
        features = np.array([one.codes for one in chosen], dtype=np.float64).T[items]
        shares, score = _permuted(features, target)
        named = dict(zip((one.name for one in chosen), shares, strict=True))
        found.append(Importance(metric, named, score, len(items)))
    return tuple(found)


def _distinct(parameters: Sequence[Parameter], items: Sequence[int]) -> list[int]:
    """The first item of each choice."""
    first: dict[tuple[int, ...], int] = {}
    for item in items:
        first.setdefault(tuple(one.codes[item] for one in parameters), item)
    return list(first.values())


def _permuted(features: Reals, target: Reals) -> tuple[list[float], float]:
    """Shares of the columns, and R².

    Args:
        features: designs x parameters.
        target: the metric of each design.
    """
    import lightgbm

    random = np.random.default_rng(0)
    order = random.permutation(len(target))
    held, learned = order[: len(order) // 5], order[len(order) // 5 :]
    model = lightgbm.train(
        _FORM, lightgbm.Dataset(features[learned], target[learned]), num_boost_round=_ROUNDS
    )

    def error(rows: Reals) -> float:
        return float(np.mean((np.asarray(model.predict(rows, num_threads=1)) - target[held]) ** 2))

    base, spread = error(features[held]), float(np.var(target[held]))
    grown = []
    for column in range(features.shape[1]):
        rows, total = features[held].copy(), 0.0
        for _ in range(_SHUFFLES):
            rows[:, column] = random.permutation(rows[:, column])
            total += error(rows) - base
        grown.append(max(0.0, total / _SHUFFLES))
    whole = sum(grown)
    shares = [one / whole if whole else 0.0 for one in grown]
    return shares, 1 - base / spread if spread else 0.0
