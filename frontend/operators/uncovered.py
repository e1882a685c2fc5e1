"""Operators that the model leaves out on purpose, with the reason that the user reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..lowering import MICROSOFT

_TEXT = "it works on text, whose length is not known before the network runs"
_SEQUENCE = "it works on sequences of tensors, which have no place in a layer graph"
_OPTIONAL = "it works on optional values, which are only known when the network runs"
_TRAINING = "it belongs to training, not to inference"
_DECODING = "it is a whole decoding loop, whose steps depend on the data"
_RAGGED = "how many positions are not padding is only known when the network runs"

#: By domain and operator.
UNCOVERED: Final[Mapping[tuple[str, str], str]] = {
    ("", "RegexFullMatch"): _TEXT,
    ("", "StringConcat"): _TEXT,
    ("", "StringNormalizer"): _TEXT,
    ("", "StringSplit"): _TEXT,
    ("", "TfIdfVectorizer"): _TEXT,
    ("", "ConcatFromSequence"): _SEQUENCE,
    ("", "SequenceAt"): _SEQUENCE,
    ("", "SequenceConstruct"): _SEQUENCE,
    ("", "SequenceEmpty"): _SEQUENCE,
    ("", "SequenceErase"): _SEQUENCE,
    ("", "SequenceInsert"): _SEQUENCE,
    ("", "SequenceLength"): _SEQUENCE,
    ("", "SequenceMap"): _SEQUENCE,
    ("", "SplitToSequence"): _SEQUENCE,
    ("", "Optional"): _OPTIONAL,
    ("", "OptionalGetElement"): _OPTIONAL,
    ("", "OptionalHasElement"): _OPTIONAL,
    ("", "ImageDecoder"): "the size of the decoded image depends on the encoded data",
    (MICROSOFT, "BeamSearch"): _DECODING,
    (MICROSOFT, "GreedySearch"): _DECODING,
    (MICROSOFT, "Sampling"): _DECODING,
    (MICROSOFT, "WhisperBeamSearch"): _DECODING,
    (MICROSOFT, "PackedAttention"): _RAGGED,
    (MICROSOFT, "PackedMultiHeadAttention"): _RAGGED,
    (MICROSOFT, "PagedAttention"): _RAGGED,
    (MICROSOFT, "RemovePadding"): _RAGGED,
    (MICROSOFT, "RestorePadding"): _RAGGED,
    (MICROSOFT, "MoE"): "which experts run, and so which weights are read, depends on the data",
    (MICROSOFT, "QMoE"): "which experts run, and so which weights are read, depends on the data",
    (MICROSOFT, "SparseAttention"): "which blocks of scores are computed is data",
    (MICROSOFT, "Tokenizer"): _TEXT,
    (MICROSOFT, "MurmurHash3"): _TEXT,
    (MICROSOFT, "EPContext"): "it holds code compiled for another device",
    ("ai.onnx.preview", "FlexAttention"): "its scores are changed by a subgraph of its own",
    ("ai.onnx.preview.training", "Adagrad"): _TRAINING,
    ("ai.onnx.preview.training", "Adam"): _TRAINING,
    ("ai.onnx.preview.training", "Gradient"): _TRAINING,
    ("ai.onnx.preview.training", "Momentum"): _TRAINING,
}


def why_uncovered(operator: str, domain: str = "") -> str:
    """The reason for the user why no rule covers an operator."""
    return UNCOVERED.get((domain, operator), "there is no rule for this operator")
