"""Independent checks: a design that a search reports is simulated, with programs executed.

The search costs layers by its tables and schedules by lists. The check maps every layer anew with
the full mapper, executes its tile program cycle by cycle, and schedules with `simulate`. A design
whose specs are missed there is not reported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..frontend.graph import LayerGraph
from ..simulator.cache import MappingCache
from ..simulator.errors import InfeasibleError, NoMappingError, OutOfTimeError
from ..simulator.mapper import EffortName
from ..simulator.result import Fidelity, Result
from ..simulator.simulate import simulate
from .designs import EvaluatedDesign
from .goals import Costs
from .study import Study, costs_of

if TYPE_CHECKING:
    from ..dataflows.accelerator import Accelerator

#: Designs of the front that are checked at most, beside the best one.
MOST = 50
#: Attempts to find a best design that stands.
ATTEMPTS = 20
#: Seconds that a schedule of the check may take.
SCHEDULE = 5.0


def verify(study: Study, progress: Callable[[int], None] | None = None) -> tuple[str, ...]:
    """Check the best design, the next one where it does not stand, and the Pareto front.

    Returns:
        What the user should know.
    """
    notes = []
    for _ in range(ATTEMPTS):
        best = study.best
        if best is None or best.checked_ok:
            break
        notes += check(study, best)
    else:
        notes.append(
            f"the {ATTEMPTS} best designs miss the specs when they are simulated cycle by cycle; "
            "others were not tried"
        )
    for design in study.front()[:MOST]:
        if design.checked_ok is None:
            notes += check(study, design)
    return tuple(notes)


def check(study: Study, design: EvaluatedDesign) -> list[str]:
    """Check one design and keep what comes out; a remark where it does not stand."""
    goals = study.file.goals
    try:
        result = resimulate(study, design)
    except (NoMappingError, InfeasibleError, OutOfTimeError) as error:
        costs = costs_of(design)
        note = f"not confirmed: {error}"
        ok = False
    else:
        costs = Costs(result.cycles, result.energy_pj, result.area_mm2)
        ok = goals.met(costs)
        missed = ", ".join(
            f"{metric} {costs.of(metric):.6g} above {goals.spec(metric):.6g}"
            for metric in goals.missed(costs)
        )
        note = "" if ok else f"refused at cycle fidelity: {missed}"
    study.store.update_check(
        design.number,
        cycles=costs.cycles,
        energy_pj=costs.energy_pj,
        area_mm2=costs.area_mm2,
        ok=ok,
        note=note,
    )
    return [] if ok else [f"design {design.number}: {note}"]


def resimulate(
    study: Study,
    design: EvaluatedDesign,
    *,
    fidelity: Fidelity = "cycle",
    effort: EffortName = "normal",
    cache: MappingCache | None = None,
) -> Result:
    """A design by `simulate`, from its networks and its spec.

    Args:
        effort: of the mapper.
        cache: mappings that several designs share.

    Raises:
        NoMappingError: a layer fits no sub-accelerator.
    """
    graphs, accelerator = study.graphs(design), study.accelerator(design)
    return simulated(study, graphs, accelerator, fidelity, effort, cache)


def simulated(
    study: Study,
    graphs: list[LayerGraph],
    accelerator: Accelerator,
    fidelity: Fidelity,
    effort: EffortName = "normal",
    cache: MappingCache | None = None,
) -> Result:
    """Networks on a design, with the study's mapping objective; least energy within the latency
    spec where there is one and it can be met, else the least latency."""
    run = partial(
        simulate,
        graphs,
        accelerator,
        objective=study.file.settings.objective,
        fidelity=fidelity,
        effort=effort,
        cache=cache,
    )
    limit = study.file.goals.specs.get("latency")
    if len(accelerator.sub_accelerators) == 1:
        return run()
    bound = None if limit is None else int(limit)
    try:
        return run(schedule="hap", latency_bound=bound, seconds=SCHEDULE)
    except InfeasibleError:
        return run(schedule="list")
