"""LSTM, GRU and RNN around the two loop nests that compute their products.

The recurrent product of a time step needs the state that the step before made of it. Its nest is
therefore executed once for each step, every time with the states known so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...frontend.program import Node
from .errors import NotExecutableError
from .reference import Scope

Array = npt.NDArray[Any]
#: Outputs of a nest on W and I.
Run = Callable[[Array, Array], Array]

GATES: Final = {"LSTM": 4, "GRU": 3, "RNN": 1}
_DEFAULT: Final = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


def _sigmoid(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-x))
    return found


_FUNCTIONS: Final[Mapping[str, Callable[[Array], Array]]] = {
    "Sigmoid": _sigmoid,
    "Tanh": np.tanh,
    "Relu": lambda x: np.maximum(x, 0),
}


@dataclass(frozen=True, slots=True)
class _Cell:
    """The elementwise part of one direction.

    Attributes:
        functions: its activations.
        input_bias, state_bias: of all gates.
        peephole: of the gates i, o, f; zeros where there are none.
    """

    kind: str
    functions: list[Callable[[Array], Array]]
    input_bias: Array
    state_bias: Array
    peephole: Array

    def step(self, product: Array, recurrent: Array, h: Array, c: Array) -> tuple[Array, Array]:
        """New states H and C, ``batch x hidden``, of both products, ``batch x gates hidden``."""
        x, r = product + self.input_bias, recurrent + self.state_bias
        match self.kind:
            case "LSTM":
                i, o, f, g = np.split(x + r, 4, axis=-1)
                first, second, third = self.functions
                pi, po, pf = np.split(self.peephole, 3)
                i, f = first(i + pi * c), first(f + pf * c)
                c = f * c + i * second(g)
                return first(o + po * c) * third(c), c
            case "GRU":
                first, second = self.functions
                (xz, xr, xh), (rz, rr, rh) = np.split(x, 3, axis=-1), np.split(r, 3, axis=-1)
                z = first(xz + rz)
                return (1 - z) * second(xh + first(xr + rr) * rh) + z * h, c
        return self.functions[0](x + r), c


def execute_recurrent(node: Node, scope: Scope, product: Run, recurrent: Run) -> list[Array]:
    """Outputs Y, Y_h and, of an LSTM, Y_c.

    Args:
        product, recurrent: execute the nest of either product.

    Raises:
        NotExecutableError: a form of the cell that is not covered.
    """
    _refuse(node, scope)
    x, w, r = (scope.value(node.inputs[position]) for position in range(3))
    by_batch = bool(node.attributes.get("layout", 0))
    if by_batch:
        x = x.swapaxes(0, 1)
    steps, batch, features = x.shape
    directions, rows, hidden = r.shape
    found = product(
        w.reshape(1, directions * rows, features, 1, 1),
        x.reshape(1, 1, steps * batch, 1, features).transpose(0, 1, 4, 3, 2),
    )
    products = found.reshape(directions, rows, steps, batch).transpose(2, 0, 3, 1)
    # In the order of processing: the reverse direction begins with the last step.
    reverse = [direction == "reverse" for direction in _directions(node)]
    for number, turned in enumerate(reverse):
        if turned:
            products[:, number] = products[::-1, number].copy()
    cells = [_cell(node, scope, number, rows, hidden) for number in range(directions)]
    h = np.zeros((steps + 1, directions, batch, hidden))
    c = np.zeros_like(h)
    h[0], c[0] = _initial(scope, node, 5, h[0], by_batch), _initial(scope, node, 6, c[0], by_batch)
    weights = r[..., None, None]
    for step in range(steps):
        sums = recurrent(weights, h[:-1].transpose(0, 1, 3, 2)[:, :, :, None])
        for number, cell in enumerate(cells):
            h[step + 1, number], c[step + 1, number] = cell.step(
                products[step, number],
                sums[step, number, :, 0].T,
                h[step, number],
                c[step, number],
            )
    states = h[1:].copy()
    for number, turned in enumerate(reverse):
        if turned:
            states[:, number] = states[::-1, number].copy()
    outputs = [states.transpose(0, 1, 2, 3), h[-1], c[-1]]
    if by_batch:
        outputs = [states.transpose(2, 0, 1, 3), h[-1].swapaxes(0, 1), c[-1].swapaxes(0, 1)]
    return [output.astype(x.dtype) for output in outputs[: 3 if node.op == "LSTM" else 2]]


def _refuse(node: Node, scope: Scope) -> None:
    """Raises NotExecutableError for what is not covered."""
    if node.op == "GRU" and not node.attributes.get("linear_before_reset", 0):
        raise NotExecutableError(
            "without linear_before_reset the candidate state's product reads r * H, the other "
            "gates' H: multiply-accumulates are exact, but no one nest with one input computes them"
        )
    if scope.optional(node, 4) is not None:
        raise NotExecutableError("sequence_lens is not covered")
    for name in ("clip", "input_forget"):
        if node.attributes.get(name):
            raise NotExecutableError(f"attribute {name} is not covered")


def _directions(node: Node) -> list[str]:
    direction = node.attributes.get("direction", "forward")
    return ["forward", "reverse"] if direction == "bidirectional" else [direction]


def _initial(scope: Scope, node: Node, position: int, zero: Array, by_batch: bool) -> Array:
    given = scope.optional(node, position) if position < 6 or node.op == "LSTM" else None
    if given is None:
        return zero
    return given.swapaxes(0, 1) if by_batch else given


def _cell(node: Node, scope: Scope, number: int, rows: int, hidden: int) -> _Cell:
    count = len(_DEFAULT[node.op])
    names = node.attributes.get("activations") or _DEFAULT[node.op] * len(_directions(node))
    own = names[count * number : count * (number + 1)]
    unknown = [name for name in own if name not in _FUNCTIONS]
    if unknown:
        raise NotExecutableError(f"activations {', '.join(unknown)} are not covered")
    bias, peephole = scope.optional(node, 3), None
    if node.op == "LSTM":
        peephole = scope.optional(node, 7)
    both = np.zeros(2 * rows) if bias is None else bias[number]
    return _Cell(
        node.op,
        [_FUNCTIONS[name] for name in own],
        both[:rows],
        both[rows:],
        np.zeros(3 * hidden) if peephole is None else peephole[number],
    )
