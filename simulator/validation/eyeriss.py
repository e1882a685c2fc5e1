"""The Eyeriss chip: its own mappings, executed cycle by cycle, against measurements on silicon.

A processing pass of the chip keeps p*t filters x q*r channels in the scratchpads and runs n images
of one strip of e output rows (Table III of the paper names these, and m, the filters whose partial
sums lie in the global buffer). As loops, outermost first:

    OY B(N/n) G K(M/m) [buffer:O] C(C/qr) [buffer:I] K(m/pt) [filter spad] B(n) OX [input spad]
    K(p) [psum spad] C(q) FX | row: FY OY C(r) K, column: OY K

A set of R x e PEs that is wider than the array is folded: OY lies on both axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from ...dataflows import Accelerator, SubAccelerator, load_spec
from ...frontend.errors import InputError
from ...frontend.nest import DIMS, OPERANDS, Dim, LoopNest, OperandBits
from ..cost import Evaluation
from ..layers import leakage_per_cycle
from ..lowering import lower
from ..mapping import Loop, Mapping, Unroll, check
from ..packing import execute
from ..problem import Problem
from .report import Case, Report
from .tables import number, read_table

SOURCE: Final = (
    "Y.-H. Chen, T. Krishna, J. Emer, V. Sze: Eyeriss, IEEE JSSC 52(1), 2017, Tables III, V, VI"
)
#: Of a convolution: groups, filters and channels of one group, filter size, stride, padded input
#: size, output size, batch; then the parameters of its mapping.
SHAPE: Final = ("G", "M", "C", "R", "U", "H", "F", "N")
MAPPED: Final = ("m", "n", "e", "p", "q", "r", "t")
WORD: Final = 16
BITS_PER_MB: Final = 8e6
#: Zeros among outputs whose share is not published, as a pooling layer follows.
TYPICAL_ZEROS: Final = 0.5
NOTES: Final = (
    "processing latency leaves the exchange with the DRAM out: neither it nor the buffer's side of "
    "it limits here",
    "first psums: the chip also reads the buffer for sums that start from zero; executed programs "
    "do not",
    "DRAM: measured after run-length coding, of which the tile programs know nothing; coded by the "
    "published share of zeros z, a word takes (1 - z) 64/48 of itself, 1 at most",
    "inferred mapping: not published, chosen in sight of the measured rows; a check of consistency",
    "power: core without clock tree and control, no data gating",
)


@dataclass(frozen=True, slots=True)
class Layer:
    """A row of the table. Upper case as in `SHAPE`, lower case as in `MAPPED`.

    Attributes:
        pad: rows and columns of zeros that H has on each side.
    """

    name: str
    G: int
    M: int
    C: int
    R: int
    U: int
    H: int
    F: int
    N: int
    m: int
    n: int
    e: int
    p: int
    q: int
    r: int
    t: int
    pad: int = 0

    def nest(self, *, padded: bool) -> LoopNest:
        """The loops. The buffer holds inputs with their padding, the DRAM without."""
        sizes = (self.N, self.G, self.M, self.C, self.F, self.F, self.R, self.R)
        pad = 0 if padded else self.pad
        size = self.H - 2 * pad
        stride = (self.U, self.U)
        return LoopNest(sizes, stride, pad=(pad, pad), input_size=(size, size))


@dataclass(frozen=True, slots=True)
class Found:
    """What a layer's tile program does: ms; PEs; MB; mW.

    Attributes:
        buffer: as executed; with_first: with a read of every first partial sum.
        dram: megabytes of W, I, O.
    """

    ms: float
    pes: int
    buffer: float
    with_first: float
    dram: tuple[float, float, float]
    power: float


def run(path: Path | None = None) -> Report:
    """Execute every layer of the table.

    Args:
        path: a table with at least the columns `layer`, `SHAPE` and `MAPPED`; `network`, `pad`,
            `mapping` (`published` or `inferred`) and the figures `ms`, `active_pes`, `buffer_mb`,
            `dram_mb`, `zeros_in`, `zeros_out`, `power_mw` where they are known.
    """
    rows = read_table("eyeriss.csv", path, ("layer", *SHAPE, *MAPPED))
    where = str(path or "eyeriss.csv")
    return Report(
        "eyeriss",
        "the Eyeriss chip at 200 MHz, its mappings executed",
        SOURCE,
        tuple(case for row in rows for case in _cases(row, where)),
        NOTES,
    )


def _cases(row: dict[str, str], where: str) -> list[Case]:
    layer = _layer(row, where)
    found = measure(layer, where)
    given = {
        column: number(row, column, where)
        for column in ("ms", "active_pes", "buffer_mb", "dram_mb", "power_mw")
        if row.get(column)
    }
    coded = _coded(found.dram, row, where)
    outputs = " (zeros of outputs assumed)" if not row.get("zeros_out") else ""
    columns = [
        ("latency, ms", "ms", found.ms, ""),
        ("active PEs", "active_pes", float(found.pes), ""),
        ("buffer, MB", "buffer_mb", found.buffer, ""),
        ("buffer, MB, first psums read", "buffer_mb", found.with_first, ""),
        ("DRAM, MB, not coded", "dram_mb", sum(found.dram), "measured: coded"),
    ]
    if row.get("zeros_in"):
        columns.append(("DRAM, MB, coded", "dram_mb", coded, f"by published zeros{outputs}"))
    columns.append(("power, mW", "power_mw", found.power, ""))
    kind = " (inferred mapping)" if row.get("mapping") == "inferred" else ""
    return [
        Case(layer.name, quantity + kind, given[column], value, note)
        for quantity, column, value, note in columns
        if column in given
    ]


def _layer(row: dict[str, str], where: str) -> Layer:
    values = {column: int(number(row, column, where)) for column in (*SHAPE, *MAPPED)}
    pad = int(number(row, "pad", where)) if row.get("pad") else 0
    name = " ".join(filter(None, (row.get("network"), row["layer"])))
    if min(values.values()) < 1 or pad < 0:
        raise InputError(f"{where}: {name}: expected sizes of at least 1, found {row}")
    if values["N"] % values["n"]:
        raise InputError(f"{where}: {name}: expected n to divide N, found {row}")
    return Layer(name, **values, pad=pad)


def coded_share(zeros: float) -> float:
    """Bits of a word after run-length coding, as a share.

    64 bit hold three runs of zeros (5 bit) with the word that follows (16 bit), and a flag.
    """
    return min(1.0, (1 - zeros) * 64 / (3 * WORD))


def _coded(dram: tuple[float, float, float], row: dict[str, str], where: str) -> float:
    """MB with inputs and outputs coded; weights are not."""
    if not row.get("zeros_in"):
        return sum(dram)
    zeros_out = number(row, "zeros_out", where) if row.get("zeros_out") else TYPICAL_ZEROS
    weights, inputs, outputs = dram
    zeros_in = number(row, "zeros_in", where)
    return weights + inputs * coded_share(zeros_in) + outputs * coded_share(zeros_out)


@cache
def chip() -> Accelerator:
    """`eyeriss` with the buses of its network, as the paper states them, and no DRAM to wait for.

    * Inputs come over a bus of 16 bit, filters over one of 64 bit, partial sums come and go over
      one of 64 bit each.
    * A pass loads its filters, then its first window: the order is inferred from the measurements.
    * A PE has an input FIFO before its scratchpad. Its depth is not published; assumed: as much as
      the scratchpad holds, so that the next image's window can come in ahead.
    """
    accelerator = load_spec("eyeriss")
    (sub,) = accelerator.sub_accelerators
    memory = {m.name: m for m in sub.memories}
    inputs = memory["input-spad"]
    assert inputs.size_bits is not None
    changed = {
        "input-spad": replace(
            inputs,
            size_bits=2 * inputs.size_bits,
            transfer_bandwidth=WORD,
            fills_after="filter-spad",
        ),
        "filter-spad": replace(memory["filter-spad"], transfer_bandwidth=4 * WORD),
        "psum-spad": replace(memory["psum-spad"], transfer_bandwidth=4 * WORD),
        "global-buffer": replace(
            memory["global-buffer"], read_bandwidth=math.inf, write_bandwidth=math.inf
        ),
        sub.dram.name: replace(
            sub.dram, read_bandwidth=math.inf, write_bandwidth=math.inf, latency=0.0, bursts=None
        ),
    }
    row = replace(sub.axes[0], dims=(*sub.axes[0].dims, "OY"))  # folded sets
    sub = replace(
        sub,
        axes=(row, *sub.axes[1:]),
        memories=tuple(changed.get(m.name, m) for m in sub.memories),
    )
    return replace(accelerator, sub_accelerators=(sub,))


def measure(layer: Layer, where: str) -> Found:
    """Lower the layer's mapping, execute it, and count.

    Raises:
        InputError: the array or a memory is too small for the mapping.
    """
    accelerator = chip()
    (sub,) = accelerator.sub_accelerators
    problem = _problem(layer.nest(padded=True), sub, leakage_per_cycle(accelerator))
    for doubled in (True, False):  # the next inputs come into the buffer ahead if there is room
        mapping = mapping_of(layer, sub, doubled=doubled)
        evaluation = Evaluation(problem, mapping)
        memory, short = evaluation.capacity()
        if memory is None:
            break
    bad = check(mapping, problem.nest, sub)
    if memory is not None:
        bad.append(f"{memory} is {short} bit too small")
    if bad:
        raise InputError(f"{where}: {layer.name}: no mapping of the chip: {'; '.join(bad)}")
    cycles = execute(lower(problem, mapping)).cycles
    return Found(
        1e3 * cycles / accelerator.clock_hz,
        math.prod(min(mapping.unrolled(dim), problem.nest[dim]) for dim in DIMS),
        *_buffer(evaluation),
        _dram(layer, sub, mapping),
        _power(evaluation, cycles, accelerator.clock_hz),
    )


def _problem(nest: LoopNest, sub: SubAccelerator, leakage: float = 0.0) -> Problem:
    return Problem(nest, OperandBits(WORD, WORD, WORD), WORD, sub, leakage)


def mapping_of(layer: Layer, sub: SubAccelerator, *, doubled: bool) -> Mapping:
    """The mapping of a layer; `doubled`: inputs have two places in the buffer."""
    rows, columns = sub.axes
    folds = -(-layer.e // columns.size)
    across = -(-layer.e // folds)
    beside = next(
        k for k in range(layer.t, 0, -1) if layer.t % k == 0 and k * across <= columns.size
    )
    if folds * across != layer.e and layer.e < layer.F:
        raise InputError(f"{layer.name}: expected strips that fold evenly, found e = {layer.e}")
    spatial = (
        Unroll(rows.name, "FY", layer.R),
        Unroll(rows.name, "OY", folds),
        Unroll(rows.name, "C", layer.r),
        Unroll(rows.name, "K", layer.t // beside),
        Unroll(columns.name, "OY", across),
        Unroll(columns.name, "K", beside),
    )
    passes: list[tuple[Dim, int]] = [
        ("FX", layer.R), ("C", layer.q),
        ("K", layer.p),
        ("OX", layer.F), ("B", layer.n),
        ("K", _up(layer.m, layer.p * layer.t)),
        ("C", _up(layer.C, layer.q * layer.r)),
        ("K", _up(layer.M, layer.m)), ("G", layer.G), ("B", layer.N // layer.n),
        ("OY", _up(layer.F, folds * across)),
    ]  # fmt: skip
    # Loops inside: psum spad, input spad, filter spad, inputs and outputs in the buffer.
    inside = [sum(factor > 1 for _, factor in passes[:places]) for places in (2, 3, 5, 6, 7)]
    psum, window, weights, inputs, outputs = inside
    return Mapping(
        tuple(unroll for unroll in spatial if unroll.factor > 1),
        tuple(Loop(dim, factor) for dim, factor in passes if factor > 1),
        ((weights,), (window, inputs), (psum, outputs)),
        ((False,), (True, doubled), (True, False)),
    )


def _up(count: int, size: int) -> int:
    return -(-count // size)


def _buffer(evaluation: Evaluation) -> tuple[float, float]:
    """MB between the buffer and the array, as executed and with every first sum read."""
    taken = {"fill": 0, "drain": 0, "refill": 0}
    for access in evaluation.accesses:
        inner = access.level == 0
        if access.memory == "global-buffer" and inner:
            taken[access.purpose] += access.bits * access.elements
    executed = sum(taken.values()) / BITS_PER_MB
    return executed, (taken["fill"] + 2 * taken["drain"]) / BITS_PER_MB


def _dram(layer: Layer, sub: SubAccelerator, mapping: Mapping) -> tuple[float, float, float]:
    """MB of W, I, O."""
    problem = _problem(layer.nest(padded=False), sub)
    bits = dict.fromkeys(OPERANDS, 0)
    for access in Evaluation(problem, mapping).accesses:
        if access.memory == sub.dram.name:
            bits[access.operand] += access.bits * access.elements
    return bits["W"] / BITS_PER_MB, bits["I"] / BITS_PER_MB, bits["O"] / BITS_PER_MB


def _power(evaluation: Evaluation, cycles: int, clock_hz: float) -> float:
    """mW of the chip, its DRAM left out."""
    problem, sub = evaluation.problem, evaluation.sub
    read, written, energy = evaluation.traffic()
    for memory in sub.memories[:-1]:
        for operand in memory.operands:
            energy += memory.read_energy * read[memory.name, operand]
            energy += memory.write_energy * written[memory.name, operand]
    energy += problem.nest.macs * sub.mac_energy + problem.leakage * cycles
    return energy * 1e-9 * clock_hz / cycles
