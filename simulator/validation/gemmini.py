"""Cycles of Gemmini's RTL, run layer by layer by published tile loops.

**The runs.** A mapping in Timeloop's notation gives the loops over the DRAM's tiles (`L3`); every
iteration of them is one call of Gemmini's tiled loop. What is inside a call its hardware decides:
the array takes the weights of a 16 x 16 block, streams the tile's pixels through it and goes on
to the next block. So of the inner levels only the tile counts, not the order of their loops.

**The software.** A call knows nothing of the one before: inputs and weights are loaded anew in
every iteration, also where they are the same (`Mapping.reload`). Calls accumulate in place and
outputs are stored once, by the call that completes them: nothing comes back. Memory holds the
tile of one call twice, two calls overlap.

**The machine** (`gemmini.yaml`) is gemmini-16x16 with what is around it in these runs: the
memory side of FireSim's SoC, and the unit that unrolls a call's loops into commands.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from ...dataflows import SubAccelerator, load_spec
from ...frontend.errors import InputError
from ...frontend.nest import DIMS, Dim, LoopNest, OperandBits
from ..cost import Evaluation
from ..layers import deployed
from ..lowering import lower
from ..mapping import Loop, Mapping, Unroll, check
from ..packing import execute
from ..program import REDUCED, Instruction, Program, TileLoop, Transfer
from .report import Case, Report
from .tables import number, read_table

SOURCE: Final = (
    "C. Hong et al.: DOSA, MICRO 2023; RTL cycles by FireSim, github.com/ucb-bar/dosa, BSD-2-Clause"
)
#: Timeloop's dims; P, Q are output columns and rows.
NAMES: Final[dict[str, Dim]] = {
    "N": "B",
    "C": "C",
    "K": "K",
    "P": "OX",
    "Q": "OY",
    "R": "FX",
    "S": "FY",
}
SIZES: Final = tuple(
    f"prob.{name}" for name in (*NAMES, "Hstride", "Wstride", "Hdilation", "Wdilation")
)
COLUMNS: Final = (
    "mapping.mapping",
    "arch.mem1_depth",
    "arch.mem2_depth",
    *SIZES,
    "rtl_cycle",
)
#: Loops of a call, innermost first: pixels stream through a block of weights.
CALL: Final[tuple[Dim, ...]] = ("OX", "OY", "B", "FX", "FY", "C", "K")
STREAMED: Final = 3  # of them, inside the weights of a block


def run(path: Path | None = None) -> Report:
    """Execute every row.

    Args:
        path: a table with the columns of the shipped one.

    Raises:
        InputError: a row's mapping cannot be read or does not run.
    """
    where = str(path or "gemmini.csv")
    rows = read_table("gemmini.csv", path, COLUMNS)
    return Report(
        "gemmini",
        "layers on Gemmini's RTL by published tile loops",
        SOURCE,
        tuple(case for row in rows for case in _cases(row, where)),
        ("`cycles` are all rows, the other quantities the same rows by class of layer",),
    )


def _cases(row: dict[str, str], where: str) -> list[Case]:
    size = {column: int(number(row, column, where)) for column in SIZES}
    text = row["mapping.mapping"]
    nest = layer(size)
    depths = [int(number(row, f"arch.mem{n}_depth", where)) for n in (1, 2)]
    try:
        modelled = float(cycles(nest, text, depths[0], depths[1]))
    except ValueError as error:
        raise InputError(f"{where}: {text}: {error}") from None
    published = number(row, "rtl_cycle", where)
    name = f"{layer_name(nest)}: {text}"
    return [Case(name, quantity, published, modelled) for quantity in ("cycles", kind(nest))]


def layer_name(nest: LoopNest) -> str:
    """`C64 K256 56x56 1x1`: channels, outputs, filter."""
    outputs, taps = f"{nest['OX']}x{nest['OY']}", f"{nest['FX']}x{nest['FY']}"
    return f"C{nest['C']} K{nest['K']} {outputs} {taps}"


def kind(nest: LoopNest) -> str:
    """Class of a layer, by what is particular about it on this machine."""
    if nest["C"] < 16:
        return "cycles (C < 16)"
    if nest["K"] < 16:
        return "cycles (K < 16)"
    if nest["OY"] == nest["FX"] == nest["FY"] == 1:
        return "cycles (product)"
    stride = " stride 2" if max(nest.stride) > 1 else ""
    return f"cycles ({nest['FX']}x{nest['FY']}{stride})"


def layer(size: dict[str, int]) -> LoopNest:
    """The loop nest of a row; its inputs hold their padding."""
    dims = {dim: size[f"prob.{name}"] for name, dim in NAMES.items()}
    stride = size["prob.Hstride"], size["prob.Wstride"]
    dilation = size["prob.Hdilation"], size["prob.Wdilation"]
    return LoopNest(
        tuple(dims.get(dim, 1) for dim in DIMS),  # type: ignore[arg-type]
        stride=stride,
        dilation=dilation,
        input_size=(
            (dims["OY"] - 1) * stride[0] + (dims["FY"] - 1) * dilation[0] + 1,
            (dims["OX"] - 1) * stride[1] + (dims["FX"] - 1) * dilation[1] + 1,
        ),
    )


def cycles(nest: LoopNest, text: str, accumulator: int, scratchpad: int) -> int:
    """Cycles of a layer by a mapping in Timeloop's notation.

    Args:
        accumulator, scratchpad: rows of a call's tile, of 16 partial sums and 16 operands.

    Raises:
        ValueError: the mapping cannot be read, or is none of the layer.
    """
    sub = machine(accumulator, scratchpad)
    mapping = tiled(nest, text)
    found = check(mapping, nest, sub)
    if found:
        raise ValueError("; ".join(found))
    problem = deployed(nest, OperandBits(8, 8, 8), sub, 0.0)
    memory, short = Evaluation(problem, mapping).capacity()
    if memory is not None:
        raise ValueError(f"{memory}: expected {short} bit more, for its tiles")
    return execute(accumulated(lower(problem, mapping))).cycles


@cache
def machine(accumulator: int, scratchpad: int) -> SubAccelerator:
    """Gemmini with memories that hold a call's tile twice."""
    (sub,) = load_spec(Path(__file__).with_name("gemmini.yaml")).sub_accelerators
    sizes = {"accumulator": 2 * accumulator * 16 * 32, "scratchpad": 2 * scratchpad * 16 * 8}
    return replace(
        sub,
        memories=tuple(replace(m, size_bits=sizes.get(m.name, m.size_bits)) for m in sub.memories),
    )


