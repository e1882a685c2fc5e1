"""A contraction of two operands as a multiply-accumulate nest: what MatMul and its kin become."""

from __future__ import annotations

from ..graph import ComputeLayer
from ..nest import LoopNest, OperandBits


def contraction_layer(
    name: str,
    op: str,
    *,
    groups: int,
    rows: int,
    batch: int,
    k: int,
    c: int,
    bits: OperandBits,
    inputs: tuple[str, ...],
    output: str,
    dynamic_weights: bool,
    nodes: tuple[str, ...] = (),
) -> ComputeLayer:
    """``O[b, g, k, row] += W[g, k, c] * I[b, g, c, row]`` as a layer.

    Args:
        name, op, inputs, output, dynamic_weights, nodes: as of `ComputeLayer`.
        groups: size of what indexes W, I and O alike (heads of an attention product).
        rows, batch: sizes of what indexes I and O; rows is the one that lies innermost.
        k: size of what indexes W and O.
        c: size of what is summed over.
        bits: widths of the operands.

    A product ``M x C @ C x K`` has ``rows=M, k=K, c=C, groups=1, batch=1``.
    """
    return ComputeLayer(
        name=name,
        op=op,
        nest=LoopNest((batch, groups, k, c, 1, rows, 1, 1), input_size=(1, rows)),
        bits=bits,
        inputs=inputs,
        output=output,
        dynamic_weights=dynamic_weights,
        nodes=nodes or (name,),
    )
