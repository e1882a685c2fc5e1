"""The tests' own MAC counter, against counts done by hand and against published ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

sys.path.insert(0, str(Path(__file__).parent))
from mac_counter import count_macs

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
FLOAT, INT8, UINT8 = TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8
SCALE = (FLOAT, ())


def single(
    op: str, *inputs: tuple[int, tuple[int | str, ...]], to: int = FLOAT, **attributes: Any
) -> onnx.ModelProto:
    """A model of one node whose operands are all graph inputs."""
    names = [f"x{i}" for i in range(len(inputs))]
    values = [
        helper.make_tensor_value_info(name, dtype, shape)
        for name, (dtype, shape) in zip(names, inputs, strict=True)
    ]
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], **attributes)],
        op,
        values,
        [helper.make_tensor_value_info("y", to, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        # 8 outputs of 4x4 positions (stride 2 on 8x8, padded), from 2 of 4 channels, 3x3 taps
        (
            single(
                "Conv",
                (FLOAT, (1, 4, 8, 8)),
                (FLOAT, (8, 2, 3, 3)),
                group=2,
                strides=[2, 2],
                pads=[1, 1, 1, 1],
            ),
            8 * 4 * 4 * 2 * 9,
        ),
        (single("Conv", (FLOAT, (2, 3, 10)), (FLOAT, (5, 3, 3)), dilations=[2]), 2 * 5 * 6 * 9),
        (
            single(
                "QLinearConv",
                *((UINT8, (1, 3, 5, 5)), SCALE, (UINT8, ())),
                *((INT8, (4, 3, 3, 3)), SCALE, (INT8, ()), SCALE, (UINT8, ())),
                to=UINT8,
            ),
            4 * 3 * 3 * 3 * 9,
        ),
        (
            single(
                "ConvInteger", (UINT8, (1, 3, 5, 5)), (UINT8, (4, 3, 1, 1)), to=TensorProto.INT32
            ),
            4 * 5 * 5 * 3,
        ),
        # every one of 6x5x5 inputs meets 4 outputs of its group and 2x2 taps
        (
            single(
                "ConvTranspose",
                (FLOAT, (1, 6, 5, 5)),
                (FLOAT, (6, 4, 2, 2)),
                group=2,
                strides=[2, 2],
            ),
            6 * 5 * 5 * 4 * 4,
        ),
        (single("Gemm", (FLOAT, (7, 2)), (FLOAT, (3, 7)), transA=1, transB=1), 2 * 7 * 3),
        # batches broadcast to 5x4, each 2x3 by 3x6
        (single("MatMul", (FLOAT, (5, 1, 2, 3)), (FLOAT, (4, 3, 6))), 5 * 4 * 2 * 3 * 6),
        (single("MatMul", (FLOAT, (9,)), (FLOAT, (9,))), 9),
        (
            single("MatMulInteger", (INT8, (2, 3)), (INT8, (3, 4)), to=TensorProto.INT32),
            2 * 3 * 4,
        ),
        (
            single(
                "QLinearMatMul",
                *((UINT8, (2, 3)), SCALE, (UINT8, ())),
                *((UINT8, (3, 4)), SCALE, (UINT8, ()), SCALE, (UINT8, ())),
                to=UINT8,
            ),
            2 * 3 * 4,
        ),
        (
            single("Einsum", (FLOAT, (2, 3, 4)), (FLOAT, (2, 5, 4)), equation="bid,bjd->bij"),
            2 * 3 * 5 * 4,
        ),
        (
            single("Einsum", (FLOAT, (6, 1, 3, 4)), (FLOAT, (1, 7, 4, 5)), equation="...ij,...jk"),
            6 * 7 * 3 * 4 * 5,
        ),
        (single("Einsum", (FLOAT, (3, 4)), equation="ij->ji"), 0),
        # 5 steps, batch 2, both directions, 4 gates of 3, over 7 inputs and 3 states
        (
            single(
                "LSTM",
                *((FLOAT, (5, 2, 7)), (FLOAT, (2, 12, 7)), (FLOAT, (2, 12, 3))),
                hidden_size=3,
                direction="bidirectional",
            ),
            5 * 2 * 2 * 4 * 3 * (7 + 3),
        ),
        (
            single(
                "RNN",
                *((FLOAT, (5, 2, 7)), (FLOAT, (1, 3, 7)), (FLOAT, (1, 3, 3))),
                hidden_size=3,
            ),
            5 * 2 * 3 * (7 + 3),
        ),
        (single("Add", (FLOAT, (3,)), (FLOAT, (3,))), 0),
    ],
    ids=lambda value: value.graph.name if isinstance(value, onnx.ModelProto) else "",
)
def test_by_hand(model: onnx.ModelProto, expected: int) -> None:
    assert count_macs(model) == expected


def test_symbolic_dims_are_one_unless_bound() -> None:
    model = single("MatMul", (FLOAT, ("n", 3)), (FLOAT, (3, 4)))
    assert count_macs(model) == 12
    assert count_macs(model, {"n": 5}) == 60


def test_einsum_of_three_operands_is_refused() -> None:
    operands = [(FLOAT, (2, 2))] * 3
    with pytest.raises(NotImplementedError, match="3 operands"):
        count_macs(single("Einsum", *operands, equation="ij,jk,kl->il"))


@pytest.mark.parametrize(
    ("name", "published"),
    [
        # torchvision's table of models, https://docs.pytorch.org/vision/stable/models.html
        ("light_resnet50", 4.09),
        ("light_vgg19", 19.63),
        ("light_densenet121", 2.83),
        ("light_squeezenet", 0.35),  # version 1.1
    ],
)
def test_published(name: str, published: float) -> None:
    assert count_macs(LIGHT / f"{name}.onnx") / 1e9 == pytest.approx(published, abs=0.005)
