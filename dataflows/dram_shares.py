"""Parts of the DRAM's bandwidth that sub-accelerators have to themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .accelerator import SubAccelerator
from .document import Where
from .units import Bandwidth, show_bandwidth


def check_shares(
    stated: Sequence[Bandwidth | None], whole: Bandwidth | None, clock_hz: float
) -> Iterator[tuple[Where, str]]:
    """What is wrong with the parts, as (place in the spec, message).

    Args:
        stated: of each sub-accelerator, None where it takes what the others leave.
        whole: of the DRAM, for reads and writes together; None where each has its own.
    """
    reserved = [part.per_cycle(clock_hz) for part in stated if part is not None]
    if not reserved:
        return
    place: Where = ("sub_accelerators",)
    if whole is None:
        yield (
            place,
            "`dram_bandwidth` is a part of the DRAM's `bandwidth`; give that in place of "
            "`read_bandwidth` and `write_bandwidth`",
        )
        return
    total = whole.per_cycle(clock_hz)
    left = total - sum(reserved)
    if left < -1e-9 * total:
        found = show_bandwidth(Bandwidth(sum(reserved)))
        yield (
            place,
            f"expected parts of at most {show_bandwidth(whole)} of the DRAM together, found "
            f"{found}; lower a `dram_bandwidth`",
        )
    elif len(reserved) < len(stated) and left <= 1e-9 * total:
        yield (
            place,
            "the parts that are stated take the whole DRAM, nothing is left for the others; "
            "lower a `dram_bandwidth` or give the others one",
        )


def with_shares(
    subs: Sequence[SubAccelerator], stated: Sequence[Bandwidth | None], clock_hz: float
) -> tuple[SubAccelerator, ...]:
    """Sub-accelerators with their checked parts; the others share what is left."""
    reserved = sum(part.per_cycle(clock_hz) for part in stated if part is not None)
    if not reserved:
        return tuple(subs)
    found: list[SubAccelerator] = []
    for sub, part in zip(subs, stated, strict=True):
        whole = sub.dram.read_bandwidth
        own = whole - reserved if part is None else part.per_cycle(clock_hz)
        if math.isinf(whole) and part is None:
            own = math.inf
        dram = replace(sub.dram, read_bandwidth=own, write_bandwidth=own, one_port=True)
        found.append(
            replace(sub, memories=(*sub.memories[:-1], dram), dram_reserved=part is not None)
        )
    return tuple(found)
