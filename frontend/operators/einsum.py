"""Einsum: contractions of two operands, chains of several, and what is left of one.

An index of two operands is, by where it appears, part of a loop dim:

    in both and in the output      G
    in I and in the output         OX (the last one) and B (the others)
    in W and in the output         K
    in both, not in the output     C, it is summed over

An index in one operand only and not in the output is summed over before, on the vector unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from ..graph import Layer, MoveLayer, Tensor
from ..lowering import CannotLower, NodeView, lowers
from ..nest import OperandBits
from .contraction import contraction_layer
from .costs import SIMPLE
from .parts import inner_tensor, move_layer, part_name, vector_layer


@dataclass(frozen=True, slots=True)
class Term:
    """An operand with its indices.

    Attributes:
        tensor: the operand.
        labels: one for each axis.
        static: fixed before the network runs.
    """

    tensor: Tensor
    labels: tuple[str, ...]
    static: bool


@lowers("Einsum")
def einsum(node: NodeView) -> Sequence[Layer]:
    """Any number of operands; several are contracted from the left, two at a time."""
    operands = node.present_inputs()
    labels, output = parse(str(node.attributes.get("equation", "")), operands)
    sizes = _sizes(labels, operands)
    terms = [
        Term(tensor, _present(tensor, own), position in node.static)
        for position, (tensor, own) in enumerate(zip(operands, labels, strict=True))
    ]
    wanted = tuple(label for label in output if sizes[label] > 1)
    if len(terms) == 1:
        return _single(node, terms[0], wanted, sizes)
    layers: list[Layer] = []
    current = terms[0]
    for position, term in enumerate(terms[1:], start=1):
        last = position == len(terms) - 1
        later = {label for rest in terms[position + 1 :] for label in rest.labels}
        both = dict.fromkeys((*current.labels, *term.labels))
        kept = wanted if last else tuple(x for x in both if x in wanted or x in later)
        part = "" if last else f"product{position}"
        made, current = _pair(node, current, term, kept, sizes, part)
        layers += made
    return layers


def parse(
    equation: str, operands: Sequence[Tensor]
) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Labels of every operand's axes, and of the output's; broadcast axes get labels too."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(operands):
        raise CannotLower(f"equation {equation!r} is for {len(texts)} operands")
    labels = [_labels(text, len(x.shape)) for text, x in zip(texts, operands, strict=True)]
    for own in labels:
        if len(set(own)) < len(own):
            raise CannotLower(f"equation {equation!r} takes a diagonal")
    spread = max((sum(label.startswith("~") for label in own) for own in labels), default=0)
    dots = tuple(f"~{i}" for i in range(spread, 0, -1))
    if arrow:
        before, _, after = right.partition("...")
        output = (*before, *(dots if "..." in right else ()), *after)
    else:  # what appears once, in alphabetical order
        once = sorted(x for x in set(left) - {",", "."} if left.count(x) == 1)
        output = (*dots, *once)
    return labels, output


def _labels(text: str, rank: int) -> tuple[str, ...]:
    """Labels of one operand; those of an ellipsis are numbered from the right."""
    before, dots, after = text.partition("...")
    hidden = rank - len(before) - len(after)
    if hidden < 0 or (hidden and not dots):
        raise CannotLower(f"operand {text!r} of the equation has rank {rank}")
    return (*before, *(f"~{i}" for i in range(hidden, 0, -1)), *after)


def _present(tensor: Tensor, labels: Sequence[str]) -> tuple[str, ...]:
    """The labels that index a tensor; along an axis of size 1 it is broadcast."""
    return tuple(label for label, size in zip(labels, tensor.shape, strict=True) if size > 1)


def _sizes(labels: Sequence[Sequence[str]], operands: Sequence[Tensor]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for own, tensor in zip(labels, operands, strict=True):
        for label, size in zip(own, tensor.shape, strict=True):
            if size != 1 and sizes.get(label, 1) not in (1, size):
                raise CannotLower(f"index {label} has sizes {sizes[label]} and {size}")
            sizes[label] = max(size, sizes.get(label, 1))
    return sizes


def _single(
    node: NodeView, term: Term, wanted: tuple[str, ...], sizes: Mapping[str, int]
) -> list[Layer]:
    """A sum over axes, or a transpose. Axes that keep their order need no move on their own."""
    if set(term.labels) - set(wanted):
        return [vector_layer(node, SIMPLE * term.tensor.elements, op="ReduceSum")]
    if term.labels == wanted:
        return [MoveLayer(node.name, node.op, 0, 0, (term.tensor.name,), node.output.name)]
    return [move_layer(node)]


def _pair(
    node: NodeView,
    a: Term,
    b: Term,
    wanted: tuple[str, ...],
    sizes: Mapping[str, int],
    part: str,
) -> tuple[list[Layer], Term]:
    """The layers of a product of two operands, and the term that it makes."""
    layers: list[Layer] = []
    summed = []
    for position, (own, other) in enumerate(((a, b), (b, a))):
        alone = set(own.labels) - set(other.labels) - set(wanted)
        if alone:
            labels = tuple(label for label in own.labels if label not in alone)
            shape = tuple(sizes[label] for label in labels)
            where = f"{part or 'product'}-sum{position}"
            if own.static:  # summed at compile time
                own = Term(Tensor(own.tensor.name, shape, own.tensor.bits), labels, True)
            else:
                total = inner_tensor(node, where, shape, own.tensor.bits)
                layers.append(_sum(node, own.tensor, total, where))
                own = Term(total, labels, False)
        summed.append(own)
    x, w = summed if summed[1].static or not summed[0].static else (summed[1], summed[0])
    output = node.output
    if part:
        shape = tuple(sizes[label] for label in wanted)
        output = inner_tensor(node, part, shape, node.output.bits)
    term = Term(output, wanted, x.static and w.static)
    layers.append(_product(node, x, w, wanted, sizes, output, part))
    return layers, term


def _sum(node: NodeView, tensor: Tensor, total: Tensor, part: str) -> Layer:
    """The sum of a tensor over axes."""
    return vector_layer(
        node, SIMPLE * tensor.elements, reads=(tensor,), output=total, op="ReduceSum", part=part
    )


def _product(
    node: NodeView,
    x: Term,
    w: Term,
    wanted: tuple[str, ...],
    sizes: Mapping[str, int],
    output: Tensor,
    part: str,
) -> Layer:
    both = [label for label in x.labels if label in w.labels]
    contracted = [label for label in both if label not in wanted]
    rows = [label for label in x.labels if label not in w.labels]
    columns = [label for label in w.labels if label not in x.labels]
    if not contracted and not (rows and columns):
        # Every output is one product of two numbers: elementwise, at most broadcast.
        return vector_layer(
            node,
            SIMPLE * output.elements,
            reads=(x.tensor, w.tensor),
            output=output,
            op="Mul",
            part=part,
        )
    return contraction_layer(
        part_name(node, part),
        node.op,
        groups=prod(sizes[label] for label in both if label in wanted),
        rows=sizes[rows[-1]] if rows else 1,
        batch=prod(sizes[label] for label in rows[:-1]),
        k=prod(sizes[label] for label in columns),
        c=prod(sizes[label] for label in contracted),
        bits=OperandBits(w.tensor.bits, x.tensor.bits, output.bits),
        inputs=tuple(dict.fromkeys((x.tensor.name, w.tensor.name))),
        output=output.name,
        dynamic_weights=not w.static,
        nodes=(node.name,),
    )
