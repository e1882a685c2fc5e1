"""Which channels of a network can be removed, and which only together.

An axis of a tensor is a row of *segments*, each a number of channels that some product makes,
times the positions that were flattened behind it. Additions and other elementwise operators
couple the segments of their operands, depthwise convolutions those of input and output; a
concatenation lines segments up, and does not couple them. What an operator without a rule reads
or writes, and the network's inputs and outputs, keep their size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final

from ..frontend.program import Node, Program

#: Channels of a segment's group, and how many elements of the axis each of them stands for.
Segment = tuple[int, int]
Axis = tuple[Segment, ...]


@dataclass(slots=True)
class Channels:
    """Segments of all axes that can change size, found by `find_channels`.

    Attributes:
        sizes: channels of every group, by its number.
        names: the node that makes a group's channels first.
        weights: by name, the axes of every weight that follows them.
        depthwise: nodes whose attribute `group` follows a group, and that group.
    """

    sizes: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    weights: dict[str, tuple[Axis, ...]] = field(default_factory=dict)
    depthwise: dict[str, int] = field(default_factory=dict)


def find_channels(program: Program, weights: frozenset[str]) -> Channels:
    """Groups of channels that can be removed, those that no product makes left out.

    Args:
        program: as it is elaborated from a file, before any other pass.
        weights: the initializers of the file; others may not change.
    """
    return _Analysis(program, weights).run()


class _Analysis:
    """Segments of every tensor, in the order of the nodes; groups are joined as they meet."""

    def __init__(self, program: Program, weights: frozenset[str]) -> None:
        self.program, self.initializers = program, weights
        self.parent: list[int] = []
        self.size: list[int] = []
        self.locked: list[bool] = []
        self.maker: list[str] = []
        self.axes: dict[str, tuple[Axis, ...]] = {}
        self.used: dict[str, tuple[Axis, ...]] = {}
        self.depthwise: dict[str, int] = {}

    def run(self) -> Channels:
        for tensor in self.program.inputs:
            self.axes[tensor] = self.fixed(tensor)
        for node in self.program.nodes:
            rule = _RULES.get(node.op) if not node.domain else None
            if rule is None or not rule(self, node):
                self.refuse(node)
        for tensor in self.program.outputs:
            self.lock(self.of(tensor))
        return self.result()

    def result(self) -> Channels:
        found = Channels()
        for group in range(len(self.parent)):
            root = self.root(group)
            if not self.locked[root] and root not in found.sizes:
                found.sizes[root], found.names[root] = self.size[root], self.maker[root]
        for name, axes in self.used.items():
            found.weights[name] = tuple(
                tuple((self.root(group), times) for group, times in axis) for axis in axes
            )
        found.depthwise = {
            name: self.root(group)
            for name, group in self.depthwise.items()
            if not self.locked[self.root(group)]
        }
        return found

    def shape(self, tensor: str) -> tuple[int, ...]:
        return self.program.type_of(tensor).known or ()

    def group(self, size: int, maker: str = "") -> Axis:
        """A new group; without a maker it keeps its size."""
        self.parent.append(len(self.parent))
        self.size.append(size)
        self.locked.append(not maker)
        self.maker.append(maker)
        return ((len(self.parent) - 1, 1),)

    def root(self, group: int) -> int:
        while self.parent[group] != group:
            self.parent[group] = self.parent[self.parent[group]]
            group = self.parent[group]
        return group

    def fixed(self, tensor: str) -> tuple[Axis, ...]:
        return tuple(self.group(size) for size in self.shape(tensor))

    def of(self, tensor: str) -> tuple[Axis, ...]:
        """The axes of a tensor; one that no rule has written keeps its sizes."""
        if tensor not in self.axes:
            self.axes[tensor] = self.fixed(tensor)
        return self.axes[tensor]

    def lock(self, axes: Sequence[Axis]) -> None:
        for axis in axes:
            for group, _ in axis:
                self.locked[self.root(group)] = True

    def couple(self, one: Axis, other: Axis) -> None:
        """Let two axes keep equal sizes. Both keep theirs where their segments do not match."""
        a = [(self.size[self.root(group)], times) for group, times in one]
        b = [(self.size[self.root(group)], times) for group, times in other]
        if a != b:
            self.lock((one, other))
            return
        for (left, _), (right, _) in zip(one, other, strict=True):
            first, second = sorted((self.root(left), self.root(right)))
            if first != second:
                self.parent[second] = first
                self.locked[first] = self.locked[first] or self.locked[second]
                self.maker[first] = self.maker[first] or self.maker[second]

    def weigh(self, weight: str, axes: Sequence[Axis]) -> None:
        """Let a weight follow these axes. One that is no initializer cannot."""
        if weight not in self.initializers:
            self.lock(axes)
        elif weight in self.used:
            for one, other in zip(self.used[weight], axes, strict=True):
                self.couple(one, other)
        else:
            self.used[weight] = tuple(axes)

    def refuse(self, node: Node) -> None:
        """Keep all sizes that a node sees."""
        for tensor in node.reads():
            self.lock(self.used.get(tensor) or self.of(tensor))
            self.initializers -= {tensor}
        for tensor in node.writes():
            self.axes[tensor] = self.fixed(tensor)


# A rule sets the axes of the outputs; False: the node is none that it covers.
_Rule = Callable[[_Analysis, Node], bool]


def _conv(a: _Analysis, node: Node) -> bool:
    x, weight = node.inputs[:2]
    source, kernel = a.of(x), a.shape(weight)
    groups = node.attributes.get("group", 1)
    taps = [a.group(size) for size in kernel[2:]]
    spatial = [a.group(size) for size in a.shape(node.outputs[0])[2:]]
    if groups == 1:
        made = a.group(kernel[0], node.name)
        a.weigh(weight, (made, source[1], *taps))
    elif groups == kernel[0] == a.shape(x)[1] and len(source[1]) == 1 and source[1][0][1] == 1:
        made = source[1]
        a.weigh(weight, (made, a.group(1), *taps))
        a.depthwise[node.name] = made[0][0]
    else:
        return False
    for bias in filter(None, node.inputs[2:]):
        a.weigh(bias, (made,))
    a.axes[node.outputs[0]] = (source[0], made, *spatial)
    return True


def _conv_transpose(a: _Analysis, node: Node) -> bool:
    if node.attributes.get("group", 1) != 1:
        return False
    source, kernel = a.of(node.inputs[0]), a.shape(node.inputs[1])
    made = a.group(kernel[1], node.name)
    a.weigh(node.inputs[1], (source[1], made, *(a.group(size) for size in kernel[2:])))
    for bias in filter(None, node.inputs[2:]):
        a.weigh(bias, (made,))
    spatial = (a.group(size) for size in a.shape(node.outputs[0])[2:])
    a.axes[node.outputs[0]] = (source[0], made, *spatial)
    return True


def _gemm(a: _Analysis, node: Node) -> bool:
    x, weight, *bias = node.inputs
    if node.attributes.get("transA") or weight not in a.initializers:
        return False
    back = bool(node.attributes.get("transB"))
    made = a.group(a.shape(weight)[0 if back else 1], node.name)
    inner = a.of(x)[1]
    a.weigh(weight, (made, inner) if back else (inner, made))
    for name in filter(None, bias):
        if len(a.shape(name)) != 1 or a.shape(name)[0] != a.shape(node.outputs[0])[1]:
            return False
        a.weigh(name, (made,))
    a.axes[node.outputs[0]] = (a.of(x)[0], made)
    return True


def _matmul(a: _Analysis, node: Node) -> bool:
    x, weight = node.inputs
    if weight not in a.initializers or len(a.shape(weight)) != 2:
        return False
    made = a.group(a.shape(weight)[1], node.name)
    a.weigh(weight, (a.of(x)[-1], made))
    a.axes[node.outputs[0]] = (*a.of(x)[:-1], made)
    return True


def _normalization(a: _Analysis, node: Node) -> bool:
    """Batch and instance normalisation along axis 1, layer normalisation along the last one."""
    x, *parameters = node.inputs
    along = 1
    if node.op == "LayerNormalization":
        along = len(a.shape(x)) - 1
        if node.attributes.get("axis", -1) not in (-1, along):
            return False
    if len(list(node.writes())) > 1:
        return False
    for name in filter(None, parameters):
        a.weigh(name, (a.of(x)[along],))
    a.axes[node.outputs[0]] = a.of(x)
    return True


def _elementwise(a: _Analysis, node: Node) -> bool:
    """Operands broadcast from the right; those of an output axis with its size are coupled."""
    rank = len(a.shape(node.outputs[0]))
    axes: list[Axis | None] = [None] * rank
    for tensor in node.reads():
        shape = a.shape(tensor)
        places = [i + rank - len(shape) for i in range(len(shape))]
        wide = [i for i, size in enumerate(shape) if size > 1]
        known = tensor in a.axes or tensor not in a.initializers
        if not known:  # a weight: it follows the other operand
            continue
        for i in wide:
            axis, place = a.of(tensor)[i], places[i]
            before = axes[place]
            axes[place] = axis if before is None else before
            if before is not None:
                a.couple(before, axis)
    filled = [
        axis if axis is not None else a.group(size)
        for axis, size in zip(axes, a.shape(node.outputs[0]), strict=True)
    ]
    for tensor in node.reads():
        if tensor in a.initializers and tensor not in a.axes and a.shape(tensor):
            shape = a.shape(tensor)
            own = filled[rank - len(shape) :]
            a.weigh(tensor, [g if s > 1 else a.group(1) for g, s in zip(own, shape, strict=True)])
    a.axes[node.outputs[0]] = tuple(filled)
    return True


def _spatial(a: _Analysis, node: Node) -> bool:
    """Poolings and resizing: batch and channels stay, the rest is new."""
    source, shape = a.of(node.inputs[0]), a.shape(node.outputs[0])
    if shape[:2] != a.shape(node.inputs[0])[:2] or len(list(node.writes())) > 1:
        return False
    if node.op == "Resize" and len(node.inputs) > 3 and node.inputs[3]:
        return False  # sizes are listed, channels among them
    a.axes[node.outputs[0]] = (*source[:2], *(a.group(size) for size in shape[2:]))
    return True


def _slice(a: _Analysis, node: Node) -> bool:
    """Axes that stay whole keep their channels."""
    shape, out = a.shape(node.inputs[0]), a.shape(node.outputs[0])
    axes = zip(a.of(node.inputs[0]), shape, out, strict=True)
    found = []
    for axis, before, after in axes:
        if before != after:
            a.lock((axis,))
        found.append(axis if before == after else a.group(after))
    a.axes[node.outputs[0]] = tuple(found)
    return True


def _reduce_mean(a: _Analysis, node: Node) -> bool:
    """A mean over rows and columns."""
    shape, out = a.shape(node.inputs[0]), a.shape(node.outputs[0])
    if len(shape) != 4 or out[:2] != shape[:2] or prod(out[2:]) != 1:
        return False
    a.axes[node.outputs[0]] = (*a.of(node.inputs[0])[:2], *(a.group(1) for _ in out[2:]))
    return True


def _flatten(a: _Analysis, node: Node) -> bool:
    """All axes behind the batch become one, that of channels outermost."""
    shape, out = a.shape(node.inputs[0]), a.shape(node.outputs[0])
    if len(out) != 2 or len(shape) < 2 or out[0] != shape[0]:
        return False
    if node.op == "Reshape":
        target = a.program.constants.get(node.inputs[1])
        if target is None or int(target[1]) != -1:
            return False  # the number of channels is written down
    elif node.op == "Squeeze" and prod(shape[2:]) != 1:
        return False
    batch, channels = a.of(node.inputs[0])[:2]
    positions = prod(shape[2:])
    a.axes[node.outputs[0]] = (batch, tuple((group, n * positions) for group, n in channels))
    return True


def _concat(a: _Analysis, node: Node) -> bool:
    rank = len(a.shape(node.outputs[0]))
    along = node.attributes["axis"] % rank
    parts = [a.of(tensor) for tensor in node.reads()]
    axes = list(parts[0])
    for part in parts[1:]:
        for place in range(rank):
            if place != along:
                a.couple(axes[place], part[place])
    axes[along] = tuple(segment for part in parts for segment in part[along])
    a.axes[node.outputs[0]] = tuple(axes)
    return True


def _transpose(a: _Analysis, node: Node) -> bool:
    axes = a.of(node.inputs[0])
    order = node.attributes.get("perm", list(reversed(range(len(axes)))))
    a.axes[node.outputs[0]] = tuple(axes[place] for place in order)
    return True


def _rules() -> Mapping[str, _Rule]:
    rules: dict[str, _Rule] = {
        "Conv": _conv,
        "ConvTranspose": _conv_transpose,
        "Gemm": _gemm,
        "MatMul": _matmul,
        "Concat": _concat,
        "Transpose": _transpose,
        "ReduceMean": _reduce_mean,
        "Slice": _slice,
    }
    rules |= dict.fromkeys(
        ("BatchNormalization", "InstanceNormalization", "LayerNormalization"), _normalization
    )
    rules |= dict.fromkeys(
        ("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize"), _spatial
    )
    rules |= dict.fromkeys(("Flatten", "Reshape", "Squeeze"), _flatten)
    elementwise = (
        "Abs Add Cast Ceil Celu Clip Div Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish "
        "Identity LeakyRelu Log Max Min Mish Mul Neg Pow Reciprocal Relu Selu Sigmoid Softplus "
        "Softsign Sqrt Sub Sum Tanh"
    )
    return rules | dict.fromkeys(elementwise.split(), _elementwise)


_RULES: Final = _rules()
