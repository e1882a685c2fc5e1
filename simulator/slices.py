"""Vector layers that work on whole feature maps, channel by channel, where few fit on chip.

Global pooling needs all of a channel's map before it yields anything, and a factor for each
channel, as squeeze-and-excitation multiplies by, is applied to all of it. A vector unit that
states its `window` takes them in slices of as many channels as fit there. In a DRAM where
channels lie side by side (`channels-last`) a slice is one short run of addresses for each
position, and every run takes whole bursts. A slice takes up what there is room for, so that
fetching it, working on it and storing it take turns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ..dataflows.accelerator import SubAccelerator
from ..frontend.graph import LayerGraph, MoveLayer, VectorLayer


@dataclass(frozen=True, slots=True)
class Slices:
    """What slices add to a vector layer, and what they leave idle.

    Attributes:
        read, write: bits that bursts move beyond the data itself.
        first: of those read, the first input's.
        turns: whether fetching, working and storing take turns, rather than overlap.
        share: of the vector unit's lanes works, one in so many.
    """

    read: int = 0
    write: int = 0
    first: int = 0
    turns: bool = False
    share: int = 1

    def with_first_there(self) -> Slices:
        """The same where the first input lies on chip already."""
        return replace(self, read=self.read - self.first, first=0)


NONE = Slices()


def slices(layer: VectorLayer | MoveLayer, graph: LayerGraph, sub: SubAccelerator) -> Slices:
    """Of a layer on a sub-accelerator; `NONE` where it does not work on whole maps."""
    names = dict.fromkeys((*layer.inputs, layer.output))
    shapes = {n: graph.tensors[n].shape for n in names if n in graph.tensors}
    single = {n for n, shape in shapes.items() if len(shape) > 2 and math.prod(shape[2:]) == 1}
    maps = {n for n, shape in shapes.items() if len(shape) > 2 and n not in single}
    channels = {shapes[n][1] for n in maps | single}
    if isinstance(layer, MoveLayer) or not single or not maps or len(channels) != 1:
        return NONE
    share = sub.vector.pixels if layer.output in single else 1
    window = sub.vector.window_bits
    widest = {name: sub.precision.I for name in layer.inputs} | {layer.output: sub.precision.O}
    widths = {name: min(graph.tensors[name].bits, widest[name]) for name in maps}
    largest = max(math.prod(shapes[name][1:]) * bits for name, bits in widths.items())
    if window is None or largest <= window:
        return Slices(share=share)
    extra = {name: beyond(shapes[name], bits, window, sub) for name, bits in widths.items()}
    reads = [extra.get(name, 0) for name in layer.inputs]
    return Slices(
        sum(reads), extra.get(layer.output, 0), reads[0] if reads else 0, turns=True, share=share
    )


def beyond(shape: tuple[int, ...], bits: int, window: int, sub: SubAccelerator) -> int:
    """Bits that the bursts of a map's slices move beyond the map.

    Args:
        shape: (batch, channels, positions...) of the map.
        bits: width of an element.
        window: bits that a slice has room for.
    """
    bursts = sub.dram.bursts
    if bursts is None or bursts.layout != "channels-last":
        return 0
    batch, channels, positions = shape[0], shape[1], math.prod(shape[2:])
    # The lanes beside one another in channels stay together.
    together = max(1, sub.vector.lanes // sub.vector.pixels)
    fitting = window // (positions * bits)
    width = max(together, fitting // together * together)
    full, last = divmod(channels, width)
    moved = full * _whole(width * bits, bursts.burst_bits)
    moved += _whole(last * bits, bursts.burst_bits)
    return batch * positions * (moved - channels * bits)


def _whole(run: int, burst: int) -> int:
    return -(-run // burst) * burst
