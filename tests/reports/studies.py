"""Studies that a report has to stand: made up ones whose numbers are known, and hostile names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chiploom.search.context import Outcome, Task
from chiploom.search.goals import Costs
from chiploom.search.hardware.space import Design
from chiploom.search.study import Study, create_study
from chiploom.search.study_file import load_study

from ..search import tiny_study


def made_up(folder: Path, name: str = "study", *, trials: int = 4, each: int = 3) -> Study:
    """A study of costs and accuracies that follow from the choice by a simple rule. Its paths
    are relative: the test works in `folder`."""
    file = load_study(tiny_study.write(folder, name=name).relative_to(folder))
    study = create_study(file, f"{name}.db")
    random = np.random.default_rng(7)
    for number in range(trials):
        trial = study.trials.ask()
        choices = [network.space.sample(random) for network in file.networks]
        networks = study.context.networks(choices)
        looked = []
        for n in range(each):
            place = number * each + n
            first, second = map(len, file.hardware.subs)
            # Even options of the second have the DRAM's smaller part: both fit beside each other.
            options = (place % first, place * 5 % second // 2 * 2)
            costs = Costs(
                cycles=5000 + 250 * number + 150 * (place % 5),
                energy_pj=1.0e6 + 3e4 * (place * 7 % 11),
                area_mm2=0.1 + 0.01 * (place * 3 % 12),
            )
            looked.append((Design(0, options), costs))
        best = min(range(each), key=lambda n: file.goals.rank(looked[n][1]))
        accuracy = 0.6 + 0.05 * number
        named = {network.name: accuracy for network in file.networks}
        task = Task(number, networks, "random")
        study.tell(trial, Outcome(task, tuple(looked), best, named, accuracy), {})
    return study
