"""LSTM, GRU and RNN: products against a cell that is run, work against numbers that count."""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.frontend.lowering import MICROSOFT, CannotLower, NodeView

sys.path.insert(0, str(Path(__file__).parent))
import node_views as n
from node_views import Number, lower, moves, products, sigmoid, vectors, view

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}


def node_of(
    kind: str,
    steps: int = 5,
    batch: int = 2,
    size: int = 3,
    hidden: int = 4,
    direction: str = "forward",
    bias: bool = True,
    layout: int = 0,
    **attributes: Any,
) -> NodeView:
    ways, rows = DIRECTIONS[direction], GATES[kind] * hidden
    x = (batch, steps, size) if layout else (steps, batch, size)
    y = (batch, steps, ways, hidden) if layout else (steps, ways, batch, hidden)
    state = (batch, ways, hidden) if layout else (ways, batch, hidden)
    inputs = [x, (ways, rows, size), (ways, rows, hidden), (ways, 2 * rows) if bias else None]
    outputs = [y, state, state] if kind == "LSTM" else [y, state]
    return view(
        kind, inputs, outputs, hidden_size=hidden, direction=direction, layout=layout, **attributes
    )


@given(
    st.sampled_from(list(GATES)),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from(list(DIRECTIONS)),
    st.sampled_from([0, 1]),
)
def test_macs(
    kind: str, steps: int, batch: int, size: int, hidden: int, direction: str, layout: int
) -> None:
    layers = lower(node_of(kind, steps, batch, size, hidden, direction, layout=layout))
    first, second = products(layers)
    ways, gates = DIRECTIONS[direction], GATES[kind]
    rows = steps * batch
    assert first.nest.sizes == (1, 1, ways * gates * hidden, size, 1, rows, 1, 1)
    assert second.nest.sizes == (steps, ways, gates * hidden, hidden, 1, batch, 1, 1)
    assert second.nest.sequential == ("B",)
    total = first.nest.macs + second.nest.macs
    assert total == steps * batch * ways * gates * hidden * (size + hidden)
    # the weights of the nests are the tensors W and R, each once
    assert first.nest.elements("W") == ways * gates * hidden * size
    assert second.nest.elements("W") == ways * gates * hidden * hidden
    assert first.nest.elements("I") == steps * batch * size


