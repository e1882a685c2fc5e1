"""Mapping and cost: the mapper, the analytic model, simulation of whole networks."""

from .bounds import Roofline, roofline
from .cost import Cost, evaluate
from .errors import NoMappingError
from .mapper import Mapped, map_nest
from .mapping import Loop, Mapping, Unroll
from .problem import Problem
from .result import Fidelity, LayerResult, ModelSummary, Objective, Result, SpecSummary
from .simulate import Progress, simulate

__all__ = [
    "Cost",
    "Fidelity",
    "LayerResult",
    "Loop",
    "Mapped",
    "Mapping",
    "ModelSummary",
    "NoMappingError",
    "Objective",
    "Problem",
    "Progress",
    "Result",
    "Roofline",
    "SpecSummary",
    "Unroll",
    "evaluate",
    "map_nest",
    "roofline",
    "simulate",
]
