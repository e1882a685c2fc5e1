"""Reductions and running sums."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Layer
from ..lowering import NodeView, lowers
from .costs import REDUCE
from .parts import further_outputs, vector_layer


@lowers(*REDUCE)
def reduction(node: NodeView) -> Sequence[Layer]:
    """So much for every input element and for every output; the axes are known at compile time.

    Covers the reductions, ArgMax and ArgMin, and running sums and products, whose every output
    is one more step.
    """
    per_input, per_output, _ = REDUCE[node.op]
    x = node.input(0)
    cost = per_input * x.elements + per_output * node.output.elements
    return [vector_layer(node, cost, reads=(x,)), *further_outputs(node)]
