"""Operators of linear-attention and state-space networks that carry a state from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..graph import ComputeLayer, FusedWork, Layer, Tensor
from ..lowering import CannotLower, NodeView, lowers
from ..nest import LoopNest, OperandBits
from .conv import added_bias
from .costs import ELEMENT, Cost
from .parts import further_outputs, inner_tensor, move_layer, names_of, part_name, vector_layer


@lowers("CausalConvWithState")
def causal_convolution(node: NodeView) -> Sequence[Layer]:
    """Depthwise 1-D convolution over present and past positions; inputs X, W, bias, past state.

    X is ``batch x channels x length``, W ``channels x 1 x k``. The past state takes the place of
    the padding of k - 1 positions.
    """
    x, w, bias, past = node.input(0), node.input(1), node.optional(2), node.optional(3)
    batch, channels, length = x.shape
    taps = w.shape[-1]
    stored = length + (taps - 1 if past is not None else 0)
    nest = LoopNest(
        (batch, channels, 1, 1, 1, length, 1, taps),
        pad=(0, 0 if past is not None else taps - 1),
        input_size=(1, stored),
    )
    elements = node.output.elements
    fused = list(added_bias(node, bias, 2))
    if node.attributes.get("activation", "none") in ("silu", "swish"):
        fused.append(FusedWork((ELEMENT["Swish"][0] * elements).as_work("Swish"), 0, node.name))
    layers: list[Layer] = [
        ComputeLayer(
            name=node.name,
            op=node.op,
            nest=nest,
            bits=OperandBits(w.bits, x.bits, node.output.bits),
            inputs=names_of(node.inputs),
            output=node.output.name,
            fused=tuple(fused),
            nodes=(node.name,),
        )
    ]
    if len(node.outputs) > 1 and node.outputs[1] is not None:
        layers.append(
            move_layer(
                node,
                reads=(x, past),
                output=node.outputs[1],
                part="state",
                read_bits=node.outputs[1].total_bits,
            )
        )
    return layers


@lowers("LinearAttention")
def linear_attention(node: NodeView) -> Sequence[Layer]:
    """The recurrence over a state S of ``d_k x d_v`` for each head that has keys, step by step.

    Inputs query, key, value, past state, decay, beta, each ``batch x T x heads size``. Per step:

    - with a delta rule, what the state holds for the key, ``S^T k`` (products);
    - the state's update (vector work): decay (mul; exp for each decay), outer product (mul), add;
    - the output ``S^T q`` (products).

    Steps are B, sequential; the state is the W operand. It counts as resident: the nest fetches
    it once, and its changes are the vector work. The chunked form that `chunk_size` hints at
    has other counts and the same result.
    """
    heads = _linear_heads(node)
    query, key, value = node.input(0), node.input(1), node.input(2)
    past, decay, beta = node.optional(3), node.optional(4), node.optional(5)
    rule = str(node.attributes.get("update_rule", "gated_delta"))
    delta, gated = "delta" in rule, "gated" in rule
    bits = node.output.bits
    held = inner_tensor(node, "retrieved", (heads.steps, heads.groups, heads.value_size), bits)
    shape = (heads.groups, heads.key_size, heads.value_size)
    state = inner_tensor(node, "state", shape, bits)

    update = Cost(2 + int(gated)) * heads.steps * state.elements
    if decay is not None and gated:
        update += Cost(0, 1) * decay.elements
    if delta:  # v - S^T k, times beta
        update += Cost(2) * held.elements
    changed = vector_layer(
        node,
        update,
        reads=(key, value, past, decay, beta, held if delta else None),
        output=state,
        part="state",
    )
    readout = _state_product(node, heads, heads.query_rows, (query, state), node.output, "readout")
    layers: list[Layer] = [changed, readout, *further_outputs(node, source=state)]
    if delta:
        layers.insert(0, _state_product(node, heads, 1, (key, past), held, "retrieved"))
    return layers


@dataclass(frozen=True, slots=True)
class _LinearHeads:
    """Steps, groups (samples times heads that have keys), query heads of each group, and the
    sizes of keys and values in a head."""

    steps: int
    groups: int
    query_rows: int
    key_size: int
    value_size: int


def _linear_heads(node: NodeView) -> _LinearHeads:
    batch, steps, _ = node.input(0).shape
    query = int(node.attributes.get("q_num_heads", 0))
    shared = int(node.attributes.get("kv_num_heads", 0))
    if shared < 1 or query < 1 or query % shared:
        raise CannotLower(f"{query} query heads do not share {shared} key heads")
    sizes = [node.input(position).shape[-1] // shared for position in (1, 2)]
    return _LinearHeads(steps, batch * shared, query // shared, *sizes)


def _state_product(
    node: NodeView,
    heads: _LinearHeads,
    rows: int,
    reads: tuple[Tensor, Tensor | None],
    output: Tensor,
    part: str,
) -> ComputeLayer:
    """The state's transpose times a vector of each head, `rows` of them, step after step."""
    return ComputeLayer(
        name=part_name(node, part),
        op=node.op,
        nest=LoopNest(
            (heads.steps, heads.groups, heads.value_size, heads.key_size, 1, rows, 1, 1),
            input_size=(1, rows),
            sequential=("B",),
        ),
        bits=OperandBits(node.output.bits, reads[0].bits, output.bits),
        inputs=names_of(reads),
        output=output.name,
        dynamic_weights=True,
        nodes=(node.name,),
    )
