"""Where a study's accuracies come from, in words."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from ..frontend.errors import InputError
from .study import Study
from .study_accuracy import AccuracySource, shipped_tables

#: Key of the store's texts under which they are kept.
_KEY: Final = "origins"


@dataclass(frozen=True, slots=True)
class Origin:
    """Of one network's accuracies.

    Attributes:
        network: its name in the study.
        source: in words.
        proxy: they come from a table that is shipped with chiploom, which stands in for the
            network's own task: small datasets, small images, few epochs.
    """

    network: str
    source: str
    proxy: bool


def origins(study: Study) -> tuple[Origin, ...]:
    """Of the networks whose accuracies count, in the study's order.

    To tell may take seconds, since a predictor has to be fitted; so the answer is kept with the
    study, and is there also where the tables no longer are.
    """
    kept = study.store.meta(_KEY)
    if kept is not None:
        try:
            return tuple(Origin(**one) for one in json.loads(kept))
        except (TypeError, ValueError) as error:
            path = study.store.path
            raise InputError(f"{path}: the sources of its accuracies are damaged") from error
    found, complete = [], True
    for network in study.file.networks:
        if network.source is None:
            continue
        try:
            source = str(getattr(network.evaluator, "source", "") or "a program")
        except InputError as error:
            source, complete = f"cannot be told any more: {error}", False
        found.append(Origin(network.name, source, is_proxy(network.source)))
    if complete:
        study.store.put_meta(_KEY, json.dumps([asdict(one) for one in found]))
    return tuple(found)


def is_proxy(source: AccuracySource) -> bool:
    """Whether accuracies rest on a table that is shipped with chiploom."""
    model = source.model
    table = model.predictor.table if model.predictor is not None else model.table
    return table is not None and table.file in shipped_tables()
