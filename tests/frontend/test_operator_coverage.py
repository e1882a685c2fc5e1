"""Every operator of the installed ONNX is lowered, handled by a pass, or left out with a reason."""

from __future__ import annotations

import onnx
import pytest

from chiploom.frontend.lowering import MICROSOFT, rule_for
from chiploom.frontend.onnx_import import import_model
from chiploom.frontend.operators import load_rules
from chiploom.frontend.operators.uncovered import UNCOVERED, why_uncovered

load_rules()

#: Views, copies, constants and control flow: the import's passes deal with them.
BY_PASSES = {
    "BitCast",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Expand",
    "Flatten",
    "Identity",
    "If",
    "Loop",
    "Reshape",
    "Scan",
    "Shape",
    "Size",
    "Slice",
    "Split",
    "Squeeze",
    "Unsqueeze",
}

DEFAULT_DOMAIN = sorted(
    {schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain}
)

_NAMES = """
    Attention BiasAdd BiasGelu BiasSoftmax BiasSplitGelu DequantizeLinear DequantizeWithOrder
    DynamicQuantizeLSTM DynamicQuantizeMatMul EmbedLayerNormalization FastGelu FusedConv FusedGemm
    FusedMatMul GatherBlockQuantized Gelu GroupNorm GroupQueryAttention LayerNormalization
    MatMulIntegerToFloat MatMulNBits MultiHeadAttention NhwcConv NhwcMaxPool QAttention QGemm
    QLinearAdd QLinearAveragePool QLinearConcat QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul
    QLinearSigmoid QLinearSoftmax QuantizeLinear QuantizeWithOrder QuickGelu RotaryEmbedding
    SimplifiedLayerNormalization SkipLayerNormalization SkipSimplifiedLayerNormalization SwiGLU
"""


@pytest.mark.parametrize("op", DEFAULT_DOMAIN)
def test_default_domain(op: str) -> None:
    ways = [rule_for(op) is not None, op in BY_PASSES, ("", op) in UNCOVERED]
    assert sum(ways) == 1, (
        f"{op}: give it a lowering rule, or a reason in operators/uncovered.py"
        if not any(ways)
        else f"{op} is dealt with in several ways"
    )


@pytest.mark.parametrize("op", _NAMES.split())
def test_operators_of_transformer_exports(op: str) -> None:
    assert rule_for(op, MICROSOFT) is not None


def test_nothing_is_both_covered_and_left_out() -> None:
    assert not [key for key in UNCOVERED if rule_for(key[1], key[0]) is not None]


def test_reasons_are_sentences_for_the_user() -> None:
    assert why_uncovered("SequenceAt").startswith("it works on sequences")
    assert why_uncovered("Frobnicate", "example.org") == "there is no rule for this operator"
    assert all(len(reason) > 20 for reason in UNCOVERED.values())


def test_an_import_gives_the_reason() -> None:
    nodes = [
        onnx.helper.make_node("Relu", ["x"], ["a"]),
        onnx.helper.make_node("SequenceConstruct", ["a"], ["s"]),
        onnx.helper.make_node("Frobnicate", ["a"], ["f"], domain="example.org"),
    ]
    x = onnx.helper.make_tensor_value_info("x", 1, [4])
    graph = onnx.helper.make_graph(nodes, "one", [x], [onnx.ValueInfoProto(name="s")])
    opsets = [onnx.helper.make_opsetid("", 21), onnx.helper.make_opsetid("example.org", 1)]
    imported = import_model(onnx.helper.make_model(graph, opset_imports=opsets))
    reasons = {entry.op: entry.reason for entry in imported.not_modelled}
    assert reasons["SequenceConstruct"] == why_uncovered("SequenceConstruct")
