"""SRAM energy, area, leakage and access time by capacity, word width and node, after CACTI.

The table has banks of 128 bytes to 1 MiB with words of 16 to 128 bits at 65 to 7 nm. In between,
every figure is interpolated with both axes logarithmic: over capacity, then word width, then node.
Outside, the outermost slope goes on, and the source says so. A memory wider or larger than the
table's is built of banks (`Macro`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from . import external
from .interpolation import around, log_log, outside, read_table
from .wires import wire_energy

Figure = Literal["read_pj", "write_pj", "area_um2", "leakage_mw", "access_ns"]
FIGURES: Final[tuple[Figure, ...]] = (
    "read_pj", "write_pj", "area_um2", "leakage_mw", "access_ns",
)  # fmt: skip

#: Widest word and largest capacity of one bank.
BANK_WIDTH: Final = 128
BANK_KIB: Final = 1024.0
#: Nodes that CACTI models itself; the others follow from these.
CACTI_NODES: Final = (65.0, 45.0, 32.0, 22.0)


@dataclass(frozen=True, slots=True)
class Bank:
    """One row of the table: energies per access of one word, leakage of the whole bank."""

    node_nm: float
    kib: float
    width_bits: float
    read_pj: float
    write_pj: float
    area_um2: float
    leakage_mw: float
    access_ns: float

    def figure(self, figure: Figure) -> float:
        """One of the row's figures by its name, in the unit that the name ends in."""
        return float(getattr(self, figure))


@lru_cache(maxsize=1)
def table() -> tuple[Bank, ...]:
    """CACTI's figures."""
    names = Bank.__slots__
    return tuple(Bank(*(float(row[name]) for name in names)) for row in read_table("cacti_sram"))


class Interpolation:
    """Interpolates in a set of banks."""

    def __init__(self, banks: Iterable[Bank]) -> None:
        self._rows: dict[float, dict[float, list[Bank]]] = {}
        for bank in sorted(banks, key=lambda bank: (bank.node_nm, bank.width_bits, bank.kib)):
            widths = self._rows.setdefault(bank.node_nm, {})
            widths.setdefault(bank.width_bits, []).append(bank)

    def bank(self, node_nm: float, kib: float, width_bits: float) -> Bank:
        """A bank, in the table or not."""
        figures = (self.figure(figure, node_nm, kib, width_bits) for figure in FIGURES)
        return Bank(node_nm, kib, width_bits, *figures)

    def figure(self, figure: Figure, node_nm: float, kib: float, width_bits: float) -> float:
        """One figure of a bank, in the unit that its name says."""
        nodes = [
            (node, self._at_node(figure, self._rows[node], kib, width_bits))
            for node in around(list(self._rows), node_nm)
        ]
        return log_log(nodes, node_nm)

    def extrapolated(self, node_nm: float, kib: float, width_bits: float) -> list[str]:
        """In which directions a bank is outside the table, in words."""
        used = [self._rows[node] for node in around(list(self._rows), node_nm)]
        found = []
        if outside(list(self._rows), node_nm):
            found.append(f"to {node_nm:g} nm")
        if any(
            outside([bank.kib for bank in widths[width]], kib)
            for widths in used
            for width in around(list(widths), width_bits)
        ):
            found.append(f"to {kib:.3g} KiB")
        if any(outside(list(widths), width_bits) for widths in used):
            found.append(f"to {width_bits:g} bit words")
        return found

    @staticmethod
    def _at_node(
        figure: Figure, widths: dict[float, list[Bank]], kib: float, width_bits: float
    ) -> float:
        # Outside the table a larger bank or a wider word costs no less, and at most in proportion.
        # Inside, CACTI switches layouts: a wider word may even cost less.
        points = [
            (width, log_log([(bank.kib, bank.figure(figure)) for bank in widths[width]], kib,
                            beyond=(0.0, 1.0)))
            for width in around(list(widths), width_bits)
        ]  # fmt: skip
        return log_log(points, width_bits, beyond=(0.0, 1.0))


@lru_cache(maxsize=1)
def interpolation() -> Interpolation:
    """Over the whole table."""
    return Interpolation(table())


@dataclass(frozen=True, slots=True)
class Macro:
    """An SRAM built of equal banks: `wide` side by side make a word, `deep` of those the capacity.

    Attributes:
        read_energy, write_energy: pJ per bit.
        area_mm2, leakage_mw: of the whole macro.
        access_ns: access time of a bank.
        source: where the figures come from.
    """

    wide: int
    deep: int
    read_energy: float
    write_energy: float
    area_mm2: float
    leakage_mw: float
    access_ns: float
    source: str


@lru_cache(maxsize=4096)
def sram(
    node_nm: float,
    size_bits: int,
    width_bits: int,
    derive: Literal["tables", "hwcomponents"] = "tables",
) -> Macro:
    """An SRAM of `size_bits` that is accessed in words of `width_bits`.

    A word wider than a bank is spread over banks side by side, all of which are accessed. Of banks
    one behind the other one is accessed, and the word travels half the macro's side to its edge
    (within a bank CACTI's figures hold the wires).

    Raises:
        external.Unavailable, external.Refused: `derive` is hwcomponents, and it has no answer.
    """
    wide = -(-width_bits // BANK_WIDTH)
    kib = size_bits / 8192 / wide
    deep = max(1, math.ceil(kib / BANK_KIB))
    kib, width = kib / deep, -(-width_bits // wide)
    notes: Iterator[str] = iter(())
    if derive == "hwcomponents":
        of = external.sram(node_nm, kib, width)
        bank, source = Bank(node_nm, kib, width, *of.figures), of.source
    else:
        bank, source = interpolation().bank(node_nm, kib, width), "CACTI 7"
        notes = _notes(node_nm, kib, width)
    area_mm2 = bank.area_um2 * 1e-6 * wide * deep
    travel = wire_energy(node_nm) * math.sqrt(area_mm2) / 2 if deep > 1 else 0.0
    size = f"{size_bits / 8192:.4g} KiB" if size_bits < 2**23 else f"{size_bits / 2**23:.4g} MiB"
    text = f"{source}, {size} x {width_bits} bit at {node_nm:g} nm"
    if wide * deep > 1:
        text += f", {wide * deep} banks"
    text += f", {bank.access_ns:.3g} ns"
    return Macro(
        wide, deep, bank.read_pj * wide / width_bits + travel,
        bank.write_pj * wide / width_bits + travel, area_mm2, bank.leakage_mw * wide * deep,
        bank.access_ns, ", ".join([text, *notes]),
    )  # fmt: skip


def _notes(node_nm: float, kib: float, width_bits: float) -> Iterator[str]:
    """What stands between the figures and CACTI itself."""
    if node_nm < CACTI_NODES[-1]:
        yield f"scaled from {CACTI_NODES[-1]:g} nm"
    elif node_nm < CACTI_NODES[0] and node_nm not in CACTI_NODES:
        low, high = around(sorted(CACTI_NODES), node_nm)
        yield f"interpolated between {low:g} and {high:g} nm"
    if beyond := interpolation().extrapolated(node_nm, kib, width_bits):
        yield f"extrapolated {', '.join(beyond)}"
