"""Names of the layers of a result, short and different from one another where they can be."""

from __future__ import annotations

from ..simulator.result import Result
from .text import compact_names


def layer_names(result: Result, *, heads: bool = True) -> list[str]:
    """`conv1`; where there are several networks or frames, with those in front: `unet#2: conv1`.

    Args:
        heads: False leaves out what stands in front.
    """
    shown: list[str] = [""] * len(result.layers)
    owners: dict[tuple[str, int], list[int]] = {}
    for n, layer in enumerate(result.layers):
        owners.setdefault((layer.model, layer.frame), []).append(n)
    repeated = {model for model, frame in owners if frame > 0}
    for (model, frame), own in owners.items():
        brief = compact_names([(result.layers[n].name, result.layers[n].op) for n in own])
        head = f"{model}#{frame}: " if model in repeated else f"{model}: "
        for n, name in zip(own, brief, strict=True):
            shown[n] = head + name if heads and len(owners) > 1 else name
    return shown
