"""The cells of NAS-Bench-201 (the topology space of NATS-Bench)."""

from __future__ import annotations

from typing import Final

from ...frontend.zoo.builder import GraphBuilder
from ...frontend.zoo.modules import activation, batch_norm, conv, gemm, global_pool_flat
from .residuals import conv_bn
from .space import Choice, Parameter, WrittenSpace

OPERATIONS: Final = ("none", "skip", "conv1x1", "conv3x3", "avgpool3x3")
#: The cell's edges, in the order of the benchmark: from one of its four nodes to a later one.
EDGES: Final = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
WIDTHS: Final = (16, 32, 64)
CELLS: Final = 5


class NASBench201(WrittenSpace):
    """Parameters `edge0-1`, `edge0-2`, `edge1-2`, `edge0-3`, `edge1-3`, `edge2-3`: 15,625 cells.

    Three stages of five cells with 16, 32 and 64 channels and a residual block between stages. A
    node of a cell is the sum of its edges. Edges on no path from the cell's input to its output are
    left out (the benchmark's own count of operations has them); a cell without a path is zero, and
    the residual blocks and the classifier work on that.

    Args:
        size: rows and columns of the input.
        classes: of the output.
        bits: width of all data.
    """

    name = "nasbench201"
    source = "Dong and Yang, NAS-Bench-201, ICLR 2020"

    def __init__(self, *, size: int = 32, classes: int = 10, bits: int | None = None) -> None:
        self.size_in, self.classes = size, classes
        edges = [Parameter(f"edge{i}-{j}", OPERATIONS, "categorical") for i, j in EDGES]
        super().__init__(edges, bits=bits)

    def write(self, b: GraphBuilder, choice: Choice) -> None:
        """As `WrittenSpace.write`: stem, three stages of equal cells, reductions between, head."""
        x = b.input("input", (1, 3, self.size_in, self.size_in))
        x = conv_bn(b, x, "stem", (3, WIDTHS[0]), 3)
        index = 0
        for stage, width in enumerate(WIDTHS):
            if stage:
                with b.scope("cells", str(index)):
                    x = _reduction(b, x, (width // 2, width))
                index += 1
            for _ in range(CELLS):
                with b.scope("cells", str(index)):
                    x = _cell(b, x, choice, width)
                index += 1
        x = activation(b, batch_norm(b, x, "lastact.0", WIDTHS[-1]), "lastact.1", "Relu")
        x = gemm(b, global_pool_flat(b, x), "classifier", (WIDTHS[-1], self.classes))
        b.output(x, "output", (1, self.classes))


def _cell(b: GraphBuilder, x: str, choice: Choice, width: int) -> str:
    nodes: list[str | None] = [x, None, None, None]  # None: zero
    for source, target in live_edges(choice):
        value, operation = nodes[source], str(choice[f"edge{source}-{target}"])
        assert value is not None
        with b.scope(f"edge{source}-{target}"):
            y = _edge(b, value, operation, width)
            known = nodes[target]
            nodes[target] = y if known is None else b.node("Add", known, y)
    last = nodes[-1]
    if last is None:  # no path: zeros, which depend on the input only in form
        last = b.node("Mul", x, b.scalar(0.0))
    return last


def live_edges(choice: Choice) -> list[tuple[int, int]]:
    """The edges on a path from the cell's input to its output, in order."""
    edges = [(i, j) for i, j in EDGES if choice[f"edge{i}-{j}"] != "none"]
    reached, reaching = {0}, {3}
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        if source in reached:
            reached.add(target)
    for source, target in sorted(edges, reverse=True):
        if target in reaching:
            reaching.add(source)
    return [(i, j) for i, j in edges if i in reached and j in reaching]


def _edge(b: GraphBuilder, x: str, operation: str, width: int) -> str:
    if operation == "skip":
        return x
    if operation == "avgpool3x3":
        return b.node(
            "AveragePool",
            x,
            ceil_mode=0,
            count_include_pad=0,
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            strides=[1, 1],
        )
    kernel = {"conv1x1": 1, "conv3x3": 3}[operation]
    return _relu_conv_bn(b, x, "op", (width, width), kernel, 1)


def _relu_conv_bn(
    b: GraphBuilder, x: str, name: str, channels: tuple[int, int], kernel: int, stride: int
) -> str:
    with b.scope(name):
        return conv_bn(b, activation(b, x, "relu", "Relu"), "conv_bn", channels, kernel, stride)


def _reduction(b: GraphBuilder, x: str, channels: tuple[int, int]) -> str:
    """A basic block of stride 2; the shortcut is a 2x2 average pooling and a 1x1 convolution."""
    y = _relu_conv_bn(b, x, "conv_a", channels, 3, 2)
    y = _relu_conv_bn(b, y, "conv_b", (channels[1], channels[1]), 3, 1)
    with b.scope("downsample"):
        x = b.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
        x = conv(b, x, "1", channels, 1)
    return b.node("Add", x, y)
