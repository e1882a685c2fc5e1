"""Recurrent language models."""

from __future__ import annotations

import onnx
from onnx import TensorProto

from ..builder import GraphBuilder
from ..modules import linear

_STEPS = 35
_WIDTH = 650
_LAYERS = 2
_VOCABULARY = 10000
_STATE = (_LAYERS, 1, _WIDTH)


def lstm() -> onnx.ModelProto:
    """The medium model of Zaremba et al. 2014: two LSTM layers of 650, 35 steps, 10,000 words."""
    b = GraphBuilder("lstm")
    _language_model(b, gates=4, states=("h0", "c0"))
    return b.model()


def gru() -> onnx.ModelProto:
    """The same model with gated recurrent units (Cho et al. 2014) for its cells."""
    b = GraphBuilder("gru")
    _language_model(b, gates=3, states=("h0",))
    return b.model()


def _language_model(b: GraphBuilder, gates: int, states: tuple[str, ...]) -> None:
    ids = b.input("input", (_STEPS, 1), TensorProto.INT64)
    first = [b.input(name, _STATE) for name in states]
    with b.scope("encoder"):
        x = b.node("Gather", b.weight("weight", (_VOCABULARY, _WIDTH)), ids)
    finals: list[list[str]] = [[] for _ in states]
    with b.scope("rnn"):
        for layer in range(_LAYERS):
            x, ends = _cell(b, x, first, layer, gates)
            for collected, end in zip(finals, ends, strict=True):
                collected.append(end)
        last = [b.node("Concat", *collected, axis=0) for collected in finals]
    x = linear(b, x, "decoder", (_WIDTH, _VOCABULARY))
    b.output(x, "output", (_STEPS, 1, _VOCABULARY))
    for name, value in zip(states, last, strict=True):
        b.output(value, name.replace("0", "n"), _STATE)


def _cell(
    b: GraphBuilder, x: str, first: list[str], layer: int, gates: int
) -> tuple[str, list[str]]:
    """One layer over all steps: its outputs (steps, 1, width), and its final states."""
    bounds = (b.ints(layer), b.ints(layer + 1), b.ints(0))
    starts = [b.node("Slice", state, *bounds) for state in first]
    wide = gates * _WIDTH
    parameters = (
        b.weight(f"weight_ih_l{layer}", (1, wide, _WIDTH)),
        b.weight(f"weight_hh_l{layer}", (1, wide, _WIDTH)),
        b.weight(f"bias_l{layer}", (1, 2 * wide)),
    )
    # PyTorch's GRU applies the reset gate after the recurrent product.
    kind, options = ("LSTM", {}) if gates == 4 else ("GRU", {"linear_before_reset": 1})
    y, *ends = b.node_n(
        kind, 1 + len(first), x, *parameters, "", *starts, hidden_size=_WIDTH, **options
    )
    return b.node("Squeeze", y, b.ints(1)), ends
