"""Where the operands of a transposed convolution lie in the loop nests of its phases.

Along an axis, output ``o`` meets input ``i`` at tap ``f`` where
``o + crop = stride i + dilation f``. Outputs of one remainder of ``o + crop`` by the stride meet
the same taps: a phase. Nests hold phases with as many outputs and taps, as output channels, one
phase after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from ...frontend.nest import LoopNest
from ...frontend.program import Node
from .errors import NotExecutableError
from .layouts import Operands

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """Outputs ``first, first + stride, …`` of one axis.

    Attributes:
        first, outputs: the first one, and how many.
        taps: that they meet, by rising input position.
        positions: of the inputs that the first output meets with them; the next output is one
            position further.
    """

    first: int
    outputs: int
    taps: tuple[int, ...]
    positions: tuple[int, ...]


def axis_phases(
    outputs: int, kernel: int, stride: int, dilation: int, crop: int
) -> list[list[Phase]]:
    """The phases of an axis; those with as many outputs and taps together."""
    kinds: dict[tuple[int, int], list[Phase]] = {}
    for first in range(min(stride, outputs)):
        met = [
            ((first + crop - dilation * tap) // stride, tap)
            for tap in range(kernel)
            if (first + crop - dilation * tap) % stride == 0
        ]
        met.sort()
        phase = Phase(
            first,
            len(range(first, outputs, stride)),
            tuple(tap for _, tap in met),
            tuple(position for position, _ in met),
        )
        kinds.setdefault((phase.outputs, len(met)), []).append(phase)
    return list(kinds.values())


class TransposedConvolution:
    """A transposed convolution of X ``N x C x spatial`` with W ``C x M/group x kernel``.

    Attributes:
        parts: phases of the three axes, one entry for each nest, in order.
        outputs: what the nests have written so far.
    """

    def __init__(self, node: Node, x: Array, w: Array, y_shape: Sequence[int]) -> None:
        rank = x.ndim - 2
        self.group = int(node.attributes.get("group", 1))
        self.stride = (1,) * (3 - rank) + _spatial(node, "strides", rank)
        self.x = x.reshape(*x.shape[:2], *(1,) * (3 - rank), *x.shape[2:])
        self.w = w.reshape(*w.shape[:2], *(1,) * (3 - rank), *w.shape[2:])
        flat = (*y_shape[:2], *(1,) * (3 - rank), *y_shape[2:])
        self.outputs = np.zeros(flat, x.dtype)
        dilation = (1,) * (3 - rank) + _spatial(node, "dilations", rank)
        crop = (0,) * (3 - rank) + _crop(node, x.shape[2:], w.shape[2:], y_shape[2:])
        axes = [
            axis_phases(flat[2 + a], self.w.shape[2 + a], self.stride[a], dilation[a], crop[a])
            for a in range(3)
        ]
        self.parts = [
            part for part in product(*axes) if all(phases[0].taps for phases in part)
        ]  # outputs that no tap reaches stay zero

    def operands(self, part: Sequence[list[Phase]], nest: LoopNest) -> Operands:
        """Operands of the nest of one part.

        Raises:
            NotExecutableError: its phases do not read the same inputs at the same taps.
        """
        depth, rows, columns = part
        for axis, phases in enumerate((rows, columns)):
            reach = tuple(
                nest.dilation[axis] * tap - nest.pad[axis] for tap in range(len(phases[0].taps))
            )
            for phase in phases:
                if phase.positions != reach:
                    raise NotExecutableError(
                        "its nest joins phases of the transposed convolution that start at other "
                        f"inputs (the phase of output {phase.first} at {list(phase.positions)}, "
                        f"the nest at {list(reach)}): multiply-accumulates are exact, but no one "
                        "nest computes them"
                    )
        if any(phase.positions != depth[0].positions for phase in depth):
            raise NotExecutableError("its nest joins phases along depth that read other inputs")
        channels = self.x.shape[1] // self.group
        filters = self.w.shape[1]
        taps = self.w.reshape(self.group, channels, filters, *self.w.shape[2:])
        picked = [
            taps[:, :, :, d.taps][:, :, :, :, r.taps][:, :, :, :, :, c.taps]
            for d, r, c in product(depth, rows, columns)
        ]  # each group x channels x filters x depth x rows x columns
        joined = np.stack(picked, axis=1).transpose(0, 1, 3, 2, 4, 5, 6)
        weights = joined.reshape(
            self.group, len(picked) * filters, channels * len(depth[0].taps), *joined.shape[5:]
        )
        return Operands(weights, self._inputs(depth[0]), lambda found: self._place(part, found))

    def _inputs(self, depth: Phase) -> Array:
        """I with output depth in B and depth taps in C."""
        batch, channels, size, *plane = self.x.shape
        folded = np.zeros((batch, depth.outputs, channels, len(depth.taps), *plane), self.x.dtype)
        for out in range(depth.outputs):
            for tap, position in enumerate(depth.positions):
                if 0 <= out + position < size:
                    folded[:, out, :, tap] = self.x[:, :, out + position]
        inner = channels // self.group * len(depth.taps)
        return folded.reshape(batch * depth.outputs, self.group, inner, *plane)

    def _place(self, part: Sequence[list[Phase]], found: Array) -> Array:
        """Put a nest's outputs where their phases lie."""
        depth, rows, columns = part
        batch, filters = self.x.shape[0], self.w.shape[1]
        count = len(depth) * len(rows) * len(columns)
        planes = found.reshape(
            batch, depth[0].outputs, self.group, count, filters, *found.shape[-2:]
        )
        for number, phases in enumerate(product(depth, rows, columns)):
            d, r, c = (
                slice(phase.first, None, stride)
                for phase, stride in zip(phases, self.stride, strict=True)
            )
            one = planes[:, :, :, number].transpose(0, 2, 3, 1, 4, 5)
            self.outputs[:, :, d, r, c] = one.reshape(batch, -1, *one.shape[3:])
        return self.outputs


def _spatial(node: Node, name: str, rank: int, default: int = 1) -> tuple[int, ...]:
    return tuple(int(value) for value in node.attributes.get(name, ())) or (default,) * rank


def _crop(
    node: Node, inputs: Sequence[int], kernel: Sequence[int], outputs: Sequence[int]
) -> tuple[int, ...]:
    """Positions cut off in front: the pads, or what follows from the output's size."""
    rank = len(kernel)
    automatic = node.attributes.get("auto_pad", "NOTSET")
    if automatic == "VALID":
        return (0,) * rank
    if not automatic.startswith("SAME") and not node.attributes.get("output_shape"):
        return _spatial(node, "pads", 2 * rank, 0)[:rank]
    stride, dilation = _spatial(node, "strides", rank), _spatial(node, "dilations", rank)
    extra = _spatial(node, "output_padding", rank, 0)
    totals = [
        stride[a] * (inputs[a] - 1) + extra[a] + (kernel[a] - 1) * dilation[a] + 1 - outputs[a]
        for a in range(rank)
    ]
    return tuple(t // 2 if automatic == "SAME_UPPER" else t - t // 2 for t in totals)
