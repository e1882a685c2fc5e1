"""What a schema cannot say: whether the parts of an architecture fit together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..frontend.nest import OPERANDS, Operand
from .document import Where
from .errors import suggest
from .modes import check_axes, check_modes
from .resolve import Chip, shared_axes
from .schema import Architecture, DramModel, MemoryModel
from .technology import LEAST_BFLOAT

Problem = tuple[Where, str]


def check(architecture: Architecture, chip: Chip) -> Iterator[Problem]:
    """Everything that keeps an architecture from being one."""
    axes = tuple(axis.name for axis in architecture.axes)
    yield from check_axes(architecture.axes)
    yield from _unique("memories", [memory.name for memory in architecture.memories])
    for number, memory in enumerate(architecture.memories):
        for where, message in _check_memory(memory, architecture, axes, chip):
            yield ("memories", number, *where), message
    yield from _levels(architecture, axes)
    if architecture.precision.psum < architecture.precision.O:
        yield (
            ("precision", "psum"),
            f"expected at least the {architecture.precision.O} bit of O, "
            f"found {architecture.precision.psum} bit",
        )
    if chip.technology is None and architecture.mac.energy is None:
        yield ("mac",), _needs("energy")
    if chip.technology is None and None in (
        architecture.vector.simple_energy,
        architecture.vector.special_energy,
    ):
        yield ("vector",), _needs("simple_energy` and `special_energy")
    if architecture.vector.lanes % architecture.vector.pixels:
        yield (
            ("vector", "pixels"),
            f"expected a divisor of the {architecture.vector.lanes} lanes, "
            f"found {architecture.vector.pixels}",
        )
    if chip.device is None:
        yield from _fpga_memories(architecture)
    yield from _derivations(architecture, chip)
    yield from check_modes(architecture)
    skew = architecture.skew
    if skew.per == "fold" and not any(skew.operand in m.operands for m in architecture.memories):
        yield ("skew", "operand"), f"expected an operand that a memory holds, found {skew.operand}"


def _fpga_memories(architecture: Architecture) -> Iterator[Problem]:
    for n, memory in enumerate(architecture.memories):
        if memory.type in ("bram", "uram"):
            yield (
                ("memories", n, "type"),
                f"expected `sram`, `registers` or `auto`, found `{memory.type}`, which only an "
                "FPGA has; add a `device` to the spec, or let `auto` choose",
            )


def _derivations(architecture: Architecture, chip: Chip) -> Iterator[Problem]:
    choices: list[tuple[Where, str | None]] = [
        *((("memories", n), memory.derive) for n, memory in enumerate(architecture.memories)),
        (("mac",), architecture.mac.derive),
        (("vector",), architecture.vector.derive),
    ]
    for where, derive in choices:
        if derive is not None and chip.technology is None:
            yield (
                (*where, "derive"),
                "there is no `technology` to derive for; add `technology: {node: 28 nm}` to the "
                "spec, or remove it",
            )
    if architecture.mac.type == "bfloat":
        for key in ("W", "I", "psum"):
            bits = getattr(architecture.precision, key)
            if bits < LEAST_BFLOAT:
                yield (
                    ("precision", key),
                    f"expected at least {LEAST_BFLOAT} bit of a `bfloat` (sign, 8 bits of exponent "
                    f"and a fraction), found {bits} bit; `float` has narrower ones",
                )


def check_dram(dram: DramModel) -> Iterator[Problem]:
    """What a DRAM lacks."""
    if dram.bandwidth is None and None in (dram.read_bandwidth, dram.write_bandwidth):
        yield (
            (),
            (
                "expected `bandwidth` (reads and writes share it) or `read_bandwidth` and "
                "`write_bandwidth`; add it, `unlimited` if nothing limits it"
            ),
        )
    for direction in ("read", "write"):
        both, own = dram.bandwidth, getattr(dram, f"{direction}_bandwidth")
        if both is not None and own is not None:
            yield (f"{direction}_bandwidth",), "given twice, `bandwidth` says it too; remove one"
    sizes = [cache.size for cache in dram.caches]
    if sizes != sorted(set(sizes)):
        yield ("caches",), "expected the nearest cache first, each larger than the one before"
    energies = [dram.read_energy or dram.energy, dram.write_energy or dram.energy]
    if dram.type is None and any(value is None for value in energies):
        yield (), "expected a `type` or `energy`, found neither; add one (say `type: LPDDR4`)"


def _needs(key: str) -> str:
    return (
        f"expected `{key}`, it is missing and there is no `technology` to derive it from; add the "
        "key, or `technology: {node: 28 nm}` to the spec"
    )


def _unique(kind: str, names: Sequence[str]) -> Iterator[Problem]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield (
                (kind, number, "name"),
                f"expected every name once, found {name!r} again; rename it",
            )


def _check_memory(
    memory: MemoryModel, architecture: Architecture, axes: tuple[str, ...], chip: Chip
) -> Iterator[Problem]:
    if memory.shared != "all":
        for name in memory.shared:
            if name not in axes:
                yield ("shared",), f"unknown axis {name!r}; {suggest(name, axes)}"
    if memory.name == chip.dram.name:
        yield ("name",), f"expected a name other than the DRAM's, found {memory.name!r}; rename it"
    if not memory.operands:
        yield ("operands",), "expected at least one of W I O, found none"
    for operand in memory.tiled:
        if operand not in memory.operands:
            yield ("tiled", operand), f"the memory does not hold {operand}; remove it"
    if memory.sliding and "I" not in memory.operands:
        yield ("sliding",), "only a memory that holds I can slide; remove it"
    if memory.complete_outputs and "O" not in memory.operands:
        yield ("complete_outputs",), "only a memory that holds O completes outputs; remove it"
    for key in ("read_bandwidth", "write_bandwidth"):
        if memory.bandwidth is not None and getattr(memory, key) is not None:
            yield (key,), "given twice, `bandwidth` says it too; remove one"
    yield from _check_order(memory, architecture)
    energies = [
        memory.energy if own is None else own for own in (memory.read_energy, memory.write_energy)
    ]
    if chip.technology is None and None in energies:
        yield (), _needs("read_energy` and `write_energy")
    needed = _least_bits(memory, architecture)
    if memory.size < needed:
        yield (
            ("size",),
            f"expected at least {needed} bit (one element of each operand"
            f"{', twice as it is double-buffered' if memory.buffering == 'double' else ''}), "
            f"found {memory.size} bit",
        )


def _check_order(memory: MemoryModel, architecture: Architecture) -> Iterator[Problem]:
    """Whether there is a memory that this one can wait for."""
    if memory.fills_after is None:
        return
    where = ("fills_after",)
    others = {other.name: other for other in architecture.memories if other is not memory}
    first = others.get(memory.fills_after)
    if first is None:
        yield (
            where,
            f"unknown memory {memory.fills_after!r}; {suggest(memory.fills_after, tuple(others))}",
        )
        return
    if set(memory.operands) & set(first.operands):
        yield where, f"expected a memory of other operands, found {first.name!r}; remove it"
    if any(other.fills_after is not None for other in others.values()):
        yield where, "expected one memory at most that fills after another; remove one"


def _least_bits(memory: MemoryModel, architecture: Architecture) -> int:
    precision = architecture.precision
    first_o = next((m for m in architecture.memories if "O" in m.operands), None)
    widths = {"W": precision.W, "I": precision.I, "O": precision.O}
    if memory is first_o:
        widths["O"] = precision.psum
    needed = sum(widths[operand] for operand in memory.operands)
    return 2 * needed if memory.buffering == "double" else needed


def _levels(architecture: Architecture, axes: tuple[str, ...]) -> Iterator[Problem]:
    for operand in OPERANDS:
        levels = [
            (number, memory)
            for number, memory in enumerate(architecture.memories)
            if operand in memory.operands
        ]
        if not levels:
            yield (
                ("memories",),
                f"expected a memory that holds {_noun(operand)} ({operand}), found none; add "
                f"{operand} to the `operands` of one",
            )
        for (_, inner), (number, outer) in pairwise(levels):
            missing = set(shared_axes(inner, axes)) - set(shared_axes(outer, axes))
            if missing:
                yield (
                    ("memories", number, "shared"),
                    f"expected it to be shared along {', '.join(sorted(missing))}, as "
                    f"{inner.name!r} inside it is; memories are listed innermost first",
                )


def _noun(operand: Operand) -> str:
    return {"W": "weights", "I": "inputs", "O": "outputs"}[operand]
