"""Transposed convolution without inserted zeros.

Along an axis with stride ``s``, dilation ``d``, ``p`` positions cropped at the start and filter
tap ``f``, output ``o`` reads input ``i`` where ``o + p = s i + d f``. Outputs of one phase
``(o + p) mod s`` use the same taps, those with ``d f = phase (mod s)``: each phase is an ordinary
convolution with stride 1. Phases with as many outputs and taps differ only in which weights they
use and run as one nest with more output channels (sub-pixel convolution: Shi et al., CVPR 2016).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd, prod
from typing import Final

from ..graph import ComputeLayer, FusedWork, Layer, MoveLayer
from ..lowering import CannotLower, NodeView, lowers
from ..nest import LoopNest, OperandBits
from .conv import FOLDED_DEPTH, added_bias
from .parts import names_of
from .window import spatial

#: Phases times taps of one axis.
_MOST_PAIRS: Final = 2**20


@dataclass(frozen=True, slots=True)
class Phases:
    """The phases along one axis that have as many outputs and taps as one another.

    Attributes:
        count: of phases.
        outputs, taps: of each.
        dilation: input positions between two of its taps.
        pad: positions that its first output reaches before the input.
    """

    count: int
    outputs: int
    taps: int
    dilation: int
    pad: int


def phases(outputs: int, kernel: int, stride: int, dilation: int, crop: int) -> list[Phases]:
    """The phases of one axis, grouped; `crop` positions are cut off at the start."""
    if min(stride, outputs) * kernel > _MOST_PAIRS:
        raise CannotLower(f"{stride} phases of {kernel} taps are too many to be told apart")
    common = gcd(stride, dilation)
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for first in range(min(stride, outputs)):  # outputs first, first + stride, …
        count = -(-(outputs - first) // stride)
        taps = [f for f in range(kernel) if (first + crop - dilation * f) % stride == 0]
        pad = 0
        if taps:  # its first output reads input base, base - step, … for taps in this order
            base = (first + crop - dilation * taps[0]) // stride
            pad = dilation // common * (len(taps) - 1) - base
        groups[count, len(taps)].append(pad)
    return [
        Phases(len(pads), count, taps, dilation // common, max(pads))
        for (count, taps), pads in groups.items()
    ]


@lowers("ConvTranspose")
def transposed_convolution(node: NodeView) -> Sequence[Layer]:
    """Inputs X ``N x C x spatial``, W ``C x M/group x kernel`` and a bias ``M``.

    One nest for each kind of phase; outputs that no tap reaches are only written.
    """
    x, w, bias, y = node.input(0), node.input(1), node.optional(2), node.output
    group = int(node.attributes.get("group", 1))
    rank = len(x.shape) - 2
    if rank not in (1, 2, 3) or len(w.shape) != rank + 2:
        raise CannotLower(f"a transposed convolution of {x.shape} with {w.shape} is not covered")
    if group < 1 or x.shape[1] % group or w.shape[0] != x.shape[1]:
        raise CannotLower(f"{group} groups do not divide {x.shape[1]} channels of {w.shape}")
    if rank == 3:
        node.notes.append(FOLDED_DEPTH)
    axes = _axes(node, x.shape[2:], w.shape[2:], y.shape[2:])
    nests, empty = [], 0
    for combination in product(*axes):
        if any(part.taps == 0 for part in combination):
            empty += prod(part.count * part.outputs for part in combination)
        else:
            nests.append(_nest(combination, x.shape, w.shape[1], group))
    if not nests:
        raise CannotLower("no tap of the filter reaches an output")
    total = sum(nest.elements("O") for nest in nests)
    layers: list[Layer] = []
    if empty:
        written = empty * y.shape[0] * y.shape[1] * y.bits
        layers.append(
            MoveLayer(
                f"{node.name}/fill", node.op, 0, written, names_of((x,)), y.name, (node.name,)
            )
        )
    for index, nest in enumerate(nests):
        layers.append(
            ComputeLayer(
                name=f"{node.name}/phase{index}" if len(nests) > 1 or empty else node.name,
                op=node.op,
                nest=nest,
                bits=OperandBits(w.bits, x.bits, y.bits),
                inputs=names_of((x, w, bias)),
                output=y.name,
                dynamic_weights=1 not in node.static,
                fused=_share(added_bias(node, bias, 2), nest.elements("O"), total),
                nodes=(node.name,),
            )
        )
    return layers


def _share(works: tuple[FusedWork, ...], part: int, total: int) -> tuple[FusedWork, ...]:
    """One addition per output: a nest's share is exact; the bias it reads anew."""
    return tuple(
        FusedWork(
            type(work.work)(work.work.op, work.work.simple_ops * part // total),
            work.read_bits,
            work.node,
        )
        for work in works
    )


def _nest(parts: Sequence[Phases], x_shape: Sequence[int], filters: int, group: int) -> LoopNest:
    """The nest of phases combined over the axes; depth folds as in a convolution."""
    flat = [Phases(1, 1, 1, 1, 0), *parts] if len(parts) == 1 else list(parts)
    rows, columns = flat[-2:]
    depth = flat[:-2]
    sizes = (1, *x_shape[2:]) if len(parts) == 1 else x_shape[2:]
    return LoopNest(
        (
            x_shape[0] * prod(part.outputs for part in depth),
            group,
            filters * prod(part.count for part in flat),
            x_shape[1] // group * prod(part.taps for part in depth),
            rows.outputs,
            columns.outputs,
            rows.taps,
            columns.taps,
        ),
        dilation=(rows.dilation, columns.dilation),
        pad=(rows.pad, columns.pad),
        input_size=(sizes[-2], sizes[-1]),
    )


def _axes(
    node: NodeView, inputs: Sequence[int], kernel: Sequence[int], outputs: Sequence[int]
) -> list[list[Phases]]:
    rank = len(kernel)
    stride = spatial(node, "strides", rank, 1)
    dilation = spatial(node, "dilations", rank, 1)
    extra = spatial(node, "output_padding", rank, 0)
    automatic = str(node.attributes.get("auto_pad", "NOTSET"))
    crops = tuple(int(value) for value in node.attributes.get("pads", ())) or (0,) * 2 * rank
    crop = list(crops[:rank])
    if automatic == "VALID":
        crop = [0] * rank
    if node.attributes.get("output_shape") or automatic.startswith("SAME"):
        for axis in range(rank):  # the pads follow from the size of the output
            full = stride[axis] * (inputs[axis] - 1) + extra[axis]
            total = full + (kernel[axis] - 1) * dilation[axis] + 1 - outputs[axis]
            upper = automatic == "SAME_UPPER"
            crop[axis] = total // 2 if upper else total - total // 2
    return [
        phases(outputs[axis], kernel[axis], stride[axis], dilation[axis], crop[axis])
        for axis in range(rank)
    ]
