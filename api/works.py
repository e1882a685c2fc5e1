"""What the command line says of networks that run together: frames, periods, deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .frontend.graph import LayerGraph
    from .simulator.scheduling.costs import Work


#: Frames, cycles and priorities.
_MOST = 10**15


def works_of(
    graphs: Sequence[LayerGraph],
    frames: Sequence[str] | None,
    period: Sequence[str] | None,
    deadline: Sequence[str] | None,
    priority: Sequence[str] | None,
) -> list[Work]:
    """Networks with what `NETWORK=N` options say of them.

    Raises:
        InputError: an option names no network, or no number that it can take.
    """
    from .frontend.errors import InputError
    from .simulator.scheduling.costs import Work

    names = [graph.name for graph in graphs]
    given = {
        "frames": _numbers("--frames", frames, names, 1),
        "period": _numbers("--period", period, names, 0),
        "deadline": _numbers("--deadline", deadline, names, 1),
        "priority": _numbers("--priority", priority, names, None),
    }
    for name in given["period"]:
        if given["frames"].get(name, 1) < 2:
            raise InputError(f"--period {name}: a single frame has none; add --frames {name}=N")
    return [
        Work(
            graph,
            given["frames"].get(graph.name, 1),
            given["period"].get(graph.name, 0),
            given["priority"].get(graph.name, 0),
            given["deadline"].get(graph.name),
        )
        for graph in graphs
    ]


def _numbers(
    option: str, texts: Sequence[str] | None, names: Sequence[str], least: int | None
) -> dict[str, int]:
    """`["resnet9=3"]` as a mapping."""
    from .frontend.errors import InputError

    found: dict[str, int] = {}
    for text in texts or ():
        name, _, number = text.rpartition("=")
        if name not in names:
            raise InputError(f"{option} {text}: expected NETWORK=N with one of {', '.join(names)}")
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not value.is_integer() or abs(value) > _MOST or (least is not None and value < least):
            limit = (
                f" up to {_MOST:g}" if least is None else f" of at least {least}, up to {_MOST:g}"
            )
            raise InputError(f"{option} {text}: expected a whole number{limit}, found {number!r}")
        if found.setdefault(name, int(value)) != int(value):
            raise InputError(f"{option} {text}: {name} has {found[name]} already")
    return found
