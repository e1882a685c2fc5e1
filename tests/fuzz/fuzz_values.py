"""Values that break programs: of numbers, of text and of bytes."""

from __future__ import annotations

import random
from typing import Final

INTEGERS: Final = (
    0, 1, -1, 2, 3, 4, 5, 7, 8, 16, 17, 64, 255, 1000, 4096, 4097, 65536, 2**20,
    2**31 - 1, 2**31, -(2**31), 2**32, 2**40, 2**53, 2**53 + 1, 2**62, 2**63 - 1, -(2**63),
)  # fmt: skip
FLOATS: Final = (
    0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-300, 3.4e38, 1e308, float("inf"), float("-inf"),
    float("nan"),
)  # fmt: skip
#: Names and texts that a terminal, a page, a path or a parser may take for something else.
TEXTS: Final = (
    "", " ", "x", "\x00", "a\nb", "\r\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "[bold red]b[/]",
    "[link=file:///etc]l[/link]", "<script>alert(1)</script>", "../../etc/passwd", "/dev/zero",
    "file:///etc/passwd", "${9**9**9}", "{{ 7 * 7 }}", "%s%n", "\u202egnp", "\ud7ff\ufffd", "é" * 9,
    "a" * 300, "a" * 20_000, "NaN", "inf", "1e400", "None", "__class__", "ai.onnx", "com.microsoft",
    "NOTSET", "SAME_UPPER", "VALID", "ab,bc->ac", "...ij,...jk", "a,b,c,d->", "linear", "reflect",
)  # fmt: skip


def integer(draw: random.Random) -> int:
    """One that is special, near a special one, or small."""
    kind = draw.randrange(4)
    if kind == 0:
        return draw.randrange(-4, 40)
    found = draw.choice(INTEGERS)
    return max(-(2**63), min(2**63 - 1, found + draw.randrange(-1, 2))) if kind == 1 else found


def real(draw: random.Random) -> float:
    return draw.choice(FLOATS) if draw.random() < 0.7 else draw.gauss(0, 1000)


def text(draw: random.Random) -> str:
    return draw.choice(TEXTS) if draw.random() < 0.8 else "".join(
        chr(draw.randrange(1, 0x2FF)) for _ in range(draw.randrange(12))
    )  # fmt: skip


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Bytes changed, removed, repeated or put in, without regard to what they mean."""
    changed = bytearray(data)
    for _ in range(draw.randrange(1, 6)):
        place = draw.randrange(len(changed) + 1)
        length = draw.choice((1, 1, 2, 8, 64, 1024))
        kind = draw.randrange(5)
        if kind == 0 and place < len(changed):
            changed[place] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        elif kind == 1 and place < len(changed):
            changed[place] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            other = draw.randrange(len(changed) + 1)
            changed[place:place] = changed[other : other + length]
        else:
            changed[place:place] = draw.randbytes(length)
    return bytes(changed)
