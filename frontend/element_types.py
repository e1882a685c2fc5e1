"""Element types of tensors, and the bits that one element takes in memory."""

from __future__ import annotations

from typing import Final

from .errors import InputError

#: Bits by ONNX `TensorProto.DataType`. A string has no fixed width; its 64-bit handle is counted.
#: Sub-byte types count as packed.
BITS: Final[dict[int, int]] = {
    1: 32,  # float32
    2: 8,  # uint8
    3: 8,  # int8
    4: 16,  # uint16
    5: 16,  # int16
    6: 32,  # int32
    7: 64,  # int64
    8: 64,  # string
    9: 8,  # bool
    10: 16,  # float16
    11: 64,  # float64
    12: 32,  # uint32
    13: 64,  # uint64
    14: 64,  # complex64
    15: 128,  # complex128
    16: 16,  # bfloat16
    17: 8,  # float8e4m3fn
    18: 8,  # float8e4m3fnuz
    19: 8,  # float8e5m2
    20: 8,  # float8e5m2fnuz
    21: 4,  # uint4
    22: 4,  # int4
    23: 4,  # float4e2m1
    24: 8,  # float8e8m0
    25: 2,  # uint2
    26: 2,  # int2
}

FLOAT: Final = 1
INT32: Final = 6
INT64: Final = 7
BOOL: Final = 9
STRING: Final = 8

#: Indices, masks and text: a width override for data leaves them as they are.
NOT_DATA: Final = frozenset({INT64, BOOL, STRING, 13})


def bits_of(element_type: int) -> int:
    """Bits of one element. Where the type is not known (0), as of float32."""
    if element_type == 0:
        return BITS[FLOAT]
    if element_type not in BITS:
        raise InputError(
            f"element type {element_type} is unknown; expected one of ONNX's (1 to {max(BITS)}); "
            "the file is damaged, or newer than this program"
        )
    return BITS[element_type]
