"""Nodes that end the process inside ONNX's compiled shape inference, or never come out of it.

It trusts what these checks make sure of, and reads past the end of its arrays otherwise; found by
fuzzing (docs/untrusted.md). What it refuses by itself is not repeated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from onnx import NodeProto

from ..program import TensorType

_EQUATION: Final = re.compile(r"[A-Za-z.,>\- ]*")


def crash(
    node: NodeProto, attributes: Mapping[str, Any], inputs: Sequence[TensorType | None]
) -> str:
    """Why a node must not be handed to ONNX, in words for the user; empty where it may."""
    if node.op_type == "Einsum" and not _EQUATION.fullmatch(str(attributes.get("equation", ""))):
        return "expected letters, dots, commas and an arrow in its equation"
    if node.op_type == "Split":
        count = attributes.get("num_outputs", len(node.output))
        if count != len(node.output):
            return f"num_outputs is {count}, but it has {len(node.output)} outputs"
    if node.op_type == "GatherND":
        skipped = attributes.get("batch_dims", 0)
        ranks = [len(type_.shape) for type_ in inputs if type_ and type_.shape is not None]
        if not 0 <= skipped < min(ranks, default=1):
            return f"expected batch_dims from 0 to less than every rank, found {skipped}"
    return ""
