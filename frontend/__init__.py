"""Networks in: ONNX to the layer graph, by passes."""

from __future__ import annotations

from .errors import InputError
from .graph import (
    ComputeLayer,
    FusedWork,
    Layer,
    LayerGraph,
    MoveLayer,
    NotModelled,
    Tensor,
    VectorLayer,
    VectorWork,
)
from .nest import DIMS, OPERANDS, RELEVANT, Dim, LoopNest, Operand, OperandBits
from .onnx_import import load_onnx

__all__ = [
    "DIMS",
    "OPERANDS",
    "RELEVANT",
    "ComputeLayer",
    "Dim",
    "FusedWork",
    "InputError",
    "Layer",
    "LayerGraph",
    "LoopNest",
    "MoveLayer",
    "NotModelled",
    "Operand",
    "OperandBits",
    "Tensor",
    "VectorLayer",
    "VectorWork",
    "load_onnx",
]
