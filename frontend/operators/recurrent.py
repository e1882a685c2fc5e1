"""LSTM, GRU and RNN.

Three layers for each node:

- the **input product** ``X W^T`` of all time steps at once. Both directions of a bidirectional
  node read the same X, so that the second one doubles K;
- the **recurrent product** ``H R^T``, whose time steps follow one another: they are B, marked as
  sequential, so that R stays on chip where it fits. Directions are G;
- the **cell**, elementwise on both products.

All time steps count for every sequence: `sequence_lens` masks, it saves nothing. The multiply-
accumulates are T * batch * directions * gates * H * (I + H).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..graph import ComputeLayer, Layer, Tensor
from ..lowering import MICROSOFT, CannotLower, NodeView, lowers
from ..nest import LoopNest, OperandBits
from .costs import ACTIVATION, DEQUANTIZE, SIMPLE, Cost
from .parts import further_outputs, inner_tensor, is_fixed, names_of, part_name, vector_layer
from .quantize_linear import DYNAMIC_BITS, dynamic_quantize_cost, quantized_as_it_runs

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
#: Activations of one direction where the attribute does not name them.
_DEFAULT = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a recurrent node."""

    steps: int
    batch: int
    directions: int
    gates: int
    inputs: int
    hidden: int

    @property
    def states(self) -> int:
        """Hidden values of all steps, samples and directions."""
        return self.steps * self.batch * self.directions * self.hidden


def sizes_of(node: NodeView, kind: str) -> Sizes:
    """X is ``T x batch x I``, with `layout` 1 ``batch x T x I``; H comes from R's shape.

    R is ``directions x gates H x H``, quantised the transpose ``directions x H x gates H``.
    """
    x, r = node.input(0), node.input(2)
    if node.optional(4) is not None:
        node.notes.append(f"{kind} counts all time steps of every sequence, as if all were full")
    if len(x.shape) != 3 or len(r.shape) != 3:
        raise CannotLower(f"expected X and R with three dims, got {x.shape} and {r.shape}")
    steps, batch, inputs = x.shape
    if int(node.attributes.get("layout", 0)):
        steps, batch = batch, steps
    hidden = int(node.attributes.get("hidden_size", min(r.shape[1:])))
    if sorted(r.shape[1:]) != sorted((hidden, GATES[kind] * hidden)):
        raise CannotLower(f"R of shape {r.shape} does not fit {GATES[kind]} gates of {hidden}")
    return Sizes(steps, batch, r.shape[0], GATES[kind], inputs, hidden)


def input_product(node: NodeView, sizes: Sizes, x: Tensor, bits: OperandBits) -> ComputeLayer:
    """All gates of all directions, for all steps and samples as one matrix product."""
    rows = sizes.steps * sizes.batch
    columns = sizes.directions * sizes.gates * sizes.hidden
    name = part_name(node, "input_product")
    return ComputeLayer(
        name=name,
        op=node.op,
        nest=LoopNest((1, 1, columns, sizes.inputs, 1, rows, 1, 1), input_size=(1, rows)),
        bits=bits,
        inputs=names_of((x, node.input(1))),
        output=name,
        nodes=(node.name,),
    )


def recurrent_product(node: NodeView, sizes: Sizes, after: str, bits: OperandBits) -> ComputeLayer:
    """One step after the other. It depends on the input product: the first step starts with it.

    Its I operand is the hidden state that the cell has just written, which has no name outside.
    """
    name = part_name(node, "recurrent_product")
    return ComputeLayer(
        name=name,
        op=node.op,
        nest=LoopNest(
            (
                sizes.steps,
                sizes.directions,
                sizes.gates * sizes.hidden,
                sizes.hidden,
                1,
                sizes.batch,
                1,
                1,
            ),
            input_size=(1, sizes.batch),
            sequential=("B",),
        ),
        bits=bits,
        inputs=(after, *names_of((node.input(2), node.optional(5)))),
        output=name,
        nodes=(node.name,),
    )


def cell_cost(node: NodeView, kind: str, directions: int) -> Cost:
    """One hidden value of one step, averaged over the directions' activation functions."""
    names = [str(name) for name in node.attributes.get("activations", ())]
    each = len(_DEFAULT[kind])
    if not names:
        names = list(_DEFAULT[kind]) * directions
    if len(names) != each * directions:
        raise CannotLower(f"expected {each} activations for each direction, got {names}")
    total = Cost()
    for direction in range(directions):
        functions = names[each * direction : each * (direction + 1)]
        total += _CELLS[kind](node, [_activation(name) for name in functions])
    gates = GATES[kind]
    shared = Cost(gates)  # input product + recurrent product
    if _adds_bias(node):
        shared += Cost(gates)  # both products' biases as one
    if "clip" in node.attributes:
        shared += Cost(2 * gates)
    return total + shared * directions


def _adds_bias(node: NodeView) -> bool:
    """A constant bias costs nothing: it is where the products' accumulators start.

    Not so where they sum up integers, whose scale is only known when the network runs.
    """
    if node.optional(3) is None:
        return False
    return node.op not in GATES or not is_fixed(node, 3)


