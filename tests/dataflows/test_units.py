"""Quantities with units: what they mean, what comes back, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chiploom.dataflows.units import (
    UNITS,
    Bandwidth,
    UnitError,
    parse,
    parse_bandwidth,
    show,
    show_bandwidth,
)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("128 KiB", "size", 128 * 1024 * 8),
        ("1 KB", "size", 8000),
        ("16 bit", "size", 16),
        ("24MiB", "size", 24 * 2**20 * 8),
        ("224 words of 16 bit", "size", 3584),
        ("1 word of 2 B", "size", 16),
        ("1_000 B", "size", 8000),
        ("200 MHz", "frequency", 2e8),
        ("1.5 GHz", "frequency", 1.5e9),
        ("28 nm", "length", 28),
        ("0.5 pJ", "energy", 0.5),
        ("20 fJ", "energy", 0.02),
        ("1.2 pJ/bit", "energy per bit", 1.2),
        ("8 pJ/B", "energy per bit", 1),
        ("416.16 pJ/2048 bit", "energy per bit", 416.16 / 2048),
        ("6 pJ / 2 B", "energy per bit", 6 / 16),
        ("0.3 mm2", "area", 0.3),
        ("1200 µm²", "area", 0.0012),
        ("10 mW", "power", 10),
        ("1 W", "power", 1000),
    ],
)
def test_value(text: str, kind: str, value: float) -> None:
    assert parse(text, kind) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "clock", "per_cycle"),
    [
        ("16 bit/cycle", 1e9, 16),
        ("16 B/cycle", 2e8, 128),
        ("64 GB/s", 1e9, 512),
        ("480 MB/s", 2e8, 19.2),
        ("25.6 Gbit/s", 1e9, 25.6),
        ("unlimited", 1e9, math.inf),
    ],
)
def test_bandwidth(text: str, clock: float, per_cycle: float) -> None:
    assert parse_bandwidth(text).per_cycle(clock) == pytest.approx(per_cycle)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("128", "size", "(write the unit)"),
        (128, "size", "found 128 (write the unit)"),
        ("128 KiB/s", "size", "`KiB/s` is a unit of bandwidth"),
        ("28 nm", "size", "`nm` is a unit of length"),
        ("12 parsec", "size", "`parsec` is no known unit"),
        ("KiB", "size", "expected a size such as `128 KiB`"),
        ("-", "energy", "found '-'"),
        ("1 pJ", "energy per bit", "`pJ` is a unit of energy"),
        ("1 pJ/0 bit", "energy per bit", "is no known unit"),
        ("1e999 B", "size", "the number is too large"),
        (None, "size", "found None"),
        (True, "size", "found True"),
        (["1 B"], "size", "found ['1 B']"),
    ],
)
def test_refused(text: object, kind: str, message: str) -> None:
    with pytest.raises(UnitError) as error:
        parse(text, kind)
    assert str(error.value).startswith("expected a")
    assert message in str(error.value)


KINDS = sorted(set(UNITS) - {"bandwidth"})


@given(
    st.sampled_from(KINDS),
    st.one_of(
        st.floats(min_value=1e-9, max_value=1e15, allow_nan=False),
        st.integers(min_value=1, max_value=2**40).map(float),
    ),
)
def test_round_trip(kind: str, value: float) -> None:
    assert parse(show(value, kind), kind) == value


@given(
    st.floats(min_value=1e-3, max_value=1e15) | st.just(math.inf), st.sampled_from(["cycle", "s"])
)
def test_bandwidth_round_trip(bits: float, per: str) -> None:
    stated = Bandwidth(bits, per)  # type: ignore[arg-type]
    back = parse_bandwidth(show_bandwidth(stated))
    assert back.bits == bits
    assert back.per == per or math.isinf(bits)


@given(st.text(max_size=30), st.sampled_from(sorted(UNITS)))
def test_any_text_gives_a_number_or_a_unit_error(text: str, kind: str) -> None:
    try:
        value = parse(text, kind)  # type: ignore[arg-type]
    except UnitError:
        return
    assert math.isfinite(value)
    assert any(character.isdigit() for character in text)


def test_show_is_readable() -> None:
    assert show(108 * 1024 * 8, "size") == "108 KiB"
    assert show(16, "size") == "16 bit"
    assert show(2e8, "frequency") == "200 MHz"
    assert show_bandwidth(Bandwidth(512e9, "s")) == "64 GB/s"
