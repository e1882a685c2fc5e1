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
    frames = {(layer.model, layer.frame) for layer in result.layers}
    several = {model for model, frame in frames if frame > 0}
    for owner in dict.fromkeys((layer.model, layer.frame) for layer in result.layers):
        own = [n for n, layer in enumerate(result.layers) if (layer.model, layer.frame) == owner]
        brief = compact_names([(result.layers[n].name, result.layers[n].op) for n in own])
        model, frame = owner
        head = f"{model}#{frame}: " if model in several else f"{model}: "
        for n, name in zip(own, brief, strict=True):
            shown[n] = head + name if heads and len(frames) > 1 else name
    return shown
