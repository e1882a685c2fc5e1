"""Shape rules for the ``com.microsoft`` domain, for names that ONNX Runtime adds to others, and for
operators that ONNX gives no rule.

Products, convolutions and pooling first; then elementwise operators and normalisation; attention
is in `microsoft_attention_shapes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from ..element_types import FLOAT, INT32, INT64
from ..program import TensorType
from ..shape_rules import CannotInfer, ShapeView, shape_rule

MICROSOFT = "com.microsoft"
_INT8, _UINT8 = 3, 2


def like(type_: TensorType, shape: Sequence[int | None]) -> TensorType:
    """The same element type in another shape."""
    return TensorType(tuple(shape), type_.element, type_.bits)


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of operands, as numpy broadcasts them."""
    rank = max(len(shape) for shape in shapes)
    result = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            raise CannotInfer(f"shapes {', '.join(map(str, shapes))} do not broadcast")
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


# Products


def _product(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    if len(a) < 2 or len(b) < 2:
        raise CannotInfer(f"expected operands of two dims or more, got {a} and {b}")
    if a[-1] != b[-2]:
        raise CannotInfer(f"operands of {a} and {b} have no common inner size")
    return (*broadcast(a[:-2], b[:-2], ()), a[-2], b[-1])


def _operand(node: ShapeView, position: int, letter: str) -> tuple[int, ...]:
    shape = node.shape(position)
    if int(node.attributes.get(f"transBatch{letter}", 0)) and len(shape) > 2:
        shape = (*shape[1:-1], shape[0], shape[-1])
    if int(node.attributes.get(f"trans{letter}", 0)) and len(shape) > 1:
        shape = (*shape[:-2], shape[-1], shape[-2])
    return shape


@shape_rule(
    "FusedMatMul",
    "TransposeMatMul",
    "FusedMatMulActivation",
    "FusedGemm",
    "GemmFastGelu",
    domain=MICROSOFT,
)
def fused_product(node: ShapeView) -> list[TensorType]:
    """As numpy's matmul, each operand first transposed as its attributes say."""
    shape = _product(_operand(node, 0, "A"), _operand(node, 1, "B"))
    return [like(node.type(0), shape)]


@shape_rule("MatMulNBits", "MatMulBnb4", domain=MICROSOFT)
def packed_product(node: ShapeView) -> list[TensorType]:
    """The weights are packed, so their N is an attribute: ``... x K`` gives ``... x N``."""
    return [like(node.type(0), (*node.shape(0)[:-1], int(node.attributes["N"])))]


@shape_rule("MatMulIntegerToFloat", "DynamicQuantizeMatMul", domain=MICROSOFT)
def integer_product(node: ShapeView) -> list[TensorType]:
    """The scale of A, or A itself, has the output's type."""
    real = node.type(2 if node.op == "MatMulIntegerToFloat" else 0)
    return [like(real, _product(node.shape(0), node.shape(1)))]


@shape_rule("QGemm", domain=MICROSOFT)
def quantized_gemm(node: ShapeView) -> list[TensorType]:
    """As `fused_product`, in the type of the output's zero point (input 8), else of A's scale."""
    shape = _product(_operand(node, 0, "A"), _operand(node, 3, "B"))
    return [like(node.type(8) if node.has(8) else node.type(1), shape)]


# Windows


def window_outputs(node: ShapeView, sizes: Sequence[int], kernel: Sequence[int]) -> tuple[int, ...]:
    """Outputs of a convolution or pooling along each spatial axis, from the usual attributes."""
    rank = len(sizes)
    strides = node.attributes.get("strides") or [1] * rank
    dilations = node.attributes.get("dilations") or [1] * rank
    pads = node.attributes.get("pads") or [0] * (2 * rank)
    mode = node.attributes.get("auto_pad", "NOTSET")
    outputs = []
    for axis, size in enumerate(sizes):
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            outputs.append(-(-size // strides[axis]))
            continue
        padding = 0 if mode == "VALID" else pads[axis] + pads[axis + rank]
        free = size + padding - dilations[axis] * (kernel[axis] - 1) - 1
        round_up = int(node.attributes.get("ceil_mode", 0))
        outputs.append((ceil(free / strides[axis]) if round_up else free // strides[axis]) + 1)
    if min(outputs, default=1) < 1:
        raise CannotInfer(f"a window of {list(kernel)} does not fit {list(sizes)}")
    return tuple(outputs)


@shape_rule("FusedConv", "NhwcConv", "NhwcFusedConv", domain=MICROSOFT)
def convolution(node: ShapeView) -> list[TensorType]:
    """The filters' shape tells the kernel: ``M x C / group x kernel``."""
    x, w = node.shape(0), node.shape(1)
    last = node.op.startswith("Nhwc")
    spatial = x[1:-1] if last else x[2:]
    outputs = window_outputs(node, spatial, w[2:])
    shape = (x[0], *outputs, w[0]) if last else (x[0], w[0], *outputs)
    return [like(node.type(0), shape)]


@shape_rule("QLinearAveragePool", "NhwcMaxPool", domain=MICROSOFT)
def pooling(node: ShapeView) -> list[TensorType]:
    """Windows along the axes between batch and channels, wherever the channels stand."""
    x = node.shape(0)
    last = node.op == "NhwcMaxPool" or bool(int(node.attributes.get("channels_last", 0)))
    outputs = window_outputs(node, x[1:-1] if last else x[2:], node.attributes["kernel_shape"])
    shape = (x[0], *outputs, x[-1]) if last else (*x[:2], *outputs)
    return [like(node.type(0), shape)]


@shape_rule("QLinearGlobalAveragePool", domain=MICROSOFT)
def global_pooling(node: ShapeView) -> list[TensorType]:
    """Every spatial axis becomes 1, wherever the channels stand."""
    x = node.shape(0)
    ones = (1,) * (len(x) - 2)
    last = int(node.attributes.get("channels_last", 0))
    return [like(node.type(0), (x[0], *ones, x[-1]) if last else (*x[:2], *ones))]


@shape_rule("NonMaxSuppression")
def non_max_suppression(node: ShapeView) -> list[TensorType]:
    """Upper bound: as many boxes as may be selected for each sample and class."""
    batch, classes, count = node.shape(1)
    limit = node.constants.get(2)
    if node.has(2) and limit is None:
        raise CannotInfer("max_output_boxes_per_class is computed in the network")
    kept = min(count, int(limit.reshape(-1)[0])) if limit is not None else 0
    return [TensorType.of((batch * classes * kept, 3), INT64)]


# Elementwise


@shape_rule(
    "BiasAdd",
    "BiasGelu",
    "BiasSoftmax",
    "FastGelu",
    "Gelu",
    "GroupNorm",
    "QLinearLeakyRelu",
    "QLinearSigmoid",
    "QLinearSoftmax",
    "QOrderedGelu",
    "QuickGelu",
    "RotaryEmbedding",
    "ScaledSiLU",
    "Trilu",
    domain=MICROSOFT,
)
def same(node: ShapeView) -> list[TensorType]:
    """Shape and type of the first input."""
    return [node.type(0)]


@shape_rule("SkipGroupNorm", domain=MICROSOFT)
def same_twice(node: ShapeView) -> list[TensorType]:
    """Every output that is listed is as the first input."""
    return [node.type(0)] * node.outputs


@shape_rule("BiasSplitGelu", domain=MICROSOFT)
def half(node: ShapeView) -> list[TensorType]:
    """The last axis halved: one half gates the other."""
    shape = node.shape(0)
    return [like(node.type(0), (*shape[:-1], shape[-1] // 2))]


@shape_rule("SwiGLU", domain=MICROSOFT)
def gated(node: ShapeView) -> list[TensorType]:
    """One tensor that holds gate and value has twice the output's channels."""
    return [node.type(0)] if node.has(1) else list(half(node))


@shape_rule("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def quantized_binary(node: ShapeView) -> list[TensorType]:
    """Inputs (tensor, scale, zero point) twice; the tensors broadcast."""
    return [like(node.type(0), broadcast(node.shape(0), node.shape(3)))]


@shape_rule("QLinearWhere", domain=MICROSOFT)
def quantized_where(node: ShapeView) -> list[TensorType]:
    """Inputs condition, then (tensor, scale, zero point) twice; all three broadcast."""
    shapes = (node.shape(0), node.shape(1), node.shape(4))
    return [like(node.type(1), broadcast(*shapes))]


@shape_rule("ComplexMul", "ComplexMulConj", domain=MICROSOFT)
def complex_product(node: ShapeView) -> list[TensorType]:
    """Operands that hold pairs of numbers broadcast; the type is the first one's."""
    return [like(node.type(0), broadcast(node.shape(0), node.shape(1)))]


@shape_rule("QuantizeLinear", domain=MICROSOFT)
def quantize(node: ShapeView) -> list[TensorType]:
    """The type of the zero point (input 2), unsigned 8 bit without one."""
    element = node.type(2).element if node.has(2) else _UINT8
    return [TensorType.of(node.type(0).shape, element)]


@shape_rule("DequantizeLinear", domain=MICROSOFT)
def dequantize(node: ShapeView) -> list[TensorType]:
    """The type of the scale (input 1)."""
    return [TensorType.of(node.type(0).shape, node.type(1).element)]


@shape_rule("QuantizeWithOrder", "DequantizeWithOrder", domain=MICROSOFT)
def quantize_with_order(node: ShapeView) -> list[TensorType]:
    """Signed 8 bit on the way in; the type of attribute `to` on the way out, else 32-bit floats."""
    real = int(node.attributes.get("to", FLOAT))
    element = _INT8 if node.op == "QuantizeWithOrder" else real
    return [TensorType.of(node.type(0).shape, element)]


@shape_rule("QLinearConcat", domain=MICROSOFT)
def quantized_concat(node: ShapeView) -> list[TensorType]:
    """Inputs scale and zero point of the output, then (tensor, scale, zero point) each."""
    shapes = [node.shape(position) for position in range(2, len(node.inputs), 3)]
    axis = int(node.attributes.get("axis", 1)) % len(shapes[0])
    size = sum(shape[axis] for shape in shapes)
    return [like(node.type(2), (*shapes[0][:axis], size, *shapes[0][axis + 1 :]))]


@shape_rule("QLinearReduceMean", "ReduceSumInteger", domain=MICROSOFT)
def reduced(node: ShapeView) -> list[TensorType]:
    """The attribute's axes removed or kept as 1, all of them without the attribute."""
    shape = node.shape(0)
    rank = len(shape)
    axes = {int(axis) % rank for axis in node.attributes.get("axes") or range(rank)}
    keep = int(node.attributes.get("keepdims", 1))
    sizes = [1 if axis in axes else size for axis, size in enumerate(shape)]
    if not keep:
        sizes = [size for axis, size in enumerate(shape) if axis not in axes]
    if node.op == "ReduceSumInteger":
        return [TensorType.of(tuple(sizes), INT32)]
    return [like(node.type(0), sizes)]


# Normalisation


@shape_rule("GroupNormalization", "MeanVarianceNormalization")
def same_as_input(node: ShapeView) -> list[TensorType]:
    """ONNX defines these by a function, whose shapes its inference does not follow."""
    return [node.type(0)]


@shape_rule("LayerNormalization", "SimplifiedLayerNormalization")
@shape_rule("LayerNormalization", "SimplifiedLayerNormalization", domain=MICROSOFT)
def layer_normalization(node: ShapeView) -> list[TensorType]:
    """Beside the result mean and inverse deviation, whose normalised axes have size 1."""
    shape = node.shape(0)
    axis = int(node.attributes.get("axis", -1)) % len(shape)
    rows = (*shape[:axis], *(1 for _ in shape[axis:]))
    statistics = TensorType.of(rows, int(node.attributes.get("stash_type", FLOAT)))
    return [node.type(0), *[statistics] * (node.outputs - 1)]


@shape_rule("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain=MICROSOFT)
def skip_layer_normalization(node: ShapeView) -> list[TensorType]:
    """The result, mean, inverse deviation, and the sum of input, skip and bias."""
    statistics = TensorType.of((*node.shape(0)[:-1], 1), FLOAT)
    return [node.type(0), statistics, statistics, node.type(0)][: node.outputs]


@shape_rule("EmbedLayerNormalization", domain=MICROSOFT)
def embed_layer_normalization(node: ShapeView) -> list[TensorType]:
    """The result, the mask's index, and the sum of the embeddings."""
    batch, length = node.shape(0)
    embedded = like(node.type(2), (batch, length, node.shape(2)[-1]))
    return [embedded, TensorType.of((batch,), INT32), embedded][: node.outputs]


# Data


@shape_rule("GatherBlockQuantized", domain=MICROSOFT)
def gather_block_quantized(node: ShapeView) -> list[TensorType]:
    """The table's rows at the indices, in the scales' type; bytes may pack several entries."""
    shape, indices = list(node.shape(0)), node.shape(1)
    bits = int(node.attributes.get("bits", 4))
    if node.type(0).bits > bits:
        axis = int(node.attributes.get("quantize_axis", 1)) % len(shape)
        shape[axis] = shape[axis] * node.type(0).bits // bits
    axis = int(node.attributes.get("gather_axis", 0)) % len(shape)
    return [like(node.type(2), (*shape[:axis], *indices, *shape[axis + 1 :]))]


@shape_rule("DepthToSpace", "SpaceToDepth", domain=MICROSOFT)
def depth_and_space(node: ShapeView) -> list[TensorType]:
    """A block of ``b x b`` positions moves out of the channels, or into them."""
    batch, channels, rows, columns = node.shape(0)
    block = int(node.attributes["blocksize"])
    if node.op == "DepthToSpace":
        shape = (batch, channels // (block * block), rows * block, columns * block)
    else:
        shape = (batch, channels * block * block, rows // block, columns // block)
    return [like(node.type(0), shape)]


@shape_rule("DynamicQuantizeLSTM", domain=MICROSOFT)
def dynamic_quantize_lstm(node: ShapeView) -> list[TensorType]:
    """R is ``directions x H x 4 H``."""
    steps, batch, _ = node.shape(0)
    directions, hidden, _ = node.shape(2)
    last = like(node.type(0), (directions, batch, hidden))
    return [like(node.type(0), (steps, directions, batch, hidden)), last, last][: node.outputs]