def run_cell(kind: str, batch_free: dict[str, Any], linear_before_reset: int = 0) -> list[float]:
    """One direction, batch 1, as ONNX writes the equations; only the cell's work is counted."""
    x, w, r, b = (batch_free[key].astype(float) for key in ("X", "W", "R", "B"))
    hidden = r.shape[-1]
    wb, rb = b[0, : b.shape[1] // 2], b[0, b.shape[1] // 2 :]
    h, c = [Number(0.0)] * hidden, [Number(0.0)] * hidden
    for step in range(x.shape[0]):
        from_x = w[0] @ x[step, 0]
        values = np.array([entry.value for entry in h])
        from_h = r[0] @ values

        def gate(
            index: int, unit: int, xs: Any = from_x, hs: Any = from_h, k: int = hidden
        ) -> Number:
            at = index * k + unit
            return Number(xs[at]) + hs[at] + (wb[at] + rb[at])

        new_h, new_c, reset = [], [], []
        for unit in range(hidden):
            if kind == "RNN":
                new_h.append(n.tanh(gate(0, unit)))
            elif kind == "LSTM":
                i, o, f = (sigmoid(gate(index, unit)) for index in range(3))
                new_c.append(f * c[unit] + i * n.tanh(gate(3, unit)))
                new_h.append(o * n.tanh(new_c[-1]))
            else:
                new_c.append(sigmoid(gate(0, unit)))  # z
                reset.append(sigmoid(gate(1, unit)))
        if kind == "GRU":
            for unit in range(hidden):
                at = 2 * hidden + unit
                if linear_before_reset:
                    candidate = (Number(from_h[at]) + rb[at]) * reset[unit] + from_x[at] + wb[at]
                else:
                    if unit == 0:  # the state times r, one product for each hidden value
                        scaled = np.array([(reset[k] * h[k]).value for k in range(hidden)])
                        from_scaled = r[0, 2 * hidden :] @ scaled
                    candidate = Number(from_x[at]) + from_scaled[unit] + (wb[at] + rb[at])
                z = new_c[unit]
                new_h.append((1.0 - z) * n.tanh(candidate) + z * h[unit])
        h, c = new_h, new_c
    return [entry.value for entry in h]


@pytest.mark.parametrize(("kind", "linear"), [("LSTM", 0), ("GRU", 0), ("GRU", 1), ("RNN", 0)])
def test_cell_work_is_that_of_the_equations(kind: str, linear: int) -> None:
    steps, size, hidden = 3, 2, 4
    generator = np.random.default_rng(7)
    rows = GATES[kind] * hidden
    feeds = {
        "X": generator.normal(size=(steps, 1, size)).astype(np.float32),
        "W": generator.normal(size=(1, rows, size)).astype(np.float32),
        "R": generator.normal(size=(1, rows, hidden)).astype(np.float32),
        "B": generator.normal(size=(1, 2 * rows)).astype(np.float32),
    }
    attributes = {"linear_before_reset": linear} if kind == "GRU" else {}
    Number.reset()
    state = run_cell(kind, feeds, linear)
    outputs = ("", "Yh")
    (expected,) = n.reference(kind, feeds, outputs, opset=22, hidden_size=hidden, **attributes)
    np.testing.assert_allclose(state, expected.ravel(), rtol=1e-4)

    (cell,) = vectors(lower(node_of(kind, steps, 1, size, hidden, **attributes)))
    assert (cell.work.simple_ops, cell.work.special_ops) == Number.counts()


def test_bits_of_the_cell() -> None:
    """Both products and the bias read, Y written; the last states are written beside it."""
    layers = lower(node_of("LSTM", steps=5, batch=2, size=3, hidden=4, direction="bidirectional"))
    first, second = products(layers)
    (cell,) = vectors(layers)
    gates = 5 * 2 * 2 * 16
    assert cell.read_bits == (2 * gates + 2 * 32) * 32
    assert cell.write_bits == 5 * 2 * 2 * 4 * 32
    assert cell.inputs == (first.output, second.output, "in3")
    assert cell.output == "out0"
    assert [(move.output, move.write_bits) for move in moves(layers)] == [
        ("out1", 2 * 2 * 4 * 32),
        ("out2", 2 * 2 * 4 * 32),
    ]
    assert prod((first.nest["K"], first.nest["OX"])) == gates


def test_only_the_last_state() -> None:
    node = node_of("GRU")
    node = NodeView("node", "GRU", "", 22, node.inputs, (None, node.outputs[1]), node.attributes)
    layers = lower(node)
    assert layers[-1].output == "out1"
    assert vectors(layers)[0].write_bits == 2 * 4 * 32
    assert not moves(layers)


def test_peepholes_coupling_and_clipping() -> None:
    plain = vectors(lower(node_of("LSTM", bias=False)))[0].work
    states = 5 * 2 * 4
    base = node_of("LSTM", bias=False)
    inputs = (*base.inputs, None, None, None, n.Tensor("P", (1, 12), 32))
    peeping = NodeView("node", "LSTM", "", 22, inputs, base.outputs, base.attributes)
    assert vectors(lower(peeping))[0].work.simple_ops == plain.simple_ops + 6 * states
    coupled = vectors(lower(node_of("LSTM", bias=False, input_forget=1)))[0].work
    assert coupled.special_ops == plain.special_ops - 2 * states
    clipped = vectors(lower(node_of("LSTM", bias=False, clip=3.0)))[0].work
    assert clipped.simple_ops == plain.simple_ops + 8 * states


def test_named_activations_of_each_direction() -> None:
    names = ["Relu", "Affine"]
    layers = lower(node_of("RNN", bias=False, direction="bidirectional", activations=names))
    # per direction and hidden value one addition, then 1 and 2 simple operations
    assert vectors(layers)[0].work.simple_ops == 5 * 2 * 4 * (1 + 1 + 1 + 2)
    with pytest.raises(CannotLower, match="Softmax"):
        lower(node_of("RNN", activations=["Softmax"]))
    with pytest.raises(CannotLower, match="expected 1 activations"):
        lower(node_of("RNN", activations=["Tanh", "Tanh"]))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(CannotLower, match="does not fit 4 gates"):
        lower(view("LSTM", [(5, 2, 3), (1, 16, 3), (1, 12, 4)], [(5, 1, 2, 4)], hidden_size=4))


def test_dynamically_quantized_lstm() -> None:
    steps, batch, size, hidden = 5, 2, 3, 4
    node = view(
        "DynamicQuantizeLSTM",
        [
            (steps, batch, size),
            ((1, size, 4 * hidden), 8),
            ((1, hidden, 4 * hidden), 8),
            (1, 8 * hidden),
            None,
            None,
            None,
            None,
            (1,),
            ((1,), 8),
            (1,),
            ((1,), 8),
        ],
        [(steps, 1, batch, hidden)],
        domain=MICROSOFT,
        hidden_size=hidden,
    )
    layers = lower(node)
    first, second = products(layers)
    assert first.nest.macs + second.nest.macs == steps * batch * 16 * (size + hidden)
    assert (first.bits.W, first.bits.I, first.bits.O) == (8, 8, 32)
    quantize, cell = vectors(layers)
    assert quantize.write_bits == steps * batch * size * 8
    assert first.inputs[0] == quantize.output
    states = steps * batch * hidden
    # the cell as in real numbers, both products scaled back, H quantised in every step
    plain = vectors(lower(node_of("LSTM", steps, batch, size, hidden)))[0].work
    scaled = 3 * 2 * 4 * states + (7 * batch * hidden + 9) * steps
    assert cell.work.simple_ops == plain.simple_ops + scaled
    assert cell.work.special_ops == plain.special_ops + steps


@pytest.mark.parametrize(("kind", "linear"), [("LSTM", 0), ("GRU", 1)])
def test_a_constant_bias_is_where_accumulators_start(kind: str, linear: int) -> None:
    attributes = {"linear_before_reset": linear} if linear else {}
    node = node_of(kind, bias=True, **attributes)
    fixed = NodeView(
        "node", kind, "", 22, node.inputs, node.outputs, node.attributes, static=frozenset({3})
    )
    without = vectors(lower(node_of(kind, bias=False, **attributes)))[0]
    assert vectors(lower(fixed))[0] == without
