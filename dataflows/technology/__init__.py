"""Energy, area and leakage from published figures, for what a spec does not give itself."""

from .arithmetic import (
    LEAST_BFLOAT,
    Register,
    Unit,
    horowitz,
    mac,
    node_factor,
    register,
    vector_lane,
)
from .dram import DramTiming, dram, dram_timing, dram_types
from .external import Refused, Unavailable, find_package
from .sram import Macro, sram
from .wires import wire_energy, wire_source

__all__ = [
    "LEAST_BFLOAT",
    "DramTiming",
    "Macro",
    "Refused",
    "Register",
    "Unavailable",
    "Unit",
    "dram",
    "dram_timing",
    "dram_types",
    "find_package",
    "horowitz",
    "mac",
    "node_factor",
    "register",
    "sram",
    "vector_lane",
    "wire_energy",
    "wire_source",
]
