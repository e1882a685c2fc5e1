"""Mapping and cost: the mapper, the analytic model, simulation of whole networks."""

from .bounds import Roofline, roofline
from .cache import CacheCounts, MappingCache
from .cost import Cost, evaluate
from .errors import NoMappingError
from .mapper import Mapped, map_nest
from .mapping import Loop, Mapping, Unroll
from .problem import Problem
from .result import Fidelity, LayerResult, ModelSummary, Objective, Result, SpecSummary
from .scheduling.costs import Progress, Work
from .simulate import simulate
from .sweep import Sweep, SweepCounts, sweep

__all__ = [
    "CacheCounts",
    "Cost",
    "Fidelity",
    "LayerResult",
    "Loop",
    "Mapped",
    "Mapping",
    "MappingCache",
    "ModelSummary",
    "NoMappingError",
    "Objective",
    "Problem",
    "Progress",
    "Result",
    "Roofline",
    "SpecSummary",
    "Sweep",
    "SweepCounts",
    "Unroll",
    "Work",
    "evaluate",
    "map_nest",
    "roofline",
    "simulate",
    "sweep",
]