def _activation(name: str) -> Cost:
    cost = ACTIVATION.get(name.lower())
    if cost is None:
        raise CannotLower(f"activation {name!r} is not known")
    return cost


def _lstm_cell(node: NodeView, functions: list[Cost]) -> Cost:
    """i, o, f = f(.), c = g(.), C = f C + i c (mul, mul, add), H = o h(C) (mul).

    Peepholes: a product and a sum for each of i, o, f. With `input_forget`, f = 1 - i.
    """
    f, g, h = functions
    coupled = bool(int(node.attributes.get("input_forget", 0)))
    gates = f * 2 + SIMPLE if coupled else f * 3
    peepholes = Cost(4 if coupled else 6) if node.optional(7) is not None else Cost()
    return gates + g + h + Cost(4) + peepholes


def _gru_cell(node: NodeView, functions: list[Cost]) -> Cost:
    """z, r = f(.), h = g(.), H = (1 - z) h + z H (sub, mul, mul, add).

    r multiplies the state before its product, or, with `linear_before_reset`, the product after
    it, whose bias then stays apart from the other one and is one more addition.
    """
    f, g = functions
    apart = int(node.attributes.get("linear_before_reset", 0)) > 0 and _adds_bias(node)
    return f * 2 + g + Cost(1 + 4) + Cost(int(apart))


def _rnn_cell(node: NodeView, functions: list[Cost]) -> Cost:
    return functions[0]


_CELLS = {"LSTM": _lstm_cell, "GRU": _gru_cell, "RNN": _rnn_cell}


def written_states(node: NodeView) -> Tensor:
    """The output that the cell writes: Y, or the last state where Y is not asked for."""
    for tensor in node.outputs:
        if tensor is not None:
            return tensor
    raise CannotLower("it has no output")


def _other_outputs(node: NodeView, source: Tensor) -> list[Layer]:
    first = node.outputs.index(source) + 1
    return further_outputs(node, first=first, source=source)


@lowers("LSTM", "GRU", "RNN")
def recurrent(node: NodeView) -> Sequence[Layer]:
    """Inputs X, W, R, B, sequence_lens, initial_h, and for LSTM initial_c, P."""
    sizes = sizes_of(node, node.op)
    x, w, r, y = node.input(0), node.input(1), node.input(2), written_states(node)
    first = input_product(node, sizes, x, OperandBits(w.bits, x.bits, y.bits))
    second = recurrent_product(node, sizes, first.output, OperandBits(r.bits, y.bits, y.bits))
    parameters = [node.optional(position) for position in (4, 6, 7)]
    if _adds_bias(node):
        parameters.insert(0, node.optional(3))
    shape = (sizes.steps, sizes.batch, sizes.directions * sizes.gates * sizes.hidden)
    products = [
        inner_tensor(node, part, shape, y.bits) for part in ("input_product", "recurrent_product")
    ]
    per_value = cell_cost(node, node.op, sizes.directions)
    cell = vector_layer(
        node,
        per_value * (sizes.states // sizes.directions),
        reads=(*products, *parameters),
        output=y,
        part="cell",
    )
    return [first, second, cell, *_other_outputs(node, y)]


#: Width in which integer products are summed up.
_SUM_BITS = 32


@lowers("DynamicQuantizeLSTM", domain=MICROSOFT)
def dynamic_quantize_lstm(node: NodeView) -> Sequence[Layer]:
    """An LSTM whose weights are integers and whose activations are quantised as it runs.

    Inputs as of LSTM, then scale and zero point of W, and of R. Both products are of integers and
    brought back to real numbers in the cell; X is quantised before, H in each step.
    """
    sizes = sizes_of(node, "LSTM")
    x, w, r, y = node.input(0), node.input(1), node.input(2), written_states(node)
    narrow, quantize = quantized_as_it_runs(node, x)
    first = input_product(node, sizes, narrow, OperandBits(w.bits, DYNAMIC_BITS, _SUM_BITS))
    second = recurrent_product(
        node, sizes, first.output, OperandBits(r.bits, DYNAMIC_BITS, _SUM_BITS)
    )
    shape = (sizes.steps, sizes.batch, sizes.directions * sizes.gates * sizes.hidden)
    products = [
        inner_tensor(node, part, shape, _SUM_BITS)
        for part in ("input_product", "recurrent_product")
    ]
    scales = [node.optional(position) for position in (3, 4, 6, 7, 8, 9, 10, 11)]
    cost = cell_cost(node, "LSTM", sizes.directions) * (sizes.states // sizes.directions)
    cost += DEQUANTIZE * (2 * sizes.gates * sizes.states)
    per_step = dynamic_quantize_cost(sizes.batch * sizes.directions * sizes.hidden)
    cost += per_step * sizes.steps
    cell = vector_layer(node, cost, reads=(*products, *scales), output=y, part="cell")
    return [quantize, first, second, cell, *_other_outputs(node, y)]
