"""Small networks with weights: what `test_network_execution` executes.

Data are small integers where a network only multiplies, adds and compares, so that its sums are
exact in whatever order; multiples of a quarter elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]


@dataclass
class Network:
    """A model under construction.

    Attributes:
        inputs: values of its inputs.
        exact: whether its arithmetic is.
        scale: of the random data.
    """

    exact: bool = True
    scale: float = 1.0
    opset: int = 21
    inputs: dict[str, Array] = field(default_factory=dict)
    nodes: list[Any] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def data(self, *shape: int, most: int = 3) -> Array:
        values = self.random.integers(-most, most + 1, shape) * self.scale
        return values.astype(np.float32)

    def input(self, name: str, *shape: int) -> str:
        self.inputs[name] = self.data(*shape)
        return name

    def weight(self, value: Array) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = value
        return name

    def op(self, op: str, *inputs: str | Array, outputs: int = 1, **attributes: Any) -> Any:
        """A node; arrays among its inputs become initializers. Its output's name, or several."""
        names = [self.weight(x) if isinstance(x, np.ndarray) else x for x in inputs]
        made = [f"{op.lower()}{len(self.nodes)}_{number}" for number in range(outputs)]
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, names, made, name=name, **attributes))
        return made[0] if outputs == 1 else made

    def model(self) -> onnx.ModelProto:
        values = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in self.inputs.items()
        ]
        outputs = [helper.make_empty_tensor_value_info(name) for name in self.outputs]
        graph = helper.make_graph(
            self.nodes,
            "net",
            values,
            outputs,
            [numpy_helper.from_array(array, name) for name, array in self.weights.items()],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        made.ir_version = 10
        assert isinstance(made, onnx.ModelProto)
        return made


def conv(n: Network, x: str, filters: int, channels: int, *kernel: int, **attributes: Any) -> str:
    """A convolution with a bias; channels of one group."""
    name: str = n.op("Conv", x, n.data(filters, channels, *kernel), n.data(filters), **attributes)
    return name


def batch_norm(n: Network, x: str, channels: int) -> str:
    """With a variance whose root is 2."""
    four = np.full(channels, 4, np.float32)
    data = (n.data(channels) * 2, n.data(channels), n.data(channels))
    name: str = n.op("BatchNormalization", x, *data, four, epsilon=0.0)
    return name


def residual() -> Network:
    """A stem, a block with stride and a projection beside it, pools and a classifier."""
    n = Network()
    x = n.input("x", 2, 3, 9, 9)
    x = n.op("Relu", batch_norm(n, conv(n, x, 6, 3, 3, 3, pads=[1, 1, 1, 1], strides=[2, 2]), 6))
    y = n.op("Relu", batch_norm(n, conv(n, x, 8, 6, 3, 3, pads=[1, 1, 1, 1], strides=[2, 2]), 8))
    y = batch_norm(n, conv(n, y, 8, 8, 3, 3, pads=[1, 1, 1, 1]), 8)
    shortcut = batch_norm(n, conv(n, x, 8, 6, 1, 1, strides=[2, 2]), 8)
    x = n.op("Relu", n.op("Add", y, shortcut))
    x = n.op("MaxPool", x, kernel_shape=[2, 2])
    x = n.op("Flatten", n.op("GlobalAveragePool", x))
    n.outputs = [n.op("Gemm", x, n.data(5, 8), n.data(5), transB=1)]
    return n


def mobile() -> Network:
    """An inverted residual with a depthwise convolution behind a Pad, and squeeze-excite."""
    n = Network(exact=False, scale=0.25)
    x = n.input("x", 1, 6, 7, 6)
    y = n.op("HardSwish", conv(n, x, 12, 6, 1, 1))
    y = n.op("Pad", y, np.array([0, 0, 1, 0, 0, 0, 1, 1]), np.zeros((), np.float32))
    y = conv(n, y, 12, 1, 3, 3, group=12, pads=[0, 1, 0, 0])
    y = n.op("Clip", y, np.array(0, np.float32), np.array(6, np.float32))
    s = n.op("GlobalAveragePool", y)
    s = n.op("Relu", conv(n, s, 3, 12, 1, 1))
    s = n.op("HardSigmoid", conv(n, s, 12, 3, 1, 1))
    y = conv(n, n.op("Mul", y, s), 6, 12, 1, 1)
    n.outputs = [n.op("Add", y, x)]
    return n


def u_net() -> Network:
    """Down, up by a transposed convolution and by Resize, with concatenated skips."""
    n = Network()
    x = n.input("x", 1, 2, 8, 8)
    a = n.op("Relu", conv(n, x, 4, 2, 3, 3, pads=[1, 1, 1, 1]))
    b = n.op("MaxPool", a, kernel_shape=[2, 2], strides=[2, 2])
    b = n.op("Relu", conv(n, b, 4, 4, 3, 3, auto_pad="SAME_UPPER"))
    c = n.op("MaxPool", b, kernel_shape=[2, 2], strides=[2, 2])
    c = n.op("Relu", conv(n, c, 4, 4, 3, 3, pads=[1, 1, 1, 1]))
    c = n.op("ConvTranspose", c, n.data(4, 3, 2, 2), n.data(3), strides=[2, 2])
    b = conv(n, n.op("Concat", c, b, axis=1), 4, 7, 3, 3, pads=[1, 1, 1, 1])
    up = n.op("Resize", b, "", np.array([1, 1, 2, 2], np.float32), mode="nearest")
    y = conv(n, n.op("Concat", a, up, axis=1), 3, 8, 3, 3, pads=[1, 1, 1, 1])
    n.outputs = [y]
    return n


def transposed() -> Network:
    """Transposed convolutions: of three taps by two; cropped, dilated, grouped; with gaps."""
    n = Network()
    x = n.input("x", 1, 4, 4, 3)
    y = n.op("ConvTranspose", x, n.data(4, 3, 3, 3), n.data(3), strides=[2, 2], pads=[1, 1, 1, 1])
    z = n.op(
        "ConvTranspose", x, n.data(4, 2, 3, 2), group=2, strides=[1, 2], dilations=[2, 1],
        pads=[1, 0, 2, 1], output_padding=[0, 1],
    )  # fmt: skip
    g = n.op("ConvTranspose", x, n.data(4, 2, 1, 2), n.data(2), strides=[3, 2])
    n.outputs = [n.op("Relu", y), z, n.op("Relu", g)]
    return n


def encoder() -> Network:
    """A transformer encoder's block; heads are split and joined by transposes."""
    n = Network(exact=False, scale=0.25)
    batch, length, heads, size = 2, 5, 2, 4
    width = heads * size
    x = n.input("x", batch, length, width)

    def linear(x: str, outputs: int, inputs: int = width) -> str:
        product = n.op("MatMul", x, n.data(inputs, outputs))
        name: str = n.op("Add", product, n.data(outputs))
        return name

    def split(x: str, order: Sequence[int]) -> str:
        four = n.op("Reshape", x, np.array([0, 0, heads, size]))
        name: str = n.op("Transpose", four, perm=list(order))
        return name

    def norm(x: str) -> str:
        name: str = n.op("LayerNormalization", x, n.data(width), n.data(width))
        return name

    q, k, v = (linear(x, width) for _ in range(3))
    q = n.op("Mul", split(q, (0, 2, 1, 3)), np.array(0.5, np.float32))
    scores = n.op("MatMul", q, split(k, (0, 2, 3, 1)))
    weights = n.op("Softmax", scores, axis=-1)
    context = n.op("Transpose", n.op("MatMul", weights, split(v, (0, 2, 1, 3))), perm=[0, 2, 1, 3])
    context = n.op("Reshape", context, np.array([0, 0, width]))
    x = norm(n.op("Add", linear(context, width), x))
    h = linear(x, 12)
    erf = n.op("Erf", n.op("Div", h, np.array(np.sqrt(2), np.float32)))
    h = n.op("Mul", h, n.op("Add", erf, np.array(1, np.float32)))
    h = n.op("Mul", h, np.array([0.5], np.float32))
    h = n.op("Gelu", linear(h, 12, 12))
    n.outputs = [norm(n.op("Add", linear(h, width, 12), x))]
    return n


def recurrent() -> Network:
    """An LSTM in both directions, a GRU with one product per gate, an RNN backwards."""
    n = Network(exact=False, scale=0.25)
    x = n.input("x", 3, 2, 4)
    h0 = n.input("h0", 2, 2, 3)
    data = (n.data(2, 12, 4), n.data(2, 12, 3), n.data(2, 24))
    y, *_ = n.op(
        "LSTM", x, *data, "", h0, n.data(2, 2, 3), n.data(2, 9), outputs=3, hidden_size=3,
        direction="bidirectional",
    )  # fmt: skip
    y = n.op("Reshape", n.op("Transpose", y, perm=[0, 2, 1, 3]), np.array([3, 2, 6]))
    data = (n.data(1, 9, 6), n.data(1, 9, 3), n.data(1, 18))
    y, last = n.op("GRU", y, *data, outputs=2, hidden_size=3, linear_before_reset=1)
    y = n.op("Squeeze", y, np.array([1]))
    data = (n.data(1, 2, 3), n.data(1, 2, 2))
    y, state = n.op("RNN", y, *data, outputs=2, hidden_size=2, direction="reverse")
    n.outputs = [y, state, n.op("Gemm", n.op("Squeeze", last, np.array([0])), n.data(3, 2))]
    return n


def signal() -> Network:
    """Convolutions along one axis: strides, dilations, groups, padding on one side."""
    n = Network()
    x = n.input("x", 2, 4, 17)
    x = n.op("Relu", conv(n, x, 6, 4, 5, strides=[2], pads=[3, 1]))
    x = n.op("Relu", conv(n, x, 6, 2, 3, group=3, dilations=[2], pads=[4, 0]))
    y = n.op("ConvTranspose", x, n.data(6, 4, 3), strides=[2], pads=[1, 0])
    n.outputs = [conv(n, y, 3, 4, 1)]
    return n


def volume() -> Network:
    """Convolutions along three axes, with stride and padding along depth, one behind a Pad."""
    n = Network()
    x = n.input("x", 2, 4, 5, 4, 5)
    x = n.op("Relu", conv(n, x, 4, 2, 3, 2, 3, group=2, strides=[2, 1, 2], pads=[1, 0, 1, 1, 1, 1]))
    y = n.op("Pad", x, np.array([1, 0, 1, 1]), np.zeros((), np.float32), np.array([2, -1]))
    y = conv(n, y, 2, 4, 3, 2, 2, dilations=[1, 2, 1], pads=[0, 1, 0, 1, 0, 0])
    z = n.op("ConvTranspose", x, n.data(4, 2, 2, 3, 2), strides=[2, 1, 1], pads=[0, 1, 0, 1, 1, 0])
    n.outputs = [y, z]
    return n


def groups() -> Network:
    """Grouped convolutions with shuffled channels between, branches from a Split, one as NHWC."""
    n = Network()
    x = n.input("x", 1, 6, 5, 5)
    x = conv(n, x, 6, 3, 1, 1, group=2)
    x = n.op("Reshape", x, np.array([1, 2, 3, 5, 5]))
    x = n.op("Reshape", n.op("Transpose", x, perm=[0, 2, 1, 3, 4]), np.array([1, 6, 5, 5]))
    x = conv(n, x, 6, 2, 3, 3, group=3, dilations=[2, 1], pads=[3, 0, 1, 2])
    x = conv(n, x, 6, 2, 2, 3, group=3, auto_pad="SAME_LOWER", strides=[1, 2])
    a, b = n.op("Split", x, outputs=2, axis=1, num_outputs=2)
    a = n.op("Relu", conv(n, n.op("Identity", a), 3, 3, 3, 1, pads=[1, 0, 1, 0]))
    y = n.op("Concat", a, n.op("Slice", b, *map(np.array, ([1], [3], [1]))), axis=1)
    y = n.op("MatMul", n.op("Transpose", y, perm=[0, 2, 3, 1]), n.data(5, 4))
    n.outputs = [n.op("Gather", y, np.array([3]), axis=1), n.op("Relu", y)]
    return n


def products() -> Network:
    """Products of all kinds: broadcast, weights in front, vectors, einsums, normalised Gemms."""
    n = Network()
    a, b = n.input("a", 2, 1, 3, 4), n.input("b", 3, 4, 5)
    y = n.op("MatMul", a, b)  # 2 x 3 x 3 x 5
    w = n.op("Add", n.op("MatMul", n.data(4, 3), y), n.data(4, 1))
    e = n.op("Einsum", w, n.data(3, 5, 2), equation="bhik,hkj->bjhi")
    f = n.op("Einsum", y, b, equation="bhmk,hck->hcbm")
    g = n.op("Reshape", e, np.array([4, 12]))
    g = n.op("Gemm", g, n.data(12, 5), n.data(4, 1), alpha=0.5, beta=2.0)
    g = n.op("Relu", batch_norm(n, g, 5))
    h = n.op("Gemm", g, n.data(3, 4), transA=1, transB=1)
    v = n.op("MatMul", n.op("Reshape", h, np.array([15])), n.data(15, 2))
    n.outputs = [w, f, h, v, n.op("Gemm", n.data(2, 4), g)]
    return n


def quantize(n: Network, x: str, scale: float, zero: Array) -> str:
    """Through integers and back, in QDQ form."""
    step = np.array(scale, np.float32)
    name: str = n.op("DequantizeLinear", n.op("QuantizeLinear", x, step, zero), step, zero)
    return name


def quantized() -> Network:
    """QDQ form: weights per channel, a residual, a pool on integers; scales are powers of two."""
    n = Network()
    zero = np.array(3, np.int8)

    def convolution(x: str, filters: int, channels: int, **attributes: Any) -> str:
        stored = n.random.integers(-9, 9, (filters, channels, 3, 3)).astype(np.int8)
        scales = (0.5 ** n.random.integers(1, 4, filters)).astype(np.float32)
        w = n.op("DequantizeLinear", stored, scales, np.zeros(filters, np.int8), axis=0)
        bias = n.random.integers(-20, 20, filters).astype(np.int32)
        b = n.op("DequantizeLinear", bias, scales / 4, axis=0)
        name: str = n.op("Conv", x, w, b, **attributes)
        return name

    x = quantize(n, n.input("x", 1, 3, 6, 6), 0.25, zero)
    a = quantize(n, n.op("Relu", convolution(x, 4, 3, pads=[1, 1, 1, 1])), 0.5, zero)
    b = quantize(n, convolution(a, 4, 4, pads=[1, 1, 1, 1]), 1.0, zero)
    y = quantize(n, n.op("Add", a, b), 1.0, zero)
    y = quantize(n, n.op("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2]), 1.0, zero)
    y = quantize(n, n.op("Flatten", y), 2.0, zero)  # rounds, unlike the one behind the pool
    stored = n.random.integers(-9, 9, (36, 4)).astype(np.int8)
    w = n.op("DequantizeLinear", stored, np.array(0.25, np.float32), np.array(1, np.int8))
    n.outputs = [n.op("MatMul", y, w), a]
    return n


def integers() -> Network:
    """Operators on integers with zero points."""
    n = Network()
    one, zero = np.array(0.5, np.float32), np.array(5, np.uint8)
    x = n.op("QuantizeLinear", n.input("x", 1, 2, 5, 6), one, zero)
    w = n.random.integers(0, 20, (3, 2, 3, 3)).astype(np.uint8)
    sums = n.op("ConvInteger", x, w, zero, np.array(9, np.uint8), pads=[1, 1, 1, 1])
    bias = n.random.integers(-9, 9, 3).astype(np.int32)
    y = n.op(
        "QLinearConv", x, one, zero, w, one, np.array(9, np.uint8), np.array(8.0, np.float32),
        np.array(100, np.uint8), bias, strides=[2, 1],
    )  # fmt: skip
    m = n.random.integers(0, 20, (6, 4)).astype(np.uint8)
    p = n.op("MatMulInteger", x, m, zero, np.array(7, np.uint8))
    four = np.array(4, np.float32)
    q = n.op("QLinearMatMul", x, one, zero, m, one, np.array(7, np.uint8), four, zero)
    n.outputs = [sums, y, p, q]
    return n


def operators() -> Network:
    """Vector and move layers of many kinds around convolutions; outputs that are views."""
    n = Network(exact=False, scale=0.25)
    x = n.input("x", 1, 4, 6, 6)
    a = n.op("PRelu", conv(n, x, 8, 4, 3, 3, pads=[1, 1, 1, 1]), n.data(8, 1, 1))
    g = n.op("GroupNormalization", a, n.data(8), n.data(8), num_groups=2)
    i = n.op("InstanceNormalization", a, n.data(8), n.data(8))
    d = n.op("DepthToSpace", n.op("Add", g, i), blocksize=2)
    r = n.op("Pad", d, np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="reflect")
    r = n.op("AveragePool", conv(n, r, 4, 2, 3, 3, strides=[2, 2]), kernel_shape=[2, 2])
    r = n.op("Transpose", r, perm=[0, 2, 3, 1])
    m = n.op("ReduceMean", r, np.array([1, 2]), keepdims=0)
    values, places = n.op("TopK", m, np.array([2]), outputs=2)
    over = n.op("Greater", r, n.op("Expand", m, np.array([1, 5, 5, 4])))
    w = n.op("Where", over, r, n.op("Neg", r))
    norm, mean, _ = n.op("LayerNormalization", w, n.data(4), n.data(4), outputs=3)
    t = n.op("Tile", norm, np.array([1, 1, 2, 1]))
    t = n.op("Gather", t, np.array([4, 0, 2]), axis=1)
    c = n.op("Cast", n.op("ArgMax", t, axis=3, keepdims=0), to=TensorProto.FLOAT)
    k = n.op("Concat", n.op("MatMul", t, n.data(4, 3)), t, n.op("Unsqueeze", c, np.array([3])),
             axis=3)  # fmt: skip
    k = n.op("Sigmoid", n.op("MatMul", k, n.data(8, 2)))
    n.outputs = [places, values, mean, k, n.op("Flatten", t), n.op("Transpose", k)]
    return n


def attention() -> Network:
    """The attention of a decoder: a mask, heads with shared keys, a cache, rotated queries."""
    n = Network(exact=False, scale=0.25)
    x, past = n.input("x", 1, 3, 8), n.input("past", 1, 2, 4, 2)
    q = n.op("Reshape", n.op("MatMul", x, n.data(8, 8)), np.array([1, 3, 4, 2]))
    k, v = (
        n.op("Transpose", n.op("Reshape", n.op("MatMul", x, n.data(8, 4)), np.array([1, 3, 2, 2])),
             perm=[0, 2, 1, 3])
        for _ in range(2)
    )  # fmt: skip
    q = n.op("Transpose", q, perm=[0, 2, 1, 3])
    a, b = n.op("Split", q, outputs=2, axis=3, num_outputs=2)
    cos, sin = n.data(3, 2), n.data(3, 2)
    turned = n.op("Concat", n.op("Neg", b), a, axis=3)
    q = n.op("Add", n.op("Mul", q, cos), n.op("Mul", turned, sin))
    k = n.op("Concat", past, k, axis=2)
    five = np.array([1, 2, 2, 7, 2])
    keys = n.op("Reshape", n.op("Expand", n.op("Unsqueeze", k, np.array([2])), five),
                np.array([1, 4, 7, 2]))  # fmt: skip
    v = n.op("Concat", n.data(1, 2, 4, 2), v, axis=2)
    values = n.op("Reshape", n.op("Expand", n.op("Unsqueeze", v, np.array([2])), five),
                  np.array([1, 4, 7, 2]))  # fmt: skip
    s = n.op("MatMul", q, n.op("Transpose", keys, perm=[0, 1, 3, 2]))
    mask = np.triu(np.full((3, 7), -100, np.float32), 5)
    s = n.op("Softmax", n.op("Add", n.op("Div", s, np.array(1.5, np.float32)), mask))
    y = n.op("Transpose", n.op("MatMul", s, values), perm=[0, 2, 1, 3])
    y = n.op("MatMul", n.op("Reshape", y, np.array([1, 3, 8])), n.data(8, 8))
    n.outputs = [n.op("RMSNormalization", n.op("Add", y, x), n.data(8)), k, v]
    n.opset = 23
    return n


def shared() -> Network:
    """Tensors with several readers: a layer read three times, weights used twice, outputs on the
    way, a product of a tensor with itself, weights computed from weights."""
    n = Network()
    x = n.input("x", 2, 3, 4, 4)
    w = n.op("Mul", n.data(3, 3, 3, 3), n.data(3, 1, 1, 1))
    a = n.op("Conv", x, w, pads=[1, 1, 1, 1])
    b = n.op("Conv", n.op("Relu", a), w, pads=[1, 1, 1, 1])
    c = n.op("Sub", n.op("Max", a, b), n.op("Abs", a))
    d = n.op("Reshape", n.op("Clip", c, "", np.array(9, np.float32)), np.array([2, 12, 4]))
    e = n.op("MatMul", d, n.op("Transpose", d, perm=[0, 2, 1]))
    f = n.op("Gemm", n.op("Squeeze", n.op("Slice", e, *map(np.array, ([0], [1]))), np.array([0])),
             n.data(5, 12), n.data(12, 5), transB=1, beta=0.5, alpha=2.0)  # fmt: skip
    n.outputs = [b, c, e, f, n.op("Identity", a)]
    return n


NETWORKS: dict[str, Callable[[], Network]] = {
    build.__name__: build
    for build in (residual, mobile, u_net, transposed, encoder, recurrent, signal, volume, groups,
                  products, quantized, integers, operators, attention, shared)
}  # fmt: skip
