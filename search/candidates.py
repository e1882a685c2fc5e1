"""The networks of a study in the order of their accuracies, where those are known in advance."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..frontend.errors import InputError
from .evaluators import Evaluator, PredictorEvaluator, TableEvaluator
from .spaces.space import Choice, ChoiceError, Space
from .study_accuracy import WholeSpaceEvaluator
from .study_file import NetworkStudy

Reals = npt.NDArray[np.float64]

#: Networks of one task at most whose accuracies are all told in advance.
MOST: Final = 1_000_000
#: Networks of one task at most whose layers are all bounded; of more, some are left out.
BOUNDED: Final = 8_000


@dataclass(frozen=True, eq=False)
class Candidates:
    """All networks of one task, the most accurate first.

    Attributes:
        keys: of the choices. accuracy: (keys,), weighted.
        dropped: the largest accuracy of a network that was left out, weighted.
    """

    keys: tuple[str, ...]
    accuracy: Reals
    dropped: float = -np.inf


def candidates(network: NetworkStudy) -> Candidates | None:
    """None where their accuracies cannot be told in advance."""
    space, evaluator = network.space, network.evaluator
    if space.size == 1 and evaluator is None:
        (choice,) = space.choices()
        return Candidates((space.encode(choice),), np.zeros(1))
    if evaluator is None or space.size > MOST:
        return None
    inner, whole = _inside(evaluator, space)
    if isinstance(inner, TableEvaluator):
        keys = [key for key in inner.entries if _is_choice(space, key)]
        accuracy = np.array([inner.entries[key].accuracy for key in keys])
    elif isinstance(inner, PredictorEvaluator):
        choices = list(space.choices())
        accuracy = np.clip(inner.predict(whole, choices)[0], 0, 1)
        if len(choices) > BOUNDED:
            kept = _thinned(space, choices, accuracy)
            gone = np.delete(accuracy, kept)
            keys = [space.encode(choices[n]) for n in kept]
            return _sorted(network, keys, accuracy[kept], float(gone.max()))
        keys = [space.encode(choice) for choice in choices]
    else:
        return None
    if not keys:
        raise InputError(
            f"network {network.name}: expected accuracies of networks that the study allows, found "
            "none in the table"
        )
    return _sorted(network, keys, accuracy)


def _sorted(
    network: NetworkStudy, keys: Sequence[str], accuracy: Reals, dropped: float = -np.inf
) -> Candidates:
    order = np.lexsort((np.array(keys), -accuracy))
    return Candidates(
        tuple(keys[n] for n in order), network.weight * accuracy[order], network.weight * dropped
    )


def _thinned(space: Space, choices: Sequence[Choice], accuracy: Reals) -> npt.NDArray[np.intp]:
    """Numbers of `BOUNDED` choices: half of them the most accurate; the others, of every level of
    accuracy, those of the smallest values, which as a rule cost least."""
    ordered = [p for p in space.parameters if p.kind == "ordered"]
    size = np.array(
        [sum(p.values.index(c[p.name]) for p in ordered if p.name in c) for c in choices]
    )
    best = np.lexsort((size, -accuracy))
    kept = set(best[: BOUNDED // 2].tolist())
    levels = np.digitize(accuracy, np.quantile(accuracy, np.linspace(0, 1, 101)[1:-1]))
    for level in range(100):
        mine = np.flatnonzero(levels == level)
        smallest = mine[np.argsort(size[mine], kind="stable")]
        kept.update(smallest[: BOUNDED // 200].tolist())
    return np.array(sorted(kept))


def _inside(evaluator: Evaluator, space: Space) -> tuple[Evaluator, Space]:
    if isinstance(evaluator, WholeSpaceEvaluator):
        return evaluator.evaluator, evaluator.whole
    return evaluator, space


def _is_choice(space: Space, key: str) -> bool:
    try:
        space.validate(space.decode(key))
    except ChoiceError:
        return False
    return True


def in_order(values: Sequence[Reals]) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Every combination of places, the largest sum of values first; each list falls."""
    start = tuple(0 for _ in values)
    heap = [(-sum(float(v[0]) for v in values), start)]
    seen = {start}
    while heap:
        total, places = heapq.heappop(heap)
        yield -total, places
        for n, value in enumerate(values):
            if places[n] + 1 < len(value):
                moved = (*places[:n], places[n] + 1, *places[n + 1 :])
                if moved not in seen:
                    seen.add(moved)
                    found = sum(float(v[p]) for v, p in zip(values, moved, strict=True))
                    heapq.heappush(heap, (-found, moved))
