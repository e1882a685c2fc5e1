"""Energy, area and leakage from published figures, for what a spec does not give itself."""

from .arithmetic import Register, Unit, mac, node_factor, register, vector_lane
from .dram import dram_types
from .sram import Macro, sram
from .wires import wire_energy

__all__ = [
    "Macro",
    "Register",
    "Unit",
    "dram_types",
    "mac",
    "node_factor",
    "register",
    "sram",
    "vector_lane",
    "wire_energy",
]
