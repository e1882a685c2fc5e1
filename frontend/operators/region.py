"""Operators on regions of interest, whose extent is data: counted by their upper bound."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from ..graph import Layer
from ..lowering import CannotLower, NodeView, lowers
from .costs import Cost
from .parts import constant_scalar, vector_layer
from .sorting import sort_cost

#: Where one sample lies, shared by all channels: scale and offset on two axes (mul, add each),
#: two floors, two fractions, two complements, four weights.
SAMPLE_POSITION = Cost(14)
#: One bilinear sample of one channel: four products, three additions.
BILINEAR = Cost(7)


@lowers("MaxRoiPool")
def max_roi_pool(node: NodeView) -> Sequence[Layer]:
    """Upper bound: every region covers the whole feature map, one maximum for each position."""
    x, regions = node.input(0), node.input(1)
    _, channels, height, width = _image(x.shape)
    node.notes.append("MaxRoiPool counts as if every region were the whole map")
    compares = regions.shape[0] * channels * height * width
    return [vector_layer(node, Cost(1) * compares)]


@lowers("RoiAlign")
def roi_align(node: NodeView) -> Sequence[Layer]:
    """Samples per bin as `sampling_ratio` says; where it is 0 as many as a whole-map region has.

    Each sample of each channel: bilinear, and one addition or maximum; an average multiplies by
    the reciprocal of their number.
    """
    x, y = node.input(0), node.output
    _, channels, height, width = _image(x.shape)
    regions, _, rows, columns = _image(y.shape)
    ratio = int(node.attributes.get("sampling_ratio", 0))
    samples = ratio * ratio
    if not ratio:
        samples = ceil(height / rows) * ceil(width / columns)
        node.notes.append("RoiAlign counts as if every region were the whole map")
    points = regions * rows * columns * samples
    cost = SAMPLE_POSITION * points + (BILINEAR + Cost(1)) * points * channels
    if node.attributes.get("mode", "avg") == "avg":
        cost += Cost(1) * y.elements
    return [vector_layer(node, cost)]


#: Intersection over union of two boxes against a threshold: 2 max, 2 min, 2 sub and 2 max for the
#: sides, mul; add and sub for the union; compare of intersection with threshold times union.
OVERLAP = Cost(13)


@lowers("NonMaxSuppression")
def non_max_suppression(node: NodeView) -> Sequence[Layer]:
    """Upper bound, as what is suppressed depends on the scores.

    For each sample and class: a threshold on every score, a sort of all of them, and every box
    compared with every box that was kept before it, when none suppresses another.
    """
    boxes, scores = node.input(0), node.input(1)
    batch, classes, count = scores.shape
    kept = constant_scalar(node, 2)
    if kept is None and node.optional(2) is not None:
        raise CannotLower(
            "max_output_boxes_per_class is computed in the network: the work has no useful bound"
        )
    node.notes.append("NonMaxSuppression counts as if no box suppressed another")
    limit = min(count, int(kept or 0))
    # Box i is compared with the min(i, limit) boxes kept before it.
    pairs = limit * (limit - 1) // 2 + (count - limit) * limit
    corners = Cost(3 * count)  # area of each box: two sub, mul
    one_class = Cost(count) + sort_cost(count, count) + OVERLAP * pairs
    cost = one_class * batch * classes + corners * batch
    return [vector_layer(node, cost, reads=(boxes, scores))]


def _image(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    if len(shape) != 4:
        raise CannotLower(f"expected four dims, got {shape}")
    return shape[0], shape[1], shape[2], shape[3]