def tiled(nest: LoopNest, text: str) -> Mapping:
    """The mapping of Gemmini's software: loops over calls as written, and a call's own loops."""
    levels = [_factors(part) for part in text.split(" - ")]
    if len(levels) < 2 or not text.startswith("L3"):
        raise ValueError("expected levels L3 to L0, outermost first")
    unrolled: dict[Dim, int] = {}
    tile: dict[Dim, int] = dict.fromkeys(CALL, 1)
    for dim, factor, spatial in (entry for level in levels[1:] for entry in level):
        if spatial:
            unrolled[dim] = unrolled.get(dim, 1) * factor
        else:
            tile[dim] *= factor
    outer = [Loop(dim, factor) for dim, factor, _ in reversed(levels[0]) if factor > 1]
    inside = len(CALL)
    reduced = next((n for n, loop in enumerate(outer) if loop.dim not in REDUCED), len(outer))
    return Mapping(
        tuple(
            Unroll("column" if dim == "K" else "row", dim, factor)
            for dim, factor in unrolled.items()
        ),
        (*(Loop(dim, tile[dim]) for dim in CALL), *outer),
        ((STREAMED, inside), (inside,), (inside + reduced,)),
        ((True, True), (True,), (True,)),
        reload=True,
    )


def _factors(part: str) -> list[tuple[Dim, int, bool]]:
    """`L1[O] K2 C16X` as (dim, factor, whether side by side)."""
    found: list[tuple[Dim, int, bool]] = []
    for word in part.split()[1:]:
        match = re.fullmatch(r"([NCKPQRS])(\d+)(X?)", word)
        if match is None:
            raise ValueError(f"expected loops such as `K2` or `C16X`, found {word!r}")
        found.append((NAMES[match[1]], int(match[2]), bool(match[3])))
    return found


def accumulated(program: Program) -> Program:
    """The same where partial sums stay: none come back, only complete ones are stored."""

    def kept(item: Instruction | TileLoop) -> Instruction | TileLoop:
        if isinstance(item, TileLoop):
            return replace(item, body=tuple(map(kept, item.body)))
        if isinstance(item, Transfer) and item.op == "refill":
            return replace(item, op="zero")
        if isinstance(item, Transfer) and item.op == "store":
            final = program.problem.bits.O
            return replace(item, widths=(0, 0), last_widths=(final, final))
        return item

    return replace(program, body=tuple(map(kept, program.body)))
