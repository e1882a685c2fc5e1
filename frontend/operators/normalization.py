"""Normalisations: batch, layer, RMS, group, instance, local response, Lp, mean and variance."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..graph import Layer
from ..lowering import MICROSOFT, CannotLower, NodeView, lowers
from .costs import NORMALIZE, NORMALIZE_RMS, POWER, Cost
from .parts import further_outputs, integers, is_fixed, positive_axis, vector_layer


def normalized(elements: int, rows: int, *, affine: int, rms: bool = False) -> Cost:
    """Elements normalised in rows, with so many operations of scale and shift for each."""
    element, row = NORMALIZE_RMS if rms else NORMALIZE
    return (element + Cost(affine)) * elements + row * rows


def trailing_rows(shape: tuple[int, ...], axis: int) -> int:
    """Rows where all axes from `axis` on are normalised together."""
    return prod(shape[: positive_axis(axis, len(shape))])


@lowers("LayerNormalization")
@lowers("LayerNormalization", domain=MICROSOFT)
def layer_normalization(node: NodeView) -> Sequence[Layer]:
    """Over all axes from `axis` on, then scale and, where it is there, bias."""
    x = node.input(0)
    affine = 1 + int(node.optional(2) is not None)
    rows = trailing_rows(x.shape, int(node.attributes.get("axis", -1)))
    return [
        vector_layer(node, normalized(x.elements, rows, affine=affine)),
        *further_outputs(node),
    ]


@lowers("RMSNormalization")
@lowers("SimplifiedLayerNormalization")  # ONNX Runtime's name; exported without a domain, too
@lowers("SimplifiedLayerNormalization", domain=MICROSOFT)
def rms_normalization(node: NodeView) -> Sequence[Layer]:
    """By the root of the mean square over all axes from `axis` on, then scale."""
    x = node.input(0)
    rows = trailing_rows(x.shape, int(node.attributes.get("axis", -1)))
    return [
        vector_layer(node, normalized(x.elements, rows, affine=1, rms=True)),
        *further_outputs(node),
    ]


@lowers("GroupNormalization")
def group_normalization(node: NodeView) -> Sequence[Layer]:
    """Rows: one for each sample and group of channels."""
    x = node.input(0)
    groups = int(node.attributes.get("num_groups", 1))
    return [vector_layer(node, normalized(x.elements, x.shape[0] * groups, affine=2))]


@lowers("GroupNorm", "SkipGroupNorm", domain=MICROSOFT)
def group_norm_fused(node: NodeView) -> Sequence[Layer]:
    """GroupNormalization, optionally with Swish after it and with a skip (and a bias) before it."""
    x = node.input(0)
    rows = x.shape[0] * int(node.attributes.get("groups", 1))
    cost = normalized(x.elements, rows, affine=2)
    if int(node.attributes.get("activation", 0)):
        cost += Cost(2, 2) * x.elements
    added = sum(node.optional(position) is not None for position in (3, 4))
    cost += Cost(added) * x.elements
    return [vector_layer(node, cost), *further_outputs(node)]


@lowers("InstanceNormalization")
def instance_normalization(node: NodeView) -> Sequence[Layer]:
    """Rows: one for each sample and channel."""
    x = node.input(0)
    return [vector_layer(node, normalized(x.elements, prod(x.shape[:2]), affine=2))]


@lowers("MeanVarianceNormalization")
def mean_variance_normalization(node: NodeView) -> Sequence[Layer]:
    """Rows: one for each index of the axes that are not reduced; by default the channels."""
    x = node.input(0)
    axes = {
        positive_axis(axis, len(x.shape)) for axis in integers(node.attributes, "axes", (0, 2, 3))
    }
    rows = prod(size for axis, size in enumerate(x.shape) if axis not in axes)
    return [vector_layer(node, normalized(x.elements, rows, affine=0))]


@lowers("BatchNormalization")
def batch_normalization(node: NodeView) -> Sequence[Layer]:
    """Where it is not folded into a producer: one scale and shift for each element.

    They are made of the four parameters, at compile time where these are fixed, otherwise once
    per channel: add epsilon, reciprocal root, mul by the scale, mul by the mean, subtract. In
    training mode mean and variance come from the batch.
    """
    x = node.input(0)
    channels = x.shape[1] if len(x.shape) > 1 else 1
    if int(node.attributes.get("training_mode", 0)):
        running = Cost(6) * channels  # two running averages of mul, mul, add
        cost = normalized(x.elements, channels, affine=2) + running
    elif all(is_fixed(node, position) for position in (1, 2, 3, 4)):
        read = x.total_bits + node.input(1).total_bits + node.input(2).total_bits
        return [vector_layer(node, Cost(2) * x.elements, read_bits=read)]
    else:
        cost = Cost(2) * x.elements + Cost(4, 1) * channels
    return [vector_layer(node, cost), *further_outputs(node)]


@lowers("LRN")
def local_response_normalization(node: NodeView) -> Sequence[Layer]:
    """x (bias + alpha / n sum of n squares) ** -beta.

    Square, n - 1 additions, mul, add, power, mul. Squares are shared between neighbours; the
    windows at the first and last channels count in full.
    """
    size = int(node.attributes.get("size", 0))
    if size < 1:
        raise CannotLower(f"attribute size: expected at least 1, got {size}")
    return [vector_layer(node, (Cost(size + 3) + POWER) * node.output.elements)]


@lowers("LpNormalization")
def lp_normalization(node: NodeView) -> Sequence[Layer]:
    """Abs or square, add, mul for each element; reciprocal (of the root) for each row."""
    x = node.input(0)
    length = x.shape[positive_axis(int(node.attributes.get("axis", -1)), len(x.shape))]
    return [vector_layer(node, Cost(3) * x.elements + Cost(0, 1) * (x.elements // length))]


@lowers("SkipLayerNormalization", domain=MICROSOFT)
def skip_layer_normalization(node: NodeView) -> Sequence[Layer]:
    """input + skip (+ bias), then LayerNormalization; inputs gamma, beta, bias from position 2."""
    x = node.input(0)
    affine = 1 + int(node.optional(3) is not None)
    return _skip(node, affine=affine, bias=node.optional(4) is not None, rms=False, rows=x.shape)


@lowers("SkipSimplifiedLayerNormalization", domain=MICROSOFT)
def skip_rms_normalization(node: NodeView) -> Sequence[Layer]:
    """input + skip (+ bias), then RMS normalisation; inputs gamma, bias from position 2."""
    x = node.input(0)
    return _skip(node, affine=1, bias=node.optional(3) is not None, rms=True, rows=x.shape)


def _skip(
    node: NodeView, *, affine: int, bias: bool, rms: bool, rows: tuple[int, ...]
) -> Sequence[Layer]:
    elements = prod(rows)
    cost = normalized(elements, prod(rows[:-1]), affine=affine, rms=rms)
    cost += Cost(1 + int(bias)) * elements
    return [vector_layer(node, cost), *further_outputs(node)]


@lowers("EmbedLayerNormalization", domain=MICROSOFT)
def embed_layer_normalization(node: NodeView) -> Sequence[Layer]:
    """Word, position and segment embeddings gathered and added, then LayerNormalization.

    Inputs: ids, segment ids, word, position and segment tables, gamma, beta, mask, position ids.
    Of each table only the gathered rows are read. The mask index counts the mask's ones.
    """
    ids, output = node.input(0), node.output
    tables = [node.optional(position) for position in (2, 3, 4)]
    segments = node.optional(1) is not None and tables[2] is not None
    gathered = [table for table in tables[: 3 if segments else 2] if table is not None]
    hidden = output.shape[-1]
    read = sum(ids.elements * hidden * table.bits for table in gathered)
    others = [node.optional(position) for position in (0, 1, 5, 6, 7, 8)]
    read += sum(tensor.total_bits for tensor in others if tensor is not None)
    cost = normalized(output.elements, ids.elements, affine=2)
    cost += Cost(len(gathered) - 1) * output.elements
    mask = node.optional(7)
    if mask is not None:
        cost += Cost(1) * mask.elements
    return [vector_layer(node, cost, read_bits=read), *further_outputs(node)]
