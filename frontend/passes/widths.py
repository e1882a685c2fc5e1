"""Deploy the whole network at one width (`--bits N`).

Requires and keeps: `typed`. Indices, masks and text keep theirs.
"""

from __future__ import annotations

from dataclasses import replace

from ..element_types import NOT_DATA
from ..errors import InputError
from ..program import Program, TensorType, program_pass


@program_pass(requires=("typed",), ensures=("typed",))
def override_widths(program: Program, bits: int) -> Program:
    """Every tensor of data at `bits` bits per element."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 64:
        raise InputError(f"bits: expected a width from 1 to 64, found {bits!r}")
    types = {
        name: type_ if type_.element in NOT_DATA else TensorType(type_.shape, type_.element, bits)
        for name, type_ in program.types.items()
    }
    return replace(program, types=types).with_notes(f"all data deployed at {bits} bits")
