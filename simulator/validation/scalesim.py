"""Cycles of systolic arrays without memory stalls, against SCALE-Sim v3.

Both simulate the same machine: a fold loads R rows, streams T operands and takes R + C - 2 more
cycles to fill and drain. Of an output-stationary array SCALE-Sim counts T + R + C - 2 for a fold:
outputs leave R cycles before the last operands have arrived. Here they leave after them, 2R + C +
T - 2, so R cycles a fold are subtracted before comparing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from ...dataflows import SubAccelerator
from ...dataflows.document import parse_document
from ...dataflows.spec import parse_spec
from ...frontend.errors import InputError
from ...frontend.nest import LoopNest, OperandBits
from ..layers import deployed
from ..lowering import lower
from ..mapper import map_nest
from ..packing import execute
from .report import Case, Report
from .tables import number, read_table

COLUMNS: Final = ("layer", "M", "N", "K", "R", "C", "dataflow", "cycles")
SOURCE: Final = (
    "A. Samajdar et al.: SCALE-Sim, 2018, arXiv:1811.02883; version 3.0.0 of the tool run by us"
)
SPEC: Final = """
clock: 1 GHz
technology: {{node: 28 nm}}
dram: {{type: LPDDR4, bandwidth: unlimited}}
sub_accelerators:
  - name: array
    template: systolic-{dataflow}
    parameters:
      rows: {rows}
      columns: {columns}
      scratchpad: 256 MiB
      scratchpad_bandwidth: unlimited
      fill_bandwidth: unlimited
      {outputs}: 64 MiB
    memories:
      {memory}: {{bandwidth: unlimited}}
"""


def run(path: Path | None = None) -> Report:
    """Simulate every row.

    Args:
        path: a table with the columns of the shipped one, or of SCALE-Sim's own
            (`compute_cycles_lines` in place of `cycles`).
    """
    cycles = "cycles"
    if path is not None:
        head = read_table("scalesim.csv", path, COLUMNS[:-1])[0]
        cycles = "cycles" if "cycles" in head else "compute_cycles_lines"
    rows = read_table("scalesim.csv", path, (*COLUMNS[:-1], cycles))
    where = str(path or "scalesim.csv")
    return Report(
        "scalesim",
        "systolic arrays without memory stalls, cycles by SCALE-Sim v3",
        SOURCE,
        tuple(_case(row, cycles, where) for row in rows),
        (
            "os: SCALE-Sim lets outputs leave R cycles before their last operands arrive; R cycles "
            "a fold are subtracted",
        ),
    )


def _case(row: dict[str, str], cycles: str, where: str) -> Case:
    m, n, k, r, c = (int(number(row, column, where)) for column in ("M", "N", "K", "R", "C"))
    dataflow = row["dataflow"]
    if dataflow not in ("ws", "is", "os") or min(m, n, k, r, c) < 1:
        raise InputError(
            f"{where}: expected sizes of at least 1 and a dataflow out of ws, is, os; found {row}"
        )
    found = modelled(m, n, k, r, c, dataflow)
    note = ""
    if dataflow == "os":
        found -= -(-m // r) * -(-n // c) * r
        note = "less R cycles a fold"
    name = f"{row['layer']} {r}x{c} {dataflow}"
    return Case(name, f"cycles ({dataflow})", number(row, cycles, where), float(found), note)


@cache
def array(rows: int, columns: int, dataflow: str) -> SubAccelerator:
    """A systolic array that no memory limits."""
    text = SPEC.format(
        dataflow=dataflow,
        rows=rows,
        columns=columns,
        outputs="output_buffer" if dataflow == "os" else "accumulator",
        memory="output-buffer" if dataflow == "os" else "accumulator",
    )
    (sub,) = parse_spec(parse_document(text, "scalesim"), "scalesim").sub_accelerators
    return sub


def modelled(m: int, n: int, k: int, rows: int, columns: int, dataflow: str) -> int:
    """Cycles of M x K times K x N at `cycle` fidelity, of the fastest mapping."""
    nest = LoopNest((1, 1, n, k, 1, m, 1, 1), input_size=(1, m))
    problem = deployed(nest, OperandBits(8, 8, 8), array(rows, columns, dataflow), 0.0)
    return execute(lower(problem, map_nest(problem, "latency", "normal").mapping)).cycles
