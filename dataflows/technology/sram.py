"""SRAM energy, area and leakage by capacity, word width and node, from CACTI's figures.

The table has banks of 0.5 KiB to 1 MiB with words of 64 and 128 bits at 45 to 7 nm. In between,
every figure is interpolated with both axes logarithmic: over capacity, then word width, then node.
Outside, the outermost slope goes on, and the source says so. A macro wider or larger than the
table's is built of banks (`Macro`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from .interpolation import log_log, outside, read_table
from .wires import wire_energy

Figure = Literal["read_pj", "write_pj", "area_um2", "leakage_mw", "access_ns"]
FIGURES: Final[tuple[Figure, ...]] = (
    "read_pj", "write_pj", "area_um2", "leakage_mw", "access_ns",
)  # fmt: skip

#: Widest word and largest capacity of one bank.
BANK_WIDTH: Final = 128
BANK_KIB: Final = 1024.0


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

    def figure(self, figure: Figure, node_nm: float, kib: float, width_bits: float) -> float:
        """One figure of a bank, in the unit that its name says."""
        nodes = [
            (node, self._at_node(figure, widths, kib, width_bits))
            for node, widths in self._near(node_nm).items()
        ]
        return log_log(nodes, node_nm)

    def extrapolated(self, node_nm: float, kib: float, width_bits: float) -> list[str]:
        """In which directions a bank is outside the table, in words."""
        nodes = [(node, 1.0) for node in self._rows]
        bank_sizes = [(b.kib, 1.0) for b in next(iter(next(iter(self._rows.values())).values()))]
        widths = [(width, 1.0) for width in next(iter(self._rows.values()))]
        found = []
        for points, value, what in (
            (nodes, node_nm, f"to {node_nm:g} nm"),
            (bank_sizes, kib, f"to {kib:.3g} KiB"),
            (widths, width_bits, f"to {width_bits:g} bit words"),
        ):
            if outside(points, value):
                found.append(what)
        return found

    def _near(self, node_nm: float) -> dict[float, dict[float, list[Bank]]]:
        """The two nodes around one, or the two outermost, or the one itself."""
        if node_nm in self._rows:
            return {node_nm: self._rows[node_nm]}
        nodes = list(self._rows)
        at = next((i for i in range(1, len(nodes) - 1) if node_nm <= nodes[i]), len(nodes) - 1)
        return {node: self._rows[node] for node in nodes[at - 1 : at + 1]}

    def _at_node(
        self, figure: Figure, widths: dict[float, list[Bank]], kib: float, width_bits: float
    ) -> float:
        points = [
            (width, log_log([(bank.kib, bank.figure(figure)) for bank in banks], kib))
            for width, banks in widths.items()
        ]
        # Between 64 and 128 bits CACTI switches layouts: a wider word may even cost less. Beyond
        # the table a wider word costs no less, and at most in proportion.
        if outside(points, width_bits):
            return log_log(points, width_bits, least=0.0, most=1.0)
        return log_log(points, width_bits)


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
        source: where the figures come from.
    """

    wide: int
    deep: int
    read_energy: float
    write_energy: float
    area_mm2: float
    leakage_mw: float
    source: str


@lru_cache(maxsize=4096)
def sram(node_nm: float, size_bits: int, width_bits: int) -> Macro:
    """An SRAM of `size_bits` that is accessed in words of `width_bits`.

    A word wider than a bank is spread over banks side by side, all of which are accessed. Of banks
    one behind the other one is accessed, and the word travels half the macro's side to its edge
    (within a bank CACTI's figures hold the wires).
    """
    wide = -(-width_bits // BANK_WIDTH)
    kib = size_bits / 8192 / wide
    deep = max(1, math.ceil(kib / BANK_KIB))
    bank_kib, bank_width = kib / deep, width_bits / wide
    look = interpolation()
    read, write, area, leakage, _ = (
        look.figure(figure, node_nm, bank_kib, bank_width) for figure in FIGURES
    )
    area_mm2 = area * 1e-6 * wide * deep
    travel = wire_energy(node_nm) * math.sqrt(area_mm2) / 2 if deep > 1 else 0.0
    source = f"CACTI 7, {size_bits / 8192:.4g} KiB x {width_bits} bit at {node_nm:g} nm"
    if wide * deep > 1:
        source += f", {wide * deep} banks"
    if beyond := look.extrapolated(node_nm, bank_kib, bank_width):
        source += f", extrapolated {', '.join(beyond)}"
    return Macro(
        wide, deep, read / bank_width + travel, write / bank_width + travel,
        area_mm2, leakage * wide * deep, source,
    )  # fmt: skip
